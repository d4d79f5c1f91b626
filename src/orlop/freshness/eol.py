"""Until when a distribution or a runtime is maintained: rules L1, L2 and L4 of the up-to-date check. Pure, but for one file of our own.

The package brings a dated table of facts; ``read_table`` takes a newer one in endoflife.date's JSON. What is not in the
data is unknown, never at its end.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from orlop.errors import ConfigError
from orlop.freshness.tags import CODENAMES, read_tag

if TYPE_CHECKING:
    from collections.abc import Mapping

State = Literal["supported", "lts-only", "paid-only", "eol", "rolling", "unknown"]
SUPPORTED: State = "supported"
LTS_ONLY: State = "lts-only"
PAID_ONLY: State = "paid-only"
ENDED: State = "eol"
ROLLING: State = "rolling"
UNKNOWN: State = "unknown"

MCR_LIFECYCLE = "application/vnd.microsoft.artifact.lifecycle"
"""Artifact type of the referrer by which MCR says that an image's end has come (L3)."""
MCR_END = "vnd.microsoft.artifact.lifecycle.end-of-life.date"

OLD_DAYS = 180
"""A table older than so many days is warned of (L4)."""
TABLE_LIMIT = 16 * 1024 * 1024

# os-release IDs and image names that mean a product of the table.
_ALIASES = {
    "redhat": "rhel",
    "ubi8": "rhel",
    "ubi9": "rhel",
    "alma": "almalinux",
    "rockylinux": "rocky",
    "oraclelinux": "ol",
    "amazonlinux": "amzn",
    "sle": "sles",
    "sled": "sles",
    "suse": "sles",
    "postgresql": "postgres",
    "nodejs": "node",
    "go": "golang",
    "archlinux": "arch",
    "temurin": "eclipse-temurin",
    "java": "eclipse-temurin",
    "openjdk": "eclipse-temurin",
}
# What a repository of .NET is called says nothing of its product: aspnet, runtime, runtime-deps, sdk.
_DOTNET = frozenset({"aspnet", "runtime", "runtime-deps", "sdk", "monitor"})


class Cycle(NamedTuple):
    """One release line. Dates are the last day of each kind of support; None where there is none or it is not known."""

    name: str
    codename: str = ""
    eol: dt.date | None = None
    lts: dt.date | None = None
    paid: dt.date | None = None
    open_ended: bool = False


class Product(NamedTuple):
    """What is known of one product. rolling: names that have no end; ``*`` for all of it."""

    name: str
    source: str
    as_of: str
    cycles: tuple[Cycle, ...] = ()
    rolling: frozenset[str] = frozenset()


class Life(NamedTuple):
    """How far along its life a release is. date: the end of the best support that it has or, when all is over, that it had.

    days_left: until then, negative when past. source, as_of: where that is from, and of which day.
    """

    product: str
    cycle: str
    state: State
    date: dt.date | None = None
    days_left: int | None = None
    source: str = ""
    as_of: str = ""


class Table(NamedTuple):
    """All that is known, and of which day."""

    as_of: dt.date | None
    products: Mapping[str, Product] = MappingProxyType({})

    def age_days(self, today: dt.date) -> int | None:
        """Return how old the table is, None when it does not say."""
        return None if self.as_of is None else (today - self.as_of).days

    def judge(self, product: str, version: str, today: dt.date) -> Life:
        """Return how far along its life a release is. product: an os-release ID or an image's name. version: its VERSION_ID, tag or code name."""
        name = _ALIASES.get(product.lower(), product.lower())
        known = self.products.get(name)
        if known is None:
            return Life(name, version, UNKNOWN)
        if "*" in known.rolling or version.lower() in known.rolling:
            return Life(name, version, ROLLING, source=known.source, as_of=known.as_of)
        cycle = _cycle(known, version.lower())
        if cycle is None:
            return Life(name, version, UNKNOWN, source=known.source, as_of=known.as_of)
        state, date = _state(cycle, today)
        left = None if date is None else (date - today).days
        return Life(name, cycle.name, state, date, left, known.source, known.as_of)


def _state(cycle: Cycle, today: dt.date) -> tuple[State, dt.date | None]:
    if cycle.open_ended or (cycle.eol is not None and today <= cycle.eol):
        return SUPPORTED, cycle.eol
    if cycle.eol is None:
        return UNKNOWN, None
    if cycle.lts is not None and today <= cycle.lts:
        return LTS_ONLY, cycle.lts
    if cycle.paid is not None and today <= cycle.paid:
        return PAID_ONLY, cycle.paid
    return ENDED, max(date for date in (cycle.eol, cycle.lts, cycle.paid) if date is not None)


def _cycle(product: Product, version: str) -> Cycle | None:
    """Return the release line of a version: ``3.20.1`` is of 3.20, ``12.5`` of 12, ``bookworm`` of 12."""
    by_name = {cycle.name: cycle for cycle in product.cycles}
    for cycle in product.cycles:
        if cycle.codename and version == cycle.codename:
            return cycle
    parts = version.removeprefix("v").split(".")
    while parts:
        found = by_name.get(".".join(parts)) or (by_name.get(f"{parts[0]}.0") if len(parts) == 1 else None)
        if found is not None:
            return found
        parts.pop()
    return None


def from_os_release(table: Table, release: Mapping[str, object], today: dt.date) -> Life:
    """Return the life of the distribution that an os-release describes (L1): by ID and VERSION_ID, else by code name."""
    name = str(release.get("ID", "")).lower()
    version = str(release.get("VERSION_ID", ""))
    codename = str(release.get("VERSION_CODENAME", ""))
    found = table.judge(name, version or codename, today)
    if found.state == UNKNOWN and codename and version:
        by_name = table.judge(name, codename, today)
        return by_name if by_name.state != UNKNOWN else found
    return found


def from_tag(table: Table, repository: str, tag: str, today: dt.date) -> tuple[Life, ...]:
    """Return the lives that an image's name and tag tell of: of the product itself, and of a distribution in its tail.

    ``python:3.9-slim-bullseye`` tells of Python 3.9 and of Debian 11. What they do not name is left out.
    """
    parts = repository.lower().split("/")
    name = "dotnet" if parts[-1] in _DOTNET and "dotnet" in parts else parts[-1]
    found = read_tag(tag)
    lives = []
    if found.release:
        lives.append(table.judge(name, ".".join(map(str, found.release)), today))
    elif found.text.lower() in CODENAMES or found.tail:
        first = found.text.lower().partition("-")[0]
        lives.append(table.judge(name, first, today))
    for token in found.tail:
        if token.name.endswith(":"):
            lives.append(table.judge(token.name[:-1], token.text.lower(), today))
        elif token.version and token.name != name:
            lives.append(table.judge(token.name, ".".join(map(str, token.version)), today))
    return tuple(life for life in lives if life.state != UNKNOWN)


def from_lifecycle(annotations: Mapping[str, str], today: dt.date) -> Life | None:
    """Return what a registry itself says of a digest (L3), from the annotations of its lifecycle referrer; None where it says nothing."""
    text = annotations.get(MCR_END, "")
    try:
        date = _date(text[:10]) if text else None
    except ValueError:
        return None
    if date is None:
        return None
    state: State = ENDED if today > date else SUPPORTED
    return Life("image", "", state, date, (date - today).days, MCR_LIFECYCLE)


@lru_cache(maxsize=1)
def own_table() -> Table:
    """Return the table that the package brings."""
    # importlib.resources takes 8 ms of every check.
    with open(os.path.join(os.path.dirname(__file__), "data", "eol.json"), "rb") as file:
        return _table(json.loads(file.read()), "the table of the package")


def read_table(path: str) -> Table:
    """Return a table from a file: our own form, or an object of product to endoflife.date's array of cycles.

    Raises ConfigError for a file that cannot be read or is no such table.
    """
    try:
        with open(path, "rb") as file:
            raw = file.read(TABLE_LIMIT + 1)
    except OSError as error:
        raise ConfigError(path, f"cannot be read: {error.strerror}") from error
    if len(raw) > TABLE_LIMIT:
        raise ConfigError(path, f"it is larger than {TABLE_LIMIT} bytes")
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ConfigError(path, f"it is not JSON: {error}") from None
    return _table(document, path)


def _table(document: Any, what: str) -> Table:
    try:
        if "products" in document:
            as_of = _date(document.get("as_of"))
            products = {name: _product(name, entry) for name, entry in document["products"].items()}
        else:
            as_of = None
            entries = {_ALIASES.get(name, name): cycles for name, cycles in document.items()}
            products = {name: _product(name, {"source": what, "cycles": cycles}) for name, cycles in entries.items()}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ConfigError(what, f"it is no table of ends of life: {error!r}") from None
    return Table(as_of, products)


def _product(name: str, entry: Any) -> Product:
    own = "as_of" in entry
    cycles = tuple(_read_cycle(cycle, own=own) for cycle in entry["cycles"])
    rolling = frozenset(entry.get("rolling", ()))
    return Product(name, str(entry.get("source", "")), str(entry.get("as_of", "")), cycles, rolling)


def _read_cycle(cycle: Any, *, own: bool) -> Cycle:
    """Return a cycle of our own form or of endoflife.date's.

    There ``eol`` is false where no end is known yet and true where it is over, and ``lts`` is when that begins, not its end.
    """
    eol = cycle.get("eol")
    paid = cycle.get("paid", cycle.get("extendedSupport"))
    ended = dt.date(1990, 1, 1) if eol is True else _date(eol)
    return Cycle(
        str(cycle["cycle"]),
        str(cycle.get("codename", "")).lower().partition(" ")[0],
        ended,
        _date(cycle.get("lts")) if own else None,
        _date(paid),
        open_ended=eol is False,
    )


def _date(value: Any) -> dt.date | None:
    """Return a date; a month means its last day (L2). Booleans and nothing are none."""
    if not isinstance(value, str):
        return None
    parts = [int(part) for part in value.split("-")]
    if len(parts) == 2:
        following = dt.date(parts[0] + parts[1] // 12, parts[1] % 12 + 1, 1)
        return following - dt.timedelta(days=1)
    return dt.date(*parts)
