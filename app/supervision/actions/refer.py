"""An interview goes on to discipline inspection (纪委监委)."""

from __future__ import annotations

import uuid

from app.kernel.errors import InvalidInput
from app.kernel.unit_of_work import UnitOfWork
from app.supervision.access import access_notice
from app.supervision.lifecycle import NoticeAction
from app.supervision.models import SupervisionNotice
from app.tickets.texts import check_optional_text
from authz.actor import Actor


async def refer(
    uow: UnitOfWork,
    actor: Actor,
    notice_id: uuid.UUID,
    *,
    outcome: str | None = None,
    expected_version: int | None = None,
) -> SupervisionNotice:
    """First that it was referred, then, by the same verb, what came of it (domain.md, section 6).

    Nobody but those who refer, who look on and who audit is told: the addressee is not warned. Refusals as in
    `access_notice`, and `InvalidInput`: `outcome` `required` once it was referred, and for the text.
    """
    notice, _, texts = await access_notice(uow, actor, notice_id, NoticeAction.REFER, expected_version=expected_version)
    outcome = check_optional_text("outcome", outcome, texts.reply)
    if notice.referred_at is not None and outcome is None:
        raise InvalidInput("outcome", "required")
    if notice.referred_at is None:
        notice.referred_by = actor.user_id
        notice.referred_at = uow.now
    if outcome is not None:
        notice.outcome = outcome
        notice.outcome_at = uow.now
    return notice
