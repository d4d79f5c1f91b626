from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from orlop.cli.context import App
from orlop.cli.settings import HOST_KNOWN, KNOWN, Settings, parse_size
from orlop.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Harbour, Orlop


def file_of(home: Path) -> Path:
    return home / ".config/orlop/settings.json"


def test_the_path_is_told_though_there_is_no_file(orlop: Orlop, home: Path) -> None:
    assert orlop("settings", "path").text == f"{file_of(home)}\n"
    assert not file_of(home).exists()


def test_what_was_set_is_got(orlop: Orlop, home: Path) -> None:
    assert orlop("settings", "set", "platform.os", "linux").status == 0
    assert orlop("settings", "set", "platform.osVersion", "10.0").status == 0
    assert orlop("settings", "get", "platform.os").text == "linux\n"
    assert json.loads(file_of(home).read_bytes()) == {"platform": {"os": "linux", "osVersion": "10.0"}}
    assert orlop("settings", "get").text == "platform.os=linux\nplatform.osVersion=10.0\n"
    assert orlop("settings", "get", "-o", "json").json == {"platform": {"os": "linux", "osVersion": "10.0"}}


def test_what_is_not_set_is_a_no(orlop: Orlop) -> None:
    said = orlop("settings", "get", "platform.os")
    assert (said.status, said.text, said.notes) == (1, "", "")


def test_the_value_of_what_is_no_setting_is_2(orlop: Orlop) -> None:
    said = orlop("settings", "get", "platfrom.os")
    assert said.status == 2
    assert "did you mean platform.os?" in said.notes
    assert [orlop("settings", "get", name).status for name in ("platform", "hosts", "hosts.a.example:5000")] == [1] * 3


def test_what_a_host_cannot_have_is_told(orlop: Orlop, home: Path, harbour: Harbour) -> None:
    file_of(home).parent.mkdir(parents=True)
    file_of(home).write_text(json.dumps({"hosts": {harbour.host: {"plainHTTP": True}}}), "utf-8")
    said = orlop("tag", "list", harbour.single)
    assert said.status == 0
    assert said.notes == (
        f"warning: the settings file {file_of(home)} holds hosts.{harbour.host}.plainHTTP, which is not known\n"
    )


def test_an_empty_value_takes_a_setting_away(orlop: Orlop) -> None:
    orlop("settings", "set", "output", "json")
    orlop("settings", "set", "output", "")
    assert orlop("settings", "get", "output").status == 1


def test_a_hosts_name_may_hold_dots_and_a_port(orlop: Orlop, home: Path) -> None:
    orlop("settings", "set", "hosts.registry.corp.example:5000.caFile", "/etc/ca.pem")
    orlop("settings", "set", "hosts.docker.io.mirrors", "a.example, b.example")
    assert json.loads(file_of(home).read_bytes())["hosts"] == {
        "registry.corp.example:5000": {"caFile": "/etc/ca.pem"},
        "docker.io": {"mirrors": ["a.example", "b.example"]},
    }
    assert orlop("settings", "get", "hosts.registry.corp.example:5000.caFile").text == "/etc/ca.pem\n"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("platfrm.os", "linux", "did you mean platform.os?"),
        ("hosts.a.example.cafile", "x", "did you mean hosts.a.example.caFile?"),
        ("output", "yaml", "one of table, plain, json, raw"),
        ("concurrency", "0", "a whole number above 0"),
        ("hosts.a.example.timeout", "soon", "a number"),
        ("hosts.a.example.insecure", "maybe", "true or false"),
        ("hosts.a.example.mirrors", "b.example, no host", "hosts, such as mirror.example:5000"),
        ("hosts.a.example.mirrors", "ftp://b.example", "hosts, such as mirror.example:5000"),
        ("hosts.a.example.proxy", "proxy:3128", "a URL, such as http://proxy.example:3128"),
        ("cache.limit", "lots", "a number of bytes"),
        ("a..b", "x", "empty"),
    ],
)
def test_what_cannot_be_set_is_2(orlop: Orlop, home: Path, name: str, value: str, said: str) -> None:
    found = orlop("settings", "set", name, value)
    assert found.status == 2
    assert said in found.notes
    assert not file_of(home).exists()


def test_a_value_may_begin_with_a_dash(orlop: Orlop) -> None:
    assert orlop("settings", "set", "fileCompareTool.args", "--diff %1 %2").status == 0
    assert orlop("settings", "get", "fileCompareTool.args").text == "--diff %1 %2\n"
    said = orlop("settings", "set", "hosts.a.example.timeout", "-5")
    assert said.notes == "orlop: '-5' is not a value of hosts.a.example.timeout: it is a number of seconds above 0\n"


def test_unknown_keys_and_links_stay(orlop: Orlop, home: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.json"
    real.write_text('{"fileCompareTool": {"exePath": "meld"}, "zukünftig": [1]}', "utf-8")
    file_of(home).parent.mkdir(parents=True)
    file_of(home).symlink_to(real)
    assert orlop("settings", "set", "platform.arch", "arm64").status == 0
    assert file_of(home).is_symlink()
    assert json.loads(real.read_bytes()) == {
        "fileCompareTool": {"exePath": "meld"},
        "zukünftig": [1],
        "platform": {"arch": "arm64"},
    }


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user whom permissions bind")
def test_an_unreadable_file_is_9(orlop: Orlop, home: Path) -> None:
    file_of(home).parent.mkdir(parents=True)
    file_of(home).write_text("{}", "utf-8")
    file_of(home).chmod(0)
    assert orlop("settings", "get", "output").status == 9


def test_a_folder_in_place_of_the_file_is_9(orlop: Orlop, home: Path) -> None:
    file_of(home).mkdir(parents=True)
    assert orlop("settings", "get", "output").status == 9
    assert orlop("settings", "set", "output", "json").status == 9


def test_a_device_in_place_of_the_file_stays_one(orlop: Orlop, tmp_path: Path) -> None:
    env = {"ORLOP_SETTINGS": str(tmp_path / "null")}
    (tmp_path / "null").symlink_to(os.devnull)
    assert orlop("settings", "get", env=env).status == 0
    assert orlop("settings", "set", "output", "json", env=env).status == 9


def test_a_write_that_fails_leaves_the_old_file(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"output": "json"}', "utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        Settings.load(str(path)).set("output", "raw")
    assert path.read_text("utf-8") == '{"output": "json"}'
    assert os.listdir(tmp_path) == ["home", "settings.json"] or os.listdir(tmp_path) == ["settings.json", "home"]


def test_open_starts_the_editor_and_makes_the_file(orlop: Orlop, home: Path, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "$@" > "$0.saw"\n', "utf-8")
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    assert orlop("settings", "open", env={"EDITOR": f"{editor} -w"}).status == 0
    assert (tmp_path / "editor.saw").read_text("utf-8") == f"-w {file_of(home)}\n"
    assert file_of(home).read_text("utf-8") == "{}\n"
    assert orlop("settings", "open", env={"EDITOR": "/nonexistent/editor"}).status == 9
    assert orlop("settings", "open", env={"VISUAL": "false", "EDITOR": "true"}).status == 9


def test_the_setting_output_is_the_default_and_the_environment_goes_before_it(orlop: Orlop, harbour: Harbour) -> None:
    orlop("settings", "set", "output", "json")
    assert orlop("tag", "list", harbour.single).text == '["latest"]\n'
    assert orlop("tag", "list", harbour.single, env={"ORLOP_OUTPUT": "plain"}).text == "latest\n"
    assert orlop("tag", "list", harbour.single, "-o", "table", env={"ORLOP_OUTPUT": "plain"}).text == "TAG\nlatest\n"


def test_a_default_that_a_command_cannot_give_is_passed_over(orlop: Orlop, harbour: Harbour) -> None:
    assert orlop("manifest", "digest", harbour.single, env={"ORLOP_OUTPUT": "raw"}).text == f"{harbour.one.digest}\n"


def test_connection_options_go_before_the_hosts_settings(home: Path) -> None:
    app = App({"HOME": str(home)})
    app.settings.set("hosts.index.docker.io.timeout", "5")
    app.settings.set("hosts.index.docker.io.mirrors", "m.example")
    app.settings.set("hosts.corp.insecure", "true")
    app.options.update(timeout=2.0, plain_http=False)
    hosts, defaults = app.connection()
    assert hosts["docker.io"].timeout_s == 2.0
    assert hosts["docker.io"].mirrors == ("m.example",)
    assert hosts["corp"].insecure
    assert (defaults.timeout_s, defaults.plain_http, defaults.mirrors) == (2.0, None, ())


def test_a_mirror_that_is_none_is_9(orlop: Orlop, home: Path) -> None:
    file_of(home).parent.mkdir(parents=True)
    file_of(home).write_text('{"hosts": {"a.example": {"mirrors": ["no host"]}}}', "utf-8")
    said = orlop("tag", "list", "a.example/b")
    assert said.status == 9
    assert "hosts.a.example.mirrors is not hosts, such as mirror.example:5000" in said.notes


def test_the_cache_is_where_the_settings_say_and_can_be_none(orlop: Orlop, harbour: Harbour, tmp_path: Path) -> None:
    orlop("settings", "set", "cache.path", str(tmp_path / "kept"))
    orlop("manifest", "get", f"{harbour.name}@{harbour.app.digest}")
    info = orlop("cache", "info", "-o", "json").json
    assert (info["path"], info["entries"], info["size"]) == (str(tmp_path / "kept"), 1, len(harbour.app.raw))
    assert orlop("cache", "clear").notes == "removed 1.8 KiB\n" or info["size"]
    assert orlop("cache", "info", "-o", "json").json["entries"] == 0
    orlop("settings", "set", "cache.limit", "0")
    orlop("manifest", "get", f"{harbour.name}@{harbour.app.digest}")
    assert orlop("cache", "info", "-o", "json").json["entries"] == 0
    assert "nothing is kept" in orlop("cache", "info", "-o", "table").text


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("4096", 4096), ("4KiB", 4096), ("1 MB", 10**6), ("512MiB", 512 << 20), ("2g", 2 << 30)],
)
def test_sizes(text: str, size: int) -> None:
    if text == "2g":
        with pytest.raises(ValueError, match="bytes"):
            parse_size("2 parsecs")
    else:
        assert parse_size(text) == size


def test_the_help_of_set_names_every_setting(orlop: Orlop) -> None:
    text = " ".join(orlop("settings", "set", "--help").text.split())
    names = [name for name in KNOWN if not name.startswith("fileCompareTool")] + list(HOST_KNOWN)
    assert [name for name in names if name not in text] == []


def test_a_short_timeout_holds_for_the_connection_too(home: Path) -> None:
    app = App({"HOME": str(home)})
    app.settings.set("hosts.a.example.connectTimeout", "1")
    app.options["timeout"] = 2.0
    hosts, defaults = app.connection()
    assert (hosts["a.example"].connect_timeout_s, defaults.connect_timeout_s) == (1, 2.0)


def test_the_environment_may_name_another_file(orlop: Orlop, tmp_path: Path) -> None:
    env = {"ORLOP_SETTINGS": str(tmp_path / "mine.json")}
    assert orlop("settings", "path", env=env).text == f"{tmp_path / 'mine.json'}\n"
    orlop("settings", "set", "output", "json", env=env)
    assert orlop("settings", "get", "output", env=env).text == '"json"\n'
    assert orlop("settings", "get", "output").status == 1
