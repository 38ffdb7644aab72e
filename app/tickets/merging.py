"""What the reporters of merged tickets learn of the survivor: where it stands and what was replied, and no more."""

from __future__ import annotations

from sqlalchemy import select

from app.kernel.events import Author
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.models import Ticket
from app.tickets.words import SecrecyLevel, TicketEventType

TOLD_WHY = frozenset(
    {TicketEventType.ANSWERED, TicketEventType.DECLINED, TicketEventType.RESOLVED, TicketEventType.TERMINATED}
)
"""Steps whose note is the city's word to whoever reports the problem; any other is among offices, or one reporter's."""


async def echo(uow: UnitOfWork, survivor: Ticket, kind: TicketEventType, note: str | None) -> None:
    """Tell those whose tickets were merged into it of a step that changed its state, each on their own ticket."""
    for ticket in await _merged(uow, survivor):
        _tell(uow, ticket, survivor, note if kind in TOLD_WHY else None)


async def hand_on(uow: UnitOfWork, former: Ticket, survivor: Ticket) -> None:
    """What was merged into one ticket goes on with another: nobody is two steps away from the ticket that goes on."""
    for ticket in await _merged(uow, former):
        ticket.merged_into_id = survivor.id
        _tell(uow, ticket, survivor, None)
    former.absorbed = False


async def _merged(uow: UnitOfWork, survivor: Ticket) -> list[Ticket]:
    rows = await uow.session.scalars(
        select(Ticket)
        .where(Ticket.city_id == uow.city_id, Ticket.merged_into_id == survivor.id)
        .order_by(Ticket.id)
        .with_for_update(of=Ticket, key_share=True)
        .execution_options(populate_existing=True)
    )
    return list(rows)


def _tell(uow: UnitOfWork, ticket: Ticket, survivor: Ticket, note: str | None) -> None:
    """By nobody: who took the step is the survivor's affair."""
    ticket.version += 1
    ticket.resolution = survivor.resolution
    ticket.resolved_at = survivor.resolved_at
    uow.record(
        ticket,
        TicketEventType.PROGRESSED,
        author=Author(),
        restricted=ticket.secrecy == SecrecyLevel.RESTRICTED,
        toStatus=survivor.status,
        note=note,
    )
