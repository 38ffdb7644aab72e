"""Each verb: done by the right person, and refused to everybody else without a trace."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from app.kernel.errors import Conflict, DomainError, IllegalTransition, InvalidInput, NotFound, NotResponsible
from app.kernel.events import first_broken
from app.kernel.tables import new_id
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
from app.tickets.lifecycle import Action, Facts, allowed_from, permissions_of
from app.tickets.words import Satisfaction, TicketStatus, Visibility
from app.transfers.actions.transfer import transfer
from app.transfers.actions.withdraw import withdraw as fetch_back
from authz.roles import Role
from tenants.schemes.words import SuspensionReason
from tests.tickets.attaching import attach_new
from tests.tickets.town import (
    AGENT,
    CO_HANDLER,
    DISPATCHER,
    HANDLER,
    LEAD,
    LEADING_GROUP,
    OFFICE,
    SUPERVISION,
    WORKING_GROUP,
    Town,
)

S = TicketStatus
REPORTER = "the reporter"


@dataclass(frozen=True)
class Verb:
    """A verb, who does it from which state, and what then stands in the row and on the timeline."""

    action: Action
    do: Callable[..., Any]
    status: TicketStatus
    by: str
    after: TicketStatus
    event: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    stamp: str | None = None
    tenant: str = "guangyuan"
    data: dict[str, Any] = field(default_factory=dict)
    before: tuple[tuple[str, Callable[..., Any], dict[str, Any]], ...] = ()
    visibility: str = "PUBLIC"
    closed: bool = False  # whether it is there in a closed ticket too
    # Somebody who sees the ticket and has no such role, and somebody who has it elsewhere.
    wrong_role: str = "auditor@guangyuan"
    elsewhere: tuple[Role, str] = (Role.INTAKE_AGENT, "guangyuan.jiange")


REPLY, REASON = "已答复,积水已排", "不属于本部门职责"
EXTENSION = (HANDLER, request_extension, {"working_days": 4, "reason": "需现场勘查"})
COORDINATION = (HANDLER, request_coordination, {"reason": "涉及多部门"})
TAKEN_UP = (OFFICE, decide_coordination, {"opinion": "情况特别复杂", "escalate": True})
TO_THE_TOP = (WORKING_GROUP, decide_coordination, {"opinion": "书面报告", "escalate": True})
SUSPENSION = (HANDLER, suspend, {"reason": SuspensionReason.TESTING})
REFERRAL = (OFFICE, refer, {"reason": "职责交叉"})
FINDING = (OFFICE, find_malice, {"evidence": "照片系其他场所"})
APPEAL = (REPORTER, appeal_malice, {"reason": "照片属实"})
VERBS = [
    Verb(Action.ACCEPT, accept, S.SUBMITTED, AGENT, S.ACCEPTED, "ACCEPTED", stamp="accepted_at"),
    Verb(
        *(Action.DECLINE, decline, S.SUBMITTED, AGENT, S.DECLINED, "DECLINED", {"basis": REASON}),
        stamp="closed_at",
        data={"note": REASON},
    ),
    Verb(
        *(Action.ANSWER, answer, S.SUBMITTED, AGENT, S.ANSWERED, "ANSWERED", {"reply": REPLY}),
        stamp="resolved_at",
        data={"note": REPLY},
    ),
    Verb(
        *(Action.ANSWER, answer, S.ACCEPTED, AGENT, S.ANSWERED, "ANSWERED", {"reply": REPLY}),
        stamp="resolved_at",
        data={"note": REPLY},
    ),
    Verb(
        *(Action.DISPATCH, dispatch, S.ACCEPTED, DISPATCHER, S.DISPATCHED, "DISPATCHED"),
        {"lead": "guangyuan.commerce", "co_handlers": ["guangyuan.finance"], "note": "请尽快办理"},
        stamp="dispatched_at",
        data={"note": "请尽快办理"},
        elsewhere=(Role.DISPATCHER, "guangyuan.jiange"),
    ),
    Verb(
        *(Action.DISPATCH, dispatch, S.ESCALATED, OFFICE, S.DISPATCHED, "DISPATCHED"),
        {"lead": "guangyuan.housing"},
        stamp="dispatched_at",
        data={"coHandlers": [], "round": 3},
        elsewhere=(Role.OFFICE, "guangyuan.jiange"),
    ),
    Verb(
        *(Action.DISPATCH, dispatch, S.ESCALATED, SUPERVISION, S.DISPATCHED, "DISPATCHED"),
        {"lead": "guangyuan.commerce"},
        stamp="dispatched_at",
        data={"round": 3},
        wrong_role=AGENT,
        elsewhere=(Role.DISPATCHER, "guangyuan"),
    ),
    Verb(
        *(Action.ACKNOWLEDGE, acknowledge, S.DISPATCHED, HANDLER, S.IN_PROGRESS, "ACKNOWLEDGED"),
        stamp="acknowledged_at",
        tenant="guangyuan.commerce",
        wrong_role=DISPATCHER,
        elsewhere=(Role.HANDLER, "guangyuan.finance"),
    ),
    Verb(
        *(Action.RETURN, return_, S.DISPATCHED, LEAD, S.DISPUTED, "RETURNED", {"reason": REASON}),
        tenant="guangyuan.commerce",
        data={"note": REASON},
        elsewhere=(Role.DEPARTMENT_LEAD, "guangyuan.finance"),
    ),
    Verb(
        *(Action.ARBITRATE, arbitrate, S.DISPUTED, OFFICE, S.DISPATCHED, "ARBITRATED"),
        {"lead": "guangyuan.housing", "co_handlers": ["guangyuan.commerce"], "reason": "按职责清单"},
        stamp="dispatched_at",
        data={"note": "按职责清单"},
        wrong_role=AGENT,
        elsewhere=(Role.OFFICE, "guangyuan.jiange"),
    ),
    Verb(
        *(Action.ATTACH, attach_new, S.IN_PROGRESS, HANDLER, S.IN_PROGRESS, "ATTACHED"),
        {"visibility": Visibility.PUBLIC},
        tenant="guangyuan.commerce",
        elsewhere=(Role.HANDLER, "guangyuan.housing"),
    ),
    Verb(
        *(Action.ATTACH, attach_new, S.IN_PROGRESS, REPORTER, S.IN_PROGRESS, "ATTACHED"),
        {"visibility": Visibility.PUBLIC},
        elsewhere=(Role.HANDLER, "guangyuan.housing"),
    ),
    Verb(
        *(Action.COMMENT, comment, S.IN_PROGRESS, HANDLER, S.IN_PROGRESS, "COMMENTED"),
        {"body": "已联系企业", "visibility": Visibility.PUBLIC},
        tenant="guangyuan.commerce",
        data={"note": "已联系企业"},
        elsewhere=(Role.HANDLER, "guangyuan.housing"),
    ),
    Verb(
        *(Action.COMMENT, comment, S.IN_PROGRESS, REPORTER, S.IN_PROGRESS, "COMMENTED"),
        {"body": "还在积水", "visibility": Visibility.PUBLIC},
        data={"note": "还在积水"},
        elsewhere=(Role.HANDLER, "guangyuan.housing"),
    ),
    Verb(
        *(Action.RESOLVE, resolve, S.IN_PROGRESS, HANDLER, S.RESOLVED, "RESOLVED", {"reply": REPLY}),
        stamp="resolved_at",
        tenant="guangyuan.commerce",
        data={"note": REPLY},
        elsewhere=(Role.HANDLER, "guangyuan.finance"),
    ),
    Verb(
        *(Action.FOLLOW_UP, follow_up, S.RESOLVED, AGENT, S.CLOSED, "FOLLOWED_UP"),
        {"satisfaction": Satisfaction.NEUTRAL, "note": "电话回访"},
        stamp="closed_at",
        data={"satisfaction": "NEUTRAL", "note": "电话回访"},
    ),
    Verb(
        *(Action.FOLLOW_UP, follow_up, S.ANSWERED, AGENT, S.CLOSED, "FOLLOWED_UP"),
        {"satisfaction": Satisfaction.UNSATISFIED, "justified": False},
        stamp="closed_at",
        data={"satisfaction": "UNSATISFIED", "justified": False},
    ),
    Verb(
        *(Action.WITHDRAW, withdraw, S.IN_PROGRESS, REPORTER, S.WITHDRAWN, "WITHDRAWN", {"reason": "已自行解决"}),
        stamp="closed_at",
        data={"note": "已自行解决"},
        wrong_role=AGENT,
        elsewhere=(Role.STEWARD, "guangyuan"),
    ),
    Verb(
        *(Action.FIRST_CONTACT, first_contact, S.IN_PROGRESS, HANDLER, S.IN_PROGRESS, "FIRST_CONTACTED"),
        {"note": "已电话联系"},
        stamp="contacted_at",
        tenant="guangyuan.commerce",
        data={"note": "已电话联系"},
        elsewhere=(Role.HANDLER, "guangyuan.finance"),
    ),
    Verb(
        *(Action.EXTENSION_REQUEST, request_extension, S.IN_PROGRESS, LEAD, S.IN_PROGRESS, "EXTENSION_REQUESTED"),
        {"working_days": 4, "reason": "需现场勘查"},
        tenant="guangyuan.commerce",
        data={"note": "需现场勘查", "workingDays": 4},
        visibility="INTERNAL",
        elsewhere=(Role.HANDLER, "guangyuan.finance"),
    ),
    Verb(
        *(Action.EXTENSION_DECIDE, decide_extension, S.IN_PROGRESS, OFFICE, S.IN_PROGRESS, "EXTENSION_DECIDED"),
        {"approve": True},
        before=(EXTENSION,),
        data={"approved": True, "workingDays": 4},
        elsewhere=(Role.OFFICE, "guangyuan.jiange"),
    ),
    Verb(
        *(Action.EXTENSION_DECIDE, decide_extension, S.IN_PROGRESS, OFFICE, S.IN_PROGRESS, "EXTENSION_DECIDED"),
        {"approve": False, "reason": "理由不充分"},
        before=(EXTENSION,),
        data={"approved": False, "workingDays": 4, "note": "理由不充分"},
        visibility="INTERNAL",
        elsewhere=(Role.OFFICE, "guangyuan.jiange"),
    ),
    Verb(
        *(Action.SUSPEND, suspend, S.IN_PROGRESS, HANDLER, S.IN_PROGRESS, "SUSPENDED"),
        {"reason": SuspensionReason.INSPECTION, "note": "等待检验报告"},
        stamp="suspended_at",
        tenant="guangyuan.commerce",
        data={"suspensionReason": "INSPECTION", "note": "等待检验报告"},
        elsewhere=(Role.HANDLER, "guangyuan.finance"),
    ),
    Verb(
        *(Action.RESUME, resume, S.IN_PROGRESS, HANDLER, S.IN_PROGRESS, "RESUMED"),
        before=(SUSPENSION,),
        tenant="guangyuan.commerce",
        data={"suspensionReason": "TESTING"},
        elsewhere=(Role.HANDLER, "guangyuan.finance"),
    ),
    Verb(
        *(Action.COORDINATION_REQUEST, request_coordination, S.IN_PROGRESS, HANDLER, S.IN_PROGRESS),
        *("COORDINATION_REQUESTED", {"reason": "涉及多部门"}),
        tenant="guangyuan.commerce",
        data={"note": "涉及多部门", "coordination": "TASK_GROUP"},
        visibility="INTERNAL",
        elsewhere=(Role.HANDLER, "guangyuan.finance"),
    ),
    Verb(
        *(Action.COORDINATION_DECIDE, decide_coordination, S.IN_PROGRESS, SUPERVISION, S.IN_PROGRESS),
        *("COORDINATION_DECIDED", {"opinion": "由商务局牵头", "escalate": True}),
        before=(COORDINATION,),
        data={"note": "由商务局牵头", "coordination": "WORKING_GROUP"},
        visibility="INTERNAL",
        elsewhere=(Role.WORKING_GROUP, "guangyuan"),
    ),
    Verb(
        *(Action.COORDINATION_DECIDE, decide_coordination, S.IN_PROGRESS, WORKING_GROUP, S.IN_PROGRESS),
        *("COORDINATION_DECIDED", {"opinion": "由商务局牵头"}),
        before=(COORDINATION, TAKEN_UP),
        data={"note": "由商务局牵头"},
        visibility="INTERNAL",
        elsewhere=(Role.OFFICE, "guangyuan"),
    ),
    Verb(
        *(Action.COORDINATION_DECIDE, decide_coordination, S.IN_PROGRESS, LEADING_GROUP, S.IN_PROGRESS),
        *("COORDINATION_DECIDED", {"opinion": "由商务局牵头"}),
        before=(COORDINATION, TAKEN_UP, TO_THE_TOP),
        data={"note": "由商务局牵头"},
        visibility="INTERNAL",
        elsewhere=(Role.WORKING_GROUP, "guangyuan"),
    ),
    Verb(
        *(Action.REFER, refer, S.DISPUTED, OFFICE, S.DISPUTED, "REFERRED", {"reason": "职责交叉"}),
        data={"note": "职责交叉"},
        visibility="INTERNAL",
        elsewhere=(Role.OFFICE, "guangyuan.jiange"),
    ),
    Verb(
        *(Action.ARBITRATE, arbitrate, S.DISPUTED, WORKING_GROUP, S.DISPATCHED, "ARBITRATED"),
        {"lead": "guangyuan.housing", "reason": "经研究确定"},
        before=(REFERRAL,),
        stamp="dispatched_at",
        data={"note": "经研究确定", "coHandlers": []},
        elsewhere=(Role.OFFICE, "guangyuan"),
    ),
    Verb(
        *(Action.PART_REPORT, report_part, S.IN_PROGRESS, CO_HANDLER, S.IN_PROGRESS, "PART_REPORTED"),
        {"report": "补贴已核拨"},
        tenant="guangyuan.finance",
        data={"note": "补贴已核拨"},
        visibility="INTERNAL",
        elsewhere=(Role.HANDLER, "guangyuan.commerce"),
    ),
    Verb(
        *(Action.TERMINATE, terminate, S.ACCEPTED, OFFICE, S.TERMINATED, "TERMINATED", {"basis": "同一问题已办理"}),
        stamp="closed_at",
        data={"note": "同一问题已办理"},
        elsewhere=(Role.OFFICE, "guangyuan.jiange"),
    ),
    Verb(
        *(Action.TERMINATE, terminate, S.IN_PROGRESS, OFFICE, S.TERMINATED, "TERMINATED", {"basis": "同一问题已办理"}),
        before=(EXTENSION, COORDINATION),
        stamp="closed_at",
        data={"note": "同一问题已办理"},
        elsewhere=(Role.OFFICE, "guangyuan.jiange"),
    ),
    *(
        Verb(
            *(Action.TRANSFER, transfer, status, AGENT, S.TRANSFERRED, "TRANSFERRED"),
            {"to": "anshan", "reason": "由鞍山市负责"},
            data={"note": "由鞍山市负责", "transferredTo": 1000},
        )
        for status in (S.SUBMITTED, S.ACCEPTED)
    ),
    Verb(
        *(Action.TRANSFER_WITHDRAW, fetch_back, S.TRANSFERRED, AGENT, S.SUBMITTED, "TRANSFER_WITHDRAWN"),
        {"reason": "转办有误"},
        data={"note": "转办有误"},
    ),
    Verb(
        *(Action.MALICE_FIND, find_malice, S.IN_PROGRESS, OFFICE, S.IN_PROGRESS, "MALICE_FOUND"),
        {"evidence": "照片系其他场所"},
        data={"note": "照片系其他场所"},
        closed=True,
        elsewhere=(Role.OFFICE, "guangyuan.jiange"),
    ),
    Verb(
        *(Action.MALICE_APPEAL, appeal_malice, S.CLOSED, REPORTER, S.CLOSED, "MALICE_APPEALED"),
        {"reason": "照片属实"},
        before=(FINDING,),
        data={"note": "照片属实"},
        wrong_role=AGENT,
        elsewhere=(Role.STEWARD, "guangyuan"),
    ),
    Verb(
        *(Action.MALICE_DECIDE, decide_malice, S.IN_PROGRESS, WORKING_GROUP, S.IN_PROGRESS, "MALICE_DECIDED"),
        {"uphold": False, "reason": "证据不足"},
        before=(FINDING, APPEAL),
        data={"note": "证据不足", "upheld": False},
        elsewhere=(Role.WORKING_GROUP, "anshan"),
    ),
]
each_verb = pytest.mark.parametrize("verb", VERBS, ids=lambda verb: f"{verb.do.__name__}-{verb.status}-{verb.by}")


async def prepared(town: Town, verb: Verb) -> uuid.UUID:
    """A ticket in which the verb is there."""
    ticket_id = await town.at(verb.status)
    for by, do, kwargs in verb.before:
        await town.do(town.enterprise if by == REPORTER else by, do, ticket_id, **kwargs)
    return ticket_id


async def refused(town: Town, ticket_id: uuid.UUID, attempt: Callable[[], Any]) -> DomainError:
    """The refusal of an attempt, which left no trace."""
    before = await town.row(ticket_id), await town.timeline(ticket_id), await town.co_handlers(ticket_id)
    with pytest.raises(DomainError) as refusal:
        await attempt()
    assert (await town.row(ticket_id), await town.timeline(ticket_id), await town.co_handlers(ticket_id)) == before
    return refusal.value


@each_verb
async def test_done(town: Town, verb: Verb) -> None:
    ticket_id = await prepared(town, verb)
    before = await town.row(ticket_id)
    rung = town.bell.rung
    by = town.enterprise if verb.by == REPORTER else verb.by
    done = await town.do(by, verb.do, ticket_id, expected_version=before["version"], **verb.kwargs)
    after, timeline = await town.row(ticket_id), await town.timeline(ticket_id)
    event = timeline[-1]
    assert (done.status, done.version) == (after["status"], after["version"])
    assert after["status"] == verb.after
    assert after["version"] == before["version"] + (verb.action not in (Action.ATTACH, Action.COMMENT))
    if verb.stamp:
        assert after[verb.stamp] == town.now
    assert event["type"] == verb.event
    assert event["version"] == after["version"]
    assert event["at"] == town.now
    assert event["actor_id"] == town.world.user(by)
    assert event["actor_tenant_id"] == town.world.tenant(verb.tenant)
    assert event["actor_role"].lower() == ("enterprise_user" if verb.by == REPORTER else by.partition("@")[0])
    assert event["visibility"] == verb.visibility
    assert not event["restricted"]
    if verb.action not in (Action.ATTACH, Action.COMMENT):
        assert (event["data"]["fromStatus"], event["data"]["toStatus"]) == (verb.status, verb.after)
    assert event["data"].items() >= verb.data.items()
    assert first_broken(timeline) is None
    both_sides = verb.action in (Action.TRANSFER, Action.TRANSFER_WITHDRAW)
    assert town.bell.rung == rung + 1 + both_sides


@each_verb
async def test_refused_to_everybody_else(town: Town, verb: Verb) -> None:
    ticket_id = await prepared(town, verb)
    by = town.enterprise if verb.by == REPORTER else verb.by

    # The neighbour, from home and from here, learns as much as about a ticket that does not exist.
    neighbour = town.world.anshan.enterprise.login if verb.by == REPORTER else by.replace("guangyuan", "anshan")
    here, there = town.world.guangyuan.id, town.world.anshan.id
    for city_id, login, asked in (
        (there, neighbour, ticket_id),
        (here, neighbour, ticket_id),
        (here, by, new_id()),
    ):
        refusal = await refused(town, ticket_id, partial(town.do_in, city_id, login, verb.do, asked, **verb.kwargs))
        assert isinstance(refusal, NotFound)
        assert refusal.data == {"kind": "Ticket"}

    # Who sees the ticket in a role that has no such verb.
    actor = await town.actor(verb.wrong_role)
    assert not any(actor.may(permission) for permission in permissions_of(verb.action))
    refusal = await refused(town, ticket_id, partial(town.do, verb.wrong_role, verb.do, ticket_id, **verb.kwargs))
    assert isinstance(refusal, NotResponsible)
    assert refusal.data["action"] == verb.action

    # Who sees it in one role, and has the verb in another that does not reach it.
    await town.grant("auditor@guangyuan", *verb.elsewhere)
    actor = await town.actor("auditor@guangyuan")
    assert any(actor.may(permission) for permission in permissions_of(verb.action))
    refusal = await refused(town, ticket_id, partial(town.do, "auditor@guangyuan", verb.do, ticket_id, **verb.kwargs))
    assert isinstance(refusal, NotResponsible)

    # The right person, looking at what was.
    version = (await town.row(ticket_id))["version"]
    for stale in (version - 1, version + 1):
        refusal = await refused(
            town, ticket_id, partial(town.do, by, verb.do, ticket_id, expected_version=stale, **verb.kwargs)
        )
        assert isinstance(refusal, Conflict)
        assert (refusal.expected_version, refusal.current_version) == (stale, version)


@each_verb
async def test_a_step_that_is_not_there(town: Town, verb: Verb) -> None:
    ticket_id = await town.at(S.CLOSED)
    by = town.enterprise if verb.by == REPORTER else verb.by
    if verb.closed:
        await town.do(by, verb.do, ticket_id, **verb.kwargs)  # and not once more
    allowed = (Action.MALICE_APPEAL,) if verb.closed else (Action.MALICE_FIND,)
    refusal = await refused(town, ticket_id, lambda: town.do(by, verb.do, ticket_id, **verb.kwargs))
    if verb.status is S.ESCALATED:
        assert isinstance(refusal, NotResponsible), "they dispatch what has escalated, and this has not"
    elif isinstance(refusal, NotResponsible):
        assert verb.by in (WORKING_GROUP, LEADING_GROUP), "it was never brought before them"
    else:
        assert isinstance(refusal, IllegalTransition)
        assert (refusal.current, refusal.action, refusal.allowed) == (S.CLOSED, verb.action, allowed)


async def test_an_illegal_step_tells_what_is_allowed(town: Town) -> None:
    ticket_id = await town.at(S.DISPATCHED)
    refusal = await refused(town, ticket_id, lambda: town.do(HANDLER, resolve, ticket_id, reply=REPLY))
    assert isinstance(refusal, IllegalTransition)
    assert refusal.allowed == allowed_from(Facts(S.DISPATCHED))
    assert refusal.allowed == ("ACKNOWLEDGE", "ATTACH", "COMMENT", "MALICE_FIND", "PART_REPORT", "RETURN", "WITHDRAW")


async def test_the_order_of_refusals(town: Town) -> None:
    """Not there, not yours to do, moved on, not possible: each tells no more than the one before allows."""
    ticket_id = await town.at(S.SUBMITTED)
    bad: dict[str, Any] = {"reply": "", "expected_version": 9}
    for by, expected in ((HANDLER, NotFound), (DISPATCHER, NotResponsible)):
        refusal = await refused(town, ticket_id, lambda by=by: town.do(by, resolve, ticket_id, **bad))
        assert type(refusal) is expected
    ticket_id = await town.at(S.RESOLVED)
    refusal = await refused(town, ticket_id, lambda: town.do(HANDLER, resolve, ticket_id, **bad))
    assert isinstance(refusal, Conflict)
    refusal = await refused(town, ticket_id, lambda: town.do(HANDLER, resolve, ticket_id, reply=""))
    assert isinstance(refusal, IllegalTransition)
    ticket_id = await town.at(S.IN_PROGRESS)
    refusal = await refused(town, ticket_id, lambda: town.do(HANDLER, resolve, ticket_id, reply=""))
    assert isinstance(refusal, InvalidInput)


@pytest.mark.parametrize(
    ("do", "status", "by", "field", "kwargs"),
    [
        (decline, S.SUBMITTED, AGENT, "basis", {}),
        (answer, S.SUBMITTED, AGENT, "reply", {}),
        (dispatch, S.ACCEPTED, DISPATCHER, "note", {"lead": "guangyuan.commerce"}),
        (return_, S.DISPATCHED, HANDLER, "reason", {}),
        (arbitrate, S.DISPUTED, OFFICE, "reason", {"lead": "guangyuan.commerce"}),
        (comment, S.SUBMITTED, AGENT, "body", {"visibility": Visibility.PUBLIC}),
        (comment, S.SUBMITTED, AGENT, "body", {"visibility": Visibility.INTERNAL}),
        (resolve, S.IN_PROGRESS, HANDLER, "reply", {}),
        (follow_up, S.RESOLVED, AGENT, "note", {"satisfaction": Satisfaction.SATISFIED}),
        (withdraw, S.SUBMITTED, REPORTER, "reason", {}),
    ],
)
async def test_texts_that_cannot_be(
    town: Town, do: Callable[..., Any], status: TicketStatus, by: str, field: str, kwargs: dict[str, Any]
) -> None:
    ticket_id = await town.at(status)
    by = town.enterprise if by == REPORTER else by
    optional = field == "note" or do is withdraw
    for value, rule in (
        (" \n", None if optional else "empty"),
        ("a\x00b", "characters"),
        ("a\ud83d", "characters"),
        ("长" * 100_000, "too_long"),
    ):
        if rule is not None:
            refusal = await refused(
                town, ticket_id, lambda value=value: town.do(by, do, ticket_id, **{field: value}, **kwargs)
            )
            assert isinstance(refusal, InvalidInput)
            assert (refusal.field, refusal.rule) == (field, rule)
    await town.do(by, do, ticket_id, **{field: "  刚刚好 \n"}, **kwargs)
    assert (await town.timeline(ticket_id))[-1]["data"]["note"] == "刚刚好"


async def test_an_optional_text_left_out(town: Town) -> None:
    ticket_id = await town.at(S.SUBMITTED)
    await town.do(town.enterprise, withdraw, ticket_id, reason="  ")
    assert "note" not in (await town.timeline(ticket_id))[-1]["data"]


# Dispatch and arbitration


async def test_dispatch_hands_over(town: Town) -> None:
    ticket_id = await town.at(S.ACCEPTED)
    commerce, finance, housing = (town.world.tenant(f"guangyuan.{slug}") for slug in ("commerce", "finance", "housing"))
    await town.do(
        *(DISPATCHER, dispatch, ticket_id),
        lead="guangyuan.commerce",
        co_handlers=["guangyuan.finance", "guangyuan.housing"],
    )
    row = await town.row(ticket_id)
    assert (row["lead_id"], row["lead_county_id"]) == (commerce, None)
    assert await town.co_handlers(ticket_id) == {finance, housing}
    data = (await town.timeline(ticket_id))[-1]["data"]
    assert (data["lead"], data["coHandlers"]) == (commerce, [finance, housing])


async def test_a_department_of_a_county_leads(town: Town) -> None:
    ticket_id = await town.at(S.ACCEPTED)
    await town.do(DISPATCHER, dispatch, ticket_id, lead="guangyuan.cangxi.housing")
    row = await town.row(ticket_id)
    assert row["lead_id"] == town.world.tenant("guangyuan.cangxi.housing")
    assert row["lead_county_id"] == town.world.tenant("guangyuan.cangxi")
    await town.do("handler@guangyuan.cangxi.housing", acknowledge, ticket_id)


async def test_a_county_itself_leads(town: Town) -> None:
    ticket_id = await town.at(S.ACCEPTED)
    await town.do(DISPATCHER, dispatch, ticket_id, lead="guangyuan.cangxi")
    await town.do("handler@guangyuan.cangxi", acknowledge, ticket_id)
    assert (await town.row(ticket_id))["status"] == S.IN_PROGRESS


@pytest.mark.parametrize(
    ("lead", "co_handlers", "field", "rule"),
    [
        ("guangyuan.nowhere", [], "lead", "unknown_tenant"),
        ("anshan.commerce", [], "lead", "unknown_tenant"),
        ("no path\x00", [], "lead", "unknown_tenant"),
        ("guangyuan", [], "lead", "not_handling"),
        ("platform", [], "lead", "unknown_tenant"),
        ("guangyuan.commerce", ["guangyuan.commerce"], "coHandlers.0", "duplicate"),
        ("guangyuan.commerce", ["guangyuan.finance", "guangyuan.finance"], "coHandlers.1", "duplicate"),
        ("guangyuan.commerce", ["anshan.finance"], "coHandlers.0", "unknown_tenant"),
        ("guangyuan.commerce", ["guangyuan.finance"] * 21, "coHandlers", "too_many"),
        ("guangyuan.commerce", ["guangyuan.finance", "guangyuan"], "coHandlers.1", "not_handling"),
    ],
)
async def test_handlers_that_cannot_be(town: Town, lead: str, co_handlers: list[str], field: str, rule: str) -> None:
    accepted, disputed = await town.at(S.ACCEPTED), await town.at(S.DISPUTED)
    for refusal in (
        await refused(
            town, accepted, lambda: town.do(DISPATCHER, dispatch, accepted, lead=lead, co_handlers=co_handlers)
        ),
        await refused(
            town,
            disputed,
            lambda: town.do(OFFICE, arbitrate, disputed, lead=lead, co_handlers=co_handlers, reason=REASON),
        ),
    ):
        assert isinstance(refusal, InvalidInput)
        assert (refusal.field, refusal.rule) == (field, rule)


async def test_a_county_dispatches_within_itself(town: Town) -> None:
    ticket_id = (await town.submit(county="guangyuan.cangxi")).id
    await town.do("intake_agent@guangyuan.cangxi", accept, ticket_id)
    county = "dispatcher@guangyuan.cangxi"
    for lead in ("guangyuan.commerce", "guangyuan.jiange"):
        refusal = await refused(town, ticket_id, lambda lead=lead: town.do(county, dispatch, ticket_id, lead=lead))
        assert isinstance(refusal, InvalidInput)
        assert (refusal.field, refusal.rule) == ("lead", "outside_reach")
    for by in ("dispatcher@guangyuan.jiange", "intake_agent@guangyuan.jiange"):
        refusal = await refused(
            town, ticket_id, lambda by=by: town.do(by, dispatch, ticket_id, lead="guangyuan.jiange")
        )
        assert isinstance(refusal, NotFound)
    await town.do(county, dispatch, ticket_id, lead="guangyuan.cangxi.housing")


async def test_arbitration_replaces_the_handlers(town: Town) -> None:
    ticket_id = await town.at(S.DISPUTED)
    await town.do(
        *(OFFICE, arbitrate, ticket_id),
        lead="guangyuan.housing",
        co_handlers=["guangyuan.commerce"],
        reason="按职责清单",
    )
    assert (await town.row(ticket_id))["lead_id"] == town.world.tenant("guangyuan.housing")
    assert await town.co_handlers(ticket_id) == {town.world.tenant("guangyuan.commerce")}
    with pytest.raises(NotResponsible):
        await town.do(HANDLER, acknowledge, ticket_id)
    with pytest.raises(NotFound):
        await town.do(CO_HANDLER, comment, ticket_id, body="还看得见吗", visibility=Visibility.INTERNAL)
    await town.do("handler@guangyuan.housing", acknowledge, ticket_id)


async def test_a_co_handler_comments_and_takes_no_step(town: Town) -> None:
    ticket_id = await town.at(S.IN_PROGRESS)
    await town.do(CO_HANDLER, comment, ticket_id, body="我方部分已完成", visibility=Visibility.PUBLIC)
    refusal = await refused(town, ticket_id, lambda: town.do(CO_HANDLER, resolve, ticket_id, reply=REPLY))
    assert isinstance(refusal, NotResponsible)


async def test_it_is_done_in_the_role_that_is_nearest(town: Town) -> None:
    """Who works for several departments signs for each ticket as the one that leads it."""
    await town.grant(HANDLER, Role.DEPARTMENT_LEAD, "guangyuan.finance")
    for lead, role in (("guangyuan.finance", "DEPARTMENT_LEAD"), ("guangyuan.commerce", "HANDLER")):
        ticket_id = await town.at(S.ACCEPTED)
        await town.do(DISPATCHER, dispatch, ticket_id, lead=lead)
        await town.do(HANDLER, acknowledge, ticket_id)
        event = (await town.timeline(ticket_id))[-1]
        assert (event["actor_tenant_id"], event["actor_role"]) == (town.world.tenant(lead), role)


# Comments


@pytest.mark.parametrize("status", sorted(set(S) - {S.TERMINATED}))
async def test_comments_while_it_is_open(town: Town, status: TicketStatus) -> None:
    ticket_id = await town.at(status)
    for by, visibility in ((AGENT, Visibility.INTERNAL), (town.enterprise, Visibility.PUBLIC)):
        said = lambda by=by, visibility=visibility: town.do(  # noqa: E731
            by, comment, ticket_id, body="请问进展", visibility=visibility
        )
        if status in (S.DECLINED, S.CLOSED, S.WITHDRAWN):
            assert isinstance(await refused(town, ticket_id, said), IllegalTransition)
        else:
            before = await town.row(ticket_id)
            await said()
            assert await town.row(ticket_id) == before, "a comment changes nothing"
            event = (await town.timeline(ticket_id))[-1]
            assert (event["type"], event["visibility"]) == ("COMMENTED", visibility)
            assert event["data"] == {"note": "请问进展"}


async def test_internal_notes_are_for_staff(town: Town) -> None:
    ticket_id = await town.at(S.IN_PROGRESS)
    refusal = await refused(
        town,
        ticket_id,
        lambda: town.do(town.enterprise, comment, ticket_id, body="内部", visibility=Visibility.INTERNAL),
    )
    assert isinstance(refusal, NotResponsible)
    refusal = await refused(
        town, ticket_id, lambda: town.do(OFFICE, comment, ticket_id, body="公开", visibility=Visibility.PUBLIC)
    )
    assert isinstance(refusal, NotResponsible)
    await town.do(OFFICE, comment, ticket_id, body="内部", visibility=Visibility.INTERNAL)


# Follow-up


async def test_the_second_dispatch_goes_to_the_same_departments(town: Town) -> None:
    ticket_id = await town.at(S.RESOLVED)
    before, helpers = await town.row(ticket_id), await town.co_handlers(ticket_id)
    await town.do(AGENT, follow_up, ticket_id, satisfaction=Satisfaction.VERY_UNSATISFIED, justified=True)
    after = await town.row(ticket_id)
    assert (after["status"], after["round"], after["satisfaction"]) == (S.DISPATCHED, 2, "VERY_UNSATISFIED")
    assert after["lead_id"] == before["lead_id"]
    assert await town.co_handlers(ticket_id) == helpers
    assert after["dispatched_at"] == town.now
    assert after["acknowledged_at"] is after["resolved_at"] is after["resolution"] is after["closed_at"] is None
    data = (await town.timeline(ticket_id))[-1]["data"]
    assert (data["round"], data["justified"], data["satisfaction"]) == (2, True, "VERY_UNSATISFIED")


async def test_unsatisfied_again_goes_one_level_up(town: Town) -> None:
    ticket_id = await town.at(S.ESCALATED)
    assert (await town.row(ticket_id))["round"] == 2
    with pytest.raises(NotResponsible):
        await town.do(DISPATCHER, dispatch, ticket_id, lead="guangyuan.housing")
    await town.do(OFFICE, dispatch, ticket_id, lead="guangyuan.housing")
    row = await town.row(ticket_id)
    assert (row["status"], row["round"]) == (S.DISPATCHED, 3)
    assert row["lead_id"] == town.world.tenant("guangyuan.housing")
    assert await town.co_handlers(ticket_id) == set()


async def test_what_has_not_escalated_is_the_dispatchers(town: Town) -> None:
    ticket_id = await town.at(S.ACCEPTED)
    for by in (OFFICE, SUPERVISION):
        refusal = await refused(
            town, ticket_id, lambda by=by: town.do(by, dispatch, ticket_id, lead="guangyuan.commerce")
        )
        assert isinstance(refusal, NotResponsible)


async def test_an_answer_that_will_not_do_comes_back_to_the_desk(town: Town) -> None:
    ticket_id = await town.at(S.ANSWERED)
    assert (await town.row(ticket_id))["resolution"] == "已当场答复"
    await town.do(AGENT, follow_up, ticket_id, satisfaction=Satisfaction.UNSATISFIED, justified=True)
    row = await town.row(ticket_id)
    assert (row["status"], row["round"], row["accepted_at"], row["resolution"]) == (S.ACCEPTED, 2, town.now, None)
    await town.do(AGENT, answer, ticket_id, reply="再次答复")
    await town.do(AGENT, follow_up, ticket_id, satisfaction=Satisfaction.UNSATISFIED, justified=True)
    assert (await town.row(ticket_id))["status"] == S.ESCALATED


@pytest.mark.parametrize("status", [S.RESOLVED, S.ANSWERED])
async def test_the_reporter_rates(town: Town, status: TicketStatus) -> None:
    ticket_id = await town.at(status)
    await town.do(town.enterprise, follow_up, ticket_id, satisfaction=Satisfaction.UNSATISFIED, note="仍有积水")
    row = await town.row(ticket_id)
    assert (row["status"], row["satisfaction"], row["round"]) == (status, "UNSATISFIED", 1)
    event = (await town.timeline(ticket_id))[-1]
    assert (event["type"], event["actor_role"]) == ("RATED", "ENTERPRISE_USER")
    assert event["data"] == {
        "fromStatus": status,
        "toStatus": status,
        "round": 1,
        "satisfaction": "UNSATISFIED",
        "note": "仍有积水",
    }
    await town.do(town.enterprise, follow_up, ticket_id, satisfaction=Satisfaction.SATISFIED)
    row = await town.row(ticket_id)
    assert (row["status"], row["satisfaction"], row["closed_at"]) == (S.CLOSED, "SATISFIED", town.now)


async def test_who_judges_what_is_justified(town: Town) -> None:
    ticket_id = await town.at(S.RESOLVED)
    verdict: dict[str, Any] = {"satisfaction": Satisfaction.UNSATISFIED}
    refusal = await refused(town, ticket_id, lambda: town.do(AGENT, follow_up, ticket_id, **verdict))
    assert isinstance(refusal, InvalidInput)
    assert (refusal.field, refusal.rule) == ("justified", "required")
    refusal = await refused(
        town, ticket_id, lambda: town.do(town.enterprise, follow_up, ticket_id, justified=True, **verdict)
    )
    assert isinstance(refusal, InvalidInput)
    assert (refusal.field, refusal.rule) == ("justified", "not_allowed")


async def test_another_enterprise_does_not_rate(town: Town) -> None:
    ticket_id = await town.at(S.RESOLVED)
    refusal = await refused(
        town,
        ticket_id,
        lambda: town.do(town.other_enterprise, follow_up, ticket_id, satisfaction=Satisfaction.SATISFIED),
    )
    assert isinstance(refusal, NotFound)


# Withdrawal and concurrency


@pytest.mark.parametrize(
    "status",
    [S.SUBMITTED, S.ACCEPTED, S.ANSWERED, S.DISPATCHED, S.DISPUTED, S.IN_PROGRESS, S.RESOLVED, S.ESCALATED],
)
async def test_the_reporter_withdraws_whatever_is_open(town: Town, status: TicketStatus) -> None:
    ticket_id = await town.at(status)
    await town.do(town.enterprise, withdraw, ticket_id)
    row = await town.row(ticket_id)
    assert (row["status"], row["closed_at"]) == (S.WITHDRAWN, town.now)


async def test_two_at_once_take_turns(town: Town) -> None:
    ticket_id = await town.at(S.SUBMITTED)
    results = await asyncio.gather(
        town.do(AGENT, accept, ticket_id),
        town.do(AGENT, decline, ticket_id, basis="不属于受理范围"),
        town.do(AGENT, comment, ticket_id, body="核实中", visibility=Visibility.INTERNAL),
        return_exceptions=True,
    )
    refusals = [result for result in results if isinstance(result, BaseException)]
    assert [type(refusal) for refusal in refusals] in ([IllegalTransition], [IllegalTransition] * 2)
    timeline = await town.timeline(ticket_id)
    assert [event["seq"] for event in timeline] == list(range(1, len(timeline) + 1))
    assert first_broken(timeline) is None
    assert (await town.row(ticket_id))["version"] == 2
