"""The desk passes a ticket on to another city, or up to the region."""

from __future__ import annotations

import uuid

from sqlalchemy import exists, literal, select

from app.deadlines.rules import calendar_of, due, warning
from app.enterprises.models import Enterprise
from app.kernel.errors import IllegalTransition, InvalidInput, NotFound
from app.kernel.tables import new_id, table_of
from app.kernel.unit_of_work import Node, UnitOfWork
from app.supervision.notifying import notify
from app.supervision.words import NotificationKind
from app.tickets.access import access_ticket
from app.tickets.events import advance
from app.tickets.lifecycle import Action
from app.tickets.models import Ticket
from app.tickets.queries import TICKETS
from app.tickets.schemes import present_scheme, scheme_of
from app.tickets.texts import check_text
from app.tickets.words import SecrecyLevel
from app.transfers.models import TRANSFERS, TicketTransfer
from app.transfers.words import TransferDirection, TransferStatus
from authz.actor import Actor
from tenants.models import TenantKind
from tenants.schemes.cross_city import CrossCity
from tenants.schemes.model import Scheme
from tenants.schemes.words import Receiver

ENTERPRISES = table_of(Enterprise)


async def transfer(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    *,
    to: str,
    reason: str,
    expected_version: int | None = None,
) -> Ticket:
    """Offered to the city (002_…txt, 四(二)) or the region above (003_…txt, 二(三)) at the path `to`, whose desk
    decides by a deadline in its own working time; meanwhile it is TRANSFERRED here.

    Refusals as in `access_ticket`, and `InvalidInput`: `ticketId` `restricted_stays`; `to` `own_city`, `not_a_city`,
    `not_sent` (the city's own scheme passes nothing on that way), `no_transfers_there` (nobody is there, or takes such
    tickets: the same answer), `was_there` (it comes from there, or went through there); and for the reason.
    """
    try:
        ticket = await access_ticket(uow, actor, ticket_id, Action.TRANSFER, expected_version=expected_version)
    except IllegalTransition:
        secrecy = select(TICKETS.c.secrecy).where(TICKETS.c.city_id == uow.city_id, TICKETS.c.id == ticket_id)
        if await uow.session.scalar(secrecy) == SecrecyLevel.RESTRICTED:
            raise InvalidInput("ticketId", "restricted_stays") from None
        raise
    scheme = await scheme_of(uow, ticket)
    reason = check_text("reason", reason, scheme.tickets.texts.reason)
    up, destination = _find_destination(uow, to, scheme.cross_city)
    sent = TicketTransfer(
        city_id=uow.city_id,
        id=new_id(),
        version=1,
        direction=TransferDirection.SENT.value,
        peer_id=destination.id,
        status=TransferStatus.OFFERED.value,
        number=ticket.number,
        ticket_id=ticket.id,
        category=ticket.category,
        secrecy=ticket.secrecy,
        reporter_anonymous=ticket.reporter_anonymous,
        from_status=ticket.status,
        reason=reason,
        offered_at=uow.now,
        offered_by=actor.user_id,
        chases=0,
        relayed_seq=0,
    )
    told = await _told(uow, ticket)
    async with uow.beside(destination.id) as there:
        sent.scheme_version, rules = await _rules_there(there, ticket, up, to)
        sent.calendar_version = there.tree.calendar.version
        await _check_new(there, ticket, to)
        days = calendar_of(rules.calendar, there.tree.calendar)
        sent.due_at, sent.provisional = due(days, rules.cross_city.decision, uow.now)
        sent.warn_at = warning(days, uow.now, sent.due_at, rules.tickets.warn_at_share)
        received = TicketTransfer(
            city_id=there.city_id,
            id=sent.id,
            version=1,
            direction=TransferDirection.RECEIVED.value,
            peer_id=uow.city_id,
            status=TransferStatus.OFFERED.value,
            number=ticket.number,
            category=ticket.category,
            secrecy=ticket.secrecy,
            title=ticket.title,
            body=ticket.body,
            reporter_anonymous=ticket.reporter_anonymous,
            reason=reason,
            offered_at=uow.now,
            due_at=sent.due_at,
            provisional=sent.provisional,
            scheme_version=sent.scheme_version,
            calendar_version=sent.calendar_version,
            warn_at=sent.warn_at,
            chases=0,
            relayed_seq=0,
            **told,
        )
        uow.session.add_all([sent, received])
        await uow.session.flush()
        notify(there, there.city_id, NotificationKind.TRANSFER_OFFERED, transfer_id=sent.id)
    advance(uow, actor, ticket, Action.TRANSFER, note=reason, transferredTo=destination.id)
    return ticket


def _find_destination(uow: UnitOfWork, path: str, rules: CrossCity) -> tuple[bool, Node]:
    """Whether it is the region above, and its node."""
    node = uow.tree.by_path(path)
    if node is not None and node.id == uow.city_id:
        raise InvalidInput("to", "own_city")
    if node is not None and node.id != node.city_id:
        raise InvalidInput("to", "not_a_city", tenant=path)
    here, above = uow.tree.by_id(uow.city_id), uow.tree.region_of(uow.city_id)
    up = node is not None and above is not None and node.id == above.id
    if not (rules.to_region if up else rules.sideways):
        raise InvalidInput("to", "not_sent")
    between_cities = node is not None and here is not None and {node.kind, here.kind} == {TenantKind.CITY}
    if node is None or not (up or between_cities):
        raise InvalidInput("to", "no_transfers_there", tenant=path)
    return up, node


async def _rules_there(there: UnitOfWork, ticket: Ticket, up: bool, path: str) -> tuple[int, Scheme]:
    """The version and the scheme of the receiving side, which takes tickets of this category at its desk."""
    try:
        version, scheme = await present_scheme(there)
    except NotFound:
        raise InvalidInput("to", "no_transfers_there", tenant=path) from None
    category = scheme.tickets.category(ticket.category)
    if not (up or scheme.cross_city.sideways) or category is None or category.received_by is not Receiver.DESK:
        raise InvalidInput("to", "no_transfers_there", tenant=path)
    return version, scheme


async def _check_new(there: UnitOfWork, ticket: Ticket, path: str) -> None:
    """That the number was never there: a ticket goes through each side once, so that its way has no circle."""
    known = select(
        exists(select(literal(1)).select_from(TICKETS)).where(
            TICKETS.c.city_id == there.city_id, TICKETS.c.number == ticket.number
        )
        | exists(select(literal(1)).select_from(TRANSFERS)).where(
            TRANSFERS.c.city_id == there.city_id,
            TRANSFERS.c.number == ticket.number,
            TRANSFERS.c.direction == TransferDirection.RECEIVED,
            TRANSFERS.c.status == TransferStatus.OFFERED,
        )
    )
    if await there.session.scalar(known):
        raise InvalidInput("to", "was_there", tenant=path)


async def _told(uow: UnitOfWork, ticket: Ticket) -> dict[str, str | None]:
    """Who reported it, as far as the other side needs it to handle the ticket: nothing of a confidential one."""
    if ticket.secrecy != SecrecyLevel.NORMAL:
        return {}
    told: dict[str, str | None] = {
        "reporter_name": ticket.reporter_name,
        "reporter_phone": ticket.reporter_phone,
    }
    if ticket.enterprise_id is not None:
        enterprise = (
            await uow.session.execute(
                select(ENTERPRISES).where(
                    ENTERPRISES.c.city_id == uow.city_id, ENTERPRISES.c.id == ticket.enterprise_id
                )
            )
        ).one()
        told = {
            "reporter_name": ticket.reporter_name or enterprise.contact_name,
            "reporter_phone": ticket.reporter_phone or enterprise.contact_phone,
            "enterprise_name": enterprise.name,
            "credit_code": enterprise.credit_code,
        }
    return told
