"""A complaint about a tender across Spring Festival and Qingming 2026: 3 and 30 working days, without the time of
inspection, testing, appraisal and expert review (001_…txt, first plan, 15). Every date is counted by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from app.tickets.sweep import SWEEP
from tests.supervision.conftest import CITY, DESK, HANDLER, OFFICE, SUPERVISION, Supervised

SHANGHAI = ZoneInfo("Asia/Shanghai")
CLOCK = "kind state startedAt dueAt remainingWorkingMinutes explain { from to counted workingMinutes kind reason }"
DAY = 7 * 60
"""Working minutes."""


def at(month: int, day: int, hour: int = 17, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=SHANGHAI)


async def clock_of(s: Supervised, ticket: str, kind: str, login: str = OFFICE) -> dict[str, Any]:
    query = f"query($id: ID!) {{ ticket(id: $id) {{ deadlines {{ {CLOCK} }} }} }}"
    found = (await s.api.data(login, query, id=ticket))["ticket"]["deadlines"]
    (clock,) = [each for each in found if each["kind"] == kind]
    stretches = clock["explain"]
    assert (stretches[0]["from"], all(one["to"] == other["from"] for one, other in pairwise(stretches))) == (
        clock["startedAt"],
        True,
    )
    return {**clock, "due": datetime.fromisoformat(clock["dueAt"])}


def counted(clock: dict[str, Any]) -> int:
    return sum(each["workingMinutes"] for each in clock["explain"] if each["counted"])


def not_counted(clock: dict[str, Any], kind: str) -> list[tuple[str | None, int]]:
    """The stretches of a kind: why, and how many working minutes."""
    return [(each["reason"], each["workingMinutes"]) for each in clock["explain"] if each["kind"] == kind]


async def told(s: Supervised, ticket: str) -> list[tuple[str, str]]:
    """What the sweep has told of the ticket by now."""
    while await SWEEP.turn(s.context):
        pass
    query = "query($id: ID!) { ticket(id: $id) { timeline(first: 50) { edges { node { type deadlineKind } } } } }"
    edges = (await s.api.data(OFFICE, query, id=ticket))["ticket"]["timeline"]["edges"]
    nodes = [edge["node"] for edge in edges if edge["node"]["type"].startswith("DEADLINE_")]
    return [(each["type"], each["deadlineKind"]) for each in nodes]


async def of_decision(s: Supervised, ticket: str) -> list[str]:
    return [type_ for type_, kind in await told(s, ticket) if kind == "HANDLING"]


async def complained(s: Supervised) -> str:
    """On Wednesday 11 February, at ten in the morning."""
    s.clock.at = at(2, 11, 10)
    ticket = await s.api.submit(
        category="BIDDING_COMPLAINT",
        department=f"{CITY}.commerce",
        title="评标结果公示有误",
        body="公示的中标候选人业绩与招标文件要求不符。",
    )
    id_: str = ticket["id"]
    return id_


async def test_three_working_days_to_decide_on_acceptance(supervised: Supervised) -> None:
    s = supervised
    ticket = await complained(s)
    clock = await clock_of(s, ticket, "VERIFICATION")
    # 12 and 13 February, and the 14th: a Saturday that is worked for the festival.
    assert (clock["state"], clock["due"], counted(clock)) == ("RUNNING", at(2, 14), 3 * DAY)
    assert sum(minutes for _, minutes in not_counted(clock, "MAKE_UP_DAY")) == DAY
    assert clock["explain"][0]["kind"] == "DAY_OF_RECEIPT"
    # 80 % of the working time from the complaint on: of 27 hours (6 of them on the first day) 21.6.
    s.clock.at = at(2, 14, 10, 35)
    assert await told(s, ticket) == []
    s.clock.at = at(2, 14, 10, 37)
    assert await told(s, ticket) == [("DEADLINE_WARNED", "VERIFICATION")]
    s.clock.at = at(2, 14)
    assert len(await told(s, ticket)) == 1
    s.clock.at = at(2, 15, 0)  # the festival does not put it off
    assert await told(s, ticket) == [("DEADLINE_WARNED", "VERIFICATION"), ("DEADLINE_MISSED", "VERIFICATION")]
    s.clock.at = at(2, 24, 9)
    await s.then(ticket, HANDLER, "ticketAccept")
    assert (await clock_of(s, ticket, "VERIFICATION"))["state"] == "MISSED"
    assert len(await told(s, ticket)) == 2


async def test_thirty_working_days_to_the_written_decision(supervised: Supervised) -> None:
    s = supervised
    ticket = await complained(s)
    s.clock.at = at(2, 12, 15)
    await s.then(ticket, HANDLER, "ticketAccept")
    assert (await clock_of(s, ticket, "VERIFICATION"))["state"] == "MET"
    clock = await clock_of(s, ticket, "HANDLING")
    # 13 and 14 February; 24 to 28 (Saturday, worked); four weeks of March from the 2nd; 30 and 31 March; 1 April.
    assert (clock["due"], counted(clock)) == (at(4, 1), 30 * DAY)
    assert sum(minutes for _, minutes in not_counted(clock, "MAKE_UP_DAY")) == 2 * DAY
    assert not_counted(clock, "HOLIDAY"), "nobody works from the 15th to the 23rd"

    # A week of testing: 9 to 13 March. The five days come back behind 1 April: 2, 3, 7 (Qingming is 4 to 6), 8, 9.
    s.clock.at = at(3, 9, 9)
    await s.then(ticket, HANDLER, "ticketSuspend", reason="TESTING")
    assert (await clock_of(s, ticket, "HANDLING"))["state"] == "SUSPENDED"
    s.clock.at = at(3, 12, 9)
    assert await of_decision(s, ticket) == []
    s.clock.at = at(3, 16, 9)
    await s.then(ticket, HANDLER, "ticketResume")
    clock = await clock_of(s, ticket, "HANDLING")
    assert (clock["due"], counted(clock)) == (at(4, 9), 30 * DAY)
    assert not_counted(clock, "SUSPENDED") == [("Testing", 5 * DAY)]

    # Experts for an afternoon: four office hours, from nine to twelve and one to two on the 10th.
    s.clock.at = at(3, 18, 13)
    await s.then(ticket, HANDLER, "ticketSuspend", reason="EXPERT_REVIEW")
    s.clock.at = at(3, 18, 17)
    await s.then(ticket, HANDLER, "ticketResume")
    clock = await clock_of(s, ticket, "HANDLING")
    assert (clock["due"], counted(clock)) == (at(4, 10, 14), 30 * DAY)
    assert not_counted(clock, "SUSPENDED") == [("Testing", 5 * DAY), ("Expert review", 4 * 60)]
    for login in (HANDLER, s.api.world.guangyuan.enterprise.login):  # whom it judges, and who waits for it
        assert (await clock_of(s, ticket, "HANDLING", login))["explain"] == clock["explain"]

    s.clock.at = at(4, 10, 13, 59)
    assert await of_decision(s, ticket) == ["DEADLINE_WARNED"]
    s.clock.at = at(4, 10, 14, 1)
    assert await of_decision(s, ticket) == ["DEADLINE_WARNED", "DEADLINE_MISSED"]
    await s.follow()
    assert [notice["trigger"] for notice in await s.notices(SUPERVISION)] == ["OVERDUE"]
    decision = {"reply": "投诉事项属实,责令重新评标。", "decisionNumber": "广商投〔2026〕3号"}
    await s.then(ticket, HANDLER, "ticketResolve", **decision)
    assert (await clock_of(s, ticket, "HANDLING"))["state"] == "MISSED"


async def test_a_decision_in_time_is_met_and_nothing_is_told(supervised: Supervised) -> None:
    s = supervised
    ticket = await complained(s)
    s.clock.advance(timedelta(hours=1))
    await s.then(ticket, HANDLER, "ticketAccept")
    s.clock.at = at(3, 2, 9)
    decision = {"reply": "投诉事项属实,责令重新评标。", "decisionNumber": "广商投〔2026〕4号"}
    await s.then(ticket, HANDLER, "ticketFirstContact")
    s.clock.at = at(3, 3, 9)
    await s.then(ticket, HANDLER, "ticketResolve", **decision)
    s.clock.at = at(3, 4, 9)
    await s.then(ticket, DESK, "ticketFollowUp", satisfaction="SATISFIED")
    s.clock.at = at(12, 31)
    assert {kind for _, kind in await told(s, ticket)} == {"FIRST_CONTACT"}, "the contact alone was late"
    assert (await clock_of(s, ticket, "HANDLING"))["state"] == "MET"


async def test_what_else_is_waited_for_counts(supervised: Supervised) -> None:
    """The time that the rules leave out, and the city's own reason: a word that is neither is no reason."""
    s = supervised
    ticket = await complained(s)
    await s.then(ticket, HANDLER, "ticketAccept")
    document = "mutation($input: TicketSuspendInput!) { ticketSuspend(input: $input) { ticket { id } } }"
    response = await s.api.ask(HANDLER, document, input={"ticketId": ticket, "reason": "HOLIDAY"})
    assert response["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    await s.then(ticket, HANDLER, "ticketSuspend", reason="INSPECTION")
    payload = await s.api.refusable(HANDLER, "ticketSuspend", ticketId=ticket, reason="APPRAISAL")
    assert payload["userErrors"][0]["code"] == "ILLEGAL_TRANSITION"
    response = await s.api.ask("handler@anshan.commerce", document, input={"ticketId": ticket, "reason": "TESTING"})
    assert response["data"]["ticketSuspend"] == {"ticket": None}
