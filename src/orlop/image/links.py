"""Where the links of a tree lead: symbolic ones to a path, hard ones to the file that they were made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.layer.entry import FILE, HARDLINK, SYMLINK, clean
from orlop.layer.overlay import LINKS_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from orlop.layer.entry import Entry
    from orlop.layer.overlay import LayerTree
    from orlop.layer.overlay import Node as Place

_PLINK = ".wh..wh.plnk/"  # where AUFS keeps the contents of hard links, as Docker's layers of before 2016 have them


def lead(root: Place, path: str, *, last: bool, budget: Callable[[], None]) -> tuple[str, Place] | None:
    """Return where a path of a merged tree leads, without links, and what is there; None for nothing or a circle.

    last: follow the link at the very end, too. budget: called for each step that links cause. ``..`` above the root stays
    there. Rule: path_resolution(7), in a chroot.
    """
    trail: list[tuple[str, Place]] = [("", root)]
    todo = path.split("/")[::-1] if path else []
    links = 0
    while todo:
        part = todo.pop()
        if part in {"", "."}:
            continue
        if part == "..":
            if len(trail) > 1:
                trail.pop()
            continue
        if links:
            budget()
        child = trail[-1][1].children.get(part)
        if child is None:
            return None
        if child.entry is not None and child.entry.kind == SYMLINK and (last or any(todo)):
            links += 1
            if links > LINKS_LIMIT:
                return None
            if child.entry.link.startswith("/"):
                del trail[1:]
            todo += child.entry.link.split("/")[::-1]
        else:
            trail.append((part, child))
    return "/".join(name for name, _ in trail[1:]), trail[-1][1]


def fill(tree: LayerTree, entries: Iterable[Entry]) -> list[tuple[Entry, Entry | None]]:
    """Put a layer's entries into its tree; return each hard link with what the layer has under that name by then.

    None: it was made from a file of a layer below, or stands before its file, as in archives that ``crane export`` wrote.
    """
    found: list[tuple[Entry, Entry | None]] = []
    kept: dict[str, Entry] = {}

    def before(entry: Entry) -> None:
        if entry.kind == HARDLINK:
            found.append((entry, stated(tree, entry.link) or kept.get(clean(entry.link))))
        elif entry.kind == FILE and entry.path.startswith(_PLINK):
            kept[entry.path] = entry

    tree.extend(entries, before)
    return found


def stated(tree: LayerTree, path: str) -> Entry | None:
    """Return what a layer has at a path, None for nothing and for a folder that it only implies."""
    entry = tree.look(clean(path)).entry
    return entry if entry is not None and entry.offset >= 0 else None
