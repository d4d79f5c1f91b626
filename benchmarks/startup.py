"""Start-up: whole processes against ``python -I -c pass`` of the same interpreter."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.common import ORLOP, Bars, embedded, fill_manifests, medians, options, say, timed


def main() -> None:
    """Print the ratios of ``orlop --version`` and of one ``orlop manifest get`` to a bare interpreter."""
    chosen = options(__doc__ or "", rounds=31)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "registry"
        fill_manifests(root, "bench/images", 1)
        with embedded(root) as host:
            home = {"HOME": folder, "XDG_CACHE_HOME": f"{folder}/cache"}
            runs = medians(
                chosen.rounds,
                {
                    "python -I -c pass": lambda: timed([sys.executable, "-I", "-c", "pass"], env=home),
                    "orlop --version": lambda: timed([*ORLOP, "--version"], env=home),
                    "orlop manifest get": lambda: timed(
                        [*ORLOP, "manifest", "get", f"{host}/bench/images:t0"], env=home
                    ),
                },
            )
    print(f"whole processes, median of {chosen.rounds}")
    for name, run in runs.items():
        say(name, run)
    bare = runs["python -I -c pass"].seconds
    bars = Bars()
    bars.at_most("orlop --version against a bare interpreter", runs["orlop --version"].seconds / bare, 2)
    bars.at_most("orlop manifest get against a bare interpreter", runs["orlop manifest get"].seconds / bare, 8)
    bars.done()


if __name__ == "__main__":
    main()
