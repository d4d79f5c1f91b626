"""The short way for the members that most archives have: what it tells is what the long way tells, wherever the data is cut."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from orlop.layer.limits import Limits
from orlop.layer.members import usual_members
from orlop.layer.sinks import Collector
from orlop.layer.tarscan import Scanner

if TYPE_CHECKING:
    from orlop.layer.entry import Entry
    from orlop.layer.sinks import Sink

SIZES = (0, 1, 511, 512, 513, 1500)


def archive(form: int) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as tar:
        for number, size in enumerate(SIZES):
            info = tarfile.TarInfo(f"./folder/{number}")
            info.size, info.uid, info.uname, info.mtime, info.mode = (
                size,
                number,
                f"user{number}",
                1_000 + number,
                0o4755,
            )
            tar.addfile(info, io.BytesIO(bytes([number + 1]) * size))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "folder/0"
        tar.addfile(link)
    return made.getvalue()


def told(data: bytes, cut: int, *, hashed: bool = False) -> tuple[list[Entry], dict[str, bytes | None]]:
    """What is told of an archive that comes in two parts, and the contents."""
    kept: dict[str, Collector] = {}

    def wanted(entry: Entry) -> Sink:
        return kept.setdefault(entry.path, Collector(entry.path, 1 << 20))

    scanner = Scanner("it", wanted=wanted, hashed=hashed)
    entries = scanner.feed(data[:cut]) + scanner.feed(data[cut:])
    scanner.finish()
    assert scanner.count == len(entries)
    return entries, {path: sink.data for path, sink in kept.items()}


def test_every_cut_tells_the_same() -> None:
    data = archive(tarfile.GNU_FORMAT)
    entries, contents = told(data, 0)
    assert [entry.size for entry in entries] == [*SIZES, 0]
    assert list(contents.values()) == [bytes([number + 1]) * size for number, size in enumerate(SIZES)]
    for cut in range(0, len(data), 7):
        assert told(data, cut) == (entries, contents)


def test_a_hash_is_of_the_content_wherever_the_cut_is() -> None:
    data = archive(tarfile.GNU_FORMAT)
    missing = 0
    for cut in range(0, len(data), 7):
        entries, contents = told(data, cut, hashed=True)
        for entry in entries:
            if entry.kind == "file" and entry.sha256:
                assert entry.sha256 == hashlib.sha256(contents[entry.path] or b"").digest()
            missing += entry.kind == "file" and not entry.sha256
        assert sum(entry.kind == "file" and not entry.sha256 for entry in entries) <= 1
    assert missing


def test_both_ways_tell_the_same() -> None:
    data = archive(tarfile.GNU_FORMAT)
    found: list[Entry] = []
    stopped = usual_members(data, 0, 0, found, most=99, longest=99, hashed=False, wanted=None)
    assert stopped == (len(found) * 512 + sum(-(-size // 512) * 512 for size in SIZES), 0, 0, None)
    # A first global header sends all that follow it the long way.
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "long"}):
        pass
    before = made.getvalue()[: -(-len(made.getvalue().rstrip(b"\0")) // 512) * 512]
    entries, _ = told(before + data, 0)
    shift = len(before)
    assert [one._replace(offset=one.offset - shift, data_offset=one.data_offset - shift) for one in entries] == found


@pytest.mark.parametrize(("most", "longest", "count"), [(3, 99, 3), (99, 5, 0), (0, 99, 0)])
def test_it_stops_at_a_limit(most: int, longest: int, count: int) -> None:
    found: list[Entry] = []
    usual_members(archive(tarfile.GNU_FORMAT), 0, 0, found, most=most, longest=longest, hashed=False, wanted=None)
    assert len(found) == count


def test_limits_are_told_by_the_scanner() -> None:
    with pytest.raises(Exception, match="entries"):
        Scanner("it", limits=Limits(entries=2)).feed(archive(tarfile.GNU_FORMAT))
