"""What is attached to an image: the client's methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.clientparts.base import Part, selector_of

if TYPE_CHECKING:
    from orlop.image.attachments import Attachment, AttachmentTree, Payload
    from orlop.model.digest import Digest
    from orlop.model.locator import Locator
    from orlop.model.platform import PlatformSelector
    from orlop.model.reference import Reference


class Attachments(Part):
    """Signatures, attestations, SBOMs and files. Nothing of them is verified but that the bytes are those of their digests."""

    async def attachments(
        self,
        ref: str | Reference | Locator,
        *,
        platform: str | PlatformSelector | None = None,
        depth: int | None = None,
        read_limit: int | None = None,
    ) -> AttachmentTree:
        """Return the tree of all that is attached to an image; of an index, to each of its platforms as well.

        Found through the referrers API or its fallback tag, cosign's tags, and BuildKit's entries of the index. platform: of an
        index, this one alone. depth: levels of attachments to attachments (8). read_limit: most bytes of a payload that is read
        and decoded (4 MiB); 0 reads none. Raises ManifestNotFoundError, PlatformChoiceError.
        """
        from orlop.image.attachments import DEPTH_LIMIT, READ_LIMIT
        from orlop.image.attachments_tree import attachments_of

        at = await self.open(ref)
        return await attachments_of(
            at.source,
            self._runtime,
            at.name,
            reference=at.text,
            selector=selector_of(platform),
            depth=DEPTH_LIMIT if depth is None else depth,
            read_limit=READ_LIMIT if read_limit is None else read_limit,
        )

    async def attachment(self, ref: str | Reference | Locator, *, read_limit: int | None = None) -> Attachment:
        """Return one attachment, ``repository@digest`` of its manifest, with its payloads decoded and their documents.

        read_limit: most bytes of a payload that is read (64 MiB). Raises ManifestNotFoundError.
        """
        from orlop.image.attachments import PAYLOAD_LIMIT
        from orlop.image.attachments_tree import attachment_at

        at = await self.open(ref)
        limit = PAYLOAD_LIMIT if read_limit is None else read_limit
        return await attachment_at(at.source, self._runtime, at.name, read_limit=limit)

    async def find_attachment(
        self,
        ref: str | Reference | Locator,
        *,
        platform: str | PlatformSelector | None = None,
        artifact_type: str = "",
        predicate_type: str = "",
        digest: str | Digest | None = None,
        read_limit: int | None = None,
    ) -> tuple[Attachment, Payload]:
        """Return the one payload attached to an image that is left, and the attachment that it is of.

        artifact_type, predicate_type: whole, or with ``*``. digest: of the payload or of its attachment. The payload is not
        kept: ``read_blob`` reads it, and ``orlop.image.attachments_decode.decode`` tells what it says. read_limit: most bytes that are read of a payload whose
        predicate type nothing else tells (64 MiB). Raises NotFoundError, InputError where several are left.
        """
        from orlop.image.attachments import DEPTH_LIMIT, PAYLOAD_LIMIT, find_payload
        from orlop.image.attachments_tree import attachments_of
        from orlop.model.digest import Digest

        at = await self.open(ref)
        asked = Digest.parse(digest) if isinstance(digest, str) else digest
        tree = await attachments_of(
            at.source,
            self._runtime,
            at.name,
            reference=at.text,
            selector=selector_of(platform),
            depth=DEPTH_LIMIT,
            read_limit=PAYLOAD_LIMIT if read_limit is None else read_limit,
            wanted=lambda payload: bool(predicate_type) and not payload.predicate_type and payload.kind != "file",
        )
        return find_payload(tree, artifact_type=artifact_type, predicate_type=predicate_type, digest=asked)
