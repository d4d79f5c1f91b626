"""Whether to try again, and when. Pure: outcomes and numbers in, a delay or None out."""

from __future__ import annotations

from dataclasses import dataclass

from orlop.errors import ConnectError, DisconnectedError, NetworkError, TimedOutError

RETRY_STATUS = frozenset({408, 429, 500, 502, 503, 504})
IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently. Times in seconds.

    tries: requests in all, the first included. The n-th wait is ``base_s * 2**(n-1)``, at most ``longest_s``,
    of which a random half is left out, so that many clients do not come back at once.
    A Retry-After is obeyed up to ``obey_s``; a longer one ends the tries.
    """

    tries: int = 4
    base_s: float = 0.25
    longest_s: float = 10.0
    obey_s: float = 60.0

    def backoff(self, tried: int, jitter: float) -> float:
        """Return the wait before the next try; jitter: a random number in [0, 1)."""
        ceiling = min(self.longest_s, self.base_s * 2.0 ** (tried - 1))
        return ceiling * (0.5 + jitter / 2)

    def after_status(
        self, method: str, status: int, retry_after: float | None, tried: int, jitter: float
    ) -> float | None:
        """Return the wait in seconds after an answer with this status, or None to take the answer as it is.

        Rule: RFC 9110 10.2.3 (Retry-After). A 429 or 503 with Retry-After was not acted on, so any method repeats.
        """
        if tried >= self.tries or status not in RETRY_STATUS:
            return None
        if method not in IDEMPOTENT and status not in {429, 503}:
            return None
        if retry_after is None:
            return self.backoff(tried, jitter)
        return retry_after + jitter * self.base_s if retry_after <= self.obey_s else None

    def after_error(self, method: str, error: NetworkError, tried: int, jitter: float) -> float | None:
        """Return the wait in seconds after a failed exchange, or None to give up.

        A connection that was never made carried no request, so any method repeats.
        """
        if tried >= self.tries:
            return None
        if isinstance(error, ConnectError):
            # A closed port or an unknown name rarely heals within seconds: one more try, not four.
            return self.backoff(tried, jitter) if tried < 2 else None
        if isinstance(error, TimedOutError):
            return self.backoff(tried, jitter) if method in IDEMPOTENT and tried < 2 else None
        if isinstance(error, DisconnectedError) and method in IDEMPOTENT:
            return self.backoff(tried, jitter)
        return None
