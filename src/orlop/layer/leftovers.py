"""What would stay on the disk if this process ended now, so that Ctrl-C can take it away.

Ctrl-C reaches the main thread alone; the threads that write are not unwound, and their ``finally`` does not run.
"""

from __future__ import annotations

from abc import ABC, abstractmethod


class Leftover(ABC):
    """Something on the disk that nobody wants in the end. Enter it in ``live`` when it is made, take it out in ``close``."""

    @abstractmethod
    def close(self) -> None:
        """Take it away; a second time does nothing."""


live: set[Leftover] = set()
"""All that there is of this process."""


def abandon() -> None:
    """Take all of it away. What still writes there fails."""
    for leftover in tuple(live):
        leftover.close()
