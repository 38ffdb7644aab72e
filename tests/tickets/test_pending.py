"""What is pending in a state: its limits of the scheme, what lapses with the state, and what a new round forgets."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from app.kernel.errors import IllegalTransition, InvalidInput, NotResponsible
from app.tickets.actions.accept import accept
from app.tickets.actions.acknowledge import acknowledge
from app.tickets.actions.arbitrate import arbitrate
from app.tickets.actions.decide_coordination import decide_coordination
from app.tickets.actions.decide_extension import decide_extension
from app.tickets.actions.decline import decline
from app.tickets.actions.dispatch import dispatch
from app.tickets.actions.first_contact import first_contact
from app.tickets.actions.follow_up import FollowUpAnswer, follow_up
from app.tickets.actions.refer import refer
from app.tickets.actions.report_part import report_part
from app.tickets.actions.request_coordination import request_coordination
from app.tickets.actions.request_extension import request_extension
from app.tickets.actions.resolve import resolve
from app.tickets.actions.resume import resume
from app.tickets.actions.suspend import suspend
from app.tickets.actions.terminate import terminate
from app.tickets.words import Satisfaction, SecrecyLevel, TicketCategory, TicketStatus
from authz.roles import Role
from tenants.schemes.words import FollowUpQuestion, SuspensionReason
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
    give_schemes,
)

S = TicketStatus
PENDING = ("suspended_at", "suspension_reason", "extension_days", "coordination")
UNSATISFIED: dict[str, Any] = {"satisfaction": Satisfaction.UNSATISFIED, "justified": True}


async def refused(attempt: Callable[[], Any], field: str, rule: str, **data: Any) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await attempt()
    assert (refusal.value.field, refusal.value.rule) == (field, rule)
    assert refusal.value.data.items() >= data.items()


async def ask_for(town: Town, ticket_id: uuid.UUID, working_days: int) -> None:
    await town.do(HANDLER, request_extension, ticket_id, working_days=working_days, reason="需现场勘查")


async def test_the_scheme_limits_extensions(town: Town) -> None:
    await give_schemes(town.admin, extension={"working_days": 7, "times": 1})
    ticket_id = await town.at(S.IN_PROGRESS)
    for days, rule, limit in ((0, "too_few", 1), (-3, "too_few", 1), (8, "too_many", 7)):
        await refused(lambda days=days: ask_for(town, ticket_id, days), "workingDays", rule, limit=limit)
    await ask_for(town, ticket_id, 7)
    with pytest.raises(IllegalTransition) as refusal:
        await ask_for(town, ticket_id, 1)
    assert "EXTENSION_REQUEST" not in refusal.value.allowed
    await refused(lambda: town.do(OFFICE, decide_extension, ticket_id, approve=False), "reason", "required")
    await town.do(OFFICE, decide_extension, ticket_id, approve=False, reason="理由不充分")
    row = await town.row(ticket_id)
    assert (row["extension_days"], row["extensions"]) == (None, 0), "what was refused is not used up"
    await ask_for(town, ticket_id, 7)
    await town.do(OFFICE, decide_extension, ticket_id, approve=True)
    assert (await town.row(ticket_id))["extensions"] == 1
    await refused(lambda: ask_for(town, ticket_id, 1), "workingDays", "used_up", limit=1)


async def test_a_closed_ticket_is_not_extended(town: Town) -> None:
    ticket_id = await town.at(S.CLOSED)
    with pytest.raises(IllegalTransition):
        await ask_for(town, ticket_id, 3)


async def test_nobody_suspends_twice_or_resumes_what_runs(town: Town) -> None:
    ticket_id = await town.at(S.IN_PROGRESS)
    with pytest.raises(IllegalTransition):
        await town.do(HANDLER, resume, ticket_id)
    await town.do(HANDLER, suspend, ticket_id, reason=SuspensionReason.APPRAISAL)
    with pytest.raises(IllegalTransition) as refusal:
        await town.do(HANDLER, suspend, ticket_id, reason=SuspensionReason.APPRAISAL)
    assert "RESUME" in refusal.value.allowed
    with pytest.raises(IllegalTransition):
        await town.do(HANDLER, resolve, ticket_id, reply="已办结")
    await town.do(HANDLER, resume, ticket_id)
    await town.do(HANDLER, resolve, ticket_id, reply="已办结")


async def test_two_who_suspend_at_once_suspend_once(town: Town) -> None:
    ticket_id = await town.at(S.IN_PROGRESS)
    said = await asyncio.gather(
        *(town.do(login, suspend, ticket_id, reason=SuspensionReason.APPRAISAL) for login in (HANDLER, LEAD)),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in said if isinstance(each, BaseException)) == ["IllegalTransition"]
    pauses = "select count(*) from deadline_suspensions where deadline_id in (select id from deadlines where %s)"
    assert await town.admin.fetchval(pauses % "subject_id = $1", ticket_id) == 1
    assert [each["type"] for each in await town.timeline(ticket_id)].count("SUSPENDED") == 1


async def test_only_what_the_scheme_excludes_is_waited_for(town: Town) -> None:
    await give_schemes(town.admin, suspension_reasons=["APPLICANT_DOCUMENTS"])
    ticket_id = await town.at(S.IN_PROGRESS)
    await refused(lambda: town.do(HANDLER, suspend, ticket_id, reason=SuspensionReason.TESTING), "reason", "not_taken")
    await town.do(HANDLER, suspend, ticket_id, reason=SuspensionReason.APPLICANT_DOCUMENTS)


async def test_what_is_pending_lapses_with_the_state(town: Town) -> None:
    ticket_id = await town.at(S.IN_PROGRESS)
    await ask_for(town, ticket_id, 2)
    await town.do(HANDLER, request_coordination, ticket_id, reason="涉及多部门")
    await town.do(HANDLER, suspend, ticket_id, reason=SuspensionReason.TESTING)
    row = await town.row(ticket_id)
    assert all(row[column] is not None for column in PENDING)
    await town.do(OFFICE, terminate, ticket_id, basis="同一问题已办理")
    row = await town.row(ticket_id)
    assert all(row[column] is None for column in PENDING)


async def test_a_new_round_begins_anew(town: Town) -> None:
    ticket_id = await town.at(S.IN_PROGRESS)
    await town.do(HANDLER, first_contact, ticket_id)
    with pytest.raises(IllegalTransition):
        await town.do(HANDLER, first_contact, ticket_id)
    await ask_for(town, ticket_id, 2)
    await town.do(OFFICE, decide_extension, ticket_id, approve=True)
    await town.do(CO_HANDLER, report_part, ticket_id, report="补贴已核拨")
    await refused(
        lambda: town.do(CO_HANDLER, report_part, ticket_id, report="再报一次"), "ticketId", "already_reported"
    )
    await town.do(HANDLER, resolve, ticket_id, reply="已办结")
    await town.do(AGENT, follow_up, ticket_id, **UNSATISFIED)
    row = await town.row(ticket_id)
    assert (row["status"], row["round"], row["contacted_at"], row["extensions"]) == (S.DISPATCHED, 2, None, 0)
    await town.do(CO_HANDLER, report_part, ticket_id, report="第二轮协办完成")
    await town.do(HANDLER, acknowledge, ticket_id)
    await town.do(HANDLER, first_contact, ticket_id)


async def test_who_helps_reports_and_never_resolves(town: Town) -> None:
    ticket_id = await town.at(S.IN_PROGRESS)
    for attempt in (
        lambda: town.do(CO_HANDLER, resolve, ticket_id, reply="已办结"),
        lambda: town.do(CO_HANDLER, request_extension, ticket_id, working_days=1, reason="需时间"),
        lambda: town.do(HANDLER, report_part, ticket_id, report="牵头单位没有协办事项"),
    ):
        with pytest.raises(NotResponsible):
            await attempt()


async def test_who_acts_for_several_helpers_says_for_which(town: Town) -> None:
    ticket_id = await town.at(S.ACCEPTED)
    helpers = ["guangyuan.finance", "guangyuan.housing"]
    await town.do(DISPATCHER, dispatch, ticket_id, lead="guangyuan.commerce", co_handlers=helpers)
    await town.grant(CO_HANDLER, Role.HANDLER, "guangyuan.housing")

    def report(department: str | None) -> Any:
        return town.do(CO_HANDLER, report_part, ticket_id, report="完成", department=department)

    await refused(lambda: report(None), "department", "required")
    for unknown in ("guangyuan.commerce", "anshan.housing", "guangyuan.nothing"):
        await refused(lambda unknown=unknown: report(unknown), "department", "unknown_tenant", tenant=unknown)
    for each in ("guangyuan.housing", "guangyuan.finance"):
        await report(each)


async def test_coordination_goes_up_as_far_as_the_scheme_has_groups(town: Town) -> None:
    await give_schemes(town.admin, coordination=["TASK_GROUP", "LEADING_GROUP"])
    ticket_id = await town.at(S.IN_PROGRESS)
    await town.do(HANDLER, request_coordination, ticket_id, reason="涉及多部门")
    await town.do(SUPERVISION, decide_coordination, ticket_id, opinion="提请上一级", escalate=True)
    assert (await town.row(ticket_id))["coordination"] == "LEADING_GROUP"
    with pytest.raises(NotResponsible):
        await town.do(SUPERVISION, decide_coordination, ticket_id, opinion="再议")
    above = {"opinion": "再提请", "escalate": True}
    await refused(
        lambda: town.do(LEADING_GROUP, decide_coordination, ticket_id, **above), "escalate", "no_higher_group"
    )
    await town.do(LEADING_GROUP, decide_coordination, ticket_id, opinion="由商务局牵头")
    assert (await town.row(ticket_id))["coordination"] is None
    await town.do(HANDLER, request_coordination, ticket_id, reason="又有分歧")


async def test_a_city_without_groups_has_nobody_to_ask(town: Town) -> None:
    await give_schemes(town.admin, coordination=[])
    ticket_id = await town.at(S.IN_PROGRESS)
    await refused(
        lambda: town.do(HANDLER, request_coordination, ticket_id, reason="涉及多部门"), "ticketId", "no_coordination"
    )


async def test_what_was_referred_is_no_longer_the_offices(town: Town) -> None:
    ticket_id = await town.at(S.DISPUTED)
    with pytest.raises(NotResponsible):
        await town.do(WORKING_GROUP, arbitrate, ticket_id, lead="guangyuan.housing", reason="研究确定")
    await town.do(OFFICE, refer, ticket_id, reason="情况特别复杂")
    with pytest.raises(NotResponsible):
        await town.do(OFFICE, arbitrate, ticket_id, lead="guangyuan.housing", reason="按职责")
    await town.do(WORKING_GROUP, arbitrate, ticket_id, lead="guangyuan.housing", reason="研究确定")
    row = await town.row(ticket_id)
    housing = town.world.tenant("guangyuan.housing")
    assert (row["status"], row["referred"], row["lead_id"]) == (S.DISPATCHED, False, housing)


async def test_an_escalated_ticket_of_a_county_goes_to_the_city(town: Town) -> None:
    ticket_id = await town.at(S.ESCALATED)
    await town.admin.execute(
        "update tickets set county_id = $2, lead_county_id = $2 where id = $1",
        *(ticket_id, town.world.tenant("guangyuan.cangxi")),
    )
    await town.grant("steward@guangyuan", Role.OFFICE, "guangyuan.cangxi")
    with pytest.raises(NotResponsible):
        await town.do("steward@guangyuan", dispatch, ticket_id, lead="guangyuan.cangxi.housing")
    await town.do(OFFICE, dispatch, ticket_id, lead="guangyuan.cangxi.housing")


async def test_a_repeat_is_linked_and_not_reopened(town: Town) -> None:
    first, other, open_one = [await town.at(status) for status in (S.CLOSED, S.IN_PROGRESS, S.ACCEPTED)]
    for earlier, rule in ((uuid.UUID(int=0), "unknown_ticket"), (other, "itself"), (open_one, "not_handled")):
        await refused(
            lambda earlier=earlier: town.do(OFFICE, terminate, other, basis="同一问题已办理", handled_by=earlier),
            *("handledBy", rule),
        )
    await town.do(OFFICE, terminate, other, basis="同一问题已办理", handled_by=first)
    assert (await town.row(other))["repeat_of_id"] == first
    assert (await town.row(first))["status"] == S.CLOSED
    again = await town.at(S.SUBMITTED)
    await refused(
        lambda: town.do(AGENT, decline, again, basis="已终结办理", repeat_of=first), "repeatOf", "not_handled"
    )
    await town.do(AGENT, decline, again, basis="已终结办理", repeat_of=other)
    assert (await town.row(again))["repeat_of_id"] == other


async def test_a_neighbours_ticket_is_no_earlier_one(town: Town) -> None:
    theirs = (await town.submit(town.world.anshan.enterprise.login)).id
    ticket_id = await town.at(S.ACCEPTED)
    await refused(
        lambda: town.do(OFFICE, terminate, ticket_id, basis="同一问题已办理", handled_by=theirs),
        *("handledBy", "unknown_ticket"),
    )


async def test_a_restricted_ticket_is_no_earlier_one_of_an_open_one(town: Town) -> None:
    secret = await town.at(S.SUBMITTED, category=TicketCategory.REPORT, secrecy=SecrecyLevel.RESTRICTED)
    await town.do(SUPERVISION, accept, secret)
    await town.do(SUPERVISION, terminate, secret, basis="同一问题已办理")
    ticket_id = await town.at(S.ACCEPTED)
    await refused(
        lambda: town.do(OFFICE, terminate, ticket_id, basis="同一问题已办理", handled_by=secret),
        *("handledBy", "unknown_ticket"),
    )


async def test_urgent_matters_go_to_the_emergency_services_of_the_scheme(town: Town) -> None:
    ticket_id = await town.at(S.SUBMITTED)
    await refused(
        lambda: town.do(AGENT, decline, ticket_id, basis="紧急事项", emergency_number="911"),
        *("emergencyNumber", "not_taken"),
    )
    await town.do(AGENT, decline, ticket_id, basis="紧急事项,请拨打火警电话", emergency_number="119")
    assert (await town.timeline(ticket_id))[-1]["data"]["emergencyNumber"] == "119"


async def test_the_follow_up_asks_what_the_scheme_asks(town: Town) -> None:
    ticket_id = await town.at(S.RESOLVED)
    cost = FollowUpAnswer(FollowUpQuestion.COST, Satisfaction.NEUTRAL)
    await refused(
        lambda: town.do(AGENT, follow_up, ticket_id, satisfaction=Satisfaction.SATISFIED, answers=[cost, cost]),
        *("answers.1.question", "repeated"),
    )
    quality = FollowUpAnswer(FollowUpQuestion.QUALITY, Satisfaction.VERY_UNSATISFIED)
    await town.do(AGENT, follow_up, ticket_id, satisfaction=Satisfaction.SATISFIED, answers=[cost, quality])
    assert (await town.timeline(ticket_id))[-1]["data"]["answers"] == ["COST=NEUTRAL", "QUALITY=VERY_UNSATISFIED"]


async def test_low_satisfaction_stays_in_the_ledger(town: Town) -> None:
    ticket_id = await town.at(S.RESOLVED)
    assert (await town.row(ticket_id))["low_satisfaction_at"] is None
    await town.do(AGENT, follow_up, ticket_id, **UNSATISFIED)
    entered = (await town.row(ticket_id))["low_satisfaction_at"]
    assert entered == town.now
    await town.do(HANDLER, acknowledge, ticket_id)
    await town.do(HANDLER, resolve, ticket_id, reply="已再次处理")
    await town.do(AGENT, follow_up, ticket_id, satisfaction=Satisfaction.VERY_SATISFIED)
    row = await town.row(ticket_id)
    assert (row["status"], row["satisfaction"], row["low_satisfaction_at"]) == (S.CLOSED, "VERY_SATISFIED", entered)
