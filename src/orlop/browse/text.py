"""How the browser writes what comes from images: nothing in it commands a terminal, and nothing is taken for markup."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from orlop.image.files import time_text
from orlop.layer.entry import BLOCK_DEVICE, CHARACTER, DIRECTORY, FIFO, FILE, HARDLINK, SYMLINK

if TYPE_CHECKING:
    from orlop.layer.entry import Entry

_TYPES = {
    FILE: stat.S_IFREG,
    HARDLINK: stat.S_IFREG,
    DIRECTORY: stat.S_IFDIR,
    SYMLINK: stat.S_IFLNK,
    CHARACTER: stat.S_IFCHR,
    BLOCK_DEVICE: stat.S_IFBLK,
    FIFO: stat.S_IFIFO,
}
_BYTES_PER_LINE = 16


def shown(text: str) -> str:
    r"""Return a text for one line of the screen: what does not print stands as ``\x1b``, bytes that are no UTF-8 as ``\xff``."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    number = ord(char)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that is not UTF-8 (PEP 383)
        return f"\\x{number - 0xDC00:02x}"
    return {9: "\\t", 10: "\\n", 13: "\\r"}.get(number) or (
        f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65536 else f"\\U{number:08x}"
    )


def size(count: int) -> str:
    """Return a count of bytes for reading: 512 B, 3.4 MiB."""
    amount = float(count)
    for unit in ("KiB", "MiB", "GiB"):
        amount /= 1024
        if amount < 1024 or unit == "GiB":
            break
    return f"{count} B" if count < 1024 else f"{amount:.1f} {unit}"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: 1 layer, 2 layers."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def permissions(entry: Entry) -> str:
    """Return type and mode as ``ls`` writes them: ``-rwxr-xr-x``."""
    return stat.filemode(_TYPES.get(entry.kind, 0) | (entry.mode & 0o7777))


def owner(entry: Entry) -> str:
    """Return the owner: numbers, and names where the layer has them."""
    names = f"{shown(entry.uname) or entry.uid}:{shown(entry.gname) or entry.gid}"
    numbers = f"{entry.uid}:{entry.gid}"
    return names if names == numbers else f"{names} ({numbers})"


def when(entry: Entry) -> str:
    """Return the time of the last change."""
    return time_text(entry.mtime_ns)[:19].replace("T", " ")


def is_binary(data: bytes) -> bool:
    """Whether the beginning of a file is no text: a zero byte, as git has it, or much that is not UTF-8."""
    start = data[:8000]
    if b"\0" in start:
        return True
    bad = sum(0xDC80 <= ord(char) <= 0xDCFF for char in start.decode("utf-8", "surrogateescape"))
    return bad > max(4, len(start) // 20)


def text_lines(data: bytes) -> list[str]:
    """Return the lines of a text; tabs become spaces, all else that does not print is written out."""
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return [shown(line.removesuffix("\r").expandtabs(4)) for line in lines]


def hex_lines(data: bytes) -> list[str]:
    """Return bytes as ``hexdump -C`` writes them."""
    lines = []
    for at in range(0, len(data), _BYTES_PER_LINE):
        row = data[at : at + _BYTES_PER_LINE]
        digits = f"{row[:8].hex(' ')}  {row[8:].hex(' ')}".ljust(49)
        lines.append(f"{at:08x}  {digits} |{''.join(chr(b) if 32 <= b < 127 else '.' for b in row)}|")
    return lines
