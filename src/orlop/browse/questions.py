"""What the screens ask: plain calls that block, for worker threads. Nothing here knows of Textual."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from orlop.browse.text import is_binary
from orlop.errors import InputError, UnsupportedError
from orlop.image.resolve import platforms_of
from orlop.image.tree import open_tree
from orlop.image.view import image_of
from orlop.model.manifest import Index
from orlop.model.platform import Platform, PlatformSelector, choose
from orlop.model.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.content.base import Located
    from orlop.image.compare.config import FieldsOfPlatform
    from orlop.image.compare.files import FileChange, FilesOfPlatform, Stores
    from orlop.image.compare.layers import LayersComparison
    from orlop.image.compare.sides import Pair, Sides
    from orlop.image.compare.textdiff import TextDiff
    from orlop.image.layers import LayerStore
    from orlop.image.tree import ImageTree, Node
    from orlop.image.view import Image
    from orlop.model.digest import Digest
    from orlop.model.manifest import Manifest
    from orlop.sync import Client

TAGS_LIMIT = 10_000
"""Most tags that are listed."""
VIEW_LIMIT = 256 * 1024
"""Most bytes of a file that are shown as text."""
HEX_LIMIT = 16 * 1024
"""Most bytes of a file that are shown as numbers."""
FOUND_LIMIT = 500
"""Most paths that a search finds."""
TREES_LIMIT = 6
"""Merged trees that are kept to come back to."""


class Choice(NamedTuple):
    """A platform of an index. label: as a text."""

    label: str
    digest: Digest
    platform: Platform | None


@dataclass(frozen=True, slots=True)
class Opened:
    """What a reference names. choices: the platforms of an index; one for an image without. first: which one to show."""

    text: str
    at: Located
    manifest: Manifest
    choices: tuple[Choice, ...]
    first: int


@dataclass(frozen=True, slots=True)
class Shown:
    """The beginning of a file. size: of the whole. cut: whether there is more; then its hash was not checked."""

    data: bytes
    size: int
    binary: bool
    cut: bool


class Found(NamedTuple):
    """What a search found. more: whether there is more than is listed."""

    nodes: list[Node]
    more: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """Two images of one platform, compared. ``stores`` opens their layers again, for the text of a file."""

    pair: Pair
    stores: Stores
    files: FilesOfPlatform
    layers: LayersComparison
    config: FieldsOfPlatform


@dataclass
class Questions:
    """Asks a client. platform: the wish for one; None takes this machine's where an index has it, else the first."""

    client: Client
    platform: PlatformSelector | None = None
    _stores: dict[str, LayerStore] = field(default_factory=dict)
    _trees: dict[tuple[str, Digest, int | None], ImageTree] = field(default_factory=dict)
    _guard: Lock = field(default_factory=Lock)

    # --- images ----------------------------------------------------------------------------------

    def tags(self, text: str) -> list[str]:
        """Return the tags of the repository, or the place, that a reference is of."""
        return [str(tag) for tag in self.client.tags(place_of(self.client.open(text)), limit=TAGS_LIMIT)]

    def open(self, text: str) -> Opened:
        """Return what a reference names. Raises InputError's kinds, ManifestNotFoundError, PlatformChoiceError."""
        at = self.client.open(text)
        manifest = self.client.runtime.call(at.source.manifest(at.name))
        if not isinstance(manifest, Index):
            return Opened(at.text, at, manifest, (Choice("", manifest.digest, None),), 0)
        entries = platforms_of(manifest)
        choices = tuple(
            Choice(str(entry.platform) if entry.platform else "(no platform)", entry.digest, entry.platform)
            for entry in entries
        )
        if not choices:
            raise UnsupportedError("looking into it", at.text, "it is an index without images")
        return Opened(at.text, at, manifest, choices, self._first([one.platform for one in choices], at.text))

    def _first(self, platforms: list[Platform | None], text: str) -> int:
        if self.platform is not None:
            from orlop.errors import PlatformChoiceError

            left = choose(self.platform, platforms)
            if not left:
                raise PlatformChoiceError(text, str(self.platform), tuple(map(str, platforms)), 0)
            return left[0]
        own = choose(PlatformSelector.of(Platform.local()), platforms)
        return own[0] if own else 0

    def image(self, opened: Opened, choice: int) -> Image:
        """Return one image of what was opened. Raises UnsupportedError for what is no image."""
        source, manifest = opened.at.source, opened.manifest
        if not isinstance(manifest, Index):
            return self.client.runtime.call(image_of(source, manifest, None, opened.text))
        child = self.client.runtime.call(source.manifest(opened.choices[choice].digest))
        return self.client.runtime.call(image_of(source, child, manifest, opened.text))

    # --- files -----------------------------------------------------------------------------------

    def tree(self, opened: Opened, image: Image, layer: int | None) -> ImageTree:
        """Return the files of an image, merged or of one layer alone, with what was removed; layers are read where that is needed."""
        key = (opened.text, image.digest, layer)
        with self._guard:
            kept = self._trees.get(key)
            store = self._stores.setdefault(opened.at.source.name, self.client.steps.layers_of(opened.at.source))
        if kept is None:
            kept = self.client.runtime.call(open_tree(store, image, layer=layer, removed=True))
            with self._guard:
                self._trees[key] = kept
                while len(self._trees) > TREES_LIMIT:
                    del self._trees[next(iter(self._trees))]
        return kept

    def search(self, tree: ImageTree, text: str, *, removed: bool) -> Found:
        """Return the paths that hold the text, or that match it where it has ``*`` or ``?``; case does not count."""
        from fnmatch import fnmatchcase

        wanted = text.strip().lower().lstrip("/")
        pattern = any(char in wanted for char in "*?[")

        def fits(node: Node) -> bool:
            path = node.path.lower()
            if pattern:
                return fnmatchcase(path, wanted) or ("/" not in wanted and fnmatchcase(path.rpartition("/")[2], wanted))
            return wanted in path

        found: list[Node] = []
        for node in tree.walk(removed=removed) if wanted else ():
            if fits(node):
                if len(found) == FOUND_LIMIT:
                    return Found(found, more=True)
                found.append(node)
        return Found(found, more=False)

    def read(self, tree: ImageTree, node: Node) -> Shown:
        """Return the beginning of a file; links are followed. Raises NotFoundError, InputError for what is no file."""
        if node.removed:
            error = InputError(
                f"/{node.path}", f"layer {node.removed_by} removed it; look into layer {node.layer_index} alone"
            )
            error.noun = "a file of the image"
            raise error
        target = tree.resolve(node.path)
        whole = tree.size(target)
        data = self.client.runtime.call(_beginning(tree, target, VIEW_LIMIT))
        return Shown(data, whole, is_binary(data), cut=len(data) < whole)

    # --- two images ------------------------------------------------------------------------------

    def sides(self, base: str, target: str) -> Sides:
        """Return the images of both that stand beside each other, a pair for each platform."""
        from orlop.image.compare.sides import open_sides

        left, right = self.client.open(base), self.client.open(target)
        return self.client.runtime.call(open_sides(left, right, self.platform, self.client.runtime))

    def first_pair(self, sides: Sides) -> int:
        """Return which pair to show first: this machine's platform, else the first that both have."""
        whole = [at for at, pair in enumerate(sides.pairs) if pair.base is not None and pair.target is not None]
        platforms = [sides.pairs[at].base.platform for at in whole]  # type: ignore[union-attr]  # it is whole
        own = choose(PlatformSelector.of(Platform.local()), platforms)
        return whole[own[0]] if own else (whole[0] if whole else 0)

    def compare(self, sides: Sides, at: int) -> Difference:
        """Return what differs between the two images of one pair. Raises UnsupportedError where only one side has it."""
        from orlop.image.compare.config import compare_configs
        from orlop.image.compare.files import Stores, compare_files
        from orlop.image.compare.layers import compare_layers

        pair = sides.pairs[at]
        if pair.base is None or pair.target is None:
            where = sides.target if pair.target is None else sides.base
            raise UnsupportedError("comparing", where, f"it has no {pair.platform or 'such platform'}")
        with self._guard:
            base, target = (
                self._stores.setdefault(source.name, self.client.steps.layers_of(source))
                for source in (sides.base_source, sides.target_source)
            )
        stores = Stores(base, target)
        found = self.client.runtime.call(compare_files(sides._replace(pairs=(pair,)), stores))
        layers = compare_layers(pair.base, pair.target, compressed_size=True)
        return Difference(pair, stores, found.platforms[0], layers, compare_configs(pair))

    def diff(self, of: Difference, change: FileChange) -> TextDiff | None:
        """Return the unified diff of a file that both have; None where its content is the same."""
        from orlop.image.compare.textdiff import with_diffs

        assert of.pair.base is not None  # noqa: S101  # compare() saw to it
        assert of.pair.target is not None  # noqa: S101
        (found,) = self.client.runtime.call(with_diffs(of.stores, (of.pair.base, of.pair.target), [change]))
        return found.diff


def place_of(at: Located) -> str:
    """Return the repository, or the place, that a reference is of, as a text."""
    return str(at.reference.repository) if isinstance(at.reference, Reference) else at.reference.place


def with_tag(at: Located, tag: str) -> str:
    """Return the reference to another tag of the same place."""
    return f"{place_of(at)}:{tag}"


def children(tree: ImageTree, path: str, *, removed: bool) -> Iterator[Node]:
    """Yield what is in a folder: folders first, then the rest, by name."""
    found = list(tree.walk(path, depth=1, removed=removed))
    folders = [node for node in found if node.entry.kind == "dir"]
    yield from folders
    yield from (node for node in found if node.entry.kind != "dir")


async def _beginning(tree: ImageTree, node: Node, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async with tree.read(node) as stream:
        async for chunk in stream:
            parts.append(chunk)
            size += len(chunk)
            if size >= limit:
                break
    return b"".join(parts)[:limit]
