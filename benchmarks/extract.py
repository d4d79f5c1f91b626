"""All files of a Debian image onto a disk: umoci unpack, crane export with tar, skopeo copy with tar, orlop; whole processes."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.common import ORLOP, Bars, Run, embedded, medians, options, peer, say, timed
from benchmarks.debian import debian_layout

if TYPE_CHECKING:
    from collections.abc import Callable


def into(folder: Path, script: str, env: dict[str, str]) -> Callable[[], Run]:
    """Return a run of a script that fills ``$OUT``, empty each time; emptying is not timed."""

    def run() -> Run:
        out = folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        cache = folder / "cache"
        shutil.rmtree(cache, ignore_errors=True)
        made = timed(["sh", "-ec", script], env={**env, "OUT": str(out), "XDG_CACHE_HOME": str(cache)})
        assert (out / "rootfs/usr/bin/perl").exists() or (out / "usr/bin/perl").exists()
        return made

    return run


def main() -> None:
    """Print the ratios of the others to orlop."""
    chosen = options(__doc__ or "", rounds=5)
    if os.geteuid() != 0:
        raise SystemExit("owners are a part of it: run it as root")
    crane = peer("crane")
    umoci, skopeo = shutil.which("umoci"), shutil.which("skopeo")
    layout = debian_layout()
    # The memory disk where there is one, so that programs are measured and not the disk.
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        env = {"HOME": name}
        orlop = " ".join(ORLOP)
        sides = {"orlop image extract": into(folder, f"{orlop} image extract oci:{layout}:1 --to $OUT", env)}
        if umoci:
            sides["umoci raw unpack"] = into(folder, f"{umoci} raw unpack --image {layout}:1 $OUT/rootfs >&2", env)
        if skopeo:
            script = (
                f"{skopeo} copy -q oci:{layout}:1 dir:$OUT/.dir && cd $OUT && "
                "for file in .dir/*; do case $(head -c 2 $file | od -An -tx1) in ' 1f 8b') tar -xzpf $file;; esac; done"
            )
            sides["skopeo copy, tar -x"] = into(folder, script, env)
        with embedded(folder / "registry") as host:
            if skopeo:
                timed([skopeo, "copy", "-q", "--dest-tls-verify=false", f"oci:{layout}:1", f"docker://{host}/deb:1"])
                sides["crane export | tar -x"] = into(
                    folder, f"{crane} export --insecure {host}/deb:1 - | tar -xpC $OUT", env
                )
                sides["orlop, from the registry"] = into(folder, f"{orlop} image extract {host}/deb:1 --to $OUT", env)
            runs = medians(chosen.rounds, sides)
    size = sum(path.stat().st_size for path in (layout / "blobs/sha256").iterdir()) // 1024 // 1024
    print(f"a Debian image of {size} MiB, median of {chosen.rounds}")
    for side, run in runs.items():
        say(side, run)
    ours = runs["orlop image extract"]
    bars = Bars()
    if umoci:
        bars.at_least("times faster than umoci raw unpack", runs["umoci raw unpack"].seconds / ours.seconds, 2)
    if skopeo:
        bars.at_least("times faster than skopeo copy and tar", runs["skopeo copy, tar -x"].seconds / ours.seconds, 1)
        remote = runs["orlop, from the registry"]
        bars.at_least(
            "times faster than crane export | tar", runs["crane export | tar -x"].seconds / remote.seconds, 1.2
        )
    bars.at_most("peak memory in MiB", ours.peak_mib, 150)
    bars.done()


if __name__ == "__main__":
    main()
