"""The second part: what is inside an image, the blob behind a redirect, what refers to it, and many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.cli.tour.asking import ACCEPTING, ARM
from orlop.cli.tour.harbour import APP, SBOM_TYPE, Message
from orlop.cli.tour.step import Step, WrongAnswerError, bytes_of, document, equal, has, holds, same
from orlop.model.digest import Digest
from orlop.testing.samples import OS_RELEASE, WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orlop.cli.tour.harbour import Harbour
    from orlop.cli.tour.sandbox import Answer, Sandbox

LIST = "images.txt"
MISSING = "no-such-tag"


def steps(harbour: Harbour, sandbox: Sandbox) -> Iterator[Step]:
    """Yield the steps of this part."""
    host = harbour.mcr.host
    url, name = f"http://{host}/v2/{APP}", f"{host}/{APP}"
    arm = harbour.child(ARM)
    pinned = f"{name}@{arm.digest}"
    config = Digest.of(arm.config)
    layers = [layer.descriptor for layer in arm.layers]

    def manifest(answer: Answer) -> str:
        holds("the answer", answer.text, str(arm.digest), str(config), *(str(layer.digest) for layer in layers))
        return f"the image of {ARM}: its config and {len(layers)} layers"

    yield Step(
        "The image of one platform, by digest",
        "What a platform's digest names: a manifest with one config and its layers.",
        ("manifest", "get", pinned),
        manifest,
        (f"{ACCEPTING} {url}/manifests/{arm.digest}",),
        lambda answer: bytes_of(answer, arm.digest),
        terminal=True,
    )

    def inspected(answer: Answer) -> str:
        built = document(arm.config)
        labels = [f"{key}={value}" for key, value in built["config"]["Labels"].items()]
        holds("the answer", answer.text, ARM, str(config), built["created"], *labels)
        holds("the answer", answer.text, *(str(layer.digest) for layer in layers))
        return "config, labels and layers are those that were put in"

    yield Step(
        "Its config and its layers",
        "Entry point, labels, when it was made, and for each layer its size and the build step that made it.",
        ("image", "inspect", pinned),
        inspected,
        (f"curl -s -L {url}/blobs/{config}",),
        lambda answer: bytes_of(answer, config),
        terminal=True,
        head=40,
    )

    def linux(answer: Answer) -> str:
        values = [line.partition("=")[2].strip('"') for line in OS_RELEASE.decode().splitlines()]
        holds("the answer", answer.text, *values)
        return "the os-release of the base image, found below the layers of runtime and application"

    yield Step(
        "Which Linux is inside?",
        "orlop reads /etc/os-release of the merged file system, from the top layer down, and fetches no layer more than "
        "that takes. By hand you have to know that it is in the lowest.",
        ("image", "os", f"{name}:latest", "--platform", ARM),
        linux,
        (f"curl -s -L {url}/blobs/{layers[0].digest} | tar -x -z -O usr/lib/os-release",),
        lambda answer: equal("os-release", answer.out, OS_RELEASE),
        terminal=True,
    )

    server = harbour.child(WINDOWS[1])
    version = WINDOWS[1].partition("(")[2].partition(")")[0]

    def windows(answer: Answer) -> str:
        holds("the answer", answer.text, "Windows", version)
        return f"the build {version}, as the config of that image says"

    yield Step(
        "And which Windows?",
        "Windows images say it in their config, so no layer is fetched. A build is enough to tell the two apart.",
        ("image", "os", f"{name}:latest", "--platform", "windows(10.0.20348)/amd64"),
        windows,
        (f"curl -s -L {url}/blobs/{Digest.of(server.config)}",),
        lambda answer: equal("os.version", document(answer.out)["os.version"], version),
        terminal=True,
    )

    library = layers[1]
    file = "layer.tar.gz"

    def fetched(answer: Answer) -> str:
        _same_file(sandbox.path(file), library.digest)
        redirected(answer.wire)
        return f"{file} has {library.size:,} bytes and hashes to its digest; it came from a second server"

    yield Step(
        "A layer, through the registry's redirect",
        "The registry keeps no blobs itself: it answers 307 and names a storage server. orlop follows, checks size and "
        "digest while it writes, and goes on where it was when the connection breaks. This layer is Python's "
        "standard library; list it with: tar -tzf layer.tar.gz",
        ("blob", "get", f"{name}@{library.digest}", "--to", file),
        fetched,
        (f"curl -s -L -o {file} {url}/blobs/{library.digest}", f"sha256sum {file}"),
        lambda answer: equal("the sum", answer.text.split()[0], library.digest.hex),
        watch=harbour.mcr,
    )

    app, sbom = harbour.samples.app, harbour.sbom

    def referrers(answer: Answer) -> str:
        same("the number of referrers", answer.text.count("sha256:"), 1)
        holds("the answer", answer.text, str(sbom.digest), SBOM_TYPE)
        return "the SBOM that was attached"

    yield Step(
        "What is attached to it?",
        "Signatures, SBOMs and attestations refer to an image by its digest. Here it is one SBOM.",
        ("referrer", "list", f"{name}:latest"),
        referrers,
        (f"curl -s {url}/referrers/{app.digest}",),
        lambda answer: has(answer, str(sbom.digest), SBOM_TYPE),
        terminal=True,
    )
    yield _many(harbour, sandbox)


def _many(harbour: Harbour, sandbox: Sandbox) -> Step:
    host = harbour.mcr.host
    wanted = list(harbour.tags)
    wanted.insert(1, MISSING)
    references = [f"{host}/{APP}:{tag}" for tag in wanted]
    sandbox.write(LIST, "".join(f"{reference}\n" for reference in references))
    digest = str(harbour.samples.app.digest)

    def answered(answer: Answer) -> str:
        lines = [document(line) for line in answer.out.splitlines()]
        same("the order of the answers", [line["reference"] for line in lines], references)
        wrong = [line["reference"] for line in lines if line.get("digest") != digest]
        same("the list of those without the right digest", wrong, [f"{host}/{APP}:{MISSING}"])
        same("the status of the one that is not there", lines[1]["error"]["status"], 3)
        return f"{len(lines):,} answers in {answer.elapsed_s:.1f} s, start included; one of them is an error, of that item alone"

    return Step(
        "Many at once",
        f"{LIST} names {len(references):,} images, one a line; one of them does not exist. One process asks for all, many at a "
        "time, and answers in JSON lines. The exit status is the largest of all: 3 is 'not found'.",
        ("manifest", "digest", "--from-file", LIST, "--ordered"),
        answered,
        (
            f"sed 's|/|/v2/|; s|:\\([^:]*\\)$|/manifests/\\1|' {LIST} |",
            f'  xargs -n 500 curl -s -I -H "Accept: $ACCEPT" | grep -c -i "^docker-content-digest: {digest}"',
        ),
        lambda answer: equal("the count", answer.text.strip(), str(len(harbour.tags))),
        status=3,
        head=3,
        tail=1,
    )


def _same_file(path: str, digest: Digest) -> None:
    try:
        with open(path, "rb") as file:
            same("the digest of the file", Digest.of(file.read()), digest)
    except FileNotFoundError as error:
        raise WrongAnswerError("there is no file of that name") from error


def redirected(wire: Sequence[Message]) -> None:
    """Raise WrongAnswerError unless the last request went to the storage, with nothing of the registry's sign-in."""
    same("the statuses", [one.status for one in wire[-2:]], [307, 200])
    same("the server that gave the blob", wire[-1].place, "storage")
    same("the Authorization that the storage was shown", wire[-1].shown, "")
