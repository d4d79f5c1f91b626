"""Entries as bytes and back; damaged bytes are refused."""

from __future__ import annotations

import contextlib
import random
import zlib

import pytest

from orlop.layer.columns import BLOCK_ENTRIES, pack, unpack
from orlop.layer.entry import FILE, NO_XATTRS, SYMLINK, Entry

PLAIN = Entry(
    "a/b", FILE, 0o644, 0, 0, "root", "root", 3, 10**18, "", 0, 0, NO_XATTRS, 0, 512, 3, None, "./a/b", bytes(32)
)


@pytest.mark.parametrize(
    "entry",
    [
        PLAIN,
        PLAIN._replace(path="", raw="./"),
        PLAIN._replace(path="caf\udce9", raw="caf\udce9"),
        PLAIN._replace(path="a\nb", uname="\0odd"),
        PLAIN._replace(path="half a pair \ud800"),
        PLAIN._replace(kind=SYMLINK, link="../x", size=0, sha256=b""),
        PLAIN._replace(uid=-1, gid=2**63 - 1, mtime_ns=-(2**63) + 1),
        PLAIN._replace(xattrs={"user.a": b"\0\xff", "security.capability": b""}),
        PLAIN._replace(sparse=((0, 4), (2**40, 1)), stored=5, size=2**41),
        PLAIN._replace(sparse=()),
    ],
)
def test_an_entry_comes_back_as_it_was(entry: Entry) -> None:
    assert unpack(pack([entry, PLAIN])) == [entry, PLAIN]


def test_a_full_block_comes_back_in_order() -> None:
    entries = [
        PLAIN._replace(path=f"a/{n}", offset=n, sha256=b"" if n % 3 else bytes([n % 256] * 32))
        for n in range(BLOCK_ENTRIES)
    ]
    assert unpack(pack(entries)) == entries


@pytest.mark.parametrize(
    "data", [b"", b"x", bytes(8), *(b"\x30" + bytes(7) + zlib.compress(one) for one in (b"", b"\xff" * 8, bytes(4000)))]
)
def test_bytes_that_are_no_block_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a block"):
        unpack(data)


def test_a_block_that_is_changed_anywhere_gives_entries_or_is_refused() -> None:
    block = pack([PLAIN, PLAIN._replace(xattrs={"a": b"b"}, path="\0")])
    size = int.from_bytes(block[:8], "little")
    whole = zlib.decompress(block[8 : 8 + size])
    draw = random.Random(7)
    for _ in range(2000):
        changed = bytearray(whole)
        changed[draw.randrange(len(whole))] = draw.randrange(256)
        cut = bytes(changed[: draw.choice([len(whole), draw.randrange(len(whole))])])
        with contextlib.suppress(ValueError):  # and nothing else
            deflated = zlib.compress(cut, 0)
            assert len(unpack(len(deflated).to_bytes(8, "little") + deflated + block[8 + size :])) == 2
