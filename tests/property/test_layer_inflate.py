"""Unpacking: however the bytes are cut, the same comes out; whatever the bytes are, an orlop error or the truth."""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import sys
import tarfile
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.errors import IntegrityError, OrlopError
from orlop.layer import decoders
from orlop.layer.inflate import Inflater
from orlop.layer.limits import Limits

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def archive() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, size in (("first", 700), ("second", 5000)):
            info = tarfile.TarInfo(name)
            info.size = size
            tar.addfile(info, io.BytesIO(bytes(range(256)) * 20))
    return made.getvalue()


TAR = archive()
PACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd.compress}
LIMITS = Limits(unpacked=1 << 22, ratio_from=1 << 20)
CUTS = st.lists(st.integers(0, 1 << 16), max_size=12)


def unpack(chunks: Sequence[bytes]) -> bytes:
    inflater = Inflater("a layer", limits=LIMITS)
    out = b"".join(piece for chunk in chunks for piece in inflater.feed(chunk))
    inflater.finish()
    return out


def cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in at)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """TAR as a stream of one kind, in one or more members or frames."""
    kind = draw(st.sampled_from(["tar", "gzip", "zstd"]))
    if kind == "tar":
        return TAR
    parts = [PACK[kind](part) for part in cut(TAR, draw(st.lists(st.integers(0, len(TAR)), max_size=4)))]
    if kind == "zstd":
        content = draw(st.binary(max_size=20))
        parts.insert(
            draw(st.integers(0, len(parts))), b"\x50\x2a\x4d\x18" + len(content).to_bytes(4, "little") + content
        )
    return b"".join(parts)


@given(streams(), CUTS)
def test_every_way_of_cutting_the_stream_gives_the_same(data: bytes, at: list[int]) -> None:
    assert unpack(cut(data, at)) == TAR


@given(st.integers(0, 31), st.binary(max_size=6), CUTS)
def test_every_gzip_header_is_read_by_isal_as_by_zlib(flags: int, text: bytes, at: list[int]) -> None:
    text = text.replace(b"\0", b"x")
    header = b"\x1f\x8b\x08" + bytes([flags]) + b"\0\0\0\0\0\xff"
    header += len(text).to_bytes(2, "little") + text if flags & 4 else b""
    header += text + b"\0" if flags & 8 else b""
    header += text + b"\0" if flags & 16 else b""
    header += (zlib.crc32(header) & 0xFFFF).to_bytes(2, "little") if flags & 2 else b""
    data = header + gzip.compress(TAR)[10:]
    assert unpack(cut(data, at)) == TAR == zlib.decompress(data, 31)


@given(streams(), st.data())
def test_a_stream_with_a_byte_missing_or_changed_or_added_is_refused_or_the_same(
    data: bytes, more: st.DataObject
) -> None:
    at = more.draw(st.integers(0, len(data) - 1))
    new = more.draw(st.binary(max_size=3))
    cuts = more.draw(CUTS)
    changed = data[:at] + new + data[at + more.draw(st.integers(0, 3)) :]
    with contextlib.suppress(OrlopError):
        unpack(cut(changed, cuts))


@given(
    st.sampled_from([b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x5f\x2a\x4d\x18"]), st.binary(max_size=2000), CUTS
)
def test_any_bytes_give_an_orlop_error_or_an_end(magic: bytes, data: bytes, at: list[int]) -> None:
    with contextlib.suppress(OrlopError):
        unpack(cut(magic + data, at))


@pytest.mark.parametrize("kind", PACK)
@given(tail=st.binary(min_size=1, max_size=40).filter(any), at=CUTS)
def test_anything_behind_the_data_but_zeros_or_another_member_is_refused(kind: str, tail: bytes, at: list[int]) -> None:
    if tail[1:4] == b"\x2a\x4d\x18":
        return
    with pytest.raises(IntegrityError):
        unpack(cut(PACK[kind](TAR) + tail, at))


@given(st.binary(max_size=3000), st.lists(st.integers(1, 500), min_size=1, max_size=5))
def test_the_fallback_decodes_as_isal_does(content: bytes, sizes: list[int]) -> None:
    packed = gzip.compress(content)
    results = []
    for make in (decoders.gzip_decoder, decoders.ZlibDecoder):
        decoder, out, at, turn = make(), b"", 0, 0
        while not decoder.eof:
            size = sizes[turn % len(sizes)]
            turn += 1
            chunk = b""
            if decoder.needs_input:
                chunk = (packed + b"tail")[at : at + size]
                at += size
            out += decoder.decompress(chunk, size)
        results.append((out, (packed + b"tail")[at - len(decoder.unused_data) : at]))
    assert results[0][0] == results[1][0] == content
