"""``orlop image check`` of what files name: Dockerfiles, Compose files, Kubernetes manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orlop.model.annotations import BASE_DIGEST, BASE_NAME
from orlop.testing import registry as start
from orlop.testing.builders import image, index, push_now
from orlop.testing.layers import layer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Orlop


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    """A registry: team/python:1 is built on what team/debian:1 was, team/golang:1 says nothing, team/app:1 is of two platforms."""
    below, other = layer({"a": b"old"}, compression="gzip"), layer({"a": b"new"}, compression="gzip")
    top = layer({"python": b"python"}, compression="gzip")
    old, new = image([below], platform="linux/amd64"), image([other], platform="linux/amd64")
    with start() as running:
        notes = {BASE_NAME: f"{running.host}/team/debian:1", BASE_DIGEST: old.digest.value}
        push_now(old, running, "team/debian", tags=["1"])
        push_now(new, running, "team/debian", tags=["1"])
        push_now(image([below, top], platform="linux/amd64", annotations=notes), running, "team/python", tags=["1"])
        push_now(image([other, top], platform="linux/amd64"), running, "team/golang", tags=["1"])
        platforms = [image([below, top], platform=text, annotations=notes) for text in ("linux/amd64", "linux/arm64")]
        push_now(index(platforms), running, "team/app", tags=["1"])
        yield running.host


@pytest.fixture
def check(orlop: Orlop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, **more: Any) -> Any:
        return orlop("image", "check", "--ordered", *arguments, **more)

    return call


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return name


def test_the_images_of_a_dockerfile_are_checked_with_their_lines(check: Any, host: str, tmp_path: Path) -> None:
    text = f"ARG V=1\nFROM {host}/team/golang:$V AS build\nRUN x\nFROM {host}/team/python:${{V}}\nCOPY --from=build /x /x\n"
    said = check("--dockerfile", write(tmp_path, "Dockerfile", text))
    assert [(line["reference"], line["state"], line["where"]) for line in said.lines] == [
        (f"{host}/team/golang:1", "unknown", {"file": "Dockerfile", "line": 2}),
        (f"{host}/team/python:1", "stale", {"file": "Dockerfile", "line": 4}),
    ]
    assert said.status == 1


def test_one_stage_alone(check: Any, host: str, tmp_path: Path) -> None:
    text = f"FROM {host}/team/golang:1 AS build\nFROM build AS more\nFROM {host}/team/python:1\n"
    said = check("--dockerfile", write(tmp_path, "Dockerfile", text), "--target", "more")
    assert [line["reference"] for line in said.lines] == [f"{host}/team/golang:1"]


def test_build_arguments_go_before_defaults(check: Any, host: str, tmp_path: Path) -> None:
    text = f"ARG NAME=nothing\nFROM {host}/team/$NAME:1\n"
    said = check("--dockerfile", write(tmp_path, "Dockerfile", text), "--build-arg", "NAME=python")
    assert said.lines[0]["reference"] == f"{host}/team/python:1"


def test_an_argument_without_a_value_is_an_error_of_its_line(check: Any, host: str, tmp_path: Path) -> None:
    text = f"ARG NAME\nFROM $NAME\nFROM {host}/team/golang:1\n"
    said = check("--dockerfile", write(tmp_path, "Dockerfile", text))
    assert said.status == 2
    errors = {line["reference"]: line["error"]["message"] for line in said.lines if "error" in line}
    assert list(errors) == ["$NAME"]
    assert "line 2: no value for NAME: give it with --build-arg" in errors["$NAME"]


@pytest.mark.parametrize("text", ["", "RUN x\n", "FROM\n", "FROM a b c d\n", "FROM x\nRUN <<END\n", "\x00\x01"])
def test_a_dockerfile_that_cannot_be_parsed_is_status_2(check: Any, tmp_path: Path, text: str) -> None:
    said = check("--dockerfile", write(tmp_path, "Dockerfile", text))
    assert (said.status, said.raw) == (2, b"")
    assert "Dockerfile" in said.notes


def test_a_dockerfile_that_is_no_text_is_status_2(check: Any, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_bytes(b"FROM \xff\xfe\n")
    assert check("--dockerfile", "Dockerfile").status == 2


def test_a_file_that_is_not_there_is_an_error(check: Any) -> None:
    said = check("--dockerfile", "nowhere")
    assert (said.status, said.raw) == (9, b"")
    assert "nowhere: cannot be read" in said.notes


def test_a_target_is_compared_with_its_dockerfiles_base(check: Any, host: str, tmp_path: Path) -> None:
    name = write(tmp_path, "Dockerfile", f"FROM {host}/team/golang:1 AS build\nFROM {host}/team/debian:1\n")
    said = check(f"{host}/team/python:1", "--dockerfile", name, "--output", "json")
    (one,) = said.json["platforms"]
    assert (one["state"], one["base"]["reference"]) == ("stale", f"{host}/team/debian:1")
    said = check(f"{host}/team/golang:1", "--dockerfile", name, "--output", "json")
    assert said.json["platforms"][0]["state"] == "fresh"


def test_a_target_of_a_dockerfile_from_scratch_finds_its_own_base(check: Any, host: str, tmp_path: Path) -> None:
    name = write(tmp_path, "Dockerfile", "FROM scratch\n")
    assert check(f"{host}/team/golang:1", "--dockerfile", name).status == 10


def test_a_dockerfile_may_come_from_a_pipe(check: Any, host: str) -> None:
    said = check("--dockerfile", "-", stdin=f"FROM {host}/team/python:1\n".encode())
    assert said.status == 1


def test_the_images_of_a_compose_file(check: Any, host: str, tmp_path: Path) -> None:
    text = (
        "services:\n"
        f"  web: {{image: '{host}/team/app:1', platform: linux/arm64}}\n"
        f"  job: {{image: '{host}/team/python:${{VERSION:-9}}'}}\n"
        f"  again: {{image: '{host}/team/python:${{VERSION:-9}}'}}\n"
        "  built: {build: .}\n"
    )
    write(tmp_path, ".env", "export VERSION='1'\n# comment\n")
    said = check("--compose", write(tmp_path, "compose.yaml", text))
    found = {line["where"]["inside"]: line for line in said.lines}
    assert set(found) == {"services.web", "services.job", "services.again"}
    assert [one["platform"] for one in found["services.web"]["platforms"]] == ["linux/arm64/v8"]
    assert found["services.again"]["state"] == "stale"


def test_the_environment_goes_before_the_env_file(check: Any, host: str, tmp_path: Path) -> None:
    write(tmp_path, ".env", "VERSION=9\n")
    name = write(tmp_path, "compose.yaml", f"services: {{a: {{image: '{host}/team/python:$VERSION'}}}}\n")
    assert check("--compose", name, env={"VERSION": "1"}).status == 1
    assert check("--compose", name).status == 3


def test_an_image_that_is_named_twice_is_asked_for_once(check: Any, tmp_path: Path) -> None:
    with start() as running:
        push_now(image([layer({"a": b"a"})]), running, "team/one", tags=["1"])
        text = "services:\n" + "".join(f"  s{n}: {{image: '{running.host}/team/one:1'}}\n" for n in range(20))
        said = check("--compose", write(tmp_path, "compose.yaml", text))
        assert len(said.lines) == 20
        assert sum(one.path.endswith("/manifests/1") for one in running.requests) == 1


def test_the_images_of_kubernetes_manifests(check: Any, host: str, tmp_path: Path) -> None:
    text = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {"
        f"initContainers: [{{name: init, image: '{host}/team/golang:1'}}],"
        f"containers: [{{name: app, image: '{host}/team/python:1'}}]}}}}}}\n---\nkind: ConfigMap\n"
    )
    said = check("--kubernetes", write(tmp_path, "k8s.yaml", text))
    assert {line["where"]["inside"]: line["state"] for line in said.lines} == {
        "Deployment/web spec.template.spec.initContainers[init]": "unknown",
        "Deployment/web spec.template.spec.containers[app]": "stale",
    }


@pytest.mark.parametrize("option", ["--compose", "--kubernetes"])
def test_what_is_no_yaml_is_status_2(check: Any, tmp_path: Path, option: str) -> None:
    assert check(option, write(tmp_path, "x.yaml", "a: [\n")).status == 2


def test_files_of_several_kinds_go_together(check: Any, host: str, tmp_path: Path) -> None:
    docker = write(tmp_path, "Dockerfile", f"FROM {host}/team/python:1\n")
    compose = write(tmp_path, "compose.yaml", f"services: {{a: {{image: '{host}/team/golang:1'}}}}\n")
    said = check("--dockerfile", docker, "--compose", compose, "--summary", "markdown")
    assert "in `Dockerfile:1`" in said.text
    assert "in `compose.yaml services.a`" in said.text


def test_annotations_point_into_the_dockerfile(check: Any, host: str, tmp_path: Path) -> None:
    docker = write(tmp_path, "Dockerfile", f"# base\nFROM {host}/team/python:1\n")
    said = check("--dockerfile", docker, "--summary", "github")
    assert "file=Dockerfile,line=2::" in said.notes
