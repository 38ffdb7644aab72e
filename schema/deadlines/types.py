"""Deadlines, as the API shows them with the tickets whose clocks they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import strawberry
from sqlalchemy import Text, and_, case, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from app.deadlines.explain import MOST_STRETCHES, Days, Pause, Stretch, explain, remaining
from app.deadlines.models import DeadlineSuspension
from app.deadlines.store import DEADLINES
from app.deadlines.words import DeadlineKind, DeadlineState, StretchKind
from app.kernel.tables import table_of
from app.kernel.workdays import StateCalendar
from schema.labels import ShownDeadlineState, label, label_sql
from schema.reader.declare import Call, Here, OuterRow, column, computed, expression, stored, value
from tenants.models import SchemeVersion
from tenants.schemes.calendar import Calendar
from tenants.schemes.values import TimeLimit
from tenants.schemes.words import SuspensionReason, TimeUnit

MOST_DEADLINES = 50
"""Of a subject, that are shown: all of its explanations are no more than one operation may ask for."""
SCHEMES = table_of(SchemeVersion)
SUSPENSIONS = table_of(DeadlineSuspension)


def _state(here: Here) -> Any:
    """As it stands now: a clock that still runs past its due time is missed, whether or not anybody has noticed."""
    late = and_(here.row.c.state == DeadlineState.RUNNING, here.row.c.due_at < here.now)
    return case((late, literal_column(f"'{DeadlineState.MISSED}'")), else_=here.row.c.state)


def _limit(here: Here) -> Any:
    space = " " if here.locale == "en" else ""
    amount = cast(here.row.c.amount, Text())
    return func.concat(amount, literal_column(f"'{space}'"), label_sql(TimeUnit, here.row.c.unit, here.locale))


def _clock_needed(here: Here) -> Mapping[str, Any]:
    row = here.row
    scheme, pause = SCHEMES.alias("of_calendar"), SUSPENSIONS.alias("of_clock")
    told = func.json_build_array(pause.c.from_at, pause.c.to_at, pause.c.reason)
    return {
        "calendar": select(cast(scheme.c.calendar, Text()))
        .where(scheme.c.city_id == row.c.city_id, scheme.c.version == row.c.scheme_version)
        .scalar_subquery(),
        "pauses": select(func.json_agg(aggregate_order_by(told, pause.c.from_at)))
        .where(pause.c.city_id == row.c.city_id, pause.c.deadline_id == row.c.id)
        .scalar_subquery(),
        **{
            name: row.c[name]
            for name in (
                *("amount", "unit", "extension_days", "calendar_version"),
                *("started_at", "due_at", "ended_at", "state"),
            )
        },
    }


@lru_cache(maxsize=100)
def _days(calendar: str, state: StateCalendar, locale: str) -> Days:
    return Days(Calendar.model_validate_json(calendar), state, locale)


class _Clock:
    """A row as Python works with it."""

    def __init__(self, needed: Mapping[str, Any], call: Call) -> None:
        # What was changed under a calendar that this process has yet to read is told by the newest that it has.
        known = call.tree.calendars
        state = known[min(needed["calendar_version"], len(known) - 1)]
        self.days = _days(needed["calendar"], state, call.viewer.locale)
        self.limit = TimeLimit(amount=needed["amount"], unit=TimeUnit(needed["unit"]))
        self.extension_days: int = needed["extension_days"]
        self.started_at = datetime.fromisoformat(needed["started_at"])
        self.due_at = datetime.fromisoformat(needed["due_at"])
        self.ended_at = _moment(needed["ended_at"])
        self.suspended = needed["state"] == DeadlineState.SUSPENDED
        self.pauses = [
            Pause(datetime.fromisoformat(since), _moment(until), SuspensionReason(reason))
            for since, until, reason in needed["pauses"] or ()
        ]


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _remaining(needed: Any, call: Call, _arguments: Mapping[str, Any]) -> int | None:
    clock = _Clock(needed, call)
    if clock.ended_at is not None:
        return None
    pause = clock.pauses[-1] if clock.suspended else None
    return remaining(clock.days.calendar, clock.limit, clock.started_at, clock.due_at, now=call.viewer.now, pause=pause)


def _overdue(needed: Any, call: Call, _arguments: Mapping[str, Any]) -> int:
    clock = _Clock(needed, call)
    if clock.suspended:
        return 0
    return clock.days.calendar.working_minutes_between(clock.due_at, clock.ended_at or call.viewer.now)


def _explain(needed: Any, call: Call, _arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    clock = _Clock(needed, call)
    found = explain(
        clock.days,
        clock.limit,
        clock.started_at,
        clock.due_at,
        now=call.viewer.now,
        ended_at=clock.ended_at,
        extension_days=clock.extension_days,
        pauses=clock.pauses,
    )
    return [_told(stretch, call.viewer.locale) for stretch in found]


def _told(stretch: Stretch, locale: str) -> dict[str, Any]:
    said = stretch.name if stretch.reason is None else label(SuspensionReason, stretch.reason, locale)
    return {
        "from": stretch.since.astimezone(UTC).isoformat(),
        "to": stretch.until.astimezone(UTC).isoformat(),
        "counted": stretch.counted,
        "workingMinutes": stretch.minutes,
        "kind": stretch.kind.value,
        "kindLabel": label(StretchKind, stretch.kind, locale),
        "reason": said,
    }


@value("A stretch of the time between the beginning of a clock and when its step is due, and whether it counts.")
class DeadlineStretch:
    from_: datetime = strawberry.field(name="from", description="When it begins.")
    to: datetime = strawberry.field(description="When it ends, and the next one begins.")
    counted: bool = strawberry.field(description="Whether its working time is part of the limit.")
    working_minutes: int = strawberry.field(
        description="The whole working minutes in it: counted; or given back, of a suspension; or passed, of the day "
        "of receipt."
    )
    kind: StretchKind = strawberry.field(description="Why it counts, or why not.")
    kind_label: str = strawberry.field(description="The same in the viewer's language.")
    reason: str | None = strawberry.field(
        description="More of why: the name of a holiday or of a day of the city's own, what a suspension waits for."
    )


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
    calendar_version: int = column(
        "The version of the state's calendar by which it was last worked out; 0 before any was imported."
    )
    remaining_working_minutes: int | None = computed(
        "The whole working minutes that are left: 0 once it is overdue; while it is suspended, what was left then; "
        "null once the step is done.",
        _clock_needed,
        _remaining,
    )
    overdue_working_minutes: int = computed(
        "The whole working minutes by which the step is late, or was when it was done; 0 while it is not.",
        _clock_needed,
        _overdue,
    )
    explain: list[DeadlineStretch] = computed(
        "Why it is due when it is: the stretches of time from its beginning, one after the other, at most 200; where "
        "there would be more, nights and then days off are told as part of the stretches beside them. What is counted "
        "sums to the limit and what was granted beside it. A suspended clock is told up to now.",
        _clock_needed,
        _explain,
        work=MOST_STRETCHES,
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
