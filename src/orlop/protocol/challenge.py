"""What a 401 asks for: challenges of ``WWW-Authenticate``, and the scopes that a token covers.

Rules: RFC 9110, 11.6.1; the token specification of distribution ("Token Scope Documentation").
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from orlop.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orlop.model.reference import RepositoryName

FIELD_LIMIT = 16 * 1024
"""How much of all fields together is read, in characters."""

CHALLENGE_LIMIT = 16
"""How many challenges are read, over all fields."""


class Challenge(NamedTuple):
    """One way to sign in: ``scheme`` and the names of ``parameters`` are in lower case, values as they came.

    token: what ``Negotiate`` and its like carry in place of parameters.
    """

    scheme: str
    parameters: Mapping[str, str]
    token: str = ""

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes that it asks for; what is no scope is left out."""
        return merge(Scope.parse_all(self.parameters.get("scope", "")))

    def __str__(self) -> str:
        """Print as a field value. Raises InputError for what no header field can hold."""
        pairs = [f'{name}="{_escaped(value)}"' for name, value in self.parameters.items()]
        text = " ".join(part for part in (self.scheme.capitalize(), self.token, ",".join(pairs)) if part)
        names_fit = all(re.match(_NAME, name) for name in (self.scheme, *self.parameters))
        if not names_fit or re.search(_UNPRINTABLE, text) or not re.match(_TOKEN68, self.token):
            raise InputError(self.scheme, "it holds what no header field can")
        return text


# Patterns are texts, which re compiles on first use and keeps.
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z"
_TOKEN68 = r"(?:[A-Za-z0-9._~+/-]+=*)?\Z"
_UNPRINTABLE = r"[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]"

# One step of the scanner. A name with "=" and a value is a parameter; a name without is a scheme, perhaps with a token68.
_STEP = r"""(?sx)
      (?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"(?P<quoted>[^"\\]*(?:\\.[^"\\]*){0,256})"|(?P<plain>[^\s,="][^\s,"]*))
    | (?P<scheme>[!#$%&'*+.^_`|~0-9A-Za-z-]+)(?=[\s,]|\Z)(?:[ \t]+(?P<token>[A-Za-z0-9._~+/-]+=*)(?=[ \t]*(?:,|\Z)))?
    | "[^"\\]*(?:\\.[^"\\]*){0,256}" | [^\s,]+
    """


def parse_challenges(values: Iterable[str]) -> list[Challenge]:
    """Return the challenges of one or several WWW-Authenticate fields, in order.

    Several in one field, quoted strings with commas and escapes, unquoted URLs and spaces in place of
    commas are all read. What cannot be read is passed over. A repeated scope adds to the first; of any
    other repeated parameter the first counts.
    """
    found: list[Challenge] = []
    left = FIELD_LIMIT
    for value in values:
        if left <= 0:
            break
        parameters: dict[str, str] | None = None
        value, left = value[:left], left - len(value)
        for step in re.finditer(_STEP, value):
            if (scheme := step["scheme"]) is not None:
                if len(found) == CHALLENGE_LIMIT:
                    return found
                parameters = {}
                found.append(Challenge(scheme.lower(), parameters, step["token"] or ""))
            elif (name := step["name"]) is not None and parameters is not None:
                name, quoted = name.lower(), step["quoted"]
                text = step["plain"] if quoted is None else re.sub(_ESCAPE, r"\1", quoted)
                if name not in parameters:
                    parameters[name] = text
                elif name == "scope":
                    parameters[name] += f" {text}"
    return found


_ESCAPE = r"(?s)\\(.)"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


# --- scopes ------------------------------------------------------------------------------------

_ORDER = {"pull": "0", "push": "1", "delete": "2"}


class Scope(NamedTuple):
    """What a token may do: ``actions`` on the resource ``name`` of a ``type``: ``repository:debian:pull``."""

    type: str
    name: str
    actions: frozenset[str]

    def __str__(self) -> str:
        return (
            f"{self.type}:{self.name}:{','.join(sorted(self.actions, key=lambda action: _ORDER.get(action, action)))}"
        )

    @classmethod
    def parse(cls, text: str) -> Scope:
        """Return the scope of ``type:name:action,action``; the name may hold colons. Raises InputError."""
        kind, first, rest = text.partition(":")
        name, second, actions = rest.rpartition(":")
        if not (first and second and kind and name) or re.search(_SPACE, text):
            raise InputError(text, "a scope is type:name:action,action")
        return cls(kind, name, frozenset(filter(None, actions.split(","))))

    @classmethod
    def parse_all(cls, text: str) -> list[Scope]:
        """Return the scopes of a text that separates them with spaces; what is no scope is left out."""
        scopes = []
        for part in text[:FIELD_LIMIT].split():
            try:
                scopes.append(cls.parse(part))
            except InputError:
                continue
        return scopes

    def covers(self, other: Scope) -> bool:
        """Whether whoever may do this may do the other."""
        return self[:2] == other[:2] and (self.actions >= other.actions or "*" in self.actions)


_SPACE = r"[\s\x00-\x1f]"


def merge(scopes: Iterable[Scope]) -> tuple[Scope, ...]:
    """Return one scope for each resource, with every action asked of it, in a settled order."""
    actions: dict[tuple[str, str], frozenset[str]] = {}
    for scope in scopes:
        key = scope[:2]
        actions[key] = actions.get(key, frozenset()) | scope.actions
    return tuple([Scope(*key, actions[key]) for key in sorted(actions)])


def pull(name: RepositoryName | str) -> Scope:
    """Return the scope to read a repository."""
    return Scope("repository", str(name), _PULL)


def push(name: RepositoryName | str) -> Scope:
    """Return the scope to read and write a repository."""
    return Scope("repository", str(name), _PUSH)


def delete(name: RepositoryName | str) -> Scope:
    """Return the scope to delete in a repository; some registries want it beside the other two."""
    return Scope("repository", str(name), _DELETE)


CATALOG = Scope("registry", "catalog", frozenset({"*"}))
"""The scope to list the repositories of a registry."""

_PULL = frozenset({"pull"})
_PUSH = frozenset({"pull", "push"})
_DELETE = frozenset({"pull", "push", "delete"})
