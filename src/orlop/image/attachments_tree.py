"""Find all that is attached to an image, from any source: level by level, many questions at once.

Asked for each subject: the referrers (the source falls back to the tag ``sha256-<hex>`` where there is no API), that tag itself, and
cosign's tags ``sha256-<hex>.sig``, ``.att`` and ``.sbom``. An image's own index holds BuildKit's attestations.
Rules: distribution-spec 1.1, "Referrers Tag Schema"; cosign, specs/SIGNATURE_SPEC.md; BuildKit, docs/attestations.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from orlop.errors import (
    IntegrityError,
    LimitError,
    NotFoundError,
    UnsupportedError,
)
from orlop.image.attachments import (
    ATTACHMENTS_LIMIT,
    DEPTH_LIMIT,
    PAYLOAD_LIMIT,
    PAYLOADS_LIMIT,
    READ_LIMIT,
    Attachment,
    AttachmentTree,
    Payload,
)
from orlop.image.attachments_decode import decode, guess
from orlop.image.resolve import is_attestation, platforms_of, resolve_platform
from orlop.model.annotations import DOCKER_REFERENCE_DIGEST, TITLE
from orlop.model.digest import Digest
from orlop.model.manifest import ImageManifest, Index, Manifest
from orlop.model.mediatype import OCI_EMPTY, is_config, is_layer, is_manifest
from orlop.model.reference import Tag

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orlop.content.base import Source
    from orlop.model.descriptor import Descriptor
    from orlop.model.platform import PlatformSelector
    from orlop.runtime import Runtime

AT_ONCE = 16
"""Questions to the source at once."""

_SUFFIXES = (".sig", ".att", ".sbom")
# What concerns one attachment alone and stops no tree. What the network or a sign-in says stops all of it.
_OF_ONE = (NotFoundError, IntegrityError, LimitError, UnsupportedError)

SEEN_BEFORE = "it is listed above"
"""The problem of an attachment that is met again: a chain that leads in a circle, or one manifest at several places."""

_CUT = f"the limit attachments = {ATTACHMENTS_LIMIT} was reached"
_TAG = re.compile(r"(sha256)-([0-9a-f]{64})(?:\.[a-z]+)?\Z", re.ASCII)


class _Subject:
    """What may have attachments: the image, its platforms, and every attachment in turn."""

    def __init__(self, descriptor: Descriptor) -> None:
        self.descriptor = descriptor
        self.found: list[_Found] = []


class _Found(_Subject):
    """An attachment on its way: how it was found, and then what it is."""

    def __init__(self, descriptor: Descriptor, subject: Digest | None, via: str, tag: str = "") -> None:
        super().__init__(descriptor)
        self.read = Attachment(descriptor, via, tag, descriptor.artifact_type, dict(descriptor.annotations), subject)

    def finished(self) -> Attachment:
        """Return it with what is attached to it."""
        return replace(self.read, attachments=_finished(self))


def _finished(subject: _Subject) -> tuple[Attachment, ...]:
    return tuple(one.finished() for one in subject.found)


async def attachments_of(
    source: Source,
    runtime: Runtime,
    name: Tag | Digest,
    *,
    reference: str,
    selector: PlatformSelector | None = None,
    depth: int = DEPTH_LIMIT,
    read_limit: int = READ_LIMIT,
    wanted: Callable[[Payload], bool] | None = None,
) -> AttachmentTree:
    """Return all that is attached to what the name names; of an index, to each of its images as well.

    selector: only the one image of an index that it leaves. depth: levels of attachments. read_limit: most bytes of a payload that is
    read; 0 reads none. wanted: which payloads to read, all unless given. What cannot be read of one attachment is its
    ``problem``. Raises ManifestNotFoundError, PlatformChoiceError, and what the network raises.
    """
    named = await source.manifest(name)
    index = named if isinstance(named, Index) else None
    root, images = _Subject(named.descriptor), list[_Subject]()
    if index is not None and selector is not None:
        root = _Subject(resolve_platform(index, selector, reference))
        images = [root]
    elif index is not None:
        images = [_Subject(one) for one in {entry.digest: entry for entry in platforms_of(index)}.values()]
    if index is not None:
        _take_entries(index, root, images)
    walk = _Walk(source, runtime, read_limit, wanted)
    await walk.run([root, *(one for one in images if one is not root)], depth)
    chosen = index is not None and selector is not None
    platforms = [] if chosen else images
    return AttachmentTree(
        reference,
        root.descriptor,
        root.descriptor.platform if chosen else None,
        _finished(root),
        tuple(AttachmentTree(reference, one.descriptor, one.descriptor.platform, _finished(one)) for one in platforms),
        tuple(walk.problems),
    )


async def attachment_at(
    source: Source, runtime: Runtime, name: Tag | Digest, *, read_limit: int = PAYLOAD_LIMIT
) -> Attachment:
    """Return one attachment with its payloads decoded and kept. Raises what reading its manifest raises."""
    manifest = await source.manifest(name)
    tagged = _TAG.match(str(name)) if isinstance(name, Tag) else None
    if tagged:
        subject: Digest | None = Digest(f"{tagged[1]}:{tagged[2]}")
    else:
        subject = manifest.subject.digest if manifest.subject is not None else None
    found = _Found(manifest.descriptor, subject, "tag" if tagged else "", str(name) if tagged else "")
    return await _Walk(source, runtime, read_limit, None, keep=True).described(found, manifest)


def _take_entries(index: Index, root: _Subject, images: Sequence[_Subject]) -> None:
    """Hang BuildKit's entries of an index on the images that they name; what names none of them, on the index."""
    by_digest = {one.descriptor.digest.value: one for one in images}
    chosen = root in images
    for entry in index.manifests:
        if is_attestation(entry):
            subject = by_digest.get(entry.annotations.get(DOCKER_REFERENCE_DIGEST, ""))
            if subject is not None:
                subject.found.append(_Found(entry, subject.descriptor.digest, "index"))
            elif not chosen:
                root.found.append(_Found(entry, index.digest, "index"))


class _Walk:
    """One search. problems: what could not be asked, and the limit that ended it early."""

    def __init__(
        self,
        source: Source,
        runtime: Runtime,
        read_limit: int,
        wanted: Callable[[Payload], bool] | None,
        *,
        keep: bool = False,
    ) -> None:
        self._source, self._runtime = source, runtime
        self._read_limit, self._wanted, self._keep = read_limit, wanted, keep
        self._seen: set[Digest] = set()
        self._left = ATTACHMENTS_LIMIT
        self.problems: list[str] = []

    async def run(self, subjects: Sequence[_Subject], depth: int) -> None:
        """Find what is attached to the subjects, and to that, and so on. A manifest is followed where it is met first."""
        self._seen |= {one.descriptor.digest for one in subjects}
        level = subjects
        for _ in range(depth):
            await self._ask(level)
            level = self._new([one for subject in level for one in subject.found])
            outcomes = self._runtime.map(self._read, level, limit=min(AT_ONCE, len(level) or 1))
            async for outcome in outcomes:
                outcome.result()
            if not level or not self._left:
                return

    async def _ask(self, level: Sequence[_Subject]) -> None:
        questions = [(subject, way) for subject in level for way in ("referrers", "", *_SUFFIXES)]
        limit = min(AT_ONCE, len(questions) or 1)
        async for outcome in self._runtime.map(self._answer, questions, limit=limit, ordered=True):
            subject, way = outcome.item
            if isinstance(outcome.error, IntegrityError | LimitError):
                what = "referrers" if way == "referrers" else f"the tag sha256-...{way}"
                self.problems.append(f"{what} of {subject.descriptor.digest}: {outcome.error}")
                continue
            known = {one.descriptor.digest for one in subject.found}
            subject.found += [one for one in outcome.result() if one.descriptor.digest not in known]

    async def _answer(self, question: tuple[_Subject, str]) -> list[_Found]:
        subject, way = question
        digest = subject.descriptor.digest
        if way == "referrers":
            found: list[_Found] = []
            try:
                async for entry in self._source.referrers(digest):
                    found.append(_Found(entry, digest, way))
                    if len(found) > ATTACHMENTS_LIMIT:
                        break
            except UnsupportedError:
                pass  # a place that knows no referrers may still have the tags
            return found
        tag = f"{digest.algorithm}-{digest.hex[:64]}{way}"
        try:
            manifest = await self._source.manifest(Tag(tag))
        except (NotFoundError, UnsupportedError):
            return []
        if manifest.digest == digest:  # GitLab takes such a tag for the subject itself
            return []
        if way:
            return [_Found(manifest.descriptor, digest, "tag", tag)]
        entries = manifest.manifests if isinstance(manifest, Index) else []
        return [_Found(entry, digest, "referrers") for entry in entries[: ATTACHMENTS_LIMIT + 1]]

    def _new(self, found: Sequence[_Found]) -> list[_Found]:
        """Return those that are met for the first time, as far as the limit goes; mark the others."""
        new: list[_Found] = []
        for one in found:
            if one.descriptor.digest in self._seen:
                one.read = replace(one.read, problem=SEEN_BEFORE)
            elif self._left == 0:
                one.read = replace(one.read, problem=_CUT)
                if _CUT not in self.problems:
                    self.problems.append(_CUT)
            else:
                self._left -= 1
                self._seen.add(one.descriptor.digest)
                new.append(one)
        return new

    async def _read(self, found: _Found) -> None:
        try:
            manifest = await self._source.manifest(found.descriptor.digest)
            found.read = await self.described(found, manifest)
        except _OF_ONE as error:
            found.read = replace(found.read, problem=str(error))

    async def described(self, found: _Found, manifest: Manifest) -> Attachment:
        """Return the attachment with its payloads."""
        annotations = {**found.descriptor.annotations, **manifest.annotations}
        artifact_type = manifest.referrer_type or found.descriptor.artifact_type
        if is_config(artifact_type) and found.read.via != "referrers":
            artifact_type = ""  # tags and entries of an index are images in form, and no image is meant
        payloads = []
        for at, descriptor in enumerate(_payloads(manifest)):
            name = descriptor.annotations.get(TITLE, "")
            kind, predicate = guess(descriptor, annotations, artifact_type, name)
            payload = Payload(descriptor, name, kind, predicate)
            payloads.append(await self._payload(payload, found.read.subject) if at < PAYLOADS_LIMIT else payload)
        described = replace(found.descriptor, size=manifest.size, media_type=manifest.media_type)
        return replace(
            found.read,
            descriptor=described,
            artifact_type=artifact_type,
            annotations=annotations,
            payloads=tuple(payloads),
        )

    async def _payload(self, payload: Payload, subject: Digest | None) -> Payload:
        """Return the payload decoded, unless it is not to be read; then it says why."""
        descriptor = payload.descriptor
        if is_manifest(descriptor.media_type) or (is_layer(descriptor.media_type) and not payload.name):
            return payload
        if self._wanted is not None and not self._wanted(payload):
            return payload
        if descriptor.size > self._read_limit:
            if not self._read_limit:
                return payload
            return replace(
                payload, problem=f"not read: its {descriptor.size} bytes are over the limit {self._read_limit}"
            )
        try:
            what = f"payload {descriptor.digest.value[:19]}"
            raw = await read_payload(self._source, descriptor, self._read_limit)
            decoded = await self._runtime.run(decode, raw, descriptor, what)
        except _OF_ONE as error:
            return replace(payload, problem=str(error))
        about = subject.value in decoded.about if decoded.about and subject is not None else None
        if not self._keep:
            decoded = replace(decoded, document=None, inner=None)
        # Types and annotations may know more of a file than its bytes tell.
        kind = decoded.kind if decoded.kind != "file" else payload.kind
        predicate = decoded.predicate_type or payload.predicate_type
        return replace(payload, kind=kind, predicate_type=predicate, decoded=decoded, about_subject=about)


def _payloads(manifest: Manifest) -> list[Descriptor]:
    """Return what an attachment carries; the empty blob that stands for nothing is left out."""
    found = manifest.layers if isinstance(manifest, ImageManifest) else manifest.children()
    return [one for one in found if one.media_type != OCI_EMPTY]


async def read_payload(source: Source, descriptor: Descriptor, limit: int) -> bytes:
    """Return a payload, verified. limit: in bytes. Raises LimitError, BlobNotFoundError, IntegrityError's kinds."""
    inlined = descriptor.content(f"payload {descriptor.digest.value[:19]}")
    if inlined is not None:
        return inlined
    parts: list[bytes] = []
    size = 0
    async with source.open(descriptor) as stream:
        async for chunk in stream:
            size += len(chunk)
            if size > limit:
                raise LimitError(f"payload {descriptor.digest.value[:19]}", "bytes of a payload", limit)
            parts.append(chunk)
    return b"".join(parts)
