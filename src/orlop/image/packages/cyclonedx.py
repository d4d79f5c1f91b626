"""A bill of materials in CycloneDX 1.6 (ECMA-424)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop._version import __version__
from orlop.image.packages.bill import image_purl, moment, name_of, number, printable
from orlop.image.packages.licences import expression

if TYPE_CHECKING:
    from orlop.image.packages.find import PackageList
    from orlop.layer.packages.package import Package

SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"


def document(packages: PackageList, created: str = "") -> dict[str, object]:
    """Return the document: the image as its subject, a component for each package with the layer as properties.

    created: its time, instead of the image's. The same list gives the same document.
    """
    image = packages.image
    subject = image_purl(packages)
    refs: dict[str, int] = {subject: 1}
    components = [_system(packages, refs)] if packages.distribution.id else []
    components += [_component(package, refs) for package in packages.packages]
    return {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": number(packages, "cyclonedx").urn,
        "version": 1,
        "metadata": {
            "timestamp": moment(packages, created),
            "tools": {"components": [{"type": "application", "name": "orlop", "version": __version__}]},
            "component": {
                "type": "container",
                "bom-ref": subject,
                "name": name_of(packages),
                "version": image.digest.value,
                "purl": subject,
            },
        },
        "components": components,
        "dependencies": [{"ref": subject, "dependsOn": [str(component["bom-ref"]) for component in components]}],
    }


def _system(packages: PackageList, refs: dict[str, int]) -> dict[str, object]:
    said = packages.distribution
    found: dict[str, object] = {
        "type": "operating-system",
        "bom-ref": _ref(f"os:{said.id}@{said.version}", refs),
        "name": said.id,
    }
    if said.version:
        found["version"] = said.version
    if said.name:
        found["description"] = said.name
    return found


def _component(package: Package, refs: dict[str, int]) -> dict[str, object]:
    found: dict[str, object] = {
        "type": "library",
        "bom-ref": _ref(package.purl, refs),
        "name": package.name,
    }
    if package.version:
        found["version"] = package.version
    if package.licence:
        known = expression(package.licence)
        found["licenses"] = [{"expression": known} if known else {"license": {"name": package.licence}}]
    found["purl"] = package.purl
    found["evidence"] = {"occurrences": [{"location": f"/{printable(package.path)}"}]}
    digest = package.layer_digest.value if package.layer_digest is not None else ""
    found["properties"] = [
        {"name": "orlop:kind", "value": package.kind},
        {"name": "orlop:layer:index", "value": str(package.layer)},
        {"name": "orlop:layer:digest", "value": digest},
    ]
    return found


def _ref(wanted: str, refs: dict[str, int]) -> str:
    """Return a name that the document has once: the same package may lie in several places."""
    refs[wanted] = count = refs.get(wanted, 0) + 1
    return wanted if count == 1 else f"{wanted}#{count}"
