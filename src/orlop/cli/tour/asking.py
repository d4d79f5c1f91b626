"""The first part of the tour: from the name of a repository to one platform, on a registry that is open to all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.cli.tour.harbour import APP
from orlop.cli.tour.step import Step, bytes_of, document, equal, has, holds, same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.cli.tour.harbour import Harbour
    from orlop.cli.tour.sandbox import Answer

ACCEPT = ", ".join(
    f"application/vnd.{name}+json"
    for name in (
        "docker.distribution.manifest.list.v2",
        "oci.image.index.v1",
        "docker.distribution.manifest.v2",
        "oci.image.manifest.v1",
    )
)
ACCEPTING = 'curl -s -H "Accept: $ACCEPT"'
"""curl, taking manifests of any of these types."""
ARM = "linux/arm/v7"


def steps(harbour: Harbour) -> Iterator[Step]:
    """Yield the steps of this part."""
    host, app = harbour.mcr.host, harbour.samples.app
    url, name = f"http://{host}/v2", f"{host}/{APP}"
    platforms = [str(child.platform) for child in app.children]

    def pinged(answer: Answer) -> str:
        holds("the answer", answer.text, host, "200")
        return "the registry answers, and wants no sign-in"

    yield Step(
        "Is there a registry?",
        "The tour has started one on this machine. Like Microsoft's (MCR) it is open to all, and keeps its blobs elsewhere.",
        ("registry", "ping", host),
        pinged,
        (f"curl -s -I {url}/",),
        lambda answer: has(answer, "200 OK"),
        terminal=True,
    )

    names = [repository for repository, _ in harbour.samples.repositories()]

    def repositories(answer: Answer) -> str:
        same("the list of repositories", sorted(answer.text.split()), sorted(names))
        return f"{len(names)} repositories, as many as were put in"

    yield Step(
        "Which repositories has it?",
        "A base image, Python's standard library upon it, and an application upon that. "
        "Not every registry tells its repositories; this one does.",
        ("repo", "list", host),
        repositories,
        (f"curl -s {url}/_catalog",),
        lambda answer: equal("repositories", sorted(document(answer.out)["repositories"]), sorted(names)),
    )

    def tags(answer: Answer) -> str:
        listed = answer.text.split()
        same("the number of tags", len(listed), len(harbour.tags))
        same("the list of tags", sorted(listed), sorted(harbour.tags))
        return f"{len(listed):,} tags, each of them as it was put in (count them with: | wc -l)"

    yield Step(
        "How many tags has a repository?",
        "All pages of the list are read, however many there are.",
        ("tag", "list", name),
        tags,
        (f"curl -s {url}/{APP}/tags/list",),
        lambda answer: equal("tags", sorted(document(answer.out)["tags"]), sorted(harbour.tags)),
        head=5,
        tail=2,
    )

    def listed(answer: Answer) -> str:
        digests = [str(child.digest) for child in app.children]
        holds("the answer", answer.text, str(app.digest), "manifest.list.v2", *platforms, *digests)
        return f"a manifest list of {len(platforms)} platforms, with the digests that were put in"

    yield Step(
        "What is behind a tag?",
        "You need not know its media type: orlop accepts every type that there is, and tells which one came. Here it is a "
        "manifest list: an image for each of five platforms, two of them versions of Windows.",
        ("manifest", "get", f"{name}:latest"),
        listed,
        (f"ACCEPT='{ACCEPT}'", f"{ACCEPTING} {url}/{APP}/manifests/latest"),
        lambda answer: bytes_of(answer, app.digest),
        terminal=True,
    )
    yield Step(
        "The same, as the registry sent it",
        "Every digest is of these bytes, so orlop prints them to the byte, and refuses them when they hash to "
        "something else. In a pipe that is so without being asked for.",
        ("manifest", "get", f"{name}:latest", "--output", "raw"),
        lambda answer: bytes_of(answer, app.digest),
        (f"{ACCEPTING} {url}/{APP}/manifests/latest | sha256sum",),
        lambda answer: equal("the sum", answer.text.split()[0], app.digest.hex),
        head=9,
    )

    arm = harbour.child(ARM)

    def resolved(answer: Answer) -> str:
        same("the name", answer.text, f"{name}@{arm.digest}\n")
        return f"the digest of {ARM}, to be pinned in a Dockerfile"

    yield Step(
        "One platform of it",
        "The name with the digest of one platform: it will name the same image for ever, whatever becomes of the tag.",
        ("manifest", "resolve", f"{name}:latest", "--platform", ARM),
        resolved,
        (f"{ACCEPTING} {url}/{APP}/manifests/latest | grep -B 6 '\"v7\"'",),
        lambda answer: has(answer, str(arm.digest)),
    )

    windows = [text for text in platforms if text.startswith("windows")]

    def undecided(answer: Answer) -> str:
        same("standard output", answer.text, "")
        holds("the message", answer.notes, f"{len(windows)} platforms are left", *windows)
        return "no guess, and the list of what there is; status 2 says that the question was not clear"

    yield Step(
        "When more than one is left",
        "Both Windows images are for amd64; their os.version differs. orlop does not choose for you: "
        "add the version, as in --platform 'windows(10.0.20348)/amd64'.",
        ("manifest", "resolve", f"{name}:latest", "--os", "windows"),
        undecided,
        (f"{ACCEPTING} {url}/{APP}/manifests/latest | grep os.version",),
        lambda answer: has(answer, *(text.partition("(")[2].partition(")")[0] for text in windows)),
        status=2,
    )
