"""What is kept beside the cache: by kind and digest, counted and cleared with it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from orlop.content.cache import Cache
from orlop.content.derived import DerivedCache
from orlop.model.digest import Digest

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = Digest.of(b"x")


def test_what_is_put_is_there_by_kind_and_digest(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path))
    one, other = DerivedCache(cache, "one"), DerivedCache(cache, "other")
    assert one.get(DIGEST) is None
    one.put(DIGEST, b"data")
    assert one.get(DIGEST) == b"data"
    assert other.get(DIGEST) is None
    assert one.get(Digest.of(b"x", "sha512")) is None
    one.drop(DIGEST)
    one.drop(DIGEST)
    assert one.get(DIGEST) is None


def test_a_part_is_read_of_what_is_there(tmp_path: Path) -> None:
    one = DerivedCache(Cache(str(tmp_path)), "one")
    one.put(DIGEST, b"0123456789")
    assert [one.get(DIGEST, 2, 3), one.get(DIGEST, 8, 9), one.get(DIGEST, 8), one.get(DIGEST, 11, 2)] == [
        *(b"234", b"89", b"89", b"")
    ]


def test_it_counts_as_the_cache_and_is_cleared_with_it(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path))
    derived = DerivedCache(cache, "one")
    derived.put(DIGEST, b"12345")
    derived.put(Digest.of(b"y"), b"123")
    assert cache.usage() == (2, 8)
    assert cache.clear() == 8
    assert derived.get(DIGEST) is None


def test_the_limit_of_the_cache_holds_for_it_too(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path), limit=10_000)
    derived = DerivedCache(cache, "one")
    for n in range(20):
        derived.put(Digest.of(b"%d" % n), bytes(2000))
    assert cache.usage()[1] <= 10_000


def test_what_would_fill_the_cache_alone_is_not_kept(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path), limit=1000)
    derived = DerivedCache(cache, "one")
    derived.put(DIGEST, bytes(600))
    assert derived.get(DIGEST) is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    derived = DerivedCache(Cache(str(tmp_path / "cache")), "one")
    derived.put(DIGEST, b"data")
    assert derived.get(DIGEST) is None


def test_a_file_in_the_way_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "derived").write_bytes(b"")
    derived = DerivedCache(Cache(str(tmp_path)), "one")
    derived.put(DIGEST, b"data")
    assert derived.get(DIGEST) is None
