"""A person has read their notifications."""

from __future__ import annotations

import uuid

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert

from app.kernel.errors import NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.supervision.queries import MARKS, NOTIFICATIONS, notification_visible_to
from authz.actor import Actor


async def mark_read(uow: UnitOfWork, actor: Actor, notification_id: uuid.UUID) -> uuid.UUID:
    """All of them up to and with this one; what was read stays read. Raises `NotFound`."""
    found = (
        await uow.session.execute(
            select(NOTIFICATIONS.c.at).where(
                NOTIFICATIONS.c.city_id == uow.city_id,
                NOTIFICATIONS.c.id == notification_id,
                notification_visible_to(actor.in_city(uow.city_id)),
            )
        )
    ).one_or_none()
    if found is None:
        raise NotFound(kind="Notification")
    mark = insert(MARKS).values(city_id=uow.city_id, user_id=actor.user_id, read_at=found.at, read_id=notification_id)
    await uow.session.execute(
        mark.on_conflict_do_update(
            index_elements=[MARKS.c.city_id, MARKS.c.user_id],
            set_={"read_at": mark.excluded.read_at, "read_id": mark.excluded.read_id},
            where=tuple_(MARKS.c.read_at, MARKS.c.read_id) < tuple_(mark.excluded.read_at, mark.excluded.read_id),
        )
    )
    return notification_id
