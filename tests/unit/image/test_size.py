"""What images weigh: stored and seen, shared, against a base, and the rules on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.image.histories import vectors
from tests.unit.image.weighing import Shelf, dive

from orlop.errors import InputError
from orlop.image.size import Rules, Waste
from orlop.model.descriptor import Descriptor
from orlop.model.digest import Digest
from orlop.model.mediatype import DOCKER_FOREIGN_LAYER, OCI_LAYER
from orlop.testing.builders import image
from orlop.testing.layers import Folder, LayerBlob, Link, Opaque, Whiteout, archive_layer, layer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    """A store in memory."""
    made = Shelf()
    yield made
    made.close()


def test_nothing_is_wasted_where_all_is_seen(shelf: Shelf) -> None:
    waste = shelf.waste(layer({"a": b"12345"}), layer({"b/c": b"123"}))
    assert (waste.stored, waste.wasted, waste.user, waste.efficiency, waste.files) == (8, 0, 3, 1.0, ())


def test_of_a_file_that_is_written_again_the_lower_copy_alone_is_wasted(shelf: Shelf) -> None:
    waste = shelf.waste(layer({"a": b"12345"}), layer({"a": b"1234567"}))
    assert (waste.stored, waste.wasted) == (12, 5)
    assert waste.efficiency == pytest.approx(7 / 12)
    (file,) = waste.files
    assert (file.path, file.wasted, file.copies, file.layers, file.removed) == ("a", 5, 2, (0,), False)


def test_a_removed_file_is_wasted(shelf: Shelf) -> None:
    waste = shelf.waste(layer({"a": b"12345", "b": b"1"}), layer({"a": Whiteout()}))
    assert waste.wasted == 5
    assert waste.efficiency == pytest.approx(1 / 6)
    (file,) = waste.files
    assert (file.copies, file.removed) == (1, True)


@pytest.mark.parametrize("gone", [{"d": Whiteout()}, {"d": Opaque()}, {"d": b""}, {"d": Link("x")}])
def test_all_that_goes_with_a_folder_is_wasted(shelf: Shelf, gone: dict[str, Whiteout | Opaque | bytes | Link]) -> None:
    waste = shelf.waste(layer({"d/a": b"12345", "d/e/b": b"1"}), layer(gone))
    assert [(file.path, file.wasted) for file in waste.files] == [("d/a", 5), ("d/e/b", 1)]


def test_a_folder_that_is_stated_again_wastes_nothing(shelf: Shelf) -> None:
    assert shelf.waste(layer({"d/a": b"12345"}), layer({"d": Folder(0o700), "d/b": b"1"})).wasted == 0


def test_a_file_with_another_name_is_not_wasted(shelf: Shelf) -> None:
    waste = shelf.waste(layer({"a": b"12345", "b": Link("a", hard=True)}), layer({"a": Whiteout()}))
    assert (waste.stored, waste.wasted) == (5, 0)
    waste = shelf.waste(layer({"a": b"12345", "b": Link("a", hard=True)}), layer({"a": Whiteout(), "b": Whiteout()}))
    assert waste.wasted == 5


def test_every_copy_counts_and_the_largest_waste_stands_first(shelf: Shelf) -> None:
    waste = shelf.waste(*(layer({"a": bytes(9), "b": bytes(size)}) for size in (10, 10, 1)))
    assert [(file.path, file.wasted, file.copies, file.layers) for file in waste.files] == [
        ("b", 20, 3, (0, 1)),
        ("a", 18, 3, (0, 1)),
    ]


def test_what_a_layer_writes_twice_is_wasted_once(shelf: Shelf) -> None:
    import io
    import tarfile

    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for size in (5, 7):
            info = tarfile.TarInfo("a")
            info.size = size
            archive.addfile(info, io.BytesIO(bytes(size)))
    waste = shelf.waste(archive_layer(written.getvalue(), media_type=OCI_LAYER))
    assert [(file.wasted, file.copies, file.layers, file.removed) for file in waste.files] == [(5, 2, (0,), False)]


def test_an_image_of_nothing_is_efficient(shelf: Shelf) -> None:
    waste = shelf.waste()
    assert (waste.efficiency, waste.user_share) == (1.0, 0.0)


def test_a_layer_tells_what_it_stores_and_what_of_it_is_hidden(shelf: Shelf) -> None:
    layers = [layer({"a": bytes(1000), "b": bytes(10)}), layer({"a": bytes(7)})]
    (one,) = shelf.report(shelf.build(*layers)).images
    assert [(row.stored, row.wasted) for row in one.layers] == [(1010, 1000), (7, 0)]
    assert [row.layer.size for row in one.layers] == [len(blob.data) for blob in layers]
    assert one.size == sum(len(blob.data) for blob in layers)
    assert one.unpacked_size == sum(row.unpacked_size or 0 for row in one.layers) > 2000


# --- several images ------------------------------------------------------------------------------


def test_layers_of_several_images_are_counted_once(shelf: Shelf) -> None:
    base, other, third = layer({"a": bytes(3000)}), layer({"b": b"2"}), layer({"c": b"333"})
    report = shelf.report(shelf.build(base, other), shelf.build(base, third), shelf.build(other))
    assert [(one.descriptor.digest, one.images) for one in report.shared] == [
        (blob.descriptor.digest, images)
        for blob, images in sorted(((base, (0, 1)), (other, (0, 2))), key=lambda pair: -len(pair[0].data))
    ]
    assert report.size == len(base.data) + len(other.data) + len(third.data)
    assert [one.shared for one in report.images] == [
        len(base.data) + len(other.data),
        len(base.data),
        len(other.data),
    ]


def test_a_layer_twice_in_one_image_is_not_shared(shelf: Shelf) -> None:
    twice = layer({"a": b"1"})
    report = shelf.report(shelf.build(twice, twice))
    assert (report.shared, report.size) == ((), len(twice.data))


def test_without_files_no_layer_is_read(shelf: Shelf) -> None:
    packed, plain = layer({"a": b"1"}), layer({"b": b"1"}, compression="")
    store, found = shelf.build(packed, plain)
    (one,) = shelf.report((store, found), files=False).images
    assert one.waste is None
    assert [(row.unpacked_size, row.stored) for row in one.layers] == [(None, None), (len(plain.data), None)]
    assert one.unpacked_size is None
    assert not store._known


# --- a base --------------------------------------------------------------------------------------


def test_what_a_base_wastes_by_itself_does_not_count(shelf: Shelf) -> None:
    below = (layer({"a": bytes(100), "b": bytes(50)}), layer({"a": Whiteout()}))
    _, base = shelf.build(*below)
    waste = shelf.waste(*below, layer({"c": bytes(10)}), base=base)
    assert (waste.stored, waste.wasted, waste.user, waste.efficiency) == (10, 0, 10, 1.0)


def test_what_is_hidden_of_a_base_counts_against_who_hides_it(shelf: Shelf) -> None:
    below = layer({"a": bytes(100), "b": bytes(50)})
    _, base = shelf.build(below)
    waste = shelf.waste(below, layer({"a": bytes(100)}), base=base)
    assert (waste.stored, waste.wasted, waste.user) == (200, 100, 100)
    assert (waste.efficiency, waste.user_share) == (0.5, 1.0)


def test_where_the_user_has_no_bytes_any_waste_is_all_of_them(shelf: Shelf) -> None:
    below = layer({"a": bytes(100)})
    _, base = shelf.build(below)
    assert shelf.waste(below, layer({"a": Whiteout()}), base=base).user_share == 1.0


def test_a_base_of_other_layers_is_an_error(shelf: Shelf) -> None:
    _, base = shelf.build(layer({"other": b"1"}))
    with pytest.raises(InputError, match="its layers are not the lowest of example"):
        shelf.waste(layer({"a": b"1"}), base=base)


def test_a_base_that_was_packed_anew_is_the_same_base(shelf: Shelf) -> None:
    files = {"a": bytes(100)}
    _, base = shelf.build(layer(files, compression="zstd"))
    assert shelf.report(shelf.build(layer(files), layer({"b": b"1"})), base=base).images[0].base_layers == 1


# --- what is not there ---------------------------------------------------------------------------


def test_a_foreign_layer_that_is_not_there_is_left_out_and_told(shelf: Shelf) -> None:
    digest = Digest.of(b"somewhere else")
    foreign = archive_layer(b"somewhere else", media_type=DOCKER_FOREIGN_LAYER, urls=("https://example.com/layer",))
    assert foreign.descriptor == Descriptor(DOCKER_FOREIGN_LAYER, digest, 14, urls=("https://example.com/layer",))
    (one,) = shelf.report(shelf.put(image([foreign, layer({"a": b"12"})]))).images
    assert one.missing == (0,)
    assert one.waste is not None
    assert (one.waste.stored, one.size > 14, one.unpacked_size) == (2, True, None)


# --- rules ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "passed"),
    [
        (Rules(), []),
        (Rules(lowest_efficiency=0.75), [True]),
        (Rules(lowest_efficiency=0.76), [False]),
        (Rules(highest_wasted_bytes=25), [True]),
        (Rules(highest_wasted_bytes=24), [False]),
        (Rules(highest_user_wasted_percent=0.5), [True]),
        (Rules(0.9, 0, 0.49), [False, False, False]),
    ],
)
def test_rules_are_met_at_their_limit_and_not_beyond(rules: Rules, passed: list[bool]) -> None:
    assert [verdict.passed for verdict in rules.check(Waste(100, 25, 50, ()))] == passed


# --- dive ----------------------------------------------------------------------------------------


def dive_image(shelf: Shelf) -> tuple[LayerBlob, ...]:
    """The layers of dive's own test image, for which its tests state the numbers."""
    import io
    import json
    import tarfile

    with tarfile.open(vectors("archives", "dive-docker.tar")) as archive:

        def member(name: str) -> bytes:
            file = archive.extractfile(name)
            assert file is not None
            return file.read()

        (said,) = json.loads(member("manifest.json"))
        blobs = [member(name) for name in said["Layers"]]
    for blob in blobs:
        tarfile.open(fileobj=io.BytesIO(blob)).close()
    return tuple(archive_layer(blob, media_type=OCI_LAYER) for blob in blobs)


def test_the_numbers_of_dive_on_its_own_image(shelf: Shelf) -> None:
    opened = shelf.build(*dive_image(shelf))
    efficiency, wasted = dive(opened)
    assert efficiency == pytest.approx(0.9844212134184309)
    assert wasted == 32025

    waste = shelf.report(opened).images[0].waste
    assert waste is not None
    assert (waste.stored, waste.user) == (1220598, 66237)  # dive's sizeBytes and userSizeBytes
    # dive counts both copies of /root/saved.txt and misses somefile2.txt, which went with its folder: by chance as much.
    assert waste.wasted == 32025
    assert {file.path: file.wasted for file in waste.files} == {
        "root/example/somefile1.txt": 2 * 6405,
        "root/example/somefile2.txt": 6405,
        "root/example/somefile3.txt": 6405,
        "root/saved.txt": 6405,
    }
    assert waste.efficiency == pytest.approx(1 - 32025 / 1220598)


def test_the_count_of_every_copy_is_mended(shelf: Shelf) -> None:
    opened = shelf.build(layer({"a": bytes(900), "b": bytes(100)}), layer({"a": bytes(900)}))
    efficiency, wasted = dive(opened)
    waste = shelf.report(opened).images[0].waste
    assert waste is not None
    assert (wasted, waste.wasted) == (1800, 900)
    assert waste.efficiency == pytest.approx(efficiency)
