"""What enters a handling in the ledger of handling quality, in the transaction of its cause."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert

from app.kernel.events import Author
from app.kernel.tables import new_id
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.models import QualityEntry, Ticket
from app.tickets.quality.queries import ENTRIES
from app.tickets.words import QualityEventType, QualityStatus, SecrecyLevel
from tenants.schemes.model import Scheme
from tenants.schemes.words import QualityConcern

TOPIC = "quality"
"""Of the events of entries."""
_INSERT = insert(ENTRIES).on_conflict_do_nothing().returning(ENTRIES.c.id)


async def enter(
    uow: UnitOfWork, ticket: Ticket, scheme: Scheme, concern: QualityConcern, *, opens_task: bool = False
) -> None:
    """Enter the present round of a ticket, once for each concern that the scheme has a ledger for.

    A restricted ticket is not entered: the ledger is shown to more people than are named on it. The caller holds the
    ticket's row locked. `opens_task`: a rectification task follows by a job (`app.rectification.opening`), if there is
    a department to give it to; what was entered before and turns out so does too.
    """
    if concern not in scheme.tickets.follow_up.ledger or ticket.secrecy == SecrecyLevel.RESTRICTED:
        return
    opens_task = opens_task and ticket.lead_id is not None
    county_id = ticket.county_id if ticket.lead_id is None else ticket.lead_county_id
    entry = QualityEntry(
        city_id=uow.city_id,
        id=new_id(),
        version=1,
        scheme_version=ticket.scheme_version,
        kind=concern.value,
        status=QualityStatus.OPEN.value,
        ticket_id=ticket.id,
        round=ticket.round,
        tenant_id=county_id or uow.city_id,
        lead_id=ticket.lead_id,
        opened_at=uow.now,
        awaits_task=opens_task,
    )
    values = {name: value for name, value in vars(entry).items() if not name.startswith("_")}
    if await uow.session.scalar(_INSERT, values) is not None:
        uow.record(
            entry,
            QualityEventType.OPENED,
            topic=TOPIC,
            author=Author(),
            visibility="INTERNAL",
            new=True,
            toStatus=entry.status,
            ticket=str(ticket.id),
            keeper=entry.tenant_id,
        )
    elif opens_task:
        await uow.session.execute(
            update(ENTRIES)
            .where(
                ENTRIES.c.city_id == uow.city_id,
                ENTRIES.c.ticket_id == ticket.id,
                ENTRIES.c.kind == concern.value,
                ENTRIES.c.round == ticket.round,
            )
            .values(awaits_task=True)
        )
