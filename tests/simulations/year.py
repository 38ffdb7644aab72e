"""Leads people and workers through the ticks of a year, and kills a worker now and then."""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any, Final

import asyncpg

from app.demo.loader import load_demo
from app.kernel.database import Database
from app.kernel.workdays import BUILT_IN
from tenants.calendar_import import publish_calendar, read_calendar
from tenants.provisioning import PLATFORM_ID
from tests.simulations.account import Account, take
from tests.simulations.calendar import ZONE, Change, Tick, sheet_of, ticks_of
from tests.simulations.people import SEED, Share, live
from tests.simulations.workers import Order, work

CITY: Final = "guangyuan"
BESIDE: Final = "anshan"
"""The city that it passes tickets on to."""
FOUNDED: Final = datetime(2025, 12, 31, 2, 0, tzinfo=UTC)
CHANGE: Final = Change(
    date(2026, 8, 24),
    {date(2026, 8, 29): True, date(2026, 9, 3): False, date(2026, 9, 4): False, date(2026, 9, 6): True},
)
"""As in 2015, when a day of remembrance was made a holiday a few months before it; here a few days."""
ANALYZED_EVERY: Final = 200
"""Ticks: an empty table's statistics make bad plans."""
ROUNDS: Final = 50
"""In so many rounds the workers must have done what a killed one left."""
_LEFT = """
select (select count(*) from deadlines where city_id = any($1) and fires_at < $2)
  + (select count(*) from events where city_id = any($1) and position is null)
  + (select sum(h.position - coalesce(c.position, 0)) from event_heads h
     left join supervision_cursors c on c.city_id = h.city_id where h.city_id = any($1))::bigint
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is simulated, and by how many. Deaths: of so many ticks one worker dies in one."""

    tickets: int
    enterprises: int = 300
    first: date = date(2026, 1, 1)
    last: date = date(2026, 12, 31)
    change: Change = CHANGE
    people: int = 2
    workers: int = 3
    ticks_per_death: int = 40


@dataclass
class Year:
    """What was simulated."""

    city_ids: Sequence[int]
    ticks: Sequence[Tick]
    changed_at: datetime | None = None
    """The tick at which the state's calendar was changed; None: the year was over before."""
    verbs: Counter[str] = field(default_factory=Counter)
    deaths: int = 0
    late: int = 0
    """Things that were due at a tick and that no round of its workers did."""
    seconds: float = 0.0


Progress = Callable[[Tick, int, int], None]


async def simulate(admin_url: str, application_url: str, plan: Plan, *, progress: Progress | None = None) -> Year:
    """A year of an empty, migrated database: its cities are made first. What anything in it raises is raised."""
    loaded = await load_demo(
        admin_url, enterprises=plan.enterprises, tickets=0, now=FOUNDED, founded=FOUNDED, presets=(CITY, BESIDE)
    )
    city, beside = (each.city for each in loaded)
    year = Year((city.id, beside.id), ticks_of(plan.first, plan.last, plan.change.days))
    chance = Random(SEED)
    began = time.perf_counter()
    async with AsyncExitStack() as stack:
        admin = await asyncpg.connect(admin_url)
        stack.push_async_callback(admin.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        shares = [
            Share(application_url, city, beside, plan.enterprises, plan.tickets, part, plan.people, year.ticks)
            for part in range(plan.people)
        ]
        people = [stack.enter_context(_Process.running(live, share)) for share in shares]
        workers = [stack.enter_context(_Process.running(work, application_url, folder)) for _ in range(plan.workers)]
        for number, tick in enumerate(year.ticks):
            await _all(people, number)
            order = Order(tick.at, all_jobs=tick.first or tick is year.ticks[-1])
            if chance.randrange(plan.ticks_per_death) == 0:
                year.deaths += await _with_a_death(workers, order, chance)
            else:
                await _all(workers, order)
            year.late += await _left(admin, year.city_ids, tick, workers, order)
            if tick.first and tick.at.astimezone(ZONE).date() == plan.change.published:
                await _publish(application_url, plan.change, now=tick.at)
                year.changed_at = tick.at
                year.deaths += await _with_a_death(workers, order, chance)
                await _all(workers, order)  # which do what it left
            if tick.first and number % ANALYZED_EVERY < 8:
                await admin.execute("analyze")
            if tick.first and progress is not None:
                progress(tick, number + 1, len(year.ticks))
        for each in people:
            year.verbs += await each.ask(None)
    year.seconds = time.perf_counter() - began
    return year


async def account_of(connection: asyncpg.Connection, year: Year, plan: Plan) -> Account:
    """The account of a year that was simulated; the connection is the superuser's."""
    return await take(
        *(connection, year.city_ids, year.ticks), founded=FOUNDED, change=plan.change, changed_at=year.changed_at
    )


async def _publish(application_url: str, change: Change, *, now: datetime) -> None:
    database = await Database.open(application_url, pool_size=1)
    try:
        async with database.session(cities=(PLATFORM_ID,)) as session:
            read = read_calendar(sheet_of(change), BUILT_IN)
            await publish_calendar(session, read, note=None, published_by=None, now=now)
    finally:
        await database.close()


async def _left(
    admin: asyncpg.Connection, city_ids: Sequence[int], tick: Tick, workers: Sequence[_Process], order: Order
) -> int:
    """What is still to be done at the tick once the workers have found nothing more: a killed one may have held it."""
    for _ in range(ROUNDS):
        left: int = await admin.fetchval(_LEFT, city_ids, tick.at)
        if not left:
            break
        await _all(workers, order)
    return left


async def _all(processes: Sequence[_Process], order: Any) -> None:
    for each in processes:
        each.tell(order)
    for each in processes:
        await each.answer()


async def _with_a_death(workers: Sequence[_Process], order: Order, chance: Random) -> int:
    """One is killed in the middle of it, the others go on, and another takes its place; 0 when it was done before."""
    for each in workers:
        each.tell(order)
    victim = chance.choice(workers)
    await asyncio.sleep(chance.uniform(0.0, 0.03))
    at_work = not victim.has_answered()
    victim.kill()
    for each in workers:
        if each is not victim:
            await each.answer()
    victim.start()
    return int(at_work)


class _Process:
    """A process that answers what it is told."""

    def __init__(self, target: Callable[..., None], *arguments: Any) -> None:
        self._target, self._arguments = target, arguments
        self.start()

    @classmethod
    @contextmanager
    def running(cls, target: Callable[..., None], *arguments: Any) -> Iterator[_Process]:
        process = cls(target, *arguments)
        try:
            yield process
        finally:
            process.kill()

    def start(self) -> None:
        self._pipe: Connection
        self._pipe, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=self._target, args=(*self._arguments, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe.recv()  # it is ready

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def tell(self, order: Any) -> None:
        self._pipe.send(order)

    def has_answered(self) -> bool:
        return self._pipe.poll()

    async def answer(self) -> Any:
        answer = await asyncio.to_thread(self._pipe.recv)
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return answer

    async def ask(self, order: Any) -> Any:
        self.tell(order)
        return await self.answer()


_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.simulations.people", "tests.simulations.workers"])
