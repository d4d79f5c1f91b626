"""Programs of other makers: found or built, started on loopback, and what is known of each registry that runs."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from orlop import Client, Credential, RegistryHost
from orlop.auth.keychain import Chain, ExplicitSource

if TYPE_CHECKING:
    from orlop.testing.builders import Built

GO_PEERS = {
    "crane": "github.com/google/go-containerregistry/cmd/crane@latest",
    "regctl": "github.com/regclient/regclient/cmd/regctl@v0.11.7",
    "registry": "github.com/distribution/distribution/v3/cmd/registry@latest",
    "token-server": "github.com/docker/distribution/contrib/token-server@v2.8.3+incompatible",
}
USER, PASSWORD = "alice", "wonder-land"


def program(name: str) -> str:
    """Return the path of a peer, built by Go under ORLOP_INTEROP, or skip."""
    folder = Path(os.environ.get("ORLOP_PEERS") or Path.home() / ".cache" / "orlop" / "peers")
    if name not in GO_PEERS:
        found = shutil.which(name)
    else:
        built = folder / name
        go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
        if not built.exists() and os.environ.get("ORLOP_INTEROP") and go:
            folder.mkdir(parents=True, exist_ok=True)
            environment = {**os.environ, "GOBIN": str(folder), "GOTOOLCHAIN": "auto"}
            subprocess.run([go, "install", GO_PEERS[name]], check=True, env=environment)
        found = str(built) if built.exists() else None
    if not found:
        pytest.skip(f"{name} is not here; ./run interop builds what Go can build")
    return found


@dataclass
class Place:
    """A registry that runs: where, as whom, and below which namespace one may write there."""

    name: str
    host: str
    user: str = ""
    password: str = field(default="", repr=False)
    namespace: str = "team"
    back_door: str = ""
    built: Built | None = None
    images: list[Built] = field(default_factory=list)

    def client(self, **options: Any) -> Client:
        """Return a client that is signed in there."""
        sources = [ExplicitSource(RegistryHost(self.host), Credential(self.user, self.password))] if self.user else []
        return Client(credentials=Chain(sources), **options)

    def anonymous(self) -> Client:
        """Return a client that is nobody."""
        return Client(credentials=Chain([]))

    def docker_config(self, folder: Path) -> Path:
        """Write a Docker config folder with the credentials, for other makers' clients."""
        folder.mkdir(parents=True, exist_ok=True)
        auth = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        auths = {self.host: {"auth": auth}} if self.user else {}
        (folder / "config.json").write_text(json.dumps({"auths": auths}))
        return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(400):
        if process.poll() is not None:
            pytest.fail(f"{process.args!r} ended with {process.returncode}")
        try:
            urlopen(url, timeout=1).close()
        except HTTPError:
            return
        except OSError:
            time.sleep(0.025)
        else:
            return
    pytest.fail(f"nothing answers at {url}")


def htpasswd(path: Path) -> Path:
    """Write an htpasswd file with bcrypt, which both registries want."""
    made = subprocess.run([program("htpasswd"), "-Bbn", USER, PASSWORD], capture_output=True, check=True)
    path.write_bytes(made.stdout)
    return path
