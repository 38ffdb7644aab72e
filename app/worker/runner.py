"""Who runs the jobs of a process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from app.worker.job import Context, Job

logger = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 60.0
"""After failures in a row; the first is a second, each further one doubles it."""


class Worker:
    """Runs each job beside the others until the block is left, which waits for the turns that have begun."""

    def __init__(self, context: Context, jobs: Sequence[Job], *, first_pause_seconds: float = 1.0) -> None:
        self._context = context
        self._jobs = jobs
        self._first_pause_seconds = first_pause_seconds
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def stop(self) -> None:
        """Begin no further turn."""
        self._stopping.set()

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._run(job), name=f"job {job.name}") for job in self._jobs]
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        await asyncio.gather(*self._tasks)

    async def _run(self, job: Job) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                done = await job.turn(self._context)
            except Exception:  # whatever it is: the other jobs, and this one's next turn, must not be lost with it
                logger.exception("The job %s failed; it is tried again", job.name)
                await self._rest(min(LONGEST_PAUSE_SECONDS, self._first_pause_seconds * 2**failures))
                failures = min(failures + 1, 10)
                continue
            failures = 0
            await self._rest(0 if done else job.every.total_seconds())

    async def _rest(self, seconds: float) -> None:
        """Let the loop go on, and so many seconds pass unless the worker is stopped."""
        if not seconds:
            await asyncio.sleep(0)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
