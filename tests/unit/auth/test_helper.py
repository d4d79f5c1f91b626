from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orlop.auth.credential import Credential
from orlop.auth.helper import OUTPUT_LIMIT, Helper, HelperAbsentError
from orlop.errors import CredentialError

MakeHelper = Callable[[str, str], dict[str, str]]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the helpers of these tests are shell scripts")

GIVES = """printf '{"ServerURL":"x","Username":"%s","Secret":"%s"}' """


def helper(make: MakeHelper, body: str, *, timeout_s: float = 10) -> Helper:
    return Helper("fake", environ=make("fake", body), timeout_s=timeout_s)


def test_get_reads_the_address_and_gives_the_credential(make_helper: MakeHelper) -> None:
    got = helper(make_helper, f'read address; [ "$1" = get ] && {GIVES} me "secret-of-$address"').get("example.com")
    assert got == Credential("me", "secret-of-example.com", source="docker-credential-fake")


def test_the_token_user_means_an_identity_token(make_helper: MakeHelper) -> None:
    got = helper(make_helper, f"{GIVES} '<token>' idt").get("example.com")
    assert got is not None
    assert (got.identity_token, got.password) == ("idt", "")


@pytest.mark.parametrize("where", ["", " >&2"])
def test_not_found_is_no_credential(make_helper: MakeHelper, where: str) -> None:
    body = f"echo 'credentials not found in native keychain'{where}; exit 1"
    if where:
        with pytest.raises(CredentialError):  # the protocol has it on standard output
            helper(make_helper, body).get("example.com")
    else:
        assert helper(make_helper, body).get("example.com") is None


def test_an_empty_secret_is_no_credential(make_helper: MakeHelper) -> None:
    assert helper(make_helper, f"{GIVES} '' ''").get("example.com") is None


def test_a_helper_is_started_once_for_an_address(make_helper: MakeHelper, tmp_path: Path) -> None:
    one = helper(make_helper, f"echo x >> {tmp_path}/count; {GIVES} me s")
    for _ in range(3):
        one.get("example.com")
    assert (tmp_path / "count").read_text() == "x\n"


def test_a_failure_is_remembered_as_well(make_helper: MakeHelper, tmp_path: Path) -> None:
    one = helper(make_helper, f"echo x >> {tmp_path}/count; exit 3")
    for _ in range(3):
        with pytest.raises(CredentialError, match="docker-credential-fake get failed with exit status 3"):
            one.get("example.com")
    assert (tmp_path / "count").read_text() == "x\n"


@pytest.mark.parametrize(
    "body",
    [
        "echo hunter2; echo hunter2 >&2; exit 1",
        "echo hunter2",
        'echo \'{"Secret": "hunter2"}\'',
        'echo \'{"Username": 7, "Secret": "hunter2"}\'',
        "echo '[\"hunter2\"]'",
        "printf 'hunter2\\377'",
        "kill -9 $$",
        "exit 0",
    ],
)
def test_garbage_is_an_error_that_shows_none_of_it(make_helper: MakeHelper, body: str) -> None:
    with pytest.raises(CredentialError) as caught:
        helper(make_helper, body).get("example.com")
    assert "docker-credential-fake" in str(caught.value)
    assert "hunter2" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__} {caught.value.__context__}"


def test_a_helper_that_hangs_is_ended_with_its_children(make_helper: MakeHelper, tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="did not end within 1 s"):
        helper(make_helper, f"sleep 60 & echo $! > {tmp_path}/pid; wait", timeout_s=1.0).get("example.com")

    child = Path("/proc", (tmp_path / "pid").read_text().strip(), "stat")
    deadline = time.monotonic() + 10
    while child.exists() and child.read_text().split()[2] != "Z" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert time.monotonic() < deadline


def test_a_helper_that_closes_its_output_and_hangs_is_ended_too(make_helper: MakeHelper) -> None:
    with pytest.raises(CredentialError, match="did not end"):
        helper(make_helper, "exec >&-; exec sleep 60", timeout_s=0.2).get("example.com")


def test_endless_output_is_cut(make_helper: MakeHelper) -> None:
    with pytest.raises(CredentialError, match=f"printed more than {OUTPUT_LIMIT} bytes"):
        helper(make_helper, "exec yes").get("example.com")


def test_a_helper_that_reads_nothing_is_no_error(make_helper: MakeHelper) -> None:
    one = helper(make_helper, f"exec <&-; {GIVES} me s")
    assert one.get("x" * 200_000) is not None


def test_a_helper_that_is_not_there_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(HelperAbsentError, match="docker-credential-desktop is not on the PATH"):
        Helper("desktop", environ={"PATH": str(tmp_path)}).get("example.com")


def test_a_helper_that_cannot_run_is_an_error(make_helper: MakeHelper, tmp_path: Path) -> None:
    environ = make_helper("fake", "")
    (tmp_path / "bin" / "docker-credential-fake").write_bytes(b"\x7fELF no program")
    with pytest.raises(CredentialError, match="could not be started"):
        Helper("fake", environ=environ).get("example.com")


@pytest.mark.parametrize("name", ["../evil", "a/b", "", "-x", "a b", "a\n"])
def test_a_name_that_is_a_path_is_refused(name: str) -> None:
    with pytest.raises(CredentialError, match="cannot be the name"):
        Helper(name, environ={}).get("example.com")


def test_store_hands_over_the_secret_on_standard_input(make_helper: MakeHelper, tmp_path: Path) -> None:
    helper(make_helper, f'echo "$*" > {tmp_path}/verb; cat > {tmp_path}/input').store("example.com", "me", 'p"w')

    assert (tmp_path / "verb").read_text() == "store\n"
    assert json.loads((tmp_path / "input").read_text()) == {
        "ServerURL": "example.com",
        "Username": "me",
        "Secret": 'p"w',
    }


def test_a_store_that_fails_is_an_error(make_helper: MakeHelper) -> None:
    with pytest.raises(CredentialError, match="store failed with exit status 1"):
        helper(make_helper, "cat; exit 1").store("example.com", "me", "hunter2")


def test_erase_tells_whether_there_was_something(make_helper: MakeHelper) -> None:
    assert helper(make_helper, "exit 0").erase("example.com")
    assert not helper(make_helper, "echo 'credentials not found in native keychain'; exit 1").erase("example.com")


def test_list_gives_user_names(make_helper: MakeHelper) -> None:
    body = """[ "$1" = list ] && echo '{"https://index.docker.io/v1/": "me", "bad": 7}'"""
    assert helper(make_helper, body).list() == {"https://index.docker.io/v1/": "me"}


def test_a_list_of_garbage_is_an_error(make_helper: MakeHelper) -> None:
    with pytest.raises(CredentialError, match="not a JSON object"):
        helper(make_helper, "echo nonsense").list()


def test_the_environment_is_the_given_one(make_helper: MakeHelper) -> None:
    environ = {**make_helper("fake", f'{GIVES} me "$ONLY-${{HOME-none}}"'), "ONLY": "this"}
    got = Helper("fake", environ=environ).get("example.com")
    assert got is not None
    assert got.password == "this-none"
