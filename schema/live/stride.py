"""How much of a stream is read at a time."""

from __future__ import annotations

from collections.abc import Iterable

PAGE = 200
"""Events read from the log, or delivered, at a time."""
FIRST_STRIDE = 10
"""Events whose payloads are read first, while nothing is known of their size."""
STRIDE_BYTES = 262_144
"""What the payloads that are read together should come to."""


class Stride:
    """How many events' payloads are read together, so that they come to about `STRIDE_BYTES`: as the last ones did."""

    __slots__ = ("events",)

    def __init__(self) -> None:
        self.events = FIRST_STRIDE

    def judge(self, events: int, payloads: Iterable[tuple[int, bytes]]) -> None:
        """So many were read, and gave these."""
        size = sum(len(payload) for _, payload in payloads)
        fitting = events * STRIDE_BYTES // size if size else PAGE
        self.events = max(1, min(PAGE, 4 * self.events, fitting))
