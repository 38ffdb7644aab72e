"""What is still to be sent to one client: in order, bounded, and never waited for by anybody else."""

from __future__ import annotations

import asyncio
import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Protocol


class Line(Protocol):
    """The way to one client."""

    def send_now(self, part: bytes) -> bool:
        """Send it if that can be done without waiting; whether it was."""

    async def send(self, part: bytes) -> None:
        """Send it; waits while the client takes nothing. Raises OSError when it is gone."""


class Interrupted(Exception):
    """The stream cannot go on here and now, for `reason`; nothing is lost: the client resumes from its last cursor."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


SLOW = "The client does not keep up: resume from the last cursor"


class Outbox:
    """Sends to one client. Only a client that is slow right now costs a queue and a task.

    `offer` sends at once where the connection takes it, which is nearly always: a task per delivery would double what
    five thousand deliveries cost. When the connection does not take it, the send is carried on by a task, and what
    comes meanwhile is queued. A full queue calls `on_full` once, and nothing is sent any more.
    """

    __slots__ = (
        "_bytes",
        "_closed",
        "_limit",
        "_limit_bytes",
        "_line",
        "_on_full",
        "_progress",
        "_queue",
        "_task",
    )

    def __init__(
        self,
        line: Line,
        *,
        limit: int,
        limit_bytes: int,
        on_full: Callable[[], None],
    ) -> None:
        self._line = line
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._on_full = on_full
        self._queue: deque[bytes] | None = None
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._progress: asyncio.Event | None = None
        self._closed = False

    def offer(self, part: bytes) -> None:
        """Send, or queue. Never blocks; a closed connection swallows it."""
        if self._closed:
            return
        if self._task is not None:
            self._enqueue(part)
            return
        if self._line.send_now(part):
            return
        sending = self._line.send(part)
        try:
            blocked_on = sending.send(None)
        except StopIteration:
            return
        except (OSError, RuntimeError):  # the client is gone; its receiver will be told
            self._closed = True
            return
        self._task = asyncio.create_task(self._carry_on(sending, blocked_on))

    async def room(self, stall_seconds: float) -> None:
        """Wait until at most half of the queue is taken. Raises Interrupted when nothing moves for `stall_seconds`."""
        while self._queue and (len(self._queue) > self._limit // 2 or self._bytes > self._limit_bytes // 2):
            if self._progress is None:
                self._progress = asyncio.Event()
            self._progress.clear()
            try:
                async with asyncio.timeout(stall_seconds):
                    await self._progress.wait()
            except TimeoutError:
                raise Interrupted(SLOW) from None

    async def flush(self) -> None:
        """Wait until all that was offered is sent."""
        if self._task is not None:
            await asyncio.wait({self._task})

    def close(self) -> None:
        """Forget what is queued, send nothing more."""
        self._closed = True
        self._queue = None
        if self._task is not None:
            self._task.cancel()

    def _enqueue(self, part: bytes) -> None:
        if self._queue is None:
            self._queue = deque()
        if len(self._queue) >= self._limit or self._bytes + len(part) > self._limit_bytes:
            self.close()
            self._on_full()
            return
        self._queue.append(part)
        self._bytes += len(part)

    async def _carry_on(self, sending: Coroutine[Any, Any, None], blocked_on: Any) -> None:
        try:
            await _rest_of(sending, blocked_on)
            while self._queue:
                part = self._queue.popleft()
                self._bytes -= len(part)
                await self._line.send(part)
                if self._progress is not None:
                    self._progress.set()
        except (OSError, RuntimeError):
            self._closed = True
        finally:
            self._task = None
            self._queue = None
            self._bytes = 0
            if self._progress is not None:
                self._progress.set()


@types.coroutine
def _rest_of(coroutine: Coroutine[Any, Any, None], blocked_on: Any) -> Generator[Any, Any, None]:
    """What remains of a coroutine that was begun outside of a task and has yielded `blocked_on`."""
    while True:
        thrown: BaseException | None = None
        sent = None
        try:
            sent = yield blocked_on
        except BaseException as error:
            thrown = error
        try:
            blocked_on = coroutine.send(sent) if thrown is None else coroutine.throw(thrown)
        except StopIteration:
            return
