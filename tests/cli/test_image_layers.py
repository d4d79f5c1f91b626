from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.unit.image.histories import vectors

from orlop.testing import registry as start
from orlop.testing.builders import image, push_now
from orlop.testing.layers import layer

if TYPE_CHECKING:
    from tests.cli.conftest import Harbour, Orlop

    from orlop.testing.builders import Built

STEPS: list[dict[str, Any]] = [
    {"created": "2024-01-01T00:00:00Z", "created_by": "/bin/sh -c #(nop) ADD file:0a1b in / "},
    {"created_by": '/bin/sh -c #(nop)  CMD ["sh"]', "empty_layer": True},
    {"created_by": "/bin/sh -c make \t&& make install", "comment": "x"},
]
LAYERS = [layer({"a": bytes(5000)}), layer({"b": b"1"}, compression="")]


def built(**more: object) -> Built:
    return image(LAYERS, history=STEPS, **more)  # type: ignore[arg-type]  # what is varied is named there


def test_a_line_for_each_layer(orlop: Orlop) -> None:
    with start() as own:
        push_now(built(), own, "x", tags=["1"])
        said = orlop("image", "layers", f"{own.host}/x:1")
        low, high = (one.descriptor for one in LAYERS)
        assert said.text == (
            f"0\t{low.digest}\t{low.media_type}\t{low.size}\t\tADD file:0a1b in /\n"
            f"1\t{high.digest}\t{high.media_type}\t{high.size}\t{high.size}\tmake && make install\n"
        )
        assert not any("/blobs/" in request.target and str(low.digest) in request.target for request in own.requests)


def test_history_has_the_steps_between(orlop: Orlop) -> None:
    with start() as own:
        push_now(built(), own, "x", tags=["1"])
        said = orlop("image", "layers", f"{own.host}/x:1", "--history")
        assert [line.split("\t")[0] for line in said.text.splitlines()] == ["0", "", "1"]
        assert said.text.splitlines()[1] == '\t<empty layer>\t\t\t\tCMD ["sh"]'


def test_the_unpacked_size_is_found_out_once(orlop: Orlop) -> None:
    with start() as own:
        push_now(built(), own, "x", tags=["1"])
        first = orlop("image", "layers", f"{own.host}/x:1", "--unpacked").text
        before = len(own.requests)
        again = orlop("image", "layers", f"{own.host}/x:1").text
        assert first == again
        assert [line.split("\t")[4] for line in first.splitlines()] != ["", ""]
        assert not any("/blobs/" in request.target for request in own.requests[before:])


def test_json_has_all_of_it(orlop: Orlop) -> None:
    with start() as own:
        push_now(built(), own, "x", tags=["1"])
        found = orlop("image", "layers", f"{own.host}/x:1", "-o", "json").json
    assert set(found) == {"reference", "digest", "platform", "size", "remark", "layers", "history"}
    assert found["remark"] is None
    assert found["layers"][0] == {
        "index": 0,
        "digest": str(LAYERS[0].descriptor.digest),
        "mediaType": LAYERS[0].descriptor.media_type,
        "size": LAYERS[0].descriptor.size,
        "unpackedSize": None,
        "diffId": str(LAYERS[0].diff_id),
        "urls": [],
        "annotations": {},
        "history": {
            "step": 0,
            "layer": 0,
            "emptyLayer": False,
            "created": "2024-01-01T00:00:00Z",
            "createdBy": STEPS[0]["created_by"],
            "author": "",
            "comment": "",
        },
    }
    assert [step["layer"] for step in found["history"]] == [0, None, 1]


def test_a_table_is_aligned_and_short(orlop: Orlop) -> None:
    long = [{"created_by": "/bin/sh -c " + "x" * 200}, {"created_by": "y"}]
    with start() as own:
        push_now(image(LAYERS, history=long), own, "x", tags=["1"])
        text = orlop("image", "layers", f"{own.host}/x:1", "-o", "table").text
    heading, first, _ = text.splitlines()
    assert heading.split() == ["LAYER", "DIGEST", "SIZE", "UNPACKED", "MEDIA", "TYPE", "MADE", "BY"]
    assert first.endswith("x" * 79 + "…")


def test_a_history_that_does_not_fit_is_told_on_standard_error(orlop: Orlop) -> None:
    with start() as own:
        push_now(image(LAYERS, history=STEPS[:2]), own, "x", tags=["1"])
        said = orlop("image", "layers", f"{own.host}/x:1", "--history")
        found = orlop("image", "layers", f"{own.host}/x:1", "-o", "json").json
    assert said.status == 0
    assert [line.split("\t")[0] for line in said.text.splitlines()] == ["0", "1", "", ""]
    assert "the history has 1 step with a layer, the manifest 2 layers" in said.notes
    assert found["remark"] in said.notes
    assert [one["history"] for one in found["layers"]] == [None, None]


def test_nothing_in_a_history_commands_a_terminal(orlop: Orlop) -> None:
    step = {"created_by": "/bin/sh -c echo \x1b[2J\u202e\r\n x"}
    with start() as own:
        push_now(image(LAYERS[:1], history=[step]), own, "x", tags=["1"])
        for output in ("table", "plain", "json"):
            raw = orlop("image", "layers", f"{own.host}/x:1", "-o", output, terminal=True, env={"NO_COLOR": "1"}).raw
            assert b"\x1b" not in raw
            assert "\u202e".encode() not in raw


def test_a_template_is_filled_for_each_layer(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("image", "layers", harbour.single, "--format", "{index} {history.step}")
    assert said.text == "0 0\n1 1\n"


def test_many_images_are_json_lines(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("image", "layers", harbour.single, f"{harbour.name}:0.9", f"{harbour.name}:none", "--ordered")
    assert said.status == 3
    assert [len(line.get("layers", ())) for line in said.lines] == [2, 2, 0]
    assert said.lines[2]["error"]["type"] == "ManifestNotFoundError"


def test_the_platform_is_asked_for(orlop: Orlop, harbour: Harbour) -> None:
    assert orlop("image", "layers", f"{harbour.name}:latest").status == 2
    assert orlop("image", "layers", f"{harbour.name}:latest", "--platform", "linux/arm64").status == 0
    assert orlop("image", "layers", harbour.single, "--platform", "linux/arm64").status == 2


def test_an_archive_is_read_as_well(orlop: Orlop) -> None:
    text = orlop("image", "layers", f"docker-archive:{vectors('archives', 'dive-docker.tar')}").text
    assert [line.split("\t")[3] for line in text.splitlines()][:3] == ["1369600", "8192", "3072"]
    assert text.splitlines()[2].split("\t")[5] == "mkdir -p /root/example/really/nested"
