"""Part of what an entry is about is paid."""

from __future__ import annotations

import uuid
from datetime import date
from decimal import Decimal

from app.integrity.access import access_entry, advance, check_day, local_day
from app.integrity.lifecycle import after_instalment, check_amount
from app.integrity.models import IntegrityEntry, IntegrityInstalment
from app.integrity.words import IntegrityAction, IntegrityEventType
from app.kernel.errors import InvalidInput
from app.kernel.tables import new_id
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.texts import check_optional_text
from authz.actor import Actor
from tenants.schemes.store import scheme_at


async def record_instalment(
    uow: UnitOfWork,
    actor: Actor,
    entry_id: uuid.UUID,
    *,
    amount: Decimal,
    paid_on: date,
    note: str | None = None,
    expected_version: int | None = None,
) -> IntegrityEntry:
    """So much was paid on a day of the city; the entry is cleared when nothing remains.

    Refusals as in `access_entry`, and `InvalidInput`: `amount` as `check_amount`, `above_remaining`; `paidOn`
    `in_future`, `out_of_order` (before it was owed); `note` as the scheme's notes.
    """
    entry = await access_entry(
        uow, actor, entry_id, IntegrityAction.INSTALMENT_RECORD, expected_version=expected_version
    )
    assert entry.amount is not None, "the step is of entries with an amount"
    scheme = await scheme_at(uow.session, uow.city_id, entry.scheme_version)
    amount = check_amount("amount", amount)
    if entry.cleared + amount > entry.amount:
        raise InvalidInput("amount", "above_remaining", remaining=str(entry.amount - entry.cleared))
    check_day("paidOn", paid_on, today=local_day(scheme.calendar, uow.now), earliest=entry.since)
    instalment = IntegrityInstalment(
        city_id=uow.city_id,
        id=new_id(),
        entry_id=entry.id,
        amount=amount,
        paid_on=paid_on,
        note=check_optional_text("note", note, scheme.tickets.texts.note),
        recorded_at=uow.now,
        recorded_by=actor.user_id,
    )
    uow.session.add(instalment)
    entry.cleared += amount
    advance(
        *(uow, actor, entry, IntegrityAction.INSTALMENT_RECORD),
        after_instalment(entry.amount, entry.cleared),
        IntegrityEventType.INSTALMENT_RECORDED,
        amount=amount,
        instalment=instalment.id,
    )
    return entry
