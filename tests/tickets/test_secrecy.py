"""Restricted tickets are for named persons only, whatever role anybody has."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from app.kernel.errors import NotFound, NotResponsible
from app.tickets.actions.accept import accept
from app.tickets.actions.acknowledge import acknowledge
from app.tickets.actions.arbitrate import arbitrate
from app.tickets.actions.comment import comment
from app.tickets.actions.decline import decline
from app.tickets.actions.dispatch import dispatch
from app.tickets.actions.follow_up import follow_up
from app.tickets.actions.resolve import resolve
from app.tickets.actions.return_ import return_
from app.tickets.actions.submit import Reporter
from app.tickets.words import Satisfaction, SecrecyLevel, TicketCategory, TicketStatus, Visibility
from tests.tickets.town import AGENT, DISPATCHER, HANDLER, LEAD, OFFICE, SUPERVISION, Town

REPORT: dict[str, Any] = {"category": TicketCategory.REPORT, "secrecy": SecrecyLevel.RESTRICTED}
NOTE: dict[str, Any] = {"body": "已阅", "visibility": Visibility.INTERNAL}
HANDLERS: dict[str, Any] = {"lead": "guangyuan.commerce", "co_handlers": ["guangyuan.finance"]}


async def test_the_submitter_and_supervision_are_named(town: Town) -> None:
    ticket = await town.submit(**REPORT)
    assert await town.named(ticket.id) == {town.enterprise, SUPERVISION}, "nobody of a county, nobody of a neighbour"
    (event,) = await town.timeline(ticket.id)
    assert event["restricted"]
    await town.do(SUPERVISION, comment, ticket.id, **NOTE)
    assert (await town.timeline(ticket.id))[-1]["restricted"]
    await town.do(town.enterprise, comment, ticket.id, body="补充", visibility=Visibility.PUBLIC)


async def test_other_tickets_name_nobody(town: Town) -> None:
    for secrecy in (SecrecyLevel.NORMAL, SecrecyLevel.CONFIDENTIAL):
        ticket = await town.submit(category=TicketCategory.REPORT, secrecy=secrecy)
        await town.do(AGENT, accept, ticket.id)
        await town.do(DISPATCHER, dispatch, ticket.id, **HANDLERS)
        assert await town.named(ticket.id) == set()
        assert not any(event["restricted"] for event in await town.timeline(ticket.id))


async def test_who_is_not_named_finds_nothing(town: Town) -> None:
    ticket_id = (await town.submit(**REPORT)).id
    attempts: list[tuple[str, Callable[..., Any], dict[str, Any]]] = [
        (AGENT, accept, {}),
        (AGENT, decline, {"basis": "不属于"}),
        (AGENT, comment, NOTE),
        (DISPATCHER, dispatch, HANDLERS),
        (OFFICE, arbitrate, {**HANDLERS, "reason": "按职责"}),
        (HANDLER, acknowledge, {}),
        (town.other_enterprise, comment, {"body": "在吗", "visibility": Visibility.PUBLIC}),
        ("supervision_officer@anshan", comment, NOTE),
    ]
    for login, action, kwargs in attempts:
        with pytest.raises(NotFound):
            await town.do(login, action, ticket_id, **kwargs)
    assert len(await town.timeline(ticket_id)) == 1


async def test_the_auditor_reads_and_does_nothing(town: Town) -> None:
    ticket_id = (await town.submit(**REPORT)).id
    with pytest.raises(NotResponsible):
        await town.do("auditor@guangyuan", comment, ticket_id, **NOTE)


async def restricted_and_accepted(town: Town) -> uuid.UUID:
    """A restricted report that the agent took down and accepted, with a dispatcher named by hand."""
    ticket_id = (await town.submit(AGENT, **REPORT, reporter=Reporter(anonymous=True))).id
    assert await town.named(ticket_id) == {AGENT, SUPERVISION}
    await town.do(AGENT, accept, ticket_id)
    await town.name(ticket_id, DISPATCHER)
    return ticket_id


async def test_the_leads_of_the_lead_department_are_named(town: Town) -> None:
    ticket_id = await restricted_and_accepted(town)
    await town.do(DISPATCHER, dispatch, ticket_id, **HANDLERS)
    assert await town.named(ticket_id) == {AGENT, SUPERVISION, DISPATCHER, LEAD}
    for login in (HANDLER, "department_lead@guangyuan.finance", "handler@guangyuan.finance"):
        with pytest.raises(NotFound):
            await town.do(login, acknowledge, ticket_id)
    await town.do(LEAD, acknowledge, ticket_id)
    await town.do(LEAD, resolve, ticket_id, reply="已查实处理")
    assert (await town.row(ticket_id))["status"] == TicketStatus.RESOLVED
    assert all(event["restricted"] for event in await town.timeline(ticket_id))


async def test_arbitration_names_the_new_leads(town: Town) -> None:
    ticket_id = await restricted_and_accepted(town)
    await town.do(DISPATCHER, dispatch, ticket_id, **HANDLERS)
    await town.do(LEAD, return_, ticket_id, reason="不属于本部门职责")
    await town.name(ticket_id, OFFICE)
    await town.do(OFFICE, arbitrate, ticket_id, lead="guangyuan.housing", reason="按职责清单")
    assert "department_lead@guangyuan.housing" in await town.named(ticket_id)
    await town.do("department_lead@guangyuan.housing", acknowledge, ticket_id)


async def test_supervision_works_what_it_is_named_on_and_nothing_else(town: Town) -> None:
    ticket_id = (await town.submit(**REPORT)).id
    await town.do(SUPERVISION, accept, ticket_id)
    await town.do(SUPERVISION, dispatch, ticket_id, lead="guangyuan.commerce")
    await town.do(LEAD, return_, ticket_id, reason="不属于本部门职责")
    await town.do(SUPERVISION, arbitrate, ticket_id, lead="guangyuan.housing", reason="按职责清单")
    await town.do("department_lead@guangyuan.housing", acknowledge, ticket_id)
    await town.do("department_lead@guangyuan.housing", resolve, ticket_id, reply="已查实处理")
    await town.do(SUPERVISION, follow_up, ticket_id, satisfaction=Satisfaction.SATISFIED)
    assert (await town.row(ticket_id))["status"] == TicketStatus.CLOSED
    open_one = (await town.submit()).id
    with pytest.raises(NotResponsible):
        await town.do(SUPERVISION, accept, open_one)


async def test_to_be_named_is_no_permission(town: Town) -> None:
    ticket_id = (await town.submit(**REPORT)).id
    await town.name(ticket_id, "handler@guangyuan.finance")
    with pytest.raises(NotFound):
        await town.do("handler@guangyuan.finance", comment, ticket_id, **NOTE)
