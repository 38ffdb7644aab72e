"""The lead department replies."""

from __future__ import annotations

import uuid

from app.kernel.unit_of_work import UnitOfWork
from app.tickets.access import access_ticket
from app.tickets.decisions import check_number, publish
from app.tickets.events import advance
from app.tickets.lifecycle import Action
from app.tickets.models import Ticket
from app.tickets.schemes import scheme_of
from app.tickets.texts import check_text
from authz.actor import Actor


async def resolve(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    *,
    reply: str,
    decision_number: str | None = None,
    expected_version: int | None = None,
) -> Ticket:
    """Handled, with the reply to the reporter (办结反馈). Where the category takes a written decision, the reply is it,
    has a number, and is published if the scheme says so. Refusals as in `access_ticket`, and `InvalidInput`: for the
    reply; `decisionNumber` as `decisions.check_number`."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.RESOLVE, expected_version=expected_version)
    rules = (await scheme_of(uow, ticket)).tickets
    rule = rules.category(ticket.category)
    note = check_text("reply", reply, rules.texts.reply)
    number = check_number(rule, decision_number)
    advance(uow, actor, ticket, Action.RESOLVE, note=note, decisionNumber=number)
    ticket.resolution = note
    ticket.decision_number = number
    if rule is not None and rule.publish_decision:
        await publish(uow, ticket)
    return ticket
