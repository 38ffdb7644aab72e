"""The sweep: so many deadlines are missed at once, and two processes of `yingshang worker` tell of them.

Each of them is on a ticket of its own and has warned already, so that each is one event: claimed, chained, hashed,
committed, numbered. The rate is of wall time from the first to the last that fired, and beside it of the CPU time that
the workers and PostgreSQL have used for it: the machine may have had something else to do.
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import asyncpg
import psutil

from app.kernel.database import Database
from app.kernel.events import Sequencer
from tests.benchmarks.frame import PROGRAM, Bench, Row, family_cpu_seconds, say, short
from tests.factories.late import make_late

DEADLINES = 100_000
WORKERS = 2
PER_SECOND = 2_000.0
LEFT = "select count(*) from deadlines where city_id = $1 and fires_at < now()"
ANY_LEFT = "select exists(select from deadlines where city_id = $1 and fires_at < now())"
UNNUMBERED = "select exists(select from events where position is null)"


async def rows(bench: Bench) -> list[Row]:
    """Two rows: deadlines a second, and a second of CPU."""
    admin = await bench.admin()
    try:
        city = bench.cities[1]  # not the large one, whose own late tickets would fire too
        await admin.execute("update deadlines set missed_at = greatest(now(), due_at) where fires_at is not null")
        submitter: uuid.UUID = await admin.fetchval(
            "select submitter_id from tickets where city_id = $1 limit 1", city.id
        )
        count = DEADLINES // 10 if bench.quick else DEADLINES
        for _ in range(count // 10_000):
            await make_late(admin, city.id, submitter, 10_000, now=datetime.now(UTC), warned=True)
        await _number(bench, city.id)
        await admin.execute("vacuum (analyze) tickets, deadlines, events")
        seconds, cpu, fired = await _measure(bench, admin, city.id, count)
    finally:
        await admin.close()
    say(f"{fired:,} deadlines in {seconds:.1f} s, {cpu:.1f} s of CPU, by {WORKERS} workers")
    return [
        _at_least(f"deadlines missed at once, by {WORKERS} workers, a second", fired / seconds),
        _at_least("deadlines missed at once, a second of CPU with PostgreSQL", fired / cpu),
    ]


async def _number(bench: Bench, city_id: int) -> None:
    """Give the submissions their positions: what is measured is the sweep's own events."""

    async def spaces() -> tuple[int, ...]:
        return (city_id,)

    database = await Database.open(bench.urls.application, pool_size=1)
    try:
        sequencer = Sequencer(database, spaces)
        while await sequencer.number_events():  # noqa: ASYNC110
            await asyncio.sleep(0)
    finally:
        await database.close()


def _at_least(name: str, ours: float) -> Row:
    return Row(name, ours=short(ours), ratio=short(ours / PER_SECOND), target=PER_SECOND, met=ours >= PER_SECOND)


async def _measure(bench: Bench, admin: asyncpg.Connection, city_id: int, count: int) -> tuple[float, float, int]:
    """Seconds, CPU seconds, and how many fired in them: from when both work to when all is told and numbered."""
    with ExitStack() as stack:
        workers = [stack.enter_context(_worker(bench)) for _ in range(WORKERS)]
        while (begun_with := await admin.fetchval(LEFT, city_id)) == count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        begun = time.monotonic()
        before = sum(family_cpu_seconds(each) for each in (bench.postgres, *workers))
        while await admin.fetchval(ANY_LEFT, city_id) or await admin.fetchval(UNNUMBERED):  # noqa: ASYNC110
            await asyncio.sleep(0.5)
        seconds = time.monotonic() - begun
        cpu = sum(family_cpu_seconds(each) for each in (bench.postgres, *workers)) - before
    return seconds, cpu, begun_with


@contextmanager
def _worker(bench: Bench) -> Iterator[psutil.Process]:
    process = psutil.Popen([PROGRAM, "worker"], env={**os.environ, **bench.environment})
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)
