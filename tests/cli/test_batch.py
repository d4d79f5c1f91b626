from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from orlop.cli import batch
from orlop.cli.context import App
from orlop.testing import registry as start
from orlop.testing.builders import image, push_now

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Harbour, Orlop


def test_a_line_of_manifest_get(orlop: Orlop, harbour: Harbour) -> None:
    reference = f"{harbour.name}:latest"
    said = orlop("manifest", "get", reference, harbour.single, "--ordered")
    assert said.raw.count(b"\n") == 2
    assert said.lines[0] == {
        "reference": reference,
        "digest": str(harbour.app.digest),
        "kind": "index",
        "mediaType": harbour.app.descriptor.media_type,
        "size": len(harbour.app.raw),
        "manifest": harbour.app.document,
    }
    assert said.lines[1]["kind"] == "image"


def test_a_platform_in_a_batch(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("manifest", "get", f"{harbour.name}:latest", f"{harbour.name}:1.0.0", "--platform", "linux/arm64")
    assert {line["digest"] for line in said.lines} == {str(harbour.child("linux/arm64/v8").digest)}
    assert {line["kind"] for line in said.lines} == {"platform"}


def test_each_item_has_its_own_error_and_the_largest_status_counts(orlop: Orlop, harbour: Harbour) -> None:
    missing, invalid = f"{harbour.name}:none", "NO:such"
    said = orlop("manifest", "digest", missing, harbour.single, invalid, "--ordered")
    errors = [line.get("error") for line in said.lines]
    assert errors[0]["type"] == "ManifestNotFoundError"
    assert errors[0]["status"] == 3
    assert errors[0]["message"].startswith("manifest none is not in")
    assert "orlop tag list" in errors[0]["hint"]
    assert errors[1] is None
    assert errors[2]["type"] == "InvalidReferenceError"
    assert errors[2]["status"] == 2
    assert (said.status, said.notes) == (3, "")


def test_references_come_from_a_file(orlop: Orlop, harbour: Harbour, tmp_path: Path) -> None:
    file = tmp_path / "refs.txt"
    file.write_text(f"# references\n\n  {harbour.single}  \r\n{harbour.name}:latest\n", "utf-8")
    said = orlop("manifest", "digest", "--from-file", str(file), "--ordered")
    assert [line["reference"] for line in said.lines] == [harbour.single, f"{harbour.name}:latest"]


def test_references_come_from_standard_input(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("manifest", "digest", "--from-file", "-", stdin=f"{harbour.single}\n".encode())
    assert said.lines[0]["digest"] == str(harbour.one.digest)


def test_a_file_of_windows_is_read(orlop: Orlop, harbour: Harbour, tmp_path: Path) -> None:
    (tmp_path / "refs").write_bytes(b"\xef\xbb\xbf" + f"{harbour.single}\r\n".encode())
    said = orlop("manifest", "digest", "--from-file", str(tmp_path / "refs"))
    assert said.lines[0]["reference"] == harbour.single


def test_one_reference_in_a_file_is_a_batch_and_none_is_nothing(orlop: Orlop) -> None:
    assert (orlop("manifest", "digest", "--from-file", "-", stdin=b"#\n\n")).raw == b""


def test_what_is_not_utf8_is_an_error_of_its_line(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("manifest", "digest", "--from-file", "-", "--ordered", stdin=b"caf\xe9\n" + harbour.single.encode())
    assert said.lines[0]["reference"] == "caf\\xe9"
    assert said.lines[0]["error"]["type"] == "InvalidReferenceError"
    assert said.lines[1]["digest"] == str(harbour.one.digest)


def test_an_endless_line_is_cut(orlop: Orlop) -> None:
    said = orlop("manifest", "digest", "--from-file", "-", stdin=b"a" * 1_000_000 + b"\nb:\n")
    assert len(said.lines) == 2
    assert all(line["error"]["status"] == 2 for line in said.lines)
    assert len(said.raw) < 10_000


def test_ordered_keeps_the_order_and_nothing_is_lost(orlop: Orlop) -> None:
    with start() as own:
        tags = [f"t{n:03}" for n in range(300)]
        for n, tag in enumerate(tags):
            push_now(image(labels={"n": str(n)}), own, "x", tags=[tag])
        text = "".join(f"{own.host}/x:{tag}\n" for tag in tags).encode()
        ordered = orlop("manifest", "get", "--from-file", "-", "--ordered", "--concurrency", "5", stdin=text).lines
        assert [line["reference"].rpartition(":")[2] for line in ordered] == tags
        loose = orlop("manifest", "get", "--from-file", "-", "--concurrency", "7", stdin=text).lines
        assert sorted(line["reference"] for line in loose) == sorted(line["reference"] for line in ordered)


def test_a_template_makes_other_lines_and_errors_go_to_standard_error(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop(
        "manifest", "digest", harbour.single, f"{harbour.single}:no", "--ordered", "--format", "{reference}={digest}"
    )
    assert said.text == f"{harbour.single}={harbour.one.digest}\n"
    assert said.notes.startswith(f"orlop: {harbour.single}:no: manifest no is not in")
    assert said.status == 3


def test_another_output_is_refused_for_many_and_a_default_is_passed_over(orlop: Orlop, harbour: Harbour) -> None:
    assert orlop("manifest", "digest", harbour.single, harbour.single, "-o", "table").status == 2
    default = orlop("manifest", "digest", harbour.single, harbour.single, env={"ORLOP_OUTPUT": "table"})
    assert len(default.lines) == 2


def test_no_reference_and_both_ways_are_usage(orlop: Orlop, tmp_path: Path) -> None:
    file = tmp_path / "refs.txt"
    file.touch()
    assert orlop("manifest", "get").status == 2
    assert orlop("manifest", "get", "a", "--from-file", str(file)).status == 2
    missing = orlop("manifest", "get", "--from-file", str(tmp_path / "none"))
    assert (missing.status, "there is no file" in missing.notes) == (2, True)


@pytest.mark.parametrize("source", ["arguments", "file", "stdin"])
def test_credentials_of_the_environment_are_for_one_registry(
    orlop: Orlop, harbour: Harbour, tmp_path: Path, source: str
) -> None:
    refs = [harbour.single, "registry.example/a:1"]
    env = {"ORLOP_TOKEN": "not-a-secret"}
    before = len(harbour.registry.requests)
    if source == "arguments":
        said = orlop("manifest", "digest", *refs, env=env)
    elif source == "file":
        (tmp_path / "refs").write_text("\n".join(refs), "utf-8")
        said = orlop("manifest", "digest", "--from-file", str(tmp_path / "refs"), env=env)
    else:
        said = orlop("manifest", "digest", "--from-file", "-", env=env, stdin="\n".join(refs).encode())
    assert said.status == 2
    assert "ORLOP_TOKEN is for one registry" in said.notes
    assert "not-a-secret" not in said.notes + said.text
    if source != "stdin":
        assert (said.text, len(harbour.registry.requests)) == ("", before)


def test_dredges_password_is_refused_in_the_same_way(orlop: Orlop) -> None:
    env = {"DREDGE_USERNAME": "u", "DREDGE_PASSWORD": "p"}
    said = orlop("manifest", "digest", "a.example/a", "b.example/b", env=env)
    assert (said.status, "DREDGE_PASSWORD is for one registry" in said.notes) == (2, True)


def test_half_a_pair_is_told(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("manifest", "digest", harbour.single, env={"ORLOP_USERNAME": "u"})
    assert said.status == 2
    assert "ORLOP_PASSWORD is not set beside it" in said.notes


def test_lines_come_while_the_input_is_still_open(harbour: Harbour, home: Path) -> None:
    command = [sys.executable, "-m", "orlop", "manifest", "digest", "--from-file", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"HOME": str(home)}) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(f"{harbour.single}\n".encode())
        running.stdin.flush()
        assert json.loads(running.stdout.readline())["digest"] == str(harbour.one.digest)
        running.stdin.close()
    assert running.returncode == 0


def test_a_line_is_made_without_encoding_the_manifest_again(harbour: Harbour) -> None:
    raw = b'{\n  "a": "\\u00e9",\r\n\t"b": 1\n}'
    line = batch.quote("r")
    assert line == b'"r"'
    from orlop.cli.commands.manifest import _document_line
    from orlop.model.manifest import parse_manifest

    made = _document_line("r", (parse_manifest(raw), "unknown"))
    assert b"\n" not in made
    assert b"\r" not in made
    assert json.loads(b"{" + made + b"}")["manifest"] == {"a": "\u00e9", "b": 1}


def test_concurrency_of_the_settings_is_the_default(home: Path) -> None:
    app = App({"HOME": str(home)})
    app.settings.set("concurrency", "3")
    assert App({"HOME": str(home)}).concurrency == 3
