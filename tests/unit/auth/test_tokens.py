from __future__ import annotations

from orlop.auth.credential import ANONYMOUS, Credential
from orlop.auth.tokens import TOKENS_LIMIT, Token, TokenCache
from orlop.model.reference import RegistryHost
from orlop.protocol.challenge import Scope, delete, pull, push

HOST = RegistryHost("example.com")
OTHER = RegistryHost("example.org")
ME = Credential("me", "x")


def cached(*tokens: Token) -> TokenCache:
    cache = TokenCache()
    for token in tokens:
        cache.put(HOST, ME, token)
    return cache


def found(cache: TokenCache, *wanted: Scope, now: float = 0.0) -> str | None:
    token = cache.find(HOST, ME, wanted, now)
    return token.authorization if token else None


def test_a_wider_token_serves_a_narrower_wish() -> None:
    cache = cached(Token("Bearer wide", 100, (push("a"),)))

    assert found(cache, pull("a")) == "Bearer wide"
    assert found(cache, push("a")) == "Bearer wide"
    assert found(cache, delete("a")) is None
    assert found(cache, pull("b")) is None


def test_a_token_of_two_repositories_serves_each_and_both() -> None:
    cache = cached(Token("Bearer mount", 100, (push("a"), pull("b"))))

    assert (
        found(cache, pull("b"))
        == found(cache, push("a"), pull("b"))
        == found(cache, pull("b"), pull("a"))
        == "Bearer mount"
    )
    assert found(cache, push("b")) is None


def test_a_star_is_every_action() -> None:
    cache = cached(Token("Bearer all", 100, (Scope("repository", "a", frozenset({"*"})),)))
    assert found(cache, delete("a")) == "Bearer all"


def test_a_token_that_has_ended_is_not_found() -> None:
    cache = cached(Token("Bearer t", 100, (pull("a"),)))

    assert found(cache, pull("a"), now=99.9) == "Bearer t"
    assert found(cache, pull("a"), now=100) is None


def test_the_newest_token_goes_first() -> None:
    assert (
        found(cached(Token("Bearer old", 100, (push("a"),)), Token("Bearer new", 100, (push("a"),))), pull("a"))
        == "Bearer new"
    )


def test_a_token_is_of_one_registry_and_one_identity() -> None:
    cache = cached(Token("Bearer t", 100, (pull("a"),)))

    assert cache.find(OTHER, ME, (pull("a"),), 0) is None
    assert cache.find(HOST, ANONYMOUS, (pull("a"),), 0) is None


def test_a_token_without_scopes_serves_only_wishes_without_scopes() -> None:
    cache = cached(Token("Bearer ping", 100, ()))

    assert found(cache) == "Bearer ping"
    assert found(cache, pull("a")) is None


def test_basic_serves_everything() -> None:
    cache = cached(Token("Basic x"))
    assert found(cache, push("a"), pull("b")) == found(cache) == "Basic x"


def test_a_refused_token_is_dropped_under_all_its_scopes() -> None:
    cache = cached(Token("Bearer t", 100, (push("a"), pull("b"))))
    cache.drop(HOST, ME, "Bearer t")

    assert found(cache, pull("a")) is found(cache, pull("b")) is None


def test_forgetting_a_registry_leaves_the_others() -> None:
    cache = cached(Token("Bearer t", 100, (pull("a"),)))
    cache.put(OTHER, ME, Token("Bearer o", 100, (pull("a"),)))
    cache.forget(HOST)

    assert found(cache, pull("a")) is None
    assert cache.find(OTHER, ME, (pull("a"),), 0) is not None


def test_the_cache_is_bounded() -> None:
    cache = TokenCache()
    for number in range(TOKENS_LIMIT + 10):
        cache.put(HOST, ME, Token(f"Bearer {number}", 100, (pull(f"r{number}"),)))

    held = sum(cache.find(HOST, ME, (pull(f"r{number}"),), 0) is not None for number in range(TOKENS_LIMIT + 10))
    assert 0 < held <= TOKENS_LIMIT
