"""``orlop image check``: states, reasons, outputs, exit statuses, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from orlop.model.annotations import BASE_DIGEST, BASE_NAME
from orlop.testing import registry as start
from orlop.testing.builders import Built, image, index, push_now
from orlop.testing.layers import layer
from orlop.testing.scripted import Step, answer, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Orlop

AMD64, ARM64 = "linux/amd64", "linux/arm64/v8"
SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
DPKG = (
    "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: {}\n\n"
    "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5\n\n"
)
OS = b"ID=debian\nVERSION_ID=10\nPRETTY_NAME=Debian 10\n"


def made(*layers: Any, platform: str = AMD64, **more: Any) -> Built:
    return image(list(layers), platform=platform, **more)


def root(libc: str) -> Any:
    files = {"etc/os-release": OS, "var/lib/dpkg/status": DPKG.format(libc).encode()}
    return layer(files, compression="gzip")


@dataclass
class Dock:
    """A registry: base:3.9 has moved for amd64 alone, and app is built on what it was."""

    host: str
    old: dict[str, Built]
    new: dict[str, Built]

    @property
    def base(self) -> str:
        return f"{self.host}/team/base"

    @property
    def app(self) -> str:
        return f"{self.host}/team/app"


@pytest.fixture(scope="module")
def dock() -> Iterator[Dock]:
    top = layer({"app": b"app"}, compression="gzip")
    old = {platform: made(root("2.36-9"), platform=platform) for platform in (AMD64, ARM64)}
    new = {AMD64: made(root("2.36-10")), ARM64: old[ARM64]}
    with start() as running:
        host = running.host

        def on(tag: str, platform: str = AMD64) -> Built:
            notes = {BASE_NAME: f"{host}/team/base:{tag}", BASE_DIGEST: old[platform].digest.value}
            return made(*old[platform].layers, top, platform=platform, annotations=notes)

        push_now(index(list(old.values())), running, "team/base", tags=["3.9"])
        push_now(index(list(new.values())), running, "team/base", tags=["3.9", "3.10"])
        push_now(index([on("3.9"), on("3.9", ARM64)]), running, "team/app", tags=["1.0", "1.1"])
        push_now(on("3.9", ARM64), running, "team/app", tags=["fresh"])
        push_now(on("gone"), running, "team/app", tags=["orphan"])
        push_now(made(layer({"own": b"own"})), running, "team/app", tags=["plain"])
        yield Dock(host, old, new)


@pytest.fixture
def check(orlop: Orlop) -> Any:
    def call(*arguments: str, **more: Any) -> Any:
        return orlop("image", "check", *arguments, **more)

    return call


# --- states and exit statuses ------------------------------------------------------------------------------


def test_a_moved_base_is_stale_on_its_platform_alone(check: Any, dock: Dock) -> None:
    said = check(f"{dock.app}:1.0", "--output", "json")
    assert said.status == 1
    found = {one["platform"]: (one["state"], one["reason"]) for one in said.json["platforms"]}
    assert found == {AMD64: ("stale", "layers"), ARM64: ("fresh", "same-base")}
    assert said.json["state"] == "stale"


def test_v4_fresh_is_0(check: Any, dock: Dock) -> None:
    assert check(f"{dock.app}:fresh").status == 0


def test_v4_undecided_is_10(check: Any, dock: Dock) -> None:
    said = check(f"{dock.app}:plain", "--output", "json")
    assert (said.status, said.json["state"], said.json["platforms"][0]["reason"]) == (10, "unknown", "no-evidence")


@pytest.mark.parametrize(("given", "status"), [("fresh", 0), ("stale", 1)])
def test_v4_undecided_counts_as_what_is_said(check: Any, dock: Dock, given: str, status: int) -> None:
    said = check(f"{dock.app}:plain", "--unknown-as", given, "--output", "json")
    assert (said.status, said.json["state"]) == (status, "unknown")


def test_v4_what_cannot_be_asked_has_the_status_of_its_family(check: Any, dock: Dock) -> None:
    said = check(f"{dock.app}:nope")
    assert (said.status, said.raw) == (3, b"")
    assert "manifest nope is not in" in said.notes


def test_v9_a_base_given_by_hand_that_is_not_there_is_an_error(check: Any, dock: Dock) -> None:
    said = check(f"{dock.app}:1.0", f"{dock.base}:nope")
    assert said.status == 3
    assert "manifest nope is not in" in said.notes


def test_v9_a_declared_base_whose_tag_is_gone_is_stale(check: Any, dock: Dock) -> None:
    said = check(f"{dock.app}:orphan", "--output", "json")
    assert (said.status, said.json["platforms"][0]["reason"]) == (1, "base-retagged-away")


def test_v9_a_declared_base_that_cannot_be_asked_is_not_replaced_by_a_known_one(check: Any, dock: Dock) -> None:
    with start() as running:
        base = made(root("1"))
        push_now(base, running, "known", tags=["1"])
        for name, on in (("first", f"{running.host}/known:1"), ("down", "127.0.0.1:1/base:1")):
            app = made(*base.layers, layer({"a": name.encode()}), annotations={BASE_NAME: on})
            push_now(app, running, "app", tags=[name])
        assert check(f"{running.host}/app:first").status == 0
        said = check(f"{running.host}/app:down", "--output", "json")
        assert (said.status, said.json["platforms"][0]["reason"]) == (6, "base-unreadable")


def test_a_base_may_be_given(check: Any, dock: Dock) -> None:
    assert check(f"{dock.app}:1.0", f"{dock.base}:3.9").status == 1
    assert check(f"{dock.app}:fresh", f"{dock.base}:3.9").status == 0
    assert check(f"{dock.app}:fresh", "--base", f"{dock.base}:3.9").status == 0


def test_one_platform_alone_can_be_asked_for(check: Any, dock: Dock) -> None:
    said = check(f"{dock.app}:1.0", "--platform", "linux/arm64", "--output", "json")
    assert (said.status, [one["platform"] for one in said.json["platforms"]]) == (0, [ARM64])
    assert check(f"{dock.app}:1.0", "--arch", "amd64").status == 1


def test_a_platform_that_is_not_there_is_an_error(check: Any, dock: Dock) -> None:
    assert check(f"{dock.app}:1.0", "--platform", "linux/s390x").status == 2


# --- outputs -------------------------------------------------------------------------------------------------


def test_plain_is_a_line_for_each_platform(check: Any, dock: Dock) -> None:
    rows = [line.split("\t") for line in check(f"{dock.app}:1.0").text.splitlines()]
    old, new = dock.old[AMD64].digest.value, dock.new[AMD64].digest.value
    assert rows[0] == [AMD64, "stale", "layers", f"{dock.base}:3.9", old, new]
    assert rows[1][:3] == [ARM64, "fresh", "same-base"]


def test_a_table_says_state_reason_and_base_in_words(check: Any, dock: Dock) -> None:
    said = check(f"{dock.app}:1.0", "--output", "table")
    lines = [line.split("  ") for line in said.text.splitlines()]
    rows = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert ["State", "stale"] in rows
    assert [AMD64, "stale", "the base has other layers now", f"{dock.base}:3.9"] in [row[:4] for row in rows]
    assert ["all", "evidence", f"annotation {dock.base}:3.9 (confirmed)"] in rows


def test_json_has_everything(check: Any, dock: Dock) -> None:
    said = check(f"{dock.app}:1.0", "--output", "json").json
    one = said["platforms"][0]
    assert said["reference"] == f"{dock.app}:1.0"
    assert said["digest"].startswith("sha256:")
    assert one["thenDigest"] == dock.old[AMD64].digest.value
    assert one["nowDigest"] == dock.new[AMD64].digest.value
    assert one["base"]["reference"] == f"{dock.base}:3.9"
    assert (one["evidence"][0]["kind"], one["evidence"][0]["binding"]) == ("annotation", "confirmed")


def test_a_template_is_filled_for_each_platform(check: Any, dock: Dock) -> None:
    said = check(f"{dock.app}:1.0", "--format", "{platform} {state} {base.reference}")
    assert said.text.splitlines() == [f"{AMD64} stale {dock.base}:3.9", f"{ARM64} fresh {dock.base}:3.9"]


def test_quiet_says_nothing(check: Any, dock: Dock) -> None:
    said = check(f"{dock.app}:1.0", "--quiet")
    assert (said.status, said.raw, said.notes) == (1, b"", "")


def test_the_second_run_remembers(check: Any, dock: Dock) -> None:
    check(f"{dock.app}:1.0")
    assert check(f"{dock.app}:1.0", "--output", "json").json["platforms"][0]["remembered"] is True


def test_observations_may_be_off(check: Any, dock: Dock, home: Path) -> None:
    for _ in range(2):
        said = check(f"{dock.app}:1.0", "--observations", "off", "--output", "json")
        assert "remembered" not in said.json["platforms"][0]
    assert not (home / ".local").exists()


def test_observations_may_be_elsewhere(check: Any, dock: Dock, tmp_path: Path) -> None:
    check(f"{dock.app}:1.0", "--observations", str(tmp_path / "seen.db"))
    assert (tmp_path / "seen.db").exists()


def test_without_a_folder_for_data_the_check_goes_on(check: Any, dock: Dock, home: Path) -> None:
    (home / ".local").write_text("a file where a folder is wanted")
    said = check(f"{dock.app}:1.0")
    assert said.status == 1
    assert "nothing is remembered" in said.notes


def test_a_broken_file_of_observations_that_is_named_is_an_error(check: Any, dock: Dock, tmp_path: Path) -> None:
    (tmp_path / "seen.db").write_bytes(b"no database" * 1000)
    assert check(f"{dock.app}:1.0", "--observations", str(tmp_path / "seen.db")).status == 9


def test_a5_a_newer_base_waits_for_its_age(check: Any, dock: Dock) -> None:
    said = check(f"{dock.app}:1.0", "--min-age", "7d", "--output", "json")
    assert (said.status, said.json["state"]) == (0, "fresh")
    one = said.json["platforms"][0]
    assert one["waiting"]["ageKnown"] is True
    assert one["waitingUntil"].endswith("Z")
    text = check(f"{dock.app}:1.0", "--min-age", "7d", "--output", "table").text
    assert "a newer base is there, waiting until" in text
    assert check(f"{dock.app}:1.0").status == 1


def test_a5_without_observations_the_age_is_not_known(check: Any, dock: Dock) -> None:
    said = check(f"{dock.app}:1.0", "--min-age", "1s", "--observations", "off", "--output", "json")
    assert (said.status, said.json["platforms"][0]["waiting"]["ageKnown"]) == (0, False)


def test_curl_shows_the_requests_and_keeps_nothing(check: Any, dock: Dock, home: Path) -> None:
    said = check(f"{dock.app}:1.0", "--curl")
    assert f"http://{dock.host}/v2/team/base/manifests/3.9" in said.text
    assert not (home / ".local").exists()


def test_a_damaged_file_of_observations_says_what_to_do(check: Any, dock: Dock, tmp_path: Path) -> None:
    (tmp_path / "seen.db").write_bytes(b"no database" * 1000)
    said = check(f"{dock.app}:1.0", "--observations", str(tmp_path / "seen.db"))
    assert "move the file away" in said.notes


def test_a5_a_base_of_the_base_waits_for_its_age_too(check: Any) -> None:
    with start() as running:
        low = made(layer({"low": b"1"}))
        base = made(*low.layers, layer({"b": b"b"}), annotations=_on(running, "low", low))
        app = made(*base.layers, layer({"a": b"a"}), annotations=_on(running, "base", base))
        for name, built in (("low", low), ("base", base), ("app", app)):
            push_now(built, running, name, tags=["1"])
        push_now(made(layer({"low": b"2"})), running, "low", tags=["1"])
        assert check(f"{running.host}/app:1", "--through").status == 1
        said = check(f"{running.host}/app:1", "--through", "--min-age", "7d", "--output", "json")
        assert (said.status, said.json["platforms"][0]["waiting"]["ageKnown"]) == (0, True)


# --- lucy ----------------------------------------------------------------------------------------------------


def test_lucys_object_when_stale_names_the_bases_layer_that_differs(check: Any, dock: Dock) -> None:
    said = check(f"{dock.app}:1.0", f"{dock.base}:3.9", "--output", "lucy")
    layer_ = dock.new[AMD64].layers[0].descriptor.digest.value
    assert said.raw.decode() == (
        f'{{"image":"{dock.app}:1.0","baseImage":"{dock.base}:3.9","state":"stale","layer":"{layer_}"}}\n'
    )


def test_lucys_object_when_fresh_names_the_last_layer_of_the_base(check: Any, dock: Dock) -> None:
    said = check(f"{dock.app}:fresh", f"{dock.base}:3.9", "--output", "lucy")
    assert (said.status, list(said.json)) == (0, ["image", "baseImage", "state", "layer"])
    assert (said.json["state"], said.json["layer"]) == ("fresh", dock.old[ARM64].layers[-1].descriptor.digest.value)


def test_lucys_object_says_stale_where_the_answer_is_unknown(check: Any, dock: Dock) -> None:
    said = check(f"{dock.app}:plain", f"{dock.base}:3.9", "--output", "lucy")
    assert (said.status, said.json["state"]) == (10, "stale")


def test_lucy_takes_two_arguments(check: Any, dock: Dock) -> None:
    assert check(f"{dock.app}:1.0", "--output", "lucy").status == 2
    assert check(f"{dock.app}:*", f"{dock.base}:3.9", "--output", "lucy").status == 2


# --- ends of life and changes --------------------------------------------------------------------------------


def test_the_end_of_life_of_a_base_is_told_from_its_tag(check: Any, dock: Dock, tmp_path: Path) -> None:
    table = tmp_path / "eol.json"
    table.write_text(json.dumps({"base": [{"cycle": "3.9", "eol": "2020-01-31"}]}))
    said = check(f"{dock.app}:1.0", "--eol-data", str(table), "--output", "json")
    (life,) = said.json["platforms"][0]["endOfLife"]
    assert (life["product"], life["cycle"], life["state"], life["date"]) == ("base", "3.9", "eol", "2020-01-31")
    text = check(f"{dock.app}:1.0", "--eol-data", str(table), "--output", "table").text
    assert "base 3.9: ended 2020-01-31" in text


def test_a_table_of_ends_that_cannot_be_read_is_an_error(check: Any, dock: Dock, tmp_path: Path) -> None:
    (tmp_path / "eol.json").write_text("[")
    assert check(f"{dock.app}:1.0", "--eol-data", str(tmp_path / "eol.json")).status == 9


def test_changes_say_packages_files_releases_and_the_distributions_end(check: Any, dock: Dock) -> None:
    said = check(f"{dock.app}:1.0", "--changes", "--output", "json").json["platforms"][0]
    assert said["changes"]["packages"] == [
        {"change": "upgraded", "name": "libc6", "before": "2.36-9", "after": "2.36-10"}
    ]
    assert said["changes"]["files"]["changed"] == 1
    assert "releasesBehind" in said
    assert {life["product"] for life in said["endOfLife"]} == {"debian"}


def test_changes_in_a_table(check: Any, dock: Dock) -> None:
    text = check(f"{dock.app}:1.0", "--changes", "--output", "table").text
    assert f"Changed in {dock.base}:3.9 {AMD64}" in text
    assert "libc6" in text
    assert "files: 1 changed" in text


def test_a2_stale_since_is_estimated_where_nobody_watched(check: Any) -> None:
    with start() as running:
        base = f"{running.host}/team/base:1"
        old = made(root("1"), created="2026-01-01T00:00:00Z")
        app = made(*old.layers, layer({"a": b"a"}), annotations={BASE_NAME: base, BASE_DIGEST: old.digest.value})
        push_now(old, running, "team/base", tags=[])
        push_now(made(root("2"), created="2026-02-03T00:00:00Z"), running, "team/base", tags=["1"])
        push_now(app, running, "team/app", tags=["1"])
        for _ in range(2):  # a remembered verdict knows it as well
            behind = check(f"{running.host}/team/app:1", "--output", "json").json["platforms"][0]["behind"]
            assert behind["since"] == {"how": "estimated", "until": "2026-02-03T00:00:00Z", "source": "created"}
        assert "about 2026-02-03" in check(f"{running.host}/team/app:1", "--output", "table").text


def test_q4_the_second_run_gets_nothing_however_many_bases_lie_below(check: Any) -> None:
    with start() as running:
        lowest = made(layer({"low": b"1"}))
        lower = made(*lowest.layers, root("1"), annotations=_on(running, "low", lowest))
        base = made(*lower.layers, layer({"b": b"b"}), annotations=_on(running, "lower", lower))
        app = made(*base.layers, layer({"a": b"a"}), annotations=_on(running, "base", base))
        for name, built in (("low", lowest), ("lower", lower), ("base", base), ("app", app)):
            push_now(built, running, name, tags=["1"])
        push_now(made(layer({"low": b"2"})), running, "low", tags=["1"])
        check(f"{running.host}/app:1")
        before = len(running.requests)
        said = check(f"{running.host}/app:1", "--output", "json").json
        assert said["platforms"][0]["upstream"] == "stale"
        asked = [(one.method, one.target) for one in running.requests[before:]]
        assert sorted(asked) == [("HEAD", f"/v2/{name}/manifests/1") for name in ("app", "base", "low", "lower")]


def _on(running: Any, name: str, base: Built) -> dict[str, str]:
    return {BASE_NAME: f"{running.host}/{name}:1", BASE_DIGEST: base.digest.value}


# --- many ----------------------------------------------------------------------------------------------------


def test_a_pattern_names_the_tags_that_fit(check: Any, dock: Dock) -> None:
    said = check(f"{dock.app}:1.*", "--ordered")
    assert [line["reference"] for line in said.lines] == [f"{dock.app}:1.0", f"{dock.app}:1.1"]
    assert said.status == 1


def test_a_pattern_that_no_tag_fits_is_an_error(check: Any, dock: Dock) -> None:
    said = check(f"{dock.app}:9.*")
    assert (said.status, said.lines[0]["error"]["type"]) == (3, "ManifestNotFoundError")


def test_a_list_is_json_lines_each_with_its_own_error(check: Any, dock: Dock, tmp_path: Path) -> None:
    (tmp_path / "list").write_text(f"# images\n\n{dock.app}:1.0\n{dock.app}:nope\n{dock.app}:plain {dock.base}:3.9\n")
    said = check("--from-file", str(tmp_path / "list"), "--ordered")
    assert [(line["state"], line.get("error", {}).get("status")) for line in said.lines] == [
        ("stale", None),
        ("unknown", 3),
        ("unknown", None),
    ]
    assert said.lines[2]["platforms"][0]["evidence"][0]["kind"] == "given"
    assert said.status == 3


@pytest.mark.parametrize(
    ("tags", "status"),
    [(["fresh"], 0), (["fresh", "plain"], 10), (["plain", "1.0", "fresh"], 1), (["1.0", "nope", "plain"], 3)],
)
def test_of_a_list_an_error_goes_before_stale_before_undecided(
    check: Any, dock: Dock, tags: list[str], status: int
) -> None:
    said = check("--from-file", "-", stdin="".join(f"{dock.app}:{tag}\n" for tag in tags).encode())
    assert said.status == status
    assert len(said.lines) == len(tags)


def test_a_base_for_all_of_a_list(check: Any, dock: Dock) -> None:
    said = check("--from-file", "-", "--base", f"{dock.base}:3.9", stdin=f"{dock.app}:plain\n".encode())
    assert said.lines[0]["platforms"][0]["base"]["reference"] == f"{dock.base}:3.9"


def test_many_on_a_terminal_are_a_table_with_counts(check: Any, dock: Dock) -> None:
    said = check(f"{dock.app}:*", terminal=True)
    lines = said.text.splitlines()
    assert lines[0].startswith("\x1b[1mIMAGE")
    assert lines[-1] == "3 stale, 1 undecided, 1 fresh"


def test_an_error_among_many_is_told_beside_the_table(check: Any, dock: Dock) -> None:
    stdin = f"{dock.app}:fresh\n{dock.app}:nope\n".encode()
    said = check("--from-file", "-", "--output", "table", stdin=stdin)
    assert "error  ManifestNotFoundError" in said.text
    assert f"orlop: {dock.app}:nope: manifest nope is not in" in said.notes


def test_many_may_be_plain_lines(check: Any, dock: Dock) -> None:
    said = check(f"{dock.app}:1.*", "--ordered", "--output", "plain")
    assert said.text.splitlines()[0].split("\t")[:3] == [f"{dock.app}:1.0", AMD64, "stale"]


# --- summaries ---------------------------------------------------------------------------------------------


def test_a_summary_takes_the_place_of_the_output(check: Any, dock: Dock) -> None:
    assert check(f"{dock.app}:1.0", "--summary", "markdown").text.startswith("### Base images: 1 stale\n")
    assert ET.fromstring(check(f"{dock.app}:1.0", "--summary", "junit").raw).get("failures") == "1"
    assert check(f"{dock.app}:1.0", "--summary", "sarif").json["version"] == "2.1.0"


def test_a_summary_file_leaves_the_output(check: Any, dock: Dock, tmp_path: Path) -> None:
    junit, sarif = tmp_path / "a.xml", tmp_path / "b.json"
    said = check(
        f"{dock.app}:1.0",
        *("--summary", "junit", "--summary-file", str(junit)),
        *("--summary", "sarif", "--summary-file", str(sarif)),
    )
    assert said.text.startswith(AMD64)
    assert ET.fromstring(junit.read_bytes()).tag == "testsuites"
    assert json.loads(sarif.read_bytes())["runs"][0]["results"]


def test_an_error_is_in_the_summary_too(check: Any, dock: Dock) -> None:
    said = check(f"{dock.app}:nope", "--summary", "markdown")
    assert said.status == 3
    assert "1 not asked" in said.text


def test_github_gets_annotations_and_the_steps_summary(check: Any, dock: Dock, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    said = check(f"{dock.app}:1.0", "--summary", "github", env={"GITHUB_STEP_SUMMARY": str(summary)})
    assert said.text.startswith(AMD64)
    assert "::warning title=Stale base image::" in said.notes
    assert summary.read_text("utf-8").startswith("before\n### Base images: 1 stale\n")


def test_a_summary_that_cannot_be_written_is_an_error(check: Any, dock: Dock, tmp_path: Path) -> None:
    said = check(f"{dock.app}:1.0", "--summary", "junit", "--summary-file", str(tmp_path / "no/where.xml"))
    assert said.status == 9


# --- telling -------------------------------------------------------------------------------------------------


def test_who_is_told_gets_it_once(check: Any, dock: Dock) -> None:
    with scripted([Step("POST", "/hook/secret-path", answer(204))]) as server:
        for _ in range(2):
            said = check(
                f"{dock.app}:1.0", "--on-stale", f"{server.url}/hook/secret-path", env={"ORLOP_WEBHOOK_SECRET": SECRET}
            )
            assert said.status == 1
            assert "secret" not in said.notes


def test_a_list_is_told_image_by_image(check: Any, dock: Dock) -> None:
    with scripted([Step("POST", "/hook", answer(204), times=3)]) as server:
        check(f"{dock.app}:*", "--on-stale", f"{server.url}/hook", env={"ORLOP_WEBHOOK_SECRET": SECRET})
        said = {json.loads(seen.body)["data"]["subject"].rpartition(":")[2] for seen in server.requests}
    assert said == {"1.0", "1.1", "orphan"}


def test_the_secret_may_be_in_a_file(check: Any, dock: Dock, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    with scripted([Step("POST", "/hook", answer(204))]) as server:
        said = check(
            f"{dock.app}:1.0", "--on-stale", f"{server.url}/hook", "--webhook-secret-file", str(tmp_path / "secret")
        )
    assert (said.status, said.notes) == (1, "")


def test_github_is_told_by_a_dispatch(check: Any, dock: Dock) -> None:
    with scripted([Step("POST", "/api/v3/repos/owner/app/dispatches", answer(204))]) as server:
        env = {"GITHUB_TOKEN": "ghs_hidden", "GITHUB_API_URL": f"{server.url}/api/v3"}
        said = check(f"{dock.app}:1.0", "--on-stale-github", "owner/app", "--debug", env=env)
        assert server.requests[0].headers["authorization"] == "Bearer ghs_hidden"
    assert "ghs_hidden" not in said.notes


@pytest.mark.parametrize(("code", "status"), [(404, 7), (401, 7)])
def test_who_refuses_makes_an_error(check: Any, dock: Dock, code: int, status: int) -> None:
    with scripted([Step("POST", "/hook/secret-path", answer(code))]) as server:
        said = check(
            f"{dock.app}:1.0", "--on-stale", f"{server.url}/hook/secret-path", env={"ORLOP_WEBHOOK_SECRET": SECRET}
        )
    assert said.status == status
    assert f"was not told of {dock.app}:1.0 {AMD64}: it answered {code}" in said.notes
    assert "secret" not in said.notes


@pytest.mark.parametrize(
    ("arguments", "env"),
    [
        (["--on-stale", "https://hooks.example/"], {}),
        (["--on-stale", "no url"], {"ORLOP_WEBHOOK_SECRET": SECRET}),
        (["--on-stale-github", "owner/app"], {}),
        (["--on-stale-github", "owner"], {"GITHUB_TOKEN": "x"}),
        (["--on-stale", "https://hooks.example/", "--observations", "off"], {"ORLOP_WEBHOOK_SECRET": SECRET}),
        (["--webhook-secret-file", "x"], {}),
        (["--min-age", "soon"], {}),
        (["--min-age", "7"], {}),
        (["--unknown-as", "error"], {}),
        (["--target", "stage"], {}),
        (["--build-arg", "A=1"], {}),
        (["--from-file", "-"], {}),
        (["--summary", "junit", "--summary", "sarif"], {}),
        (["--summary-file", "x"], {}),
        (["--summary", "github", "--summary-file", "x"], {}),
        (["--summary", "junit", "--output", "json"], {}),
        (["--output", "raw"], {}),
        (["--curl", "--summary", "junit"], {}),
        (["--compose", "x.yaml"], {}),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_asked(
    check: Any, arguments: list[str], env: dict[str, str]
) -> None:
    with scripted([]) as server:
        assert check(f"{server.host}/a:1", *arguments, env=env).status == 2


def test_a_target_is_needed(check: Any) -> None:
    said = check()
    assert said.status == 2
    assert "TARGET is missing" in said.notes


def test_a_bad_secret_is_refused_and_not_shown(check: Any, dock: Dock) -> None:
    said = check(
        f"{dock.app}:1.0", "--on-stale", "https://hooks.example/", env={"ORLOP_WEBHOOK_SECRET": "whsec_hushhush"}
    )
    assert said.status == 9
    assert "hushhush" not in said.notes
