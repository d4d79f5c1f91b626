"""The main points of statements and SBOMs: who built it from what, what an SBOM counts.

Documents come from outside and vary between versions, so a field of a wrong type is left out and no error.
Rules: slsa.dev/provenance v0.1, v0.2, v1; spdx.github.io 2.x, 3.0; cyclonedx.org 1.x; BuildKit, docs/attestations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SHOWN_LIMIT = 1000
"""Most materials, and most of other lists, that a summary holds; it counts all of them."""

_SLSA = "https://slsa.dev/provenance/"
_SBOM_TYPES = ("https://spdx.dev/Document", "https://cyclonedx.org/", "https://syft.dev/bom")
_SIGNATURES = ("https://sigstore.dev/cosign/sign/",)
_BUILDKIT_METADATA = "https://mobyproject.org/buildkit@v1#metadata"


def kind_of_predicate(predicate_type: str) -> str:
    """Return what a statement of this type is: ``provenance``, ``sbom``, ``signature`` or ``attestation``."""
    if predicate_type.startswith(_SLSA):
        return "provenance"
    if predicate_type.startswith(_SBOM_TYPES):
        return "sbom"
    return "signature" if predicate_type.startswith(_SIGNATURES) else "attestation"


def predicate_summary(predicate_type: str, predicate: object) -> dict[str, object]:
    """Return the main points of a predicate."""
    if not isinstance(predicate, dict):
        return {}
    if predicate_type.startswith(_SLSA):
        return _slsa_1(predicate) if "buildDefinition" in predicate else _slsa_0(predicate)
    sbom = sbom_summary(unwrapped(predicate))
    return sbom[1] if sbom else _scalars(predicate)


def unwrapped(predicate: Mapping[str, object]) -> object:
    """Return an SBOM that old cosign put into ``Data``, as an object or as its text; else the predicate itself."""
    data = predicate.get("Data")
    if isinstance(data, str) and data.lstrip().startswith("{"):
        from orlop.errors import InvalidDocumentError
        from orlop.model.jsondoc import load_json

        raw = data.encode("utf-8", "replace")
        try:
            return load_json(raw, "the predicate's Data", limit=len(raw))
        except InvalidDocumentError:
            return predicate
    return data if isinstance(data, dict) else predicate


# --- provenance --------------------------------------------------------------------------------


def _slsa_0(predicate: Mapping[str, object]) -> dict[str, object]:
    invocation, metadata = _object(predicate.get("invocation")), _object(predicate.get("metadata"))
    source = _object(invocation.get("configSource") or _object(predicate.get("recipe")).get("definedInMaterial"))
    vcs = _object(_object(metadata.get(_BUILDKIT_METADATA)).get("vcs"))
    return _filled(
        {
            "builder": _string(_object(predicate.get("builder")).get("id")),
            "buildType": _string(predicate.get("buildType")),
            "source": _string(vcs.get("source")) or _string(source.get("uri")),
            "revision": _string(vcs.get("revision")) or _a_digest(source),
            "entryPoint": _string(source.get("entryPoint")),
            "started": _string(metadata.get("buildStartedOn")),
            "finished": _string(metadata.get("buildFinishedOn")),
            **_materials(predicate.get("materials")),
        }
    )


def _slsa_1(predicate: Mapping[str, object]) -> dict[str, object]:
    definition, details = _object(predicate.get("buildDefinition")), _object(predicate.get("runDetails"))
    external, metadata = _object(definition.get("externalParameters")), _object(details.get("metadata"))
    workflow, source = _object(external.get("workflow")), _object(external.get("configSource"))
    vcs = _object(_object(metadata.get("buildkit_metadata")).get("vcs"))
    uri = next((_string(one.get(key)) for one, key in ((vcs, "source"), (workflow, "repository"), (source, "uri"))
                if _string(one.get(key))), "")  # fmt: skip
    dependencies = _list(definition.get("resolvedDependencies"))
    of_source = next((one for one in map(_object, dependencies) if uri and uri in _string(one.get("uri"))), {})
    return _filled(
        {
            "builder": _string(_object(details.get("builder")).get("id")),
            "buildType": _string(definition.get("buildType")),
            "source": uri,
            "revision": _string(vcs.get("revision")) or _a_digest(source) or _a_digest(of_source),
            "ref": _string(workflow.get("ref")),
            "entryPoint": _string(workflow.get("path")) or _string(source.get("path")),
            "started": _string(metadata.get("startedOn")),
            "finished": _string(metadata.get("finishedOn")),
            **_materials(dependencies),
        }
    )


def _materials(value: object) -> dict[str, object]:
    found = _list(value)
    shown = []
    for one in map(_object, found[:SHOWN_LIMIT]):
        digests = {name: text for name, text in _object(one.get("digest")).items() if isinstance(text, str)}
        shown.append({"uri": _string(one.get("uri")) or _string(one.get("name")), "digest": digests})
    return {"materialCount": len(found), "materials": shown} if found else {}


# --- SBOMs -------------------------------------------------------------------------------------


def sbom_summary(document: object) -> tuple[str, dict[str, object]] | None:
    """Return the format of an SBOM and its main points; None for what is no SBOM."""
    if not isinstance(document, dict):
        return None
    for format_, test, summary in _SBOMS:
        if test(document):
            return format_, _filled(summary(document))
    return None


def _spdx(document: Mapping[str, object]) -> dict[str, object]:
    creation = _object(document.get("creationInfo"))
    creators = [text for text in _list(creation.get("creators"))[:SHOWN_LIMIT] if isinstance(text, str)]
    return {
        "version": _string(document.get("spdxVersion")),
        "name": _string(document.get("name")),
        "packages": len(_list(document.get("packages"))),
        "files": len(_list(document.get("files"))),
        "created": _string(creation.get("created")),
        "creators": creators,
    }


def _spdx_3(document: Mapping[str, object]) -> dict[str, object]:
    nodes = [_object(one) for one in _list(document.get("@graph"))]
    types = [str(one.get("type") or one.get("@type") or "").rpartition(":")[2].rpartition("/")[2] for one in nodes]
    name = next((_string(n.get("name")) for n, t in zip(nodes, types, strict=True) if t == "SpdxDocument"), "")
    return {
        "version": "SPDX-3",
        "name": name,
        "packages": types.count("software_Package"),
        "files": types.count("software_File"),
    }


def _cyclonedx(document: Mapping[str, object]) -> dict[str, object]:
    metadata = _object(document.get("metadata"))
    component = _object(metadata.get("component"))
    version = _string(component.get("version"))
    name = _string(component.get("name"))
    return {
        "version": f"CycloneDX {_string(document.get('specVersion'))}".rstrip(),
        "name": f"{name} {version}" if version and name else name,
        "packages": _components(document),
        "created": _string(metadata.get("timestamp")),
    }


def _components(document: Mapping[str, object]) -> int:
    count, left = 0, [document]
    while left:
        inner = [one for one in _list(left.pop().get("components")) if isinstance(one, dict)]
        count += len(inner)
        left += inner
    return count


def _syft(document: Mapping[str, object]) -> dict[str, object]:
    tool, source = _object(document.get("descriptor")), _object(document.get("source"))
    return {
        "version": f"syft {_string(tool.get('version'))}".rstrip(),
        "name": _string(source.get("name")),
        "packages": len(_list(document.get("artifacts"))),
    }


_SBOMS: tuple[
    tuple[str, Callable[[Mapping[str, object]], bool], Callable[[Mapping[str, object]], dict[str, object]]], ...
] = (
    ("spdx", lambda found: "spdxVersion" in found, _spdx),
    ("spdx", lambda found: "@graph" in found and "spdx" in str(found.get("@context")), _spdx_3),
    ("cyclonedx", lambda found: found.get("bomFormat") == "CycloneDX", _cyclonedx),
    ("syft", lambda found: "artifacts" in found and "artifactRelationships" in found, _syft),
)


def spdx_text_summary(text: str) -> dict[str, object] | None:
    """Return the main points of SPDX in tag-value form; None for what is none. Rule: SPDX 2.3, 4."""
    if not text.lstrip().startswith(("SPDXVersion:", "##")) or "SPDXVersion:" not in text[:4096]:
        return None
    values: dict[str, str] = {}
    packages = 0
    for line in text.splitlines():
        tag, colon, value = line.partition(":")
        if colon:
            packages += tag == "PackageName"
            values.setdefault(tag, value.strip())
    return _filled(
        {
            "version": values.get("SPDXVersion", ""),
            "name": values.get("DocumentName", ""),
            "packages": packages,
            "created": values.get("Created", ""),
        }
    )


# --- documents of unknown shape ----------------------------------------------------------------


def _scalars(predicate: Mapping[str, object]) -> dict[str, object]:
    """Return the first few plain fields of a predicate that is not known here."""
    plain = [(key, value) for key, value in predicate.items() if isinstance(value, str | int | float) and value != ""]
    return {key: value if not isinstance(value, str) else value[:200] for key, value in plain[:8]}


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _a_digest(source: Mapping[str, object]) -> str:
    digests = _object(source.get("digest"))
    return next((text for text in digests.values() if isinstance(text, str)), "")


def _filled(fields: dict[str, object]) -> dict[str, object]:
    """Return the fields that say something; a count of nothing says something."""
    return {name: value for name, value in fields.items() if value not in ("", []) and value is not None}
