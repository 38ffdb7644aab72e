"""A process of people: it leads its share of the stories, tick by tick, many steps in each transaction."""

from __future__ import annotations

import asyncio
import gc
import heapq
import traceback
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from multiprocessing.connection import Connection
from random import Random
from typing import Any, cast

import uvloop

from app.demo.city import DemoCity
from app.demo.enterprises import enterprises
from app.demo.logins import enterprise_login, enterprise_user_id, login_id
from app.kernel.database import Database
from app.kernel.unit_of_work import Nobody, UnitOfWork, unit_of_work
from app.tickets.actions.draw_quality_sample import draw_quality_sample
from authz.actors import Actors
from authz.policy import load_policy
from authz.tokens import TokenVerifier
from tenants.tree import TenantTreeCache
from tests.simulations.calendar import ZONE, Tick
from tests.simulations.stories import (
    WRONG,
    Step,
    Story,
    Ticket,
    Town,
    check,
    entry,
    guest,
    interview,
    notice,
    offer,
    report,
    reversal,
)

TOGETHER = 40
"""Steps of one transaction: what a client does in one call each, so that a year takes minutes."""
AT_ONCE = 3
"""Transactions of one process."""
SEED = 510_800


@dataclass(frozen=True, slots=True)
class Share:
    """What a process of people is told: its place among `parts`, and how much happens in all."""

    url: str
    city: DemoCity
    beside: DemoCity
    enterprises: int
    tickets: int
    part: int
    parts: int
    ticks: Sequence[Tick]


def live(share: Share, pipe: Connection) -> None:
    """The process: for each number of a tick the steps of that tick, until it is told nothing more."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_live(share, pipe))


async def _live(share: Share, pipe: Connection) -> None:
    database = await Database.open(share.url, pool_size=AT_ONCE + 1, statement_timeout_ms=60_000)
    try:
        people = People(share, database)
        gc.freeze()  # a hundred thousand stories wait, and none of them is rubbish
        gc.set_threshold(50_000, 20, 20)
        pipe.send(None)
        while (number := pipe.recv()) is not None:
            try:
                await people.tick(number)
                pipe.send(None)
            except Exception:  # the other end raises it
                pipe.send(traceback.format_exc())
        pipe.send(people.done)
    finally:
        await database.close()


class People:
    """All stories of one process, by the tick at which they go on."""

    def __init__(self, share: Share, database: Database) -> None:
        self._share, self._database, self._city_id = share, database, share.city.id
        self._town = town = Town(share.city, list(enterprises(share.city, 0, share.enterprises)), share.beside)
        self._trees = TenantTreeCache(database)
        self._actors = Actors(database, load_policy(), cast(TokenVerifier, None))
        self._users = {
            enterprise_login(each.credit_code): enterprise_user_id(town.city, each.index) for each in town.enterprises
        }
        self._waiting: list[tuple[int, int, Story, Step]] = []
        self._order = count()
        self._tickets: dict[int, Ticket] = {}
        self._known: set[uuid.UUID] = set()
        self._seconds = count(1)
        self._month: date | None = None
        self._chance = Random(f"{SEED}:desk:{share.part}")
        self.done: Counter[str] = Counter()
        for number in range(share.part, share.tickets, share.parts):
            chance = Random(f"{SEED}:{number}")
            self._begin(self._submitted(chance), Ticket(town, chance))

    def _submitted(self, chance: Random) -> int:
        """A tick of the year; few report on days off."""
        while True:
            number = chance.randrange(len(self._share.ticks))
            if self._share.ticks[number].working or chance.random() < 0.5:
                return number

    def _begin(self, number: int, ticket: Ticket, story: Story | None = None) -> None:
        story = ticket.story() if story is None else story
        self._tickets[id(story)] = ticket
        self._go_on(number, story, first=True)

    def _go_on(self, number: int, story: Story, *, done: bool = True, first: bool = False) -> None:
        """Wait for the story's next step, if it has one."""
        try:
            step = next(story) if first else story.send(done)
        except StopIteration:
            self._tickets.pop(id(story), None)
            return
        at = number + step.wait if first else number + max(1, step.wait)
        while at < len(self._share.ticks) and not (step.off_duty or self._share.ticks[at].working):
            at += 1
        heapq.heappush(self._waiting, (at, next(self._order), story, step))

    async def tick(self, number: int) -> None:
        """Everything that is to be done by this tick, each at its moment of the hour before."""
        at = self._share.ticks[number].at
        if self._share.part == 0 and self._share.ticks[number].first:
            await self._look_at_the_desk(number)
        together: list[tuple[Story, Step]] = []
        alone: list[tuple[Story, Step]] = []
        while self._waiting and self._waiting[0][0] <= number:
            _, _, story, step = heapq.heappop(self._waiting)
            (alone if step.alone else together).append((story, step))
        gate = asyncio.Semaphore(AT_ONCE)

        async def do(chunk: Sequence[tuple[Story, Step]], moment: datetime) -> None:
            async with gate:
                await self._do(chunk, moment)

        chunks = [together[first : first + TOGETHER] for first in range(0, len(together), TOGETHER)]
        await asyncio.gather(
            *(do(chunk, at - timedelta(minutes=55 - place % 40)) for place, chunk in enumerate(chunks))
        )
        for story, _ in together:
            self._go_on(number, story)
        for place, (story, step) in enumerate(alone):  # what locks more than its own ticket
            skipped = step.unless()
            if not skipped:
                await self._do([(story, step)], at - timedelta(minutes=10) + timedelta(milliseconds=place))
            self._go_on(number, story, done=not skipped)
        for ticket in [self._tickets[id(story)] for story, _ in together if id(story) in self._tickets]:
            while ticket.repeats:
                repeat = ticket.repeats.pop()
                self._begin(number + 1, repeat, repeat.repeated(ticket))

    async def _do(self, chunk: Sequence[tuple[Story, Step]], moment: datetime) -> None:
        async with self._unit(moment, beside=chunk[0][1].beside) as uow:
            for _, step in chunk:
                actor = await self._actors.load(self._users.get(step.who) or login_id(step.who))
                about = () if step.about is None else (step.about,)
                try:
                    await step.verb(uow, actor, *about, **step.given)
                except Exception as error:
                    raise RuntimeError(f"{step.verb.__module__} by {step.who}: {error!r}") from error
        self.done.update(step.verb.__module__.rpartition(".")[2] for _, step in chunk)

    def _unit(self, moment: datetime, *, beside: bool = False) -> Any:
        return unit_of_work(
            self._database,
            city_id=self._share.beside.id if beside else self._city_id,
            user_id=None,
            grants_version=None,
            now=moment,
            sequencer=Nobody(),
            trees=self._trees,
        )

    # What the offices find on their desks in the morning

    async def _look_at_the_desk(self, number: int) -> None:
        async with self._database.reading(cities=(self._city_id,)) as reading:
            notices = await reading.connection.fetch(_NOTICES, self._city_id)
            reports = await reading.connection.fetch(_REPORTS, self._city_id)
            wrong = await reading.connection.fetch(_WRONG_INSTALMENTS, self._city_id)
        async with self._database.reading(cities=(self._share.beside.id,)) as reading:
            offers = await reading.connection.fetch(_OFFERS, self._share.beside.id)
            guests = await reading.connection.fetch(_GUESTS, self._share.beside.id)
        for row in self._new(notices):
            chance = Random(f"{SEED}:{self._chance.random()}")
            told = (row["id"], row["level"], row["path"], row["restricted"])
            self._go_on(number, notice(self._town, chance, *told), first=True)
        for row in self._new(reports):
            told = (row["id"], row["path"], row["from_roles"], row["to_roles"])
            self._go_on(number, report(self._town, self._chance, *told), first=True)
        for story in (
            entry(self._town, self._chance),
            *(reversal(self._town, row["entry_id"], row["id"]) for row in self._new(wrong)),
            *(offer(self._town, self._chance, row["id"], row["reason"]) for row in self._new(offers)),
            *(guest(self._town, self._chance, row["id"]) for row in self._new(guests)),
        ):
            self._go_on(number, story, first=True)
        today = self._share.ticks[number].at.astimezone(ZONE).date()
        if self._month != today.replace(day=1):
            if self._month is not None:
                await self._draw(number, self._month, today.replace(day=1))
                self._go_on(number, interview(self._town, self._chance, today.month), first=True)
            self._month = today.replace(day=1)

    def _new(self, rows: Sequence[Any]) -> list[Any]:
        """Those that were not there on another morning."""
        new = [row for row in rows if row["id"] not in self._known]
        self._known.update(row["id"] for row in new)
        return new

    async def _draw(self, number: int, since: date, to: date) -> None:
        actor = await self._actors.load(login_id(self._town.at("supervision_officer")))
        async with self._unit(self._share.ticks[number].at - timedelta(hours=1)) as uow:
            sample = await self._sample(uow, actor, since, to)
        if sample is None:
            return
        async with self._database.reading(cities=(self._city_id,)) as reading:
            drawn = await reading.connection.fetch(
                "select ticket_id from quality_checks where city_id = $1 and sample_id = $2 order by ticket_id",
                *(self._city_id, sample),
            )
        for row in drawn:
            self._go_on(number, check(self._town, self._chance, sample, row["ticket_id"]), first=True)

    async def _sample(self, uow: UnitOfWork, actor: Any, since: date, to: date) -> uuid.UUID | None:
        handled = await (await uow.session.connection()).exec_driver_sql(
            "select exists(select from tickets where resolved_at >= $1 and resolved_at < $2 and lead_id is not null"
            " and secrecy <> 'RESTRICTED' and status in ('RESOLVED', 'CLOSED'))",
            (_midnight(since), _midnight(to)),
        )
        if not handled.scalar():
            return None
        drawn = await draw_quality_sample(uow, actor, within=self._town.path, from_=since, to=to)
        return drawn.id


# In an order that no drawn number decides, so that the same happens in every run.
_NOTICES = (
    "select n.id, n.level, n.restricted, t.path from supervision_notices n join tenants t on t.id = n.addressee_id"
    " where n.city_id = $1 and n.status = 'ISSUED' order by n.issued_at, t.path, n.trigger"
)
_REPORTS = (
    "select r.id, t.path, r.from_roles, r.to_roles from reports r join tenants t on t.id = r.tenant_id"
    " where r.city_id = $1 and r.status = 'DUE' order by r.due_at, t.path"
)

_OFFERS = (
    "select id, reason from ticket_transfers where city_id = $1 and direction = 'RECEIVED' and status = 'OFFERED'"
    " order by offered_at, title"
)
_GUESTS = "select id from tickets where city_id = $1 and status = 'ACCEPTED' order by submitted_at, title"
_WRONG_INSTALMENTS = (
    f"select i.id, i.entry_id from integrity_instalments i where i.city_id = $1 and i.note = '{WRONG}' and not exists"
    " (select from integrity_instalments r where r.city_id = i.city_id and r.reverses_id = i.id)"
    " order by i.recorded_at, i.amount"
)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(UTC)
