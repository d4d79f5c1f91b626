"""Attachments as JSON, as lines, and as a tree for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.cli.render import columns
from orlop.cli.streams import safe
from orlop.cli.table import size
from orlop.image.attachments import VERIFIED, label

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from orlop.cli.render import Paint
    from orlop.image.attachments import Attachment, AttachmentTree, Certificate, Decoded, Payload, Signature

FOOTNOTE = f"Signatures and certificates are shown as they are written; verified: {VERIFIED}."


# --- JSON --------------------------------------------------------------------------------------


def tree_json(tree: AttachmentTree) -> dict[str, Any]:
    """Return a tree as a JSON object."""
    return {
        "reference": tree.reference,
        **_subtree_json(tree),
        "platforms": [_subtree_json(one) for one in tree.platforms],
        "problems": list(tree.problems),
        "verified": VERIFIED,
    }


def _subtree_json(tree: AttachmentTree) -> dict[str, Any]:
    return {
        "digest": tree.digest.value,
        "mediaType": tree.descriptor.media_type,
        "platform": str(tree.platform) if tree.platform else None,
        "attachments": [attachment_json(one) for one in tree.attachments],
    }


def attachment_json(one: Attachment, *, documents: bool = False) -> dict[str, Any]:
    """Return an attachment as a JSON object. documents: with what its payloads hold."""
    return {
        "digest": one.digest.value,
        "mediaType": one.descriptor.media_type,
        "size": one.descriptor.size,
        "kind": one.kind,
        "artifactType": one.artifact_type,
        "via": one.via,
        "tag": one.tag,
        "subject": one.subject.value if one.subject else None,
        "annotations": dict(one.annotations),
        "problem": one.problem or None,
        "verified": VERIFIED,
        "payloads": [payload_json(payload, documents=documents) for payload in one.payloads],
        "attachments": [attachment_json(inner, documents=documents) for inner in one.attachments],
    }


def payload_json(payload: Payload, *, documents: bool = False) -> dict[str, Any]:
    """Return a payload as a JSON object."""
    found: dict[str, Any] = {
        "digest": payload.descriptor.digest.value,
        "mediaType": payload.descriptor.media_type,
        "size": payload.descriptor.size,
        "name": payload.name,
        "kind": payload.kind,
        "predicateType": payload.predicate_type,
        "aboutSubject": payload.about_subject,
        "problem": payload.problem or None,
    }
    decoded = payload.decoded
    found["format"] = decoded.format if decoded else ""
    found["envelope"] = decoded.envelope if decoded else ""
    found["about"] = list(decoded.about) if decoded else []
    found["summary"] = dict(decoded.summary) if decoded else {}
    found["signatures"] = [_signature_json(one) for one in decoded.signatures] if decoded else []
    if documents:
        found["document"] = decoded.document if decoded else None
    return found


def _signature_json(one: Signature) -> dict[str, Any]:
    certificate = one.certificate
    return {
        "signature": one.value,
        "keyId": one.key_id,
        "algorithm": one.algorithm,
        "logIndex": one.log_index,
        "signedAt": one.signed_at,
        "verified": VERIFIED,
        "certificate": certificate
        and {
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "identities": list(certificate.identities),
            "oidcIssuer": certificate.oidc_issuer,
            "notBefore": certificate.not_before,
            "notAfter": certificate.not_after,
        },
    }


def tree_items(tree: AttachmentTree) -> list[dict[str, Any]]:
    """Return an item for each payload, and one for each attachment without payloads, for templates."""
    items = []
    for subject, platform, one in _attached(tree):
        shared = attachment_json(one)
        for part in ("payloads", "attachments"):
            del shared[part]
        shared |= {"subject": subject, "platform": platform}
        for payload in one.payloads or (None,):
            found = payload_json(payload) if payload else dict.fromkeys(_PAYLOAD_FIELDS, "")
            items.append({**shared, "payload": found})
    return items


_PAYLOAD_FIELDS = (
    *("digest", "mediaType", "size", "name", "kind", "predicateType", "aboutSubject", "problem"),
    *("format", "envelope", "about", "summary", "signatures"),
)


def _attached(tree: AttachmentTree) -> Iterator[tuple[str, str, Attachment]]:
    """Yield (digest of the subject, its platform, attachment) of a whole tree."""
    platform = str(tree.platform) if tree.platform else ""
    yield from _below(tree.digest.value, platform, tree.attachments)
    for inner in tree.platforms:
        yield from _attached(inner)


def _below(subject: str, platform: str, attachments: tuple[Attachment, ...]) -> Iterator[tuple[str, str, Attachment]]:
    for one in attachments:
        yield subject, platform, one
        yield from _below(one.digest.value, platform, one.attachments)


# --- lines -------------------------------------------------------------------------------------


def tree_plain(tree: AttachmentTree) -> str:
    """Return a line for each payload: subject, attachment, kind, artifact type, payload, predicate type or name, size."""
    rows = []
    for subject, _, one in _attached(tree):
        if not one.payloads:
            rows.append([subject, one.digest.value, one.kind, one.artifact_type, "", "", ""])
        for payload in one.payloads:
            descriptor = payload.descriptor
            shown = [descriptor.digest.value, label(payload), str(descriptor.size)]
            rows.append([subject, one.digest.value, payload.kind, one.artifact_type, *shown])
    return columns(rows)


# --- the tree ----------------------------------------------------------------------------------


def tree_table(paint: Paint, tree: AttachmentTree) -> str:
    """Return the tree, drawn."""
    lines = [paint.heading(safe(f"{tree.reference}  {tree.digest}"))]
    branches: list[tuple[str, list[Any]]] = [_branch(paint, one) for one in tree.attachments]
    for inner in tree.platforms:
        title = paint.heading(safe(str(inner.platform or "(no platform)"))) + f"  {inner.digest}"
        branches.append((title, [_branch(paint, one) for one in inner.attachments]))
    _draw(branches, "", lines)
    if not any(True for _ in tree.walk()):
        lines.append("Nothing is attached.")
    lines += [f"{paint.heading('Problem')}  {safe(problem)}" for problem in tree.problems]
    if any(True for _ in tree.walk()):
        lines.append(paint.faint(FOOTNOTE))
    return "\n".join(lines) + "\n"


def _draw(branches: list[tuple[str, list[Any]]], prefix: str, lines: list[str]) -> None:
    for at, (text, inner) in enumerate(branches):
        last = at == len(branches) - 1
        lines.append(f"{prefix}{'└── ' if last else '├── '}{text}")
        _draw(inner, prefix + ("    " if last else "│   "), lines)


def _branch(paint: Paint, one: Attachment) -> tuple[str, list[Any]]:
    found = {"tag": one.tag, "index": "in the image's index"}.get(one.via, "")
    parts = [one.digest.value, *(safe(text) for text in (one.artifact_type, found) if text)]
    text = "  ".join([paint.heading(one.kind), *parts])
    if one.problem:
        text += f"  ({safe(one.problem)})"
    inner: list[Any] = [(_payload_line(payload), []) for payload in one.payloads]
    return text, inner + [_branch(paint, below) for below in one.attachments]


def _payload_line(payload: Payload) -> str:
    name = label(payload)
    media_type = payload.descriptor.media_type
    parts = [name, *([media_type] if media_type != name else []), size(payload.descriptor.size)]
    return safe("  ".join([*parts, *points(payload)]))


def points(payload: Payload) -> list[str]:
    """Return the main points of a payload, a few words each."""
    said = []
    decoded = payload.decoded
    if decoded is not None:
        said = _sbom_points(decoded) if payload.kind == "sbom" else _points(decoded)
        said += [text for text in map(signed_by, decoded.signatures) if text]
    if payload.about_subject is False:
        said.append("names another digest than what it is attached to")
    if payload.problem:
        said.append(f"({payload.problem})")
    return said


def _points(decoded: Decoded) -> list[str]:
    summary = decoded.summary
    said = [f"{name} {summary[name]}" for name in ("builder", "source", "reference") if summary.get(name)]
    if "materialCount" in summary:
        said.append(_counted(summary["materialCount"], "material"))
    return said


def _sbom_points(decoded: Decoded) -> list[str]:
    summary = decoded.summary
    said = [str(summary[name]) for name in ("version", "name") if summary.get(name)]
    return [*said, *([_counted(summary["packages"], "package")] if "packages" in summary else [])]


def _counted(count: object, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def signed_by(one: Signature) -> str:
    """Return whom a signature names: the identities of its certificate, else its subject, else the key."""
    if one.certificate is not None:
        return f"signed by {whom(one.certificate)}"
    return f"signed with key {one.key_id}" if one.key_id else ""


def whom(certificate: Certificate) -> str:
    """Return whom a certificate names."""
    names = ", ".join(certificate.identities) or certificate.subject or "(nobody)"
    return f"{names} ({certificate.oidc_issuer})" if certificate.oidc_issuer else names
