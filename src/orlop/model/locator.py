"""Locators: texts for places that are no registry, in one syntax with references.

``oci:DIR[:NAME]``, ``oci-archive:FILE[:NAME]``, ``docker-archive:FILE[:NAME]``, ``docker-daemon:NAME``,
``store:DIR//REPO[:TAG]``; each may end in ``@DIGEST``, and NAME of a folder or a file may be ``@N``, the N-th image of the
place from 0 on, as for skopeo.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from orlop.errors import InputError
from orlop.model.digest import Digest
from orlop.model.reference import LOCATOR_SCHEMES, RepositoryName, Tag, is_locator

_DIGEST = re.compile(r"(.*)@(sha(?:256|512):.*)\Z", re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_FORMS = {
    "oci": "oci:DIR[:NAME][@DIGEST]",
    "oci-archive": "oci-archive:FILE[:NAME][@DIGEST]",
    "docker-archive": "docker-archive:FILE[:NAME][@DIGEST]",
    "docker-daemon": "docker-daemon:NAME[:TAG][@DIGEST], the name as docker images has it",
    "store": "store:DIR//REPO[:TAG][@DIGEST]",
}


@dataclass(frozen=True, slots=True)
class Locator:
    """A place and what it names there. ``parse(str(x)) == x``.

    scheme: one of ``LOCATOR_SCHEMES``. path: of the folder or the file; of an engine, its name of the image. repository:
    inside a store. name: as the user wrote it; empty where none is given. digest: goes before the name.
    """

    scheme: str
    path: str
    repository: str = ""
    name: str = ""
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Locator:
        r"""Return the locator of a text that begins with its scheme.

        The first colon after the scheme ends the path (that of a drive, ``C:\``, does not). Raises InputError,
        InvalidDigestError, InvalidReferenceError.
        """
        scheme, colon, rest = text.partition(":")
        if not colon or scheme not in LOCATOR_SCHEMES:
            raise _refusal(text, f"it begins with none of {', '.join(LOCATOR_SCHEMES)}")
        pinned = _DIGEST.match(rest)
        digest = Digest(pinned[2]) if pinned else None
        rest = pinned[1] if pinned else rest
        repository = ""
        if scheme == "store":
            rest, _, named = rest.rpartition("//")
            repository, _, name = named.partition(":")
            if not rest or not repository:
                raise _refusal(text, "the folder of the store and the repository in it are parted by //", scheme)
            RepositoryName(repository)
            if name:
                Tag(name)
            return cls(scheme, rest, repository, name, digest)
        if scheme == "docker-daemon":
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/:+-]*", rest) or ".." in rest:
                raise _refusal(text, "an engine has no image of such a name", scheme)
            return cls(scheme, rest, digest=digest)
        drive = rest[:2] if _DRIVE.match(rest) else ""
        path, _, name = rest[len(drive) :].partition(":")
        if not drive + path:
            raise _refusal(text, "the path is empty", scheme)
        if "\0" in path:
            raise _refusal(text, "a path has no zero character", scheme)
        return cls(scheme, drive + path, repository, name, digest)

    @property
    def place(self) -> str:
        """The locator without the name and the digest."""
        return f"{self.scheme}:{self.path}" + (f"//{self.repository}" if self.repository else "")

    def with_digest(self, digest: Digest) -> Locator:
        """Return the same place, pinned."""
        return replace(self, digest=digest)

    def with_name(self, name: str) -> Locator:
        """Return another name in the same place, without a digest."""
        if self.scheme == "docker-daemon":
            return replace(self, path=name, digest=None)
        return replace(self, name=name, digest=None)

    @property
    def pinned(self) -> str:
        """``place@digest`` where there is a digest, else the text."""
        return f"{self.place}@{self.digest}" if self.digest else str(self)

    def __str__(self) -> str:
        name = f":{self.name}" if self.name else ""
        return f"{self.place}{name}@{self.digest}" if self.digest else f"{self.place}{name}"


def parse_locator(text: str) -> Locator | None:
    """Return the locator, or None for what begins with no scheme: a reference to a registry. Raises as ``Locator.parse``."""
    return Locator.parse(text) if is_locator(text) else None


def _refusal(text: str, reason: str, scheme: str = "") -> InputError:
    error = InputError(text, reason)
    error.noun = "a locator"
    if scheme:
        error.hint = f"write {_FORMS[scheme]}; the image of that name is docker.io/library/{scheme}"
    return error
