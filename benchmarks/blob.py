"""One 512 MiB blob from a registry on loopback to a file, digest verified, whole processes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.common import ORLOP, Bars, Run, embedded, medians, options, peer, say, timed
from orlop.model.digest import Digest
from orlop.model.reference import RepositoryName
from orlop.server.store.store import Store

SIZE = 512 * 1024 * 1024
PIECE = 1024 * 1024


def filled(root: Path) -> str:
    """Make the registry with the blob, and return its digest.

    In a process of its own: the peak memory of a child is at least what its parent held when it was started.
    """
    return subprocess.run(
        [sys.executable, "-c", f"from benchmarks.blob import fill; print(fill({str(root)!r}))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def fill(root: str) -> str:
    """Put the blob into a store on disk and return its digest."""
    content = os.urandom(PIECE)
    whole = b"".join(hashlib.sha256(b"%d" % n).digest() + content[32:] for n in range(SIZE // PIECE))
    store = Store.at(root)
    store.repository(RepositoryName("bench/blob")).add_now(whole)
    store.close()
    return str(Digest.of(whole))


def main() -> None:
    """Print the ratio of orlop to the fastest of crane, regctl and oras."""
    chosen = options(__doc__ or "", rounds=5)
    crane, regctl, oras = peer("crane"), peer("regctl"), peer("oras")
    with tempfile.TemporaryDirectory() as folder:
        root, file = Path(folder) / "registry", Path(folder) / "out"
        digest = filled(root)
        with embedded(root) as host:
            ref = f"{host}/bench/blob@{digest}"
            home = {"HOME": folder, "XDG_CACHE_HOME": f"{folder}/cache"}
            timed([regctl, "registry", "set", "--tls", "disabled", host], env=home)

            def to_file(*command: str) -> Run:
                file.unlink(missing_ok=True)
                run = timed(command, env=home)
                assert file.stat().st_size == SIZE
                return run

            runs = medians(
                chosen.rounds,
                {
                    "orlop blob get --to": lambda: to_file(*ORLOP, "blob", "get", ref, "--to", str(file)),
                    "crane blob": lambda: to_file("sh", "-c", f"exec {crane} blob --insecure {ref} > {file}"),
                    "regctl blob get": lambda: to_file(
                        "sh", "-c", f"exec {regctl} blob get {host}/bench/blob {digest} > {file}"
                    ),
                    "oras blob fetch": lambda: to_file(
                        oras, "blob", "fetch", "--plain-http", "--output", str(file), ref
                    ),
                },
            )
    print(f"one blob of 512 MiB to a file, median of {chosen.rounds}")
    for name, run in runs.items():
        say(name, run)
    ours = runs.pop("orlop blob get --to")
    fastest = min(runs, key=lambda name: runs[name].seconds)
    bars = Bars()
    bars.at_least(f"rate against the fastest peer ({fastest})", runs[fastest].seconds / ours.seconds, 1.0)
    bars.at_most("peak memory in MiB", ours.peak_mib, 100)
    bars.done()


if __name__ == "__main__":
    main()
