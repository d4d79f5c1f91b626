from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from orlop import Cache, Digest
from orlop.content.packs import Pack, Packs

if TYPE_CHECKING:
    from pathlib import Path


def entries(count: int, size: int = 100) -> dict[Digest, bytes]:
    made = [f"{n:06}".encode() * (size // 6) for n in range(count)]
    return {Digest.of(data): data for data in made}


def filled(root: Path, content: dict[Digest, bytes], limit: int = 1 << 30) -> Cache:
    cache = Cache(str(root), limit)
    for digest, data in content.items():
        cache.put(digest, data)
    cache.flush()
    return Cache(str(root), limit)


@pytest.mark.parametrize("count", [1, 16, 17, 500])
def test_what_was_put_is_there_for_the_next_process(tmp_path: Path, count: int) -> None:
    content = entries(count)
    cache = filled(tmp_path, content)
    assert all(cache.get(digest) == data for digest, data in content.items())
    assert cache.get(Digest.of(b"absent")) is None


def test_what_waits_is_there_before_it_is_written(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path))
    cache.put(Digest.of(b"x"), b"x")
    assert cache.get(Digest.of(b"x")) == b"x"
    assert list(tmp_path.iterdir()) == []


def test_hundreds_of_entries_make_one_file(tmp_path: Path) -> None:
    filled(tmp_path, entries(400))
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_sha512_is_kept_as_well(tmp_path: Path) -> None:
    digest = Digest.of(b"x", "sha512")
    assert filled(tmp_path, {digest: b"x"}).get(digest) == b"x"


def test_a_damaged_entry_is_as_good_as_none(tmp_path: Path) -> None:
    content = entries(1)
    cache = filled(tmp_path, content)
    (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    path.write_bytes(b"damaged")
    assert cache.get(*content) is None
    assert not path.exists()


@pytest.mark.parametrize(
    "damage",
    [lambda raw: raw[: len(raw) // 2], lambda raw: b"\0" * len(raw), lambda raw: b"", lambda raw: b"x" * 50 + raw[50:]],
)
def test_a_damaged_pack_loses_entries_and_nothing_else(tmp_path: Path, damage: Any) -> None:
    content = entries(100)
    cache = filled(tmp_path, content)
    (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    path.write_bytes(damage(path.read_bytes()))
    assert all(cache.get(digest) in {None, data} for digest, data in content.items())
    again = filled(tmp_path, content)
    assert all(again.get(digest) == data for digest, data in content.items())


def test_many_packs_become_one(tmp_path: Path) -> None:
    content = entries(20 * 40)
    parts = list(content.items())
    for start in range(0, len(parts), 40):
        filled(tmp_path, dict(parts[start : start + 40]))
    assert len(Packs(f"{tmp_path}/packs").paths()) < 16
    cache = Cache(str(tmp_path))
    assert all(cache.get(digest) == data for digest, data in parts)


def test_a_search_and_a_table_find_the_same(tmp_path: Path) -> None:
    content = entries(300)
    filled(tmp_path, content)
    (path,) = Packs(f"{tmp_path}/packs").paths()
    pack = Pack(path)
    assert all(pack.read(pack.find(bytes.fromhex(d.hex)) or 0) == data for d, data in content.items())
    assert pack.find(b"\0" * 32) is None
    assert pack.find(b"\xff" * 32) is None


def test_the_size_is_bounded(tmp_path: Path) -> None:
    limit = 50_000
    for round_ in range(20):
        content = {Digest.of(data): data for data in (f"{round_}/{n}".encode() * 100 for n in range(20))}
        filled(tmp_path, content, limit)
    assert Cache(str(tmp_path), limit).usage()[1] <= limit


def test_usage_counts_and_clear_removes_everything(tmp_path: Path) -> None:
    filled(tmp_path, entries(100))
    cache = filled(tmp_path, entries(3, 60))
    (tmp_path / "packs" / "left.part").write_bytes(b"half")
    assert cache.usage()[0] == 103
    assert cache.clear() > 0
    assert cache.usage() == (0, 0)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_clear_touches_no_file_that_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("x")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "also").write_text("x")
    filled(tmp_path, entries(3)).clear()
    assert (tmp_path / "precious.txt").exists()
    assert (tmp_path / "sub" / "also").exists()


def test_too_large_an_entry_is_not_kept(tmp_path: Path) -> None:
    data = b"x" * (4 * 1024 * 1024 + 1)
    assert filled(tmp_path, {Digest.of(data): data}).get(Digest.of(data)) is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = filled(tmp_path / "file" / "below", entries(40))
    assert cache.usage() == (0, 0)


def test_several_at_once_harm_nobody(tmp_path: Path) -> None:
    content = entries(200)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: filled(tmp_path, content), range(12)))
    cache = Cache(str(tmp_path))
    assert all(cache.get(digest) == data for digest, data in content.items())
    assert not [name for _, _, names in os.walk(tmp_path) for name in names if name.endswith(".part")]
