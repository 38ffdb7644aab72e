"""Why a step is due when it is: every stretch of time from the beginning of its clock, and whether it counts (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from app.deadlines.rules import calendar_of, counts_from, due
from app.deadlines.words import COUNTED, StretchKind
from app.kernel.workdays import StateCalendar, WorkingCalendar
from tenants.schemes.calendar import Calendar
from tenants.schemes.values import TimeLimit
from tenants.schemes.words import SuspensionReason

MOST_STRETCHES = 200
"""More are told more coarsely: nights, then days off, then pauses are part of the stretches around them, and at last
one day that is worked is told as the other."""

_NOTHING = timedelta()
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_BREAKS = frozenset({StretchKind.OUTSIDE_HOURS})
_DAYS_OFF = frozenset({StretchKind.WEEKEND, StretchKind.HOLIDAY, StretchKind.CLOSURE})
_PAUSES = frozenset({StretchKind.DAY_OF_RECEIPT, StretchKind.SUSPENDED})
_COARSER = (_BREAKS, _BREAKS | _DAYS_OFF, _BREAKS | _DAYS_OFF | _PAUSES)


class Pause(NamedTuple):
    """A suspension; `until` is None while it lasts."""

    since: datetime
    until: datetime | None
    reason: SuspensionReason


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time: whether it counts, and the whole working minutes in it (counted or, of a pause, given back).

    `name` is that of the day, as its calendar or the city has it; `reason` that of a pause.
    """

    since: datetime
    until: datetime
    kind: StretchKind
    minutes: int
    name: str | None = None
    reason: SuspensionReason | None = None

    @property
    def counted(self) -> bool:
        """Whether its working time is part of the limit."""
        return self.kind in COUNTED


class _Piece(NamedTuple):
    """A piece of a local day: office hours (`worked`), or not."""

    since: datetime
    until: datetime
    worked: bool
    kind: StretchKind
    name: str | None = None
    reason: SuspensionReason | None = None

    def told_as(self, other: _Piece) -> bool:
        return (self.kind, self.name, self.reason) == (other.kind, other.name, other.reason)


class Days:
    """The days of a city: which it works, and why not."""

    def __init__(self, calendar: Calendar, state: StateCalendar, locale: str) -> None:
        self.calendar: WorkingCalendar = calendar_of(calendar, state)
        self._weekdays = frozenset(calendar.working_weekdays)
        self._own = {each.day: each.name for each in (*calendar.closures, *calendar.extra_working_days)}
        self._state = state
        self._locale = locale

    def kind_of(self, day: date) -> tuple[StretchKind, str | None]:
        """What a day is, and what it is called."""
        weekday = day.isoweekday() in self._weekdays
        own = self._own.get(day)
        if self.calendar.is_working_day(day):
            if weekday:
                return StretchKind.OFFICE_HOURS, None
            return StretchKind.MAKE_UP_DAY, own or self._state.name_of(day, self._locale)
        if own is not None:
            return StretchKind.CLOSURE, own
        if weekday:
            return StretchKind.HOLIDAY, self._state.name_of(day, self._locale)
        return StretchKind.WEEKEND, None

    def pieces(self, since: datetime, until: datetime) -> Iterator[_Piece]:
        """The time between two moments, in order and without a gap."""
        day = since.astimezone(self.calendar.zone).date()
        while (begins := self.calendar.midnight(day)) < until:
            kind, name = self.kind_of(day)
            at = begins
            for opens, closes in self.calendar.office_hours_of(day):
                yield from _clipped(_Piece(at, opens, False, StretchKind.OUTSIDE_HOURS), since, until)
                yield from _clipped(_Piece(opens, closes, True, kind, name), since, until)
                at = closes
            day += _DAY
            rest = _Piece(at, self.calendar.midnight(day), False, StretchKind.OUTSIDE_HOURS)
            yield from _clipped(rest if at > begins else rest._replace(kind=kind, name=name), since, until)


def explain(
    days: Days,
    limit: TimeLimit,
    started_at: datetime,
    due_at: datetime,
    *,
    now: datetime,
    ended_at: datetime | None = None,
    extension_days: int = 0,
    pauses: Sequence[Pause] = (),
) -> list[Stretch]:
    """The stretches from the beginning of a clock to when it is due, at most `MOST_STRETCHES`.

    What they count sums to the limit and what was granted beside it. A clock that stands still (or did when its step
    came to an end) is told up to then: the rest of its time is not yet anywhere.
    """
    last = pauses[-1] if pauses else None
    until = due_at
    if last is not None and last.until in (None, ended_at):
        until = max(last.since, ended_at or now)
        pauses = [*pauses[:-1], last._replace(until=until)]
    counts = counts_from(days.calendar, limit, started_at)
    granted_from = days.calendar.working_time_between(counts, due(days.calendar, limit, started_at).at)
    cuts = sorted({counts, *(each.since for each in pauses), *(each.until for each in pauses if each.until)})
    pieces = _split(days.pieces(started_at, until), cuts)
    judged = _granted((_judged(piece, counts, pauses) for piece in pieces), granted_from)
    return _told(judged)


def remaining(
    calendar: WorkingCalendar,
    limit: TimeLimit,
    started_at: datetime,
    due_at: datetime,
    *,
    now: datetime,
    pause: Pause | None = None,
) -> int:
    """The whole working minutes that a clock which has not ended has left; 0 once it is overdue. While it stands still
    they are those it had when the `pause` began."""
    at = now if pause is None or pause.until is not None else pause.since
    return calendar.working_minutes_between(max(at, counts_from(calendar, limit, started_at)), due_at)


def _clipped(piece: _Piece, since: datetime, until: datetime) -> Iterator[_Piece]:
    if since <= piece.since < piece.until <= until:  # nearly all
        yield piece
    elif (first := max(piece.since, since)) < (last := min(piece.until, until)):
        yield piece._replace(since=first, until=last)


def _split(pieces: Iterable[_Piece], cuts: Collection[datetime]) -> Iterator[_Piece]:
    for piece in pieces:
        inside = [cut for cut in cuts if piece.since < cut < piece.until]
        if not inside:
            yield piece
            continue
        for since, until in pairwise((piece.since, *inside, piece.until)):
            yield piece._replace(since=since, until=until)


def _judged(piece: _Piece, counts: datetime, pauses: Iterable[Pause]) -> _Piece:
    """The piece as what it is told for: a pause tells more than the night in it."""
    if piece.until <= counts:
        return piece._replace(kind=StretchKind.DAY_OF_RECEIPT, name=None)
    for pause in pauses:
        if pause.until is not None and pause.since <= piece.since and piece.until <= pause.until:
            return piece._replace(kind=StretchKind.SUSPENDED, name=None, reason=pause.reason)
    return piece


def _granted(pieces: Iterable[_Piece], granted_from: timedelta) -> Iterator[_Piece]:
    """What is counted after the limit itself is over was granted."""
    counted = _NOTHING
    for piece in pieces:
        if not piece.worked or piece.kind not in COUNTED:
            yield piece
            continue
        left = max(_NOTHING, granted_from - counted)
        counted += piece.until - piece.since
        ends = min(piece.until, piece.since + left)
        if piece.since < ends:
            yield piece._replace(until=ends)
        if ends < piece.until:
            yield piece._replace(since=ends, kind=StretchKind.EXTENSION, name=None)


def _told(pieces: Iterable[_Piece]) -> list[Stretch]:
    merged: list[tuple[_Piece, timedelta]] = []
    for piece in pieces:
        worked = piece.until - piece.since if piece.worked else _NOTHING
        if merged and merged[-1][0].told_as(piece):
            before, time = merged[-1]
            merged[-1] = before._replace(until=piece.until), time + worked
        else:
            merged.append((piece, worked))
    for part_of_others in _COARSER:
        if len(merged) <= MOST_STRETCHES:
            break
        merged = _coarser(merged, part_of_others)
    if len(merged) > MOST_STRETCHES:
        worked_alike = [
            (piece._replace(kind=StretchKind.OFFICE_HOURS, name=None), time)
            if piece.kind is StretchKind.MAKE_UP_DAY
            else (piece, time)
            for piece, time in merged
        ]
        merged = _coarser(worked_alike, frozenset())
    told = []
    counted = _NOTHING
    for piece, time in merged:
        minutes = time // _MINUTE
        if piece.kind in COUNTED:
            # So rounded that they sum to the whole: a limit begins at any second.
            minutes = (counted + time) // _MINUTE - counted // _MINUTE
            counted += time
        told.append(Stretch(piece.since, piece.until, piece.kind, minutes, piece.name, piece.reason))
    return told


def _coarser(
    pieces: Sequence[tuple[_Piece, timedelta]], part_of_others: Collection[StretchKind]
) -> list[tuple[_Piece, timedelta]]:
    """Without the stretches of these kinds: each is part of the one before it, and of the next one at the beginning."""
    found: list[tuple[_Piece, timedelta]] = []
    begins = pieces[0][0].since
    for piece, time in pieces:
        if piece.kind in part_of_others:
            if found:
                found[-1] = found[-1][0]._replace(until=piece.until), found[-1][1]
        elif found and found[-1][0].told_as(piece):
            found[-1] = found[-1][0]._replace(until=piece.until), found[-1][1] + time
        else:
            found.append((piece if found else piece._replace(since=begins), time))
    return found
