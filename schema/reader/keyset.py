"""Pages by keyset: which rows a page has, how they are sorted, and what a cursor says."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Integer, Uuid, func, literal_column
from sqlalchemy.types import TypeEngine

from app.kernel.errors import BadInput
from schema.reader.declare import Arguments, Call, Connection, Order, OuterRow

DEFAULT_PAGE = 20
LARGEST_PAGE = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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


def _tag(order: Order) -> str:
    return f"{order.column}{'-' if order.descending else '+'}"


def cursor_of(row: OuterRow, order: Order) -> ColumnElement[Any]:
    """A row's cursor in this order: base64url of `tag|key|id`, the key of a time as microseconds since 1970."""
    column = row.c[order.column]
    if isinstance(column.type, DateTime):
        column = literal_column(f"(extract(epoch from {column}) * 1000000)::bigint::text")
    text = func.concat_ws(literal_column("'|'"), literal_column(f"'{_tag(order)}'"), column, row.c[order.by])
    return func.translate(
        func.encode(func.convert_to(text, literal_column("'UTF8'")), literal_column("'base64'")),
        literal_column("E'+/=\\n'"),
        literal_column("'-_'"),
    )


def from_cursor(order: Order, part: int, type_: TypeEngine[Any]) -> Callable[[Any, Call], Any]:
    def convert(value: Any, _call: Call) -> Any:
        try:
            raw = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True).decode()
            tag, _, rest = raw.partition("|")
            text = rest.rpartition("|")[0 if part == 0 else 2]
            parsed: Any
            if isinstance(type_, DateTime):
                parsed = _EPOCH + timedelta(microseconds=int(text))
            elif isinstance(type_, Integer):
                parsed = int(text)
                if not -(2**31) <= parsed < 2**31:
                    raise ValueError(text)
            elif isinstance(type_, Uuid):
                parsed = uuid.UUID(text)
            else:
                if "\x00" in text:
                    raise ValueError(text)
                parsed = text
        except (binascii.Error, ValueError, OverflowError):
            raise BadInput("malformed_cursor") from None
        if tag != _tag(order):
            raise BadInput("foreign_cursor")
        return parsed

    return convert
