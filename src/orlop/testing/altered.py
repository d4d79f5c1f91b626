"""Bodies of the embedded registry's answers, changed on their way out; see ``faults.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.server.exchange import Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class FlipFirst:
    """Changes one bit of the first byte that it is given."""

    done = False

    def __call__(self, data: bytes) -> bytes:
        """Return the chunk, changed when it is the first with a byte in it."""
        if self.done or not data:
            return data
        self.done = True
        return bytes([data[0] ^ 1]) + data[1:]


class Shorten:
    """Passes so many bytes and swallows the rest."""

    def __init__(self, left: int) -> None:
        self._left = left

    def __call__(self, data: bytes) -> bytes:
        """Return what there is room for."""
        part = data[: self._left]
        self._left -= len(part)
        return part


class _ChangedStream:
    """A stream whose chunks are changed on the way; closing it closes what it reads from, begun or not."""

    def __init__(self, stream: AsyncIterator[bytes], change: Callable[[bytes], bytes]) -> None:
        self._stream, self._change = stream, change

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        return self._change(await anext(self._stream))

    async def aclose(self) -> None:
        await Reply(200, stream=self._stream).aclose()


def changed(reply: Reply, change: Callable[[bytes], bytes]) -> Reply:
    """Return the reply with each chunk of its body changed; its length stays as stated."""
    reply.body = change(reply.body) if reply.stream is None else b""
    reply.stream = _ChangedStream(reply.stream, change) if reply.stream is not None else None
    return reply
