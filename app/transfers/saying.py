"""What was said publicly on one side's ticket, said again on the other's: comments, and what files there are."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from app.files.uploads import ATTACHMENTS
from app.kernel.events import Author
from app.kernel.unit_of_work import EVENTS, UnitOfWork
from app.tickets.models import Ticket
from app.tickets.words import TicketEventType, Visibility

EVENTS_AT_ONCE = 100
SAID = (TicketEventType.COMMENTED, TicketEventType.ATTACHED)
_OF_A_FILE = ("fileName", "fileType", "fileSize", "sha256")


async def events_after(uow: UnitOfWork, ticket_id: uuid.UUID, seq: int, limit: int | None = None) -> Sequence[Any]:
    """The events of a ticket of the unit of work's city, in order. `via` in the data of one that came from the other
    side of a transfer is that side's number."""
    found = (
        select(EVENTS.c.seq, EVENTS.c.type, EVENTS.c.at, EVENTS.c.visibility, EVENTS.c.actor_role, EVENTS.c.data)
        .where(EVENTS.c.city_id == uow.city_id, EVENTS.c.subject_id == ticket_id, EVENTS.c.seq > seq)
        .order_by(EVENTS.c.seq)
        .limit(limit)
    )
    return (await uow.session.execute(found)).all()


async def repeat(uow: UnitOfWork, ticket: Ticket, event: Any, city_id: int) -> None:
    """Say on this ticket what was said in `city_id`, in the role of who said it and not in their name. Of a file only
    what it is: its content stays where it is."""
    if event.type not in SAID or event.visibility != Visibility.PUBLIC or event.data.get("via") == uow.city_id:
        return
    said = {"note": event.data.get("note")}
    if event.type == TicketEventType.ATTACHED:
        said = await _file(uow, event, city_id)
    uow.record(
        ticket,
        event.type,
        author=Author(None, city_id, event.actor_role),
        via=city_id,
        **said,
    )


async def _file(uow: UnitOfWork, event: Any, city_id: int) -> dict[str, Any]:
    if "attachment" not in event.data:  # which came from elsewhere itself
        return {name: event.data.get(name) for name in _OF_A_FILE}
    file = (
        await uow.session.execute(
            select(ATTACHMENTS.c.name, ATTACHMENTS.c.media_type, ATTACHMENTS.c.size).where(
                ATTACHMENTS.c.city_id == city_id, ATTACHMENTS.c.id == uuid.UUID(event.data["attachment"])
            )
        )
    ).one()
    values = (file.name, file.media_type, file.size, event.data["sha256"])
    return dict(zip(_OF_A_FILE, values, strict=True))
