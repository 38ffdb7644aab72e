"""The clocks of a ticket: begun and ended by its verbs, suspended, extended, and what the ticket itself tells."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.deadlines.words import DeadlineKind
from app.kernel.errors import DomainError
from app.tickets.actions.accept import accept
from app.tickets.actions.acknowledge import acknowledge
from app.tickets.actions.answer import answer
from app.tickets.actions.arbitrate import arbitrate
from app.tickets.actions.decide_extension import decide_extension
from app.tickets.actions.decline import decline
from app.tickets.actions.dispatch import dispatch
from app.tickets.actions.first_contact import first_contact
from app.tickets.actions.follow_up import follow_up
from app.tickets.actions.request_extension import request_extension
from app.tickets.actions.resolve import resolve
from app.tickets.actions.resume import resume
from app.tickets.actions.return_ import return_
from app.tickets.actions.suspend import suspend
from app.tickets.actions.withdraw import withdraw
from app.tickets.clocks import CLOCKS, NEVER, turn
from app.tickets.lifecycle import FINAL_STATUSES, INITIAL, TRANSITIONS, Action, outcomes
from app.tickets.words import Satisfaction, TicketCategory, TicketStatus
from tenants.schemes.model import load_preset
from tenants.schemes.words import SuspensionReason
from tests.tickets.town import AGENT, DISPATCHER, HANDLER, OFFICE, Town

S, A, K = TicketStatus, Action, DeadlineKind
SHANGHAI = ZoneInfo("Asia/Shanghai")
UNJUSTLY = {"satisfaction": Satisfaction.UNSATISFIED, "justified": True}
CLOSING_TIME = 17


def local(month: int, day: int, hour: int = CLOSING_TIME, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=SHANGHAI)


def test_every_step_leaves_just_the_clocks_of_its_state_running() -> None:
    """Whatever way a ticket takes: no clock of a state is forgotten, and none outlives its state."""
    seen: set[tuple[TicketStatus, frozenset[DeadlineKind]]] = set()
    begun = frozenset(clock.kind for clock in turn(None, None, INITIAL).started)
    waiting = [(INITIAL, begun)]
    while waiting:
        status, running = waiting.pop()
        if (status, running) in seen:
            continue
        seen.add((status, running))
        for_state = {clock.kind for clock in CLOCKS if status in clock.runs_in}
        assert running == for_state or running == for_state - {K.FIRST_CONTACT}
        for (before, action), _ in TRANSITIONS.items():
            if before is not status:
                continue
            for after in outcomes(before, action):
                turned = turn(before, action, after)
                started = {clock.kind for clock in turned.started}
                assert not started & running, "one clock of a kind at a time"
                waiting.append((after, (running - {*turned.met, *turned.cancelled}) | started))
    assert {status for status, running in seen if not running} == FINAL_STATUSES | {  # a transfer is timed by itself
        *(S.ACCEPTED, S.DISPUTED, S.ESCALATED, S.TRANSFERRED)
    }


def test_turning_back_calls_a_clock_off_and_doing_the_work_meets_it() -> None:
    assert turn(S.IN_PROGRESS, A.RESOLVE, S.RESOLVED).met == (K.FIRST_CONTACT, K.HANDLING)
    assert turn(S.IN_PROGRESS, A.TERMINATE, S.TERMINATED).cancelled == (K.FIRST_CONTACT, K.HANDLING)
    assert turn(S.IN_PROGRESS, A.FIRST_CONTACT, S.IN_PROGRESS).met == (K.FIRST_CONTACT,)
    assert not any(turn(S.IN_PROGRESS, A.SUSPEND, S.IN_PROGRESS))
    assert not any(turn(S.RESOLVED, A.RATE, S.RESOLVED))
    assert turn(S.RESOLVED, A.RATE, S.CLOSED).met == (K.FOLLOW_UP,)
    assert turn(S.SUBMITTED, A.ACCEPT, S.IN_PROGRESS).met == (K.VERIFICATION,)  # received by the department itself
    assert turn(S.DISPATCHED, A.RETURN, S.DISPUTED)[:2] == ((K.ACKNOWLEDGEMENT,), (K.HANDLING,))


@pytest.mark.parametrize("category", sorted(load_preset("guangyuan").scheme.tickets.categories))
def test_every_limit_is_the_schemes(category: str) -> None:
    rules = load_preset("guangyuan").scheme.tickets
    limits = {clock.kind: clock.limit(rules, category).amount for clock in CLOCKS}
    bidding = category == TicketCategory.BIDDING_COMPLAINT
    assert limits[K.VERIFICATION] == (3 if bidding else 1)
    handling = {"CONSULTATION": 3, "HELP": 5, "SUGGESTION": 5, "COMPLAINT": 10, "REPORT": 10, "BIDDING_COMPLAINT": 30}
    assert limits[K.HANDLING] == handling[category]
    assert (limits[K.ACKNOWLEDGEMENT], limits[K.FIRST_CONTACT], limits[K.FOLLOW_UP]) == (1, 1, 3)


class Watch:
    """A town whose time is set by hand, and the clocks of one ticket in it."""

    def __init__(self, town: Town) -> None:
        self.town = town

    async def at(self, moment: datetime, login: str, action: Any, *args: Any, **kwargs: Any) -> Any:
        self.town.now = moment.astimezone(UTC)
        return await self.town.do(login, action, *args, **kwargs)

    async def clocks(self, ticket_id: uuid.UUID) -> list[tuple[str, int, str, datetime]]:
        rows = await self.town.admin.fetch(
            "select kind, round, state, due_at from deadlines where subject_id = $1 order by started_at, due_at, kind",
            ticket_id,
        )
        return [(row["kind"], row["round"], row["state"], row["due_at"]) for row in rows]

    async def shown(self, ticket_id: uuid.UUID) -> tuple[datetime, datetime | None, datetime | None]:
        row = await self.town.row(ticket_id)
        return row["due_at"], row["acknowledge_due_at"], row["resolve_due_at"]


@pytest.fixture
def watch(town: Town) -> Watch:
    return Watch(town)


async def in_work(watch: Watch, **submission: Any) -> uuid.UUID:
    """A request for help in the hands of commerce since ten past ten on Tuesday, 3 March 2026."""
    watch.town.now = local(3, 3, 10).astimezone(UTC)
    return await watch.town.at(S.IN_PROGRESS, **submission)


async def test_a_whole_life_in_time(watch: Watch) -> None:
    town = watch.town
    town.now = local(3, 2, 9).astimezone(UTC)
    id_ = (await town.submit()).id
    assert await watch.clocks(id_) == [("VERIFICATION", 1, "RUNNING", local(3, 3))]
    assert await watch.shown(id_) == (local(3, 3), None, None)
    await watch.at(local(3, 2, 10), AGENT, accept, id_)
    assert await watch.shown(id_) == (NEVER, None, None)
    await watch.at(local(3, 2, 11), DISPATCHER, dispatch, id_, lead="guangyuan.commerce")
    assert await watch.shown(id_) == (local(3, 3), local(3, 3), local(3, 9))
    await watch.at(local(3, 3, 16), HANDLER, acknowledge, id_)
    assert await watch.shown(id_) == (local(3, 4), local(3, 3), local(3, 9))
    await watch.at(local(3, 4, 9), HANDLER, first_contact, id_)
    assert await watch.shown(id_) == (local(3, 9), local(3, 3), local(3, 9))
    await watch.at(local(3, 9, 16), HANDLER, resolve, id_, reply="已疏通排水管道")
    assert await watch.shown(id_) == (local(3, 12), local(3, 3), local(3, 9))
    await watch.at(local(3, 10, 9), AGENT, follow_up, id_, satisfaction=Satisfaction.SATISFIED)
    assert await watch.shown(id_) == (NEVER, local(3, 3), local(3, 9))
    assert await watch.clocks(id_) == [
        ("VERIFICATION", 1, "MET", local(3, 3)),
        ("ACKNOWLEDGEMENT", 1, "MET", local(3, 3)),
        ("HANDLING", 1, "MET", local(3, 9)),
        ("FIRST_CONTACT", 1, "MET", local(3, 4)),
        ("FOLLOW_UP", 1, "MET", local(3, 12)),
    ]


async def test_every_step_late(watch: Watch) -> None:
    town = watch.town
    town.now = local(3, 2, 9).astimezone(UTC)
    id_ = (await town.submit()).id
    await watch.at(local(3, 4, 9), AGENT, accept, id_)
    await watch.at(local(3, 4, 9), DISPATCHER, dispatch, id_, lead="guangyuan.commerce")
    await watch.at(local(3, 6, 9), HANDLER, acknowledge, id_)
    await watch.at(local(3, 16, 9), HANDLER, resolve, id_, reply="已疏通排水管道")
    await watch.at(local(3, 23, 9), AGENT, follow_up, id_, satisfaction=Satisfaction.SATISFIED)
    assert {(kind, state) for kind, _, state, _ in await watch.clocks(id_)} == {(kind, "MISSED") for kind in K}


async def test_a_second_round_begins_anew(watch: Watch) -> None:
    id_ = await in_work(watch)
    await watch.at(local(3, 4, 10), HANDLER, resolve, id_, reply="已疏通排水管道")
    await watch.at(local(3, 5, 10), AGENT, follow_up, id_, **UNJUSTLY)
    second = [clock for clock in await watch.clocks(id_) if clock[1] == 2]
    assert second == [("ACKNOWLEDGEMENT", 2, "RUNNING", local(3, 6)), ("HANDLING", 2, "RUNNING", local(3, 12))]
    assert await watch.shown(id_) == (local(3, 6), local(3, 6), local(3, 12))


async def test_who_returns_a_ticket_is_not_held_to_it(watch: Watch) -> None:
    watch.town.now = local(3, 2, 9).astimezone(UTC)
    id_ = await watch.town.at(S.DISPATCHED)
    await watch.at(local(3, 2, 16), HANDLER, return_, id_, reason="不属于本部门职责")
    assert [state for *_, state, _ in await watch.clocks(id_)] == ["MET", "MET", "CANCELLED"]
    assert await watch.shown(id_) == (NEVER, None, None)
    await watch.at(local(3, 5, 9), OFFICE, arbitrate, id_, lead="guangyuan.housing", reason="按职责清单")
    assert (await watch.clocks(id_))[3:] == [
        ("ACKNOWLEDGEMENT", 1, "RUNNING", local(3, 6)),
        ("HANDLING", 1, "RUNNING", local(3, 12)),
    ]


async def test_what_was_overdue_when_it_was_called_off_stays_missed(watch: Watch) -> None:
    id_ = await in_work(watch)
    await watch.at(local(3, 20, 9), watch.town.enterprise, withdraw, id_)
    states = {kind: state for kind, _, state, _ in await watch.clocks(id_)}
    assert states["HANDLING"] == states["FIRST_CONTACT"] == "MISSED"
    assert await watch.shown(id_) == (NEVER, local(3, 4), local(3, 10))
    other = await in_work(watch)
    await watch.at(local(3, 5, 9), watch.town.enterprise, withdraw, other)
    assert {kind: state for kind, _, state, _ in await watch.clocks(other)}["HANDLING"] == "CANCELLED"
    assert await watch.shown(other) == (NEVER, local(3, 4), None)


@pytest.mark.parametrize(
    ("verb", "kwargs"), [(decline, {"basis": "不属于受理范围"}), (answer, {"reply": "已当场答复"})]
)
async def test_the_desks_decision_meets_the_verification(watch: Watch, verb: Any, kwargs: dict[str, Any]) -> None:
    watch.town.now = local(3, 2, 9).astimezone(UTC)
    id_ = (await watch.town.submit()).id
    await watch.at(local(3, 3, 16, 59), AGENT, verb, id_, **kwargs)  # at the very last moment
    assert (await watch.clocks(id_))[0] == ("VERIFICATION", 1, "MET", local(3, 3))


async def test_a_suspended_clock_gets_its_time_back(watch: Watch) -> None:
    id_ = await in_work(watch)
    due = local(3, 10)
    await watch.at(local(3, 4, 9, 59), HANDLER, first_contact, id_)
    await watch.at(local(3, 4, 15, 59), HANDLER, suspend, id_, reason=SuspensionReason.APPRAISAL)
    assert ("HANDLING", 1, "SUSPENDED", due) in await watch.clocks(id_)
    assert await watch.shown(id_) == (NEVER, local(3, 4), None)
    await watch.at(local(3, 20, 9, 59), HANDLER, resume, id_)
    # An hour of the 4th, eleven whole days, an hour of the 20th: due at the close of the 10th and 11 days and 2 hours.
    later = local(3, 26, 11)
    assert ("HANDLING", 1, "RUNNING", later) in await watch.clocks(id_)
    assert await watch.shown(id_) == (later, local(3, 4), later)
    pauses = await watch.town.admin.fetch("select * from deadline_suspensions")
    assert [(row["from_at"], row["to_at"], row["reason"]) for row in pauses] == [
        (local(3, 4, 16), local(3, 20, 10), "APPRAISAL")
    ]


async def test_an_overdue_clock_is_not_healed_by_suspending_it(watch: Watch) -> None:
    id_ = await in_work(watch)
    await watch.at(local(3, 11, 9), HANDLER, suspend, id_, reason=SuspensionReason.INSPECTION)
    await watch.at(local(3, 12, 9), HANDLER, resume, id_)
    assert ("HANDLING", 1, "RUNNING", local(3, 10)) in await watch.clocks(id_)
    await watch.at(local(3, 12, 10), HANDLER, resolve, id_, reply="已疏通排水管道")
    assert ("HANDLING", 1, "MISSED", local(3, 10)) in await watch.clocks(id_)


async def test_an_extension_adds_its_days_and_a_refused_one_none(watch: Watch) -> None:
    id_ = await in_work(watch)
    await watch.at(local(3, 4, 9), HANDLER, request_extension, id_, working_days=2, reason="情况复杂")
    await watch.at(local(3, 4, 10), OFFICE, decide_extension, id_, approve=False, reason="理由不足")
    assert (await watch.shown(id_))[2] == local(3, 10)
    await watch.at(local(3, 4, 11), HANDLER, request_extension, id_, working_days=3, reason="需要现场勘查")
    await watch.at(local(3, 4, 12), OFFICE, decide_extension, id_, approve=True)
    assert (await watch.shown(id_))[2] == local(3, 13)
    await watch.at(local(3, 4, 15), HANDLER, first_contact, id_)
    await watch.at(local(3, 5, 8, 59), HANDLER, suspend, id_, reason=SuspensionReason.TESTING)
    await watch.at(local(3, 6, 8, 59), HANDLER, resume, id_)
    assert await watch.shown(id_) == (local(3, 16), local(3, 4), local(3, 16))


async def test_leaving_ends_the_pause(watch: Watch) -> None:
    id_ = await in_work(watch)
    await watch.at(local(3, 4, 9), HANDLER, suspend, id_, reason=SuspensionReason.TESTING)
    await watch.at(local(3, 5, 9), watch.town.enterprise, withdraw, id_)
    assert ("HANDLING", 1, "CANCELLED", local(3, 10)) in await watch.clocks(id_)
    assert await watch.town.admin.fetchval("select count(*) from deadline_suspensions where to_at is null") == 0


async def test_clocks_run_under_the_scheme_of_their_ticket(watch: Watch) -> None:
    id_ = await in_work(watch)
    rows = await watch.town.admin.fetch("select * from deadlines where subject_id = $1", id_)
    assert {row["scheme_version"] for row in rows} == {1}
    assert {(row["kind"], row["amount"], row["unit"], row["provisional"]) for row in rows} >= {
        ("HANDLING", 5, "WORKING_DAYS", False)
    }


async def test_a_refused_verb_and_the_neighbour_leave_no_trace(watch: Watch) -> None:
    id_ = await in_work(watch)
    before = await watch.clocks(id_)
    for login, verb, kwargs in [
        (DISPATCHER, suspend, {"reason": SuspensionReason.TESTING}),
        ("handler@anshan.commerce", suspend, {"reason": SuspensionReason.TESTING}),
        ("handler@anshan.commerce", resolve, {"reply": "已疏通排水管道"}),
        (HANDLER, resume, {}),
    ]:
        with pytest.raises(DomainError):
            await watch.town.do(login, verb, id_, **kwargs)
    assert await watch.clocks(id_) == before
    async with watch.town.database.reading(cities=(watch.town.world.anshan.id,)) as reading:
        assert await reading.connection.fetchval("select count(*) from deadlines") == 0
