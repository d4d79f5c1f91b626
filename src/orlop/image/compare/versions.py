"""The order of versions as each kind of package counts it. Pure functions: below 0, 0 or above 0, for any two texts."""

from __future__ import annotations

import re
from functools import cmp_to_key
from typing import TYPE_CHECKING

from orlop.layer.packages.package import APK, DEB, GOLANG, MAVEN, NPM, PYPI, RPM
from orlop.model.versions import version_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from orlop.layer.packages.package import Package

_DIGITS = "0123456789"


def compare_versions(kind: str, one: str, other: str) -> int:
    """Return the order of two versions of a kind of package."""
    return _COMPARE.get(kind, natural)(one, other)


def by_version(packages: Iterable[Package]) -> list[Package]:
    """Return packages of one kind with the lowest version first."""

    def order(one: Package, other: Package) -> int:
        return compare_versions(one.kind, one.version, other.version)

    return sorted(packages, key=cmp_to_key(order))


def dpkg(one: str, other: str) -> int:
    """Return the order of two of Debian's versions. Rule: deb-version(7), and verrevcmp of dpkg's lib/dpkg/version.c."""
    left, right = _debian_parts(one), _debian_parts(other)
    return _number(left[0], right[0]) or _verrevcmp(left[1], right[1]) or _verrevcmp(left[2], right[2])


def _debian_parts(version: str) -> tuple[str, str, str]:
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    return epoch, upstream if dash else rest, revision if dash else "0"


def _verrevcmp(one: str, other: str) -> int:
    at, there = 0, 0
    while at < len(one) or there < len(other):
        while (at < len(one) and one[at] not in _DIGITS) or (there < len(other) and other[there] not in _DIGITS):
            order = _weight(one[at : at + 1]) - _weight(other[there : there + 1])
            if order:
                return order
            at += 1
            there += 1
        left, right = _digits(one, at), _digits(other, there)
        if order := _number(left, right):
            return order
        at += len(left)
        there += len(right)
    return 0


def _weight(char: str) -> int:
    """Return where a character comes: ``~`` before the end, the end and digits, letters, all else."""
    if char == "~":
        return -1
    if not char or char in _DIGITS:
        return 0
    return ord(char) if char.isascii() and char.isalpha() else ord(char) + 0x110000


def rpm(one: str, other: str) -> int:
    """Return the order of two of rpm's ``[epoch:]version-release``. Rule: rpm-version(7), rpmio/rpmvercmp.cc."""
    left, right = _rpm_parts(one), _rpm_parts(other)
    return _number(left[0], right[0]) or _rpmvercmp(left[1], right[1]) or _rpmvercmp(left[2], right[2])


def _rpm_parts(version: str) -> tuple[str, str, str]:
    epoch, colon, rest = version.partition(":")
    if not colon or not epoch.isdecimal():
        epoch, rest = "0", version
    name, dash, release = rest.rpartition("-")
    return (epoch, name, release) if dash else (epoch, rest, "")


_RPM_TOKEN = re.compile(r"[~^]|[0-9]+|[A-Za-z]+")


def _rpmvercmp(one: str, other: str) -> int:
    left, right = _RPM_TOKEN.findall(one), _RPM_TOKEN.findall(other)
    for a, b in zip([*left, ""], [*right, ""], strict=False):
        if a == b:
            if not a:
                return 0
            continue
        for char, sign in (("~", -1), ("^", 1)):
            # A caret is newer than the end, and older than anything else that goes on.
            if a == char:
                return sign if char == "~" or not b else -1
            if b == char:
                return -sign if char == "~" or not a else 1
        if not a or not b:
            return 1 if a else -1
        numeric = a[0] in _DIGITS, b[0] in _DIGITS
        if numeric[0] != numeric[1]:
            return 1 if numeric[0] else -1
        order = _number(a, b) if numeric[0] else (1 if a > b else -1)
        if order:
            return order
    return len(left) - len(right)


_APK = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]+)*)(?P<letter>[a-z]?)(?P<suffixes>(?:_[a-z]+[0-9]*)*)(?:~(?P<hash>[0-9a-f]+))?(?:-r(?P<revision>[0-9]+))?\Z"
)
_APK_SUFFIX = re.compile(r"_([a-z]+)([0-9]*)")
_APK_BEFORE = {name: rank for rank, name in enumerate(("alpha", "beta", "pre", "rc"), -4)}
_APK_AFTER = {name: rank for rank, name in enumerate(("cvs", "svn", "git", "hg", "p"), 1)}


def apk(one: str, other: str) -> int:
    """Return the order of two of Alpine's versions. Rule: apk-package(5), apk-tools' src/version.c.

    What is no version by that rule comes in the order of ``natural``, before those that are.
    """
    left, right = _APK.match(one), _APK.match(other)
    if left is None or right is None:
        return natural(one, other) if left is right else (1 if left is not None else -1)
    numbers = left["number"].split("."), right["number"].split(".")
    for at, (a, b) in enumerate(zip(*numbers, strict=False)):
        # Past the first number a leading zero makes it a fraction: 1.05 is before 1.1.
        fraction = at and (a[0] == "0" or b[0] == "0")
        order = ((a > b) - (a < b)) if fraction else _number(a, b)
        if order:
            return order
    if order := len(numbers[0]) - len(numbers[1]):
        return order
    if left["letter"] != right["letter"]:
        return 1 if left["letter"] > right["letter"] else -1
    suffixes = _apk_suffixes(left["suffixes"]), _apk_suffixes(right["suffixes"])
    for at in range(max(map(len, suffixes))):
        (a, number), (b, count) = (side[at] if at < len(side) else (0, "") for side in suffixes)
        if order := (a > b) - (a < b) or _number(number, count):
            return order
    order = ((left["hash"] or "") > (right["hash"] or "")) - ((left["hash"] or "") < (right["hash"] or ""))
    if order or left["revision"] is None or right["revision"] is None:
        return order or (right["revision"] is None) - (left["revision"] is None)
    return _number(left["revision"], right["revision"])


def _apk_suffixes(text: str) -> list[tuple[int, str]]:
    return [
        (_APK_BEFORE.get(name, _APK_AFTER.get(name, len(_APK_AFTER) + 1)), number)
        for name, number in _APK_SUFFIX.findall(text)
    ]


_PEP440 = re.compile(
    r"v?(?:(?P<epoch>[0-9]+)!)?(?P<release>[0-9]+(?:\.[0-9]+)*)"
    r"(?:[-_.]?(?P<pre>alpha|beta|preview|pre|a|b|c|rc)[-_.]?(?P<pre_n>[0-9]*))?"
    r"(?P<post>-(?P<post_n1>[0-9]+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_n2>[0-9]*))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_n>[0-9]*))?(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?\Z"
)
_PRE = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}


def pypi(one: str, other: str) -> int:
    """Return the order of two of Python's versions; others in the order of ``natural``, before them. Rule: PEP 440."""
    left, right = _python_key(one), _python_key(other)
    if left is None or right is None:
        return natural(one, other) if left is right else (1 if left is not None else -1)
    return (left > right) - (left < right)


def _python_key(version: str) -> tuple[object, ...] | None:
    match = _PEP440.match(version.strip().lower())
    if match is None:
        return None
    release = [_sortable(part) for part in match["release"].split(".")]
    while release and release[-1] == (0, ""):
        release.pop()
    dev, post = match["dev"] is not None, match["post"] is not None
    if match["pre"] is not None:
        pre: tuple[object, ...] = (1, _PRE[match["pre"]], _sortable(match["pre_n"]))
    else:
        # A development release of the release itself comes before its alphas.
        pre = (0, 0, (0, "")) if dev and not post else (2, 0, (0, ""))
    after = (1, _sortable(match["post_n1"] or match["post_n2"] or "")) if post else (0, (0, ""))
    before = (0, _sortable(match["dev_n"] or "")) if dev else (1, (0, ""))
    local = [
        (1, _sortable(part), "") if part.isdecimal() else (0, (0, ""), part)
        for part in re.split(r"[-_.]", match["local"] or "")
        if part
    ]
    return (_sortable(match["epoch"] or ""), release, pre, after, before, local)


_SEMVER = re.compile(r"[vV=]?([0-9]+(?:\.[0-9]+)*)(?:-([0-9A-Za-z.-]+))?(?:\+.*)?\Z", re.DOTALL)


def semver(one: str, other: str) -> int:
    """Return the order of two semantic versions, npm's and Go's; others as ``natural``, before them. Rule: SemVer 2.0.0, 11."""
    left, right = _SEMVER.match(one), _SEMVER.match(other)
    if left is None or right is None:
        return natural(one, other) if left is right else (1 if left is not None else -1)
    numbers = [[_sortable(part) for part in match[1].split(".")] for match in (left, right)]
    for side in numbers:
        side += [(0, "")] * (max(map(len, numbers)) - len(side))
    if numbers[0] != numbers[1]:
        return 1 if numbers[0] > numbers[1] else -1
    before = [left[2], right[2]]
    if None in before:
        return (before[0] is None) - (before[1] is None)
    parts = [
        [(0, _sortable(part), "") if part.isdecimal() else (1, (0, ""), part) for part in str(text).split(".")]
        for text in before
    ]
    return (parts[0] > parts[1]) - (parts[0] < parts[1])


def natural(one: str, other: str) -> int:
    """Return the order in which numbers count as numbers and pre-releases come first; equal only for equal texts."""
    left, right = version_key(one), version_key(other)
    return (left > right) - (left < right)


def _digits(text: str, at: int) -> str:
    end = at
    while end < len(text) and text[end] in _DIGITS:
        end += 1
    return text[at:end]


def _sortable(digits: str) -> tuple[int, str]:
    """Return a number of any length as something to sort by: no text is turned into a number that takes for ever."""
    bare = digits.lstrip("0")
    return len(bare), bare


def _number(one: str, other: str) -> int:
    left, right = _sortable(one), _sortable(other)
    return (left > right) - (left < right)


_COMPARE: dict[str, Callable[[str, str], int]] = {
    DEB: dpkg,
    RPM: rpm,
    APK: apk,
    PYPI: pypi,
    NPM: semver,
    GOLANG: semver,
    MAVEN: natural,
}
