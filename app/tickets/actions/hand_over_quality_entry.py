"""The office hands an entry of the ledger of handling quality to supervision."""

from __future__ import annotations

import uuid

from app.kernel.unit_of_work import UnitOfWork
from app.tickets.models import QualityEntry
from app.tickets.quality.access import access_entry, advance
from app.tickets.quality.lifecycle import QualityAction
from app.tickets.texts import check_optional_text
from authz.actor import Actor
from tenants.schemes.store import scheme_at


async def hand_over_quality_entry(
    uow: UnitOfWork, actor: Actor, entry_id: uuid.UUID, *, note: str | None = None, expected_version: int | None = None
) -> QualityEntry:
    """Handed to the supervision of the same level (报送本级督查督办专责组), which is told. Refusals as in
    `access_entry`; `note` as the scheme's notes."""
    entry = await access_entry(uow, actor, entry_id, QualityAction.HAND_OVER, expected_version=expected_version)
    texts = (await scheme_at(uow.session, uow.city_id, entry.scheme_version)).tickets.texts
    entry.note = check_optional_text("note", note, texts.note)
    entry.handed_over_at, entry.handed_over_by = uow.now, actor.user_id
    advance(uow, actor, entry, QualityAction.HAND_OVER, entry.note)
    return entry
