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

from sqlalchemy import ColumnElement, and_, func, literal_column, not_, or_, select, true

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
    # As text: the planner must see which index it is of.
    closed = and_(TICKETS.c.status == literal_column(f"'{TicketStatus.CLOSED}'"), within(TICKETS.c.closed_at))
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
    it; and which rounds after the first began in it. Each moment is found by an index of its own."""
    c = CLOCKS.c

    def of_kind(kind: DeadlineKind) -> ColumnElement[bool]:
        return c.kind == literal_column(f"'{kind}'")  # as text, as above

    asked = and_(within(c.due_at), c.state != DeadlineState.CANCELLED.value, c.state != DeadlineState.SUSPENDED.value)
    handling = and_(asked, of_kind(DeadlineKind.HANDLING))
    following = and_(asked, of_kind(DeadlineKind.FOLLOW_UP))
    met = c.state == DeadlineState.MET.value
    called = and_(of_kind(DeadlineKind.FOLLOW_UP), within(c.ended_at))
    again = and_(of_kind(DeadlineKind.HANDLING), c.round > literal_column("1"), within(c.started_at))
    counts = {
        "on_time": and_(handling, met),
        "on_time_of": handling,
        "overdue": and_(asked, not_(met)),
        "overdue_of": asked,
        "follow_up": and_(following, c.ended_at.is_not(None)),
        "follow_up_of": following,
        "again": again,
    }
    of_each = (
        select(
            c.subject_id,
            *(func.count().filter(which).label(name) for name, which in counts.items()),
            func.bool_or(and_(called, c.state != DeadlineState.CANCELLED.value)).label("called"),
        )
        .where(c.city_id == uow.city_id, or_(within(c.due_at), called, again))
        .group_by(c.subject_id)
        .subquery("of_each_")
    )
    # Each by its key, which `limit` keeps so: what a month takes must not grow with the years behind it.
    ticket = (
        select(TICKETS.c.category, TICKETS.c.satisfaction, TICKETS.c.scheme_version)
        .where(TICKETS.c.city_id == uow.city_id, TICKETS.c.id == of_each.c.subject_id, counted)
        .limit(literal_column("1"))
        .lateral("ticket_")
    )
    # What counts as satisfied is said by each ticket's own scheme: taken out of the document once, not for each ticket.
    levels = (
        select(SCHEMES.c.version, SCHEMES.c.document["tickets"]["follow_up"]["low_levels"].label("low"))
        .where(SCHEMES.c.city_id == uow.city_id)
        .cte("levels_")
        .prefix_with("materialized")
    )
    rated = and_(of_each.c.called, ticket.c.satisfaction.is_not(None))
    return (
        select(
            ticket.c.category,
            *(func.sum(of_each.c[name]).label(name) for name in counts),
            func.count()
            .filter(rated, not_(func.jsonb_exists(levels.c.low, ticket.c.satisfaction)))
            .label("satisfaction"),
            func.count().filter(rated).label("satisfaction_of"),
        )
        .select_from(of_each)
        .join(ticket, true())
        .join(levels, levels.c.version == ticket.c.scheme_version)
        .group_by(ticket.c.category)
    )
