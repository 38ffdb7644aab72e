"""Merging: one ticket goes on for both, in no circle, in no other city, and never from secret to less secret."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from app.kernel.errors import Conflict, DomainError, IllegalTransition, InvalidInput, NotFound, NotResponsible
from app.kernel.events import first_broken
from app.kernel.tables import new_id
from app.tickets.actions.accept import accept
from app.tickets.actions.acknowledge import acknowledge
from app.tickets.actions.comment import comment
from app.tickets.actions.decline import decline
from app.tickets.actions.dispatch import dispatch
from app.tickets.actions.follow_up import follow_up
from app.tickets.actions.merge import merge
from app.tickets.actions.resolve import resolve
from app.tickets.words import Satisfaction, SecrecyLevel, TicketCategory, TicketStatus, Visibility
from tests.tickets.town import AGENT, DISPATCHER, HANDLER, OFFICE, SUPERVISION, Town

S = TicketStatus
CONFIDENTIAL = {"category": TicketCategory.REPORT, "secrecy": SecrecyLevel.CONFIDENTIAL}
RESTRICTED = {"category": TicketCategory.REPORT, "secrecy": SecrecyLevel.RESTRICTED}


async def two(town: Town, **second: Any) -> tuple[uuid.UUID, uuid.UUID]:
    """A ticket of the second enterprise, and one of the first into which it may be merged."""
    merged = await town.submit(town.other_enterprise, **second)
    return merged.id, (await town.submit()).id


async def refused(town: Town, login: str, ticket: uuid.UUID, into: uuid.UUID, **given: Any) -> DomainError:
    """The refusal, which changed nothing."""
    before = await town.admin.fetch("select * from tickets order by id")
    events = await town.admin.fetchval("select count(*) from events")
    with pytest.raises(DomainError) as refusal:
        await town.do(login, merge, ticket, into_ticket_id=into, **given)
    assert await town.admin.fetch("select * from tickets order by id") == before
    assert await town.admin.fetchval("select count(*) from events") == events
    return refusal.value


def rule(refusal: DomainError) -> str:
    assert isinstance(refusal, InvalidInput), refusal
    assert refusal.field == "intoTicketId"
    return refusal.rule


@pytest.mark.parametrize("status", [S.SUBMITTED, S.ACCEPTED])
async def test_the_merged_ticket_is_closed_and_the_other_goes_on(town: Town, status: TicketStatus) -> None:
    survivor = (await town.submit(town.other_enterprise)).id
    merged = await town.at(status)
    before = await town.row(survivor)
    ticket = await town.do(AGENT, merge, merged, into_ticket_id=survivor)
    row = await town.row(merged)
    assert row["status"] == ticket.status == "CLOSED"
    assert (row["merged_into_id"], row["closed_at"]) == (survivor, town.now)
    last = (await town.timeline(merged))[-1]
    assert (last["type"], last["visibility"]) == ("MERGED", "PUBLIC")
    assert last["data"] == {"fromStatus": status.value, "toStatus": "CLOSED", "round": 1}, "not a word of the other"
    assert await town.row(survivor) == before | {"absorbed": True}
    absorbed = (await town.timeline(survivor))[-1]
    assert (absorbed["type"], absorbed["visibility"], absorbed["data"]) == ("ABSORBED", "INTERNAL", {})
    running = await town.admin.fetch("select state from deadlines where subject_id = $1", merged)
    assert "RUNNING" not in {each["state"] for each in running}


async def test_its_reporter_is_told_how_the_other_goes_on(town: Town) -> None:
    merged, survivor = await two(town)
    bystander = (await town.submit(town.other_enterprise)).id
    untouched = await town.timeline(bystander)
    await town.do(AGENT, merge, merged, into_ticket_id=survivor)
    version = (await town.row(merged))["version"]
    await town.do(AGENT, accept, survivor)
    await town.do(DISPATCHER, dispatch, survivor, lead="guangyuan.commerce", note="请尽快办理")
    await town.do(HANDLER, acknowledge, survivor)
    await town.do(HANDLER, comment, survivor, body="已约好时间", visibility=Visibility.PUBLIC)
    await town.do(town.enterprise, comment, survivor, body="我方电话已换", visibility=Visibility.PUBLIC)
    await town.do(HANDLER, comment, survivor, body="内部备注", visibility=Visibility.INTERNAL)
    await town.do(HANDLER, resolve, survivor, reply="已疏通排水管道")
    await town.do(AGENT, follow_up, survivor, satisfaction=Satisfaction.SATISFIED, note="企业说很满意")
    told = [each for each in await town.timeline(merged) if each["type"] == "PROGRESSED"]
    assert [each["data"] for each in told] == [
        {"toStatus": "ACCEPTED"},
        {"toStatus": "DISPATCHED"},
        {"toStatus": "IN_PROGRESS"},
        {"toStatus": "RESOLVED", "note": "已疏通排水管道"},
        {"toStatus": "CLOSED"},
    ]
    assert {(each["visibility"], each["actor_id"], each["actor_role"]) for each in told} == {("PUBLIC", None, None)}
    row = await town.row(merged)
    assert (row["status"], row["resolution"], row["version"]) == ("CLOSED", "已疏通排水管道", version + 5)
    assert first_broken(await town.timeline(merged)) is None
    assert await town.timeline(bystander) == untouched
    assert "PROGRESSED" not in {each["type"] for each in await town.timeline(survivor)}


async def test_a_basis_is_told_and_a_refusal_echoes_nothing(town: Town) -> None:
    merged, survivor = await two(town)
    await town.do(AGENT, merge, merged, into_ticket_id=survivor)
    with pytest.raises(IllegalTransition):
        await town.do(AGENT, follow_up, survivor, satisfaction=Satisfaction.SATISFIED)
    assert (await town.timeline(merged))[-1]["type"] == "MERGED"
    await town.do(AGENT, decline, survivor, basis="不属于受理范围")
    assert (await town.timeline(merged))[-1]["data"] == {"toStatus": "DECLINED", "note": "不属于受理范围"}


async def test_what_was_merged_before_goes_along(town: Town) -> None:
    first, second = await two(town)
    third = (await town.submit(town.other_enterprise)).id
    await town.do(AGENT, merge, first, into_ticket_id=second)
    await town.do(AGENT, accept, third)
    await town.do(AGENT, merge, second, into_ticket_id=third)
    assert {(await town.row(each))["merged_into_id"] for each in (first, second)} == {third}
    assert not (await town.row(second))["absorbed"]
    assert (await town.timeline(first))[-1]["data"] == {"toStatus": "ACCEPTED"}, "not CLOSED: it goes on"
    await town.do(DISPATCHER, dispatch, third, lead="guangyuan.commerce")
    for each in (first, second):
        assert (await town.timeline(each))[-1]["data"] == {"toStatus": "DISPATCHED"}
        assert first_broken(await town.timeline(each)) is None


async def test_no_circle(town: Town) -> None:
    merged, survivor = await two(town)
    assert rule(await refused(town, AGENT, merged, merged)) == "itself"
    await town.do(AGENT, merge, merged, into_ticket_id=survivor)
    back = await refused(town, AGENT, survivor, merged)
    assert rule(back) == "already_merged_into"
    assert back.data["number"] == (await town.row(survivor))["number"]
    third = (await town.submit()).id
    assert rule(await refused(town, AGENT, third, merged)) == "already_merged_into"
    again = await refused(town, AGENT, merged, third)
    assert isinstance(again, IllegalTransition)
    assert again.current == "CLOSED"


async def test_two_merges_into_one_another_at_once(town: Town) -> None:
    one, other = await two(town)
    async with asyncio.timeout(10):
        done = await asyncio.gather(
            town.do(AGENT, merge, one, into_ticket_id=other),
            town.do(AGENT, merge, other, into_ticket_id=one),
            return_exceptions=True,
        )
    assert sorted(isinstance(each, DomainError) for each in done) == [False, True], done
    rows = [await town.row(each) for each in (one, other)]
    assert sorted(row["status"] for row in rows) == ["CLOSED", "SUBMITTED"]
    assert sorted(row["merged_into_id"] is None for row in rows) == [False, True]


async def test_a_step_of_the_survivor_and_merges_at_once(town: Town) -> None:
    """Steps lock the survivor and then what was merged into it; merges of any two never wait for them in a ring."""
    tickets = [(await town.submit(town.other_enterprise)).id for _ in range(5)]
    survivor = (await town.submit()).id
    await town.do(AGENT, merge, tickets[0], into_ticket_id=survivor)
    async with asyncio.timeout(20):
        done = await asyncio.gather(
            town.do(AGENT, accept, survivor),
            town.do(AGENT, merge, survivor, into_ticket_id=tickets[0]),
            town.do(AGENT, merge, tickets[0], into_ticket_id=survivor),
            *(town.do(AGENT, merge, each, into_ticket_id=survivor) for each in tickets[1:]),
            return_exceptions=True,
        )
    assert [isinstance(each, DomainError) for each in done] == [False, True, True, False, False, False, False], done
    for each in tickets:
        events = await town.timeline(each)
        assert first_broken(events) is None
        assert [event["type"] for event in events][1:2] == ["MERGED"]


async def test_the_other_city_is_not_there(town: Town) -> None:
    ours = (await town.submit()).id
    theirs = await town.submit(town.world.anshan.enterprise.login)
    for unknown in (theirs.id, new_id()):
        refusal = await refused(town, AGENT, ours, unknown)
        assert isinstance(refusal, NotFound)
        assert refusal.field == "intoTicketId"
        assert isinstance(await refused(town, AGENT, unknown, ours), NotFound)
    with pytest.raises(NotFound):
        await town.do_in(town.world.anshan.id, AGENT, merge, theirs.id, into_ticket_id=ours)


async def test_only_the_desk_merges_what_it_serves(town: Town) -> None:
    merged, survivor = await two(town)
    for login in (DISPATCHER, OFFICE, SUPERVISION, "auditor@guangyuan", town.other_enterprise):
        refusal = await refused(town, login, merged, survivor)
        expected = NotResponsible if "enterprise" not in login else (NotResponsible, NotFound)
        assert isinstance(refusal, expected), login
    county = "intake_agent@guangyuan.cangxi"
    near = (await town.submit(county="guangyuan.cangxi")).id
    assert isinstance(await refused(town, county, near, survivor), NotFound), "outside of the county"
    assert isinstance(await refused(town, county, survivor, near), NotFound)
    nearby = (await town.submit(town.other_enterprise, county="guangyuan.cangxi")).id
    await town.do(county, merge, near, into_ticket_id=nearby)


@pytest.mark.parametrize("status", [S.DECLINED, S.CLOSED, S.WITHDRAWN])
async def test_what_has_ended_takes_nothing_in(town: Town, status: TicketStatus) -> None:
    ended = await town.at(status)
    ticket = (await town.submit(town.other_enterprise)).id
    assert rule(await refused(town, AGENT, ticket, ended)) == "ended"


@pytest.mark.parametrize("status", [S.DISPATCHED, S.IN_PROGRESS, S.RESOLVED, S.ESCALATED])
async def test_what_is_in_work_is_not_merged_but_takes_in(town: Town, status: TicketStatus) -> None:
    working = await town.at(status)
    ticket = (await town.submit(town.other_enterprise)).id
    assert isinstance(await refused(town, AGENT, working, ticket), IllegalTransition)
    await town.do(AGENT, merge, ticket, into_ticket_id=working)
    assert (await town.row(ticket))["resolution"] == (await town.row(working))["resolution"]


async def test_the_version_acted_on(town: Town) -> None:
    merged, survivor = await two(town)
    assert isinstance(await refused(town, AGENT, merged, survivor, expected_version=2), Conflict)
    await town.do(AGENT, merge, merged, into_ticket_id=survivor, expected_version=1)


async def test_secrecy_is_not_lost(town: Town) -> None:
    normal = (await town.submit()).id
    secret = (await town.submit(town.other_enterprise, **CONFIDENTIAL)).id
    other_secret = (await town.submit(**CONFIDENTIAL)).id
    assert rule(await refused(town, AGENT, secret, normal)) == "less_secret"
    await town.do(AGENT, merge, secret, into_ticket_id=other_secret)
    await town.do(AGENT, merge, normal, into_ticket_id=other_secret)


async def test_restricted_tickets_are_merged_with_one_another_by_those_named(town: Town) -> None:
    normal, hidden = (await town.submit()).id, (await town.submit(**RESTRICTED)).id
    other = (await town.submit(town.other_enterprise, **RESTRICTED)).id
    assert isinstance(await refused(town, AGENT, hidden, other), NotFound)
    assert isinstance(await refused(town, AGENT, normal, hidden), NotFound)
    await town.name(hidden, AGENT)
    assert isinstance(await refused(town, AGENT, hidden, other), NotFound)
    assert rule(await refused(town, AGENT, normal, hidden)) == "more_secret"
    assert rule(await refused(town, AGENT, hidden, normal)) == "less_secret"
    assert isinstance(await refused(town, SUPERVISION, hidden, normal), NotResponsible), "named on one of the two"
    named = await town.named(hidden), await town.named(other)
    await town.do(SUPERVISION, merge, hidden, into_ticket_id=other)
    assert (await town.named(hidden), await town.named(other)) == named, "nobody is let in"
    await town.do(SUPERVISION, accept, other)
    progressed = (await town.timeline(hidden))[-1]
    assert (progressed["type"], progressed["restricted"]) == ("PROGRESSED", True)


async def test_where_it_went_is_said_to_those_who_may_see_that(town: Town) -> None:
    merged = (await town.submit(**RESTRICTED)).id
    survivor = (await town.submit(town.other_enterprise, **RESTRICTED)).id
    third = (await town.submit(**RESTRICTED)).id
    await town.do(SUPERVISION, merge, merged, into_ticket_id=survivor)
    for each in (merged, third):
        await town.name(each, AGENT)
    assert rule(await refused(town, AGENT, third, merged)) == "already_merged"
