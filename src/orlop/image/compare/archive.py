"""How the archives of two layers differ beside the files in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orlop.image.compare.semantic import Ignore
    from orlop.layer.index import LayerIndex

ORDER, NAMES, FORMAT = "order", "names", "format"


def archive_differences(
    base: LayerIndex, target: LayerIndex, ignore: Ignore, skip: Callable[[str], bool] | None, files_differ: bool
) -> tuple[str, ...]:
    """Return what differs, of ``order`` (of the members that both have), ``names`` (``./a`` and ``a``), ``format``.

    ``format``: the archives differ though nothing else does: in the form of their headers, in bits that tell nothing, in members
    that others replace. skip: paths that do not count; with it, or with anything ignored, ``format`` is not told.
    """
    found = []
    if base.diff_id is not None and base.diff_id == target.diff_id:
        return ()
    left, right = list(_members(base, skip)), list(_members(target, skip))
    both = {path for path, _ in left} & {path for path, _ in right}
    if not ignore.file_order and [p for p, _ in left if p in both] != [p for p, _ in right if p in both]:
        found.append(ORDER)
    if not ignore.canonical_paths:
        raws = [{path: raw.rstrip("/") for path, raw in side if path in both} for side in (left, right)]
        if raws[0] != raws[1]:
            found.append(NAMES)
    strict = not (ignore.documents_may_differ or ignore.paths)
    if strict and not found and not files_differ:
        found.append(FORMAT)
    return tuple(found)


def _members(index: LayerIndex, skip: Callable[[str], bool] | None) -> Iterator[tuple[str, str]]:
    for entry in index.entries:
        if skip is None or not skip(entry.path):
            yield entry.path, entry.raw
