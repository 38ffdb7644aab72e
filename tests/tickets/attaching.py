"""A file that has just come in, attached: how the tests of verbs attach without a server."""

from __future__ import annotations

import hashlib
import uuid
from datetime import timedelta

from app.files.models import Upload
from app.kernel.tables import new_id
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.actions.attach import attach
from app.tickets.models import Ticket
from app.tickets.words import Visibility
from authz.actor import Actor


async def attach_new(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    *,
    visibility: Visibility = Visibility.PUBLIC,
    expected_version: int | None = None,
) -> Ticket:
    """`attach`, of an upload of the actor's own that is made with it."""
    upload = Upload(
        city_id=uow.city_id,
        id=new_id(),
        created_by=actor.user_id,
        name="现场.pdf",
        size=5,
        created_at=uow.now,
        expires_at=uow.now + timedelta(hours=1),
        media_type="application/pdf",
        sha256=hashlib.sha256(b"%PDF-").digest(),
        scanned=False,
        finished_at=uow.now,
    )
    uow.session.add(upload)
    await uow.session.flush()
    return await attach(
        uow, actor, ticket_id, upload_id=upload.id, visibility=visibility, expected_version=expected_version
    )
