"""A notice is done with."""

from __future__ import annotations

import uuid

from app.kernel.unit_of_work import UnitOfWork
from app.supervision.access import access_notice, record
from app.supervision.lifecycle import NoticeAction
from app.supervision.models import SupervisionNotice
from app.supervision.notifying import notify
from app.supervision.words import NotificationKind
from app.tickets.words import TicketEventType
from authz.actor import Actor


async def close(
    uow: UnitOfWork, actor: Actor, notice_id: uuid.UUID, *, expected_version: int | None = None
) -> SupervisionNotice:
    """The reply will do. Refusals as in `access_notice`."""
    notice, ticket, _ = await access_notice(
        uow, actor, notice_id, NoticeAction.CLOSE, expected_version=expected_version
    )
    notice.closed_by = actor.user_id
    notice.closed_at = uow.now
    record(uow, actor, notice, ticket, TicketEventType.NOTICE_CLOSED)
    notify(
        uow,
        notice.addressee_id,
        NotificationKind.NOTICE_CLOSED,
        ticket_id=notice.ticket_id,
        notice_id=notice.id,
        restricted=notice.restricted,
    )
    return notice
