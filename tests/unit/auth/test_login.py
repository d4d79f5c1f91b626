from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from orlop.auth.credential import ACR_TOKEN_USER, Credential
from orlop.auth.dockerconfig import ConfigFileSource
from orlop.auth.login import Status, erase, status, store
from orlop.errors import ConfigError, CredentialError, StorageError, UnsupportedError
from orlop.model.reference import RegistryHost
from orlop.threads import step

MakeHelper = Callable[[str, str], dict[str, str]]
HOST, HUB = RegistryHost("example.com"), RegistryHost("docker.io")
PAIR = Credential("me", "pw")

# A helper that keeps each address in a file, named by its checksum.
KEEPS = """
folder=$(dirname "$0")/../kept; mkdir -p "$folder"
case $1 in
store) input=$(cat); address=$(printf %s "$input" | sed 's/.*"ServerURL": "\\([^"]*\\)".*/\\1/') ;;
list) printf '{'; separator=; for file in "$folder"/*.address; do [ -e "$file" ] || continue
      printf '%s"%s": "me"' "$separator" "$(cat "$file")"; separator=,; done; printf '}'; exit 0 ;;
*) read -r address ;;
esac
file=$folder/$(printf %s "$address" | cksum | cut -d' ' -f1)
case $1 in
store) printf %s "$input" > "$file"; printf %s "$address" > "$file.address" ;;
get) [ -e "$file" ] && cat "$file" && exit 0; echo 'credentials not found in native keychain'; exit 1 ;;
erase) rm -f "$file" "$file.address" ;;
esac
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "docker" / "config.json")


def put(path: str, document: object) -> None:
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text(json.dumps(document))


def read(path: str) -> dict[str, object]:
    document: dict[str, object] = json.loads(Path(path).read_text())
    return document


def found(path: str, host: RegistryHost = HOST, environ: dict[str, str] | None = None) -> Credential | None:
    return step(ConfigFileSource(path, environ=environ).find(None, host))


def test_a_first_sign_in_makes_the_file_for_its_owner_alone(path: str) -> None:
    warning = store(path, HOST, PAIR, environ={})

    assert "unencrypted" in warning
    assert path in warning
    assert read(path) == {"auths": {"example.com": {"auth": "bWU6cHc="}}}
    if os.name != "nt":
        assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
        assert stat.S_IMODE(Path(path).parent.stat().st_mode) == 0o700


def test_what_else_the_file_holds_stays_as_it_is(path: str) -> None:
    other = {
        "HttpHeaders": {"X": "y"},
        "auths": {"z.example.com": {"auth": "eDp5"}},
        "psFormat": "\u00e9",
        "plugins": {"a": [1]},
    }
    put(path, other)
    store(path, HOST, PAIR, environ={})
    assert list(read(path)) == list(other)
    assert erase(path, HOST, environ={})
    assert read(path) == other


def test_a_file_that_others_could_read_is_closed_to_them(path: str) -> None:
    put(path, {})
    Path(path).chmod(0o644)
    store(path, HOST, PAIR, environ={})
    assert os.name == "nt" or stat.S_IMODE(Path(path).stat().st_mode) == 0o600


def test_nothing_else_is_left_in_the_folder(path: str) -> None:
    store(path, HOST, PAIR, environ={})
    assert os.listdir(os.path.dirname(path)) == ["config.json"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_linked_file_stays_a_link(path: str, tmp_path: Path) -> None:
    put(path, {})
    Path(path).rename(tmp_path / "dotfile.json")
    Path(path).symlink_to(tmp_path / "dotfile.json")
    store(path, HOST, PAIR, environ={})

    assert Path(path).is_symlink()
    assert found(path) is not None


def test_docker_hub_goes_under_the_key_that_docker_reads(path: str, tmp_path: Path) -> None:
    store(path, HUB, PAIR, environ={})
    assert list(read(path)["auths"]) == ["https://index.docker.io/v1/"]  # type: ignore[call-overload]
    podman = str(tmp_path / "auth.json")
    store(podman, HUB, PAIR, environ={})
    assert list(read(podman)["auths"]) == ["docker.io"]  # type: ignore[call-overload]


def test_a_sign_in_of_the_same_host_is_replaced_under_its_key(path: str) -> None:
    put(path, {"auths": {"https://example.com": {"auth": "eDp5", "email": "e"}, "example.com/v2/": {"auth": "eDp5"}}})
    store(path, HOST, PAIR, environ={})
    assert read(path)["auths"] == {"https://example.com": {"auth": "bWU6cHc=", "email": "e"}}


@pytest.mark.parametrize(
    "credential",
    [
        PAIR,
        Credential("me", "p:\u00e9\n"),
        Credential("<token>", identity_token="idt"),
        Credential(ACR_TOKEN_USER, identity_token="refresh"),
        Credential(registry_token="ready"),
    ],
)
def test_what_was_stored_is_found_again(path: str, credential: Credential) -> None:
    store(path, HOST, credential, environ={})
    assert repr(found(path)) == repr(Credential(credential.username, source=path, **secrets(credential)))
    assert secrets(found(path)) == secrets(credential)


def secrets(credential: Credential | None) -> dict[str, str]:
    assert credential is not None
    return {name: getattr(credential, name) for name in ("password", "identity_token", "registry_token")}


def test_a_namespace_of_podman_is_not_the_host(tmp_path: Path) -> None:
    path = str(tmp_path / "auth.json")
    put(path, {"auths": {"example.com/team": {"auth": "eDp5"}}})
    store(path, HOST, PAIR, environ={})
    assert list(read(path)["auths"]) == ["example.com/team", "example.com"]  # type: ignore[call-overload]
    assert erase(path, HOST, environ={})
    assert list(read(path)["auths"]) == ["example.com/team"]  # type: ignore[call-overload]


def test_a_broken_file_is_not_overwritten(path: str) -> None:
    Path(path).parent.mkdir()
    Path(path).write_text('{"auths": {')
    with pytest.raises(ConfigError):
        store(path, HOST, PAIR, environ={})
    assert Path(path).read_text() == '{"auths": {'


def test_an_unwritable_place_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="cannot be written"):
        store(str(tmp_path / "file" / "config.json"), HOST, PAIR, environ={})
    assert os.listdir(tmp_path) == ["file"]


def test_signing_out_where_nobody_is_signed_in_changes_nothing(path: str) -> None:
    assert not erase(path, HOST, environ={})
    assert not os.path.exists(path)


def test_an_entry_that_is_broken_can_be_removed(path: str) -> None:
    put(path, {"auths": {"example.com": {"auth": "***"}}})
    assert erase(path, HOST, environ={})
    assert read(path) == {"auths": {}}


# --- helpers -----------------------------------------------------------------------------------

needs_sh = pytest.mark.skipif(os.name == "nt", reason="the helpers of these tests are shell scripts")


@needs_sh
@pytest.mark.parametrize("host", [HOST, HUB])
def test_a_named_helper_keeps_the_secret_and_the_file_a_mark(
    path: str, host: RegistryHost, make_helper: MakeHelper
) -> None:
    environ = make_helper("keeps", KEEPS)
    put(path, {"credsStore": "keeps", "auths": {host.value: {"auth": "eDpvbGQ="}}})

    assert store(path, host, PAIR, environ=environ) == ""
    assert read(path)["auths"] == {host.value: {}}
    assert secrets(found(path, host, environ)) == secrets(PAIR)
    assert erase(path, host, environ=environ)
    assert read(path)["auths"] == {}
    assert found(path, host, environ) is None
    assert not erase(path, host, environ=environ)


@needs_sh
def test_an_identity_token_goes_under_the_token_user(path: str, make_helper: MakeHelper) -> None:
    environ = make_helper("keeps", KEEPS)
    put(path, {"credHelpers": {"example.com": "keeps"}})
    store(path, HOST, Credential("me", identity_token="idt"), environ=environ)
    assert secrets(found(path, HOST, environ))["identity_token"] == "idt"


@needs_sh
def test_no_helper_keeps_a_ready_made_token(path: str, make_helper: MakeHelper) -> None:
    put(path, {"credsStore": "keeps"})
    with pytest.raises(UnsupportedError):
        store(path, HOST, Credential(registry_token="x"), environ=make_helper("keeps", KEEPS))


def test_an_absent_helper_stores_nothing_in_the_open_instead(path: str, tmp_path: Path) -> None:
    put(path, {"credsStore": "desktop"})
    with pytest.raises(CredentialError, match="names docker-credential-desktop, which is not there") as caught:
        store(path, HOST, PAIR, environ={"PATH": str(tmp_path)})
    assert caught.value.hint is not None
    assert read(path) == {"credsStore": "desktop"}


@needs_sh
def test_the_status_lists_who_is_signed_in_where_and_no_secret(
    path: str, tmp_path: Path, make_helper: MakeHelper
) -> None:
    environ = make_helper("keeps", KEEPS)
    podman = str(tmp_path / "auth.json")
    put(
        path,
        {"credHelpers": {"example.com": "keeps"}, "credsStore": "gone", "auths": {"bad.example.com": {"auth": "*"}}},
    )
    put(
        podman,
        {"auths": {"example.org/team": {"auth": "bWU6aHVudGVyMg=="}, "example.net": {"registrytoken": "hunter2"}}},
    )
    store(path, HOST, PAIR, environ=environ)

    lines = status([(path, False), (podman, True), (str(tmp_path / "none"), False)], environ=environ)

    assert lines == [
        Status("", "docker-credential-gone", "", "docker-credential-gone is not on the PATH"),
        Status("example.com", "docker-credential-keeps", "me"),
        Status(
            "bad.example.com",
            f"file {path}",
            "",
            "the auth of its entry for bad.example.com is not base64 of user:password",
        ),
        Status("example.org/team", f"file {podman}", "me"),
        Status("example.net", f"file {podman}", "<token>"),
    ]
