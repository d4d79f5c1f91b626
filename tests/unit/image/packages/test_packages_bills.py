"""Bills of materials: the same each time, and as CycloneDX 1.6 and SPDX 2.3 want them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cyclonedx.schema
import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped]  # its stubs are a package of their own
from packageurl import PackageURL
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from referencing import Registry, Resource
from tests import packagefiles as made

from orlop import Client
from orlop.auth.keychain import Chain
from orlop.image.packages.bill import from_epoch, image_purl
from orlop.image.packages.licences import IDENTIFIERS, expression
from orlop.testing import registry as start
from orlop.testing.builders import image, push_now
from orlop.testing.layers import layer

if TYPE_CHECKING:
    from orlop.image.packages.find import PackageList

SCHEMAS = ("bom-1.6", "spdx", "jsf-0.82")
FILES = {
    "etc/os-release": made.DEBIAN,
    "var/lib/dpkg/status": made.dpkg({"a": "1:2+b1"}),
    "x/node_modules/b/package.json": made.package_json("@s/b", "1"),
    "y/node_modules/b/package.json": made.package_json("@s/b", "1"),
    "z/c-1.dist-info/METADATA": made.metadata("c", "1", "License: my own words\n"),
    "z\udcff/d-1.dist-info/METADATA": made.metadata("d", "", "License: GPLv2 <b>&\x1b[2J\n"),
}


def ask(**options: Any) -> PackageList:
    with start() as place, Client(credentials=Chain([])) as client:
        push_now(image([layer(FILES)]), place, "team/x", tags=["1"])
        return client.packages(f"{place.host}/team/x:1", **options)


@pytest.fixture(scope="module")
def found() -> PackageList:
    return ask()


def test_cyclonedx_names_the_image_and_each_package(found: PackageList) -> None:
    bill: Any = found.cyclonedx()
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bill["serialNumber"])
    subject = bill["metadata"]["component"]
    assert (subject["type"], subject["version"]) == ("container", found.image.digest.value)
    assert re.fullmatch(
        rf"pkg:oci/x@{found.image.digest}\?repository_url=127\.0\.0\.1:\d+/team/x&tag=1", subject["purl"]
    )
    system, deb, *rest = bill["components"]
    assert (system["type"], system["name"], system["version"]) == ("operating-system", "debian", "12")
    assert (deb["name"], deb["purl"]) == ("a", "pkg:deb/debian/a@1:2%2Bb1?arch=amd64&distro=debian-12")
    assert {"name": "orlop:layer:digest", "value": found.image.layers[0].descriptor.digest.value} in deb["properties"]
    assert deb["evidence"] == {"occurrences": [{"location": "/var/lib/dpkg/status"}]}
    assert [one["licenses"] for one in rest] == [
        [{"license": {"name": "my own words"}}],
        [{"license": {"name": "GPLv2 <b>& [2J"}}],
        [{"expression": "ISC"}],
        [{"expression": "ISC"}],
    ]


def test_cyclonedx_is_as_its_schema_wants(found: PackageList) -> None:
    folder = Path(cyclonedx.schema.__file__).parent / "_res"
    schemas = {name: json.loads((folder / f"{name}.SNAPSHOT.schema.json").read_bytes()) for name in SCHEMAS}
    others: Any = Registry().with_resources(
        (f"http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json", Resource.from_contents(schema))
        for name, schema in schemas.items()
    )
    bill = json.loads(json.dumps(found.cyclonedx()))
    errors = list(Draft7Validator(schemas["bom-1.6"], registry=others).iter_errors(bill))
    assert errors == []


def test_package_urls_are_read_by_the_library_for_them(found: PackageList) -> None:
    bill: Any = found.cyclonedx()
    for one in [bill["metadata"]["component"], *bill["components"][1:]]:
        read = PackageURL.from_string(one["purl"])
        assert PackageURL.from_string(read.to_string()) == read
        if one.get("version") and read.type != "oci":
            assert read.version == one["version"]


def test_names_inside_a_cyclonedx_document_are_there_once_and_all_are_depended_on(found: PackageList) -> None:
    bill: Any = found.cyclonedx()
    refs = [one["bom-ref"] for one in bill["components"]]
    assert len(set(refs)) == len(refs) == 6
    assert bill["dependencies"] == [{"ref": bill["metadata"]["component"]["bom-ref"], "dependsOn": refs}]


def test_spdx_describes_the_image_which_contains_the_rest(found: PackageList) -> None:
    bill: Any = found.spdx()
    assert (bill["spdxVersion"], bill["dataLicense"], bill["SPDXID"]) == ("SPDX-2.3", "CC0-1.0", "SPDXRef-DOCUMENT")
    ids = [one["SPDXID"] for one in bill["packages"]]
    assert len(set(ids)) == len(ids) == 7
    assert all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", one) for one in ids)
    relations = {
        (one["spdxElementId"], one["relationshipType"], one["relatedSpdxElement"]) for one in bill["relationships"]
    }
    assert relations == {("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Image")} | {
        ("SPDXRef-Image", "CONTAINS", one) for one in ids[1:]
    }
    assert bill["packages"][0]["checksums"] == [{"algorithm": "SHA256", "checksumValue": found.image.digest.hex}]
    assert re.fullmatch(r"https://spdx.org/spdxdocs/[^#\s]+", bill["documentNamespace"])


def test_words_that_are_no_licence_expression_are_extracted_texts(found: PackageList) -> None:
    bill: Any = found.spdx()
    declared = {one["name"]: one["licenseDeclared"] for one in bill["packages"]}
    assert (declared["@s/b"], declared["a"]) == ("ISC", "NOASSERTION")
    extracted = {one["licenseId"]: one["extractedText"] for one in bill["hasExtractedLicensingInfos"]}
    assert extracted[declared["c"]] == "my own words"
    assert all(re.fullmatch(r"LicenseRef-[A-Za-z0-9.-]+", one) for one in extracted)


def test_the_image_s_package_url_tells_no_path_of_a_machine(found: PackageList) -> None:
    image_there = replace(found.image, reference="oci:/home/someone/images/App:1")
    assert image_purl(replace(found, image=image_there)) == f"pkg:oci/app@{found.image.digest}"


def test_the_same_image_gives_the_same_document(found: PackageList) -> None:
    again = ask()
    for first, second in ((found.cyclonedx(), again.cyclonedx()), (found.spdx(), again.spdx())):
        one, two = (re.sub(r"127\.0\.0\.1(%3A|:)\d+", "HOST", json.dumps(bill)) for bill in (first, second))
        assert one == two


def test_another_list_of_the_same_image_is_another_document(found: PackageList) -> None:
    assert ask(kinds=["deb"]).cyclonedx()["serialNumber"] != found.cyclonedx()["serialNumber"]


@pytest.mark.parametrize(
    ("created", "time"),
    [
        ("", "2024-01-01T00:00:00Z"),
        ("2020-02-03T04:05:06.789+02:00", "2020-02-03T02:05:06Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("no time", "2024-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00+14:00", "2024-01-01T00:00:00Z"),
        (from_epoch("86400"), "1970-01-02T00:00:00Z"),
    ],
)
def test_the_time_is_the_one_given_else_the_image_s(found: PackageList, created: str, time: str) -> None:
    cyclonedx: Any = found.cyclonedx(created=created)
    spdx: Any = found.spdx(created=created)
    assert cyclonedx["metadata"]["timestamp"] == spdx["creationInfo"]["created"] == time


@pytest.mark.parametrize("text", ["now", "1e9", str(10**30)])
def test_a_time_that_counts_no_seconds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        from_epoch(text)


@pytest.mark.parametrize(
    "text",
    [
        *sorted(IDENTIFIERS),
        "mit and (apache-2.0 OR gpl-2.0-only with classpath-exception-2.0)",
        "BSD-3-Clause+",
        "GPLv2+",
        "MIT BSD",
        "(MIT",
        "MIT)",
        "AND MIT",
        "MIT OR",
        "MIT WITH MIT",
        "()",
        "LicenseRef-a.b-1",
    ],
)
def test_an_expression_is_what_the_packaging_library_takes_for_one(text: str) -> None:
    try:
        expected = str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        expected = ""
    assert expression(text) == expected
