"""Calls many connections now and then, with one timer for all of them: one each would be a third of what each costs."""

from __future__ import annotations

import asyncio
import math
from typing import Protocol

TICK = 0.25
"""Seconds by which a call may come late."""
AT_ONCE = 20
"""Calls before others have a turn: thousands who came together are due together, and no event waits behind them."""


class Beating(Protocol):
    """Who is called."""

    def beat(self, now: float) -> None:
        """It is time (of the event loop's clock)."""


class Beats:
    """Those who are to be called, by when."""

    def __init__(self) -> None:
        self._slots: dict[int, set[Beating]] = {}
        self._timer: asyncio.Handle | None = None

    def at(self, when: float, beating: Beating) -> int:
        """Call it once, then; returns what `forget` is told."""
        slot = math.ceil(when / TICK)
        self._slots.setdefault(slot, set()).add(beating)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._tick)
        return slot

    def forget(self, slot: int, beating: Beating) -> None:
        """Do not call it; it may have been called already."""
        beatings = self._slots.get(slot)
        if beatings is not None:
            beatings.discard(beating)
            if not beatings:
                del self._slots[slot]

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        called = 0
        for slot in sorted(slot for slot in self._slots if slot * TICK <= now):
            beatings = self._slots[slot]
            while beatings:
                if called == AT_ONCE:
                    self._timer = loop.call_soon(self._tick)
                    return
                beatings.pop().beat(now)
                called += 1
            self._slots.pop(slot, None)
        self._timer = loop.call_later(TICK, self._tick) if self._slots else None
