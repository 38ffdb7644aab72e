"""Clocks as they are kept: ended and begun in one statement beside the verb, suspended and extended one at a time."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select, text

from app.deadlines.models import Deadline, DeadlineSuspension
from app.deadlines.rules import calendar_of, due, limit_of, warning
from app.deadlines.words import DeadlineKind, DeadlineState
from app.kernel.tables import new_id, table_of
from app.kernel.unit_of_work import UnitOfWork
from app.kernel.workdays import StateCalendar, WorkingCalendar
from tenants.schemes.calendar import Calendar
from tenants.schemes.values import TimeLimit
from tenants.schemes.words import SuspensionReason

DEADLINES = table_of(Deadline)


@dataclass(frozen=True, slots=True)
class Started:
    """A clock that begins now."""

    id: uuid.UUID
    kind: DeadlineKind
    limit: TimeLimit
    due_at: datetime
    warn_at: datetime
    provisional: bool


def start(
    kind: DeadlineKind,
    limit: TimeLimit,
    calendar: Calendar,
    at: datetime,
    *,
    state: StateCalendar,
    warn_at_share: Decimal,
) -> Started:
    """A clock of a limit, from this moment on."""
    days = calendar_of(calendar, state)
    found = due(days, limit, at)
    return Started(new_id(), kind, limit, found.at, warning(days, at, found.at, warn_at_share), found.provisional)


def keep(
    uow: UnitOfWork,
    subject_id: uuid.UUID,
    *,
    met: Collection[DeadlineKind] = (),
    cancelled: Collection[DeadlineKind] = (),
    started: Sequence[Started] = (),
    round_: int,
    scheme_version: int,
) -> None:
    """End a subject's clocks now, as `rules.end_state` says, and begin others: one statement, sent with the events."""
    uow.defer(
        _STEP,
        {
            "city": uow.city_id,
            "subject": subject_id,
            "now": uow.now,
            "met": list(met),
            "ended": [*met, *cancelled],
            "round": round_,
            "scheme": scheme_version,
            "calendar": uow.tree.calendar.version,
            "ids": [clock.id for clock in started],
            "kinds": [clock.kind for clock in started],
            "amounts": [clock.limit.amount for clock in started],
            "units": [clock.limit.unit for clock in started],
            "due_ats": [clock.due_at for clock in started],
            "warn_ats": [clock.warn_at for clock in started],
            "provisionals": [clock.provisional for clock in started],
        },
    )


# Written out: it goes with nearly every verb, and building it anew each time would cost more than it does. A machine's
# clock may have been set back since a step began: no step ends before that.
_STEP = text(
    """
    with ended as (
      update deadlines
      set ended_at = greatest(started_at, cast(:now as timestamptz)),
        state = case when state <> 'SUSPENDED' and due_at < :now then 'MISSED'
          when kind = any(cast(:met as text[])) then 'MET' else 'CANCELLED' end
      where city_id = cast(:city as int) and subject_id = cast(:subject as uuid) and ended_at is null
        and kind = any(cast(:ended as text[]))
      returning id
    ), no_longer_suspended as (
      update deadline_suspensions s set to_at = greatest(from_at, :now)
      from ended where s.city_id = :city and s.deadline_id = ended.id and s.to_at is null
    )
    insert into deadlines
      (city_id, subject_id, round, scheme_version, calendar_version, started_at, state, id, kind, amount, unit, due_at,
        warn_at, provisional)
    select :city, :subject, cast(:round as int), cast(:scheme as int), cast(:calendar as int), :now, 'RUNNING', begun.*
    from unnest(cast(:ids as uuid[]), cast(:kinds as text[]), cast(:amounts as int[]), cast(:units as text[]),
      cast(:due_ats as timestamptz[]), cast(:warn_ats as timestamptz[]), cast(:provisionals as boolean[])) as begun
    """
)


async def running(uow: UnitOfWork, subject_id: uuid.UUID) -> list[Deadline]:
    """The subject's clocks that have not ended, suspended ones included. The caller holds the subject's row locked."""
    found = await uow.session.scalars(
        select(Deadline)
        .where(Deadline.city_id == uow.city_id, Deadline.subject_id == subject_id, Deadline.ended_at.is_(None))
        .order_by(Deadline.due_at)
    )
    return list(found)


def suspend(uow: UnitOfWork, deadline: Deadline, reason: SuspensionReason) -> None:
    """Stop counting. What is overdue already stays so: there is nothing left to count."""
    if deadline.due_at < uow.now:
        return
    deadline.state = DeadlineState.SUSPENDED.value
    uow.session.add(
        DeadlineSuspension(
            city_id=deadline.city_id, id=new_id(), deadline_id=deadline.id, from_at=uow.now, reason=reason.value
        )
    )


async def resume(uow: UnitOfWork, deadline: Deadline, calendar: Calendar, *, warn_at_share: Decimal) -> None:
    """Count on: the working time that was suspended is added."""
    if deadline.state != DeadlineState.SUSPENDED:
        return
    suspensions = await _suspensions(uow, deadline)
    suspensions[-1].to_at = max(uow.now, suspensions[-1].from_at)
    deadline.state = DeadlineState.RUNNING.value
    state = uow.tree.calendar
    recompute(deadline, calendar_of(calendar, state), state.version, suspensions, warn_at_share)


async def extend(
    uow: UnitOfWork, deadline: Deadline, calendar: Calendar, *, working_days: int, warn_at_share: Decimal
) -> None:
    """Grant so many working days more."""
    deadline.extension_days += working_days
    state, suspensions = uow.tree.calendar, await _suspensions(uow, deadline)
    recompute(deadline, calendar_of(calendar, state), state.version, suspensions, warn_at_share)


async def _suspensions(uow: UnitOfWork, deadline: Deadline) -> list[DeadlineSuspension]:
    found = await uow.session.scalars(
        select(DeadlineSuspension)
        .where(DeadlineSuspension.city_id == deadline.city_id, DeadlineSuspension.deadline_id == deadline.id)
        .order_by(DeadlineSuspension.from_at)
    )
    return list(found)


def recompute(
    deadline: Deadline,
    days: WorkingCalendar,
    calendar_version: int,
    suspensions: Sequence[DeadlineSuspension],
    warn_at_share: Decimal,
) -> None:
    """Work out anew when a step is due, and when it warns, by a calendar of this version of the state's."""
    deadline.calendar_version = calendar_version
    waited = [(each.from_at, each.to_at) for each in suspensions if each.to_at is not None]
    due_at, deadline.provisional = due(
        days,
        limit_of(deadline.amount, deadline.unit),
        deadline.started_at,
        extension_days=deadline.extension_days,
        suspensions=waited,
    )
    set_due(deadline, due_at, warning(days, deadline.started_at, due_at, warn_at_share, suspensions=waited))


def set_due(deadline: Deadline, due_at: datetime, warn_at: datetime) -> None:
    """Move a clock. What was told of another moment says nothing of this one: the sweep tells of it anew."""
    if deadline.due_at != due_at:
        deadline.missed_at = None
    if deadline.warn_at != warn_at:
        deadline.warned_at = None
    deadline.due_at, deadline.warn_at = due_at, warn_at
