"""Delivery of announcements: the client's method."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from orlop.clientparts.base import Part

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from orlop.freshness.announce import Fate, Receiver, Secrets
    from orlop.freshness.observed import Announcement, Observations

ANSWER_LIMIT = 4096
"""Bytes of a receiver's answer that are read."""


class Told(NamedTuple):
    """What became of one announcement. receiver: its name. id: stays the same through all tries. status: of the last answer, 0 for none."""

    receiver: str
    id: str
    subject: str
    platform: str
    fate: Fate
    status: int


class Announce(Part):
    """Telling others what was found."""

    async def deliver(
        self,
        observed: Observations,
        receivers: Sequence[Receiver],
        *,
        secrets: Secrets | None = None,
        token: str = "",
    ) -> list[Told]:
        """Send what waits in the outbox for these receivers, and return what became of each announcement that was tried.

        A receiver that cannot be reached, or asks for peace, is left alone until the next call. Processes that share the file take
        turns. secrets: of webhooks; token: of GitHub. Raises InputError where one is missing that is needed, StorageError.
        """
        told: list[Told] = []
        async with self._turn(observed):
            for receiver in receivers:
                while rows := observed.due(self._runtime.now(), receiver=receiver.key):
                    peace = False
                    for row in rows:
                        told.append(await self._tell(receiver, row, secrets, token))
                        peace = self._noted(observed, row, told[-1])
                        if peace:
                            break
                    if peace:
                        break
        return told

    def _noted(self, observed: Observations, row: Announcement, one: Told) -> bool:
        """Write down what became of it; whether the receiver wants peace."""
        if one.fate.state == "delivered":
            observed.delivered(row.id, self._runtime.now())
        elif one.fate.state == "later":
            observed.failed(row.id, one.fate.due, one.fate.reason)
        else:
            observed.failed(row.id, None, one.fate.reason)
        return one.fate.state == "later"

    async def _tell(self, receiver: Receiver, row: Announcement, secrets: Secrets | None, token: str) -> Told:
        from orlop.errors import NetworkError
        from orlop.freshness.announce import fate, headers, summary
        from orlop.protocol.headers import retry_after
        from orlop.protocol.message import Request

        body = row.body.encode()
        now = self._runtime.now()
        fields = headers(receiver, row.id, body, now, secrets=secrets, token=token)
        status = 0
        try:
            answer = await self._session.tell(Request("POST", receiver.url, fields, body), limit=ANSWER_LIMIT)
        except NetworkError as error:
            # The URL may be a secret, and an HTTP library's message may hold it.
            reason = error.reason if receiver.url not in error.reason else "no usable answer came"
            became = fate(0, row.tries, now, reason=reason)
        else:
            status = answer.status
            wanted = retry_after(answer.headers.get("retry-after"), now)
            became = fate(status, row.tries, self._runtime.now(), wanted)
        said = summary(row.body)
        return Told(
            receiver.name, row.id, str(said.get("subject", "")), str(said.get("platform") or ""), became, status
        )

    @asynccontextmanager
    async def _turn(self, observed: Observations) -> AsyncIterator[None]:
        """Hold the outbox's turn, so that two processes do not send the same announcement at once."""
        from orlop.content.locks import locked
        from orlop.errors import StorageError

        if observed.path == ":memory:":
            yield
            return
        folder = _folder(observed.path)
        lock = locked(folder)
        try:
            await self._runtime.run(lock.__enter__)
        except OSError as error:
            raise StorageError(folder, f"cannot be locked: {error.strerror}") from error
        try:
            yield
        finally:
            lock.__exit__(None, None, None)


def _folder(path: str) -> str:
    return os.path.dirname(os.path.abspath(path))
