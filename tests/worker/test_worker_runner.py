"""The runner of jobs: again at once while there is work, rest when there is none, and no failure harms others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from app.kernel.clock import FixedClock
from app.kernel.config import Settings
from app.worker import Context, Job, Worker, one_by_one

NEVER_AGAIN = timedelta(hours=1)
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def context() -> Context:
    """Of jobs that ask for nothing."""
    nothing = cast("Any", None)
    return Context(nothing, nothing, nothing, FixedClock(NOW), Settings())


class Counting:
    """A job's turns: what each of them did, as told beforehand; what is an exception is raised."""

    def __init__(self, *turns: int | Exception) -> None:
        self._turns = list(turns)
        self.taken = 0
        self.over = asyncio.Event()

    async def __call__(self, _context: Context) -> int:
        self.taken += 1
        turn = self._turns.pop(0) if self._turns else 0
        if not self._turns:
            self.over.set()
        if isinstance(turn, Exception):
            raise turn
        return turn


async def run(*jobs: Job, until: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(30), Worker(context(), jobs, first_pause_seconds=0.001):
        await until()


async def test_a_job_goes_on_while_there_is_work_and_then_rests() -> None:
    turns = Counting(5, 5, 2, 0)
    await run(Job("busy", NEVER_AGAIN, turns), until=turns.over.wait)
    assert turns.taken == 4


async def test_a_job_that_rests_is_taken_up_again() -> None:
    turns = Counting(0, 0, 0)
    await run(Job("idle", timedelta(milliseconds=1), turns), until=turns.over.wait)
    assert turns.taken >= 3


async def test_a_job_that_fails_is_logged_and_tried_again_and_harms_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failing, other = Counting(ValueError("no"), OSError("gone"), 1, 0), Counting(1, 0)
    with caplog.at_level(logging.ERROR):
        await run(
            *(Job("failing", NEVER_AGAIN, failing), Job("other", NEVER_AGAIN, other)),
            until=lambda: asyncio.gather(failing.over.wait(), other.over.wait()),
        )
    assert (failing.taken, other.taken) == (4, 2)
    said = [record.getMessage() for record in caplog.records]
    assert said == ["The job failing failed; it is tried again"] * 2


async def test_the_end_waits_for_the_turn_that_has_begun_and_begins_no_other() -> None:
    begun, told_to_end = asyncio.Event(), asyncio.Event()
    finished: list[int] = []

    async def slow(_context: Context) -> int:
        begun.set()
        await told_to_end.wait()
        await asyncio.sleep(0)
        finished.append(1)
        return 1

    async with Worker(context(), (Job("slow", NEVER_AGAIN, slow),)) as worker:
        await begun.wait()
        worker.stop()
        told_to_end.set()
    assert finished == [1]


async def test_a_job_that_keeps_failing_is_ended_in_its_pause() -> None:
    failed = asyncio.Event()

    async def hopeless(_context: Context) -> int:
        failed.set()
        raise ValueError("never")

    async with (
        asyncio.timeout(30),
        Worker(context(), (Job("hopeless", NEVER_AGAIN, hopeless),), first_pause_seconds=3_600),
    ):
        await failed.wait()


async def test_one_city_that_fails_keeps_no_other_waiting() -> None:
    taken = []

    async def step(city_id: int) -> int:
        taken.append(city_id)
        if city_id == 2:
            raise ValueError("a scheme that cannot be read")
        return city_id

    assert await one_by_one([1, 3], step) == 4
    with pytest.raises(ExceptionGroup) as failed:
        await one_by_one([1, 2, 3], step)
    assert taken == [1, 3, 1, 2, 3]
    assert [str(each) for each in failed.value.exceptions] == ["a scheme that cannot be read"]
