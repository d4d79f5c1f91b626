"""Content digests: ``algorithm:hex``, and hashing towards them."""

from __future__ import annotations

import hashlib
import re

from orlop.errors import InvalidDigestError
from orlop.model.value import TextValue

ALGORITHMS = {"sha256": 64, "sha512": 128}
"""Known algorithms, and how many hexadecimal digits each takes (image-spec, descriptor.md)."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z|sha512:[0-9a-f]{128}\Z")
_HEX = re.compile(r"[0-9a-f]*\Z")


class Digest(TextValue):
    """The name of some bytes: ``sha256:`` and 64 hexadecimal digits, or ``sha512:`` and 128.

    Raises InvalidDigestError for any other text; upper-case digits are not valid (image-spec, descriptor.md).
    """

    __slots__ = ()

    def __init__(self, value: str) -> None:
        if _DIGEST.match(value) is None:
            raise InvalidDigestError(value, _why_not(value))
        super().__init__(value)

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Return the digest that the text names. Raises InvalidDigestError."""
        return cls(text)

    @classmethod
    def of(cls, data: bytes | bytearray | memoryview, algorithm: str = "sha256") -> Digest:
        """Return the digest of the data. Raises InvalidDigestError for an unknown algorithm."""
        if algorithm == "sha256":
            return cls.trusted("sha256:" + hashlib.sha256(data).hexdigest())
        hasher = Hasher(algorithm)
        hasher.update(data)
        return hasher.digest()

    @property
    def algorithm(self) -> str:
        """``sha256`` or ``sha512``."""
        return self.value[:6]

    @property
    def hex(self) -> str:
        """The hexadecimal digits alone."""
        return self.value[7:]

    @property
    def short(self) -> str:
        """The first 12 digits, for reading; not enough to identify content."""
        return self.value[7:19]


def find_digest(text: str) -> Digest | None:
    """Return the digest that the text names, None where it is none."""
    return None if _DIGEST.match(text) is None else Digest.trusted(text)


class Hasher:
    """A digest in the making. Raises InvalidDigestError for an unknown algorithm."""

    __slots__ = ("_hash", "algorithm", "size")

    def __init__(self, algorithm: str = "sha256") -> None:
        if algorithm not in ALGORITHMS:
            raise InvalidDigestError(algorithm, _unknown(algorithm))
        self.algorithm = algorithm
        self.size = 0
        self._hash = hashlib.new(algorithm)

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Take in more bytes; ``size`` counts them."""
        self._hash.update(data)
        self.size += len(data)

    def digest(self) -> Digest:
        """Return the digest of all bytes so far; more may follow."""
        return Digest.trusted(f"{self.algorithm}:{self._hash.hexdigest()}")


def _unknown(algorithm: str) -> str:
    return f"the algorithm {algorithm[:32]!r} is not known, only {' and '.join(ALGORITHMS)}"


def _why_not(text: str) -> str:
    algorithm, colon, digits = text.partition(":")
    if not colon:
        return "it has the form algorithm:hex, such as sha256:44136fa3..."
    if algorithm not in ALGORITHMS:
        return _unknown(algorithm)
    if len(digits) != ALGORITHMS[algorithm]:
        return f"{algorithm} takes {ALGORITHMS[algorithm]} hexadecimal digits, not {len(digits)}"
    if _HEX.match(digits.lower()) and digits.isascii():
        return "its hexadecimal digits must be in lower case"
    return "only the digits 0-9 and a-f may follow the colon"
