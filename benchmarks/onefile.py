"""One small file out of a layer of 500 MiB whose index is known: the bytes that the registry sends, and the time; crane, orlop."""

from __future__ import annotations

import gzip
import io
import shutil
import socket
import subprocess
import tarfile
import tempfile
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.common import ORLOP, Bars, Run, embedded, medians, options, peer, peers_folder, say, timed
from benchmarks.debian import debian_layout, write_layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZE = 500 * 1024 * 1024
PIECE = 1024 * 1024
PLACES = {"far/end": b"the last one\n" * 40, "half/way": b"one in the middle\n" * 40}


def far_layout() -> Path:
    """Return a layout of one image of one gzip layer of 500 MiB: real content, a small file half way and one at the end."""
    layout = peers_folder() / "far-layout"
    if (layout / "index.json").exists():
        return layout
    debian = debian_layout()
    source = max((debian / "blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    archive, packed = layout.with_name("far.tar"), layout.with_name("far.tar.gz")
    with (
        packed.open("wb") as raw,
        archive.open("wb") as plain,
        _Both(plain, raw) as both,
        tarfile.open(fileobj=both, mode="w|", bufsize=PIECE) as tar,
    ):
        number = 0
        while raw.tell() < SIZE:
            with gzip.open(source) as content:
                while raw.tell() < SIZE and (piece := content.read(PIECE)):
                    number += 1
                    _add(tar, f"content/{number}", piece)
                    if number == 512:
                        _add(tar, "half/way", PLACES["half/way"])
        _add(tar, "far/end", PLACES["far/end"])
    write_layout(layout, archive, packed)
    archive.unlink()
    packed.unlink()
    return layout


class _Both(io.RawIOBase):
    """Writes an archive as it is, and packed as gzip -6 does."""

    def __init__(self, plain: io.BufferedWriter, raw: io.BufferedWriter) -> None:
        super().__init__()
        self._plain, self._packed = plain, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=6, mtime=0)

    def write(self, data: Any, /) -> int:
        self._packed.write(data)
        return self._plain.write(data)

    def close(self) -> None:
        self._packed.close()
        super().close()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


class Relay:
    """Passes connections on to a registry, and counts the bytes that it sends."""

    def __init__(self, target: str) -> None:
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._guard = threading.Lock()
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.sent = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(65536):
                if counted:
                    with self._guard:
                        self.sent += len(data)
                target.sendall(data)
        except OSError:
            pass
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()


@contextmanager
def relay(target: str) -> Iterator[Relay]:
    """Give a relay to a registry."""
    made = Relay(target)
    try:
        yield made
    finally:
        made.close()


def main() -> None:
    """Print the bytes and the time that one file takes."""
    chosen = options(__doc__ or "", rounds=5)
    crane, skopeo = peer("crane"), shutil.which("skopeo")
    if skopeo is None:
        raise SystemExit("skopeo is not here: apt-get install skopeo")
    layout = far_layout()
    with tempfile.TemporaryDirectory() as name, embedded(Path(name) / "registry") as real, relay(real) as counter:
        env = {"HOME": name, "XDG_CACHE_HOME": f"{name}/cache"}
        ref = f"{counter.host}/far:1"
        copy = [skopeo, "copy", "-q", "--insecure-policy", "--dest-tls-verify=false", f"oci:{layout}:1"]
        subprocess.run([*copy, f"docker://{real}/far:1"], check=True)
        timed([*ORLOP, "image", "ls", ref], env=env)  # from now on the index is known
        kept = sum(path.stat().st_size for path in Path(name, "cache").rglob("*") if path.is_file())
        sent: dict[str, int] = {}

        def counted(side: str, command: list[str], expected: bytes) -> Run:
            before = counter.sent
            run = timed(command, env=env)
            sent[side] = counter.sent - before
            if run.output != expected:
                raise SystemExit(f"{side}: other content came")
            return run

        work: dict[str, Callable[[], Run]] = {}
        for path, data in PLACES.items():
            ours = [*ORLOP, "image", "cat", ref, path]
            theirs = ["sh", "-c", f"{crane} export --insecure {ref} - | tar -xO {path}"]
            for side, command in ((f"orlop image cat /{path}", ours), (f"crane export | tar -xO {path}", theirs)):
                work[side] = partial(counted, side, command, data)
        runs = medians(chosen.rounds, work)
    size = max(path.stat().st_size for path in (layout / "blobs/sha256").iterdir())
    print(
        f"one file of 0.5 KiB out of a layer of {size / PIECE:.0f} MiB, median of {chosen.rounds}; index {kept / PIECE:.1f} MiB"
    )
    for side, run in runs.items():
        say(f"{side[:27]}", run)
        print(f"{'':30}{sent[side] / 1024:10.0f} KiB sent, {100 * sent[side] / size:.3f} percent of the layer")
    bars = Bars()
    for path in PLACES:
        cat, export = f"orlop image cat /{path}", f"crane export | tar -xO {path}"
        bars.at_most(f"percent of the layer's bytes, /{path}", 100 * sent[cat] / size, 1)
        bars.at_least(f"times faster than crane export, /{path}", runs[export].seconds / runs[cat].seconds, 10)
        bars.at_most("peak memory in MiB", runs[cat].peak_mib, 150)
    bars.at_most("index in MiB", kept / PIECE, 8)
    bars.done()


if __name__ == "__main__":
    main()
