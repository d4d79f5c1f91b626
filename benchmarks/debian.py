"""A real Debian image of over 100 MiB, made once by debootstrap, for the benchmarks on files inside images."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.common import peers_folder

PACKAGES = "perl,python3,gcc,git"


def debian_layout() -> Path:
    """Return an OCI layout whose tag ``1`` is Debian in one gzip layer, as ``docker build`` packs it; made when it is not there.

    Needs root, debootstrap and a mirror of Debian the first time. Kept beside the peers.
    """
    layout = peers_folder() / "debian-layout"
    if (layout / "index.json").exists():
        return layout
    if shutil.which("debootstrap", path="/usr/sbin:/usr/bin:/sbin") is None:
        raise SystemExit("debootstrap is not here: apt-get install debootstrap")
    print("making a Debian image (two minutes, once) ...", file=sys.stderr)
    root, archive = layout.with_name("debian-root"), layout.with_name("debian.tar")
    shutil.rmtree(root, ignore_errors=True)
    command = ["/usr/sbin/debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
    subprocess.run(["gzip", "-6", "-k", "-f", str(archive)], check=True)
    packed = Path(f"{archive}.gz")
    write_layout(layout, archive, packed)
    shutil.rmtree(root)
    archive.unlink()
    packed.unlink()
    return layout


def write_layout(layout: Path, archive: Path, packed: Path) -> None:
    """Write a layout of one image of one layer."""
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)

    def put(data: bytes, kind: str) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}

    with archive.open("rb") as file:
        diff_id = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    with packed.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    shutil.copyfile(packed, blobs / digest)
    layer = {
        "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
        "digest": f"sha256:{digest}",
        "size": packed.stat().st_size,
    }
    config = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created_by": "debootstrap"}],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": put(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
        "layers": [layer],
    }
    entry = put(json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json")
    entry["annotations"] = {"org.opencontainers.image.ref.name": "1"}
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
