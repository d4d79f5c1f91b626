"""The transport seam: one request out, one answer in, its body as a stream. Knows HTTP, knows no registries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orlop.protocol.message import Headers, Request
    from orlop.transport.options import HostOptions


class Answer(ABC):
    """An answer whose head is here and whose body is still to be read. Close it when done."""

    status: int
    headers: Headers
    url: str

    @abstractmethod
    async def read(self, limit: int) -> bytes:
        """Return the whole body, undone of a gzip Content-Encoding; InvalidDocumentError above ``limit`` bytes."""

    @abstractmethod
    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes, as the server sent it."""

    @abstractmethod
    async def close(self) -> None:
        """Give the connection back; what is unread is dropped."""


class Transport(ABC):
    """Sends requests; follows no redirect, retries nothing, knows no credentials."""

    @abstractmethod
    async def send(self, request: Request, options: HostOptions, *, whole: bool) -> Answer:
        """Send and wait for the answer's head.

        whole: the answer is a document, so ``options.document_timeout_s`` bounds the exchange.
        Raises ConnectError, TimedOutError, TlsError, DisconnectedError; InputError for a URL that is none.
        """

    @abstractmethod
    async def close(self) -> None:
        """End all connections."""
