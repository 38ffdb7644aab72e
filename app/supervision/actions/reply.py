"""The addressee replies to a notice."""

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


async def reply(
    uow: UnitOfWork, actor: Actor, notice_id: uuid.UUID, *, reply: str, expected_version: int | None = None
) -> SupervisionNotice:
    """What the department has done or says to it, in time or late; who raised the notice is told: the office of its
    county or else of the city, where it was raised by itself. Refusals as in `access_notice`, and for the text."""
    notice, ticket, texts = await access_notice(
        uow, actor, notice_id, NoticeAction.REPLY, expected_version=expected_version
    )
    notice.reply = check_text("reply", reply, texts.reply)
    notice.replied_by = actor.user_id
    notice.replied_at = uow.now
    record(uow, actor, notice, ticket, TicketEventType.NOTICE_REPLIED)
    notify(
        uow,
        notice.raised_by_tenant_id or notice.addressee_county_id or uow.city_id,
        NotificationKind.NOTICE_REPLIED,
        ticket_id=notice.ticket_id,
        notice_id=notice.id,
        restricted=notice.restricted,
    )
    return notice
