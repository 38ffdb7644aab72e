"""The numbers of a month: counted out of what is there, in one table for each measure.

All are of what happened in the month, so that counting again gives the same unless something was put right since.
What is restricted is counted nowhere, a merged ticket as the one that goes on, and one that was handed to another city
or the region there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, distinct, func, literal, not_, or_, select

from app.aggregates.months import moments_of, next_month
from app.aggregates.words import RATES, AggregateMeasure
from app.deadlines.models import Deadline
from app.deadlines.words import DeadlineKind, DeadlineState
from app.kernel.tables import table_of
from app.kernel.unit_of_work import UnitOfWork
from app.supervision.queries import NOTICES
from app.supervision.words import NoticeStatus
from app.tickets.queries import TICKETS
from app.tickets.words import SecrecyLevel, TicketCategory, TicketStatus
from tenants.tree import SCHEMES

CLOCKS = table_of(Deadline)
M = AggregateMeasure
LEVELS = (1, 2, 3)
Part = TicketCategory | int
"""A category of tickets, or a level of notices."""


@dataclass(frozen=True, slots=True)
class Figure:
    """So many, of so many where it is a part of a whole."""

    numerator: int
    denominator: int | None

    @property
    def frequencies(self) -> tuple[int, ...]:
        """The counts that must not be small: of a part of a whole, the rest of it too."""
        return (self.numerator,) if self.denominator is None else (self.numerator, self.denominator - self.numerator)


Figures = Mapping[AggregateMeasure, Mapping[Part, Figure]]
"""Of each measure its parts, every one of them, in the order in which they are shown."""


async def count_month(uow: UnitOfWork, month: date, zone: ZoneInfo) -> Figures:
    """What a month of the unit of work's city came to."""
    begins, ends = moments_of(month, zone)

    def within(moment: ColumnElement[Any]) -> ColumnElement[bool]:
        return and_(moment >= begins, moment < ends)

    counted = and_(
        TICKETS.c.city_id == uow.city_id,
        TICKETS.c.secrecy != SecrecyLevel.RESTRICTED.value,
        TICKETS.c.merged_into_id.is_(None),
        TICKETS.c.status != TicketStatus.TRANSFERRED.value,
    )
    closed = and_(TICKETS.c.status == TicketStatus.CLOSED.value, within(TICKETS.c.closed_at))
    tickets = {
        row.category: row
        for row in await uow.session.execute(
            select(
                TICKETS.c.category,
                func.count().filter(within(TICKETS.c.submitted_at)).label("received"),
                func.count().filter(within(TICKETS.c.resolved_at)).label("resolved"),
                func.count().filter(closed).label("closed"),
            )
            .where(counted, or_(within(TICKETS.c.submitted_at), within(TICKETS.c.resolved_at), closed))
            .group_by(TICKETS.c.category)
        )
    }
    clocks = {row.category: row for row in await uow.session.execute(_of_clocks(uow, counted, within))}
    notices = await uow.session.execute(
        select(NOTICES.c.level, func.count().label("issued"))
        .where(
            NOTICES.c.city_id == uow.city_id,
            not_(NOTICES.c.restricted),
            NOTICES.c.status != NoticeStatus.WITHDRAWN.value,
            NOTICES.c.issued_on >= month,
            NOTICES.c.issued_on < next_month(month),
        )
        .group_by(NOTICES.c.level)
    )
    levels: dict[int, int] = {row.level: row.issued for row in notices}

    def figure(measure: AggregateMeasure, category: TicketCategory) -> Figure:
        def of(rows: Mapping[str, Any], name: str) -> int:
            return int(getattr(rows[category], name)) if category in rows else 0

        if measure is M.RESOLUTION:
            settled = of(tickets, "closed")
            return Figure(settled, settled + of(clocks, "again"))
        name = measure.lower()
        if measure in RATES:
            return Figure(of(clocks, name), of(clocks, f"{name}_of"))
        return Figure(of(tickets, name), None)

    figures: dict[AggregateMeasure, Mapping[Part, Figure]] = {
        measure: {category: figure(measure, category) for category in TicketCategory}
        for measure in AggregateMeasure
        if measure is not M.NOTICES
    }
    figures[M.NOTICES] = {level: Figure(levels.get(level, 0), None) for level in LEVELS}
    return figures


def _of_clocks(uow: UnitOfWork, counted: ColumnElement[bool], within: Any) -> Any:
    """What the clocks of the tickets tell: of those that fell due in the month, what was met; what was followed up in
    it; and which rounds after the first began in it."""
    c = CLOCKS.c
    asked = and_(within(c.due_at), c.state != DeadlineState.CANCELLED.value, c.state != DeadlineState.SUSPENDED.value)
    handling = and_(asked, c.kind == DeadlineKind.HANDLING.value)
    following = and_(asked, c.kind == DeadlineKind.FOLLOW_UP.value)
    met = c.state == DeadlineState.MET.value
    ended = c.ended_at.is_not(None)
    called = and_(within(c.ended_at), c.kind == DeadlineKind.FOLLOW_UP.value, c.state != DeadlineState.CANCELLED.value)
    rated = and_(called, TICKETS.c.satisfaction.is_not(None))
    # What counts as satisfied is said by each ticket's own scheme.
    low = func.jsonb_exists(SCHEMES.c.document["tickets"]["follow_up"]["low_levels"], TICKETS.c.satisfaction)

    def tickets(which: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count(distinct(TICKETS.c.id)).filter(which)

    return (
        select(
            TICKETS.c.category,
            func.count().filter(handling, met).label("on_time"),
            func.count().filter(handling).label("on_time_of"),
            func.count().filter(asked, not_(met)).label("overdue"),
            func.count().filter(asked).label("overdue_of"),
            func.count().filter(following, ended).label("follow_up"),
            func.count().filter(following).label("follow_up_of"),
            tickets(and_(rated, not_(low))).label("satisfaction"),
            tickets(rated).label("satisfaction_of"),
            func.count()
            .filter(c.kind == DeadlineKind.HANDLING.value, c.round > literal(1), within(c.started_at))
            .label("again"),
        )
        .select_from(CLOCKS)
        .join(TICKETS, and_(TICKETS.c.city_id == c.city_id, TICKETS.c.id == c.subject_id))
        .join(SCHEMES, and_(SCHEMES.c.city_id == c.city_id, SCHEMES.c.version == TICKETS.c.scheme_version))
        .where(c.city_id == uow.city_id, counted, or_(within(c.due_at), within(c.ended_at), within(c.started_at)))
        .group_by(TICKETS.c.category)
    )
