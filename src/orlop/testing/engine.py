"""A container engine that is none: it answers on a socket as Docker and Podman do, with archives that it was given."""

from __future__ import annotations

import json
import socketserver
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextmanager
def container_engine(path: str, images: Mapping[str, bytes], cut: int | None = None) -> Iterator[list[str]]:
    """Serve ``docker save`` archives by the names of images on a Unix socket; give what was asked for.

    path: of the socket, which is made. cut: bytes after which an archive breaks off.
    """
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path)
            name, _, question = self.path.removeprefix("/images/").rpartition("/")
            exact = name if name in images else f"{name}:latest"
            if exact not in images:
                self._json(404, {"message": f"No such image: {name}"})
            elif question == "json":
                self._json(200, {"Id": f"sha256:{hash(images[exact]) & (1 << 64) - 1:064x}", "RepoTags": [exact]})
            else:
                self._archive(images[exact])

        def _json(self, status: int, document: object) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _archive(self, data: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/x-tar")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            shown = data if cut is None else data[:cut]
            for at in range(0, len(shown), 65536):
                piece = shown[at : at + 65536]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            if cut is None:
                self.wfile.write(b"0\r\n\r\n")
            self.close_connection = True

        def address_string(self) -> str:
            return "a socket"

        def log_message(self, *_: object) -> None:
            return

    class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):  # there is no such server on Windows
        daemon_threads = True

    with Server(path, Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()
