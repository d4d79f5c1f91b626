"""Package databases made by code, as package managers and linkers write them."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from struct import pack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEBIAN = b'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'


def dpkg(packages: Mapping[str, str], status: str = "install ok installed") -> bytes:
    """A dpkg status file of names to versions."""
    return "\n".join(
        f"Package: {name}\nStatus: {status}\nArchitecture: amd64\nVersion: {version}\nDescription: it\n is {name}\n .\n more\n"
        for name, version in packages.items()
    ).encode()


def apk(packages: Mapping[str, str]) -> bytes:
    """An apk database of names to versions."""
    return "".join(
        f"C:Q1x=\nP:{name}\nV:{version}\nA:x86_64\nS:1\nL:MIT\no:{name}-src\nF:bin\nR:{name}\n\n"
        for name, version in packages.items()
    ).encode()


def metadata(name: str, version: str, extra: str = "License: MIT\n") -> bytes:
    """A Python distribution's METADATA."""
    return (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{extra}\nName: not this\nA description.\n".encode()
    )


def package_json(name: str, version: str, **more: object) -> bytes:
    """An npm package's package.json."""
    return json.dumps({"name": name, "version": version, "license": "ISC", **more}).encode()


# --- rpm ---------------------------------------------------------------------------------------


def rpm_header(
    name: str,
    version: str = "1.0",
    release: str = "1.el9",
    *,
    epoch: int | None = None,
    arch: str = "x86_64",
    licence: str = "GPLv2+",
    source: str = "",
) -> bytes:
    """One header: counts, index, data."""
    texts = [(1000, name), (1001, version), (1002, release), (1014, licence), (1022, arch)]
    texts.append((1044, source or f"{name}-{version}-{release}.src.rpm"))
    data, index = b"", b""
    if epoch is not None:
        index += pack(">IIII", 1003, 4, 0, 1)
        data += pack(">I", epoch)
    for tag, text in texts:
        index += pack(">IIII", tag, 9 if tag == 1014 else 6, len(data), 1)
        data += text.encode() + b"\0"
    return pack(">II", len(index) // 16, len(data)) + index + data


def rpm_sqlite(headers: Iterable[bytes]) -> bytes:
    """An rpmdb.sqlite."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
    connection.executemany("INSERT INTO Packages (blob) VALUES (?)", [(header,) for header in headers])
    connection.commit()
    data = connection.serialize()
    connection.close()
    return data


def rpm_bdb(headers: Iterable[bytes], *, order: str = "<", page: int = 4096) -> bytes:
    """A hash database of one bucket, whose records have pages of their own, as Berkeley DB 5 writes it."""
    pages: list[bytes] = [b"", b""]
    items = [(0, pack(f"{order}I", 7)), *enumerate(headers, 1)]
    shown: list[bytes] = []
    for number, data in items:
        shown.append(b"\1" + pack(f"{order}I", number))
        if number == 0:
            shown.append(b"\1" + data)
            continue
        shown.append(b"\3\0\0\0" + pack(f"{order}II", len(pages), len(data)))
        room = page - 26
        for at in range(0, len(data), room):
            part, number_here = data[at : at + room], len(pages)
            following = number_here + 1 if at + room < len(data) else 0
            pages.append(_bdb_page(order, page, number_here, following, 1, len(part), 7, part))
    index, body, end = b"", b"", page
    for item in shown:
        end -= len(item)
        index += pack(f"{order}H", end)
        body = item + body
    inside = index + bytes(page - 26 - len(index) - len(body)) + body
    pages[1] = _bdb_page(order, page, 1, 0, len(shown), end, 13, inside)
    words = [0, 0, 0, 0x61561, 9, page, 0, 0, len(pages) - 1, *[0] * 119]
    words[24] = 1  # spares: bucket 0 is on page 1
    meta = bytearray(pack(f"{order}128I", *words))
    meta[25] = 8
    pages[0] = bytes(meta) + bytes(page - len(meta))
    return b"".join(pages)


def _bdb_page(
    order: str, size: int, number: int, following: int, count: int, free: int, kind: int, body: bytes
) -> bytes:
    head = pack(f"{order}8sIIIHHBB", b"", number, 0, following, count, free, 0, kind)
    return head + body + bytes(size - len(head) - len(body))


def rpm_ndb(headers: Iterable[bytes]) -> bytes:
    """A Packages.db of one page of slots."""
    blobs, slots, block = b"", b"", 256
    for number, data in enumerate(headers, 1):
        size = -(-(16 + len(data) + 12) // 16) * 16
        blob = pack("<4sIII", b"BlbS", number, 1, len(data)) + data
        blobs += blob + bytes(size - len(blob) - 12) + pack("<II4s", 0, len(data), b"BlbE")
        slots += pack("<4sIII", b"Slot", number, block, size // 16)
        block += size // 16
    slots += pack("<4sIII", b"Slot", 0, 0, 0) * ((4096 - 32 - len(slots)) // 16)
    return pack("<4sIIII12s", b"RpmP", 0, 1, 1, 9, b"") + slots + blobs


# --- programs and archives ---------------------------------------------------------------------

BEGIN = bytes.fromhex("3077af0c9274080241e1c107e6d618e6")
END = bytes.fromhex("f932433186182072008242104116d8f2")
MODULES = (
    "path\texample.com/app\nmod\texample.com/app\t(devel)\t\n"
    "dep\tgolang.org/x/net\tv0.17.0\th1:x=\n"
    "dep\tgithub.com/Old/Name\tv1.0.0\n=>\tgithub.com/New/Name\tv1.2.0\th1:y=\n"
    "dep\texample.com/local\tv0.0.0\n=>\t./local\t(devel)\t\n"
    "build\t-compiler=gc\n"
)


def go_info(version: str = "go1.21.5", modules: str = MODULES) -> bytes:
    """What a linker since Go 1.18 leaves."""
    inside = BEGIN + modules.encode() + END if modules else b""
    return b"\xff Go buildinf:\x08\x02" + bytes(16) + _counted(version.encode()) + _counted(inside)


def _counted(data: bytes) -> bytes:
    size, found = len(data), b""
    while size > 0x7F:
        found += bytes([size & 0x7F | 0x80])
        size >>= 7
    return found + bytes([size]) + data


def elf(text: bytes, data: bytes, *, bits: int = 64, order: str = "<") -> bytes:
    """A program with a segment to run and, on the next page, one to write."""
    first = 4096 + -(-len(text) // 4096) * 4096
    ident = b"\x7fELF" + bytes([bits // 32, 1 if order == "<" else 2, 1]) + bytes(9)
    segments = [(5, 4096, len(text)), (6, first, len(data))]
    if bits == 64:
        head = ident + pack(f"{order}HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
        table = b"".join(pack(f"{order}IIQQQQQQ", 1, flags, at, at, at, n, n, 4096) for flags, at, n in segments)
    else:
        head = ident + pack(f"{order}HHIIIIIHHHHHH", 2, 3, 1, 0, 52, 0, 0, 52, 32, 2, 0, 0, 0)
        table = b"".join(pack(f"{order}IIIIIIII", 1, at, at, at, n, n, flags, 4096) for flags, at, n in segments)
    start = head + table
    return start + bytes(4096 - len(start)) + text + bytes(first - 4096 - len(text)) + data


def jar(files: Mapping[str, bytes], *, before: bytes = b"") -> bytes:
    """A Java archive."""
    made = io.BytesIO()
    made.write(before)
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def pom(group: str, artifact: str, version: str) -> tuple[str, bytes]:
    """Maven's own note inside an archive."""
    return (
        f"META-INF/maven/{group}/{artifact}/pom.properties",
        f"#Generated by Maven\nversion={version}\ngroupId={group}\nartifactId={artifact}\n".encode(),
    )
