"""Lists over HTTP: the tags of a repository, the repositories of a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from orlop.errors import InvalidDocumentError, OrlopError, RedirectRefusedError, UnsupportedError
from orlop.model.manifest import load_json
from orlop.model.reference import RegistryHost, RepositoryName, Tag
from orlop.protocol.challenge import Scope, pull
from orlop.protocol.errorbody import from_wire
from orlop.protocol.headers import next_page
from orlop.protocol.routes import Catalog, Tags, build
from orlop.registry.quirks import quirks
from orlop.registry.session import Call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from orlop.model.reference import Repository
    from orlop.registry.session import Session

T = TypeVar("T")

PAGE_LIMIT = 32 * 1024 * 1024
"""Most bytes of one page: registries that ignore ``n`` send everything at once."""
_MOST_EMPTY_PAGES = 10
_CATALOG = Scope("registry", "catalog", frozenset({"*"}))


async def tag_pages(session: Session, repository: Repository, after: str, size: int | None) -> AsyncIterator[list[Tag]]:
    """Yield the tags, a page at a time, each page fetched when it is asked for.

    after: list only what comes after this tag. size: tags a page; the registry may send more or fewer.
    Rule: distribution-spec 1.1, "Listing tags".
    """
    target = build(Tags(repository.name, size or quirks(repository.host).page_size, after))
    call = Call("GET", target, repository, (pull(repository.name),), limit=PAGE_LIMIT, mirrored=True)
    ignored = False
    async for page in _pages(session, call, "tags", Tag, str(repository)):
        # Distribution before version 3 knows no ``last`` and begins at the beginning.
        ignored = ignored or (bool(after) and any(tag.value == after for tag in page))
        yield [tag for tag in page if tag.value > after] if ignored else page


async def catalog_pages(
    session: Session, host: RegistryHost, after: str, size: int | None
) -> AsyncIterator[list[RepositoryName]]:
    """Yield the names of the repositories, a page at a time. Raises UnsupportedError where there is no catalog."""
    odd = quirks(host)
    if odd.no_catalog:
        raise UnsupportedError("listing repositories", host.value, odd.no_catalog)
    call = Call("GET", build(Catalog(size or odd.page_size, after)), host, (_CATALOG,), limit=PAGE_LIMIT)
    async for page in _pages(session, call, "repositories", RepositoryName, host.value):
        yield page


async def _pages(
    session: Session, call: Call, key: str, make: Callable[[str], T], where: str
) -> AsyncIterator[list[T]]:
    seen: set[str] = set()
    empty = 0
    while True:
        response = await session.fetch(call)
        if response.status != 200:
            raise from_wire(response, method="GET", kind=key, what=key, where=where)
        what = f"the list of {key} of {where}"
        page = _items(response.body, key, make, what)
        empty = 0 if page else empty + 1
        yield page
        following = next_page(response.headers, response.url)
        if following is None:
            return
        if following in seen or following == response.url:
            raise RedirectRefusedError(where, f"its pages of {key} link in a loop")
        if empty > _MOST_EMPTY_PAGES:
            raise RedirectRefusedError(where, f"it links from one empty page of {key} to the next")
        seen.add(following)
        call = Call("GET", following, call.subject, call.scopes, limit=PAGE_LIMIT)


def _items(body: bytes, key: str, make: Callable[[str], T], what: str) -> list[T]:
    document = load_json(body, what, limit=PAGE_LIMIT)
    items = document.get(key, []) if isinstance(document, dict) else None
    if items is None and isinstance(document, dict):
        return []  # distribution answers "tags": null for a repository that lost its last tag
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise InvalidDocumentError(what, f"it has no list of strings under {key!r}")
    try:
        return [make(item) for item in items]
    except OrlopError as error:
        raise InvalidDocumentError(what, str(error)) from None
