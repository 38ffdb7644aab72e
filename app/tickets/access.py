"""Fetch and authorise a ticket in one call: what every verb begins with."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import select

from app.kernel.errors import Conflict, IllegalTransition, NotFound, NotResponsible
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.lifecycle import Action, Facts, check_step, permissions_of, required_permission
from app.tickets.models import Ticket
from app.tickets.queries import visible_to, within_reach
from app.tickets.schemes import scheme_of
from app.tickets.words import Malice, SecrecyLevel, TicketStatus
from authz.actor import Actor
from authz.permissions import Permission
from tenants.schemes.words import CoordinationLevel


async def access_ticket(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    action: Action,
    *,
    expected_version: int | None = None,
    permission: Permission | None = None,
) -> Ticket:
    """The ticket, locked until the end of the transaction, on which this actor may do this step now.

    Refuses in this order: `NotFound` when it is missing or not theirs to see; `NotResponsible` when the step belongs to
    somebody else; `Conflict` when it moved on from `expected_version`; `IllegalTransition` when its state has no such
    step. `permission` replaces the one that `lifecycle` asks for.
    """
    ticket, _ = await access_ticket_by(
        uow, actor, ticket_id, (action,), expected_version=expected_version, permission=permission
    )
    return ticket


async def access_ticket_by(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    actions: Sequence[Action],
    *,
    expected_version: int | None = None,
    permission: Permission | None = None,
) -> tuple[Ticket, Action]:
    """As `access_ticket`, for a verb that people do in different ways: the first of `actions` within their reach."""
    scope = actor.in_city(uow.city_id)
    permissions = [permission] if permission else [each for action in actions for each in permissions_of(action)]
    row = (
        await uow.session.execute(
            select(Ticket, *(within_reach(scope, each).label(each.name) for each in permissions))
            .where(Ticket.city_id == uow.city_id, Ticket.id == ticket_id, visible_to(scope))
            # Verbs on one ticket take turns, which is also what keeps its events in order. NO KEY: rows that refer to
            # the ticket can be written meanwhile.
            .with_for_update(of=Ticket, key_share=True)
            .execution_options(populate_existing=True)
        )
    ).one_or_none()
    if row is None:
        raise NotFound(kind="Ticket")
    ticket: Ticket = row[0]
    facts = facts_of(ticket)
    responsible = row._mapping
    for action in actions:
        if responsible[(permission or required_permission(facts, action)).name]:
            break
    else:
        raise NotResponsible(action=actions[0].value)
    if expected_version is not None and expected_version != ticket.version:
        raise Conflict(expected_version=expected_version, current_version=ticket.version)
    scheme = await scheme_of(uow, ticket)  # where its clocks find it too (`known_scheme`)
    try:
        check_step(facts, action)
    except IllegalTransition as refusal:
        refusal.data["own_word"] = scheme.tickets.status_names.get(facts.status)
        raise
    return ticket, action


def facts_of(ticket: Ticket) -> Facts:
    """What of the row decides which steps it has."""
    return Facts(
        status=TicketStatus(ticket.status),
        contacted=ticket.contacted_at is not None,
        suspended=ticket.suspended_at is not None,
        extension_pending=ticket.extension_days is not None,
        coordination=None if ticket.coordination is None else CoordinationLevel(ticket.coordination),
        referred=bool(ticket.referred),
        malice=None if ticket.malice is None else Malice(ticket.malice),
        own_receipt=bool(ticket.own_receipt),
        has_office=bool(ticket.has_office),
        restricted=ticket.secrecy == SecrecyLevel.RESTRICTED,
        elsewhere=None if ticket.elsewhere is None else TicketStatus(ticket.elsewhere),
    )
