"""What dispatches and rulings teach: written beside them in their transaction, added up now and then, read for a text.

A lesson is only ever inserted, so no two dispatches of a city wait for one another. Every so often one of them adds up
what has gathered: under a lock that nobody waits for, in a transaction that takes each lesson away as it counts it.
What is read is the sum of both, in one statement, and so the same before and after.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Integer, Text, Uuid, any_, bindparam, delete, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel.tables import new_id
from app.responsibility.models import EVIDENCE, RULINGS
from app.responsibility.suggest import RULING_WEIGHT, Count, Practice

FOLD_EVERY = 100
"""A lesson in so many, by chance, adds up what has gathered."""
FOLD_AT_MOST = 2_000
FOLD_LOCK = 7_302_012
ALL_WORDS = ""
"""The term under which a tenant's tickets and the weight of all their words are counted."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """For a tenant, or against it: how many tickets more it has, and how much each word of them weighs."""

    tenant_id: int
    tickets: int
    weight: int


def lessons_of_dispatch(before: int | None, lead: int, *, counted: bool = True) -> list[Lesson]:
    """A dispatch speaks for the lead; a later one for another takes back what the first one said, if it `counted`."""
    if before == lead:
        return []
    return [Lesson(lead, 1, 1)] if before is None or not counted else [Lesson(lead, 1, 1), Lesson(before, -1, -1)]


def lessons_of_ruling(before: int | None, lead: int, *, counted: bool = True) -> list[Lesson]:
    """A ruling speaks for whom it names and against whom it takes the ticket from, more than a dispatch.

    `counted`: `before` has the ticket by a dispatch that counted, and is taken back.
    """
    if before == lead:
        return [Lesson(lead, 0, RULING_WEIGHT - 1) if counted else Lesson(lead, 1, RULING_WEIGHT)]
    lessons = [Lesson(lead, 1, RULING_WEIGHT)]
    if before is not None:
        back = 1 if counted else 0
        lessons.append(Lesson(before, -back, -back - RULING_WEIGHT))
    return lessons


async def learn(session: AsyncSession, city_id: int, terms: Collection[str], lessons: Sequence[Lesson]) -> None:
    """Keep what a ticket with these words has taught."""
    rows = [
        {
            "city_id": city_id,
            "id": new_id(),
            "tenant_id": lesson.tenant_id,
            "tickets": lesson.tickets,
            "weight": lesson.weight,
            "terms": sorted(terms),
        }
        for lesson in lessons
    ]
    if terms and rows:
        await session.execute(insert(EVIDENCE), rows)
        if any(row["id"].int % FOLD_EVERY == 0 for row in rows):  # type: ignore[attr-defined]
            await fold(session, city_id)


async def fold(session: AsyncSession, city_id: int) -> int:
    """Add up what has gathered, unless somebody is just doing it; tells how many lessons."""
    if not await session.scalar(select(func.pg_try_advisory_xact_lock(FOLD_LOCK, city_id))):
        return 0
    folded: int = (await session.execute(_FOLD, {"city_id": city_id, "at_most": FOLD_AT_MOST})).scalar_one()
    return folded


# In the order of the key, although only one at a time gets here.
_FOLD = text("""
with oldest as (
  select id from responsibility_evidence where city_id = :city_id order by id limit :at_most
), taken as (
  delete from responsibility_evidence e using oldest o where e.city_id = :city_id and e.id = o.id
  returning e.tenant_id, e.tickets, e.weight, e.terms
), added as (
  insert into responsibility_terms as t (city_id, term, tenant_id, tickets, weight)
  select :city_id, term, tenant_id, sum(tickets), sum(weight)
  from (
    select unnest(terms) as term, tenant_id, tickets, weight from taken
    union all
    select '', tenant_id, tickets, weight * cardinality(terms) from taken
  ) each
  group by term, tenant_id order by term, tenant_id
  on conflict (city_id, term, tenant_id)
  do update set tickets = t.tickets + excluded.tickets, weight = t.weight + excluded.weight
)
select count(*) from taken
""").bindparams(bindparam("city_id", type_=Integer), bindparam("at_most", type_=Integer))

# A row for each word: it is the number of rows that costs. The sums of the lessons that wait are made beside those that
# are stored, in one statement, so that none is missed or counted twice while somebody adds them up.
_READ = text("""
select term, array_agg(tenant_id) as tenants, array_agg(tickets) as tickets, array_agg(weight) as weights
from (
  select term, tenant_id, sum(tickets)::int as tickets, sum(weight)::int as weight
  from (
    select term, tenant_id, tickets, weight from responsibility_terms
    where city_id = :city_id and term = any (:terms)
    union all
    select term, tenant_id, tickets, weight
    from (
      select unnest(terms) as term, tenant_id, tickets, weight from responsibility_evidence where city_id = :city_id
    ) word
    where term = any (:terms)
    union all
    select '', tenant_id, tickets, weight * cardinality(terms) from responsibility_evidence where city_id = :city_id
  ) each
  group by term, tenant_id
) summed
group by term
""").bindparams(bindparam("city_id", type_=Integer), bindparam("terms", type_=ARRAY(Text())))


async def practice(session: AsyncSession, city_id: int, terms: Collection[str]) -> Practice:
    """What the city's tickets have taught about these words."""
    rows = await session.execute(_READ, {"city_id": city_id, "terms": [ALL_WORDS, *sorted(terms)]})
    words = {
        term: dict(zip(tenants, map(Count, tickets, weights), strict=True)) for term, tenants, tickets, weights in rows
    }
    return Practice(words, words.pop(ALL_WORDS, {}))


async def overrule(
    session: AsyncSession, city_id: int, ticket_id: uuid.UUID, *, subject_id: uuid.UUID, tenant_id: int, at: datetime
) -> None:
    """Keep that an arbitration gave a ticket of the subject to another tenant than the list; the last ruling stands."""
    ruling = {"subject_id": subject_id, "tenant_id": tenant_id, "at": at}
    statement = insert(RULINGS).values(city_id=city_id, ticket_id=ticket_id, **ruling)
    await session.execute(statement.on_conflict_do_update(index_elements=["city_id", "ticket_id"], set_=ruling))


async def uphold(session: AsyncSession, city_id: int, ticket_id: uuid.UUID) -> None:
    """An arbitration went as the list says: an earlier one on the same ticket no longer stands."""
    await session.execute(delete(RULINGS).filter_by(city_id=city_id, ticket_id=ticket_id))


async def rulings_on(
    session: AsyncSession, city_id: int, subject_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, dict[int, int]]:
    """How often each subject was overruled, and in whose favour."""
    found: dict[uuid.UUID, dict[int, int]] = {}
    rows = await session.execute(
        select(RULINGS.c.subject_id, RULINGS.c.tenant_id, func.count().label("rulings"))
        .where(RULINGS.c.city_id == city_id, RULINGS.c.subject_id == any_(literal(list(subject_ids), ARRAY(Uuid()))))
        .group_by(RULINGS.c.subject_id, RULINGS.c.tenant_id)
    )
    for row in rows:
        found.setdefault(row.subject_id, {})[row.tenant_id] = row.rulings
    return found
