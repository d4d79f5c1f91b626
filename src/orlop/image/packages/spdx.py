"""A bill of materials in SPDX 2.3 (ISO/IEC 5962)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import quote

from orlop._version import __version__
from orlop.image.packages.bill import image_purl, moment, name_of, number, printable
from orlop.image.packages.licences import expression

if TYPE_CHECKING:
    from orlop.image.packages.find import PackageList
    from orlop.layer.packages.package import Package

_NONE = "NOASSERTION"
_IMAGE = "SPDXRef-Image"


def document(packages: PackageList, created: str = "") -> dict[str, object]:
    """Return the document: the image as what it describes, and a package for each that the image contains.

    created: its time, instead of the image's. The same list gives the same document. Licences that are no SPDX expression stand
    as extracted texts.
    """
    name = name_of(packages)
    licences: dict[str, str] = {}
    listed = [_image(packages)]
    if packages.distribution.id:
        listed.append(_system(packages))
    listed += [_package(package, at, licences) for at, package in enumerate(packages.packages)]
    relationships = [_related("SPDXRef-DOCUMENT", "DESCRIBES", _IMAGE)]
    relationships += [_related(_IMAGE, "CONTAINS", str(one["SPDXID"])) for one in listed[1:]]
    found: dict[str, object] = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": f"https://spdx.org/spdxdocs/{quote(name, safe='')}-{number(packages, 'spdx')}",
        "creationInfo": {"created": moment(packages, created), "creators": [f"Tool: orlop-{__version__}"]},
        "packages": listed,
        "relationships": relationships,
    }
    if licences:
        found["hasExtractedLicensingInfos"] = [
            {"licenseId": reference, "extractedText": text, "name": text}
            for reference, text in sorted(licences.items())
        ]
    return found


def _image(packages: PackageList) -> dict[str, object]:
    image = packages.image
    found = _bare(_IMAGE, name_of(packages), image.digest.value)
    found["primaryPackagePurpose"] = "CONTAINER"
    if image.digest.algorithm == "sha256":
        found["checksums"] = [{"algorithm": "SHA256", "checksumValue": image.digest.hex}]
    found["externalRefs"] = [_purl(image_purl(packages))]
    return found


def _system(packages: PackageList) -> dict[str, object]:
    said = packages.distribution
    found = _bare("SPDXRef-OperatingSystem", said.id, said.version)
    found["primaryPackagePurpose"] = "OPERATING_SYSTEM"
    if said.name:
        found["description"] = said.name
    return found


def _package(package: Package, at: int, licences: dict[str, str]) -> dict[str, object]:
    found = _bare(f"SPDXRef-Package-{at}", package.name, package.version)
    found["licenseDeclared"] = _licence(package.licence, licences)
    digest = package.layer_digest.value if package.layer_digest is not None else ""
    found["sourceInfo"] = (
        f"{package.kind} package, told by /{printable(package.path)}, since layer {package.layer}: {digest}"
    )
    found["externalRefs"] = [_purl(package.purl)]
    return found


def _bare(identifier: str, name: str, version: str) -> dict[str, object]:
    found: dict[str, object] = {"SPDXID": identifier, "name": name}
    if version:
        found["versionInfo"] = version
    found |= {
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        "licenseConcluded": _NONE,
        "licenseDeclared": _NONE,
        "copyrightText": _NONE,
        "supplier": _NONE,
    }
    return found


def _purl(purl: str) -> dict[str, str]:
    return {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}


def _related(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def _licence(text: str, licences: dict[str, str]) -> str:
    """Return a licence as an expression: where it is none, a reference to its words."""
    if not text:
        return _NONE
    known = expression(text)
    if known and "LicenseRef-" not in known:
        return known
    reference = f"LicenseRef-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    licences[reference] = text
    return reference
