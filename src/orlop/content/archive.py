"""Archives as files: the members of a tar, and the OCI layout that one may hold (``oci-archive:``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.content.layout import Files, Layout
from orlop.content.reader import PartReader
from orlop.content.spool import SPOOL_LIMIT, opened
from orlop.content.tarindex import TarIndex
from orlop.errors import InvalidDocumentError, TruncatedError

if TYPE_CHECKING:
    from orlop.content.reader import Reader
    from orlop.runtime import Runtime


class TarFiles(Files):
    """The files of a tar archive, plain, gzip or zstd. Opening it reads every header once, and blocks.

    archive: its path, or a reader of it, which is closed with this. what: names it in messages. limit: bytes that a
    compressed file may unpack to.
    """

    def __init__(self, archive: str | Reader, what: str, limit: int = SPOOL_LIMIT) -> None:
        self._reader = opened(archive, what, limit) if isinstance(archive, str) else archive
        try:
            self.index = TarIndex(self._reader, what)
        except BaseException:
            self._reader.close()
            raise

    def open(self, path: str) -> Reader | None:
        """See Files."""
        member = self.index.find(path)
        return None if member is None else PartReader(self._reader, member.offset, member.size)

    def stamp(self, path: str) -> object:
        """See Files: an open archive does not change."""
        return path

    def close(self) -> None:
        """See Files."""
        self._reader.close()

    def lacks(self, path: str, form: str, hint: str = "") -> InvalidDocumentError | TruncatedError:
        """Return the error for a file that the archive must have. form: what it is not, without that file."""
        if not self.index.whole:
            size = self._reader.size
            return TruncatedError(f"{self.index.what}, which has no {path}", size + 1, size)
        error = InvalidDocumentError(self.index.what, f"it is no {form}: it has no {path}")
        if hint:
            error.hint = hint
        return error


def open_oci_archive(
    path: str, runtime: Runtime, manifest_limit: int, name: str = "", limit: int = SPOOL_LIMIT
) -> Layout:
    """Return the layout inside a tar archive. Blocks; raises as ``TarFiles``, InvalidDocumentError for another archive."""
    name = name or f"oci-archive:{path}"
    files = TarFiles(path, name, limit)
    if files.index.find("index.json") is None:
        files.close()
        other = files.index.find("manifest.json") is not None
        raise files.lacks("index.json", "OCI layout", f"docker-archive:{path} reads it" if other else "")
    return Layout(name, files, runtime, manifest_limit)
