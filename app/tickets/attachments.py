"""The files of tickets: who may have their content, and how long it is kept."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from app.files.models import Attachment, Upload
from app.files.storage import Blob
from app.files.uploads import ATTACHMENTS, Uploads
from app.kernel.database import Database
from app.kernel.errors import NotFound, StaleActor
from app.tickets.queries import TICKETS, sees_event, visible_to
from authz.actor import Actor
from tenants.schemes.store import scheme_at

_STRAY_AFTER = timedelta(hours=1)
"""An upload's file is made a moment before its row can be seen."""


async def find_attachment(database: Database, actor: Actor, city_id: int, attachment_id: uuid.UUID) -> Attachment:
    """An attachment that the actor may have: seen as its ticket and its timeline are. Raises `NotFound`."""
    if city_id not in actor.cities:
        raise NotFound(kind="Attachment")
    scope = actor.in_city(city_id)
    async with database.session(cities=(city_id,), user_id=actor.user_id) as session:
        if session.info["grants_version"] != actor.grants_version:
            raise StaleActor(actor.user_id)
        found = await session.scalar(
            select(Attachment)
            .join(TICKETS, (TICKETS.c.city_id == ATTACHMENTS.c.city_id) & (TICKETS.c.id == ATTACHMENTS.c.ticket_id))
            .where(
                ATTACHMENTS.c.city_id == city_id,
                ATTACHMENTS.c.id == attachment_id,
                visible_to(scope),
                sees_event(scope, ATTACHMENTS, TICKETS),
            )
        )
    if found is None:
        raise NotFound(kind="Attachment")
    return found


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep threw away: uploads that expired, attachments past their retention, files that a crash left."""

    uploads: int = 0
    attachments: int = 0
    strays: int = 0


async def sweep_files(uploads: Uploads, city_id: int, *, now: datetime) -> Swept:
    """Throw away what the city's schemes say is over. Each thing is a transaction of its own: an interrupted sweep is
    gone on with by the next, and any number of them may run at once."""
    database = uploads.database
    async with database.session(cities=(city_id,)) as session:
        past = select(Upload).where(Upload.city_id == city_id, Upload.expires_at <= now)
        expired = (await session.scalars(past)).all()
    for upload in expired:
        async with database.session(cities=(city_id,)) as session:
            await uploads.let_go(session, upload)
    over = await _over(database, city_id, now)
    for attachment in over:
        async with database.session(cities=(city_id,)) as session:
            await session.execute(
                update(ATTACHMENTS).filter_by(city_id=city_id, id=attachment.id, deleted_at=None).values(deleted_at=now)
            )
            await uploads.release(session, Blob(city_id, attachment.sha256, attachment.size))
    async with database.session(cities=(city_id,)) as session:
        strays = await uploads.sweep_folder(session, city_id, older_than=now - _STRAY_AFTER)
    return Swept(len(expired), len(over), strays)


async def _over(database: Database, city_id: int, now: datetime) -> list[Attachment]:
    """Attachments of tickets that ended so long ago that the scheme under which they ran keeps no content."""
    kept = (
        select(Attachment)
        .join(TICKETS, (TICKETS.c.city_id == ATTACHMENTS.c.city_id) & (TICKETS.c.id == ATTACHMENTS.c.ticket_id))
        .where(ATTACHMENTS.c.city_id == city_id, ATTACHMENTS.c.deleted_at.is_(None))
    )
    found: list[Attachment] = []
    async with database.session(cities=(city_id,)) as session:
        versions = await session.scalars(
            kept.where(TICKETS.c.closed_at < now).with_only_columns(TICKETS.c.scheme_version).distinct()
        )
        for version in versions.all():
            days = (await scheme_at(session, city_id, version)).files.retention_days
            over = kept.where(TICKETS.c.scheme_version == version, TICKETS.c.closed_at <= now - timedelta(days=days))
            found += await session.scalars(over)
    return found
