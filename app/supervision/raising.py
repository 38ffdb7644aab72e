"""Makes a notice: its number, its reply's due time, its event on the ticket, and the addressee told."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.deadlines.rules import calendar_of, due
from app.kernel.events import Author
from app.kernel.tables import new_id
from app.kernel.unit_of_work import Node, UnitOfWork
from app.supervision.lifecycle import KINDS
from app.supervision.notifying import notify
from app.supervision.queries import NOTICES
from app.supervision.words import NoticeKind, NoticeStatus, NotificationKind
from app.tickets.models import Ticket
from app.tickets.words import SecrecyLevel, TicketEventType, Visibility
from tenants.schemes.model import Scheme
from tenants.schemes.supervision import SupervisionLevel
from tenants.schemes.words import TriggerKind

LETTERS = {NoticeKind.REMINDER: "TX", NoticeKind.RECTIFICATION: "ZG", NoticeKind.INTERVIEW: "YT"}
"""提醒, 整改, 约谈: what tells a notice's number from a ticket's."""
SYSTEM = Author()
SERIALS = 1_000_000
ATTEMPTS = 100
_INSERT = insert(NOTICES).on_conflict_do_nothing().returning(NOTICES.c.id)


def draw_serial() -> int:
    """A random serial and no series, so that nobody can count the notices that they may not see."""
    return secrets.randbelow(SERIALS)


def level_of(scheme: Scheme, level: int) -> SupervisionLevel:
    """The scheme's rules of a level: every scheme has all three."""
    return next(each for each in scheme.supervision.levels if each.level == level)


async def raise_notice(
    uow: UnitOfWork,
    scheme: Scheme,
    scheme_version: int,
    level: SupervisionLevel,
    *,
    ticket: Ticket | None,
    addressee: Node,
    trigger: TriggerKind,
    times: int,
    cause: str | None = None,
    author: Author = SYSTEM,
    reason: str | None = None,
    evidence: str | None = None,
    notice_id: uuid.UUID | None = None,
    draw: Callable[[], int] = draw_serial,
) -> uuid.UUID | None:
    """The new notice's id; None where the same `cause` has raised one, or by hand the same one waits for its reply.

    The caller holds the ticket's row locked, which keeps its events in order. An automatic notice has a `cause`, one by
    hand an `author` and a `reason`.
    """
    kind = KINDS[level.level]
    zone = ZoneInfo(scheme.calendar.time_zone)
    day = uow.now.astimezone(zone).date()
    reply_due_at, provisional = due(calendar_of(scheme.calendar, uow.tree.calendar), level.reply_within, uow.now)
    restricted = ticket is not None and ticket.secrecy == SecrecyLevel.RESTRICTED
    made = notice_id or new_id()
    values = {
        "city_id": uow.city_id,
        "id": made,
        "version": 1,
        "scheme_version": scheme_version,
        "level": level.level,
        "kind": kind.value,
        "ticket_id": None if ticket is None else ticket.id,
        "restricted": restricted,
        "addressee_id": addressee.id,
        "addressee_county_id": addressee.county_id,
        "trigger": trigger.value,
        "times": times,
        "cause": cause,
        "reason": reason,
        "evidence": evidence,
        "raised_by": author.user_id,
        "raised_by_tenant_id": author.tenant_id,
        "raised_by_role": author.role,
        "issued_at": uow.now,
        "issued_on": day,
        "reply_due_at": reply_due_at,
        "provisional": provisional,
        "calendar_version": uow.tree.calendar.version,
        "listed": level.monthly_report,
        "may_refer": level.referral_to_discipline,
        "status": NoticeStatus.ISSUED.value,
        # Of a restricted ticket none: tasks are shown to more people than are named on it.
        "awaits_task": not restricted and level.level in scheme.supervision.rectification.opened_by.notice_levels,
    }
    for _ in range(ATTEMPTS):
        number = f"{scheme.tickets.number_prefix}-{LETTERS[kind]}-{day:%Y%m%d}-{draw():06d}"
        if await uow.session.scalar(_INSERT, {**values, "number": number}) is not None:
            break
        if not await _number_taken(uow, number):
            return None
    else:
        raise RuntimeError(f"no free notice number after {ATTEMPTS} draws")
    if ticket is not None:
        record_on_ticket(uow, ticket, TicketEventType.NOTICE_ISSUED, made, number, level.level, author)
    notify(
        uow,
        addressee.id,
        NotificationKind.NOTICE_ISSUED,
        ticket_id=None if ticket is None else ticket.id,
        notice_id=made,
        restricted=restricted,
    )
    return made


def record_on_ticket(
    uow: UnitOfWork,
    ticket: Ticket,
    kind: TicketEventType,
    notice_id: uuid.UUID,
    number: str,
    level: int,
    author: Author,
    **data: Any,
) -> None:
    """Tell the ticket's staff, and never its reporter; what the notice says is for those who may read it. `data` has
    camelCase keys."""
    uow.record(
        ticket,
        kind,
        author=author,
        visibility=Visibility.INTERNAL,
        restricted=ticket.secrecy == SecrecyLevel.RESTRICTED,
        notice=str(notice_id),
        noticeNumber=number,
        noticeLevel=level,
        **data,
    )


async def _number_taken(uow: UnitOfWork, number: str) -> bool:
    taken = select(NOTICES.c.id).where(NOTICES.c.city_id == uow.city_id, NOTICES.c.number == number)
    return await uow.session.scalar(taken) is not None
