"""A complaint about a tender: the competent department receives and decides it itself (001_…txt, first plan, 15)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from app.kernel.database import Database
from app.kernel.errors import DomainError, IllegalTransition, InvalidInput, NotFound, NotResponsible
from app.tickets.actions.accept import accept
from app.tickets.actions.acknowledge import acknowledge
from app.tickets.actions.answer import answer
from app.tickets.actions.arbitrate import arbitrate
from app.tickets.actions.decline import decline
from app.tickets.actions.dispatch import dispatch
from app.tickets.actions.follow_up import follow_up
from app.tickets.actions.resolve import resolve
from app.tickets.actions.return_ import return_
from app.tickets.words import Satisfaction, SecrecyLevel, TicketCategory, TicketStatus
from tenants.schemes.model import load_preset
from tests.factories.world import World
from tests.tickets.town import (
    AGENT,
    CO_HANDLER,
    DISPATCHER,
    HANDLER,
    LEAD,
    OFFICE,
    SUPERVISION,
    Town,
    give_schemes,
)

S = TicketStatus
TENDER: dict[str, Any] = {
    "category": TicketCategory.BIDDING_COMPLAINT,
    "department": "guangyuan.commerce",
    "title": "评标结果公示有误",
    "body": "公示的中标候选人业绩与招标文件要求不符。",
}
DECISION: dict[str, Any] = {"reply": "投诉事项属实,责令重新评标。", "decision_number": "广商投〔2026〕3号"}


async def refused(attempt: Callable[[], Any], field: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await attempt()
    assert (caught.value.field, caught.value.rule) == (field, rule)


async def published(town: Town, ticket_id: uuid.UUID) -> list[dict[str, Any]]:
    rows = await town.admin.fetch("select * from published_decisions where ticket_id = $1", ticket_id)
    return [dict(row) for row in rows]


async def in_work(town: Town, **changes: Any) -> uuid.UUID:
    """A complaint that its department has accepted."""
    ticket_id = (await town.submit(**TENDER, **changes)).id
    await town.do(LEAD if changes.get("secrecy") is SecrecyLevel.RESTRICTED else HANDLER, accept, ticket_id)
    return ticket_id


async def test_the_department_receives_it_and_decides(town: Town) -> None:
    ticket = await town.submit(**TENDER)
    commerce = town.world.tenant("guangyuan.commerce")
    row = await town.row(ticket.id)
    assert (row["status"], row["lead_id"], row["lead_county_id"], row["own_receipt"]) == (
        S.SUBMITTED,
        commerce,
        None,
        True,
    )
    assert (await town.timeline(ticket.id))[0]["data"]["lead"] == commerce

    await town.do(HANDLER, accept, ticket.id)
    row = await town.row(ticket.id)
    assert row["status"] == S.IN_PROGRESS
    assert row["accepted_at"] == row["dispatched_at"] == row["acknowledged_at"] == town.now

    await town.do(HANDLER, resolve, ticket.id, **DECISION)
    row = await town.row(ticket.id)
    assert (row["status"], row["decision_number"], row["decision_published_at"]) == (
        S.RESOLVED,
        DECISION["decision_number"],
        town.now,
    )
    assert (await town.timeline(ticket.id))[-1]["data"]["decisionNumber"] == DECISION["decision_number"]
    (decision,) = await published(town, ticket.id)
    assert (decision["tenant_id"], decision["number"], decision["text"], decision["published_at"]) == (
        commerce,
        DECISION["decision_number"],
        DECISION["reply"],
        town.now,
    )
    assert decision["id"] != ticket.id, "whoever reads the decision learns nothing of the ticket"

    await town.do(AGENT, follow_up, ticket.id, satisfaction=Satisfaction.SATISFIED)
    assert (await town.row(ticket.id))["status"] == S.CLOSED


async def test_the_limits_are_those_of_the_category(town: Town) -> None:
    ticket_id = await in_work(town)
    clocks = await town.admin.fetch("select kind, amount, unit from deadlines where subject_id = $1", ticket_id)
    assert {("VERIFICATION", 3, "WORKING_DAYS"), ("HANDLING", 30, "WORKING_DAYS")} <= {tuple(row) for row in clocks}


async def test_the_departments_lead_receives_too(town: Town) -> None:
    ticket = await town.submit(**TENDER)
    await town.do(LEAD, accept, ticket.id)
    assert (await town.row(ticket.id))["status"] == S.IN_PROGRESS


async def test_nobody_else_receives_it(town: Town) -> None:
    ticket = await town.submit(**TENDER)
    before = await town.row(ticket.id)
    attempts: list[tuple[str, Any, dict[str, Any], type[DomainError]]] = [
        (AGENT, accept, {}, NotResponsible),  # the desk sees it, and that is all
        (AGENT, decline, {"basis": "不属于受理范围"}, NotResponsible),
        (AGENT, answer, {"reply": "已答复"}, IllegalTransition),  # it takes a written decision
        (DISPATCHER, dispatch, {"lead": "guangyuan.finance"}, IllegalTransition),
        (OFFICE, accept, {}, NotResponsible),
        (SUPERVISION, accept, {}, NotResponsible),
        (CO_HANDLER, accept, {}, NotFound),  # another department
        (CO_HANDLER, return_, {"reason": "不属于本部门"}, NotFound),
        (town.enterprise, accept, {}, NotResponsible),
        (town.other_enterprise, accept, {}, NotFound),
        ("handler@anshan.commerce", accept, {}, NotFound),
        ("department_lead@anshan.commerce", decline, {"basis": "不属于受理范围"}, NotFound),
    ]
    for login, verb, given, refusal in attempts:
        with pytest.raises(refusal):
            await town.do_in(town.world.guangyuan.id, login, verb, ticket.id, **given)
    assert await town.row(ticket.id) == before


async def test_what_the_desk_receives_is_not_the_departments_to_accept(town: Town) -> None:
    ticket_id = await town.at(S.DISPATCHED)
    with pytest.raises(NotResponsible):
        await town.do(HANDLER, decline, ticket_id, basis="不属于受理范围")
    ticket_id = await town.at(S.SUBMITTED)
    with pytest.raises(NotFound):
        await town.do(HANDLER, accept, ticket_id)


async def test_the_department_declines(town: Town) -> None:
    ticket = await town.submit(**TENDER)
    await town.do(HANDLER, decline, ticket.id, basis="投诉人与招标项目无利害关系")
    row = await town.row(ticket.id)
    assert (row["status"], row["closed_at"]) == (S.DECLINED, town.now)


async def test_what_is_not_the_departments_the_office_gives_to_another(town: Town) -> None:
    ticket = await town.submit(**TENDER)
    await town.do(HANDLER, return_, ticket.id, reason="属住建部门监管")
    assert (await town.row(ticket.id))["status"] == S.DISPUTED
    await town.do(OFFICE, arbitrate, ticket.id, lead="guangyuan.finance", reason="政府采购项目")
    await town.do(CO_HANDLER, acknowledge, ticket.id)
    with pytest.raises(NotFound):
        await town.do(HANDLER, resolve, ticket.id, **DECISION)
    await town.do(CO_HANDLER, resolve, ticket.id, **DECISION)
    (decision,) = await published(town, ticket.id)
    assert decision["tenant_id"] == town.world.tenant("guangyuan.finance")


# Bad input


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"department": None}, "required"),
        ({"department": "anshan.commerce"}, "unknown_tenant"),
        ({"department": "guangyuan.nothing"}, "unknown_tenant"),
        ({"department": "guangyuan"}, "not_handling"),
        ({"category": TicketCategory.HELP}, "not_allowed"),
    ],
)
async def test_a_department_that_cannot_be(town: Town, changes: dict[str, Any], rule: str) -> None:
    await refused(lambda: town.submit(**(TENDER | changes)), "department", rule)
    assert await town.admin.fetchval("select count(*) from tickets") == 0


@pytest.mark.parametrize(
    ("number", "rule"), [(None, "required"), (" ", "empty"), ("号" * 101, "too_long"), ("3\x00号", "characters")]
)
async def test_a_decision_without_a_proper_number(town: Town, number: str | None, rule: str) -> None:
    ticket_id = await in_work(town)
    given = DECISION | {"decision_number": number}
    await refused(lambda: town.do(HANDLER, resolve, ticket_id, **given), "decisionNumber", rule)
    assert (await town.row(ticket_id))["status"] == S.IN_PROGRESS
    assert await published(town, ticket_id) == []


async def test_only_written_decisions_have_a_number(town: Town) -> None:
    ticket_id = await town.at(S.IN_PROGRESS)
    await refused(lambda: town.do(HANDLER, resolve, ticket_id, **DECISION), "decisionNumber", "not_allowed")


async def test_a_city_that_does_not_take_tenders(town: Town) -> None:
    login = town.world.anshan.enterprise.login
    await refused(lambda: town.submit(login, **(TENDER | {"department": "anshan.commerce"})), "category", "not_taken")


# Publication


async def test_the_decision_of_another_round_takes_the_place_of_the_first(town: Town) -> None:
    ticket_id = await in_work(town)
    await town.do(HANDLER, resolve, ticket_id, **DECISION)
    (first,) = await published(town, ticket_id)
    await town.do(AGENT, follow_up, ticket_id, satisfaction=Satisfaction.UNSATISFIED, justified=True)
    assert await published(town, ticket_id) == [first], "it stands until there is another"
    await town.do(HANDLER, acknowledge, ticket_id)
    again: dict[str, Any] = {"reply": "经复核,维持原评标结果。", "decision_number": "广商投〔2026〕9号"}
    await town.do(HANDLER, resolve, ticket_id, **again)
    (second,) = await published(town, ticket_id)
    assert second == first | {"text": again["reply"], "number": again["decision_number"], "published_at": town.now}


@pytest.mark.parametrize("secrecy", [SecrecyLevel.CONFIDENTIAL, SecrecyLevel.RESTRICTED])
async def test_what_is_secret_is_decided_and_not_published(town: Town, secrecy: SecrecyLevel) -> None:
    ticket_id = await in_work(town, secrecy=secrecy)
    await town.do(LEAD, resolve, ticket_id, **DECISION)
    row = await town.row(ticket_id)
    assert (row["decision_number"], row["decision_published_at"]) == (DECISION["decision_number"], None)
    assert await published(town, ticket_id) == []


async def test_of_a_restricted_one_the_departments_lead_alone_is_told(town: Town) -> None:
    ticket = await town.submit(**TENDER, secrecy=SecrecyLevel.RESTRICTED)
    assert await town.named(ticket.id) == {town.enterprise, SUPERVISION, LEAD}
    with pytest.raises(NotFound):
        await town.do(HANDLER, accept, ticket.id)


async def test_a_scheme_that_publishes_nothing(database: Database, world: World, admin: asyncpg.Connection) -> None:
    categories = load_preset("guangyuan").scheme.document()["tickets"]["categories"]
    categories["BIDDING_COMPLAINT"]["publish_decision"] = False
    await give_schemes(admin, categories=categories)
    town = Town(database, world, admin)
    ticket_id = await in_work(town)
    await town.do(HANDLER, resolve, ticket_id, **DECISION)
    assert (await town.row(ticket_id))["decision_published_at"] is None
    assert await published(town, ticket_id) == []
