"""Images to weigh: built, put into a store in memory, and opened; and dive's own rule, read plainly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.image.layers import LayerStore
from orlop.image.size import measure
from orlop.image.view import open_image
from orlop.layer.entry import DIRECTORY, FILE
from orlop.layer.overlay import OPAQUE, WHITEOUT
from orlop.model.reference import RepositoryName
from orlop.server.store.store import Store
from orlop.testing.builders import image, push_now
from orlop.threads import ThreadRuntime, step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orlop.image.size import SizeReport, Waste
    from orlop.image.view import Image
    from orlop.testing.builders import Built
    from orlop.testing.layers import Entry as Member
    from orlop.testing.layers import LayerBlob

Opened = tuple[LayerStore, "Image"]


class Shelf:
    """A store in memory, with what opens the images in it."""

    def __init__(self) -> None:
        self.store = Store.memory()
        self.runtime = ThreadRuntime()

    def close(self) -> None:
        self.store.close()

    def put(self, built: Built) -> Opened:
        repository = self.store.repository(RepositoryName("a/b"))
        push_now(built, repository)
        opened = step(open_image(repository, built.digest, None, "example"))
        return LayerStore(repository, self.runtime), opened

    def build(self, *layers: LayerBlob) -> Opened:
        return self.put(image(layers))

    def report(self, *images: Opened, base: Image | None = None, files: bool = True) -> SizeReport:
        return step(measure(images, base=base, files=files))

    def waste(self, *layers: LayerBlob, base: Image | None = None) -> Waste:
        found = self.report(self.build(*layers), base=base).images[0].waste
        assert found is not None
        return found


def dive(opened: Opened) -> tuple[float, int]:
    """Efficiency and wasted bytes as dive 0.13 counts them: dive/filetree/efficiency.go, dive/image/analysis.go.

    Each path that is a leaf of a layer's tree counts once a layer; a whiteout counts what the folder that it removes held, and
    nothing for a file. Least of a path against its sum is the efficiency; the sums of paths met twice are the waste.
    """
    store, found = opened
    sums: dict[str, list[int]] = {}
    stacked: dict[str, int | None] = {}
    for layer in found.layers:
        tree: dict[str, int | None] = {}
        gone: set[str] = set()
        for entry in step(store.index(layer)).entries:
            folder, _, name = entry.path.rpartition("/")
            if name == OPAQUE:
                continue
            if name.startswith(WHITEOUT):
                gone.add(f"{folder}/{name[len(WHITEOUT) :]}".lstrip("/"))
            elif entry.path:
                tree[entry.path] = None if entry.kind == DIRECTORY else entry.size if entry.kind == FILE else 0
        for path in {*tree, *gone}:
            if any(other.startswith(path + "/") for other in (*tree, *gone)):
                continue
            if path in gone:
                inside = [size or 0 for other, size in stacked.items() if other.startswith(path + "/")]
                sums.setdefault(path, []).append(sum(inside))
            else:
                sums.setdefault(path, []).append(tree[path] or 0)
        for path in gone:
            for other in [other for other in stacked if other == path or other.startswith(path + "/")]:
                del stacked[other]
        stacked |= tree
    least, everything = sum(map(min, sums.values())), sum(map(sum, sums.values()))
    return (least / everything if everything else 1.0), sum(sum(sizes) for sizes in sums.values() if len(sizes) > 1)


def visible(layers: Sequence[Mapping[str, Member]]) -> dict[str, bytes]:
    """The files that layers without links show together."""
    from orlop.testing.layers import Opaque, Whiteout

    shown: dict[str, bytes] = {}
    for members in layers:
        below = dict(shown)
        for path, member in members.items():
            if isinstance(member, Opaque | Whiteout):  # an opaque folder takes the place of a file as well
                below = {
                    other: data for other, data in below.items() if other != path and not other.startswith(f"{path}/")
                }
        for path, member in members.items():
            if isinstance(member, bytes):
                parents = {path.rsplit("/", count)[0] for count in range(1, path.count("/") + 1)}
                below = {
                    other: data
                    for other, data in below.items()
                    if other not in parents and not other.startswith(f"{path}/")
                }
                below[path] = member
        shown = below
    return shown
