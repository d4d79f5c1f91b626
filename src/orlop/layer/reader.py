"""A layer as it streams by: unpacked, hashed on both sides, its members told."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orlop.errors import DigestMismatchError, SizeMismatchError, TruncatedError
from orlop.layer.inflate import Inflater
from orlop.layer.limits import DEFAULT_LIMITS
from orlop.layer.tarscan import Scanner
from orlop.model.digest import Hasher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from orlop.layer.entry import Entry
    from orlop.layer.limits import Limits
    from orlop.layer.tarscan import Wanted
    from orlop.model.digest import Digest


class Summary(NamedTuple):
    """What a layer turned out to be: digests and sizes of both sides, and where reading can start (packed, unpacked)."""

    kind: str
    digest: Digest | None
    diff_id: Digest | None
    packed_size: int
    unpacked_size: int
    entries: int
    starts: tuple[tuple[int, int], ...]


class LayerReader:
    """Reads one layer that is pushed in.

    what: names it in a message. digest, size: of the bytes as stored, to be checked where they are given (a Source's stream
    has them checked already). diff_id: the digest of the archive inside, checked likewise. wanted: ``Scanner``'s.
    hash_all: work out both digests even where there is nothing to check.
    """

    def __init__(
        self,
        what: str,
        *,
        digest: Digest | None = None,
        size: int | None = None,
        diff_id: Digest | None = None,
        wanted: Wanted | None = None,
        limits: Limits = DEFAULT_LIMITS,
        hash_all: bool = False,
    ) -> None:
        self.what = what
        self._digest, self._size, self._diff_id = digest, size, diff_id
        self._packed = _hasher(digest, hash_all=hash_all)
        self._unpacked = _hasher(diff_id, hash_all=hash_all)
        self._inflater = Inflater(what, packed=self._packed, unpacked=self._unpacked, limits=limits)
        self._scanner = Scanner(what, wanted=wanted, limits=limits)

    def feed(self, chunk: bytes) -> Iterator[Entry]:
        """Take the next bytes as stored, and yield the members that they complete. Exhaust it before the next call.

        Raises IntegrityError and its kinds, LimitError.
        """
        for piece in self._inflater.feed(chunk):
            yield from self._scanner.feed(piece)
        if self._size is not None and self._inflater.packed_size > self._size:
            raise SizeMismatchError(self.what, self._size, self._inflater.packed_size)

    def finish(self) -> Summary:
        """End the layer, and return what it was. Raises IntegrityError's kinds where it is not what it should be."""
        inflater = self._inflater
        if self._size is not None and inflater.packed_size < self._size:
            raise TruncatedError(self.what, self._size, inflater.packed_size)
        digest = self._packed.digest() if self._packed else None
        if self._digest is not None and digest != self._digest:
            raise DigestMismatchError(self.what, str(self._digest), str(digest))
        inflater.finish()
        diff_id = self._unpacked.digest() if self._unpacked else None
        self._scanner.finish(proven=diff_id is not None and diff_id == self._diff_id)
        if self._diff_id is not None and diff_id != self._diff_id:
            raise DigestMismatchError(f"the archive in {self.what}", str(self._diff_id), str(diff_id))
        return Summary(
            inflater.kind,
            digest,
            diff_id,
            inflater.packed_size,
            inflater.unpacked_size,
            self._scanner.count,
            tuple(inflater.starts),
        )


async def entries(stream: AsyncIterator[bytes], reader: LayerReader) -> AsyncIterator[Entry]:
    """Yield the members of a layer that streams in, and finish the reader at the end."""
    async for chunk in stream:
        for entry in reader.feed(chunk):
            yield entry
    reader.finish()


def _hasher(wanted: Digest | None, *, hash_all: bool) -> Hasher | None:
    if wanted is not None:
        return Hasher(wanted.algorithm)
    return Hasher() if hash_all else None
