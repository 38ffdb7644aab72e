"""Every job there is, and the process that does nothing but them."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import AsyncExitStack
from datetime import timedelta

from app.aggregates.job import AGGREGATE_RELEASER
from app.deadlines.moving import moving
from app.doctor import PROVISIONAL, calendar_finding
from app.integrity.reports.job import REPORT_KEEPER
from app.kernel.clock import SystemClock
from app.kernel.config import Settings
from app.kernel.database import Database
from app.kernel.events import Sequencer
from app.operations import MOVERS, sweep_files_of, uploads_of
from app.rectification.opening import OPENER
from app.rectification.overdue import OVERDUE
from app.supervision.follower import FOLLOWER
from app.tickets.sweep import SWEEP
from app.transfers.late import LATE
from app.transfers.relay import RELAY
from app.worker import Context, Job, Worker
from tenants.tree import TenantTreeCache

logger = logging.getLogger(__name__)


async def _sweep_files(context: Context) -> int:
    uploads = uploads_of(context.settings, context.database)
    swept = await sweep_files_of(uploads, await context.tree(), now=context.clock.now())
    return sum(each.uploads + each.attachments + each.strays for _, each in swept)


class Years:
    """Tells the operator, in the log, of open deadlines in years whose holidays are not published: at the start of a
    process, and when there are more or fewer of them."""

    def __init__(self) -> None:
        self._told = ""

    async def turn(self, context: Context) -> int:
        """Say what is new; there is never more of it at once."""
        async with context.database.reading(cities=(await context.tree()).space_ids) as reading:
            found = calendar_finding(await reading.connection.fetch(PROVISIONAL))
        if found.says != self._told and (found.do or self._told):
            logger.warning("%s %s", found.says, found.do)
        self._told = found.says if found.do else ""
        return 0


JOBS = (
    SWEEP,
    OVERDUE,
    REPORT_KEEPER,
    AGGREGATE_RELEASER,
    FOLLOWER,
    RELAY,
    LATE,
    OPENER,
    *(moving(f"calendar: {name}", step) for name, step in MOVERS.items()),
    Job("calendar: years", timedelta(hours=1), Years().turn),
    Job("files", timedelta(hours=1), _sweep_files),
)


async def run_worker(settings: Settings, application_url: str) -> None:
    """Run the jobs until the process is told to end (SIGTERM or SIGINT), and the turns that have begun to their end.

    Raises OSError and asyncpg.PostgresError when the database refuses at the start.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        database = await Database.open(
            application_url, pool_size=settings.pool_size, statement_timeout_ms=settings.statement_timeout_ms
        )
        stack.push_async_callback(database.close)
        trees = TenantTreeCache(database)

        async def spaces() -> tuple[int, ...]:
            return (await trees.get(sequencer.tree_version)).space_ids

        sequencer = await stack.enter_async_context(Sequencer(database, spaces))
        await stack.enter_async_context(Worker(Context(database, trees, sequencer, SystemClock(), settings), JOBS))
        await stopped.wait()
