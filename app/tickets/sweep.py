"""The sweep: tells of every running clock once that it is nearly due, and once that it is overdue.

What is told and that it was told are one transaction, under the locks of the clock and of its ticket: whatever runs at
once, and wherever a process dies, each is told exactly once, in the chain of its ticket's events. What fell due while
nothing swept is told of afterwards, in the order of the moments.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Integer, bindparam, text

from app.deadlines.words import DeadlineKind
from app.kernel.database import Database
from app.kernel.events import Author
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.words import SecrecyLevel, TicketEventType, Visibility
from app.worker import Context, Job, one_by_one

BATCH = 200
"""Clocks of one transaction. Their tickets are locked for some 40 ms, which a verb that meets one waits at most:
whoever waits is skipped by the next batch. Half as many take a quarter more time each, twice as many no less."""
EVERY = timedelta(seconds=1)
"""How late one may be told of, beside the work in hand; to find that nothing is due takes a look into an index."""

PUBLIC_WHEN_MISSED = frozenset({DeadlineKind.HANDLING})
"""The reporter was told by when their problem would be handled, and is told that it was not. That it soon will not be,
and how offices keep the limits of their own steps, is between the offices."""


class _Fired(NamedTuple):
    """A clock that was claimed; what it says of its ticket (`city_id`, `id`, `version`) is what an event is about."""

    city_id: int
    id: uuid.UUID
    version: int
    secrecy: str
    kind: str
    round: int
    due_at: datetime
    warn_at: datetime | None
    warns: bool
    misses: bool


async def sweep_deadlines(context: Context) -> int:
    """A batch of every city in which something is due, the most overdue city first; how many clocks fired."""
    now = context.clock.now()
    cities = (await context.tree()).space_ids

    async def fire(city_id: int) -> int:
        async with context.unit(city_id, now=now) as uow:
            return await _fire(uow)

    return await one_by_one(await _cities_with_due(context.database, cities, now), fire)


SWEEP = Job("deadlines", EVERY, sweep_deadlines)


async def _cities_with_due(database: Database, cities: Sequence[int], now: datetime) -> list[int]:
    async with database.reading(cities=cities) as reading:
        return [row["id"] for row in await reading.connection.fetch(WITH_DUE, list(cities), now)]


async def _fire(uow: UnitOfWork) -> int:
    rows = await uow.session.execute(_CLAIM, {"city": uow.city_id, "now": uow.now, "batch": BATCH})
    claimed = [_Fired._make(row) for row in rows]
    told = [(each.warn_at or each.due_at, TicketEventType.DEADLINE_WARNED, each) for each in claimed if each.warns]
    told += [(each.due_at, TicketEventType.DEADLINE_MISSED, each) for each in claimed if each.misses]
    for _, kind, clock in sorted(told, key=lambda each: each[0]):
        public = kind is TicketEventType.DEADLINE_MISSED and clock.kind in PUBLIC_WHEN_MISSED
        uow.record(
            clock,
            kind,
            author=Author(),
            visibility=Visibility.PUBLIC if public else Visibility.INTERNAL,
            restricted=clock.secrecy == SecrecyLevel.RESTRICTED,
            deadlineKind=clock.kind,
            dueAt=clock.due_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            deadlineRound=clock.round,
        )
    return len(claimed)


WITH_DUE = """
select city.id from unnest($1::int[]) as city (id) cross join lateral (
  select d.fires_at from deadlines d where d.city_id = city.id and d.fires_at < $2 order by d.fires_at limit 1
) first order by first.fires_at, city.id
"""

# What anybody else holds is skipped: a verb that works on the ticket may just be ending the clock, and another sweep
# tells of what it has claimed. The ticket's key is not touched, so that rows which refer to it can be written.
CLAIM = """
with due as materialized (
  select d.city_id, d.id, t.id as ticket_id, t.version, t.secrecy, d.fires_at,
    d.state = 'RUNNING' and d.warned_at is null and d.warn_at < :now as warns, d.due_at < :now as misses
  from deadlines d join tickets t on t.city_id = d.city_id and t.id = d.subject_id
  where d.city_id = :city and d.fires_at < :now
  order by d.fires_at limit :batch
  for no key update of d, t skip locked
)
update deadlines d
set warned_at = case when due.warns then :now else d.warned_at end, missed_at = case when due.misses then :now end
from due where d.city_id = due.city_id and d.id = due.id
returning d.city_id, due.ticket_id, due.version, due.secrecy, d.kind, d.round, d.due_at, d.warn_at,
  coalesce(due.warns, false), due.misses
"""
# Written out: a plan for any number would take it for a tenth of the city, and read all its clocks to find a few.
_CLAIM = text(CLAIM).bindparams(bindparam("batch", type_=Integer(), literal_execute=True))
