"""All file names of a Debian image: crane export with tar, umoci, skopeo with tar, orlop, which verifies both digests; whole processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.common import ORLOP, Bars, Run, embedded, medians, options, peer, say, timed
from benchmarks.debian import debian_layout

if TYPE_CHECKING:
    from collections.abc import Callable

SCRATCH = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def shell(folder: Path, script: str) -> Callable[[], Run]:
    """Return a run of a script: ``$OUT`` is an empty folder, the cache is empty; emptying is not timed."""

    def run() -> Run:
        for name in ("out", "cache"):
            shutil.rmtree(folder / name, ignore_errors=True)
            (folder / name).mkdir()
        return timed(["sh", "-ec", script], env=environment(folder))

    return run


def environment(folder: Path) -> dict[str, str]:
    """Return what keeps every program inside the folder."""
    return {"HOME": str(folder), "XDG_CACHE_HOME": f"{folder}/cache", "OUT": f"{folder}/out"}


def names(output: bytes) -> set[bytes]:
    """Return the paths that were listed, in one form."""
    return {line.removeprefix(b"./").strip(b"/") for line in output.splitlines()} - {b"", b"."}


def main() -> None:
    """Print the ratios of the others to orlop, and of a second listing to the first."""
    chosen = options(__doc__ or "", rounds=5)
    crane, skopeo, umoci = peer("crane"), shutil.which("skopeo"), shutil.which("umoci")
    if skopeo is None:
        raise SystemExit("skopeo is not here: apt-get install skopeo umoci")
    layout = debian_layout()
    orlop = " ".join(ORLOP)
    with tempfile.TemporaryDirectory(dir=SCRATCH) as name, tempfile.TemporaryDirectory() as place:
        folder, kept = Path(name), Path(name) / "kept"
        with embedded(Path(place)) as host:
            ref = f"{host}/deb:1"
            copy = [skopeo, "copy", "-q", "--insecure-policy", "--dest-tls-verify=false", f"oci:{layout}:1"]
            subprocess.run([*copy, f"docker://{ref}"], check=True)
            tarball = f"{place}/deb.tar"
            subprocess.run([crane, "pull", "--insecure", ref, tarball], check=True)
            fetch = f"{skopeo} copy -q --insecure-policy --src-tls-verify=false docker://{ref} dir:$OUT"
            each = 'for f in $OUT/*; do case $(head -c 2 $f | od -An -tx1) in " 1f 8b") tar -tzf $f;; esac; done'
            again = {**environment(folder), "XDG_CACHE_HOME": str(kept)}
            command = [*ORLOP, "image", "ls", "-R", ref]
            # The short runs stand here because after one that wrote gigabytes the kernel is slower to give memory for a while.
            sides = {
                "orlop image ls": shell(folder, f"exec {orlop} image ls -R {ref}"),
                "orlop image ls, a layout": shell(folder, f"exec {orlop} image ls -R oci:{layout}:1"),
                "orlop, once more": lambda: timed(command, env=again),
                "orlop, one manifest": lambda: timed([*ORLOP, "manifest", "get", ref], env=again),
                "crane export | tar t": shell(folder, f"{crane} export --insecure {ref} - | tar -t"),
                "crane export, a tarball": shell(folder, f"{crane} export - - < {tarball} | tar -t"),
                "crane validate --remote": shell(folder, f"exec {crane} validate --insecure --remote {ref}"),
                "skopeo copy, tar -tz": shell(folder, f"{fetch} && {each}"),
            }
            if umoci and os.geteuid() == 0:
                unpack = (
                    f"{umoci} raw unpack --image {layout}:1 $OUT/it >&2 && find $OUT/it -mindepth 1 -printf '%P\\n'"
                )
                sides["umoci unpack, find"] = shell(folder, unpack)
            runs = medians(chosen.rounds, sides)
            expected = names(runs["crane export | tar t"].output)
    size = sum(path.stat().st_size for path in (layout / "blobs/sha256").iterdir()) // 1024 // 1024
    print(f"{len(expected)} names of a Debian image of {size} MiB, median of {chosen.rounds}")
    for side, run in runs.items():
        say(side, run)
    for side in ("orlop image ls", "orlop image ls, a layout", "orlop, once more"):
        if names(runs[side].output) != expected:
            raise SystemExit(f"{side} lists other names than crane")
    ours, second, start = (runs[side].seconds for side in ("orlop image ls", "orlop, once more", "orlop, one manifest"))
    bars = Bars()
    bars.at_least("times faster than crane export | tar t", runs["crane export | tar t"].seconds / ours, 3.0)
    local = runs["orlop image ls, a layout"].seconds
    bars.at_least(
        "times faster than crane of a tarball, from a layout", runs["crane export, a tarball"].seconds / local, 3.0
    )
    bars.at_least("times faster than crane validate", runs["crane validate --remote"].seconds / ours, 6.0)
    bars.at_least("times faster than skopeo copy, tar -tz", runs["skopeo copy, tar -tz"].seconds / ours, 3.0)
    if "umoci unpack, find" in runs:
        bars.at_least("times faster than umoci unpack", runs["umoci unpack, find"].seconds / local, 3.0)
    # What both have to do is left out: Python's start, one manifest over HTTP.
    bars.at_most("the second listing, in parts of the first", (second - start) / (ours - start), 0.05)
    bars.at_most("peak memory in MiB", max(runs[side].peak_mib for side in runs if side.startswith("orlop")), 150)
    bars.done()


if __name__ == "__main__":
    main()
