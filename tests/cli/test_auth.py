from __future__ import annotations

import base64
import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from orlop.testing import registry as start
from orlop.testing.builders import image, push_now
from orlop.testing.profiles import profile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Orlop

    from orlop.testing.profiles import Profile

SECRET = "correct-horse"
USERS = {"mary": SECRET}


@pytest.fixture
def hub() -> Iterator[Profile]:
    with profile("hub", users=USERS, private=["*"]) as running:
        push_now(image(), running.registry, "team/app", tags=["1"])
        yield running


def login(orlop: Orlop, host: str, *more: str, password: str = SECRET):  # type: ignore[no-untyped-def]
    return orlop("auth", "login", host, "--username", "mary", "--password-stdin", *more, stdin=f"{password}\n".encode())


def test_a_login_is_kept_and_used(orlop: Orlop, hub: Profile, home: Path) -> None:
    assert orlop("tag", "list", f"{hub.host}/team/app").status == 4
    said = login(orlop, hub.host)
    assert said.status == 0
    assert "warning: the password is stored unencrypted" in said.notes
    assert f"signed in to {hub.host} as mary" in said.notes
    file = home / ".docker/config.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kept = json.loads(file.read_bytes())["auths"][hub.host]["auth"]
    assert base64.b64decode(kept).decode() == f"mary:{SECRET}"
    assert orlop("tag", "list", f"{hub.host}/team/app").text == "1\n"
    assert SECRET not in said.notes + said.text


def test_status_and_logout(orlop: Orlop, hub: Profile) -> None:
    login(orlop, hub.host)
    rows = orlop("auth", "status", "-o", "json").json
    assert [(row["registry"], row["username"]) for row in rows] == [(hub.host, "mary")]
    assert orlop("auth", "status", hub.host).status == 0
    assert orlop("auth", "logout", hub.host).notes == f"signed out of {hub.host}\n"
    assert orlop("auth", "logout", hub.host).notes == f"there was no sign-in to {hub.host}\n"
    assert orlop("auth", "status", hub.host).status == 1
    assert orlop("auth", "status", terminal=True).text == "no sign-ins\n"


def test_a_wrong_password_is_refused_and_not_kept(orlop: Orlop, hub: Profile, home: Path) -> None:
    said = login(orlop, hub.host, password="wrong-one")
    assert said.status == 4
    assert "wrong-one" not in said.notes
    assert "hint: check the user name and the password" in said.notes
    assert not (home / ".docker/config.json").exists()


def test_an_authfile_is_used_alone(orlop: Orlop, hub: Profile, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "auth.json"
    assert login(orlop, hub.host, "--authfile", str(file)).status == 0
    assert hub.host in json.loads(file.read_bytes())["auths"]
    assert not (home / ".docker").exists()
    assert orlop("tag", "list", f"{hub.host}/team/app", "--authfile", str(file)).status == 0
    assert orlop("tag", "list", f"{hub.host}/team/app").status == 4


def test_an_authfile_that_is_no_file_is_9(orlop: Orlop, hub: Profile, tmp_path: Path) -> None:
    (tmp_path / "null").symlink_to(os.devnull)
    assert login(orlop, hub.host, "--authfile", str(tmp_path / "null")).status == 9


def test_a_registry_that_cannot_be_reached_only_warns(orlop: Orlop, home: Path) -> None:
    said = login(orlop, "127.0.0.1:1")
    assert said.status == 0
    assert "warning: the password was not tried" in said.notes
    assert said.notes.endswith("kept mary's sign-in to 127.0.0.1:1\n")
    assert (home / ".docker/config.json").exists()


def test_a_registry_that_asks_for_nothing_only_warns(orlop: Orlop) -> None:
    with start() as own:
        assert "asks for no sign-in, so the password was not tried" in login(orlop, own.host).notes


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (("auth", "login", "a.example"), b""),
        (("auth", "login", "a.example", "--username", "u"), b"pw"),
        (("auth", "login", "a.example", "--password-stdin"), b"pw"),
        (("auth", "login", "a.example", "--username", "u", "--password-stdin"), b""),
        (("auth", "login", "a.example", "--username", "u", "--password-stdin"), b"\xff\xfe"),
        (("auth", "login", "a.example", "--username", "u", "--password-stdin"), b"a\nb"),
        (("auth", "login", "a.example", "--username", "u", "--password-stdin"), b"x" * 100_000),
        (("auth", "login", "no host", "--username", "u", "--password-stdin"), b"pw"),
        (("auth", "login", "a.example", "--password", "pw"), b""),
    ],
)
def test_a_login_without_a_password_is_2(orlop: Orlop, arguments: tuple[str, ...], stdin: bytes) -> None:
    assert orlop(*arguments, stdin=stdin).status == 2


def test_the_environments_password_and_token_are_used(orlop: Orlop, hub: Profile) -> None:
    name = f"{hub.host}/team/app"
    for prefix in ("ORLOP", "DREDGE"):
        env = {f"{prefix}_USERNAME": "mary", f"{prefix}_PASSWORD": SECRET}
        assert orlop("tag", "list", name, env=env).text == "1\n"
    token = orlop("auth", "token", name, env={"ORLOP_USERNAME": "mary", "ORLOP_PASSWORD": SECRET}).text.strip()
    assert orlop("tag", "list", name, env={"ORLOP_TOKEN": token}).text == "1\n"
    assert orlop("tag", "list", name, env={"ORLOP_TOKEN": "wrong"}).status == 4


def test_a_token_out_of_a_file_may_end_its_line_and_is_one_word(orlop: Orlop, hub: Profile) -> None:
    name = f"{hub.host}/team/app"
    token = orlop("auth", "token", name, env={"ORLOP_USERNAME": "mary", "ORLOP_PASSWORD": SECRET}).text
    assert orlop("tag", "list", name, env={"ORLOP_TOKEN": f"{token.strip()}\r\n"}).text == "1\n"
    said = orlop("tag", "list", name, env={"ORLOP_TOKEN": "two\nlines"})
    assert said.notes == "orlop: 'ORLOP_TOKEN' is not usable: its value holds characters that no token has\n"
    assert said.status == 2


def test_the_environment_goes_before_the_files(orlop: Orlop, hub: Profile) -> None:
    login(orlop, hub.host)
    assert orlop("tag", "list", f"{hub.host}/team/app", env={"ORLOP_TOKEN": "wrong"}).status == 4


def test_the_environments_credentials_go_to_the_named_registry_only(orlop: Orlop, hub: Profile) -> None:
    with profile("basic", users=USERS) as other:
        push_now(image(), other.registry, "team/app", tags=["1"])
        orlop("settings", "set", f"hosts.{hub.host}.mirrors", other.host)
        env = {"ORLOP_USERNAME": "mary", "ORLOP_PASSWORD": SECRET}
        assert orlop("manifest", "digest", f"{hub.host}/team/app:1", env=env).status == 0
        assert other.requests
        assert all("authorization" not in request.headers for request in other.requests)


def test_a_token_and_its_header(orlop: Orlop, hub: Profile) -> None:
    login(orlop, hub.host)
    token = orlop("auth", "token", f"{hub.host}/team/app").text
    header = orlop("auth", "token", f"{hub.host}/team/app", "--header").text
    assert token.count("\n") == 1
    assert header.startswith("Authorization: Bearer ")
    assert token.count(".") == 2
    with start() as own:
        none = orlop("auth", "token", f"{own.host}/x")
        assert (none.status, none.text) == (0, "")


def test_no_token_without_the_sign_in_that_is_wanted_is_4(orlop: Orlop) -> None:
    with profile("basic", users=USERS) as other:
        said = orlop("auth", "token", f"{other.host}/x")
    assert (said.status, said.text) == (4, "")
    assert f"hint: sign in with: orlop auth login {other.host}" in said.notes


def test_a_login_to_what_is_no_registry_says_which_is(orlop: Orlop) -> None:
    said = login(orlop, "https://ghcr.io/owner")
    assert said.status == 2
    assert "is not the name of a registry" in said.notes
    assert "hint: leave out https://, and the path: ghcr.io" in said.notes


def test_the_environment_is_part_of_the_status(orlop: Orlop) -> None:
    said = orlop("auth", "status", env={"ORLOP_TOKEN": SECRET})
    assert "ORLOP_TOKEN" in said.text
    assert SECRET not in said.text + said.notes


def test_nothing_shows_a_secret_not_even_debug(orlop: Orlop, hub: Profile) -> None:
    env = {"ORLOP_USERNAME": "mary", "ORLOP_PASSWORD": SECRET}
    said = orlop("tag", "list", f"{hub.host}/team/app", "--debug", env=env)
    assert said.status == 0
    assert "< 401" in said.notes
    assert "Bearer ***" in said.notes
    assert SECRET not in said.notes
    assert base64.b64encode(f"mary:{SECRET}".encode()).decode() not in said.notes


def test_a_broken_config_file_is_9(orlop: Orlop, hub: Profile, home: Path) -> None:
    (home / ".docker").mkdir()
    (home / ".docker/config.json").write_text("{", "utf-8")
    said = orlop("tag", "list", f"{hub.host}/team/app")
    assert said.status == 9
    assert "config.json" in said.notes
