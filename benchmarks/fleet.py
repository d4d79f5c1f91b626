"""1,000 images on 20 bases, two platforms each, put into registries past the wire: for the embedded one, CNCF's, and nginx."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.common import await_answer, peer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IMAGES, BASES = 1000, 20
PLATFORMS = (("linux", "amd64", ""), ("linux", "arm64", "v8"))
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
NAME, DIGEST = "org.opencontainers.image.base.name", "org.opencontainers.image.base.digest"


def digest_of(data: bytes) -> str:
    """Return the digest."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Stored:
    """What one repository holds. manifests: media type and bytes by digest. tags: digests. blobs: bytes by digest."""

    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)

    def blob(self, data: bytes, kind: str) -> dict[str, Any]:
        """Add a blob and return its descriptor."""
        digest = digest_of(data)
        self.blobs[digest] = data
        return {"mediaType": kind, "digest": digest, "size": len(data)}

    def manifest(self, kind: str, document: dict[str, Any], tag: str = "") -> dict[str, Any]:
        """Add a manifest and return its descriptor."""
        raw = json.dumps({"schemaVersion": 2, "mediaType": kind, **document}, separators=(",", ":")).encode()
        digest = digest_of(raw)
        self.manifests[digest] = (kind, raw)
        if tag:
            self.tags[tag] = digest
        return {"mediaType": kind, "digest": digest, "size": len(raw)}


@dataclass(frozen=True)
class Base:
    """One state of a base. layers: names of its layers by platform."""

    name: str
    tag: str
    digest: str
    layers: tuple[tuple[bytes, ...], ...]


class Fleet:
    """All documents, as a registry of this host serves them. Half of the images are on what their base is no more.

    digests: whether images say what digest their base had, beside its name.
    """

    def __init__(self, host: str, *, digests: bool = True) -> None:
        self.host, self._digests = host, digests
        self.repositories: dict[str, Stored] = {}
        self.refs: list[str] = []
        self.stale: set[str] = set()
        bases = [(self._base(n, "old"), self._base(n, "new")) for n in range(BASES)]
        for n in range(IMAGES):
            old, new = bases[n % BASES]
            is_stale = n // BASES % 2 == 1
            repository, tag = f"team/app-{n}", "1.0"
            self._image(repository, tag, n, old if is_stale else new)
            self.refs.append(f"{host}/{repository}:{tag}")
            if is_stale:
                self.stale.add(self.refs[-1])

    def _base(self, n: int, state: str) -> Base:
        stored = self.repositories.setdefault(f"library/base-{n}", Stored())
        layers = tuple(
            tuple(b"base %d %s %s %d" % (n, state.encode(), arch.encode(), k) for k in range(3))
            for _, arch, _ in PLATFORMS
        )
        entries = [self._platform(stored, at, layers[at], {}) for at in range(len(PLATFORMS))]
        digest = stored.manifest(INDEX, {"manifests": entries}, "1")["digest"]
        return Base(f"{self.host}/library/base-{n}", "1", digest, layers)

    def _image(self, repository: str, tag: str, n: int, base: Base) -> None:
        stored = self.repositories.setdefault(repository, Stored())
        said = {NAME: f"{base.name}:{base.tag}", **({DIGEST: base.digest} if self._digests else {})}
        entries = []
        for at in range(len(PLATFORMS)):
            layers = (*base.layers[at], b"packages", b"app %d" % n)
            entries.append(self._platform(stored, at, layers, {"annotations": said}))
        stored.manifest(INDEX, {"manifests": entries, "annotations": said}, tag)

    @staticmethod
    def _platform(stored: Stored, at: int, layers: tuple[bytes, ...], more: dict[str, Any]) -> dict[str, Any]:
        os, architecture, variant = PLATFORMS[at]
        platform = {"architecture": architecture, "os": os, **({"variant": variant} if variant else {})}
        history = [
            {"created": "2026-01-01T00:00:00Z", "created_by": f"COPY {layer.decode()} /", "comment": "buildkit"}
            for layer in layers
        ]
        config = {
            "created": "2026-01-01T00:00:00Z",
            **platform,
            "config": {"Env": ["PATH=/usr/bin"], "Cmd": ["/bin/sh"]},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(b"unpacked " + layer) for layer in layers]},
            "history": history,
        }
        document = {
            "config": stored.blob(json.dumps(config).encode(), CONFIG),
            "layers": [stored.blob(layer, LAYER) for layer in layers],
            **more,
        }
        return {**stored.manifest(MANIFEST, document), "platform": platform}

    # --- into stores ---------------------------------------------------------------------------------

    def into_store(self, root: Path) -> None:
        """Fill a store of the embedded registry."""
        from orlop.model.manifest import parse_manifest
        from orlop.model.reference import RepositoryName, Tag
        from orlop.server.store.store import Store

        store = Store.at(root)
        for name, stored in self.repositories.items():
            target = store.repository(RepositoryName(name))
            for blob in stored.blobs.values():
                target.add_now(blob)
            for digest, (_, raw) in stored.manifests.items():
                target.put_now(parse_manifest(raw), [Tag(tag) for tag, at in stored.tags.items() if at == digest])
        store.close()

    def into_distribution(self, root: Path) -> None:
        """Write the files of CNCF's registry."""
        top = root / "docker" / "registry" / "v2"

        def put(path: Path, data: bytes) -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

        def add(name: str, folder: str, digest: str) -> None:
            put(top / "repositories" / name / folder / digest.replace(":", "/") / "link", digest.encode())

        def content(digest: str, data: bytes) -> None:
            hexed = digest.partition(":")[2]
            put(top / "blobs" / "sha256" / hexed[:2] / hexed / "data", data)

        for name, stored in self.repositories.items():
            for digest, data in stored.blobs.items():
                content(digest, data)
                add(name, "_layers", digest)
            for digest, (_, raw) in stored.manifests.items():
                content(digest, raw)
                add(name, "_manifests/revisions", digest)
            for tag, digest in stored.tags.items():
                put(top / "repositories" / name / "_manifests/tags" / tag / "current" / "link", digest.encode())
                add(name, f"_manifests/tags/{tag}/index", digest)

    def into_files(self, root: Path) -> str:
        """Write static files, and return what nginx has to say of each: maps from path to media type and digest."""
        kinds, digests = [], []
        for name, stored in self.repositories.items():
            manifests, blobs = root / "v2" / name / "manifests", root / "v2" / name / "blobs"
            manifests.mkdir(parents=True)
            blobs.mkdir()
            for digest, data in stored.blobs.items():
                (blobs / digest).write_bytes(data)
            names = {**{digest: digest for digest in stored.manifests}, **stored.tags}
            for called, digest in names.items():
                kind, raw = stored.manifests[digest]
                (manifests / called).write_bytes(raw)
                kinds.append(f'"/v2/{name}/manifests/{called}" {kind};')
                digests.append(f'"/v2/{name}/manifests/{called}" {digest};')
        (root / "v2" / "index.html").write_bytes(b"{}")
        inside = "\n".join
        return f"map $uri $kind {{ default application/octet-stream;\n{inside(kinds)} }}\nmap $uri $digest {{ default '';\n{inside(digests)} }}\n"


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def distribution(root: Path, port: int) -> Iterator[str]:
    """Serve a folder with CNCF's registry; give its host."""
    config = root.parent / "registry.yml"
    config.write_text(
        json.dumps(
            {
                "version": 0.1,
                "log": {"level": "error", "accesslog": {"disabled": True}},
                "storage": {"filesystem": {"rootdirectory": str(root)}, "cache": {"blobdescriptor": "inmemory"}},
                "http": {"addr": f"127.0.0.1:{port}"},
            }
        )
    )
    command = [peer("registry"), "serve", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await_answer(f"127.0.0.1:{port}")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def static(root: Path, port: int, maps: str) -> Iterator[str]:
    """Serve static files with nginx, one worker; give its host."""
    folder = root.parent / "nginx"
    folder.mkdir()
    (folder / "nginx.conf").write_text(
        f"""
daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 512; }}
http {{
  access_log off; keepalive_requests 1000000; sendfile on; tcp_nodelay on; open_file_cache max=20000;
  types_hash_max_size 4096; map_hash_bucket_size 256; map_hash_max_size 65536; types {{ }}
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {maps}
  server {{
    listen 127.0.0.1:{port};
    root {root};
    location / {{ default_type ""; add_header Content-Type $kind; add_header Docker-Content-Digest $digest; }}
  }}
}}
"""
    )
    process = subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)])
    try:
        await_answer(f"127.0.0.1:{port}")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
