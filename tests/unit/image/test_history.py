"""Steps of a history beside the layers that they made, and the list of layers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.unit.image.histories import image_of, recorded, vectors
from tests.unit.image.weighing import Shelf

from orlop.errors import DigestMismatchError
from orlop.image.history import history_of, list_layers, short_text
from orlop.model.imageconfig import HistoryEntry
from orlop.model.mediatype import DOCKER_FOREIGN_LAYER
from orlop.testing.builders import image
from orlop.testing.layers import archive_layer, layer
from orlop.threads import step

if TYPE_CHECKING:
    from collections.abc import Iterator

EMPTY = {"created_by": "ENV A=1", "empty_layer": True}


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    """A store in memory."""
    made = Shelf()
    yield made
    made.close()


def test_each_step_has_the_layer_that_it_made() -> None:
    found = history_of(image_of("a", EMPTY, "b", EMPTY))
    assert found.agrees
    assert [one.layer for one in found.steps] == [0, None, 1, None]
    assert found.remark == ""


@pytest.mark.parametrize(
    ("steps", "layers", "remark"),
    [
        (["a", EMPTY], 2, "the history has 1 step with a layer, the manifest 2 layers"),
        (["a", "b", EMPTY], 1, "the history has 2 steps with a layer, the manifest 1 layer"),
        ([EMPTY], 1, "the history has 0 steps with a layer, the manifest 1 layer"),
        ([], 1, "the config has no history"),
    ],
)
def test_where_the_counts_differ_no_step_is_given_a_layer(
    steps: list[str | dict[str, object]], layers: int, remark: str
) -> None:
    found = history_of(image_of(*steps, layers=layers))
    assert not found.agrees
    assert {one.layer for one in found.steps} <= {None}
    assert found.remark.startswith(remark)


def test_neither_layers_nor_a_history_is_no_disagreement() -> None:
    assert history_of(image_of()).remark == ""


@pytest.mark.parametrize(
    ("text", "comment", "expected"),
    [
        ('/bin/sh -c #(nop)  CMD ["sh"]', "", 'CMD ["sh"]'),
        ("/bin/sh -c set -x \t&& make", "", "set -x && make"),
        ("RUN /bin/sh -c make # buildkit", "", "RUN /bin/sh -c make"),
        ("/bin/bash -o pipefail -c #(nop) USER x", "", "USER x"),
        ("powershell -Command $x = 1; #(nop) ENV A=1", "", "ENV A=1"),
        ("/bin/sh -c echo a #(nop) ENV A=1", "", "echo a #(nop) ENV A=1"),
        ("", "Imported from -", "Imported from -"),
    ],
)
def test_a_step_on_one_line(text: str, comment: str, expected: str) -> None:
    assert short_text(HistoryEntry(created_by=text, comment=comment)) == expected


def test_a_layer_is_told_with_sizes_and_step(shelf: Shelf) -> None:
    packed, plain = layer({"a": bytes(2000)}), layer({"b": b"1"}, compression="")
    store, found = shelf.put(image([packed, plain], history=[{"created_by": "one"}, EMPTY, {"created_by": "two"}]))
    rows = step(list_layers(store, found)).rows
    assert [row.step.entry.created_by for row in rows if row.step] == ["one", "two"]
    assert [row.unpacked_size for row in rows] == [None, len(plain.data)]  # nothing was read
    rows = step(list_layers(store, found, unpacked=True)).rows
    assert [row.unpacked_size for row in rows] == [len(layer({"a": bytes(2000)}, compression="").data), len(plain.data)]
    assert step(list_layers(store, found)).rows == rows  # known by now


def test_a_config_with_fewer_diff_ids_than_layers_is_listed(shelf: Shelf) -> None:
    one, two = layer({"a": b"1"}), layer({"b": b"2"})
    built = image([one, two], extra={"rootfs": {"type": "layers", "diff_ids": [str(one.diff_id)]}})
    rows = step(list_layers(*shelf.put(built), unpacked=True)).rows
    assert [row.layer.diff_id for row in rows] == [one.diff_id, None]
    assert all(row.unpacked_size for row in rows)


def test_a_wrong_diff_id_is_an_error_once_the_layer_is_read(shelf: Shelf) -> None:
    one = layer({"a": b"1"})
    built = image([one], extra={"rootfs": {"type": "layers", "diff_ids": [str(layer({"b": b"2"}).diff_id)]}})
    opened = shelf.put(built)
    assert step(list_layers(*opened)).rows[0].unpacked_size is None
    with pytest.raises(DigestMismatchError):
        step(list_layers(*opened, unpacked=True))


def test_a_foreign_layer_that_is_not_there_has_no_unpacked_size(shelf: Shelf) -> None:
    foreign = archive_layer(b"elsewhere", media_type=DOCKER_FOREIGN_LAYER, urls=("https://example.com/layer",))
    opened = shelf.put(image([foreign], extra={"rootfs": {"type": "layers", "diff_ids": []}}))
    (row,) = step(list_layers(*opened, unpacked=True)).rows
    assert row.unpacked_size is None


@pytest.mark.parametrize(
    ("name", "layers", "steps"),
    [
        ("memcached-1.6.18-alpine.json", 6, 13),
        ("golang.image.json", 7, 13),
        ("dive-test-image.json", 14, 15),
        ("hello-world.json", 1, 2),
    ],
)
def test_real_histories(name: str, layers: int, steps: int) -> None:
    found = history_of(recorded("history", name))
    assert (found.layers, len(found.steps), found.agrees) == (layers, steps, True)
    told = [one.entry.created_by for one in found.steps]
    document = json.loads(vectors("history", name).read_bytes())
    assert told == [one.get("created_by", "") for one in document["history"]]
