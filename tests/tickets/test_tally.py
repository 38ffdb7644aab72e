"""The tally that the database works out says of a ticket what the module reads from it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import asyncpg
import pytest
from sqlalchemy import BigInteger, ColumnElement, literal_column
from sqlalchemy.dialects.postgresql import asyncpg as dialect

from app.tickets import tally
from app.tickets.words import Satisfaction, TicketCategory, TicketChannel, TicketStatus

AT = datetime(2026, 3, 2, tzinfo=UTC)
LATER = AT + timedelta(microseconds=1)
NEVER = datetime(9999, 12, 31, tzinfo=UTC)
PLAIN: dict[str, Any] = {
    "scheme_version": 7,
    "status": "SUBMITTED",
    "category": "HELP",
    "channel": "WEB",
    "satisfaction": None,
    "round": 1,
    "closed_at": None,
    "due_at": NEVER,
    "acknowledged_at": None,
    "acknowledge_due_at": None,
    "resolved_at": None,
    "resolve_due_at": None,
    "merged_into_id": None,
}


@pytest.fixture
async def admin(admin_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(admin_url)
    yield connection
    await connection.close()


async def tally_of(admin: asyncpg.Connection, **facts: Any) -> int:
    places = ", ".join(f"${number}" for number in range(1, len(PLAIN) + 1))
    return int(await admin.fetchval(f"select ticket_tally({places})", *{**PLAIN, **facts}.values()))


async def read(admin: asyncpg.Connection, number: int, expression: Any) -> Any:
    """What an expression of the module makes of a tally."""
    column: ColumnElement[int] = literal_column("told.tally", BigInteger())
    sql = str(expression(column).compile(dialect=dialect.dialect()))  # type: ignore[no-untyped-call]
    return await admin.fetchval(f"select {sql} from (select $1::bigint as tally) told", number)


@pytest.mark.parametrize(
    ("name", "word", "values"),
    [
        ("status", tally.STATUS, TicketStatus),
        ("category", tally.CATEGORY, TicketCategory),
        ("channel", tally.CHANNEL, TicketChannel),
        ("satisfaction", tally.SATISFACTION, Satisfaction),
    ],
)
async def test_every_word_is_read_as_it_was_written(
    admin: asyncpg.Connection, name: str, word: tally.Word, values: type[StrEnum]
) -> None:
    for value in values:
        number = await tally_of(admin, **{name: value.value})
        assert await read(admin, number, lambda told: tally.word_of(told, word)) == value.value
        assert await read(admin, number, lambda told, value=value: tally.is_one_of(told, word, value))
        others = [other for other in values if other is not value]
        assert not await read(admin, number, lambda told, others=others: tally.is_one_of(told, word, *others))


async def test_none_is_no_word(admin: asyncpg.Connection) -> None:
    number = await tally_of(admin)
    assert await read(admin, number, lambda told: tally.word_of(told, tally.SATISFACTION)) is None
    assert await read(admin, number, tally.scheme_of) == 7


@pytest.mark.parametrize(
    ("facts", "flags"),
    [
        ({}, tally.OPEN),
        ({"closed_at": AT}, 0),
        ({"round": 2, "closed_at": AT}, tally.AGAIN),
        ({"due_at": AT}, tally.OPEN | tally.WAITS),
        ({"acknowledge_due_at": AT}, tally.OPEN | tally.WAITS | tally.ACKNOWLEDGE_AWAITED),
        (
            {"acknowledge_due_at": AT, "acknowledged_at": AT},
            tally.OPEN | tally.ACKNOWLEDGED | tally.ACKNOWLEDGED_IN_TIME,
        ),
        (
            {"acknowledge_due_at": AT, "acknowledged_at": LATER},
            tally.OPEN | tally.ACKNOWLEDGED,
        ),
        ({"acknowledged_at": AT}, tally.OPEN),
        ({"resolve_due_at": AT}, tally.OPEN | tally.WAITS | tally.RESOLVE_AWAITED),
        ({"resolve_due_at": AT, "resolved_at": AT}, tally.OPEN | tally.RESOLVED | tally.RESOLVED_IN_TIME),
        ({"resolve_due_at": AT, "resolved_at": LATER}, tally.OPEN | tally.RESOLVED),
        ({"merged_into_id": "00000000-0000-0000-0000-000000000001", "closed_at": AT}, tally.MERGED),
    ],
)
async def test_every_flag_is_of_what_it_says(admin: asyncpg.Connection, facts: dict[str, Any], flags: int) -> None:
    words = tally.STATUS.mask | tally.CATEGORY.mask | tally.CHANNEL.mask | tally.SATISFACTION.mask
    number = await tally_of(admin, **facts)
    assert number & 0xFFFFFFFF & ~words == flags
