"""What it takes to work deadlines out anew, as when the holidays of a year are published: computing alone.

The floor is what none can do without: to look into a table of instants, and to make the moment of what is found. The
CPU of this process; what the database does for those that move, `calendar` of `app.worker` does by the batch.
"""

from __future__ import annotations

import random
import statistics
import time
from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from app.deadlines.rules import calendar_of, due, warning
from app.kernel.workdays import instant_of, moment_of
from tenants.schemes.model import load_preset
from tenants.schemes.values import TimeLimit
from tenants.schemes.words import TimeUnit
from tests.benchmarks.frame import Bench, Row, against_floor, short

DRAWN = 20_000
MILLION = 1_000_000
SEED = 5
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
DAY = 86_400_000_000
"""In microseconds."""
PAUSED, EXTENDED = 0.05, 0.1
"""The share of the clocks that stood still once, and of those that were granted more days."""


class Clock(NamedTuple):
    """A clock as it is kept; `until` is one more moment, for what is asked between two."""

    limit: TimeLimit
    started_at: datetime
    extension_days: int
    suspensions: tuple[tuple[datetime, datetime], ...]
    until: datetime


async def rows(bench: Bench) -> list[Row]:
    scheme = load_preset("guangyuan").scheme
    calendar, share = calendar_of(scheme.calendar), scheme.tickets.warn_at_share
    drawn = clocks(DRAWN)
    begins = instant_of(FIRST)
    table = list(range(begins, begins + 2 * 365 * DAY, DAY // 2))

    def worked_out() -> None:
        for clock in drawn:
            waited = clock.suspensions
            at, _ = due(
                calendar, clock.limit, clock.started_at, extension_days=clock.extension_days, suspensions=waited
            )
            warning(calendar, clock.started_at, at, share, suspensions=waited)

    def asked() -> None:
        for clock in drawn:
            calendar.working_minutes_between(clock.started_at, clock.until)

    def looked_up() -> None:
        for clock in drawn:
            moment_of(table[bisect_right(table, instant_of(clock.started_at)) - 1])

    anew, between, floor = (_microseconds(work, bench.rounds) for work in (worked_out, asked, looked_up))
    return [
        against_floor("working minutes between two moments, µs / a look into a table", between, floor, 8.0),
        against_floor("a deadline and its warning worked out anew, µs / a look into a table", anew, floor, 20.0),
        Row("… a million of them, seconds", ours=short(anew * MILLION / 1e6)),
    ]


def clocks(count: int) -> list[Clock]:
    """Of every kind, begun at any time of two years; the same ones for the same seed."""
    chance = random.Random(SEED)
    found = []
    for _ in range(count):
        hours = chance.random() < 0.25
        limit = TimeLimit(amount=chance.randint(1, 30), unit=TimeUnit.OFFICE_HOURS if hours else TimeUnit.WORKING_DAYS)
        started = FIRST + timedelta(seconds=chance.randrange(2 * 365 * 86_400))
        since = started + timedelta(hours=chance.randint(1, 72))
        pauses = ((since, since + timedelta(hours=chance.randint(1, 200))),) if chance.random() < PAUSED else ()
        more = chance.randint(1, 10) if chance.random() < EXTENDED else 0
        found.append(Clock(limit, started, more, pauses, started + timedelta(days=chance.randint(0, 60))))
    return found


def _microseconds(work: Callable[[], None], rounds: int) -> float:
    """The CPU of one of `DRAWN`: the median of so many rounds, after one that warms up."""
    taken = []
    for _ in range(rounds + 1):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return statistics.median(taken[1:]) * 1e6 / DRAWN
