"""The desk merges a ticket into another that tells of the same problem."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Column, func, select

from app.kernel.errors import InvalidInput, NotFound, NotResponsible
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.access import access_ticket
from app.tickets.events import advance, record_absorption
from app.tickets.lifecycle import FINAL_STATUSES, Action
from app.tickets.merging import hand_on
from app.tickets.models import Ticket
from app.tickets.queries import TICKETS, visible_to, within_reach
from app.tickets.words import SecrecyLevel, TicketStatus
from authz.actor import Actor
from authz.permissions import Permission

MERGE_LOCK = 0x594D  # "YM": a city's merges take turns
SECRECY = tuple(SecrecyLevel)


async def merge(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    *,
    into_ticket_id: uuid.UUID,
    expected_version: int | None = None,
) -> Ticket:
    """Closed, since the survivor goes on for both; its reporter is told, live, how that one goes on and nothing else
    of it (domain.md, section 5). What was merged into this ticket before goes on with the survivor too.

    Refusals as in `access_ticket`; of the survivor `NotFound` (missing, another city's, or not theirs to see) and
    `NotResponsible`; `InvalidInput` on `intoTicketId`: `itself`, `already_merged` (with the `number` of the one it
    went into, as `already_merged_into`, where they may see that), `ended`, `transferred`, `less_secret`,
    `more_secret` (a restricted ticket and one that is not are never told of one another).
    """
    if into_ticket_id == ticket_id:
        raise InvalidInput("intoTicketId", "itself")
    # A step of a survivor locks it and then what was merged into it. Merging locks any two, so it must not find that
    # one of them has meanwhile become the other's: merges wait for one another, and look first.
    await uow.session.execute(select(func.pg_advisory_xact_lock(MERGE_LOCK, uow.city_id)))
    await _check_unmerged(uow, actor, into_ticket_id)
    ticket = await access_ticket(uow, actor, ticket_id, Action.MERGE, expected_version=expected_version)
    survivor = await _access_survivor(uow, actor, into_ticket_id)
    if TicketStatus(survivor.status) in FINAL_STATUSES:
        raise InvalidInput("intoTicketId", "ended")
    if survivor.status == TicketStatus.TRANSFERRED:
        raise InvalidInput("intoTicketId", "transferred")
    if SECRECY.index(SecrecyLevel(survivor.secrecy)) < SECRECY.index(SecrecyLevel(ticket.secrecy)):
        raise InvalidInput("intoTicketId", "less_secret")
    if survivor.secrecy == SecrecyLevel.RESTRICTED and ticket.secrecy != SecrecyLevel.RESTRICTED:
        raise InvalidInput("intoTicketId", "more_secret")
    if ticket.absorbed:
        await hand_on(uow, ticket, survivor)
    ticket.merged_into_id = survivor.id
    ticket.resolution = survivor.resolution
    survivor.absorbed = True
    advance(uow, actor, ticket, Action.MERGE)
    record_absorption(uow, actor, survivor)
    return ticket


async def _check_unmerged(uow: UnitOfWork, actor: Actor, ticket_id: uuid.UUID) -> None:
    async def of_visible(column: Column[Any], key: uuid.UUID) -> Any:
        return await uow.session.scalar(
            select(column).where(
                TICKETS.c.city_id == uow.city_id, TICKETS.c.id == key, visible_to(actor.in_city(uow.city_id))
            )
        )

    survivor_id = await of_visible(TICKETS.c.merged_into_id, ticket_id)
    if survivor_id is not None:
        number = await of_visible(TICKETS.c.number, survivor_id)
        if number is None:
            raise InvalidInput("intoTicketId", "already_merged")
        raise InvalidInput("intoTicketId", "already_merged_into", number=number)


async def _access_survivor(uow: UnitOfWork, actor: Actor, ticket_id: uuid.UUID) -> Ticket:
    scope = actor.in_city(uow.city_id)
    row = (
        await uow.session.execute(
            select(Ticket, within_reach(scope, Permission.TICKET_MERGE).label("responsible"))
            .where(Ticket.city_id == uow.city_id, Ticket.id == ticket_id, visible_to(scope))
            .with_for_update(of=Ticket, key_share=True)
            .execution_options(populate_existing=True)
        )
    ).one_or_none()
    if row is None:
        raise NotFound(field="intoTicketId", kind="Ticket")
    if not row.responsible:
        raise NotResponsible(action=Action.MERGE.value)
    survivor: Ticket = row[0]
    return survivor
