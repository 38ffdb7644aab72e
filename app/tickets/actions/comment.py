"""Somebody says something about a ticket."""

from __future__ import annotations

import uuid

from app.kernel.unit_of_work import UnitOfWork
from app.tickets.access import access_ticket
from app.tickets.events import record_comment
from app.tickets.lifecycle import Action
from app.tickets.models import Ticket
from app.tickets.schemes import scheme_of
from app.tickets.texts import check_text
from app.tickets.words import Visibility
from authz.actor import Actor
from authz.permissions import Permission


async def comment(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    *,
    body: str,
    visibility: Visibility,
    expected_version: int | None = None,
) -> Ticket:
    """A public comment, which the reporter sees, or an internal note, which never reaches them (and is refused to them
    as `NotResponsible`). The version stays. Refusals as in `access_ticket`, and `InvalidInput` for the body."""
    permission = Permission.TICKET_COMMENT if visibility is Visibility.PUBLIC else Permission.TICKET_NOTE
    ticket = await access_ticket(
        uow, actor, ticket_id, Action.COMMENT, permission=permission, expected_version=expected_version
    )
    texts = (await scheme_of(uow, ticket)).tickets.texts
    note = check_text("body", body, texts.note)
    record_comment(uow, actor, ticket, permission, note=note, visibility=visibility)
    return ticket
