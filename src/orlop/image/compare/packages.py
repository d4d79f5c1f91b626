"""What is installed in one image and not in the other, and in which version."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from orlop.content.derived import ENTRY_LIMIT, DerivedCache
from orlop.image.compare.comparison import Comparison, OfPlatform
from orlop.image.compare.fields import ADDED, CHANGED, REMOVED
from orlop.image.compare.versions import by_version, compare_versions
from orlop.image.packages.find import KIND, find_packages
from orlop.layer.packages.package import KINDS, Distribution

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from orlop.content.cache import Cache
    from orlop.image.compare.files import Stores
    from orlop.image.compare.sides import Pair, Sides
    from orlop.image.packages.find import Note, PackageList
    from orlop.layer.packages.package import Package
    from orlop.model.digest import Digest

UPGRADED, DOWNGRADED = "upgraded", "downgraded"


class PackageChange(NamedTuple):
    """One package that differs.

    change: ``added``, ``removed``, ``upgraded``, ``downgraded``, or ``changed`` where the version is another text of the same
    rank, or the architecture another.
    """

    kind: str
    name: str
    change: str
    base: Package | None
    target: Package | None

    def to_json(self) -> dict[str, object]:
        """Return it as JSON."""
        return {
            "kind": self.kind,
            "name": self.name,
            "change": self.change,
            "base": self.base.to_json() if self.base is not None else None,
            "target": self.target.to_json() if self.target is not None else None,
        }


@dataclass(frozen=True, slots=True)
class PackagesOfPlatform(OfPlatform):
    """The packages in which two images differ, by kind and name.

    platform, base, target: as ``FilesOfPlatform``. base_system, target_system: what each os-release says. base_notes,
    target_notes: what could not be read; packages of it may be missing on that side.
    """

    platform: str
    base: Digest | None
    target: Digest | None
    changes: tuple[PackageChange, ...]
    base_system: Distribution = Distribution()  # noqa: RUF009  # a constant
    target_system: Distribution = Distribution()  # noqa: RUF009  # a constant
    base_notes: tuple[Note, ...] = ()
    target_notes: tuple[Note, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether both are there and no package differs."""
        return self.base is not None and self.target is not None and not self.changes

    def to_json(self) -> dict[str, object]:
        """Return it as JSON."""
        return {
            "platform": self.platform,
            "base": self.base.value if self.base else None,
            "target": self.target.value if self.target else None,
            "equal": self.equal,
            "distributions": {"base": self.base_system.name or None, "target": self.target_system.name or None},
            "changes": [change.to_json() for change in self.changes],
            "notes": {"base": _notes(self.base_notes), "target": _notes(self.target_notes)},
        }


@dataclass(frozen=True, slots=True)
class PackagesComparison(Comparison[PackagesOfPlatform]):
    """The packages of two images."""


async def compare_packages(
    sides: Sides, stores: Stores, *, cache: Cache | None = None, kinds: Collection[str] = KINDS
) -> PackagesComparison:
    """Return the packages in which the images differ. cache: keeps what layers tell. kinds: only those.

    A layer that both have is read once. Raises what reading raises.
    """
    derived = DerivedCache(cache, KIND) if cache is not None else _Kept()
    found = [await _compare_pair(pair, stores, derived, kinds) for pair in sides.pairs]
    return PackagesComparison(sides.base, sides.target, tuple(found))


async def _compare_pair(
    pair: Pair, stores: Stores, derived: DerivedCache, kinds: Collection[str]
) -> PackagesOfPlatform:
    base, target = pair.base, pair.target
    digests = (pair.platform, pair.base_digest, pair.target_digest)
    if base is None or target is None:
        return PackagesOfPlatform(*digests, ())
    if [one.digest for one in base.manifest.layers] == [one.digest for one in target.manifest.layers]:
        return PackagesOfPlatform(*digests, ())
    left: PackageList = await find_packages(stores.base, base, derived=derived, kinds=kinds)
    right: PackageList = await find_packages(stores.target, target, derived=derived, kinds=kinds)
    changes = tuple(package_changes(left.packages, right.packages))
    return PackagesOfPlatform(*digests, changes, left.distribution, right.distribution, left.notes, right.notes)


def package_changes(base: Iterable[Package], target: Iterable[Package]) -> list[PackageChange]:
    """Return what differs, by kind and name.

    Several versions of one package may be installed: those that both have cancel out, the others stand beside each other
    from the highest down. One whose architecture is another is still the same package.
    """
    left, right = _by_name(base), _by_name(target)
    found: list[PackageChange] = []
    for key in sorted({**left, **right}):
        found += _changes_of(left.get(key, []), right.get(key, []))
    return found


def _changes_of(old: list[Package], new: list[Package]) -> Iterator[PackageChange]:
    common = Counter(_identity(one) for one in old) & Counter(_identity(one) for one in new)
    old, new = _without(old, common), _without(new, common)
    for architecture in sorted({one.architecture for one in (*old, *new)}):
        same = [by_version(one for one in side if one.architecture == architecture) for side in (old, new)]
        while same[0] and same[1]:
            before, after = same[0].pop(), same[1].pop()
            old.remove(before)
            new.remove(after)
            yield _changed(before, after)
    old, new = by_version(old), by_version(new)
    while old and new:
        yield _changed(old.pop(), new.pop())
    for one in old:
        yield PackageChange(one.kind, one.name, REMOVED, one, None)
    for one in new:
        yield PackageChange(one.kind, one.name, ADDED, None, one)


def _changed(before: Package, after: Package) -> PackageChange:
    order = compare_versions(before.kind, before.version, after.version)
    change = UPGRADED if order < 0 else DOWNGRADED if order > 0 else CHANGED
    return PackageChange(before.kind, before.name, change, before, after)


def _by_name(packages: Iterable[Package]) -> dict[tuple[str, str], list[Package]]:
    found: dict[tuple[str, str], list[Package]] = {}
    for one in packages:
        found.setdefault((one.kind, one.name), []).append(one)
    return found


def _identity(one: Package) -> tuple[str, str]:
    return one.version, one.architecture


def _without(packages: list[Package], common: Counter[tuple[str, str]]) -> list[Package]:
    left = common.copy()
    kept = []
    for one in packages:
        if left[_identity(one)] > 0:
            left[_identity(one)] -= 1
        else:
            kept.append(one)
    return kept


def _notes(notes: tuple[Note, ...]) -> list[dict[str, object]]:
    return [{"path": f"/{note.path}", "layer": note.layer, "reason": note.reason} for note in notes]


class _Kept(DerivedCache):
    """Keeps what layers tell for one comparison, in memory, where there is no cache."""

    def __init__(self) -> None:
        self._data: dict[Digest, bytes] = {}

    def get(self, digest: Digest, start: int = 0, size: int = ENTRY_LIMIT) -> bytes | None:
        data = self._data.get(digest)
        return None if data is None else data[start : start + size]

    def put(self, digest: Digest, data: bytes) -> None:
        self._data[digest] = data

    def drop(self, digest: Digest) -> None:
        self._data.pop(digest, None)
