"""An instalment that was wrong is taken back."""

from __future__ import annotations

import uuid

from sqlalchemy import exists, select
from sqlalchemy.orm import aliased

from app.integrity.access import access_entry, advance, facts_of, local_day
from app.integrity.lifecycle import next_status
from app.integrity.models import IntegrityEntry, IntegrityInstalment
from app.integrity.words import IntegrityAction, IntegrityEventType
from app.kernel.errors import InvalidInput
from app.kernel.tables import new_id
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.texts import check_text
from authz.actor import Actor
from tenants.schemes.store import scheme_at


async def reverse_instalment(
    uow: UnitOfWork,
    actor: Actor,
    entry_id: uuid.UUID,
    *,
    instalment_id: uuid.UUID,
    reason: str,
    expected_version: int | None = None,
) -> IntegrityEntry:
    """Taken back by a row of its own, on this day of the city; what was cleared by it is open again.

    Refusals as in `access_entry`, and `InvalidInput`: `instalmentId` `unknown_instalment` (of this entry, or itself a
    reversal), `reversed_already`; `reason` as the scheme's reasons.
    """
    entry = await access_entry(
        uow, actor, entry_id, IntegrityAction.INSTALMENT_REVERSE, expected_version=expected_version
    )
    scheme = await scheme_at(uow.session, uow.city_id, entry.scheme_version)
    reason = check_text("reason", reason, scheme.tickets.texts.reason)
    reversal = aliased(IntegrityInstalment)
    row = (
        await uow.session.execute(
            select(
                IntegrityInstalment.amount,
                exists()
                .where(reversal.city_id == IntegrityInstalment.city_id, reversal.reverses_id == IntegrityInstalment.id)
                .label("reversed"),
            ).where(
                IntegrityInstalment.city_id == uow.city_id,
                IntegrityInstalment.entry_id == entry.id,
                IntegrityInstalment.id == instalment_id,
                IntegrityInstalment.reverses_id.is_(None),
            )
        )
    ).one_or_none()
    if row is None:
        raise InvalidInput("instalmentId", "unknown_instalment")
    if row.reversed:
        raise InvalidInput("instalmentId", "reversed_already")
    taken_back = IntegrityInstalment(
        city_id=uow.city_id,
        id=new_id(),
        entry_id=entry.id,
        amount=-row.amount,
        paid_on=local_day(scheme.calendar, uow.now),
        note=reason,
        reverses_id=instalment_id,
        recorded_at=uow.now,
        recorded_by=actor.user_id,
    )
    uow.session.add(taken_back)
    to = next_status(facts_of(entry), IntegrityAction.INSTALMENT_REVERSE)
    entry.cleared -= row.amount
    advance(
        *(uow, actor, entry, IntegrityAction.INSTALMENT_REVERSE, to, IntegrityEventType.INSTALMENT_REVERSED),
        note=reason,
        amount=row.amount,
        instalment=taken_back.id,
    )
    return entry
