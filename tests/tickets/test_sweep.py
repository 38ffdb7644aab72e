"""The sweep: each clock warns once and is missed once, whatever runs at once, and nothing else is touched."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.kernel.clock import FixedClock
from app.kernel.config import Settings
from app.kernel.events import Sequencer, first_broken
from app.tickets import sweep
from app.tickets.actions.accept import accept
from app.tickets.actions.decide_extension import decide_extension
from app.tickets.actions.first_contact import first_contact
from app.tickets.actions.request_extension import request_extension
from app.tickets.actions.resume import resume
from app.tickets.actions.suspend import suspend
from app.tickets.actions.withdraw import withdraw
from app.tickets.sweep import sweep_deadlines
from app.tickets.words import SecrecyLevel, TicketStatus
from app.worker import Context
from tenants.schemes.words import SuspensionReason
from tests.tickets.town import AGENT, HANDLER, OFFICE, Town

S = TicketStatus
SHANGHAI = ZoneInfo("Asia/Shanghai")
WARNED, MISSED = "DEADLINE_WARNED", "DEADLINE_MISSED"


def local(month: int, day: int, hour: int = 17, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=SHANGHAI).astimezone(UTC)


@dataclass
class Nobody:
    """A sequencer that does nothing."""

    tree_version: int | None = None

    def wake(self, city_id: int) -> None:
        return None


@dataclass
class Swept:
    """A town, and the sweep over it."""

    town: Town
    context: Context

    async def at(self, moment: datetime) -> int:
        """Sweep until nothing is due at that moment; how many clocks fired."""
        assert isinstance(self.context.clock, FixedClock)
        self.context.clock.at = moment
        fired = 0
        while turn := await sweep_deadlines(self.context):
            fired += turn
        return fired

    async def told(self, ticket_id: uuid.UUID) -> list[tuple[str, str, datetime]]:
        """What was told of the ticket's deadlines: which event, of which step, due when."""
        events = await self.town.timeline(ticket_id)
        assert first_broken(events) is None
        return [
            (each["type"], each["data"]["deadlineKind"], datetime.fromisoformat(each["data"]["dueAt"]))
            for each in events
            if each["type"] in (WARNED, MISSED)
        ]


@pytest.fixture
def swept(town: Town) -> Swept:
    context = Context(town.database, town.trees, Nobody(), FixedClock(town.now), Settings())
    return Swept(town, context)


async def at_ten(swept: Swept, status: TicketStatus, **submission: Any) -> uuid.UUID:
    """A request for help in that state since ten past ten on Tuesday, 3 March 2026."""
    swept.town.now = local(3, 3, 10)
    return await swept.town.at(status, **submission)


async def test_a_clock_warns_once_and_is_missed_once(swept: Swept) -> None:
    id_ = await at_ten(swept, S.SUBMITTED)  # until 4 March, 17:00: thirteen working hours and a minute less
    row = await swept.town.admin.fetchrow("select started_at, warn_at, due_at from deadlines")
    assert (row["started_at"], row["due_at"]) == (local(3, 3, 10, 1), local(3, 4))
    # 0.8 of the 779 minutes (six hours less a minute, and seven hours) have passed at 9:00 and 264.2 minutes.
    assert row["warn_at"] > local(3, 4, 9)
    before = await swept.town.row(id_)
    assert await swept.at(row["warn_at"]) == 0, "at that moment the share is just used up, not passed"
    assert await swept.at(row["warn_at"] + timedelta(microseconds=1)) == 1
    assert await swept.told(id_) == [(WARNED, "VERIFICATION", local(3, 4))]
    assert await swept.at(local(3, 4)) == 0, "what is done at its due time is in time"
    assert await swept.at(local(3, 4) + timedelta(microseconds=1)) == 1
    assert await swept.told(id_) == [(WARNED, "VERIFICATION", local(3, 4)), (MISSED, "VERIFICATION", local(3, 4))]
    assert await swept.at(local(12, 31)) == 0
    assert await swept.town.row(id_) == before, "the ticket itself, its version too, is as it was"
    stored = await swept.town.admin.fetchrow("select * from deadlines")
    assert (stored["state"], stored["fires_at"]) == ("RUNNING", None), "it runs until its step is done"
    assert stored["warned_at"] == row["warn_at"] + timedelta(microseconds=1)
    assert stored["missed_at"] == local(3, 4) + timedelta(microseconds=1)


async def test_what_was_late_before_anybody_looked_is_told_in_order(swept: Swept) -> None:
    id_ = await at_ten(swept, S.DISPATCHED)
    assert await swept.at(local(3, 31)) == 2
    due = {"ACKNOWLEDGEMENT": local(3, 4), "HANDLING": local(3, 10)}
    told = await swept.told(id_)
    assert Counter(told) == Counter({(event, kind, at): 1 for kind, at in due.items() for event in (WARNED, MISSED)})
    assert [each for each in told if each[0] == MISSED] == [(MISSED, kind, at) for kind, at in due.items()]
    assert told[0] == (WARNED, "ACKNOWLEDGEMENT", due["ACKNOWLEDGEMENT"])
    assert told[-1] == (MISSED, "HANDLING", due["HANDLING"])
    events = [each for each in await swept.town.timeline(id_) if each["type"] in (WARNED, MISSED)]
    assert {(each["actor_id"], each["actor_tenant_id"], each["actor_role"]) for each in events} == {(None, None, None)}
    assert {each["at"] for each in events} == {local(3, 31)}
    assert {each["data"]["deadlineRound"] for each in events} == {1}
    public = {(each["type"], each["data"]["deadlineKind"]) for each in events if each["visibility"] == "PUBLIC"}
    assert public == {(MISSED, "HANDLING")}, "the reporter learns that the reply is late, and nothing else"


async def test_what_was_done_in_time_is_not_told_of_and_what_was_done_late_is(swept: Swept) -> None:
    in_time, late = await at_ten(swept, S.SUBMITTED), await at_ten(swept, S.SUBMITTED)
    swept.town.now = local(3, 3, 11)
    await swept.town.do(AGENT, accept, in_time)
    swept.town.now = local(3, 6, 11)
    await swept.town.do(AGENT, accept, late)
    assert await swept.at(local(3, 31)) == 1
    assert await swept.told(in_time) == []
    assert await swept.told(late) == [(MISSED, "VERIFICATION", local(3, 4))], "it is over: it warns nobody any more"


async def test_a_suspended_clock_waits_and_a_resumed_one_is_told_of_by_its_new_time(swept: Swept) -> None:
    id_ = await at_ten(swept, S.IN_PROGRESS)
    await swept.town.do(HANDLER, first_contact, id_)
    swept.town.now = local(3, 4, 9)
    await swept.town.do(HANDLER, suspend, id_, reason=SuspensionReason.TESTING)
    assert await swept.at(local(4, 30)) == 0
    swept.town.now = local(3, 11, 9)  # five working days later
    await swept.town.do(HANDLER, resume, id_)
    row = await swept.town.admin.fetchrow("select due_at, warn_at from deadlines where kind = 'HANDLING'")
    assert local(3, 17, 9) < row["due_at"] < local(3, 17, 17, 1)
    assert await swept.at(row["warn_at"]) == 0
    assert await swept.at(local(3, 31)) == 1
    assert await swept.told(id_) == [(WARNED, "HANDLING", row["due_at"]), (MISSED, "HANDLING", row["due_at"])]


async def test_an_extended_clock_is_told_of_anew(swept: Swept) -> None:
    id_ = await at_ten(swept, S.IN_PROGRESS)
    await swept.town.do(HANDLER, first_contact, id_)
    swept.town.now = local(3, 9, 9)
    await swept.town.do(HANDLER, request_extension, id_, working_days=5, reason="需要现场勘验")
    assert await swept.at(local(3, 11)) == 1
    first = [(WARNED, "HANDLING", local(3, 10)), (MISSED, "HANDLING", local(3, 10))]
    assert await swept.told(id_) == first
    swept.town.now = local(3, 11, 9)
    await swept.town.do(OFFICE, decide_extension, id_, approve=True)
    assert await swept.at(local(3, 12)) == 0
    assert await swept.at(local(3, 31)) == 1
    assert await swept.told(id_) == [*first, (WARNED, "HANDLING", local(3, 17)), (MISSED, "HANDLING", local(3, 17))]


async def test_what_is_called_off_is_told_of_no_more(swept: Swept) -> None:
    id_ = await at_ten(swept, S.SUBMITTED)
    await swept.town.do(swept.town.enterprise, withdraw, id_)
    assert await swept.at(local(12, 31)) == 0


async def test_a_clock_set_back_tells_nothing_twice_and_nothing_early(swept: Swept) -> None:
    id_ = await at_ten(swept, S.SUBMITTED)
    assert await swept.at(local(3, 31)) == 1
    again = await at_ten(swept, S.SUBMITTED)
    assert await swept.at(local(3, 3, 11)) == 0
    assert await swept.at(local(3, 31)) == 1
    for each in (id_, again):
        assert [event for event, _, _ in await swept.told(each)] == [WARNED, MISSED]


async def test_many_sweeps_at_once_tell_of_each_once(swept: Swept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "BATCH", 3)
    ids = [await at_ten(swept, S.DISPATCHED) for _ in range(12)]
    now, cities = local(3, 31), [swept.town.world.guangyuan.id]
    swept.context.clock.at = now  # type: ignore[attr-defined]

    async def work() -> int:
        fired = 0
        while await sweep._cities_with_due(swept.town.database, cities, now):
            fired += await sweep_deadlines(swept.context)
        return fired

    shares = await asyncio.gather(*(work() for _ in range(4)))
    assert sum(shares) == 24
    assert max(shares) < 24, "they share the work"
    for id_ in ids:
        assert Counter((event, kind) for event, kind, _ in await swept.told(id_)) == Counter(
            {(event, kind): 1 for kind in ("ACKNOWLEDGEMENT", "HANDLING") for event in (WARNED, MISSED)}
        )


async def test_a_turn_is_a_batch_and_skips_what_a_verb_works_on(
    swept: Swept, monkeypatch: pytest.MonkeyPatch, admin_url: str
) -> None:
    monkeypatch.setattr(sweep, "BATCH", 2)
    ids = [await at_ten(swept, S.SUBMITTED) for _ in range(4)]
    swept.context.clock.at = local(3, 31)  # type: ignore[attr-defined]
    verb = await asyncpg.connect(admin_url)
    try:
        await verb.execute("begin")
        await verb.execute("select 1 from tickets where id = $1 for update", ids[0])
        assert [await sweep_deadlines(swept.context) for _ in range(3)] == [2, 1, 0]
        assert await swept.told(ids[0]) == []
        await verb.execute("rollback")
    finally:
        await verb.close()
    assert await sweep_deadlines(swept.context) == 1
    assert [event for event, _, _ in await swept.told(ids[0])] == [WARNED, MISSED]


async def test_what_fails_has_told_nothing(swept: Swept) -> None:
    """State change and event are one: when the event cannot be written, the clock has not fired."""
    id_ = await at_ten(swept, S.SUBMITTED)
    await swept.town.admin.execute("alter table events add constraint no_misses check (type <> 'DEADLINE_MISSED')")
    with pytest.raises(ExceptionGroup) as failed:
        await swept.at(local(3, 31))
    assert isinstance(failed.value.exceptions[0], DBAPIError)
    assert await swept.town.admin.fetchrow("select warned_at, missed_at from deadlines") == (None, None)
    await swept.town.admin.execute("alter table events drop constraint no_misses")
    assert await swept.at(local(3, 31)) == 1
    assert [event for event, _, _ in await swept.told(id_)] == [WARNED, MISSED]


async def test_each_city_is_told_of_its_own_and_every_position_is_given_once(swept: Swept) -> None:
    town = swept.town
    here = [await at_ten(swept, S.SUBMITTED) for _ in range(3)]
    town.now = local(3, 3, 9)
    there = (await town.submit(town.world.anshan.enterprise.login)).id
    neighbour = town.world.anshan.id
    assert await swept.at(local(3, 31)) == 4
    for city, ids in ((town.world.guangyuan.id, here), (neighbour, [there])):
        told = await town.admin.fetch(
            "select distinct subject_id from events where type = $1 and city_id = $2", MISSED, city
        )
        assert {row["subject_id"] for row in told} == set(ids)

    async def spaces() -> tuple[int, ...]:
        return town.world.guangyuan.id, neighbour

    await Sequencer(town.database, spaces).number_events()
    numbered = await town.admin.fetch("select city_id, position from events order by 1, 2")
    for city in await spaces():
        own = [row["position"] for row in numbered if row["city_id"] == city]
        assert own == list(range(1, len(own) + 1))


async def test_a_sweep_of_one_city_cannot_write_in_another(swept: Swept) -> None:
    """Whatever it asks for: what it may touch is the city of its transaction."""
    await at_ten(swept, S.SUBMITTED)
    town = swept.town
    given = {"city": town.world.guangyuan.id, "now": local(3, 31), "batch": 10}
    async with town.database.session(cities=(town.world.anshan.id,)) as session:
        assert (await session.execute(text(sweep.CLAIM), given)).all() == []
    async with town.database.reading(cities=(town.world.anshan.id,)) as reading:
        every = [town.world.guangyuan.id, town.world.anshan.id]
        assert await reading.connection.fetch(sweep.WITH_DUE, every, local(3, 31)) == []
    assert await town.admin.fetchval("select count(*) from deadlines where missed_at is not null") == 0


async def test_what_is_told_of_a_restricted_ticket_is_restricted(swept: Swept) -> None:
    id_ = await at_ten(swept, S.SUBMITTED, secrecy=SecrecyLevel.RESTRICTED)
    assert await swept.at(local(3, 31)) == 1
    events = [each for each in await swept.town.timeline(id_) if each["type"] in (WARNED, MISSED)]
    assert [each["restricted"] for each in events] == [True, True]
