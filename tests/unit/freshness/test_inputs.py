"""Dockerfiles, Compose files and Kubernetes manifests as lists of images."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.errors import InputError
from orlop.freshness.inputs.dockerfile import read_dockerfile
from orlop.freshness.inputs.found import expand
from orlop.freshness.inputs.yamlfiles import read_compose, read_kubernetes

DOCKERFILE = """\
# syntax=docker/dockerfile:1.7
ARG PYTHON=3.12
ARG VARIANT
FROM --platform=$BUILDPLATFORM golang:1.23 AS build
RUN <<EOF
FROM not:this
EOF
RUN --mount=type=bind,from=busybox:1.36,target=/b echo \\
    # a comment in the middle

    FROM neither
FROM python:${PYTHON}-slim AS base
COPY --from=build /out /app
COPY --from=gcr.io/distroless/static /etc/passwd /etc/passwd
FROM base
CMD ["x"]
FROM scratch AS empty
"""


def test_stages_and_their_bases() -> None:
    found = read_dockerfile(DOCKERFILE, {"TARGETARCH": "arm64"})
    assert [(s.name, s.base.text if s.base else None, s.from_stage) for s in found.stages] == [
        ("build", "golang:1.23", None),
        ("base", "python:3.12-slim", None),
        ("", None, 1),
        ("empty", None, None),
    ]
    assert [stage.scratch for stage in found.stages] == [False, False, False, True]
    assert found.stages[0].line == 4


def test_the_base_of_a_stage_that_continues_another() -> None:
    found = read_dockerfile(DOCKERFILE)
    base = found.base_of("2")
    assert base is not None
    assert base.text == "python:3.12-slim"
    assert found.base_of("empty") is None


def test_build_inputs_are_told_apart() -> None:
    others = [one.text for one in read_dockerfile(DOCKERFILE).others]
    assert others == ["busybox:1.36", "gcr.io/distroless/static", "docker/dockerfile:1.7"]


def test_arguments_go_before_defaults() -> None:
    base = read_dockerfile(DOCKERFILE, {"PYTHON": "3.13"}).base_of("base")
    assert base is not None
    assert base.text == "python:3.13-slim"


def test_a_variable_without_a_value_is_a_problem_of_its_image_alone() -> None:
    found = read_dockerfile("ARG A\nFROM one:${A}\nFROM two:1\n")
    first, second = found.stages
    assert first.base is not None
    assert second.base is not None
    assert "no value for A" in first.base.problem
    assert second.base.problem == ""


def test_another_escape_character() -> None:
    found = read_dockerfile(
        "# escape=`\nFROM `\n  mcr.microsoft.com/windows/nanoserver:ltsc2022\nCOPY a c:\\\nFROM x\n"
    )
    assert found.stages[0].base is not None
    assert found.stages[0].base.text == "mcr.microsoft.com/windows/nanoserver:ltsc2022"
    assert len(found.stages) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no FROM"),
        ("RUN x\n", "no FROM"),
        ("FROM\n", "FROM takes an image"),
        ("FROM a b c d\n", "FROM takes an image"),
        ("FROM a\nRUN <<EOF\nno end\n", "has no end"),
        ("\x7fELF\x00\x01", "no FROM"),
    ],
)
def test_what_cannot_be_a_dockerfile(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_dockerfile(text)


def test_a_reference_that_is_none_is_a_problem() -> None:
    stage = read_dockerfile("FROM Not/Valid:\n").stages[0]
    assert stage.base is not None
    assert stage.base.problem


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$A", "1"),
        ("${A}", "1"),
        ("${B:-2}", "2"),
        ("${E:-2}", "2"),
        ("${E-2}", ""),
        ("${A:+x}", "x"),
        ("${B:+x}", ""),
        ("${B:-${A}}", "1"),
        ("$$A", "$A"),
        ("\\$A", "$A"),
        ("a-$A.b", "a-1.b"),
        ("$", "$"),
    ],
)
def test_variables(text: str, result: str) -> None:
    assert expand(text, {"A": "1", "E": ""}) == (result, [])


@given(st.text("FROMARG${}:-+\n\\ ab<\"'#=`", max_size=80))
def test_any_text_is_a_dockerfile_or_an_input_error(text: str) -> None:
    with contextlib.suppress(InputError):
        read_dockerfile(text)


COMPOSE = """\
services:
  web:
    image: nginx:${NGINX:-1.27}
    platform: linux/arm64
  db:
    image: postgres:16
  built:
    build: .
  broken:
    image: "x:${NONE}"
"""


def test_images_of_a_compose_file() -> None:
    found = read_compose(COMPOSE)
    assert [(one.text, one.where, one.platform) for one in found[:2]] == [
        ("nginx:1.27", "services.web", "linux/arm64"),
        ("postgres:16", "services.db", ""),
    ]
    assert "NONE" in found[2].problem


KUBERNETES = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      initContainers: [{name: init, image: busybox:1.36}]
      containers:
        - {name: app, image: ghcr.io/team/app:1.2}
        - {name: side, image: busybox:1.36}
---
kind: CronJob
metadata: {name: nightly}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: job, image: alpine:3.20}]}}}}}
---
kind: ConfigMap
data: {image: not/this}
"""


def test_images_of_kubernetes_manifests() -> None:
    found = read_kubernetes(KUBERNETES)
    assert [one.text for one in found] == ["busybox:1.36", "ghcr.io/team/app:1.2", "alpine:3.20"]
    assert found[0].where == "Deployment/web spec.template.spec.initContainers[init]"


@pytest.mark.parametrize(
    "text", ["a: [1", "\tx", "!!python/object/apply:os.system ['true']", "a: &a [*a]\nkind: x", "- " * 10_000]
)
def test_hostile_yaml_is_an_error_or_names_nothing(text: str) -> None:
    found = []
    with contextlib.suppress(InputError):
        found = read_kubernetes(text)
    assert found == []


def test_a_compose_file_without_services() -> None:
    with pytest.raises(InputError, match="no services"):
        read_compose("version: '3'\n")
