"""Routes: what is built is read back, and whatever comes in is a route or a refusal."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from orlop.errors import NotFoundError, RegistryError
from orlop.model.digest import Digest
from orlop.model.reference import NAME_LIMIT, RepositoryName, Tag
from orlop.protocol.routes import (
    ALLOWED,
    Base,
    BlobAt,
    Catalog,
    ManifestAt,
    Referrers,
    Route,
    Tags,
    UploadAt,
    UploadStart,
    build,
    parse,
)

component = st.from_regex(r"[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}", fullmatch=True)
tricky = st.sampled_from(["manifests", "blobs", "uploads", "tags", "list", "referrers", "v2", "latest"])
names = (
    st.lists(component | tricky, min_size=1, max_size=6)
    .map("/".join)
    .filter(lambda name: len(name) <= NAME_LIMIT)
    .map(RepositoryName)
)
tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", fullmatch=True).map(Tag) | st.just(Tag("list"))
digests = st.builds(Digest.of, st.binary(max_size=8), st.sampled_from(["sha256", "sha512"]))
numbers = st.none() | st.integers(0, 999_999_999)
text = st.text(max_size=80)
sessions = st.from_regex(r"[A-Za-z0-9_=-][A-Za-z0-9_.=-]{0,40}", fullmatch=True)

routes = st.one_of(
    st.just(Base()),
    st.builds(Catalog, numbers, text),
    st.builds(Tags, names, numbers, text),
    st.builds(ManifestAt, names, tags | digests, st.lists(tags, max_size=4).map(tuple)),
    st.builds(BlobAt, names, digests),
    st.builds(
        UploadStart, names, st.none() | digests, st.none() | names, st.none() | digests, st.sampled_from(["", "sha512"])
    ),
    st.builds(UploadAt, names, sessions, st.none() | digests, text),
    st.builds(Referrers, names, digests, text, numbers, text),
)


@given(routes)
def test_a_route_that_is_built_is_read_back(route: Route) -> None:
    target = build(route)
    found = parse(target)

    assert found == route
    assert type(found) is type(route)
    assert target.isascii()
    assert target.isprintable()
    assert not set(target) & set(' "<>\\^`{|}#')


pieces = st.lists(
    st.sampled_from(
        [
            "/v2/",
            "/",
            "a",
            "manifests",
            "blobs",
            "uploads",
            "tags/list",
            "_catalog",
            "..",
            "%2F",
            "%",
            "?",
            "n=1",
            "&",
            "=",
        ]
    )
    | st.text(max_size=4),
    max_size=12,
).map("".join)


@given(pieces | st.text() | pieces.map("/v2/".__add__), st.sampled_from(["GET", "HEAD", "PUT", "DELETE"]))
def test_any_target_is_a_route_or_a_refusal_of_a_client_error(target: str, method: str) -> None:
    with suppress(RegistryError, NotFoundError):
        route = parse(target, method=method)
        assert type(route) in ALLOWED
        assert parse(build(route), method=method) == route
