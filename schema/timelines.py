"""What the timelines of all ledgers share: the events of their topic, what these say, and who led to them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Text, and_, literal_column

from schema.reader.declare import Connection, Here, Order, relation


def datum(here: Here, name: str) -> ColumnElement[Any]:
    """What the event at hand says under this name, as text."""
    said: ColumnElement[Any] = here.row.c.data.op("->>", return_type=Text())(literal_column(f"'{name}'"))
    return said


def doer(description: str) -> Any:
    """The field of who led to the event at hand."""
    return relation(
        description,
        "Actor",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.id),
        inherits=True,
    )


def events_of(target: str, topic: str) -> Connection:
    """Everything that happened to the row at hand, oldest first."""
    return Connection(
        target=target,
        on=lambda here: and_(
            here.row.c.city_id == here.outer.c.city_id,
            here.row.c.subject_id == here.outer.c.id,
            here.row.c.topic == literal_column(f"'{topic}'"),
        ),
        orders={},
        default=Order("seq", by=None),
        inherits=True,
    )
