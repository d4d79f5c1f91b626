"""What a layer may ask of this machine before it is refused."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one layer; reaching one raises LimitError with the field's name.

    unpacked: bytes that come out. ratio: bytes out for each byte in, which counts once more than ``ratio_from`` bytes
    have come out (deflate gives 1,032 at most; honest layers stay below 100). entries: members of the archive.
    header: bytes of one extended header or sparse map (as Go's archive/tar). path: characters of one name. nodes: paths of
    one tree that is kept in memory. steps: parts of paths that are walked in it because of links.
    """

    unpacked: int = 64 * 1024 * MIB
    ratio: int = 500
    ratio_from: int = 1024 * MIB
    entries: int = 4_000_000
    header: int = MIB
    path: int = 32 * 1024
    nodes: int = 1_000_000
    steps: int = 10_000_000


DEFAULT_LIMITS = Limits()
