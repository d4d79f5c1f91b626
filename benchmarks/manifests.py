"""2,000 distinct manifests from one registry on loopback, digests verified, whole processes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.common import ORLOP, Bars, Run, embedded, fill_manifests, medians, options, own_peer, peer, say, timed

COUNT = 2000


def cold(command: list[str], folder: str) -> Run:
    """Run a command with an empty cache of its own, so that everything is fetched."""
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        return timed(command, env={"HOME": folder, "XDG_CACHE_HOME": cache})


def main() -> None:
    """Print the ratios of orlop to crane in xargs and to go-containerregistry's Puller."""
    chosen = options(__doc__ or "", rounds=5)
    crane, puller = peer("crane"), own_peer("puller")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "registry"
        digests = fill_manifests(root, "bench/images", COUNT)
        with embedded(root) as host:
            # By digest, as all three check the digest then.
            refs = Path(folder) / "refs"
            refs.write_text("".join(f"{host}/bench/images@{digest}\n" for digest in digests))
            home = {"HOME": folder}
            orlop = [*ORLOP, "manifest", "get", "--from-file", str(refs)]
            script = f"xargs -P16 -n1 {crane} manifest --insecure < {refs} > /dev/null"
            runs = medians(
                chosen.rounds,
                {
                    "orlop manifest get": lambda: cold(orlop, folder),
                    "Puller, 64 goroutines": lambda: timed([puller, str(refs)], env=home),
                },
            )
            lines = runs["orlop manifest get"].output.splitlines()
            assert len(lines) == COUNT, f"{len(lines)} lines"
            assert all(b'"error"' not in line for line in lines)
            runs["xargs -P16 crane"] = medians(1, {"crane": lambda: timed(["sh", "-c", script], env=home)})["crane"]
    print(f"{COUNT} manifests, median of {chosen.rounds} (crane: of 1)")
    for name, run in runs.items():
        say(name, run)
    ours = runs["orlop manifest get"]
    bars = Bars()
    bars.at_least("times faster than xargs -P16 crane manifest", runs["xargs -P16 crane"].seconds / ours.seconds, 20)
    bars.at_least("rate against Puller with 64 goroutines", runs["Puller, 64 goroutines"].seconds / ours.seconds, 0.4)
    bars.at_most("peak memory in MiB", ours.peak_mib, 120)
    bars.done()


if __name__ == "__main__":
    main()
