"""Pages by keyset: which rows a page has, how they are sorted, and what a cursor says."""

from __future__ import annotations

import re
import uuid
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Date, DateTime, Integer, Text, Uuid, literal_column
from sqlalchemy.types import TypeEngine

from app.kernel.errors import BadInput
from schema.reader.declare import Arguments, Call, Connection, Order, OuterRow

DEFAULT_PAGE = 20
LARGEST_PAGE = 100
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""From where PostgreSQL counts microseconds, and days."""
_FIRST_DAY = date(2000, 1, 1)
_SIZES: dict[type[TypeEngine[Any]], int] = {DateTime: 8, Date: 4, BigInteger: 8, Integer: 4, Uuid: 16}
_CURSOR = re.compile(r"(?:[0-9a-f]{2}){5,600}")


def page_of(arguments: Arguments) -> tuple[int, bool, str | None]:
    """(size, forward, boundary argument). Raises BadInput: a page is 1–100, in one direction, never clamped."""
    first, last = arguments.get("first"), arguments.get("last")
    if first is not None and last is not None:
        raise BadInput("first_and_last")
    forward = last is None
    size = first if first is not None else last if last is not None else DEFAULT_PAGE
    if not 1 <= size <= LARGEST_PAGE:
        raise BadInput("page_size", largest=LARGEST_PAGE, argument="first" if forward else "last", given=size)
    wrong = "before" if forward else "after"
    if arguments.has(wrong):
        raise BadInput("cursor_against_direction", argument=wrong)
    boundary = "after" if forward else "before"
    return size, forward, boundary if arguments.has(boundary) else None


def ordering(shown: Connection, arguments: Arguments) -> Order:
    """The order that was asked for, or the default."""
    asked = arguments.get("orderBy")
    if asked is None:
        return shown.default
    chosen = shown.orders[asked["field"]]
    return Order(chosen.column, asked["direction"] == "DESC", chosen.by)


def keys_of(order: Order, columns: Any) -> tuple[ColumnElement[Any], ...]:
    """The columns that a list is sorted by, the one that tells equal rows apart included."""
    return (columns[order.column],) if order.by is None else (columns[order.column], columns[order.by])


def _tag(order: Order) -> bytes:
    """What a cursor of this order begins with: no other order's does."""
    said = f"{order.column}{'-' if order.descending else '+'}{order.by or ''}"
    return zlib.crc32(said.encode()).to_bytes(4, "big")


def cursor_of(row: OuterRow, order: Order) -> ColumnElement[Any]:
    """A row's cursor in this order: in hexadecimal its tag, the bytes of `by`, and those of the key.

    They are the bytes that PostgreSQL sends; any text that is put together would cost several times as much.
    """
    key, *by = (_sent(column) for column in keys_of(order, row.c))
    parts = " || ".join([f"'\\x{_tag(order).hex()}'::bytea", *by, key])
    return literal_column(f"encode({parts}, 'hex')", Text())


def _sent(column: ColumnElement[Any]) -> str:
    if isinstance(column.type, DateTime):
        return f"timestamptz_send({column})"
    if isinstance(column.type, Date):
        return f"date_send({column})"
    if isinstance(column.type, BigInteger):
        return f"int8send({column})"
    if isinstance(column.type, Integer):
        return f"int4send({column})"
    if isinstance(column.type, Uuid):
        return f"uuid_send({column})"
    return f"convert_to({column}, 'UTF8')"


def from_cursor(order: Order, part: int, types: Sequence[TypeEngine[Any]]) -> Callable[[Any, Call], Any]:
    """Reads the key (0) or `by` (1) of a cursor. Raises BadInput: `malformed_cursor`, `foreign_cursor`."""
    by = _SIZES[type(types[1])] if len(types) > 1 else 0

    def convert(value: Any, _call: Call) -> Any:
        if _CURSOR.fullmatch(value) is None:
            raise BadInput("malformed_cursor")
        raw = bytes.fromhex(value)
        if raw[:4] != _tag(order):
            raise BadInput("foreign_cursor")
        try:
            return _parsed(types[part], raw[4 + by :] if part == 0 else raw[4 : 4 + by])
        except (ValueError, OverflowError):
            raise BadInput("malformed_cursor") from None

    return convert


def _parsed(type_: TypeEngine[Any], sent: bytes) -> Any:
    size = _SIZES.get(type(type_))
    if size is not None and len(sent) != size:
        raise ValueError(sent)
    if isinstance(type_, DateTime):
        return _EPOCH + timedelta(microseconds=int.from_bytes(sent, "big", signed=True))
    if isinstance(type_, Date):
        return _FIRST_DAY + timedelta(days=int.from_bytes(sent, "big", signed=True))
    if isinstance(type_, Integer):
        return int.from_bytes(sent, "big", signed=True)
    if isinstance(type_, Uuid):
        return uuid.UUID(bytes=sent)
    if 0 in sent:
        raise ValueError(sent)
    return sent.decode()
