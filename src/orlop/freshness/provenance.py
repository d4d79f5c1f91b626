"""BuildKit's provenance: which images took part in a build (E1, E2). Signatures are not checked: what it says is a claim."""

from __future__ import annotations

import binascii
import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from orlop.errors import InvalidDocumentError, OrlopError
from orlop.freshness.excerpt import excerpt
from orlop.freshness.values import BaseName, Evidence
from orlop.model.digest import Digest
from orlop.model.jsondoc import DOCUMENT_LIMIT
from orlop.model.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.freshness.excerpt import Wish
    from orlop.freshness.values import PlatformImage

STATEMENT_LIMIT = 40 * 1024 * 1024
"""Most bytes of a statement: what BuildKit allows a file of an attestation."""
DEPENDENCIES_LIMIT = 10_000
"""Most entries that are looked through; packages are listed there too."""
IMAGES_LIMIT = 64
"""Most images that are taken from one statement."""

IN_TOTO = "application/vnd.in-toto+json"
DSSE = "application/vnd.dsse.envelope.v1+json"
SIGSTORE_BUNDLE = "application/vnd.dev.sigstore.bundle"
PROVENANCE_PREFIX = "https://slsa.dev/provenance/"
BUILDKIT_TYPES = (
    "https://mobyproject.org/buildkit@v1",
    "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
)

_FRONTENDS = frozenset(
    f"docker.io/{name}" for name in ("docker/dockerfile", "docker/dockerfile-upstream", "docker/buildkit-syft-scanner")
)
_TEXT = 4096
_ENVELOPE: Wish = {"payload": STATEMENT_LIMIT, "payloadType": _TEXT}
_ARGUMENTS: Wish = {"args": {"source": _TEXT}}
_WISH: Wish = {
    "predicateType": _TEXT,
    "subject": DOCUMENT_LIMIT,
    "predicate": {
        "buildType": _TEXT,
        "materials": DOCUMENT_LIMIT,
        "invocation": {"parameters": _ARGUMENTS},
        "buildDefinition": {
            "buildType": _TEXT,
            "resolvedDependencies": DOCUMENT_LIMIT,
            "externalParameters": {"request": _ARGUMENTS},
        },
    },
    # What the statement may be wrapped in.
    **_ENVELOPE,
    "dsseEnvelope": _ENVELOPE,
}
_PURL = re.compile(r"pkg:(docker|oci)/([^?#]+)(?:\?([^#]*))?", re.ASCII)


class BuildImage(NamedTuple):
    """An image that took part in a build. base: its name, with the digest that it resolved to, normally an index's."""

    base: BaseName
    platform: Platform | None = None
    is_frontend: bool = False


class Statement(NamedTuple):
    """A provenance statement. subjects: the digests that it is about. is_buildkit: whether its builder lists every image that took part."""

    predicate_type: str
    subjects: frozenset[Digest]
    is_buildkit: bool
    images: tuple[BuildImage, ...] = ()
    trouble: tuple[str, ...] = ()

    @property
    def is_provenance(self) -> bool:
        """Whether it says how something was built, in a form that is known here."""
        return self.predicate_type.startswith(PROVENANCE_PREFIX)

    def is_about(self, image: PlatformImage) -> bool:
        """Whether one of its subjects is the image's own manifest (E4)."""
        return image.digest in self.subjects

    def claims(self, image: PlatformImage) -> tuple[Evidence, ...]:
        """Return a claim for each image in it that may be the base; none for a statement on something else."""
        if not self.is_provenance:
            return ()
        if not self.is_about(image):
            return (Evidence("provenance", None, "contradicted", "the statement is about another image"),)
        return tuple(
            Evidence("provenance", one.base, "unchecked", "among the images of the build")
            for one in self.images
            if not one.is_frontend
        )


def statement_of(raw: bytes, what: str = "provenance") -> Statement:
    """Return the statement in the bytes: in-toto JSON, or wrapped in a DSSE envelope or a sigstore bundle.

    what: names it in a message. Raises InvalidDocumentError. Rules: in-toto attestation 0.1 and 1.0; SLSA provenance 0.2 and 1.
    """
    if len(raw) > STATEMENT_LIMIT:
        raise InvalidDocumentError(what, f"it has {len(raw)} bytes, more than the limit of {STATEMENT_LIMIT}")
    document = excerpt(raw, _WISH, what)
    envelope = _object(document, "dsseEnvelope") or document
    payload = envelope.get("payload")
    if isinstance(payload, str):
        if envelope.get("payloadType") not in {"application/vnd.in-toto+json", "application/vnd.in-toto"}:
            raise InvalidDocumentError(what, "its envelope holds no in-toto statement")
        document = excerpt(_decoded(payload, what), _WISH, what)
    predicate = _object(document, "predicate")
    definition = _object(predicate, "buildDefinition")
    entries = definition.get("resolvedDependencies") or predicate.get("materials")
    build_type = definition.get("buildType") or predicate.get("buildType")
    request = _object(_object(definition, "externalParameters"), "request")
    parameters = _object(_object(predicate, "invocation"), "parameters")
    sources = {_frontend(_object(one, "args").get("source")) for one in (request, parameters)} | _FRONTENDS
    images, trouble = _images(entries, sources)
    kind = document.get("predicateType")
    return Statement(
        kind if isinstance(kind, str) else "",
        frozenset(_subjects(document.get("subject"))),
        build_type in BUILDKIT_TYPES,
        images,
        trouble,
    )


def _images(entries: object, frontends: set[str | None]) -> tuple[tuple[BuildImage, ...], tuple[str, ...]]:
    made: dict[tuple[BaseName, Platform | None], BuildImage] = {}
    trouble: list[str] = []
    listed = entries if isinstance(entries, list) else []
    if len(listed) > DEPENDENCIES_LIMIT:
        trouble.append(f"only the first {DEPENDENCIES_LIMIT} of {len(listed)} dependencies are looked at")
    for entry in listed[:DEPENDENCIES_LIMIT]:
        uri = entry.get("uri") if isinstance(entry, dict) else None
        if not isinstance(uri, str) or not uri.startswith(("pkg:docker/", "pkg:oci/")):
            continue
        found = image_of_purl(uri)
        if found is None:
            if not _is_no_image(uri):
                trouble.append(f"an image's name in it cannot be right: {uri[:80]!a}")
            continue
        digest = _sha256(entry.get("digest"))
        base = found.base if digest is None else found.base.pinned(digest)
        frontend = base.repository is not None and str(base.repository) in frontends
        made.setdefault((base, found.platform), BuildImage(base, found.platform, frontend))
        if len(made) >= IMAGES_LIMIT:
            trouble.append(f"only the first {IMAGES_LIMIT} images are looked at")
            break
    return tuple(made.values()), tuple(trouble[:8])


def image_of_purl(uri: str) -> BuildImage | None:
    """Return the image that a package URL names; None for what is none: a blob, a bundle, or a name that cannot be right.

    ``pkg:docker/`` holds the name as Docker abbreviates it, its tag as version, and ``digest`` where it was pinned. ``pkg:oci/`` with a
    ``repository_url`` holds the digest as version, and the tag as a qualifier. Rule: package-url, docker and oci types; BuildKit, util/purl.
    """
    from urllib.parse import parse_qsl, unquote  # most checks meet no provenance, and this costs each of them 1 ms

    match = _PURL.match(uri)
    if match is None or _is_no_image(uri):
        return None
    kind, path, query = match.groups()
    qualifiers = dict(parse_qsl(query or "", max_num_fields=32)) if (query or "").count("&") < 32 else {}
    name, _, version = path.rpartition("@") if "@" in path else (path, "", "")
    name, version = unquote(name), unquote(version)
    digits = qualifiers.get("digest", "")
    tag = qualifiers.get("tag", "")
    if ":" in version:
        digits = digits or version
    else:
        tag = tag or version
    if kind == "oci" and qualifiers.get("repository_url"):
        name = qualifiers["repository_url"].removeprefix("https://").rstrip("/")
    text = name + (f":{tag}" if tag else "") + (f"@{digits}" if digits else "")
    platform = None
    try:
        base = BaseName.parse(text)
        if base.repository is None:
            return None
        if qualifiers.get("platform"):
            platform = Platform.parse(qualifiers["platform"])
    except OrlopError:
        return None
    # Abbreviated as a rule, so that nothing was left open by whoever wrote it; a version that is missing was.
    return BuildImage(replace(base, assumed=tuple(part for part in base.assumed if part != "registry")), platform)


def _is_no_image(uri: str) -> bool:
    return re.search(r"[?&]ref_type=(?:blob|bundle)(?:&|#|\Z)", uri) is not None


def _frontend(source: object) -> str | None:
    """Return the repository of the frontend that the build itself names: ``docker/dockerfile:1``."""
    if not isinstance(source, str):
        return None
    try:
        return str(BaseName.parse(source).repository)
    except OrlopError:
        return None


def _subjects(value: object) -> list[Digest]:
    made: list[Digest] = []
    for entry in value if isinstance(value, list) else []:
        digest = _sha256(entry.get("digest")) if isinstance(entry, dict) else None
        if digest is not None:
            made.append(digest)
    return made


def _sha256(digests: object) -> Digest | None:
    for algorithm in ("sha256", "sha512"):
        digits = digests.get(algorithm) if isinstance(digests, dict) else None
        try:
            if isinstance(digits, str):
                return Digest(f"{algorithm}:{digits}")
        except OrlopError:
            continue
    return None


def _decoded(payload: str, what: str) -> bytes:
    try:
        return binascii.a2b_base64(payload.translate(_STANDARD) + "=" * (-len(payload) % 4))
    except ValueError:
        raise InvalidDocumentError(what, "the payload of its envelope is not base64") from None


_STANDARD = str.maketrans("-_", "+/")


def _object(value: Mapping[str, object], key: str) -> Mapping[str, object]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}
