"""Waking the processes: one LISTEN connection per process, told by the sequencers which cities have news."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import asyncpg
from asyncpg.exceptions import InterfaceError, PostgresError

from app.kernel.database import Database
from app.kernel.errors import TooSlow
from app.kernel.events import CHANNEL, EVERY_CITY

logger = logging.getLogger(__name__)

Callback = Callable[[frozenset[int] | None], None]
"""Called in the event loop with the cities that have news; None: any may have."""

HEARTBEAT_SECONDS = 15.0
"""How long a connection that died without a word can go unnoticed (beside the time-out of the probe itself)."""
RETRY_SECONDS = (0.05, 0.2, 1.0, 5.0)
"""The pauses before another attempt to connect; the last one is repeated."""


class Wakeups:
    """Calls its subscribers when events got their positions, in whichever process.

    A wake carries no event: whoever is woken reads the log by cursor, so a wake that was missed while the connection
    was down loses nothing, and after every (re)connection all cities are woken. Keeps one connection of the pool.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._callbacks: set[Callback] = set()
        self._task: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Have `callback` called at every wake; returns what ends it. A callback must not block and not raise."""
        self._callbacks.add(callback)
        return lambda: self._callbacks.discard(callback)

    async def connected(self) -> None:
        """Wait until the process listens."""
        await self._connected.wait()

    async def run(self) -> None:
        """Listen, and after a lost connection listen anew, until cancelled."""
        attempt = 0
        while True:
            try:
                async with self._database.connection() as connection:
                    attempt = 0
                    await self._listen(connection)
            except (OSError, TimeoutError, TooSlow, PostgresError, InterfaceError) as error:
                pause = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
                logger.warning("Lost the listening connection (%s); connecting again in %s s", error, pause)
                attempt += 1
                await asyncio.sleep(pause)
            finally:
                self._connected.clear()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.run(), name="wakeups")
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _listen(self, connection: asyncpg.Connection) -> None:
        lost = asyncio.Event()

        def on_loss(_connection: object) -> None:
            lost.set()

        connection.add_termination_listener(on_loss)
        await connection.add_listener(CHANNEL, self._on_notification)
        try:
            self._connected.set()
            self._wake(None)  # what was announced while nobody listened
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(HEARTBEAT_SECONDS):
                        await lost.wait()
                if lost.is_set():
                    raise ConnectionResetError("closed by the server")
                await connection.execute("select 1", timeout=HEARTBEAT_SECONDS)
        finally:
            if not lost.is_set() and not connection.is_closed():
                # The pool gives the connection to somebody else, who must not inherit the channel.
                connection.remove_termination_listener(on_loss)
                await connection.remove_listener(CHANNEL, self._on_notification)

    def _on_notification(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        text = str(payload)
        self._wake(None if text == EVERY_CITY else frozenset(map(int, text.split(","))))

    def _wake(self, city_ids: frozenset[int] | None) -> None:
        for callback in tuple(self._callbacks):
            callback(city_ids)
