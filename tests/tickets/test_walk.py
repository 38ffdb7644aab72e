"""Random verbs by random people through the real actions: the rows, the timeline and the table always agree."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from app.deadlines.words import DeadlineKind
from app.kernel.errors import DomainError
from app.kernel.events import first_broken
from app.tickets.access import facts_of
from app.tickets.actions.accept import accept
from app.tickets.actions.acknowledge import acknowledge
from app.tickets.actions.answer import answer
from app.tickets.actions.appeal_malice import appeal_malice
from app.tickets.actions.arbitrate import arbitrate
from app.tickets.actions.comment import comment
from app.tickets.actions.decide_coordination import decide_coordination
from app.tickets.actions.decide_extension import decide_extension
from app.tickets.actions.decide_malice import decide_malice
from app.tickets.actions.decline import decline
from app.tickets.actions.dispatch import dispatch
from app.tickets.actions.find_malice import find_malice
from app.tickets.actions.first_contact import first_contact
from app.tickets.actions.follow_up import follow_up
from app.tickets.actions.refer import refer
from app.tickets.actions.report_part import report_part
from app.tickets.actions.request_coordination import request_coordination
from app.tickets.actions.request_extension import request_extension
from app.tickets.actions.resolve import resolve
from app.tickets.actions.resume import resume
from app.tickets.actions.return_ import return_
from app.tickets.actions.suspend import suspend
from app.tickets.actions.terminate import terminate
from app.tickets.actions.withdraw import withdraw
from app.tickets.clocks import CLOCKS, NEVER
from app.tickets.events import EVENT_TYPES
from app.tickets.lifecycle import FINAL_STATUSES, OPEN_STATUSES, Action, allowed_from, next_round, outcomes
from app.tickets.words import Satisfaction, SecrecyLevel, TicketCategory, TicketStatus, Visibility
from app.transfers.actions.chase import chase
from app.transfers.actions.transfer import transfer
from app.transfers.actions.withdraw import withdraw as fetch_back
from tenants.schemes.words import SuspensionReason
from tests.tickets.attaching import attach_new
from tests.tickets.town import AGENT, DISPATCHER, LEAD, LEADING_GROUP, OFFICE, SUPERVISION, WORKING_GROUP, Town

S = TicketStatus
STEPS, TICKETS = 220, 7
ACTION_OF = {event: action for action, event in EVENT_TYPES.items()}
TENANTS = ["guangyuan.commerce", "guangyuan.finance", "guangyuan.housing", "guangyuan.cangxi"]
PEOPLE = [
    *(AGENT, DISPATCHER, OFFICE, SUPERVISION, WORKING_GROUP, LEAD, *(f"handler@{path}" for path in TENANTS)),
    *("auditor@guangyuan", "intake_agent@anshan", "reporter", "rival"),
]


def some_handlers(chance: random.Random) -> dict[str, Any]:
    paths = chance.choices([*TENANTS, "anshan.finance"], weights=[8, 8, 8, 8, 1], k=3)
    return {"lead": paths[0], "co_handlers": paths[1 : 1 + chance.choice([0, 0, 0, 1, 2])]}


def some_verdict(chance: random.Random) -> dict[str, Any]:
    return {
        "satisfaction": chance.choice([Satisfaction.SATISFIED, *[Satisfaction.UNSATISFIED] * 7]),
        "justified": chance.choice([True] * 7 + [False, None]),
    }


@dataclass(frozen=True)
class Verb:
    """A verb, who usually does it, what they say, and how often it is tried where it fits."""

    do: Callable[..., Any]
    usual: list[str]
    weight: int
    draw: Callable[[random.Random], dict[str, Any]] = lambda _: {}


VERBS = {
    Action.ACCEPT: Verb(accept, [AGENT], 20),
    Action.ACKNOWLEDGE: Verb(acknowledge, ["handler"], 20),
    Action.ANSWER: Verb(answer, [AGENT], 3, lambda _: {"reply": "当场答复"}),
    Action.ARBITRATE: Verb(arbitrate, [OFFICE], 20, lambda chance: {**some_handlers(chance), "reason": "按职责清单"}),
    Action.ATTACH: Verb(*(attach_new, PEOPLE, 2), lambda chance: {"visibility": chance.choice(list(Visibility))}),
    Action.COMMENT: Verb(
        *(comment, PEOPLE, 2),
        lambda chance: {"body": "说明情况", "visibility": chance.choice(list(Visibility))},
    ),
    Action.COORDINATION_DECIDE: Verb(
        *(decide_coordination, [SUPERVISION, WORKING_GROUP, LEADING_GROUP], 8),
        lambda chance: {"opinion": "由牵头单位办理", "escalate": chance.random() < 0.4},
    ),
    Action.COORDINATION_REQUEST: Verb(request_coordination, ["handler"], 4, lambda _: {"reason": "涉及多部门"}),
    Action.DECLINE: Verb(decline, [AGENT], 3, lambda _: {"basis": "不属于受理范围"}),
    Action.DISPATCH: Verb(dispatch, [*[DISPATCHER] * 4, OFFICE, SUPERVISION], 20, some_handlers),
    Action.EXTENSION_DECIDE: Verb(
        *(decide_extension, [OFFICE], 8),
        lambda chance: {"approve": chance.random() < 0.6, "reason": "情况属实"},
    ),
    Action.EXTENSION_REQUEST: Verb(
        *(request_extension, ["handler"], 4),
        lambda chance: {"working_days": chance.choice([0, 1, 3, 10, 11]), "reason": "需现场勘查"},
    ),
    Action.FIRST_CONTACT: Verb(first_contact, ["handler"], 4),
    Action.FOLLOW_UP: Verb(follow_up, [AGENT], 14, some_verdict),
    Action.MALICE_APPEAL: Verb(appeal_malice, ["reporter"], 2, lambda _: {"reason": "所述属实"}),
    Action.MALICE_DECIDE: Verb(
        *(decide_malice, [WORKING_GROUP], 2),
        lambda chance: {"uphold": chance.random() < 0.5, "reason": "经复核"},
    ),
    Action.MALICE_FIND: Verb(find_malice, [OFFICE], 1, lambda _: {"evidence": "与现场不符"}),
    Action.PART_REPORT: Verb(report_part, [f"handler@{path}" for path in TENANTS], 4, lambda _: {"report": "已完成"}),
    Action.RATE: Verb(
        *(follow_up, ["reporter"], 6),
        lambda chance: {"satisfaction": chance.choice([Satisfaction.NEUTRAL, *[Satisfaction.VERY_UNSATISFIED] * 3])},
    ),
    Action.REFER: Verb(refer, [OFFICE], 3, lambda _: {"reason": "情况特别复杂"}),
    Action.RESOLVE: Verb(resolve, ["handler"], 20, lambda _: {"reply": "已办结"}),
    Action.RESUME: Verb(resume, ["handler"], 8),
    Action.RETURN: Verb(return_, ["handler"], 10, lambda _: {"reason": "不属于本部门"}),
    Action.SUSPEND: Verb(
        *(suspend, ["handler"], 3),
        lambda chance: {"reason": chance.choice(list(SuspensionReason))},
    ),
    Action.TERMINATE: Verb(terminate, [OFFICE], 1, lambda _: {"basis": "同一问题已办理"}),
    Action.TRANSFER: Verb(transfer, [AGENT], 3, lambda _: {"to": "anshan", "reason": "由鞍山市负责"}),
    Action.TRANSFER_CHASE: Verb(chase, [AGENT], 2, lambda _: {"note": "请尽快决定"}),
    Action.TRANSFER_WITHDRAW: Verb(fetch_back, [AGENT], 20, lambda _: {"reason": "转办有误"}),
    Action.WITHDRAW: Verb(withdraw, ["reporter"], 1, lambda _: {"reason": None}),
}


async def check(town: Town, ticket_id: uuid.UUID) -> None:
    """The row is what its timeline replays to, and the timeline is whole."""
    row, timeline = await town.row(ticket_id), await town.timeline(ticket_id)
    assert first_broken(timeline) is None
    assert [event["seq"] for event in timeline] == list(range(1, len(timeline) + 1))
    first, *later = timeline
    assert (first["type"], first["version"]) == ("SUBMITTED", 1)
    status, current_round, version = TicketStatus(first["data"]["toStatus"]), 1, 1
    lead, satisfaction, closed_at = None, None, None
    for event in later:
        data = event["data"]
        assert status not in FINAL_STATUSES or event["type"].startswith("MALICE"), "little follows the end"
        if event["type"] not in ("ATTACHED", "COMMENTED", "TRANSFER_CHASED"):
            after = TicketStatus(data["toStatus"])
            assert data["fromStatus"] == status
            assert after in outcomes(status, ACTION_OF[event["type"]])
            current_round = next_round(status, after, current_round)
            assert data["round"] == current_round
            status, version = after, version + 1
            lead = data.get("lead", lead)
            satisfaction = data.get("satisfaction", satisfaction)
            if data["fromStatus"] != after:
                closed_at = event["at"] if after in FINAL_STATUSES else None
        assert event["version"] == version, "versions have no gaps"
        assert event["restricted"] == (row["secrecy"] == SecrecyLevel.RESTRICTED)
    replayed = (status, current_round, version, lead, satisfaction, closed_at)
    assert replayed == tuple(
        row[column] for column in ("status", "round", "version", "lead_id", "satisfaction", "closed_at")
    )
    await check_clocks(town, row, status)


async def check_clocks(town: Town, row: dict[str, Any], status: TicketStatus) -> None:
    """Just the clocks of its state run (nothing of a walk is late), and the ticket says which of them is due first."""
    clocks = await town.admin.fetch(
        "select kind, state, due_at from deadlines where subject_id = $1 and ended_at is null", row["id"]
    )
    contacted = {DeadlineKind.FIRST_CONTACT} if row["contacted_at"] else set()
    assert {clock["kind"] for clock in clocks} == {
        clock.kind for clock in CLOCKS if status in clock.runs_in
    } - contacted
    assert (row["suspended_at"] is not None) == ("SUSPENDED" in {clock["state"] for clock in clocks})
    due = [clock["due_at"] for clock in clocks if clock["state"] == "RUNNING"]
    assert row["due_at"] == min(due, default=NEVER)


@pytest.mark.parametrize("seed", [1, 2])
async def test_random_walks(town: Town, seed: int) -> None:
    chance = random.Random(seed)
    logins = {"reporter": town.enterprise, "rival": town.other_enterprise}
    path_of = {id_: path for path, id_ in town.world.tenants.items()}
    begun = [S.SUBMITTED] * (TICKETS - 3) + [S.DISPUTED, S.RESOLVED, S.ESCALATED]  # these are a long way off
    tickets = [await town.at(status, category=TicketCategory.COMPLAINT) for status in begun]
    outcome: Counter[str] = Counter()
    seen: set[str] = set(begun)
    for _ in range(STEPS):
        place = chance.randrange(TICKETS)
        row, events = await town.row(tickets[place]), await town.timeline(tickets[place])
        status = TicketStatus(row["status"])
        if status in FINAL_STATUSES and chance.random() < 0.6:
            await check(town, tickets[place])
            tickets[place] = await town.at(S.SUBMITTED, category=TicketCategory.COMPLAINT)
            continue
        # Mostly what fits, by whose turn it is; now and then anything, by anybody, on a version of yesterday.
        allowed = allowed_from(facts_of(SimpleNamespace(**row)))
        fitting = [action for action in VERBS if action in allowed and chance.random() < 0.95] or [*VERBS]
        action = chance.choices(fitting, weights=[VERBS[each].weight for each in fitting])[0]
        verb = VERBS[action]
        by = chance.choice(verb.usual if chance.random() < 0.9 else PEOPLE)
        by = f"handler@{path_of.get(row['lead_id'], TENANTS[0])}" if by == "handler" else logins.get(by, by)
        expected = row["version"] - (chance.random() < 0.05)
        try:
            await town.do(by, verb.do, tickets[place], expected_version=expected, **verb.draw(chance))
        except DomainError as refusal:
            assert await town.row(tickets[place]) == row, "a refusal leaves no trace"
            assert await town.timeline(tickets[place]) == events
            outcome[type(refusal).__name__] += 1
        else:
            after = await town.timeline(tickets[place])
            assert after[:-1] == events, "one verb, one event; the past stands"
            outcome[after[-1]["type"]] += 1
            seen.add((await town.row(tickets[place]))["status"])
    for ticket_id in tickets:
        await check(town, ticket_id)
    # A walk that goes nowhere shows nothing.
    assert sum(outcome[event] for event in EVENT_TYPES.values()) > STEPS / 2, outcome
    assert len(set(EVENT_TYPES.values()) & set(outcome)) >= 10, outcome
    assert {"NotFound", "NotResponsible", "IllegalTransition"} <= set(outcome)
    assert seen >= OPEN_STATUSES


def test_the_walk_knows_every_verb() -> None:
    assert set(VERBS) == set(EVENT_TYPES) - {Action.MERGE}, "merging takes two tickets: see test_merge"
