from __future__ import annotations

import json

import pytest

from orlop.errors import DigestMismatchError, InvalidManifestError
from orlop.model.digest import Digest
from orlop.model.imageconfig import HistoryEntry, ImageConfig, PluginConfig, parse_config
from orlop.model.mediatype import DOCKER_PLUGIN_CONFIG
from orlop.model.platform import Platform

LAYER = Digest.of(b"layer")
FULL: dict[str, object] = {
    "architecture": "arm64",
    "os": "linux",
    "variant": "v8",
    "created": "2024-01-02T03:04:05.678Z",
    "author": "someone",
    "config": {
        "User": "app",
        "Env": ["PATH=/bin", "A=b=c"],
        "Entrypoint": ["/entry"],
        "Cmd": ["run", "it"],
        "WorkingDir": "/app",
        "Labels": {"k": "v"},
        "ExposedPorts": {"80/tcp": {}, "443/tcp": {}},
        "Volumes": {"/data": {}},
        "StopSignal": "SIGINT",
    },
    "rootfs": {"type": "layers", "diff_ids": [LAYER.value]},
    "history": [
        {"created": "2024-01-01T00:00:00Z", "created_by": "ADD x", "author": "a", "comment": "c"},
        {"created_by": "CMD y", "empty_layer": True},
    ],
    "future": 1,
}


def parse(**fields: object) -> ImageConfig:
    return parse_config(json.dumps(fields).encode())


def test_a_config_says_what_it_runs_on_and_how_it_was_made() -> None:
    config = parse(**FULL)

    assert config.platform == Platform("linux", "arm64", "v8")
    assert (config.os, config.architecture, config.variant, config.os_version) == ("linux", "arm64", "v8", "")
    assert (config.created, config.author) == ("2024-01-02T03:04:05.678Z", "someone")
    assert config.history == [
        HistoryEntry("2024-01-01T00:00:00Z", "ADD x", "a", "c"),
        HistoryEntry(created_by="CMD y", empty_layer=True),
    ]
    assert config.diff_ids == [LAYER]


def test_a_config_says_how_it_runs() -> None:
    config = parse(**FULL)

    assert (config.user, config.working_dir, config.stop_signal) == ("app", "/app", "SIGINT")
    assert (config.entrypoint, config.cmd, config.env) == (["/entry"], ["run", "it"], ["PATH=/bin", "A=b=c"])
    assert config.labels == {"k": "v"}
    assert (config.exposed_ports, config.volumes) == (["80/tcp", "443/tcp"], ["/data"])


def test_the_raw_bytes_the_digest_and_unknown_fields_are_kept() -> None:
    raw = json.dumps(FULL, indent=5).encode()

    config = parse_config(raw, expected=Digest.of(raw))

    assert (config.raw, config.digest, config.size) == (raw, Digest.of(raw), len(raw))
    assert config.document["future"] == 1
    assert config == parse_config(raw)
    assert str(len(raw)) in repr(config)


def test_every_field_may_be_absent_or_null() -> None:
    nulls = parse(config=None, rootfs=None, history=None, os=None, architecture=None, created=None)
    inner = parse(config={"Labels": None, "Env": None, "Cmd": None, "Volumes": None}, rootfs={"diff_ids": None})

    for config in (parse(), nulls, inner):
        config.validate()
        assert config.platform is None
        assert (config.history, config.diff_ids, config.env, dict(config.labels)) == ([], [], [], {})


def test_a_windows_config_has_an_os_version() -> None:
    config = parse(os="windows", architecture="amd64", **{"os.version": "10.0.17763.1", "os.features": ["win32k"]})

    assert str(config.platform) == "windows(10.0.17763.1+win32k)/amd64"


@pytest.mark.parametrize(
    "fields",
    [
        {"os": 1},
        {"architecture": []},
        {"os": "a b", "architecture": "c"},
        {"created": 5},
        {"config": []},
        {"config": {"Env": "x"}},
        {"config": {"Env": [1]}},
        {"config": {"Labels": {"a": None}}},
        {"config": {"Labels": []}},
        {"config": {"User": 0}},
        {"config": {"ExposedPorts": ["80"]}},
        {"rootfs": []},
        {"rootfs": {"diff_ids": ["x"]}},
        {"rootfs": {"diff_ids": [1]}},
        {"history": {}},
        {"history": [1]},
        {"history": [{"created_by": 1}]},
        {"history": [{"empty_layer": "yes"}]},
        {"history": [{"empty_layer": 1}]},
    ],
)
def test_a_field_of_a_wrong_type_is_refused_when_it_is_touched(fields: dict[str, object]) -> None:
    config = parse(**fields)

    with pytest.raises(InvalidManifestError):
        config.validate()


@pytest.mark.parametrize("raw", [b"", b"[]", b"<html>", b'{"os":1,"os":2}', b"[" * 9000, b"\xff", b"null"])
def test_what_is_no_config_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidManifestError, match="config of x cannot be right"):
        parse_config(raw, what="config of x")


def test_a_wrong_digest_and_a_size_over_the_limit_are_refused() -> None:
    with pytest.raises(DigestMismatchError):
        parse_config(b"{}", expected=LAYER)
    with pytest.raises(InvalidManifestError, match="limit"):
        parse_config(b"{}", limit=1)


def test_a_plugin_config_is_one_by_its_media_type() -> None:
    raw = json.dumps(
        {
            "description": "d",
            "documentation": "https://x",
            "entrypoint": ["/plugin"],
            "env": [{"name": "DEBUG", "value": "0"}, {"name": "N", "value": None}],
            "interface": {"types": ["docker.volumedriver/1.0"], "socket": "p.sock"},
            "user": {"uid": 7},
            "workdir": "/w",
            "rootfs": {"type": "layers", "diff_ids": [LAYER.value]},
        }
    ).encode()

    config = parse_config(raw, DOCKER_PLUGIN_CONFIG)

    assert isinstance(config, PluginConfig)
    config.validate()
    assert (config.description, config.documentation, config.working_dir) == ("d", "https://x", "/w")
    assert config.entrypoint == ["/plugin"]
    assert config.interface_types == ["docker.volumedriver/1.0"]
    assert config.env == ["DEBUG=0", "N="]
    assert config.diff_ids == [LAYER]
    assert (config.platform, config.history) == (None, [])


def test_a_broken_plugin_environment_is_refused() -> None:
    values: list[object] = [{}, [1], [{"name": 1}]]
    for value in values:
        config = parse_config(json.dumps({"env": value}).encode(), DOCKER_PLUGIN_CONFIG)
        with pytest.raises(InvalidManifestError):
            config.validate()
