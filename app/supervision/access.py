"""Fetch and authorise a notice in one call: what its verbs begin with."""

from __future__ import annotations

import uuid

from sqlalchemy import select

from app.kernel.errors import Conflict, NotFound, NotResponsible
from app.kernel.events import Author
from app.kernel.unit_of_work import UnitOfWork
from app.supervision.lifecycle import NoticeAction, next_status, required_permission
from app.supervision.models import SupervisionNotice
from app.supervision.queries import notice_visible_to, notice_within_reach
from app.supervision.raising import record_on_ticket
from app.supervision.words import NoticeStatus
from app.tickets.models import Ticket
from app.tickets.words import TicketEventType
from authz.actor import Actor, ActorGrant
from authz.permissions import Permission
from tenants.schemes.store import scheme_at
from tenants.schemes.tickets import Texts


async def access_notice(
    uow: UnitOfWork,
    actor: Actor,
    notice_id: uuid.UUID,
    action: NoticeAction,
    *,
    expected_version: int | None = None,
) -> tuple[SupervisionNotice, Ticket | None, Texts]:
    """The notice, taken to its next state, its ticket, both locked until the end of the transaction, and how long texts
    may be by the scheme that it keeps.

    Refuses in this order: `NotFound`, `NotResponsible`, `Conflict`, `IllegalTransition`, as `access_ticket` does.
    """
    scope = actor.in_city(uow.city_id)
    here = (
        SupervisionNotice.city_id == uow.city_id,
        SupervisionNotice.id == notice_id,
        notice_visible_to(scope),
    )
    ticket_id = (await uow.session.execute(select(SupervisionNotice.ticket_id).where(*here))).one_or_none()
    if ticket_id is None:
        raise NotFound(kind="SupervisionNotice")
    # The ticket first, as whatever raises a notice does: its events keep their order, and nobody waits in a circle.
    ticket = None if ticket_id[0] is None else await lock_ticket(uow, ticket_id[0])
    notice = (
        await uow.session.execute(
            select(SupervisionNotice).where(*here).with_for_update().execution_options(populate_existing=True)
        )
    ).scalar_one()
    permission = required_permission(action, notice.level)
    responsible = select(notice_within_reach(scope, permission)).where(*here)
    if actor.reach(permission, uow.city_id).empty or not await uow.session.scalar(responsible):
        raise NotResponsible(action=action)
    if expected_version is not None and expected_version != notice.version:
        raise Conflict(expected_version=expected_version, current_version=notice.version)
    scheme = await scheme_at(uow.session, uow.city_id, notice.scheme_version)
    may_refer = notice.may_refer and notice.outcome is None
    notice.status = next_status(NoticeStatus(notice.status), action, may_refer=may_refer).value
    notice.version += 1
    return notice, ticket, scheme.tickets.texts


async def lock_ticket(uow: UnitOfWork, ticket_id: uuid.UUID) -> Ticket:
    """A ticket of the city, by the id that a notice or an event of it has."""
    return (
        await uow.session.execute(
            select(Ticket)
            .where(Ticket.city_id == uow.city_id, Ticket.id == ticket_id)
            .with_for_update(of=Ticket, key_share=True)
            .execution_options(populate_existing=True)
        )
    ).scalar_one()


def record(
    uow: UnitOfWork, actor: Actor, notice: SupervisionNotice, ticket: Ticket | None, kind: TicketEventType
) -> None:
    """What was done with the notice, on the timeline of its ticket."""
    if ticket is not None:
        permission = Permission.SUPERVISION_REPLY
        if kind is not TicketEventType.NOTICE_REPLIED:
            permission = required_permission(NoticeAction.CLOSE, notice.level)
        author = author_among(actor, grants_with(actor, permission, uow.city_id), notice.addressee_id)
        record_on_ticket(uow, ticket, kind, notice.id, notice.number, notice.level, author)


def grants_with(actor: Actor, permission: Permission, city_id: int) -> list[ActorGrant]:
    """The actor's grants in the city whose role has the permission."""
    roles = actor.policy.get(permission, {})
    return [grant for grant in actor.grants if grant.city_id == city_id and grant.role in roles]


def author_among(actor: Actor, grants: list[ActorGrant], addressee_id: int) -> Author:
    """In which of these roles the actor does it: the addressee's own first, then the nearest above."""
    nearest = min(grants, key=lambda grant: (grant.tenant_id != addressee_id, grant.tenant_id == grant.city_id))
    return Author(actor.user_id, nearest.tenant_id, nearest.role.value)
