"""An entry of the ledger of handling quality is closed, with what came of it."""

from __future__ import annotations

import uuid

from app.kernel.unit_of_work import UnitOfWork
from app.tickets.models import QualityEntry
from app.tickets.quality.access import access_entry, advance
from app.tickets.quality.lifecycle import QualityAction
from app.tickets.texts import check_text
from authz.actor import Actor
from tenants.schemes.store import scheme_at


async def close_quality_entry(
    uow: UnitOfWork, actor: Actor, entry_id: uuid.UUID, *, outcome: str, expected_version: int | None = None
) -> QualityEntry:
    """Closed by supervision where it was handed over, else by the office. Refusals as in `access_entry`; `outcome` as
    the scheme's reasons."""
    entry = await access_entry(uow, actor, entry_id, QualityAction.CLOSE, expected_version=expected_version)
    texts = (await scheme_at(uow.session, uow.city_id, entry.scheme_version)).tickets.texts
    entry.outcome = check_text("outcome", outcome, texts.reason)
    entry.closed_at, entry.closed_by = uow.now, actor.user_id
    advance(uow, actor, entry, QualityAction.CLOSE, entry.outcome)
    return entry
