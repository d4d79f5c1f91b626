"""Comparisons of images that buildah made against comparing the trees that umoci unpacks, and against diff."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.interop.peers import program

from orlop import Client
from orlop.auth.keychain import Chain

if TYPE_CHECKING:
    from collections.abc import Callable

SEEDS = range(4)


def run(*command: str, statuses: tuple[int, ...] = (0,)) -> bytes:
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode in statuses, (command, done.stderr.decode())
    return done.stdout


class Yard:
    """A folder in which buildah makes images, each from another, and umoci unpacks them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.buildah, self.umoci = program("buildah"), program("umoci")
        if os.geteuid() != 0:
            pytest.skip("buildah and owners need root here")
        self._options = ["--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]

    def ref(self, name: str) -> str:
        return f"oci:{self.folder}/{name}:1"

    def build(self, name: str, base: str, work: Callable[[Path], None]) -> None:
        start = self.ref(base) if base else "scratch"
        working = run(self.buildah, "from", *self._options, start).decode().strip()
        mounted = Path(run(self.buildah, "mount", *self._options, working).decode().strip())
        work(mounted)
        run(self.buildah, "umount", *self._options, working)
        run(self.buildah, "commit", *self._options, "-q", working, self.ref(name))
        run(self.buildah, "rm", *self._options, "--all")

    def unpacked(self, name: str) -> Path:
        bundle = self.folder / f"bundle-{name}"
        run(self.umoci, "unpack", "--image", f"{self.folder}/{name}:1", str(bundle))
        return bundle / "rootfs"


def tree(root: Path) -> dict[str, tuple[object, ...]]:
    """Return by path the kind, the content, the mode, the owner and the time."""
    found: dict[str, tuple[object, ...]] = {}
    for here, folders, names in os.walk(root):
        for name in (*folders, *names):
            path = Path(here, name)
            status = path.lstat()
            kind = stat.S_IFMT(status.st_mode)
            content = ""
            if stat.S_ISREG(kind):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            elif stat.S_ISLNK(kind):
                content = str(path.readlink())
            mode = 0 if stat.S_ISLNK(kind) else stat.S_IMODE(status.st_mode)
            owner = status.st_uid, status.st_gid
            found[str(path.relative_to(root))] = (kind, content, mode, owner, status.st_mtime_ns)
    return found


def expected(base: dict[str, tuple[object, ...]], target: dict[str, tuple[object, ...]]) -> dict[str, set[str]]:
    made: dict[str, set[str]] = {}
    for path in {**base, **target}:
        if path not in base or path not in target:
            made[path] = {"added" if path in target else "removed"}
            continue
        old, new = base[path], target[path]
        kinds = {
            name for name, a, b in zip(("type", "content", "mode", "owner", "time"), old, new, strict=True) if a != b
        }
        if "type" in kinds:
            kinds.discard("content")
            if stat.S_IFLNK in {old[0], new[0]}:
                kinds.discard("mode")
        elif old[0] == stat.S_IFLNK and "content" in kinds:
            kinds = kinds - {"content"} | {"link"}
        if kinds:
            made[path] = kinds
    return made


def compared(one: str, other: str) -> dict[str, set[str]]:
    """Return by path how it differs. How names of one file are tied together, a copied tree does not tell."""
    made: dict[str, set[str]] = {}
    with Client(credentials=Chain([])) as client:
        (found,) = client.compare_files(one, other).platforms
    for change in found.changes:
        kinds = set(change.kinds) or {change.change}
        if change.base is not None and change.target is not None and change.target.entry.kind == "file":
            kinds.discard("link")
        if kinds:
            made[change.path] = kinds
    return made


def furnish(root: Path, chance: random.Random) -> None:
    for folder in ("etc", "usr/bin", "usr/lib/deep/er", "var/cache", "opt"):
        (root / folder).mkdir(parents=True)
    for number in range(30):
        folder = chance.choice(["etc", "usr/bin", "usr/lib/deep", "usr/lib/deep/er", "var/cache", "opt"])
        path = root / folder / f"f{number}"
        path.write_bytes(chance.randbytes(chance.randrange(200)))
        os.utime(path, (number, number))
    (root / "bin").symlink_to("usr/bin")
    os.link(min((root / "usr/bin").iterdir()), root / "opt/hard")


def disturb(root: Path, chance: random.Random) -> None:
    """Do a dozen things that people do to files."""
    for number in range(12):
        paths = sorted(path for path in root.rglob("*") if not path.is_symlink())
        files = [path for path in paths if path.is_file()]
        folders = [path for path in paths if path.is_dir()]
        what = chance.randrange(10)
        if what == 0 and files:
            chance.choice(files).unlink()
        elif what == 1 and files:
            chance.choice(files).write_bytes(chance.randbytes(50))
        elif what == 2 and files:
            chance.choice(files).chmod(0o751)
        elif what == 3 and files:
            os.chown(chance.choice(files), 5, 6)
        elif what == 4 and files:
            os.utime(chance.choice(files), (1000 + number, 1000 + number))
        elif what == 5 and len(folders) > 3:
            shutil.rmtree(chance.choice(folders[1:]))
        elif what == 6 and files:
            path = chance.choice(files)
            path.unlink()
            path.mkdir()
            (path / "inside").write_bytes(b"x")
        elif what == 7 and folders:
            path = chance.choice(folders)
            shutil.rmtree(path)
            path.symlink_to("/etc")
        elif what == 8 and folders:
            (chance.choice(folders) / f"new{number}").write_bytes(b"new")
        elif files and folders:
            os.link(chance.choice(files), chance.choice(folders) / f"hard{number}")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_differences_are_those_of_the_unpacked_trees(tmp_path: Path, seed: int) -> None:
    yard = Yard(tmp_path)
    yard.build("base", "", lambda root: furnish(root, random.Random(seed)))
    yard.build("one", "base", lambda root: disturb(root, random.Random(seed * 10 + 1)))
    yard.build("two", "base", lambda root: disturb(root, random.Random(seed * 10 + 2)))
    yard.build("three", "two", lambda root: disturb(root, random.Random(seed * 10 + 3)))
    trees = {name: tree(yard.unpacked(name)) for name in ("base", "one", "two", "three")}
    for one, other in (("base", "one"), ("one", "two"), ("two", "three"), ("three", "one"), ("three", "base")):
        found = compared(yard.ref(one), yard.ref(other))
        assert found == expected(trees[one], trees[other]), (one, other)
        assert found


def test_diffs_are_as_diff_writes_them(tmp_path: Path) -> None:
    program("diff")
    yard = Yard(tmp_path)
    chance = random.Random(5)
    lines = [f"line {n}\n" for n in range(200)]

    def write(root: Path) -> None:
        (root / "text").write_text("".join(lines))

    def change(root: Path) -> None:
        changed = [line for line in lines if chance.randrange(10)]
        changed[50:50] = ["a new line\n"]
        (root / "text").write_text("".join(changed).rstrip("\n"))

    yard.build("base", "", write)
    yard.build("target", "base", change)
    folders = [yard.unpacked(name) for name in ("base", "target")]
    theirs = run("diff", "-u", *(str(folder / "text") for folder in folders), statuses=(1,)).decode()
    with Client(credentials=Chain([])) as client:
        (found,) = client.compare_files(yard.ref("base"), yard.ref("target"), diff=True).platforms
    diff = next(change.diff for change in found.changes if change.path == "text")
    assert diff is not None
    assert list(diff.lines)[2:] == theirs.splitlines()[2:]


def test_a_tool_sees_the_trees_that_umoci_unpacks(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    yard.build("base", "", lambda root: furnish(root, random.Random(1)))
    yard.build("target", "base", lambda root: disturb(root, random.Random(2)))
    theirs = [yard.unpacked(name) for name in ("base", "target")]
    with Client(credentials=Chain([])) as client:
        client.compare_folders(yard.ref("base"), yard.ref("target"), str(tmp_path / "ours"))
    for name, folder in zip(("base", "target"), theirs, strict=True):
        assert run("diff", "-r", "--no-dereference", str(tmp_path / "ours" / name), str(folder)) == b""
