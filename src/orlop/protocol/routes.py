"""The paths of the registry API as values: ``build`` prints a route, ``parse`` reads one, and they are inverses.

Routes are named tuples: they cost a seventh of a frozen dataclass at import, and every command pays for it.
Rule: distribution-spec 1.1, "Endpoints".
"""

from __future__ import annotations

import re
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, NoReturn, TypeAlias

from orlop.errors import InputError, ManifestNotFoundError, NotFoundError, RegistryError, UnsupportedError
from orlop.model.digest import Digest
from orlop.model.reference import RepositoryName, Tag
from orlop.protocol._uri import build_query, parse_query, quote, unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TARGET_LIMIT = 16 * 1024
"""The longest path with query that ``parse`` reads, in characters; upload states make some of them long."""


class Base(NamedTuple):
    """``/v2/``: whether this is a registry, and wants a sign-in."""

    def __bool__(self) -> Literal[True]:
        return True


class Catalog(NamedTuple):
    """The names of the repositories: at most ``n``, after the name ``last``."""

    n: int | None = None
    last: str = ""


class Tags(NamedTuple):
    """The tags of a repository: at most ``n``, after the tag ``last``."""

    name: RepositoryName
    n: int | None = None
    last: str = ""


class ManifestAt(NamedTuple):
    """One manifest. ``tags``: the tags that a push by digest sets as well (``?tag=``)."""

    name: RepositoryName
    reference: Tag | Digest
    tags: tuple[Tag, ...] = ()


class BlobAt(NamedTuple):
    """One blob."""

    name: RepositoryName
    digest: Digest


class UploadStart(NamedTuple):
    """Where an upload begins.

    mount, source: take the blob over from another repository. digest: the whole blob comes with this
    request. algorithm: the digest that the blob will be named by, when it is not sha256.
    """

    name: RepositoryName
    mount: Digest | None = None
    source: RepositoryName | None = None
    digest: Digest | None = None
    algorithm: str = ""


class UploadAt(NamedTuple):
    """An upload under way. ``digest`` closes it; ``state`` is the server's own, opaque to clients."""

    name: RepositoryName
    session: str
    digest: Digest | None = None
    state: str = ""


class Referrers(NamedTuple):
    """The manifests whose subject is ``digest``: at most ``n``, after the cursor ``last``."""

    name: RepositoryName
    digest: Digest
    artifact_type: str = ""
    n: int | None = None
    last: str = ""


Route: TypeAlias = Base | Catalog | Tags | ManifestAt | BlobAt | UploadStart | UploadAt | Referrers

_READ = ("GET", "HEAD")
ALLOWED: Mapping[type[Route], tuple[str, ...]] = MappingProxyType(
    {
        Base: _READ,
        Catalog: _READ,
        Tags: _READ,
        ManifestAt: (*_READ, "PUT", "DELETE"),
        BlobAt: (*_READ, "DELETE"),
        UploadStart: ("POST",),
        UploadAt: (*_READ, "PATCH", "PUT", "DELETE"),
        Referrers: _READ,
    }
)
"""The methods of each route, for the check and for the ``Allow`` header of a 405."""


def check_method(route: Route, method: str) -> None:
    """Raise UnsupportedError when the route does not take the method."""
    allowed = ALLOWED[type(route)]
    if method not in allowed:
        raise UnsupportedError(method, build(route).partition("?")[0], f"it takes {', '.join(allowed)}")


# --- printing ----------------------------------------------------------------------------------


def build(route: Route) -> str:
    """Return the path of the route, with its query."""
    return _BUILD[type(route)](route)


def _build_tags(route: Tags) -> str:
    return f"/v2/{route.name.value}/tags/list{_page(route.n, route.last)}"


def _build_manifest(route: ManifestAt) -> str:
    name, reference, tags = route
    path = f"/v2/{name.value}/manifests/{reference.value}"
    return path + build_query([("tag", tag.value) for tag in tags]) if tags else path


def _build_start(route: UploadStart) -> str:
    pairs = []
    if route.mount is not None:
        pairs.append(("mount", route.mount.value))
    if route.source is not None:
        pairs.append(("from", route.source.value))
    if route.digest is not None:
        pairs.append(("digest", route.digest.value))
    if route.algorithm:
        pairs.append(("digest-algorithm", route.algorithm))
    return f"/v2/{route.name.value}/blobs/uploads/{build_query(pairs)}"


def _build_upload(route: UploadAt) -> str:
    pairs = [("_state", route.state)] if route.state else []
    if route.digest is not None:
        pairs.append(("digest", route.digest.value))
    return f"/v2/{route.name.value}/blobs/uploads/{quote(route.session)}{build_query(pairs)}"


def _build_referrers(route: Referrers) -> str:
    pairs = [("artifactType", route.artifact_type)] if route.artifact_type else []
    return f"/v2/{route.name.value}/referrers/{route.digest.value}{_page(route.n, route.last, pairs)}"


def _page(n: int | None, last: str, pairs: list[tuple[str, str]] | None = None) -> str:
    pairs = pairs or []
    if n is not None:
        pairs.append(("n", str(n)))
    if last:
        pairs.append(("last", last))
    return build_query(pairs)


_BUILD: dict[type, Callable[..., str]] = {
    Base: lambda _: "/v2/",
    Catalog: lambda route: f"/v2/_catalog{_page(route.n, route.last)}",
    Tags: _build_tags,
    ManifestAt: _build_manifest,
    BlobAt: lambda route: f"/v2/{route.name.value}/blobs/{route.digest.value}",
    UploadStart: _build_start,
    UploadAt: _build_upload,
    Referrers: _build_referrers,
}


# --- reading -----------------------------------------------------------------------------------

# The last two or three components say what a path is, so a repository may itself be called "a/manifests":
# the name is greedy, and no other group takes a slash.
_SHAPE = r"""(?sx)/v2(?:
      (?P<base>/?)
    | /_catalog(?P<catalog>)
    | /(?P<name>.*)/(?:
          manifests/(?P<manifest>[^/]*)
        | blobs/uploads(?P<start>/?)
        | blobs/uploads/(?P<upload>[^/]+)
        | blobs/(?P<blob>[^/]*)
        | tags/list(?P<tags>)
        | referrers/(?P<referrers>[^/]*)
      )
    )\Z"""
_SESSION = r"[A-Za-z0-9_=-][A-Za-z0-9_.=-]{0,254}\Z"
_NUMBER = r"[0-9]{1,9}\Z"
_ALGORITHM = r"[a-z0-9]+(?:[+._-][a-z0-9]+)*\Z"


@cache
def _shape() -> re.Pattern[str]:
    return re.compile(_SHAPE)  # not at import: only servers read routes


_Query: TypeAlias = dict[str, list[str]]


def parse(target: str, *, method: str = "PUT") -> Route:
    """Return the route that a request's target names.

    target: path and query as they came, percent-encoded. method: only tells what a tag that cannot be
    valid means: on PUT it is refused, on any other it is a manifest that is not there.

    Parameters that no route knows are ignored. Raises RegistryError, status 400 with NAME_INVALID,
    DIGEST_INVALID, TAG_INVALID or PAGINATION_NUMBER_INVALID, or status 414; NotFoundError for any other path.
    """
    if len(target) > TARGET_LIMIT:
        _refuse(target, "NAME_INVALID", f"it is longer than {TARGET_LIMIT} characters", status=414)
    path, _, query_text = target.partition("?")
    try:
        found = _shape().match(unquote(path))
        query = parse_query(query_text) if query_text else {}
    except UnicodeDecodeError:
        _refuse(path, "NAME_INVALID", "it is not UTF-8")
    if found is None:
        raise NotFoundError(_clip(path), "the registry API", "no such path")
    kind, text, name = found.lastgroup or "", found[found.lastgroup or 0], found["name"]
    if name is None:
        return Base() if kind == "base" else Catalog(_number(path, query), _first(query, "last"))
    return _PARSE[kind](path, _name(path, name), text, query, method)


def _parse_manifest(path: str, name: RepositoryName, text: str, query: _Query, method: str) -> ManifestAt:
    if ":" in text:
        reference: Tag | Digest = _digest(path, text)
    elif method == "PUT":
        reference = _tag(path, text)
    else:
        try:
            reference = Tag(text)
        except InputError as error:
            raise ManifestNotFoundError(_clip(text), name.value, error.reason) from error
    return ManifestAt(name, reference, tuple([_tag(path, tag) for tag in query["tag"]]) if "tag" in query else ())


def _parse_blob(path: str, name: RepositoryName, text: str, _query: _Query, _method: str) -> BlobAt:
    return BlobAt(name, _digest(path, text))


def _parse_start(path: str, name: RepositoryName, _text: str, query: _Query, _method: str) -> UploadStart:
    source, algorithm = _first(query, "from"), _first(query, "digest-algorithm")
    if algorithm and not re.match(_ALGORITHM, algorithm):
        _refuse(path, "DIGEST_INVALID", "the digest algorithm cannot be one")
    return UploadStart(
        name,
        _digest_of(path, query, "mount"),
        _name(path, source) if source else None,
        _digest_of(path, query, "digest"),
        algorithm,
    )


def _parse_upload(path: str, name: RepositoryName, text: str, query: _Query, _method: str) -> UploadAt:
    if not re.match(_SESSION, text):
        _refuse(path, "BLOB_UPLOAD_UNKNOWN", "there is no such upload", status=404)
    return UploadAt(name, text, _digest_of(path, query, "digest"), _first(query, "_state"))


def _parse_tags(path: str, name: RepositoryName, _text: str, query: _Query, _method: str) -> Tags:
    return Tags(name, _number(path, query), _first(query, "last"))


def _parse_referrers(path: str, name: RepositoryName, text: str, query: _Query, _method: str) -> Referrers:
    kind, last = _first(query, "artifactType"), _first(query, "last")
    return Referrers(name, _digest(path, text), kind, _number(path, query), last)


_PARSE: dict[str, Callable[[str, RepositoryName, str, _Query, str], Route]] = {
    "manifest": _parse_manifest,
    "blob": _parse_blob,
    "start": _parse_start,
    "upload": _parse_upload,
    "tags": _parse_tags,
    "referrers": _parse_referrers,
}


def _first(query: _Query, key: str) -> str:
    return query[key][0] if key in query else ""


def _number(path: str, query: _Query) -> int | None:
    text = _first(query, "n")
    if not text:
        return None
    if not re.match(_NUMBER, text):
        _refuse(path, "PAGINATION_NUMBER_INVALID", "n is a whole number from 0 to 999999999")
    return int(text)


def _name(path: str, text: str) -> RepositoryName:
    try:
        return RepositoryName(text)
    except InputError as error:
        _refuse(path, "NAME_INVALID", error.reason)


def _tag(path: str, text: str) -> Tag:
    try:
        return Tag(text)
    except InputError as error:
        _refuse(path, "TAG_INVALID", error.reason)


def _digest(path: str, text: str) -> Digest:
    try:
        return Digest.parse(text)
    except InputError as error:
        _refuse(path, "DIGEST_INVALID", error.reason)


def _digest_of(path: str, query: _Query, key: str) -> Digest | None:
    text = _first(query, key)
    return _digest(path, text) if text else None


def _refuse(path: str, code: str, reason: str, *, status: int = 400) -> NoReturn:
    raise RegistryError("", _clip(path.partition("?")[0]), status, (code,), reason)


def _clip(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:119]}…"
