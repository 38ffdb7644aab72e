"""The office, supervision or the working group raises a notice by hand."""

from __future__ import annotations

import uuid

from sqlalchemy import select

from app.kernel.errors import InvalidInput, NotFound, NotResponsible
from app.kernel.unit_of_work import Node, UnitOfWork
from app.supervision.access import author_among, grants_with
from app.supervision.lifecycle import LEVEL_PERMISSIONS
from app.supervision.queries import NOTICES
from app.supervision.raising import level_of, raise_notice
from app.supervision.words import NoticeStatus
from app.tickets.handlers import find_handling
from app.tickets.models import Ticket
from app.tickets.queries import visible_to
from app.tickets.schemes import present_scheme, scheme_of
from app.tickets.texts import check_optional_text, check_text
from authz.actor import Actor
from tenants.schemes.supervision import TRIGGERS_BY_LEVEL, SupervisionLevel
from tenants.schemes.words import TriggerKind


async def issue(
    uow: UnitOfWork,
    actor: Actor,
    *,
    trigger: TriggerKind,
    reason: str,
    ticket_id: uuid.UUID | None = None,
    addressee: str | None = None,
    evidence: str | None = None,
    notice_id: uuid.UUID | None = None,
) -> uuid.UUID:
    """A notice of the level to which the trigger belongs, to the ticket's lead unless another is named; its id.

    Only those whom the scheme has raise the level do, and only within their reach. An interview need not be about a
    ticket, and has its evidence. Raises `NotFound` (of `ticketId`), `NotResponsible`, and `InvalidInput`: `trigger`
    `not_by_hand`, `not_taken`; `ticketId` `required`; `addressee` `required` (nobody has the ticket),
    `unknown_tenant`, `not_handling`, `outside_reach`; `evidence` `required`; `trigger` `already_issued` (the
    same notice waits for its reply: `number`); and for the texts.
    """
    number = next(level for level, kinds in TRIGGERS_BY_LEVEL.items() if trigger in kinds)
    permission = LEVEL_PERMISSIONS[number]
    if actor.reach(permission, uow.city_id).empty:
        raise NotResponsible(action="NOTICE_ISSUE")
    ticket = None if ticket_id is None else await _access_ticket(uow, actor, ticket_id)
    version, scheme = await present_scheme(uow)
    if ticket is not None:
        version, scheme = ticket.scheme_version, await scheme_of(uow, ticket)
    level = level_of(scheme, number)
    _check_level(level, trigger, ticket)
    node = _addressee(uow, ticket, addressee)
    grants = [
        grant
        for grant in grants_with(actor, permission, uow.city_id)
        if grant.role in level.raised_by and grant.tenant_id in (uow.city_id, node.county_id)
    ]
    if not grants:
        raise InvalidInput("addressee", "outside_reach", tenant=node.path)
    texts = scheme.tickets.texts
    reason = check_text("reason", reason, texts.reason)
    evidence = check_optional_text("evidence", evidence, texts.reason)
    if level.evidence_required and evidence is None:
        raise InvalidInput("evidence", "required")
    await _check_not_issued(uow, ticket, node, trigger)
    made = await raise_notice(
        uow,
        scheme,
        version,
        level,
        ticket=ticket,
        addressee=node,
        trigger=trigger,
        times=1,
        author=author_among(actor, grants, node.id),
        reason=reason,
        evidence=evidence,
        notice_id=notice_id,
    )
    if made is None:  # somebody else has just now
        await _check_not_issued(uow, ticket, node, trigger)
        raise RuntimeError("a notice was neither made nor there")
    return made


async def _access_ticket(uow: UnitOfWork, actor: Actor, ticket_id: uuid.UUID) -> Ticket:
    found = (
        await uow.session.execute(
            select(Ticket)
            .where(Ticket.city_id == uow.city_id, Ticket.id == ticket_id, visible_to(actor.in_city(uow.city_id)))
            .with_for_update(of=Ticket, key_share=True)
        )
    ).scalar_one_or_none()
    if found is None:
        raise NotFound(field="ticketId", kind="Ticket")
    return found


def _check_level(level: SupervisionLevel, trigger: TriggerKind, ticket: Ticket | None) -> None:
    if not level.by_hand or trigger is TriggerKind.REMINDER_UNANSWERED:
        raise InvalidInput("trigger", "not_by_hand", value=trigger.value)
    if trigger not in {each.kind for each in level.triggers}:
        raise InvalidInput("trigger", "not_taken", value=trigger.value)
    if ticket is None and level.level < 3:
        raise InvalidInput("ticketId", "required")


def _addressee(uow: UnitOfWork, ticket: Ticket | None, path: str | None) -> Node:
    if path is not None:
        return find_handling(uow, "addressee", path)
    lead = None if ticket is None or ticket.lead_id is None else uow.tree.by_id(ticket.lead_id)
    if lead is None:
        raise InvalidInput("addressee", "required")
    return lead


async def _check_not_issued(uow: UnitOfWork, ticket: Ticket | None, node: Node, trigger: TriggerKind) -> None:
    """Whoever may issue it may read the one that is there: its number tells them nothing new."""
    there = select(NOTICES.c.number).where(
        NOTICES.c.city_id == uow.city_id,
        NOTICES.c.addressee_id == node.id,
        NOTICES.c.trigger == trigger.value,
        NOTICES.c.ticket_id.is_not_distinct_from(None if ticket is None else ticket.id),
        NOTICES.c.status == NoticeStatus.ISSUED.value,
    )
    number = await uow.session.scalar(there.limit(1))
    if number is not None:
        raise InvalidInput("trigger", "already_issued", number=number)
