"""What an image's own documents say it was built on: annotations, labels, buildpacks (E5 to E9). Claims, none of them checked here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import OrlopError
from orlop.freshness.provenance import statement_of
from orlop.freshness.values import BaseName, Evidence
from orlop.model.annotations import BASE_DIGEST, BASE_NAME
from orlop.model.digest import Digest
from orlop.model.jsondoc import load_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orlop.freshness.values import EvidenceKind, PlatformImage
    from orlop.model.imageconfig import ImageConfig

LIFECYCLE = "io.buildpacks.lifecycle.metadata"
REBASABLE = "io.buildpacks.rebasable"

_QUOTED = 80


def collect(image: PlatformImage, statements: Iterable[bytes] = ()) -> tuple[Evidence, ...]:
    """Return all that the documents at hand claim, strongest first: provenance statements, annotations, buildpacks, labels.

    statements: attestations as they are stored, in-toto or wrapped. Those that cannot be read are noted, not raised.
    """
    found: list[Evidence] = []
    for raw in statements:
        try:
            found.extend(statement_of(raw).claims(image))
        except OrlopError as error:
            found.append(Evidence("provenance", None, "unchecked", str(error)))
    found.extend(annotation_claims(image))
    if image.config is not None:
        found.extend(buildpack_claims(image.config))
        found.extend(label_claims(image.config))
    return tuple(found)


def annotation_claims(image: PlatformImage) -> tuple[Evidence, ...]:
    """Return what ``org.opencontainers.image.base.*`` say, from the first place that names a base (E5): manifest, entry, index."""
    places: list[tuple[str, Mapping[str, str]]] = [("manifest", image.annotations)]
    if image.entry is not None:
        places.append(("descriptor in the index", image.entry.annotations))
    if image.index is not None:
        try:
            places.append(("index", image.index.annotations))
        except OrlopError as error:
            return (*_first(places), Evidence("annotation", None, "unchecked", str(error)))
    return _first(places)


def _first(places: list[tuple[str, Mapping[str, str]]]) -> tuple[Evidence, ...]:
    junk: list[Evidence] = []
    for where, said in places:
        claim = _claim("annotation", said, f"of the {where}")
        if claim is not None and claim.base is not None:
            return (claim, *junk)
        if claim is not None:
            junk.append(claim)
    return tuple(junk)


def label_claims(config: ImageConfig) -> tuple[Evidence, ...]:
    """Return what the same keys say as labels of the config (E6). They are inherited: they may speak of the base's base."""
    claim = _claim("label", _labels(config), "of the config")
    return () if claim is None else (claim,)


def _claim(kind: EvidenceKind, said: Mapping[str, str], where: str) -> Evidence | None:
    """Return the claim of a base that these keys make; with no base and a note where they are junk."""
    name, digits = said.get(BASE_NAME, "").strip(), said.get(BASE_DIGEST, "").strip()
    if not name:
        if not digits:
            return None
        return Evidence(kind, None, "unchecked", f"{BASE_DIGEST} {where} without a name")
    try:
        base = BaseName.parse(name)
    except OrlopError:
        return Evidence(kind, None, "unchecked", f"{BASE_NAME} {where} is no reference: {quoted(name)}")
    if base.repository is None and not base.is_scratch:
        # Locators are the command line's; an image must not point into the checker's own files.
        return Evidence(kind, None, "unchecked", f"{BASE_NAME} {where} is no reference: {quoted(name)}")
    notes = [f"{BASE_NAME} {where}", *(f"without a {part}" for part in base.assumed)]
    if digits and not base.is_scratch:
        try:
            base = base.pinned(Digest(digits))
        except OrlopError:
            notes.append(f"{BASE_DIGEST} is no digest: {quoted(digits)}")
    return Evidence(kind, base, "unchecked", ", ".join(notes))


def buildpack_claims(config: ImageConfig) -> tuple[Evidence, ...]:
    """Return the run image of a buildpacks image: its name, and how many of the layers are its own (E9).

    ``runImage.image`` is the name that moves; ``reference`` what it was, where that holds a digest; ``topLayer`` the diff_id right below the seam.
    """
    labels = _labels(config)
    text = labels.get(LIFECYCLE, "")
    if not text:
        return ()
    try:
        document = load_object(text.encode(), f"the label {LIFECYCLE}")
    except OrlopError as error:
        return (Evidence("buildpacks", None, "unchecked", str(error)),)
    run = _object(document, "runImage")
    older = _object(_object(document, "stack"), "runImage")
    reference = _parsed(_text(run, "reference"))
    named = _parsed(_text(run, "image")) or _parsed(_text(older, "image"))
    base = named or reference
    if base is None or base.repository is None:
        return (Evidence("buildpacks", None, "unchecked", f"the label {LIFECYCLE} names no run image"),)
    if reference is not None and reference.digest is not None and base.digest is None and base.same_place(reference):
        base = base.pinned(reference.digest)
    rebasable = ", not to be rebased" if labels.get(REBASABLE) == "false" else ""
    return (
        Evidence("buildpacks", base, "unchecked", f"the run image{rebasable}", _depth(config, _text(run, "topLayer"))),
    )


def _depth(config: ImageConfig, top: str) -> int | None:
    try:
        diff_ids = [diff_id.value for diff_id in config.diff_ids]
    except OrlopError:
        return None
    # The lowest of equal layers could be the seam as well as the highest; then nothing is known.
    return diff_ids.index(top) + 1 if diff_ids.count(top) == 1 else None


def _parsed(text: str) -> BaseName | None:
    try:
        return BaseName.parse(text) if text else None
    except OrlopError:
        return None


def _labels(config: ImageConfig) -> Mapping[str, str]:
    try:
        return config.labels
    except OrlopError:
        return {}


def _object(document: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _text(document: Mapping[str, object], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""


def quoted(text: str) -> str:
    """Return foreign text fit for a message: short, on one line, its control characters escaped."""
    return ascii(text if len(text) <= _QUOTED else f"{text[: _QUOTED - 3]}...")
