"""The number that people say aloud: city prefix, day and six random digits (`GY-20260131-482913`).

Never a series: whoever holds two numbers of a series knows how many tickets lie between them, and with the ones they
may see could count the restricted ones that they may not.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Text, bindparam, cast, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel.errors import InvalidInput
from app.tickets.models import Ticket
from app.tickets.queries import SIGNATURES, TICKETS
from app.tickets.similarity import signature_of
from app.tickets.words import SecrecyLevel

SERIALS = 1_000_000
ATTEMPTS = 100
"""With 100,000 tickets a day one draw in ten is taken; a hundred in a row never are."""

_GIVEN = [column for column in TICKETS.columns if column.computed is None]  # the rest the database works out

# The ticket and the signature of its text in one statement: nobody submits without waiting for it.
_MADE = (
    insert(TICKETS)
    .values({column.name: bindparam(column.name, type_=column.type) for column in _GIVEN})
    .on_conflict_do_nothing()
    .returning(TICKETS.c.city_id, TICKETS.c.id, TICKETS.c.submitted_at, TICKETS.c.number)
    .cte("made")
)
_SIGNED = insert(SIGNATURES).from_select(
    ["city_id", "ticket_id", "submitted_at", "bits"],
    select(
        _MADE.c.city_id, _MADE.c.id, _MADE.c.submitted_at, cast(bindparam("bits", type_=Text()), SIGNATURES.c.bits.type)
    ),
)
_INSERT = select(_MADE.c.number).add_cte(_SIGNED.cte("signed"))
_OF_THE_ORIGIN = select(TICKETS.c.id).where(
    TICKETS.c.city_id == bindparam("city_id"),
    TICKETS.c.origin_number == bindparam("origin_number"),
    TICKETS.c.origin_platform == bindparam("origin_platform"),
    TICKETS.c.secrecy != SecrecyLevel.RESTRICTED,
)


def ticket_number(prefix: str, at: datetime, zone: ZoneInfo, serial: int) -> str:
    """The number of a ticket submitted at that moment, by the day of the city's own clock."""
    return f"{prefix}-{at.astimezone(zone):%Y%m%d}-{serial:06d}"


def draw_serial() -> int:
    """A random serial; a number is unique by the table's constraint, not by the draw."""
    return secrets.randbelow(SERIALS)


async def insert_under(session: AsyncSession, ticket: Ticket) -> bool:
    """Insert a new ticket, and its signature, under the number of another city that it keeps; whether it was free."""
    values = {column.name: getattr(ticket, column.name) for column in _GIVEN}
    values["bits"] = signature_of(ticket.title, ticket.body)
    return await session.scalar(_INSERT, values) is not None


async def insert_numbered(
    session: AsyncSession,
    ticket: Ticket,
    *,
    prefix: str,
    zone: ZoneInfo,
    draw: Callable[[], int] = draw_serial,
) -> None:
    """Insert a new ticket, and its signature, under a number that is free; `ticket` has everything but its number,
    which is set.

    A number that is taken, or that a transaction still open is about to take, is drawn again; the number of another
    platform cannot be: whoever comes second with it is refused (`InvalidInput` `origin_taken`).
    """
    values = {column.name: getattr(ticket, column.name) for column in _GIVEN}
    values["bits"] = signature_of(ticket.title, ticket.body)
    for _ in range(ATTEMPTS):
        number = ticket_number(prefix, ticket.submitted_at, zone, draw())
        if await session.scalar(_INSERT, {**values, "number": number}) is not None:
            ticket.number = number
            return
        if ticket.origin_number is not None and await session.scalar(_OF_THE_ORIGIN, values) is not None:
            taken = {"platform": ticket.origin_platform, "number": ticket.origin_number}
            raise InvalidInput("origin.number", "origin_taken", **taken)
    raise RuntimeError(f"no free ticket number with prefix {prefix} after {ATTEMPTS} draws")
