"""A file is put to a ticket."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import delete, func, select

from app.files.models import Attachment
from app.files.uploads import ATTACHMENTS, UPLOADS
from app.kernel.errors import InvalidInput, NotFound
from app.kernel.tables import new_id
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.access import access_ticket
from app.tickets.events import record_attachment
from app.tickets.lifecycle import Action
from app.tickets.models import Ticket
from app.tickets.schemes import scheme_of
from app.tickets.words import Visibility
from authz.actor import Actor
from authz.permissions import Permission
from tenants.schemes.files import Files


async def attach(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    *,
    upload_id: uuid.UUID | None = None,
    visibility: Visibility = Visibility.PUBLIC,
    expected_version: int | None = None,
) -> Ticket:
    """Attach a finished upload of the actor's own: for everybody, or internally for the staff (refused to the reporter
    as `NotResponsible`). The version stays. Refusals as in `access_ticket` and `attach_uploads`."""
    permission = Permission.TICKET_ATTACH if visibility is Visibility.PUBLIC else Permission.TICKET_NOTE
    ticket = await access_ticket(
        uow, actor, ticket_id, Action.ATTACH, permission=permission, expected_version=expected_version
    )
    if upload_id is None:
        raise InvalidInput("file", "required")
    rules = (await scheme_of(uow, ticket)).files
    await attach_uploads(uow, actor, ticket, [("uploadId", upload_id)], permission, rules, visibility=visibility)
    return ticket


async def attach_uploads(
    uow: UnitOfWork,
    actor: Actor,
    ticket: Ticket,
    uploads: Sequence[tuple[str, uuid.UUID]],
    permission: Permission,
    rules: Files,
    *,
    visibility: Visibility = Visibility.PUBLIC,
) -> None:
    """Make attachments of uploads, each given with its input field; the ticket is locked, or was just made.

    Refuses with `NotFound` what is not the actor's, was attached before or has expired, and with `InvalidInput`
    `incomplete` (it has not come in whole) and `too_many_files` (the scheme's `limit` for one ticket).
    """
    there = select(func.count()).select_from(ATTACHMENTS).filter_by(city_id=uow.city_id, ticket_id=ticket.id)
    if (await uow.session.scalar(there) or 0) + len(uploads) > rules.per_ticket:
        raise InvalidInput(uploads[0][0], "too_many_files", limit=rules.per_ticket)
    for field, upload_id in uploads:
        # Taken away where it lay: of two that attach the same upload at once, the second finds nothing.
        taken = (
            delete(UPLOADS)
            .where(
                UPLOADS.c.city_id == uow.city_id,
                UPLOADS.c.id == upload_id,
                UPLOADS.c.created_by == actor.user_id,
                UPLOADS.c.expires_at > uow.now,
            )
            .returning(*UPLOADS.c)
        )
        upload = (await uow.session.execute(taken)).one_or_none()
        if upload is None:
            raise NotFound(field=field, kind="Upload")
        if upload.sha256 is None:
            raise InvalidInput(field, "incomplete")
        attachment_id = new_id()
        event_id = record_attachment(
            uow, actor, ticket, permission, attachment=attachment_id, sha256=upload.sha256, visibility=visibility
        )
        uow.session.add(
            Attachment(
                city_id=uow.city_id,
                id=attachment_id,
                ticket_id=ticket.id,
                event_id=event_id,
                name=upload.name,
                media_type=upload.media_type,
                size=upload.size,
                sha256=upload.sha256,
                scanned=upload.scanned,
                visibility=visibility.value,
                uploaded_by=actor.user_id,
                uploaded_at=uow.now,
            )
        )
    await uow.session.flush()
