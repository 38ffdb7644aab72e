"""The receiving desk takes a transferred ticket, or gives it back."""

from __future__ import annotations

import uuid

from sqlalchemy import select

from app.kernel.errors import InvalidInput
from app.kernel.events import Author
from app.kernel.tables import new_id
from app.kernel.unit_of_work import UnitOfWork
from app.supervision.access import grants_with, lock_ticket
from app.supervision.notifying import notify
from app.supervision.words import NotificationKind
from app.tickets.clocks import keep_clocks, set_clocks
from app.tickets.events import advance_by
from app.tickets.lifecycle import INITIAL, Action
from app.tickets.models import Ticket
from app.tickets.numbers import insert_under
from app.tickets.schemes import present_scheme, scheme_of
from app.tickets.texts import check_optional_text, check_text
from app.tickets.words import TicketChannel, TicketEventType, TicketStatus
from app.transfers.access import access_offer, lock_row
from app.transfers.models import TicketTransfer
from app.transfers.saying import events_after, repeat
from app.transfers.words import TransferStatus
from authz.actor import Actor
from authz.permissions import Permission


async def decide(
    uow: UnitOfWork,
    actor: Actor,
    transfer_id: uuid.UUID,
    *,
    accept: bool,
    reason: str | None = None,
    expected_version: int | None = None,
) -> TicketTransfer:
    """Accepted, it is a ticket of this city under the same number, taken in (受理), with what was said of it publicly
    so far; declined, it is back where it was, and the sender is told the reason. Both sides, or neither.

    Refusals as in `access_offer`, and `InvalidInput`: `reason` `required` (to decline), or as `kernel.texts`;
    `transferId` `transfer_over` (decided, or withdrawn meanwhile).
    """
    offer = await access_offer(uow, actor, transfer_id, expected_version=expected_version)
    _, scheme = await present_scheme(uow)
    length = scheme.tickets.texts.reason
    if accept:
        answer = check_optional_text("reason", reason, length)
    elif reason is None:
        raise InvalidInput("reason", "required")
    else:
        answer = check_text("reason", reason, length)
    async with uow.beside(offer.peer_id) as there:
        sent = (
            await there.session.execute(
                select(TicketTransfer).where(TicketTransfer.city_id == there.city_id, TicketTransfer.id == transfer_id)
            )
        ).scalar_one()
        assert sent.ticket_id is not None, "the sender's row has its ticket"
        origin = await lock_ticket(there, sent.ticket_id)
        sent = await lock_row(there, transfer_id)
        if sent.status != TransferStatus.OFFERED or origin.status != TicketStatus.TRANSFERRED:
            raise InvalidInput("transferId", "transfer_over")
        offer = await lock_row(uow, transfer_id)
        await scheme_of(there, origin)  # which its clocks look for
        author = _author(actor, uow.city_id)
        if accept:
            ticket = await _take_in(uow, actor, author, offer)
            past = await events_after(there, origin.id, 0)
            for event in past:
                await repeat(uow, ticket, event, there.city_id)
            sent.relayed_seq = max((event.seq for event in past), default=0)
            # Its submission and its acceptance are what the sender is told by the decision itself.
            offer.relayed_seq = 2
            offer.ticket_id = ticket.id
            origin.elsewhere = TicketStatus.ACCEPTED.value
        else:
            sent.ended_at = offer.ended_at = uow.now
        for row in (sent, offer):
            row.version += 1
            row.status = (TransferStatus.ACCEPTED if accept else TransferStatus.DECLINED).value
            row.decided_at, row.answer = uow.now, answer
        offer.decided_by = actor.user_id
        advance_by(
            *(there, Author(None, uow.city_id, author.role), origin, Action.TRANSFER_DECIDE),
            kind=TicketEventType.TRANSFER_ACCEPTED if accept else TicketEventType.TRANSFER_DECLINED,
            to=TicketStatus.TRANSFERRED if accept else TicketStatus(sent.from_status or INITIAL),
            note=answer,
        )
        kind = NotificationKind.TRANSFER_ACCEPTED if accept else NotificationKind.TRANSFER_DECLINED
        notify(there, there.city_id, kind, ticket_id=origin.id, transfer_id=transfer_id)
    return offer


async def _take_in(uow: UnitOfWork, actor: Actor, author: Author, offer: TicketTransfer) -> Ticket:
    """The receiving side's own ticket, submitted and accepted at once: that is what the decision was about."""
    version, scheme = await present_scheme(uow)
    assert offer.title is not None, "the receiver's row has the texts"
    assert offer.body is not None, "the receiver's row has the texts"
    made = Ticket(
        city_id=uow.city_id,
        id=new_id(),
        number=offer.number,
        version=1,
        scheme_version=version,
        category=offer.category,
        channel=TicketChannel.OTHER_CITY.value,
        title=offer.title,
        body=offer.body,
        status=INITIAL.value,
        round=1,
        secrecy=offer.secrecy,
        reporter_name=offer.reporter_name or offer.enterprise_name,
        reporter_phone=offer.reporter_phone,
        reporter_anonymous=offer.reporter_anonymous,
        submitter_id=actor.user_id,
        submitted_at=uow.now,
        extensions=0,
        referred=False,
        absorbed=False,
        own_receipt=False,
        has_office=scheme.tickets.has_office,
    )
    clocks = set_clocks(uow, made, None, None, scheme)
    if not await insert_under(uow.session, made):
        raise RuntimeError(f"the number {made.number} is taken in city {uow.city_id}")
    keep_clocks(uow, made, clocks)
    uow.record(
        made, TicketEventType.SUBMITTED, author=author, new=True, toStatus=made.status, round=1, via=offer.peer_id
    )
    ticket = await lock_ticket(uow, made.id)
    await scheme_of(uow, ticket)
    advance_by(uow, author, ticket, Action.ACCEPT, to=TicketStatus.ACCEPTED)
    return ticket


def _author(actor: Actor, city_id: int) -> Author:
    """By the grant at the city itself, from which alone the decision reaches."""
    grants = grants_with(actor, Permission.TRANSFER_DECIDE, city_id)
    role = next(grant.role for grant in grants if grant.tenant_id == city_id)
    return Author(actor.user_id, city_id, role.value)
