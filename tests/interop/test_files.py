"""The same files as ``crane export``, ``umoci unpack`` and ``skopeo copy`` with tar give, of images that other tools made."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.interop.peers import program

from orlop import Client
from orlop.auth.keychain import Chain
from orlop.testing import builders
from orlop.testing.layers import File, Folder, Link, Opaque, Whiteout, layer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.interop.peers import Place

VECTORS = os.environ.get("ORLOP_VECTORS", "")
ROOT = os.geteuid() == 0
TABLE = "stargz.index.json"
"""The table of contents of an eStargz: it is a file of the archive or stands behind its end."""


@dataclass(frozen=True)
class Seen:
    """What a path is; a hard link is the file that it leads to."""

    kind: str
    mode: int
    owner: tuple[int, int]
    mtime: int
    content: str


@dataclass(frozen=True)
class Made:
    """An image in a layout, by its locator, and in a registry, by its reference."""

    locator: str
    reference: str

    @property
    def umoci(self) -> str:
        return self.locator.removeprefix("oci:")


def run(*command: str, input: bytes | None = None) -> bytes:  # noqa: A002  # as subprocess names it
    done = subprocess.run(command, capture_output=True, check=False, input=input)
    assert done.returncode == 0, (command, done.stderr.decode())
    return done.stdout


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def of_tar(data: bytes) -> dict[str, Seen]:
    found: dict[str, Seen] = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        infos = {info.name.removeprefix("./").rstrip("/") or ".": info for info in tar.getmembers()}
        for name, info in infos.items():
            while info.islnk():
                info = infos[info.linkname.removeprefix("./").lstrip("/")]
            opened = tar.extractfile(info) if info.isreg() else None
            content = sha(opened.read()) if opened else info.linkname if info.issym() else ""
            kind = "file" if info.isreg() else "dir" if info.isdir() else "link" if info.issym() else str(info.type)
            mode = 0 if kind == "link" else info.mode & 0o7777
            found[name] = Seen(kind, mode, (info.uid, info.gid), int(info.mtime), content)
    found.pop(".", None)
    found.pop(TABLE, None)
    return found


def of_folder(root: Path) -> dict[str, Seen]:
    found: dict[str, Seen] = {}
    for here, folders, names in os.walk(root):
        for name in (*folders, *names):
            path = Path(here, name)
            status = path.lstat()
            kinds = ((stat.S_ISREG, "file"), (stat.S_ISDIR, "dir"), (stat.S_ISLNK, "link"))
            kind = next((kind for check, kind in kinds if check(status.st_mode)), "other")
            content = sha(path.read_bytes()) if kind == "file" else str(path.readlink()) if kind == "link" else ""
            mode = 0 if kind == "link" else stat.S_IMODE(status.st_mode)
            owner = (status.st_uid, status.st_gid)
            found[str(path.relative_to(root))] = Seen(kind, mode, owner, int(status.st_mtime), content)
    found.pop(TABLE, None)
    return found


# --- images -------------------------------------------------------------------------------------------


def by_buildah(folder: Path) -> str:
    """Two layers: files, a hard link, a setuid program; then a file removed, one replaced, a folder removed."""
    buildah = program("buildah")
    options = ["--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]
    if not ROOT:
        pytest.skip("buildah needs root here")
    source = folder / "source"
    (source / "etc/sub").mkdir(parents=True)
    (source / "usr/bin").mkdir(parents=True)
    (source / "etc/motd").write_bytes(b"hello\n")
    (source / "etc/old").write_bytes(b"old\n")
    (source / "etc/sub/x").write_bytes(b"x")
    (source / "usr/bin/tool").write_bytes(os.urandom(100_000))
    (source / "usr/bin/tool").chmod(0o4755)
    os.link(source / "usr/bin/tool", source / "usr/bin/same")
    (source / "bin").symlink_to("usr/bin")
    base, layout = f"oci:{folder}/base:1", f"oci:{folder}/layout:1"
    working = run(buildah, "from", *options, "scratch").decode().strip()
    run(buildah, "copy", *options, working, str(source), "/")
    run(buildah, "commit", *options, "-q", working, base)
    working = run(buildah, "from", *options, base).decode().strip()
    mounted = Path(run(buildah, "mount", *options, working).decode().strip())
    (mounted / "etc/old").unlink()
    (mounted / "etc/motd").write_bytes(b"hello again\n")
    shutil.rmtree(mounted / "etc/sub")
    (mounted / "new").mkdir(mode=0o750)
    (mounted / "new/y").write_bytes(b"y")
    os.chown(mounted / "new/y", 7, 8)
    run(buildah, "umount", *options, working)
    run(buildah, "commit", *options, "-q", working, layout)
    run(buildah, "rm", *options, "--all")
    return layout


def by_umoci(folder: Path) -> str:
    """Three layers by unpacking, changing and repacking."""
    umoci = program("umoci")
    image = f"{folder}/layout"
    run(umoci, "init", "--layout", image)
    run(umoci, "new", "--image", f"{image}:1")

    def change(work: Callable[[Path], None]) -> None:
        bundle = folder / f"bundle{len(list(folder.iterdir()))}"
        run(umoci, "unpack", *([] if ROOT else ["--rootless"]), "--image", f"{image}:1", str(bundle))
        work(bundle / "rootfs")
        run(umoci, "repack", "--image", f"{image}:1", str(bundle))

    def first(root: Path) -> None:
        (root / "a/b").mkdir(parents=True)
        (root / "a/b/c").write_bytes(os.urandom(50_000))
        (root / "a/d").write_bytes(b"d")
        (root / "link").symlink_to("a/d")
        os.link(root / "a/d", root / "hard")
        (root / "dir").mkdir()
        (root / "dir/x").write_bytes(b"x")

    def second(root: Path) -> None:
        (root / "a/d").unlink()
        (root / "a/b/c").chmod(0o600)
        (root / "e").write_bytes(b"e")

    def third(root: Path) -> None:
        shutil.rmtree(root / "dir")
        (root / "dir").symlink_to("a")
        (root / "e").unlink()
        (root / "e").mkdir()
        (root / "e/f").write_bytes(b"f")

    for work in (first, second, third):
        change(work)
    return f"oci:{image}:1"


def by_orlop(folder: Path, layers: list[Any]) -> str:
    """Layers by code, through the embedded registry into a layout."""
    from orlop.testing import registry

    skopeo = program("skopeo")
    with registry() as own:
        builders.push_now(builders.image(layers), own, "x", tags=["1"])
        layout = f"oci:{folder}/layout:1"
        run(skopeo, "copy", "-q", "--src-tls-verify=false", f"docker://{own.host}/x:1", layout)
    return layout


def like_ko(folder: Path) -> str:
    """As ko makes them: one program in a layer of its own above a base, and a folder of data beside it."""
    base = layer({"etc/passwd": b"root:x:0:0\n", "home/nonroot": Folder(0o700), "tmp": Folder(0o1777)})
    program_ = layer({"ko-app/tool": File(os.urandom(200_000), 0o555)})
    data = layer({"var/run/ko/index.html": b"<p>", "var/run/ko/link": Link("index.html")})
    return by_orlop(folder, [base, data, program_])


def windows(folder: Path) -> str:
    """As Windows layers are: all below Files and Hives."""
    base = layer({"Files/Windows/System32/cmd.exe": b"MZ", "Hives/DefaultUser_Delta": b"regf"})
    upper = layer({"Files/app/run.exe": b"MZ2", "Files/Windows/System32/cmd.exe": b"MZ3", "Hives/Sam_Delta": b"regf"})
    return by_orlop(folder, [base, upper])


def with_whiteouts(folder: Path) -> str:
    lower = layer({"d/x": b"1", "d/y": b"2", "gone/deep/z": b"3", "f": b"4", "to-link": Folder(), "to-link/a": b"5"})
    upper = layer({"d": Opaque(), "d/new": b"6", "gone": Whiteout(), "f/now/folder": b"7", "to-link": Link("d")})
    return by_orlop(folder, [lower, upper])


def converted(folder: Path, kind: str) -> str:
    source = by_umoci(folder)
    skopeo = program("skopeo")
    layout = f"oci:{folder}/{kind.replace(':', '-')}:1"
    run(skopeo, "copy", "-q", "--dest-compress-format", kind, source, layout)
    return layout


def estargz(folder: Path) -> str:
    if not VECTORS:
        pytest.skip("ORLOP_VECTORS names no folder of recorded documents")
    layout = folder / "layout"
    layout.mkdir()
    run("tar", "-x", "-C", str(layout), "-f", str(Path(VECTORS, "archives", "dive-oci-estargz.tar")))
    run(program("skopeo"), "copy", "-q", f"oci:{layout}", f"oci:{folder}/named:1")
    return f"oci:{folder}/named:1"


KINDS: dict[str, Callable[[Path], str]] = {
    "buildah": by_buildah,
    "umoci": by_umoci,
    "ko-like": like_ko,
    "windows": windows,
    "whiteouts": with_whiteouts,
    "zstd": lambda folder: converted(folder, "zstd"),
    "zstd:chunked": lambda folder: converted(folder, "zstd:chunked"),
    "estargz": estargz,
}


@pytest.fixture(scope="module", params=list(KINDS))
def made(request: pytest.FixtureRequest, embedded: Place, tmp_path_factory: pytest.TempPathFactory) -> Made:
    name = request.param.replace(":", "-")
    locator = KINDS[request.param](tmp_path_factory.mktemp(name))
    reference = f"{embedded.host}/files/{name}:1"
    skopeo = program("skopeo")
    run(skopeo, "copy", "-q", "--dest-tls-verify=false", "--preserve-digests", locator, f"docker://{reference}")
    return Made(locator, reference)


def client() -> Client:
    return Client(credentials=Chain([]))


def exported(reference: str) -> bytes:
    out = io.BytesIO()
    with client() as own:
        own.export(reference, out)
    return out.getvalue()


# --- the same -------------------------------------------------------------------------------------------


def test_export_is_what_crane_exports(made: Made) -> None:
    theirs = of_tar(run(program("crane"), "export", "--insecure", made.reference, "-"))
    assert of_tar(exported(made.reference)) == theirs
    assert of_tar(exported(made.locator)) == theirs


def test_a_listing_has_the_paths_that_tar_lists(made: Made) -> None:
    archive = run(program("crane"), "export", "--insecure", made.reference, "-")
    listed = {line.removeprefix("./").rstrip("/") for line in run("tar", "t", input=archive).decode().splitlines()}
    assert stated(made) == listed - {"", ".", TABLE}


def test_contents_are_those_that_tar_takes_out(made: Made) -> None:
    found = of_tar(run(program("crane"), "export", "--insecure", made.reference, "-"))
    with client() as own:
        for path in [path for path, seen in found.items() if seen.kind == "file"][:20]:
            assert sha(own.read_file(made.reference, path)) == found[path].content


@pytest.mark.skipif(not ROOT, reason="umoci keeps owners only as root")
def test_extract_is_what_umoci_unpacks(made: Made, tmp_path: Path) -> None:
    if "zstd" in made.locator:
        pytest.skip("this umoci reads no zstd")
    run(program("umoci"), "raw", "unpack", "--image", made.umoci, str(tmp_path / "umoci"))
    with client() as own:
        found = own.extract(made.locator, str(tmp_path / "ours"))
    assert found.skipped == 0
    ours, theirs = of_folder(tmp_path / "ours"), of_folder(tmp_path / "umoci")
    assert ours.keys() == theirs.keys()
    assert {path: ours[path] for path in stated(made)} == {path: theirs[path] for path in stated(made)}


@pytest.mark.skipif(not ROOT, reason="tar keeps owners only as root")
def test_extract_is_what_tar_makes_of_the_export_of_crane(made: Made, tmp_path: Path) -> None:
    archive = run(program("crane"), "export", "--insecure", made.reference, "-")
    (tmp_path / "tar").mkdir()
    run("tar", "-x", "-p", "-C", str(tmp_path / "tar"), input=archive)
    with client() as own:
        own.extract(made.reference, str(tmp_path / "ours"))
    ours, theirs = of_folder(tmp_path / "ours"), of_folder(tmp_path / "tar")
    assert {path: ours[path] for path in stated(made)} == {path: theirs[path] for path in stated(made)}


def test_one_layer_is_what_tar_makes_of_it(made: Made, tmp_path: Path) -> None:
    run(program("skopeo"), "copy", "-q", made.locator, f"dir:{tmp_path}/dir")
    with client() as own:
        image = own.image(made.locator)
        for number, one in enumerate(image.layers):
            blob = (tmp_path / "dir" / one.descriptor.digest.hex).read_bytes()
            listed = {path for path in of_tar(unpacked(blob)) if not path.rpartition("/")[2].startswith(".wh.")}
            assert stated(made, layer=number) == listed


def test_extract_is_the_same_once_the_layers_are_known(made: Made, tmp_path: Path) -> None:
    from orlop import Cache

    with client() as own:
        own.extract(made.reference, str(tmp_path / "first"))
    with Client(credentials=Chain([]), cache=Cache(str(tmp_path / "cache"))) as own:
        list(own.files(made.reference))
        own.extract(made.reference, str(tmp_path / "second"))
        out = io.BytesIO()
        own.export(made.reference, out)
    assert of_folder(tmp_path / "first") == of_folder(tmp_path / "second")
    assert of_tar(out.getvalue()) == of_tar(exported(made.reference))


@pytest.mark.skipif(not VECTORS, reason="ORLOP_VECTORS names no folder of recorded documents")
@pytest.mark.parametrize(
    "name",
    [
        "dive-docker.tar",
        "ggcr-hello-world-v25.tar",
        "ggcr-overwritten-file.tar",
        "ggcr-source-image.tar",
        "ggcr-whiteout-image.tar",
        "grype-anchore-simple.tar",
        "jib-busybox-jib.tar",
        "jib-docker-save.tar",
        "osv-permissions.tar",
        "rules-docker-symlinked.tar",
        "snyk-busybox-attested.tar",
        "snyk-kaniko-busybox.tar",
    ],
)
def test_real_archives_are_exported_as_crane_does(name: str) -> None:
    path = Path(VECTORS, "archives", name)
    theirs = run(program("crane"), "export", "-", "-", input=path.read_bytes())
    assert of_tar(exported(f"docker-archive:{path}")) == of_tar(theirs)


def unpacked(blob: bytes) -> bytes:
    if blob[:4] == b"\x28\xb5\x2f\xfd":
        return run("zstd", "-dc", input=blob)
    return run("gzip", "-dc", input=blob) if blob[:2] == b"\x1f\x8b" else blob


def stated(made: Made, **options: Any) -> set[str]:
    """Return the paths that layers have entries for; folders that they only imply are not in a tar either."""
    with client() as own:
        return {node.path for node in own.files(made.locator, **options) if node.entry.offset >= 0} - {TABLE}


def test_a_layer_that_umoci_inserted_is_read(tmp_path: Path) -> None:
    """It writes neither the padding of the last file nor the end of the archive."""
    umoci, image, file = program("umoci"), tmp_path / "image", tmp_path / "file"
    file.write_text("some text")
    run(umoci, "init", "--layout", str(image))
    run(umoci, "new", "--image", f"{image}:1")
    run(umoci, "insert", "--image", f"{image}:1", str(file), "/etc/file")
    with client() as own:
        assert own.read_file(f"oci:{image}:1", "etc/file") == b"some text"
        own.extract(f"oci:{image}:1", str(tmp_path / "out"))
    assert (tmp_path / "out/etc/file").read_text() == "some text"
