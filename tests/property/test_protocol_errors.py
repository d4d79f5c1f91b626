"""Errors: what a server raises reaches its client in the same class; any answer becomes a clean error."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orlop.errors import (
    BlobNotFoundError,
    DeniedError,
    DigestMismatchError,
    InvalidManifestError,
    ManifestNotFoundError,
    NotFoundError,
    OrlopError,
    RateLimitedError,
    ReadOnlyError,
    RegistryError,
    RepositoryNotFoundError,
    SizeMismatchError,
    TruncatedError,
    UnauthenticatedError,
    UnsupportedError,
)
from orlop.protocol.errorbody import from_wire, to_wire
from orlop.protocol.message import Headers, Response

text = st.text(max_size=60)
size = st.integers(0, 2**53)
refused = st.sampled_from([406, 408, 409, 411, 412, 413, 414, 415, 416, 500, 502, 503, 504, 507])
codes = st.lists(
    st.sampled_from(["DENIED", "UNKNOWN", "BLOB_UPLOAD_INVALID", "SIZE_INVALID", "X"]), unique=True, min_size=1
)

served = st.one_of(
    *[
        st.builds(kind, text, text, text)
        for kind in (
            BlobNotFoundError,
            ManifestNotFoundError,
            RepositoryNotFoundError,
            NotFoundError,
            UnsupportedError,
            ReadOnlyError,
        )
    ],
    *[st.builds(kind, text, text) for kind in (UnauthenticatedError, DeniedError, InvalidManifestError)],
    st.builds(DigestMismatchError, text, text, text),
    st.builds(SizeMismatchError, text, size, size),
    st.builds(TruncatedError, text, size, size),
    st.builds(
        RateLimitedError, text, text, st.just(429), st.just(("TOOMANYREQUESTS",)), text, st.none() | st.floats(0, 1e6)
    ),
    st.builds(RegistryError, text, text, refused, codes.map(tuple), text, st.none() | st.floats(0, 1e6)),
)


@given(served)
def test_an_error_crosses_the_wire_in_its_class(error: OrlopError) -> None:
    back = from_wire(to_wire(error), method="GET", what="what", where="host/name")

    assert type(back) is type(error)
    assert str(back).isprintable()


bodies = (
    st.binary(max_size=200)
    | text.map(str.encode)
    | st.sampled_from(["{", "<html>", "<Error><Code>", '{"errors":']).flatmap(
        lambda start: text.map(lambda rest: (start + rest).encode())
    )
)
fields = st.dictionaries(st.sampled_from(["content-type", "retry-after", "date", "x"]), text, max_size=4)
kinds = st.sampled_from(["", "manifest", "blob", "tags", "repositories", "referrers", "upload", "registry"])
methods = st.sampled_from(["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"])


@given(st.integers(100, 999), fields, bodies, methods, kinds, text)
def test_any_answer_becomes_one_line(
    status: int, headers: dict[str, str], body: bytes, method: str, kind: str, url: str
) -> None:
    response = Response(status, Headers(headers), body, url)
    error = from_wire(response, method=method, what="latest", where="host/name", kind=kind)

    assert isinstance(error, OrlopError)
    assert str(error).isprintable()
    assert (error.hint or "").isprintable()
    assert len(str(error)) < 1000
