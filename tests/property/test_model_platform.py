"""Platforms: normalising is idempotent, ranking is total and stable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from orlop.errors import InputError
from orlop.model.platform import Platform, PlatformSelector, choose

if TYPE_CHECKING:
    import random

OS = st.sampled_from(["linux", "Linux", "windows", "macos", "darwin", "freebsd", "unknown"])
ARCH = st.sampled_from(
    [
        "amd64",
        "x86_64",
        "X86-64",
        "386",
        "i386",
        "arm",
        "armhf",
        "armel",
        "arm64",
        "aarch64",
        "s390x",
        "riscv64",
        "unknown",
    ]
)
VARIANT = st.sampled_from(
    ["", "v1", "v2", "v3", "5", "6", "7", "8", "v5", "v6", "v7", "v8", "v8.0", "v8.3", "9", "v9.1", "x"]
)
VERSION = st.just("") | st.sampled_from(
    ["10.0.17763", "10.0.17763.1", "10.0.17763.20", "10.0.20348.9", "14.1", "a b(+/%"]
)
FEATURES = st.lists(st.sampled_from(["win32k", "sse4", "a+b", ""]), max_size=2).map(tuple)
PLATFORM = st.builds(Platform, OS, ARCH, VARIANT, VERSION, FEATURES)
SELECTOR = st.builds(PlatformSelector, st.just("") | OS, st.just("") | ARCH, VARIANT, VERSION, FEATURES)
CANDIDATES = st.lists(st.none() | PLATFORM, max_size=8)


def one_line(error: Exception) -> None:
    assert "\n" not in str(error)


@given(
    st.builds(Platform, OS, ARCH, VARIANT, st.text(max_size=8), st.lists(st.text(max_size=4), max_size=3).map(tuple))
)
def test_what_a_platform_prints_parses_to_it(platform: Platform) -> None:
    assert Platform.parse(str(platform)) == platform
    assert str(platform).isprintable()


@given(PLATFORM)
def test_normalising_twice_changes_nothing(platform: Platform) -> None:
    again = Platform(platform.os, platform.architecture, platform.variant, platform.os_version, platform.os_features)

    assert again == platform
    assert Platform.from_json(platform.to_json()) == platform


@given(st.text(max_size=20) | st.text("linux/arm(v7+%).", max_size=16))
def test_any_text_is_refused_as_input_or_round_trips(text: str) -> None:
    for parse in (Platform.parse, PlatformSelector.parse):
        try:
            value = parse(text)
        except InputError as error:
            one_line(error)
            continue
        if isinstance(value, Platform):
            assert Platform.parse(str(value)) == value


@given(PLATFORM)
def test_a_platform_matches_the_wish_for_itself_best_of_all(platform: Platform) -> None:
    wish = PlatformSelector.of(platform)

    assert wish.matches(platform) != platform.is_unknown
    others = [Platform("linux", "s390x"), platform, Platform("windows", "arm64")]
    if not platform.is_unknown:
        assert others[choose(wish, others)[0]] == platform


@given(SELECTOR, CANDIDATES)
def test_ranks_can_always_be_compared(wish: PlatformSelector, candidates: list[Platform | None]) -> None:
    ranks = [rank for rank in (wish.rank(platform) for platform in candidates if platform) if rank is not None]

    assert len({len(rank) for rank in ranks}) <= 1
    assert all(one < two or one == two or one > two for one in ranks for two in ranks)
    assert all(wish.matches(platform) == (wish.rank(platform) is not None) for platform in candidates if platform)


@given(SELECTOR, CANDIDATES, st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_does_not_change_the_choice(
    wish: PlatformSelector, candidates: list[Platform | None], shuffle: random.Random
) -> None:
    shuffled = list(candidates)
    shuffle.shuffle(shuffled)

    chosen = [candidates[index] for index in choose(wish, candidates)]
    again = [shuffled[index] for index in choose(wish, shuffled)]

    assert sorted(map(str, chosen)) == sorted(map(str, again))
    assert choose(wish, candidates) == sorted(choose(wish, candidates))


@given(SELECTOR, CANDIDATES)
def test_what_is_chosen_meets_every_field_of_the_wish(
    wish: PlatformSelector, candidates: list[Platform | None]
) -> None:
    for index in choose(wish, candidates):
        platform = candidates[index]
        if platform is None:
            assert not wish
            continue
        assert not platform.is_unknown
        assert wish.os in {"", platform.os}
        assert wish.architecture in {"", platform.architecture}


@given(PLATFORM, PLATFORM, PLATFORM)
def test_platforms_can_be_sorted(one: Platform, two: Platform, three: Platform) -> None:
    assert sorted([one, two, three]) == sorted([three, two, one])
