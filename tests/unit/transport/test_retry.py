from __future__ import annotations

import pytest

from orlop.errors import ConnectError, DisconnectedError, TimedOutError, TlsError
from orlop.transport.retry import RetryPolicy

POLICY = RetryPolicy(tries=4, base_s=1.0, longest_s=5.0, obey_s=60.0)


def test_waits_double_up_to_the_longest() -> None:
    assert [POLICY.backoff(tried, 1.0 - 1e-9) for tried in (1, 2, 3, 4)] == pytest.approx([1, 2, 4, 5])


def test_jitter_takes_at_most_half_of_a_wait_away() -> None:
    assert POLICY.backoff(1, 0.0) == 0.5


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_statuses_are_tried_again(status: int) -> None:
    assert POLICY.after_status("GET", status, None, 1, 0.0) == 0.5


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 405, 416, 501])
def test_other_statuses_are_final(status: int) -> None:
    assert POLICY.after_status("GET", status, None, 1, 0.0) is None


def test_the_last_try_is_the_last() -> None:
    assert POLICY.after_status("GET", 503, None, 4, 0.0) is None


def test_retry_after_is_obeyed_within_patience() -> None:
    assert POLICY.after_status("GET", 429, 7.0, 1, 0.0) == 7.0
    assert POLICY.after_status("GET", 429, 61.0, 1, 0.0) is None


def test_a_post_repeats_only_when_it_was_not_acted_on() -> None:
    assert POLICY.after_status("POST", 500, None, 1, 0.0) is None
    assert POLICY.after_status("POST", 429, None, 1, 0.0) is not None
    assert POLICY.after_error("POST", DisconnectedError("h", "r"), 1, 0.0) is None
    assert POLICY.after_error("POST", ConnectError("h", "r"), 1, 0.0) is not None


def test_a_host_that_is_not_there_gets_one_more_try_and_tls_none() -> None:
    assert POLICY.after_error("GET", ConnectError("h", "r"), 1, 0.0) is not None
    assert POLICY.after_error("GET", ConnectError("h", "r"), 2, 0.0) is None
    assert POLICY.after_error("GET", TlsError("h", "r"), 1, 0.0) is None


def test_time_limits_do_not_add_up() -> None:
    assert POLICY.after_error("GET", TimedOutError("h", "r"), 1, 0.0) is not None
    assert POLICY.after_error("GET", TimedOutError("h", "r"), 2, 0.0) is None
