"""Unpacking a layer: what it is, members and frames, both digests, damage and bounds."""

from __future__ import annotations

import gzip
import io
import os
import struct
import sys
import tarfile
import zlib
from typing import TYPE_CHECKING

import pytest

from orlop.errors import IntegrityError, LimitError
from orlop.layer import decoders
from orlop.layer.inflate import PIECE, Inflater
from orlop.layer.limits import Limits
from orlop.model.digest import Digest, Hasher

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable


def archive(size: int = 3000) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        info = tarfile.TarInfo("file")
        info.size = size
        tar.addfile(info, io.BytesIO(bytes(range(256)) * (size // 256 + 1)))
    return made.getvalue()


TAR = archive()


def skippable(content: bytes) -> bytes:
    return b"\x5a\x2a\x4d\x18" + struct.pack("<I", len(content)) + content


def unpack(data: bytes, step: int = PIECE, **options: Limits) -> tuple[bytes, Inflater]:
    inflater = Inflater("a layer", **options)  # type: ignore[arg-type]  # options are limits alone
    out = []
    for at in range(0, len(data), step):
        out += list(inflater.feed(data[at : at + step]))
    inflater.finish()
    return b"".join(out), inflater


@pytest.fixture(params=["chosen", "zlib"])
def gzip_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Isal, or what answers without it."""
    if request.param == "zlib":
        monkeypatch.setattr(decoders, "gzip_decoder", decoders.ZlibDecoder)


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "tar": bytes,
    "gzip": gzip.compress,
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("step", [1, 7, 511, PIECE])
def test_each_kind_is_told_from_its_bytes_however_they_are_cut(kind: str, step: int) -> None:
    out, inflater = unpack(PACKED[kind](TAR), step)
    assert out == TAR
    assert inflater.kind == kind


@pytest.mark.parametrize("step", [1, 100, PIECE])
@pytest.mark.usefixtures("gzip_engine")
def test_several_gzip_members_are_one_stream(step: int) -> None:
    parts = [gzip.compress(TAR[:1000]), gzip.compress(b""), gzip.compress(TAR[1000:])]
    out, inflater = unpack(b"".join(parts), step)
    assert out == TAR
    assert inflater.starts == [(0, 0), (len(parts[0]), 1000), (len(parts[0]) + len(parts[1]), 1000)]


@pytest.mark.parametrize("flags", [0, 2, 4, 8, 16, 12, 24, 28, 30])
@pytest.mark.usefixtures("gzip_engine")
def test_a_gzip_header_may_carry_a_name_a_comment_extra_fields_and_a_checksum(flags: int) -> None:
    header = b"\x1f\x8b\x08" + bytes([flags]) + b"\0\0\0\0\0\xff"
    header += b"\x04\x00SG\x00\x00" if flags & 4 else b""
    header += b"name\0" if flags & 8 else b""
    header += b"comment\0" if flags & 16 else b""
    header += (zlib.crc32(header) & 0xFFFF).to_bytes(2, "little") if flags & 2 else b""
    data = header + gzip.compress(TAR)[10:]
    for step in (1, 12, len(header), PIECE):
        assert unpack(data, step)[0] == TAR


@pytest.mark.usefixtures("gzip_engine")
def test_a_gzip_header_that_does_not_end_is_refused() -> None:
    with pytest.raises(IntegrityError):
        unpack(b"\x1f\x8b\x08\x08" + b"x" * 1_000_000)


@pytest.mark.parametrize("step", [1, 100, PIECE])
def test_several_zstd_frames_with_skippable_ones_are_one_stream(step: int) -> None:
    first, second = zstd.compress(TAR[:1000]), zstd.compress(TAR[1000:])
    head = skippable(b"hello")
    out, inflater = unpack(head + first + skippable(b"") + second + skippable(os.urandom(5000)), step)
    assert out == TAR
    assert inflater.kind == "zstd"
    assert inflater.starts[1] == (len(head), 0)


@pytest.mark.usefixtures("gzip_engine")
def test_reading_can_start_at_each_member() -> None:
    data = gzip.compress(TAR[:1024]) + gzip.compress(TAR[1024:])
    packed, unpacked = unpack(data)[1].starts[1]
    inflater = Inflater("the second half")
    assert gzip.decompress(data[packed:]) == TAR[unpacked:]
    assert b"".join(inflater.feed(data[packed:])) == TAR[unpacked:]


@pytest.mark.parametrize("kind", PACKED)
def test_both_digests_are_at_hand(kind: str) -> None:
    data = PACKED[kind](TAR)
    packed, unpacked = Hasher(), Hasher()
    inflater = Inflater("a layer", packed=packed, unpacked=unpacked)
    assert b"".join(inflater.feed(data)) == TAR
    assert packed.digest() == Digest.of(data)
    assert unpacked.digest() == Digest.of(TAR)
    assert (inflater.packed_size, inflater.unpacked_size) == (len(data), len(TAR))


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
@pytest.mark.usefixtures("gzip_engine")
def test_pieces_are_bounded_however_much_a_chunk_holds(kind: str) -> None:
    data = PACKED[kind](bytes(20 * PIECE))
    inflater = Inflater("zeros")
    sizes = [len(piece) for piece in inflater.feed(data)]
    assert sum(sizes) == 20 * PIECE
    assert max(sizes) <= PIECE


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
@pytest.mark.usefixtures("gzip_engine")
def test_data_that_is_cut_short_is_refused_wherever_it_is_cut(kind: str) -> None:
    data = PACKED[kind](TAR)
    for length in range(len(data)):
        with pytest.raises(IntegrityError):
            unpack(data[:length])


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
@pytest.mark.parametrize("tail", [b"x", b"garbage that follows", b"\x1f", b"\x28\xb5\x2f", b"\0x"])
@pytest.mark.usefixtures("gzip_engine")
def test_what_follows_the_data_is_refused(kind: str, tail: bytes) -> None:
    for step in (1, PIECE):
        with pytest.raises(IntegrityError):
            unpack(PACKED[kind](TAR) + tail, step)


@pytest.mark.parametrize("step", [1, 100, PIECE])
def test_zeros_behind_gzip_data_are_padding(step: int) -> None:
    assert unpack(gzip.compress(TAR) + bytes(1000), step)[0] == TAR


def test_a_member_behind_padding_is_refused() -> None:
    with pytest.raises(IntegrityError, match="something follows its gzip data"):
        unpack(gzip.compress(TAR) + bytes(10) + gzip.compress(TAR))


def test_another_kind_behind_the_first_is_refused() -> None:
    with pytest.raises(IntegrityError, match="no gzip follows"):
        unpack(gzip.compress(TAR) + zstd.compress(TAR))


@pytest.mark.parametrize("at", [-1, -5])
@pytest.mark.usefixtures("gzip_engine")
def test_a_wrong_checksum_or_length_of_a_member_is_refused(at: int) -> None:
    data = bytearray(gzip.compress(TAR))
    data[at] ^= 1
    with pytest.raises(IntegrityError, match="gzip data is damaged"):
        unpack(bytes(data))


def test_a_damaged_zstd_frame_is_refused() -> None:
    data = bytearray(zstd.compress(TAR, options={zstd.CompressionParameter.checksum_flag: 1}))
    data[-1] ^= 1
    with pytest.raises(IntegrityError, match="zstd data is damaged"):
        unpack(bytes(data))


def test_a_zstd_window_over_the_bound_is_refused_by_its_name() -> None:
    # RFC 8878, 3.1.1.1.2: exponent 21 is a window of 2 GiB.
    frame = b"\x28\xb5\x2f\xfd\x00" + bytes([21 << 3]) + b"\x01\x00\x00"
    with pytest.raises(IntegrityError, match="window is larger"):
        unpack(frame)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"BZh91AY&SY" + bytes(600), "bzip2"),
        (b"\xfd7zXZ\0" + bytes(600), "xz"),
        (b'{"errors": []}', "JSON"),
        (b"<html>" + b" " * 600, "HTML"),
        (b"PK\x03\x04" + bytes(600), "zip"),
        (b"abc", "3 bytes"),
        (b"x" * 1000, "neither a tar archive nor gzip nor zstd"),
    ],
)
def test_what_is_no_layer_is_refused_and_named(data: bytes, said: str) -> None:
    with pytest.raises(IntegrityError, match=said):
        unpack(data)


def test_an_empty_archive_is_a_plain_tar() -> None:
    assert unpack(bytes(1024))[1].kind == "tar"


@pytest.mark.parametrize("kind", PACKED)
def test_more_unpacked_bytes_than_the_limit_are_refused(kind: str) -> None:
    with pytest.raises(LimitError, match="unpacked bytes"):
        unpack(PACKED[kind](TAR), limits=Limits(unpacked=len(TAR) - 1))


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_zeros_that_come_out_of_almost_nothing_are_refused_before_they_all_came(kind: str) -> None:
    data = PACKED[kind](bytes(64 * PIECE))
    inflater = Inflater("a bomb", limits=Limits(ratio=100, ratio_from=2 * PIECE))
    got = 0
    with pytest.raises(LimitError, match="for a packed one"):  # it counts how far it came
        for piece in inflater.feed(data):
            got += len(piece)
    assert got <= max(2 * PIECE, 100 * len(data))


def test_many_small_members_in_one_chunk_take_linear_time() -> None:
    member = gzip.compress(b"x")
    out, inflater = unpack(member * 10_000, step=len(member) * 10_000)
    assert len(out) == 10_000
    assert len(inflater.starts) == 10_000


def test_the_fallback_gives_output_that_zlib_holds_back() -> None:
    decoder = decoders.ZlibDecoder()
    packed = zlib.compress(bytes(100_000), wbits=31)
    out = decoder.decompress(packed, 1000)
    while not decoder.eof:
        assert not decoder.needs_input
        out += decoder.decompress(b"", 1000)
    assert out == bytes(100_000)
