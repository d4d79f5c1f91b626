"""What a tag says: a release, a pre-release, variants, a build; or nothing that can be ordered.

The grammar is that of rules T1 and T4 to T7 of the up-to-date check (docs/guide/freshness.md): ``[prefix][release][pre][tail]``,
where the tail is tokens between ``-`` and ``_``, each a word with perhaps a version: ``7.0.1-alpine3.17`` is release 7.0.1
and the variant alpine 3.17. Tags are compared inside one family only (``families``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

VERSION, CALENDAR, NAMED, FLOATING, OPAQUE = "version", "calendar", "named", "floating", "opaque"

FLOATING_WORDS = frozenset(
    [
        "latest",
        "stable",
        "edge",
        "lts",
        "rolling",
        "main",
        "master",
        "nightly",
        "current",
        "mainline",
        "devel",
        "develop",
        "dev",
        "testing",
        "unstable",
        "sid",
    ]
)
_PRE = {
    word: rank
    for rank, words in enumerate(
        (
            ("dev", "snapshot", "nightly", "canary"),
            ("alpha", "a"),
            ("beta", "b"),
            ("m",),
            ("pre", "preview", "ea"),
            ("rc", "c"),
        )
    )
    for word in words
}
_LETTERS = frozenset("abcm")
_NEEDS_NUMBER = _LETTERS | {"dev"}
_BUILDS = frozenset({"r", "ls", "build", "bld", "rev", "p"})
# Names that hold digits and mean a machine or a Windows release: they have to be equal, they are not versions.
_WHOLE = re.compile(
    r"(?:amd64|arm64v8|arm64|arm32v[567]|armhf|armv[5678]l?|i386|386|s390x|ppc64le|ppc64el|ppc64|mips64le|riscv64|x86_64|x64|x86"
    r"|aarch64|loong64|ltsc[0-9]{4}|win[0-9]+)\Z"
)
_WINDOWS = frozenset({"nanoserver", "windowsservercore", "windowsserver", "windows"})
# By release date: an order of code names, which are the versions of a distribution.
_CODENAMES = {
    "debian": (
        [
            "lenny",
            "squeeze",
            "wheezy",
            "jessie",
            "stretch",
            "buster",
            "bullseye",
            "bookworm",
            "trixie",
            "forky",
            "duke",
        ],
        (5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    ),
    "ubuntu": (
        [
            "lucid",
            "maverick",
            "natty",
            "oneiric",
            "precise",
            "quantal",
            "raring",
            "saucy",
            "trusty",
            "utopic",
            "vivid",
            "wily",
            "xenial",
            "yakkety",
            "zesty",
            "artful",
            "bionic",
            "cosmic",
            "disco",
            "eoan",
            "focal",
            "groovy",
            "hirsute",
            "impish",
            "jammy",
            "kinetic",
            "lunar",
            "mantic",
            "noble",
            "oracular",
            "plucky",
            "questing",
            "resolute",
        ],
        tuple((year, month) for year in range(10, 27) for month in (4, 10))[:33],
    ),
}
CODENAMES: dict[str, tuple[str, tuple[int, ...]]] = {
    name: (distribution, version if isinstance(version, tuple) else (version,))
    for distribution, (names, versions) in _CODENAMES.items()
    for name, version in zip(names, versions, strict=True)
}
"""Code name to (distribution, version)."""

_HEAD = re.compile(
    r"(?P<prefix>release-|RELEASE\.|[vV]|[a-zA-Z]+[-_]?)?(?P<release>[0-9]+(?:\.[0-9]+){0,3})(?=[^0-9.]|\.[^0-9]|\Z)"
)
_STAMP = re.compile(r"RELEASE\.([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2})-([0-9]{2})-([0-9]{2})Z\Z")
_RIGHT_AFTER = re.compile(r"[.]?([a-zA-Z]+)\.?([0-9]*)")
_TOKEN = re.compile(r"([A-Za-z]+)(.*)\Z")
_NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+)*\Z")
_HEX = re.compile(r"(?=[0-9a-f]*[a-f])[0-9a-f]{7,40}\Z")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_DATE = re.compile(r"(20[0-9]{2})(0[1-9]|1[0-2])([0-2][0-9]|3[01])(?:\.([0-9]{1,4}))?\Z")


class Token(NamedTuple):
    """One part of a tag's tail. name: what has to be equal. version: what is compared; empty for none."""

    name: str
    version: tuple[int, ...] = ()
    text: str = ""


class TagName(NamedTuple):
    """A tag, read. kind: one of the five above. pre: (rank, number) of a pre-release. build: counters and dates, the last tie break."""

    text: str
    kind: str
    prefix: str = ""
    release: tuple[int, ...] = ()
    pre: tuple[int, ...] = ()
    tail: tuple[Token, ...] = ()
    build: tuple[int, ...] = ()
    built: tuple[str, ...] = ()

    @property
    def ordered(self) -> bool:
        """Whether it can be compared with others of its family."""
        return self.kind in {VERSION, CALENDAR, NAMED}

    @property
    def family(self) -> tuple[object, ...]:
        """What two tags share that may be compared (T1, T3, T6): prefix, precision, names of the tail."""
        form = len(str(self.release[0])) if self.kind == CALENDAR and self.release else 0
        tokens = tuple((token.name, bool(token.version)) for token in self.tail)
        return self.kind, self.prefix, len(self.release), form, tokens, self.built

    @property
    def order(self) -> tuple[object, ...]:
        """What to sort tags of one family by (T2): release, pre-releases before it, variants left to right, build."""
        return (
            self.release,
            (0, *self.pre) if self.pre else (1,),
            tuple(token.version for token in self.tail),
            self.build,
        )

    @property
    def variants(self) -> tuple[tuple[int, ...], ...]:
        """The versions of the tail, left to right."""
        return tuple(token.version for token in self.tail)

    @property
    def line(self) -> tuple[int, ...]:
        """The line of releases it belongs to (T3): all parts but the last."""
        return self.release[:-1]


@lru_cache(maxsize=65536)
def read_tag(text: str) -> TagName:
    """Return what a tag says. Every text has an answer; what cannot be ordered is ``opaque``."""
    lowered = text.lower()
    if lowered in FLOATING_WORDS or lowered in CODENAMES:
        return TagName(text, FLOATING)
    if _HEX.match(lowered) or _UUID.match(lowered):
        return TagName(text, OPAQUE)
    stamp = _STAMP.match(text)
    if stamp is not None:
        return TagName(text, CALENDAR, "RELEASE.", tuple(int(part) for part in stamp.groups()))
    head = _HEAD.match(text)
    prefix = head["prefix"] if head else None
    if head is not None and (not prefix or prefix in {"v", "V", "release-", "RELEASE."}):
        return _numbered(text, (prefix or "").lower(), head["release"], text[head.end() :])
    if head is None or not prefix or prefix.rstrip("-_").lower() in CODENAMES:
        return _without_release(text)
    if "." not in head["release"]:
        return TagName(text, OPAQUE)  # a word with a counter: master-6140, pr-17
    return _numbered(text, prefix.lower(), head["release"], text[head.end() :])


def _numbered(text: str, prefix: str, number: str, rest: str) -> TagName:
    release = tuple(int(part) for part in number.split("."))
    stamp = _DATE.match(number)
    calendar = stamp is not None or _is_calendar(release)
    pre, rest = _pre_right_after(rest)
    tail, build, built, later_pre = _tail(rest)
    kind = CALENDAR if calendar else VERSION
    return TagName(text, kind, prefix, release, pre or later_pre, tail, build, built)


def _is_calendar(release: tuple[int, ...]) -> bool:
    """Rule T6: 2000 to 2099 alone, or followed by a month."""
    return 2000 <= release[0] <= 2099 and (len(release) == 1 or 1 <= release[1] <= 12)


def _pre_right_after(rest: str) -> tuple[tuple[int, ...], str]:
    """Return a pre-release that stands right after the release (3.13.0a1, 9.0.0rc2), and what follows it."""
    found = _RIGHT_AFTER.match(rest)
    if found is None or rest[0] in "-_":
        return (), rest
    word, number = found[1].lower(), found[2]
    following = rest[found.end() :]
    if word in _PRE and (number or word not in _NEEDS_NUMBER) and (not following or following[0] in "-_."):
        return (_PRE[word], int(number or 0)), following
    return (), rest


def _tail(rest: str) -> tuple[tuple[Token, ...], tuple[int, ...], tuple[str, ...], tuple[int, ...]]:
    """Return tokens, build numbers, the names of the build counters, and a pre-release among them."""
    tokens: list[Token] = []
    build: list[int] = []
    built: list[str] = []
    pre: tuple[int, ...] = ()
    for part in _parts(rest):
        lowered = part.lower()
        date = _DATE.match(lowered)
        if date is not None:
            build += [int("".join(date.groups()[:3])), int(date[4] or 0)]
            built.append("date")
        elif _NUMBERS.match(lowered):
            numbers = tuple(int(one) for one in lowered.split("."))
            pre = _counted(numbers, tokens, build, built, pre)
        elif (early := _pre_token(lowered)) and not pre:
            pre = early
        else:
            _add(lowered, part, tokens, build, built)
    return tuple(tokens), tuple(build), tuple(built), pre


def _parts(rest: str) -> list[str]:
    """Return the tail's parts; ``x86_64`` is one."""
    return [
        part.replace("\0", "_") for part in re.split(r"[-_+]", rest.replace("x86_64", "x86\x0064")) if part.strip(".")
    ]


def _counted(
    numbers: tuple[int, ...], tokens: list[Token], build: list[int], built: list[str], pre: tuple[int, ...]
) -> tuple[int, ...]:
    """Give a lone number to the token before it (T1), or count it as a build; return the pre-release as it is then."""
    if pre and len(pre) == 2 and pre[1] == 0 and not tokens:
        return (pre[0], *numbers)
    if tokens and not build:
        last = tokens[-1]
        if last.name.partition(" ")[0] in _WINDOWS:
            # A Windows build is another system, not a version of the variant (T1, T5).
            tokens[-1] = Token(f"{last.name} {'.'.join(map(str, numbers))}", (), last.text)
            return pre
        if not _WHOLE.match(last.name):
            tokens[-1] = last._replace(version=(*last.version, *numbers))
            return pre
    build += numbers
    built.append("number")
    return pre


def _pre_token(lowered: str) -> tuple[int, ...]:
    """Return the pre-release that a whole token is: ``rc1``, ``preview.5``, ``alpha``; empty for none."""
    found = re.match(r"([a-z]+)\.?([0-9]*(?:\.[0-9]+)*)\Z", lowered)
    if found is None or found[1] not in _PRE or (found[1] in _NEEDS_NUMBER and not found[2]):
        return ()
    numbers = tuple(int(one) for one in found[2].split(".") if one)
    return (_PRE[found[1]], *(numbers or (0,)))


def _add(lowered: str, part: str, tokens: list[Token], build: list[int], built: list[str]) -> None:
    if lowered in CODENAMES:
        distribution, version = CODENAMES[lowered]
        tokens.append(Token(f"{distribution}:", version, part))
        return
    found = _TOKEN.match(lowered)
    if found is None or _WHOLE.match(lowered):
        tokens.append(Token(lowered, (), part))
        return
    word, number = found[1], found[2].lstrip(".")
    if not number:
        tokens.append(Token(word, (), part))
    elif not _NUMBERS.match(number):
        tokens.append(Token(lowered, (), part))
    elif word in _BUILDS:
        build += [int(one) for one in number.split(".")]
        built.append(word)
    else:
        tokens.append(Token(word, tuple(int(one) for one in number.split(".")), part))


def _without_release(text: str) -> TagName:
    """Read a tag that begins with a word: ``bookworm-20240110-slim`` is ordered by its code name and its build."""
    first = re.split(r"[-_]", text, maxsplit=1)[0].lower()
    if first not in CODENAMES:
        return TagName(text, FLOATING if first in FLOATING_WORDS else OPAQUE)
    tail, build, built, pre = _tail(text)
    return TagName(text, NAMED if build else FLOATING, "", (), pre, tail, build, built)
