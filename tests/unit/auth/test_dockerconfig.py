from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orlop.aio import AsyncRuntime
from orlop.auth.dockerconfig import ConfigFile, ConfigFileSource
from orlop.errors import ConfigError, CredentialError
from orlop.model.reference import RegistryHost, Repository
from orlop.threads import ThreadRuntime, step

if TYPE_CHECKING:
    from orlop.auth.credential import Credential

MakeHelper = Callable[[str, str], dict[str, str]]
GIVES = """printf '{"ServerURL":"x","Username":"%s","Secret":"%s"}' """


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def write(tmp_path: Path) -> Callable[[object], str]:
    def write(document: object) -> str:
        path = tmp_path / "config.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
        return str(path)

    return write


Write = Callable[[object], str]


def find(source: ConfigFileSource, name: str) -> Credential | None:
    repository = Repository.parse(name) if "/" in name else None
    host = repository.host if repository else RegistryHost(name)
    return step(source.find_on(ThreadRuntime(), repository, host))


def who(path: str, name: str, *, namespaces: bool = False, environ: dict[str, str] | None = None) -> str | None:
    found = find(ConfigFileSource(path, namespaces=namespaces, environ=environ), name)
    return f"{found.username}:{found.password}" if found else None


@pytest.mark.parametrize(
    "key", ["example.com", "https://example.com", "http://example.com/", "https://example.com/v2/", "example.com/v1/"]
)
def test_a_key_may_be_a_host_or_a_url(write: Write, key: str) -> None:
    assert who(write({"auths": {key: {"auth": b64("me:pw")}}}), "example.com") == "me:pw"


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io"])
def test_docker_hub_is_known_by_all_its_names(write: Write, key: str) -> None:
    assert who(write({"auths": {key: {"auth": b64("me:pw")}}}), "docker.io/library/debian") == "me:pw"


def test_a_port_is_part_of_the_host(write: Write) -> None:
    path = write({"auths": {"example.com:5000": {"auth": b64("me:pw")}}})
    assert who(path, "example.com:5000") == "me:pw"
    assert who(path, "example.com") is None


def test_the_plain_host_goes_before_its_url(write: Write) -> None:
    path = write({"auths": {"https://example.com": {"auth": b64("url:x")}, "example.com": {"auth": b64("host:x")}}})
    assert who(path, "example.com") == "host:x"


def test_a_password_may_hold_colons_and_end_in_nul(write: Write) -> None:
    assert who(write({"auths": {"example.com": {"auth": b64("me:a:b\0\0")}}}), "example.com") == "me:a:b"


def test_user_and_password_may_stand_in_fields(write: Write) -> None:
    assert who(write({"auths": {"example.com": {"username": "me", "password": "pw"}}}), "example.com") == "me:pw"


def test_auth_goes_before_the_fields(write: Write) -> None:
    entry = {"auth": b64("me:pw"), "username": "no", "password": "no"}
    assert who(write({"auths": {"example.com": entry}}), "example.com") == "me:pw"


def test_identitytoken_and_registrytoken_are_told_apart(write: Write) -> None:
    source = ConfigFileSource(
        write(
            {
                "auths": {
                    "a.example.com": {"auth": b64("me:"), "identitytoken": "idt"},
                    "b.example.com": {"registrytoken": "ready"},
                    "c.example.com": {"auth": b64("00000000-0000-0000-0000-000000000000:refresh")},
                }
            }
        )
    )
    a, b, c = (find(source, f"{name}.example.com") for name in "abc")
    assert a is not None and b is not None and c is not None  # noqa: PT018
    assert (a.identity_token, b.registry_token, c.identity_token) == ("idt", "ready", "refresh")


@pytest.mark.parametrize("entry", [{}, None, {"auth": ""}, {"email": "x"}, {"auth": None}])
def test_an_empty_entry_is_no_credential(write: Write, entry: object) -> None:
    assert who(write({"auths": {"example.com": entry}}), "example.com") is None


# --- namespaces --------------------------------------------------------------------------------

NAMESPACES = {
    "auths": {
        "example.com/foo/bar/image": {"auth": b64("image:p")},
        "example.com/foo": {"auth": b64("foo:p")},
        "example.com": {"auth": b64("host:p")},
    }
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("example.com/foo/bar/image", "image:p"),
        ("example.com/foo/bar/image/more", "image:p"),
        ("example.com/foo/bar", "foo:p"),
        ("example.com/foobar", "host:p"),
        ("example.com/other", "host:p"),
        ("example.com", "host:p"),
        ("example.org/foo", None),
    ],
)
@pytest.mark.parametrize("namespaces", [True, False])
def test_the_longest_namespace_wins(write: Write, name: str, expected: str | None, namespaces: bool) -> None:
    assert who(write(NAMESPACES), name, namespaces=namespaces) == expected


def test_a_namespace_key_serves_the_whole_host_in_dockers_file_only(write: Write) -> None:
    path = write({"auths": {"example.com/feed": {"auth": b64("me:p")}}})

    assert who(path, "example.com/other", namespaces=False) == "me:p"
    assert who(path, "example.com/other", namespaces=True) is None
    assert who(path, "example.com/feed/x", namespaces=True) == "me:p"


# --- helpers -----------------------------------------------------------------------------------


def test_credhelpers_go_before_credsstore_before_auths(write: Write, make_helper: MakeHelper) -> None:
    make_helper("one", f"{GIVES} one p")
    environ = make_helper(
        "two", f"""read a; [ "$a" = b.example.com ] && {GIVES} two p && exit; echo credentials not found; exit 1"""
    )
    path = write(
        {
            "auths": {f"{name}.example.com": {"auth": b64("file:p")} for name in "abc"},
            "credHelpers": {"a.example.com": "one"},
            "credsStore": "two",
        }
    )
    assert [who(path, f"{name}.example.com", environ=environ) for name in "abc"] == ["one:p", "two:p", "file:p"]


def test_an_empty_credhelper_turns_the_store_off_for_its_host(write: Write, make_helper: MakeHelper) -> None:
    environ = make_helper("store", f"{GIVES} store p")
    path = write(
        {"auths": {"example.com": {"auth": b64("file:p")}}, "credHelpers": {"example.com": ""}, "credsStore": "store"}
    )
    assert who(path, "example.com", environ=environ) == "file:p"


def test_the_helper_is_asked_for_the_address_that_docker_stored(write: Write, make_helper: MakeHelper) -> None:
    environ = make_helper("store", f'read a; {GIVES} me "$a"')

    assert (
        who(write({"credsStore": "store"}), "docker.io/library/x", environ=environ) == "me:https://index.docker.io/v1/"
    )
    assert who(write({"credsStore": "store"}), "example.com", environ=environ) == "me:example.com"
    path = write({"auths": {"https://example.com": {}}, "credsStore": "store"})
    assert who(path, "example.com", environ=environ) == "me:https://example.com"


def test_an_absent_helper_is_a_warning_said_once(write: Write, tmp_path: Path) -> None:
    warnings: list[str] = []
    source = ConfigFileSource(
        write({"credsStore": "desktop", "auths": {"example.com": {"auth": b64("me:p")}}}),
        environ={"PATH": str(tmp_path)},
        warn=warnings.append,
    )
    assert find(source, "other.example.com") is None
    assert find(source, "example.com") is not None
    [warning] = warnings
    assert "config.json names docker-credential-desktop, which is not there" in warning


def test_a_failing_helper_is_an_error(write: Write, make_helper: MakeHelper) -> None:
    with pytest.raises(CredentialError, match="docker-credential-bad get failed"):
        who(write({"credsStore": "bad"}), "example.com", environ=make_helper("bad", "exit 1"))


def test_forgetting_reads_the_file_again(write: Write) -> None:
    source = ConfigFileSource(write({}))
    assert find(source, "example.com") is None
    write({"auths": {"example.com": {"auth": b64("me:p")}}})
    assert find(source, "example.com") is None
    source.forget(RegistryHost("example.com"))
    assert find(source, "example.com") is not None


def test_the_event_loop_is_not_held_up(write: Write, make_helper: MakeHelper) -> None:
    source = ConfigFileSource(write({"credsStore": "store"}), environ=make_helper("store", f"{GIVES} me p"))

    async def run() -> Credential | None:
        await source.find_on(AsyncRuntime(), None, RegistryHost("example.com"))
        return await source.find_on(AsyncRuntime(), None, RegistryHost("example.com"))

    found = asyncio.run(run())
    assert found is not None
    assert found.username == "me"


# --- broken files ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "nonsense",
        '{"auths": []}',
        '{"auths": {"example.com": "x"}}',
        '{"auths": {"example.com": {"auth": 7}}}',
        '{"auths": {"example.com": {"auth": "***"}}}',
        '{"auths": {"example.com": {"auth": "dG9rZW4="}}}',
        '{"auths": {"example.com": {"auth": "/////w=="}}}',
        '{"credsStore": 7}',
        '{"credHelpers": {"example.com": 7}}',
        '{"credHelpers": "x"}',
        '{"auths": {}, "auths": {}}',
        "[" * 100_000,
    ],
)
def test_a_broken_file_is_named(write: Write, text: str) -> None:
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        who(path, "example.com")
    assert str(caught.value).startswith(f"{path}: ")


def test_a_broken_entry_of_another_host_hurts_nobody(write: Write) -> None:
    path = write({"auths": {"a.example.com": {"auth": "***"}, "b.example.com": {"auth": b64("me:p")}}})
    assert who(path, "b.example.com") == "me:p"


@pytest.mark.parametrize("text", ["", " \n", "{}", "\ufeff{}", '{"auths": null}'])
def test_an_empty_file_says_nothing(write: Write, text: str) -> None:
    assert who(write(text), "example.com") is None


def test_a_missing_file_says_nothing(tmp_path: Path) -> None:
    assert who(str(tmp_path / "no" / "config.json"), "example.com") is None
    (tmp_path / "file").touch()
    assert who(str(tmp_path / "file" / "config.json"), "example.com") is None


def test_a_file_that_is_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        who(str(tmp_path), "example.com")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user whom a mode can stop")
def test_an_unreadable_file_is_named(write: Write) -> None:
    path = write({})
    Path(path).chmod(0)
    with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
        who(path, "example.com")


def test_a_huge_file_is_refused(write: Write) -> None:
    with pytest.raises(ConfigError, match="larger than"):
        who(write(" " * (5 << 20)), "example.com")


# --- real documents ----------------------------------------------------------------------------

VECTORS = os.environ.get("ORLOP_VECTORS")
needs_vectors = pytest.mark.skipif(not VECTORS, reason="ORLOP_VECTORS does not name the folder of real documents")


def recorded(name: str) -> ConfigFile:
    path = Path(str(VECTORS), "dockerconfig", name)
    return ConfigFile(str(path), json.loads(path.read_text("utf-8")), namespaces=False)


@needs_vectors
@pytest.mark.parametrize(
    ("host", "helper"),
    [
        ("some registry", "some credential helper"),
        ("another registry", "another credential helper"),
        ("docker.io", "index.docker.io credential helper"),
        ("just.registry.in.helpers", "credHelper for just.registry.in.helpers"),
        ("with.protocol.in.helpers", "credHelper for https__with.protocol.in.helpers"),
        ("with.suffix.in.helpers", "credHelper for with.suffix.in.helpers/v2/"),
        ("with.protocol.and.suffix.in.helpers", "credHelper for https__with.protocol.and.suffix.in.helpers/suffix"),
        ("example.com.in.helpers", "some credential store"),
    ],
)
def test_the_recorded_file_names_the_helper_of_each_host(host: str, helper: str) -> None:
    assert recorded("dockerconfig.json").place(host).helper == helper


@needs_vectors
@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("some other registry", "some:other:auth"),
        ("some registry", "some:auth"),
        ("auth and userpw registry", "some:auth"),
        ("userpw registry", "someuser:somepw"),
        ("no auth field", None),
    ],
)
def test_the_recorded_file_holds_the_credential_of_each_host(host: str, expected: str | None) -> None:
    file = recorded("dockerconfig.json")
    found = file.entry(file.place(host).key)
    assert (f"{found.username}:{found.password}" if found else None) == expected


@needs_vectors
def test_the_recorded_auth_without_a_colon_is_broken() -> None:
    file = recorded("dockerconfig.json")
    with pytest.raises(ConfigError, match="https://registry is not base64"):
        file.entry(file.place("registry").key)


@needs_vectors
def test_the_recorded_identity_token_is_one() -> None:
    file = recorded("dockerconfig_identity_token.json")
    found = file.entry(file.place("some registry").key)
    assert found is not None
    assert found.identity_token == "cool identity token"


@needs_vectors
def test_the_recorded_key_of_hub_is_found() -> None:
    file = recorded("dockerconfig_index_docker_io_v1.json")
    found = file.entry(file.place("docker.io", "library/debian").key)
    assert found is not None
    assert (found.username, found.password) == ("token for", " index.docker.io/v1/")


@needs_vectors
def test_every_recorded_shape_is_understood() -> None:
    shapes = json.loads(Path(str(VECTORS), "dockerconfig", "shapes.json").read_text("utf-8"))["shapes"]
    files = {
        shape["name"]: ConfigFile(shape["name"], shape["config"], namespaces="podman" in shape["name"])
        for shape in shapes
    }

    desktop = files.pop("docker desktop").place("jfrog.example.com")
    assert (desktop.helper, desktop.addresses) == ("desktop", ("jfrog.example.com",))
    feed = files.pop("key with a path")
    assert feed.entry(feed.place("my-registry.com", "features-feed/x").key) is not None
    podman = files.pop("podman namespaces, longest match wins")
    users = [podman.entry(podman.place("my-registry.local", name).key) for name in ("foo/bar/image", "foo/x", "x")]
    assert [user.username if user else None for user in users] == ["image", "foo", "host"]
    helpers = files.pop("podman helpers")
    assert helpers.place("registry.example.com").helper == "secretservice"
    assert helpers.entry(helpers.place("localhost:5001").key) is None
    assert not files
