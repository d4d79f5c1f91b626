"""Whatever layers say: nothing is written outside, and what is written is the merged tree."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.image.filetrees import Case, Member, layer, listing

from orlop.errors import OrlopError
from orlop.image.extract import Rules

PARTS = st.sampled_from(
    ["a", "b", "C", "..", ".", "", "out", "secret", ".wh.a", ".wh..wh..opq", ".wh.", "\udcff", "x\n"]
)
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
LINKS = st.one_of(PATHS, st.sampled_from(["/", "..", "../..", "../outside", "OUTSIDE", "OUTSIDE/secret", "/a"]))
MEMBERS = st.one_of(
    st.builds(lambda path, data: Member(path, "file", data), PATHS, st.binary(max_size=5)),
    st.builds(lambda path: Member(path, "dir"), PATHS),
    st.builds(lambda path, link: Member(path, "symlink", link=link, mode=0o777), PATHS, LINKS),
    st.builds(lambda path, link: Member(path, "hardlink", link=link), PATHS, LINKS),
    st.builds(lambda path: Member(path, "fifo"), PATHS),
    st.builds(lambda path: Member(path, "char", major=1, minor=3), PATHS),
)
LAYERS = st.lists(st.lists(MEMBERS, max_size=8), min_size=1, max_size=3)


def placed(member: Member, outside: str) -> Member:
    """The same member, its link to the real folder outside."""
    entry = member.entry
    made = Member(entry.path, entry.kind, member.data, link=entry.link.replace("OUTSIDE", outside))
    made.entry = made.entry._replace(mode=entry.mode, major=entry.major, minor=entry.minor)
    return made


@settings(max_examples=150, deadline=None)
@given(LAYERS, st.booleans())
def test_nothing_is_written_outside_the_folder(layers: list[list[Member]], force: bool) -> None:
    top = Path(tempfile.mkdtemp())
    try:
        outside, to = top / "outside", top / "to"
        outside.mkdir()
        (outside / "secret").write_bytes(b"mine")
        if force:
            to.mkdir()
            (to / "a").symlink_to(outside)
            (to / "b").write_bytes(b"there")
        case = Case(*(layer(*(placed(member, str(outside)) for member in members)) for members in layers))
        with suppress(OrlopError):
            case.extract(to, rules=Rules(keep_owner=False, force=force))
            tree = case.tree()
            if not force:
                expected = [
                    node.path
                    for node in tree.walk()
                    if node.entry.kind != "char"
                    and ((inode := tree.inode(node)) is not None and inode.entry.kind != "char")
                ]
                links = {node.path for node in tree.walk() if (one := tree.inode(node)) and one.entry.kind == "symlink"}
                # A link to nothing at all cannot be made.
                empty = {path for path in links if not _link(case, path)}
                assert sorted(os.fsencode(path) for path in listing(to)) == sorted(
                    path.encode("utf-8", "surrogateescape") for path in expected if path not in empty
                )
        assert sorted(os.listdir(top)) in (["outside", "to"], ["outside"])
        assert os.listdir(outside) == ["secret"]
        assert (outside / "secret").read_bytes() == b"mine"
        assert (outside / "secret").stat().st_nlink == 1
        assert not any(name.startswith(".orlop-") for name in (os.listdir(to) if to.exists() else ()))
    finally:
        shutil.rmtree(top)


def _link(case: Case, path: str) -> str:
    tree = case.tree()
    node = tree.get(path)
    inode = tree.inode(node) if node is not None else None
    return inode.entry.link if inode is not None else ""
