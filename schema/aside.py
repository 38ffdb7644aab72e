"""Work that takes Python long, done beside the event loop, so that everybody else is served meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

from app.kernel.errors import RateLimited

T = TypeVar("T")

MOST_WAITING = 100
"""What one person may have waiting; strangers count as one."""


class Aside:
    """One piece of work at a time, since Python does no more of it at once.

    Persons take turns, so that nobody waits for all that another one has asked for. Who asks for what is being worked
    out already waits for that.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "aside")
        self._turn = asyncio.Lock()
        self._lines: defaultdict[Hashable, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiting: Counter[Hashable] = Counter()
        self._going: dict[Hashable, asyncio.Future[Any]] = {}

    async def once(self, key: Hashable, person: Hashable, work: Callable[[], T]) -> T:
        """What `work` gives, or raises; for all that ask for the same `key` meanwhile. Raises RateLimited.

        `work` runs in a thread, with others that run only while it lets them.
        """
        while (going := self._going.get(key)) is not None:
            await asyncio.wait([going])
            if not going.cancelled():  # otherwise who was at it is gone: somebody else must be
                return cast(T, going.result())
        going = self._going[key] = asyncio.get_running_loop().create_future()
        try:
            async with self._in_turn(person):
                done = await asyncio.get_running_loop().run_in_executor(self._thread, work)
            going.set_result(done)
            return done
        except Exception as error:
            going.set_exception(error)
            going.exception()  # nobody else may want to know
            raise
        finally:
            going.cancel()
            del self._going[key]

    @asynccontextmanager
    async def _in_turn(self, person: Hashable) -> AsyncIterator[None]:
        if self._waiting[person] >= MOST_WAITING:
            raise RateLimited("documents", limit=MOST_WAITING)
        self._waiting[person] += 1
        try:
            async with self._lines[person], self._turn:
                yield
        finally:
            self._waiting[person] -= 1
            if not self._waiting[person]:
                del self._waiting[person], self._lines[person]
