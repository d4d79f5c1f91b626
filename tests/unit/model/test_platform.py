from __future__ import annotations

import pytest

from orlop.errors import InvalidManifestError, InvalidPlatformError
from orlop.model import localplatform
from orlop.model.platform import Platform, PlatformSelector, choose

P = Platform.parse
S = PlatformSelector.parse


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("linux/amd64", "linux/amd64"),
        ("Linux/X86_64", "linux/amd64"),
        ("linux/x86-64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("linux/aarch64", "linux/arm64/v8"),
        ("linux/arm64", "linux/arm64/v8"),
        ("linux/arm64/8", "linux/arm64/v8"),
        ("linux/arm64/v8.0", "linux/arm64/v8"),
        ("linux/arm64/9", "linux/arm64/v9"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/7", "linux/arm/v7"),
        ("linux/arm/6", "linux/arm/v6"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("linux/i386", "linux/386"),
        ("macos/arm64", "darwin/arm64/v8"),
        ("windows(10.0.17763.1)/amd64", "windows(10.0.17763.1)/amd64"),
        ("windows(10.0.17763+win32k)/amd64", "windows(10.0.17763+win32k)/amd64"),
        ("windows(+b+a+b)/amd64", "windows(+a+b)/amd64"),
        ("linux(a%2Bb%2f)/amd64", "linux(a%2Bb%2F)/amd64"),
        ("linux/unheard-of/x.1", "linux/unheard-of/x.1"),
    ],
)
def test_a_platform_has_one_canonical_text(text: str, canonical: str) -> None:
    assert str(P(text)) == canonical
    assert P(canonical) == P(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "linux",
        "linux/",
        "/amd64",
        "linux//v7",
        "linux/arm/",
        "linux/arm/v7/x",
        "linux/*",
        "li nux/amd64",
        "linux/amd64\n",
        "windows(/amd64",
        "windows(1)(2)/amd64",
        "windows(1)x/amd64",
        "windows(1+)/amd64",
        "windows(%zz)/amd64",
        "windows(%ff)/amd64",
        "windows(%2)/amd64",
        "(1)/amd64",
        "linux/\u00e4",
        "linux/arm/v7(1)",
    ],
)
def test_a_malformed_platform_is_refused(text: str) -> None:
    with pytest.raises(InvalidPlatformError):
        P(text)


def test_a_platform_is_read_from_and_written_as_an_index_entry_has_it() -> None:
    value = {"architecture": "amd64", "os": "windows", "os.version": "10.0.1", "os.features": ["win32k"]}

    platform = Platform.from_json(value)

    assert platform == P("windows(10.0.1+win32k)/amd64")
    assert platform.to_json() == value


def test_a_missing_os_or_architecture_is_unknown() -> None:
    assert Platform.from_json({"architecture": "arm", "os": "", "variant": None}) == Platform("unknown", "arm", "v7")
    assert Platform.from_json({}).is_unknown


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "linux/amd64",
        {"os": 1, "architecture": "amd64"},
        {"os": "linux", "architecture": ["amd64"]},
        {"os": "linux", "architecture": "amd64", "os.features": "x"},
        {"os": "linux", "architecture": "amd64", "os.features": [1]},
        {"os": "linux\x1b[31m", "architecture": "amd64"},
        {"os": "linux", "architecture": "amd64", "variant": "../x"},
    ],
)
def test_what_is_no_platform_object_is_refused(value: object) -> None:
    with pytest.raises(InvalidManifestError):
        Platform.from_json(value)


def test_a_version_with_odd_characters_is_escaped_in_the_text() -> None:
    platform = Platform("linux", "amd64", "", "a b/(\x1b\u00e4", ("x+y",))

    assert str(platform) == "linux(a%20b%2F%28%1B%C3%A4+x%2By)/amd64"
    assert P(str(platform)) == platform


def picked(wish: PlatformSelector, *there: str | None) -> list[str | None]:
    return [there[index] for index in choose(wish, [P(text) if text else None for text in there])]


@pytest.mark.parametrize(
    ("wish", "there", "best"),
    [
        ("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"], ["linux/arm/v7"]),
        ("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6"], ["linux/arm/v6"]),
        ("linux/arm/v7", ["linux/arm/v5"], ["linux/arm/v5"]),
        ("linux/arm/v7", ["linux/arm/v8", "linux/arm64"], []),
        ("linux/arm/v6", ["linux/arm/v7", "linux/arm/v5"], ["linux/arm/v5"]),
        ("linux/arm/v8", ["linux/arm/v6", "linux/arm/v7"], ["linux/arm/v7"]),
        ("linux/arm", ["linux/arm/v6", "linux/arm/v7"], ["linux/arm/v7"]),
        ("arm", ["linux/arm/v6", "linux/arm/v7"], ["linux/arm/v7"]),
        ("linux/arm64", ["linux/arm64", "linux/arm64/v9"], ["linux/arm64"]),
        ("linux/arm64/v9", ["linux/arm64/v8", "linux/arm64/v8.5", "linux/arm64/v8.6"], ["linux/arm64/v8.5"]),
        ("linux/arm64/v8.2", ["linux/arm64", "linux/arm64/v8.1", "linux/arm64/v8.3"], ["linux/arm64/v8.1"]),
        ("linux/arm64", ["linux/arm/v7"], []),
        ("linux/amd64", ["linux/386"], []),
        ("linux/amd64", ["linux/amd64/v3", "linux/amd64", "linux/amd64/v2"], ["linux/amd64"]),
        ("linux/amd64", ["linux/amd64/v3", "linux/amd64/v2"], ["linux/amd64/v2"]),
        ("linux/amd64/v3", ["linux/amd64", "linux/amd64/v2", "linux/amd64/v4"], ["linux/amd64/v2"]),
        ("linux/amd64/v2", ["linux/amd64/v3"], []),
        ("linux/amd64", ["linux/arm64", "windows/amd64"], []),
        ("linux", ["linux/arm64", "linux/amd64", "windows/amd64"], ["linux/arm64", "linux/amd64"]),
        ("amd64", ["linux/arm64", "linux/amd64", "windows/amd64"], ["linux/amd64", "windows/amd64"]),
        ("linux/amd64", ["linux/amd64", "linux/amd64"], ["linux/amd64", "linux/amd64"]),
    ],
)
def test_the_closest_variant_is_chosen(wish: str, there: list[str], best: list[str]) -> None:
    assert picked(S(wish), *there) == best


WIN = [f"windows(10.0.{build})/amd64" for build in ("17763.4377", "17763.9", "17763.10", "20348.1787")]


@pytest.mark.parametrize(
    ("wish", "best"),
    [
        ("windows(10.0.17763.10)/amd64", [WIN[2]]),
        ("windows(10.0.17763.11)/amd64", [WIN[0]]),
        ("windows(10.0.17763)/amd64", [WIN[0]]),
        ("windows(10.0.20348.1)/amd64", [WIN[3]]),
        ("windows(10.0.20349)/amd64", []),
        ("windows(10.0)/amd64", [WIN[0]]),
        ("windows(ltsc)/amd64", []),
        ("windows/amd64", WIN),
    ],
)
def test_a_windows_version_is_that_of_the_build(wish: str, best: list[str]) -> None:
    assert picked(S(wish), *WIN) == best


def test_a_windows_image_without_a_version_is_the_last_choice() -> None:
    assert picked(S("windows(10.0.1)/amd64"), "windows/amd64") == ["windows/amd64"]
    assert picked(S("windows(10.0.1)/amd64"), "windows/amd64", "windows(10.0.1.7)/amd64") == ["windows(10.0.1.7)/amd64"]


def test_the_version_of_another_system_has_to_be_the_same() -> None:
    assert picked(S("freebsd(14.1)/amd64"), "freebsd(14.2)/amd64", "freebsd(14.1)/amd64") == ["freebsd(14.1)/amd64"]


def test_features_that_are_asked_for_may_be_used_and_the_most_is_best() -> None:
    there = ["windows/amd64", "windows(+win32k)/amd64", "windows(+other)/amd64"]

    assert picked(S("windows(+win32k)/amd64"), *there) == ["windows(+win32k)/amd64"]
    assert picked(S("windows/amd64"), *there) == ["windows/amd64"]


def test_an_empty_field_does_not_restrict() -> None:
    there = ["linux/arm/v6", "linux/arm/v7", "linux/amd64", "windows/amd64"]

    assert picked(PlatformSelector(architecture="arm"), *there) == there[:2]
    assert picked(PlatformSelector(os="windows"), *there) == there[3:]
    assert picked(PlatformSelector(variant="v6"), *there) == there[:1]
    assert picked(PlatformSelector(os_version="10.0.1"), "linux/amd64", "windows(10.0.1.5)/amd64") == [
        "windows(10.0.1.5)/amd64"
    ]


def test_a_wish_knows_the_aliases_too() -> None:
    assert PlatformSelector(os="macOS", architecture="x86_64") == PlatformSelector("darwin", "amd64")
    assert PlatformSelector(architecture="armel") == PlatformSelector(architecture="arm", variant="v6")


def test_attestations_and_entries_without_a_platform_are_never_chosen_for_a_wish() -> None:
    assert picked(S("linux/amd64"), "linux/amd64", "unknown/unknown", None) == ["linux/amd64"]
    assert picked(S("linux"), "unknown/unknown", None) == []


def test_a_wish_for_nothing_leaves_everything_but_attestations() -> None:
    assert choose(PlatformSelector(), [P("linux/amd64"), P("unknown/unknown"), None, P("windows(+x)/amd64")]) == [
        0,
        2,
        3,
    ]


@pytest.mark.parametrize("text", ["", "solariss", "linux/", "*", "amd64(1)", "amd64/linux/x/y", "linux amd64"])
def test_a_wish_that_names_nothing_known_is_refused(text: str) -> None:
    with pytest.raises(InvalidPlatformError):
        S(text)


def test_a_wish_prints_with_stars_for_what_it_leaves_open() -> None:
    assert str(PlatformSelector(architecture="arm64")) == "*/arm64"
    assert str(PlatformSelector(os="linux")) == "linux"
    assert str(S("linux/arm")) == "linux/arm/v7"


def test_an_invalid_field_of_a_wish_is_refused() -> None:
    with pytest.raises(InvalidPlatformError):
        PlatformSelector(architecture="amd64/v2")


@pytest.mark.parametrize(
    ("machine", "wide", "text"),
    [
        ("x86_64", True, "linux/amd64"),
        ("x86_64", False, "linux/386"),
        ("i686", False, "linux/386"),
        ("aarch64", True, "linux/arm64/v8"),
        ("aarch64", False, "linux/arm/v7"),
        ("armv7l", False, "linux/arm/v7"),
        ("armv6l", False, "linux/arm/v6"),
        ("armv8l", False, "linux/arm/v8"),
        ("ppc64le", True, "linux/ppc64le"),
        ("loongarch64", True, "linux/loong64"),
        ("riscv64", True, "linux/riscv64"),
    ],
)
def test_the_local_platform_is_told_from_the_kernels_words(machine: str, wide: bool, text: str) -> None:
    assert str(localplatform.of("linux", machine, "", wide=wide)) == text


def test_the_local_platform_is_one() -> None:
    assert P(str(Platform.local())) == Platform.local()
