"""A worker in a process of its own, which is told what time it is, and may be killed anywhere."""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop

from app.jobs import JOBS
from app.kernel.clock import FixedClock
from app.kernel.config import Settings
from app.kernel.database import Database
from app.kernel.events import Sequencer
from app.worker import Context, Job
from tenants.tree import TenantTreeCache

OFTEN = ("deadlines", "supervision", "transfers late")
"""The jobs of every tick; all of them are run at the first tick of a working day."""


@dataclass(frozen=True, slots=True)
class Order:
    """Do what is due by then."""

    at: datetime
    all_jobs: bool


def work(url: str, data_dir: Path, pipe: Connection) -> None:
    """The process: works off each order, and says how much there was to do."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(url, data_dir, pipe))


async def _work(url: str, data_dir: Path, pipe: Connection) -> None:
    database = await Database.open(url, pool_size=4, statement_timeout_ms=60_000)
    try:
        trees = TenantTreeCache(database)

        async def spaces() -> tuple[int, ...]:
            return (await trees.get(sequencer.tree_version)).space_ids

        sequencer = Sequencer(database, spaces)
        clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
        context = Context(database, trees, sequencer, clock, Settings(data_dir=data_dir, signing_key=None))
        pipe.send(0)
        while (order := pipe.recv()) is not None:
            clock.at = order.at
            jobs = [job for job in JOBS if job.name in OFTEN or (order.all_jobs and job.name != "files")]
            try:
                pipe.send(await _work_off(context, sequencer, jobs))
            except Exception:  # the other end raises it
                pipe.send(traceback.format_exc())
    finally:
        await database.close()


async def _work_off(context: Context, sequencer: Sequencer, jobs: list[Job]) -> int:
    """Turns of all jobs beside one another, until none finds anything."""
    done = 0
    while True:
        await sequencer.number_events()
        turns = sum(await asyncio.gather(*(job.turn(context) for job in jobs)))
        if not turns:
            return done
        done += turns
