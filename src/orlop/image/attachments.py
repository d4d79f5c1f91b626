"""What is attached to an image: signatures, attestations, SBOMs and files, as values.

Nothing here is verified: what a signature or a certificate says is shown as it is written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orlop.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orlop.model.descriptor import Descriptor
    from orlop.model.digest import Digest
    from orlop.model.platform import Platform

VERIFIED = "not checked"
"""What every answer says of its signatures."""

DEPTH_LIMIT = 8
"""Levels of attachments to attachments, where no other depth is given."""

ATTACHMENTS_LIMIT = 1000
"""Most attachments of one tree; what is beyond is left out, and the tree says so."""

READ_LIMIT = 4 * 1024 * 1024
"""Most bytes of a payload that is read for a tree; a larger one is listed and not decoded."""

PAYLOAD_LIMIT = 64 * 1024 * 1024
"""Most bytes of one payload that is decoded by itself. Attestations of 40 MiB exist."""

PAYLOADS_LIMIT = 64
"""Most payloads of one attachment that are decoded."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Whom a signing certificate names. identities: e-mail addresses and URIs. oidc_issuer: who vouched for them (Fulcio).

    Times are RFC 3339. The certificate and its chain are not verified.
    """

    subject: str
    issuer: str
    identities: tuple[str, ...] = ()
    oidc_issuer: str = ""
    not_before: str = ""
    not_after: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature as it is written; it is not verified.

    value: base64. log_index: its place in a transparency log. signed_at: RFC 3339, as the log or the signer says.
    """

    value: str = ""
    key_id: str = ""
    algorithm: str = ""
    certificate: Certificate | None = None
    log_index: str = ""
    signed_at: str = ""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a payload says.

    kind: ``signature``, ``provenance``, ``sbom``, ``attestation`` or ``file``. format: ``simple-signing``, ``in-toto``,
    ``spdx``, ``cyclonedx``, ``syft``, ``notation-jws``, ``sigstore-signature``, ``json``, ``text``, ``binary``. envelope: what
    it was wrapped in, ``dsse``, ``sigstore-bundle``, ``jws`` or "". about: the digests that it says it is about. summary:
    its main points by name. document: the parsed content out of its envelope; None where it was not to be kept. inner: the
    bytes out of the envelope, where there is one.
    """

    kind: str
    format: str
    envelope: str = ""
    predicate_type: str = ""
    about: tuple[str, ...] = ()
    summary: Mapping[str, object] = field(default_factory=dict, hash=False)
    signatures: tuple[Signature, ...] = ()
    document: object = field(default=None, hash=False, repr=False)
    inner: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Payload:
    """One blob of an attachment.

    name: the file's name, if it has one. kind and predicate_type: decoded, or else as annotations and types suggest. decoded:
    None where it was not read. about_subject: whether the content names what it is attached to; None where it names nothing.
    problem: why it was not decoded.
    """

    descriptor: Descriptor
    name: str = ""
    kind: str = "file"
    predicate_type: str = ""
    decoded: Decoded | None = None
    about_subject: bool | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """One manifest that is attached to another.

    via: how it was found: ``referrers`` (the API, or its fallback tag), ``tag`` (cosign's; ``tag`` names it), ``index``
    (BuildKit's entry in the image's own index), or "" for one that was named. subject: what it is attached to. attachments: what
    is attached to it. problem: why it could not be read, or not be followed.
    """

    descriptor: Descriptor
    via: str = ""
    tag: str = ""
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    subject: Digest | None = None
    payloads: tuple[Payload, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    problem: str = ""

    @property
    def digest(self) -> Digest:
        """Digest of the attachment's manifest."""
        return self.descriptor.digest

    @property
    def kind(self) -> str:
        """What its payloads are, where they are all the same kind; ``attestation`` for statements of several, else ``artifact``."""
        kinds = {payload.kind for payload in self.payloads}
        if len(kinds) == 1:
            kind = kinds.pop()
            return "artifact" if kind == "file" else kind
        return "attestation" if kinds and "file" not in kinds and "signature" not in kinds else "artifact"

    def walk(self) -> Iterator[Attachment]:
        """Yield this one and all that is attached below."""
        yield self
        for one in self.attachments:
            yield from one.walk()


@dataclass(frozen=True, slots=True)
class AttachmentTree:
    """All that is attached to a manifest. platforms: of an index, a tree for each of its images.

    problems: what could not be asked, and the limit that ended it early.
    """

    reference: str
    descriptor: Descriptor
    platform: Platform | None = None
    attachments: tuple[Attachment, ...] = ()
    platforms: tuple[AttachmentTree, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def digest(self) -> Digest:
        """Digest of what all this is attached to."""
        return self.descriptor.digest

    def walk(self) -> Iterator[Attachment]:
        """Yield every attachment, those of the platforms as well."""
        for one in self.attachments:
            yield from one.walk()
        for tree in self.platforms:
            yield from tree.walk()


def find_payload(
    tree: AttachmentTree, *, artifact_type: str = "", predicate_type: str = "", digest: Digest | None = None
) -> tuple[Attachment, Payload]:
    """Return the one payload that is left.

    artifact_type, predicate_type: whole, or with ``*``. digest: of the payload, or of the attachment. Raises NotFoundError when
    none is left, InputError when several are.
    """
    from fnmatch import fnmatchcase

    found: dict[Digest, tuple[Attachment, Payload]] = {}
    for attachment in tree.walk():
        if artifact_type and not fnmatchcase(attachment.artifact_type, artifact_type):
            continue
        for payload in attachment.payloads:
            if predicate_type and not fnmatchcase(payload.predicate_type, predicate_type):
                continue
            if digest is None or digest in {payload.descriptor.digest, attachment.digest}:
                found.setdefault(payload.descriptor.digest, (attachment, payload))
    asked = ", ".join(text for text in (artifact_type, predicate_type, str(digest or "")) if text)
    if not found:
        raise _NoAttachmentError(asked or "of any kind", tree.reference, "nothing that is attached is so")
    if len(found) > 1:
        error = InputError(tree.reference, f"{len(found)} payloads are left")
        error.noun = "a choice of one attachment"
        listed = [f"{payload.descriptor.digest} ({label(payload)})" for _, payload in list(found.values())[:8]]
        raise error.with_hint(f"--digest chooses one of {', '.join(listed)}{', ...' if len(found) > 8 else ''}")
    return next(iter(found.values()))


def label(payload: Payload) -> str:
    """Return what to call a payload: its predicate type, its name, or its media type."""
    return payload.predicate_type or payload.name or payload.descriptor.media_type


class _NoAttachmentError(NotFoundError):
    noun = "an attachment"
