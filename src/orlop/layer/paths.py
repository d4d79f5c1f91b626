"""Following links through a tree that is not all here: which path to look at next, without looking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.layer.entry import DIRECTORY, SYMLINK
from orlop.layer.overlay import LINKS_LIMIT

if TYPE_CHECKING:
    from collections.abc import Generator

    from orlop.layer.entry import Entry


def follow(path: str) -> Generator[str, Entry | None, str | None]:
    """Ask for one path after the other, each without links but perhaps in its last part; return where ``path`` leads.

    What is sent in is the entry at the path that was yielded, or None where nothing is. The path that is returned is free of links;
    None: it leads to nothing, through a file, or in a circle. ``..`` above the root stays there.
    Rule: path_resolution(7), in a chroot.
    """
    done: list[str] = []
    todo = path.split("/")[::-1]
    links = 0
    while todo:
        part = todo.pop()
        if part in {"", "."}:
            continue
        if part == "..":
            del done[-1:]
            continue
        entry = yield "/".join([*done, part])
        if entry is None:
            return None
        if entry.kind == SYMLINK:
            links += 1
            if links > LINKS_LIMIT:
                return None
            if entry.link.startswith("/"):
                done = []
            todo += entry.link.split("/")[::-1]
        elif entry.kind != DIRECTORY and any(rest not in {"", "."} for rest in todo):
            return None
        else:
            done.append(part)
    return "/".join(done)
