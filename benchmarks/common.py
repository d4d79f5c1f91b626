"""What the benchmarks share: peers, registries on loopback, whole processes with their peak memory."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
ORLOP = [str(Path(sys.executable).with_name("orlop"))]
GO_PEERS = {
    "crane": "github.com/google/go-containerregistry/cmd/crane@latest",
    "regctl": "github.com/regclient/regclient/cmd/regctl@latest",
    "oras": "oras.land/oras/cmd/oras@latest",
    "registry": "github.com/distribution/distribution/v3/cmd/registry@latest",
}


def options(about: str, rounds: int = 5) -> argparse.Namespace:
    """Return the options of a script: ``--rounds``."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--rounds", type=int, default=rounds, help="runs of each side; the median counts")
    return parser.parse_args()


def peers_folder() -> Path:
    """Return where built peers are kept."""
    named = os.environ.get("ORLOP_PEERS")
    return Path(named) if named else Path.home() / ".cache" / "orlop" / "peers"


def peer(name: str) -> str:
    """Return the path of a peer program, built by Go when it is not there yet."""
    built = peers_folder() / name
    if not built.exists():
        go = shutil.which("go") or "/usr/local/go/bin/go"
        print(f"building {name} ...", file=sys.stderr)
        environment = {**os.environ, "GOBIN": str(peers_folder()), "GOTOOLCHAIN": "auto"}
        subprocess.run([go, "install", GO_PEERS[name]], check=True, env=environment)
    return str(built)


def own_peer(name: str) -> str:
    """Return the path of a Go program of this folder, built when its source is newer."""
    source = Path(__file__).parent / name
    built = peers_folder() / name
    newest = max(file.stat().st_mtime for file in source.iterdir())
    if not built.exists() or built.stat().st_mtime < newest:
        go = shutil.which("go") or "/usr/local/go/bin/go"
        print(f"building {name} ...", file=sys.stderr)
        peers_folder().mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "GOTOOLCHAIN": "auto", "GOFLAGS": "-mod=mod"}
        subprocess.run([go, "build", "-o", str(built), "."], check=True, env=environment, cwd=source)
    return str(built)


@dataclass(frozen=True)
class Run:
    """One process: its time and CPU in seconds, its peak memory in MiB, what it printed."""

    seconds: float
    cpu: float
    peak_mib: float
    output: bytes


def timed(
    command: Sequence[str], *, stdin: bytes | None = None, env: dict[str, str] | None = None, status: int = 0
) -> Run:
    """Run a command to its end, which is to be with this status. Its peak memory is that of its largest process."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, **(env or {})},
    )
    output, _ = process.communicate(stdin) if stdin is not None else (_drained(process), None)
    _, ended, usage = os.wait4(process.pid, 0) if process.returncode is None else (0, 0, None)
    seconds = time.perf_counter() - started
    code = process.returncode if usage is None else os.waitstatus_to_exitcode(ended)
    if usage is not None:
        process.returncode = code
    if code != status:
        raise SystemExit(f"{' '.join(command[:3])} ... ended with {code}")
    if usage is None:
        return Run(seconds, 0.0, 0.0, output)
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output)


def _drained(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    with process.stdout as stream:
        return stream.read()


def medians(rounds: int, sides: dict[str, Callable[[], Run]]) -> dict[str, Run]:
    """Run the sides in turn, so that a passing load hits all of them, and return each one's median run by time."""
    runs: dict[str, list[Run]] = {name: [] for name in sides}
    for side in sides.values():
        side()  # caches of files and code are warm for everybody
    for _ in range(rounds):
        for name, side in sides.items():
            runs[name].append(side())
    return {name: sorted(found, key=lambda run: run.seconds)[len(found) // 2] for name, found in runs.items()}


@contextmanager
def embedded(root: Path, port: int = 0) -> Iterator[str]:
    """Serve a folder with ``orlop serve`` in a process of its own; give its host. port: 0 for a free one."""
    command = [*ORLOP, "serve", "--root", str(root), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        host = next(word for word in line.split() if "127.0.0.1:" in word).removeprefix("http://").rstrip("/.,")
        await_answer(host)
        yield host
    finally:
        process.terminate()
        process.wait()


def await_answer(host: str) -> None:
    """Wait until a registry answers."""
    for _ in range(200):
        try:
            urlopen(f"http://{host}/v2/", timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise SystemExit(f"no registry answers at {host}")


def fill_manifests(root: Path, repository: str, count: int) -> list[str]:
    """Put ``count`` distinct manifests of about 1.2 KB into a store on disk, tagged t0, t1, ...; return their digests."""
    from orlop.model.manifest import parse_manifest
    from orlop.model.reference import RepositoryName, Tag
    from orlop.server.store.store import Store

    store = Store.at(root)
    target = store.repository(RepositoryName(repository))
    layers = [b"layer %d" % n for n in range(5)]
    for layer in layers:
        target.add_now(layer)
    digests = []
    for n in range(count):
        config = (
            b'{"architecture":"amd64","os":"linux","config":{"Labels":{"n":"%d"}},"rootfs":{"type":"layers","diff_ids":[]}}'
            % n
        )
        target.add_now(config)
        raw = _manifest(config, layers)
        target.put_now(parse_manifest(raw), [Tag(f"t{n}")])
        digests.append(f"sha256:{hashlib.sha256(raw).hexdigest()}")
    store.close()
    return digests


def _manifest(config: bytes, layers: list[bytes]) -> bytes:
    def described(data: bytes, kind: str) -> dict[str, object]:
        return {"mediaType": kind, "size": len(data), "digest": f"sha256:{hashlib.sha256(data).hexdigest()}"}

    document = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": described(config, "application/vnd.docker.container.image.v1+json"),
        "layers": [described(layer, "application/vnd.docker.image.rootfs.diff.tar.gzip") for layer in layers],
    }
    return json.dumps(document, indent=3).encode()


def say(name: str, run: Run) -> None:
    """Print one side's line."""
    memory = f"{run.peak_mib:8.0f} MiB" if run.peak_mib else ""
    cpu = f"{run.cpu * 1000:10.0f} ms CPU" if run.cpu else ""
    print(f"  {name:<28}{run.seconds * 1000:10.1f} ms{cpu}{memory}")


class Bars:
    """Ratios against their bars; ``done`` exits 1 when one was missed."""

    def __init__(self) -> None:
        self.missed = False

    def at_least(self, what: str, ratio: float, bar: float) -> None:
        """Print a ratio that should not be smaller than the bar."""
        self._say(what, ratio, bar, ratio >= bar, "at least")

    def at_most(self, what: str, value: float, bar: float) -> None:
        """Print a value that should not be larger than the bar."""
        self._say(what, value, bar, value <= bar, "at most")

    def _say(self, what: str, value: float, bar: float, met: bool, kind: str) -> None:
        self.missed |= not met
        print(f"{'ok  ' if met else 'MISS'} {what}: {value:.2f} ({kind} {bar:g})")

    def done(self) -> None:
        """End the script."""
        sys.exit(1 if self.missed else 0)


def own_peak_mib() -> float:
    """Return this process's peak memory in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def median(values: list[float]) -> float:
    """Return the median."""
    return statistics.median(values)
