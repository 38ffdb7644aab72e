"""A notice is taken back."""

from __future__ import annotations

import uuid

from app.kernel.unit_of_work import UnitOfWork
from app.supervision.access import access_notice, record
from app.supervision.lifecycle import NoticeAction
from app.supervision.models import SupervisionNotice
from app.supervision.notifying import notify
from app.supervision.words import NotificationKind
from app.tickets.texts import check_text
from app.tickets.words import TicketEventType
from authz.actor import Actor


async def withdraw(
    uow: UnitOfWork, actor: Actor, notice_id: uuid.UUID, *, reason: str, expected_version: int | None = None
) -> SupervisionNotice:
    """It was not due; it stays to be read, with the reason. Refusals as in `access_notice`, and for the text."""
    notice, ticket, texts = await access_notice(
        uow, actor, notice_id, NoticeAction.WITHDRAW, expected_version=expected_version
    )
    notice.withdrawal = check_text("reason", reason, texts.reason)
    notice.withdrawn_by = actor.user_id
    notice.withdrawn_at = uow.now
    record(uow, actor, notice, ticket, TicketEventType.NOTICE_WITHDRAWN)
    notify(
        uow,
        notice.addressee_id,
        NotificationKind.NOTICE_WITHDRAWN,
        ticket_id=notice.ticket_id,
        notice_id=notice.id,
        restricted=notice.restricted,
    )
    return notice
