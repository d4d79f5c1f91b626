"""Every error that orlop raises, in one tree.

::

    OrlopError
      InputError (ValueError)        the caller's fault, nothing was sent
        InvalidReferenceError  InvalidDigestError  InvalidPlatformError  PlatformChoiceError
      NotFoundError (LookupError)    BlobNotFoundError  ManifestNotFoundError  RepositoryNotFoundError
      AccessError                    UnauthenticatedError  DeniedError  CredentialError
      IntegrityError                 DigestMismatchError  SizeMismatchError  TruncatedError
        InvalidDocumentError         InvalidManifestError
      NetworkError                   ConnectError  TimedOutError  TlsError  DisconnectedError  RedirectRefusedError
      RegistryError                  RateLimitedError
      UnsupportedError               ReadOnlyError
      LocalError                     StorageError  ConfigError  LimitError
      CopyError

``str(error)`` is one line: what failed, on what, why. ``error.hint`` is advice or None.
Neither ever holds a secret. All fields are positional, so that errors survive pickling.
"""

from __future__ import annotations


class OrlopError(Exception):
    """The root: ``except OrlopError`` catches whatever orlop raises on purpose."""

    hint: str | None = None

    def with_hint(self, hint: str) -> OrlopError:
        """Return this same error, carrying the advice."""
        self.hint = hint
        return self


# --- the caller's input ------------------------------------------------------------------------


class InputError(OrlopError, ValueError):
    """What was given cannot be valid; no request was sent."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text, reason)
        self.text, self.reason = text, reason

    noun = "a valid input"

    def __str__(self) -> str:
        return f"{_shown(self.text)} is not {self.noun}: {self.reason}"


class InvalidReferenceError(InputError):
    """The text cannot name a registry, a repository, a tag or an image."""

    noun = "an image reference"


class InvalidDigestError(InputError):
    """The text is not ``algorithm:hex`` of a known algorithm and the right length."""

    noun = "a digest"


class InvalidPlatformError(InputError):
    """The text is not ``os[(version)]/arch[/variant]``."""

    noun = "a platform"


class PlatformChoiceError(InputError):
    """More than one platform is left, or none: the caller has to choose."""

    def __init__(self, reference: str, wanted: str, available: tuple[str, ...], matching: int) -> None:
        OrlopError.__init__(self, reference, wanted, available, matching)
        self.text, self.reason = reference, "the platform is not decided"
        self.reference, self.wanted, self.available, self.matching = reference, wanted, available, matching

    def __str__(self) -> str:
        asked = f" for {self.wanted}" if self.wanted else ""
        found = f"{self.matching} platforms are left{asked}" if self.matching else f"no platform is left{asked}"
        return f"{self.reference}: {found}; there are: {', '.join(self.available) or 'none'}"


# --- what is not there -------------------------------------------------------------------------


class NotFoundError(OrlopError, LookupError):
    """The place answered, and says that it does not have this."""

    noun = "content"

    def __init__(self, what: str, where: str, reason: str = "not found") -> None:
        super().__init__(what, where, reason)
        self.what, self.where, self.reason = what, where, reason

    def __str__(self) -> str:
        return f"{self.noun} {self.what} is not in {self.where}: {self.reason}"


class BlobNotFoundError(NotFoundError):
    """No blob of this digest in the repository."""

    noun = "blob"


class ManifestNotFoundError(NotFoundError):
    """No manifest of this tag or digest in the repository."""

    noun = "manifest"


class RepositoryNotFoundError(NotFoundError):
    """The registry knows no repository of this name (or will not say that it does)."""

    noun = "repository"


# --- who may -----------------------------------------------------------------------------------


class AccessError(OrlopError):
    """Signing in failed, or the identity may not do this."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(where, reason)
        self.where, self.reason = where, reason

    def __str__(self) -> str:
        return f"access to {self.where} failed: {self.reason}"


class UnauthenticatedError(AccessError):
    """The registry wants a sign-in, or did not take the one it was given (401)."""


class DeniedError(AccessError):
    """The registry knows who asks, and refuses (403)."""


class CredentialError(AccessError):
    """Credentials could not be had: a helper failed, or a realm may not be sent any."""

    def __str__(self) -> str:
        return f"no credentials for {self.where}: {self.reason}"


# --- what cannot be right ----------------------------------------------------------------------


class IntegrityError(OrlopError):
    """Content is not what its descriptor or its media type says."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(what, reason)
        self.what, self.reason = what, reason

    def __str__(self) -> str:
        return f"{self.what} cannot be right: {self.reason}"


class DigestMismatchError(IntegrityError):
    """The bytes hash to another digest."""

    def __init__(self, what: str, expected: str, actual: str) -> None:
        OrlopError.__init__(self, what, expected, actual)
        self.what, self.expected, self.actual = what, expected, actual
        self.reason = f"its digest is {actual}, expected {expected}"


class SizeMismatchError(IntegrityError):
    """The content has another length in bytes than was stated."""

    def __init__(self, what: str, expected: int, actual: int) -> None:
        OrlopError.__init__(self, what, expected, actual)
        self.what, self.expected, self.actual = what, expected, actual
        self.reason = f"its size is {actual} bytes, expected {expected}"


class TruncatedError(IntegrityError):
    """The content ended before its stated length."""

    def __init__(self, what: str, expected: int, received: int) -> None:
        OrlopError.__init__(self, what, expected, received)
        self.what, self.expected, self.received = what, expected, received
        self.reason = f"it ended after {received} of {expected} bytes"


class InvalidDocumentError(IntegrityError):
    """A document that cannot be right: not JSON, too deep, too large, or of a wrong shape."""


class InvalidManifestError(InvalidDocumentError):
    """A manifest or an image config that cannot be right."""


# --- the way there -----------------------------------------------------------------------------


class NetworkError(OrlopError):
    """No usable answer came. ``attempts`` counts the tries that were made."""

    did = "request to"

    def __init__(self, where: str, reason: str, attempts: int = 1) -> None:
        super().__init__(where, reason, attempts)
        self.where, self.reason, self.attempts = where, reason, attempts

    def __str__(self) -> str:
        tried = f" (after {self.attempts} tries)" if self.attempts > 1 else ""
        return f"{self.did} {self.where} failed: {self.reason}{tried}"


class ConnectError(NetworkError):
    """No connection: the name does not resolve, the port is closed, or the proxy refuses."""

    did = "connection to"


class TimedOutError(NetworkError):
    """No byte came for longer than the limit."""


class TlsError(NetworkError):
    """The TLS handshake failed: an unknown authority, a wrong name, an expired certificate."""

    did = "TLS with"


class DisconnectedError(NetworkError):
    """The connection ended in the middle of an answer."""


class RedirectRefusedError(NetworkError):
    """A redirect or a link led in a loop, or where orlop does not follow."""


# --- the registry's refusals -------------------------------------------------------------------


class RegistryError(OrlopError):
    """Any other refusal. ``url`` is without its query; ``retry_after`` is in seconds."""

    def __init__(
        self,
        method: str,
        url: str,
        status: int,
        codes: tuple[str, ...] = (),
        reason: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(method, url, status, codes, reason, retry_after)
        self.method, self.url, self.status = method, url, status
        self.codes, self.reason, self.retry_after = codes, reason, retry_after

    def __str__(self) -> str:
        codes = f" {','.join(self.codes)}" if self.codes else ""
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.method} {self.url} was refused with {self.status}{codes}{reason}"


class RateLimitedError(RegistryError):
    """429, after the retries as well."""


class UnsupportedError(OrlopError):
    """This place cannot do that."""

    def __init__(self, what: str, where: str, reason: str = "not supported there") -> None:
        super().__init__(what, where, reason)
        self.what, self.where, self.reason = what, where, reason

    def __str__(self) -> str:
        return f"{self.what} is not possible at {self.where}: {self.reason}"


class ReadOnlyError(UnsupportedError):
    """The place takes no writes."""


# --- this machine ------------------------------------------------------------------------------


class LocalError(OrlopError):
    """Something on this machine is in the way."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(what, reason)
        self.what, self.reason = what, reason

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"


class StorageError(LocalError):
    """A full disk, or a place that cannot be read or written."""


class ConfigError(LocalError):
    """A settings or config file that is broken or unreadable."""


class LimitError(LocalError):
    """A named limit was reached; ``limit`` is its value."""

    def __init__(self, what: str, name: str, limit: int) -> None:
        OrlopError.__init__(self, what, name, limit)
        self.what, self.name, self.limit = what, name, limit
        self.reason = f"the limit {name} = {limit} was reached"


class CopyError(OrlopError):
    """A copy failed on one side; ``__cause__`` is the error itself."""

    def __init__(self, side: str, descriptor: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(side, descriptor, path)
        self.side, self.descriptor, self.path = side, descriptor, path

    def __str__(self) -> str:
        why = f": {self.__cause__}" if self.__cause__ else ""
        return f"copy failed at the {self.side}, on {self.descriptor}{why}"


def _shown(text: str, limit: int = 120) -> str:
    """Quote untrusted text for one line: escaped, and cut where it is long."""
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")
