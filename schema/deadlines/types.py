"""Deadlines, as the API shows them with the tickets whose clocks they are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Text, and_, case, cast, func, literal_column, select

from app.deadlines.store import DEADLINES
from app.deadlines.words import DeadlineKind, DeadlineState
from schema.labels import ShownDeadlineState, label_sql
from schema.reader.declare import Here, OuterRow, column, expression, stored
from tenants.schemes.words import TimeUnit


def _state(here: Here) -> Any:
    """As it stands now: a clock that still runs past its due time is missed, whether or not anybody has noticed."""
    late = and_(here.row.c.state == DeadlineState.RUNNING, here.row.c.due_at < here.now)
    return case((late, literal_column(f"'{DeadlineState.MISSED}'")), else_=here.row.c.state)


def _limit(here: Here) -> Any:
    space = " " if here.locale == "en" else ""
    amount = cast(here.row.c.amount, Text())
    return func.concat(amount, literal_column(f"'{space}'"), label_sql(TimeUnit, here.row.c.unit, here.locale))


@stored(
    table=DEADLINES,
    description="The clock of one step (时限): how long it may take, when it is due, and how it stands. Visible "
    "exactly as its ticket.",
)
class Deadline:
    kind: DeadlineKind = column("Which step.")
    kind_label: str = expression(
        "Which step, in the viewer's language.", lambda here: label_sql(DeadlineKind, here.row.c.kind, here.locale)
    )
    round: int = column("In which round of handling.")
    amount: int = column("How much working time the step may take, in `unit`.")
    unit: TimeUnit = column("In what the limit is counted.")
    limit: str = expression("The limit in words, in the viewer's language.", _limit)
    extension_days: int = column("Working days that were granted beside it.")
    started_at: datetime = column("When the clock began.")
    due_at: datetime = column("When the step is due; while the clock is suspended, as it was before.")
    ended_at: datetime | None = column("When the step was done; null while it is not.")
    state: ShownDeadlineState = expression("How it stands now.", _state)
    state_label: str = expression(
        "How it stands now, in the viewer's language.",
        lambda here: label_sql(ShownDeadlineState, _state(here), here.locale),
    )
    provisional: bool = column(
        "Whether the statutory holidays of one of its years are not published yet, so that it may still move."
    )


def deadlines_of(here: Here) -> Any:
    """The clocks of the subject at hand; what was called off in time is nobody's deadline any more."""
    return and_(
        here.row.c.city_id == here.outer.c.city_id,
        here.row.c.subject_id == here.outer.c.id,
        here.row.c.state != literal_column(f"'{DeadlineState.CANCELLED}'"),
    )


def next_deadline_of(here: Here) -> Any:
    """The running clock that is due first; else the suspended one."""
    clock = OuterRow(DEADLINES, "clock")
    first = (
        select(clock.c.id)
        .select_from(DEADLINES.alias("clock"))
        .where(
            clock.c.city_id == here.outer.c.city_id,
            clock.c.subject_id == here.outer.c.id,
            clock.c.ended_at.is_(None),
        )
        .order_by(clock.c.state, clock.c.due_at, clock.c.kind)  # RUNNING before SUSPENDED
        .limit(literal_column("1"))
    )
    return and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == first.scalar_subquery())
