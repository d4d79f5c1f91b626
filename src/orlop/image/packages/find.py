"""Which packages an image holds, each with the layer that it appeared in.

What a layer tells of packages depends on that layer alone, so it is kept by the layer's digest: a second question costs no
download. Where the layer's index is known and only a few files matter, those alone are read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from orlop.errors import InputError, IntegrityError, LimitError
from orlop.image.links import lead
from orlop.image.osinfo import PATHS, parse_os_release
from orlop.image.tree import layer_numbers
from orlop.layer.entry import FILE, HARDLINK, clean
from orlop.layer.overlay import LINKS_LIMIT, LayerTree, MergedTree
from orlop.layer.packages.evidence import Gatherer, Told, named
from orlop.layer.packages.package import APK, DEB, KINDS, PACKAGES_LIMIT, RPM, Distribution, Package, text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from orlop.content.derived import DerivedCache
    from orlop.image.layers import LayerStore
    from orlop.image.view import Image, Layer
    from orlop.layer.entry import Entry
    from orlop.layer.index import LayerIndex
    from orlop.layer.overlay import Node
    from orlop.layer.sinks import Sink

KIND = "packages1"
"""The name of what is kept of a layer in the cache; another form gets another number."""

LAYERS_AT_ONCE = 2
"""Layers that are read side by side: each may hold a database in memory."""

FILES_LIMIT = 64
"""Files of one layer that are read one by one; for more of them the layer is read whole."""

_SYSTEM_KINDS = frozenset({DEB, APK, RPM})


class Note(NamedTuple):
    """Something that tells of packages and could not be read, wholly or in part. path: without a leading slash."""

    path: str
    layer: int
    reason: str

    def __str__(self) -> str:
        return f"/{self.path} in layer {self.layer}: {self.reason}"


@dataclass(frozen=True, slots=True)
class PackageList:
    """The packages of an image, sorted by kind, name and version.

    image: what was looked into. distribution: what its os-release says. notes: what could not be read; packages may be missing.
    """

    image: Image
    distribution: Distribution
    packages: tuple[Package, ...]
    notes: tuple[Note, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return it as JSON."""
        distribution = self.distribution
        return {
            "reference": self.image.reference,
            "digest": self.image.digest.value,
            "platform": str(self.image.platform) if self.image.platform else None,
            "distribution": distribution._asdict() if any(distribution) else None,
            "packages": [package.to_json() for package in self.packages],
            "notes": [{"path": f"/{note.path}", "layer": note.layer, "reason": note.reason} for note in self.notes],
        }

    def cyclonedx(self, *, created: str = "") -> dict[str, object]:
        """Return a CycloneDX 1.6 document. created: its time in RFC 3339, instead of the image's."""
        from orlop.image.packages.cyclonedx import document

        return document(self, created)

    def spdx(self, *, created: str = "") -> dict[str, object]:
        """Return an SPDX 2.3 document. created: its time in RFC 3339, instead of the image's."""
        from orlop.image.packages.spdx import document

        return document(self, created)


def check_kinds(kinds: Iterable[str] | None) -> tuple[str, ...]:
    """Return the kinds that are meant, all for None. Raises InputError for one that there is not."""
    if kinds is None:
        return KINDS
    given = tuple(kinds)
    for kind in given:
        if kind not in KINDS:
            error = InputError(kind, f"it is one of {', '.join(KINDS)}")
            error.noun = "a kind of package"
            raise error
    return given or KINDS


async def find_packages(
    store: LayerStore,
    image: Image,
    *,
    derived: DerivedCache | None = None,
    kinds: Collection[str] = KINDS,
    layer: int | None = None,
) -> PackageList:
    """Return the packages that an image shows.

    derived: where to keep what layers tell. kinds: only those. layer: only what appeared in this layer, by its index from 0 at
    the bottom. A package appeared in the layer whose version of its database, or whose file, has had it ever since.
    Raises InputError for a layer that there is not, LimitError, and what ``LayerStore.index`` raises.
    """
    layer_numbers(image, layer=layer)

    async def read(one: Layer) -> tuple[LayerIndex, Told]:
        return await _Reading(store, one, derived, kinds).told()

    outcomes = store.runtime.map(read, image.layers, limit=LAYERS_AT_ONCE, ordered=True)
    read_layers = [outcome.result() async for outcome in outcomes]
    merged = _Merged(image, store)
    await store.runtime.run(merged.take, read_layers)
    distribution = await merged.distribution()
    return await store.runtime.run(merged.answer, distribution, frozenset(kinds), layer)


class _Reading:
    """Finds out what one layer tells."""

    def __init__(self, store: LayerStore, layer: Layer, derived: DerivedCache | None, kinds: Collection[str]) -> None:
        self._store, self._layer, self._derived = store, layer, derived
        self._what = f"layer {layer.descriptor.digest.value[:19]} of {store.source.name}"
        self._kinds = kinds
        self._index: LayerIndex | None = None

    async def told(self) -> tuple[LayerIndex, Told]:
        store, layer, digest = self._store, self._layer, self._layer.descriptor.digest
        kept = await store.runtime.run(self._derived.get, digest) if self._derived is not None else None
        told = Told.load(kept) if kept is not None else None
        index = await store.known(layer)
        if told is not None:
            return index or await store.index(layer), told
        if index is None:
            gatherer = Gatherer(self._what)
            index = await store.scan(layer, gatherer.wanted)
        else:
            gatherer = Gatherer(self._what, self._kinds)
            await self._fetch(index, gatherer, [(entry, entry.path) for entry in index.entries if entry.kind == FILE])
        await self._read_other_names(index, gatherer)
        told = await store.runtime.run(gatherer.finish)
        if self._derived is not None and gatherer.kinds >= frozenset(KINDS):
            await store.runtime.run(self._derived.put, digest, told.dump())
        return index, told

    async def _read_other_names(self, index: LayerIndex, gatherer: Gatherer) -> None:
        """Give hard links what their files tell; a file whose own name says nothing is read for the first of them."""
        links = [(entry, path) for entry, path in _other_names(index) if not gatherer.alias(entry.path, path)]
        first: dict[int, tuple[Entry, str]] = {}
        for entry, path in links:
            first.setdefault(entry.offset, (entry, path))
        await self._fetch(index, gatherer, list(first.values()))
        for entry, path in links:
            gatherer.alias(first[entry.offset][1], path)

    async def _fetch(self, index: LayerIndex, gatherer: Gatherer, files: list[tuple[Entry, str]]) -> None:
        """Read those files that are wanted: one by one where that is less than the whole layer."""
        wanted = {entry.offset: (entry, path) for entry, path in files if gatherer.wants(entry, path)}
        if not wanted:
            return
        way = 0
        for entry, _ in wanted.values():
            way += entry.data_offset + entry.stored - index.before(entry.data_offset).unpacked
        whole = index.unpacked_size if index.unpacked_size is not None else way
        if len(wanted) > FILES_LIMIT or way > whole // 2:
            sinks = {offset: path for offset, (_, path) in wanted.items()}

            def sink(entry: Entry) -> Sink | None:
                return gatherer.wanted(entry, sinks[entry.offset]) if entry.offset in sinks else None

            await self._store.scan(self._layer, sink)
            return
        for entry, path in wanted.values():
            into = gatherer.wanted(entry, path)
            if into is None:
                continue
            async with self._store.open_file(self._layer, entry) as stream:
                async for chunk in stream:
                    into.write(chunk)
            await self._store.runtime.run(into.close)


def _other_names(index: LayerIndex) -> list[tuple[Entry, str]]:
    """Return the files that have another name in the same layer, with that name; programs count under their first alone."""
    links = {entry.path: clean(entry.link) for entry in index.entries if entry.kind == HARDLINK}
    names = [path for path in links if named(path)]
    if not names:
        return []
    ends = {}
    for path in names:
        target = links[path]
        for _ in range(LINKS_LIMIT):
            target = links.get(target, target)
        ends[path] = target
    targets = frozenset(ends.values())
    files = {entry.path: entry for entry in index.entries if entry.kind == FILE and entry.path in targets}
    return [(files[target], path) for path, target in ends.items() if target in files]


class _Merged:
    """Puts layers on each other, and knows since when each package has been there."""

    def __init__(self, image: Image, store: LayerStore) -> None:
        self._image, self._store = image, store
        self._tree = MergedTree(keep_hidden=True)
        self._told: list[Told] = []
        self._since: dict[str, dict[tuple[str, str, str], tuple[int, Package]]] = {}
        self._notes: dict[str, Note] = {}
        self._steps = 0

    def take(self, layers: Sequence[tuple[LayerIndex, Told]]) -> None:
        """Put the layers on each other, bottom first."""
        for number, (index, told) in enumerate(layers):
            what = f"layer {number} of {self._image.reference}"
            tree = LayerTree(what, layer=number, limits=self._store.limits)
            tree.extend(index.entries)
            self._tree.apply(tree)
            self._told.append(told)
            found = _placed(told.packages, tree.root, self._spend)
            noted = _placed(told.notes, tree.root, self._spend)
            for hidden in self._tree.hidden:
                self._notes.pop(hidden.path, None)
                if hidden.path not in found:
                    self._since.pop(hidden.path, None)
            self._tree.hidden.clear()
            for path, name in found.items():
                if self._layer_of(path) == number:
                    before = self._since.get(path, {})
                    packages = told.packages[name]
                    self._since[path] = {
                        package.key: before.get(package.key, (number, package)) for package in packages
                    }
            for path, name in noted.items():
                if self._layer_of(path) == number:
                    self._notes[path] = Note(path, number, told.notes[name])

    async def distribution(self) -> Distribution:
        """Return what the image's os-release says; a damaged one is a note."""
        for path in PATHS:
            led = lead(self._tree.root, path, last=True, budget=self._spend)
            if led is None or led[1].entry is None:
                continue
            real, place = led
            data = await self._content(place)
            if data is None:
                continue
            try:
                said = parse_os_release(data, f"/{real}")
            except (IntegrityError, LimitError) as error:
                self._notes[real] = Note(real, place.layer, error.reason)
                continue
            return Distribution(*(text(said.get(key, "")) for key in ("ID", "VERSION_ID", "PRETTY_NAME")))
        return Distribution()

    async def _content(self, place: Node) -> bytes | None:
        entry = place.entry
        if entry is None or place.layer < 0:
            return None
        told = self._told[place.layer]
        if entry.kind == HARDLINK:
            return told.systems.get(entry.path, told.systems.get(clean(entry.link)))
        return told.systems.get(entry.path)

    def answer(self, distribution: Distribution, kinds: frozenset[str], layer: int | None) -> PackageList:
        """Return what there is in the end."""
        layers = self._image.layers
        found: list[Package] = []
        seen: set[tuple[str, ...]] = set()
        for path in sorted(self._since):
            for since, package in self._since[path].values():
                if package.kind not in kinds or layer not in {None, since}:
                    continue
                if package.kind in _SYSTEM_KINDS:
                    key = (package.kind, *package.key)
                    if key in seen:
                        continue  # some systems keep a copy of their database
                    seen.add(key)
                placed = replace(package, path=path)
                found.append(placed.placed(since, layers[since].descriptor.digest, distribution))
        if len(found) > PACKAGES_LIMIT:
            raise LimitError(self._image.reference, "packages of an image", PACKAGES_LIMIT)
        order = {kind: at for at, kind in enumerate(KINDS)}
        found.sort(key=lambda p: (order[p.kind], p.name, p.version, p.architecture, p.path))
        notes = sorted(self._notes.values())
        return PackageList(self._image, distribution, tuple(found), tuple(notes))

    def _layer_of(self, path: str) -> int | None:
        found = self._tree.find(path)
        return None if found is None else found.layer

    def _spend(self) -> None:
        self._steps += 1
        if self._steps > self._store.limits.steps:
            raise LimitError(self._image.reference, "steps through links", self._store.limits.steps)


def _placed(told: Collection[str], root: Node, spend: Callable[[], None]) -> dict[str, str]:
    """Return, of the files that a layer's archive names, where its own links put them, by that path."""
    found = {}
    for name in told:
        led = lead(root, name, last=False, budget=spend)
        if led is not None and led[1].entry is not None:
            found[led[0]] = name
    return found
