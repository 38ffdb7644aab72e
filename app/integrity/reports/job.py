"""The job that makes the drafts of reports once their periods are over, and chases those that are not there when due.

A draft is made once, whatever runs at once, by the unique key of its obligation, tenant and period; after a downtime
the drafts of every period that ended meanwhile are made, each due when it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import Boolean, ColumnElement, func, not_, select, true
from sqlalchemy.dialects.postgresql import insert

from app.deadlines.rules import calendar_of
from app.integrity.access import local_day
from app.integrity.models import Report
from app.integrity.reports.content import content_of
from app.integrity.reports.periods import Span, spans_over, timing_of
from app.integrity.reports.queries import REPORTS
from app.integrity.reports.telling import record_by_itself, tell
from app.integrity.words import ReportEventType, ReportStatus
from app.kernel.tables import new_id
from app.kernel.unit_of_work import UnitOfWork
from app.supervision.words import NotificationKind
from app.tickets.schemes import present_scheme
from app.worker import Context, Job, one_by_one
from tenants.schemes.model import Scheme
from tenants.schemes.supervision import ReportObligation
from tenants.tree import SCHEMES, TenantNode, TenantTree

BATCH = 200
"""Reports that are chased in one transaction."""


async def keep_reports(context: Context) -> int:
    """One city after the other: its missing drafts, a batch of what is soon due and one of what is to be chased; how
    many there were."""
    now = context.clock.now()
    tree = await context.tree()

    async def keep(city: TenantNode) -> int:
        async with context.unit(city.id, now=now) as uow:
            return await draft_reports(uow, tree) + await warn_of_reports(uow) + await chase_reports(uow)

    return await one_by_one([city for city in tree.cities if city.scheme_version is not None], keep)


async def draft_reports(uow: UnitOfWork, tree: TenantTree) -> int:
    """The drafts of every period that is over and has none yet; how many were made."""
    version, scheme = await present_scheme(uow)
    today = local_day(scheme.calendar, uow.now)
    made = 0
    for obligation in scheme.supervision.reports:
        since = await _since(uow, scheme, obligation)
        for span in spans_over(obligation.every, since, today):
            for node in obliged(tree, uow.city_id, obligation):
                made += await _draft(uow, version, scheme, obligation, span, node)
    return made


def obliged(tree: TenantTree, city_id: int, obligation: ReportObligation) -> Iterator[TenantNode]:
    """Who owes the report: the city's own space, and every county or department where the scheme names that level.

    Whether anybody holds the role there does not matter: a duty without a person is late, and is seen.
    """
    for node in tree.nodes:
        if node.city_id == city_id:
            level = "CITY" if node.id == city_id else node.kind.value
            if level in obligation.from_levels:
                yield node


async def warn_of_reports(uow: UnitOfWork) -> int:
    """Tell of what is soon due and not there, once; how many there were."""
    soon = (Report.warned_at.is_(None), Report.warn_at < uow.now, Report.due_at >= uow.now)
    return await _tell_of(uow, soon, _warn)


async def chase_reports(uow: UnitOfWork) -> int:
    """Tell of what is not there though it was due, once; how many there were."""
    return await _tell_of(uow, (Report.due_at < uow.now,), _chase)


async def _tell_of(
    uow: UnitOfWork, due: Sequence[ColumnElement[bool]], told: Callable[[UnitOfWork, Report], None]
) -> int:
    reports = await uow.session.scalars(
        select(Report)
        .where(
            Report.city_id == uow.city_id,
            Report.chased_at.is_(None),
            Report.status.in_((ReportStatus.DUE.value, ReportStatus.RETURNED.value)),
            *due,
        )
        .order_by(Report.due_at, Report.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True, key_share=True)
    )
    found = reports.all()
    for report in found:
        told(uow, report)
    await uow.session.flush()
    return len(found)


def _warn(uow: UnitOfWork, report: Report) -> None:
    report.warned_at = uow.now
    record_by_itself(uow, report, ReportEventType.WARNED)
    tell(uow, report, NotificationKind.REPORT_WARNED)


def _chase(uow: UnitOfWork, report: Report) -> None:
    report.chased_at = uow.now
    report.late = report.late or report.status == ReportStatus.DUE
    report.version += 1
    record_by_itself(uow, report, ReportEventType.CHASED)
    tell(uow, report, NotificationKind.REPORT_CHASED)


async def _since(uow: UnitOfWork, scheme: Scheme, obligation: ReportObligation) -> date:
    """The day in whose period the next draft lies: behind the last one, or when the city took the duty upon itself."""
    latest: date | None = await uow.session.scalar(
        select(func.max(REPORTS.c.ends_before)).where(
            REPORTS.c.city_id == uow.city_id, REPORTS.c.obligation == obligation.name
        )
    )
    if latest is not None:
        return latest
    has_it = SCHEMES.c.document["supervision"]["reports"].op("@>", return_type=Boolean())(
        func.jsonb_build_array(func.jsonb_build_object("name", obligation.name))
    )
    without = select(func.coalesce(func.max(SCHEMES.c.version), 0)).where(
        SCHEMES.c.city_id == uow.city_id, func.coalesce(not_(has_it), true())
    )
    published: datetime | None = await uow.session.scalar(
        select(func.min(SCHEMES.c.published_at)).where(
            SCHEMES.c.city_id == uow.city_id, SCHEMES.c.version > without.scalar_subquery()
        )
    )
    return local_day(scheme.calendar, published or uow.now)


async def _draft(
    uow: UnitOfWork, version: int, scheme: Scheme, obligation: ReportObligation, span: Span, node: TenantNode
) -> int:
    calendar = calendar_of(scheme.calendar, uow.tree.calendar)
    timing = timing_of(calendar, span, obligation.due_day, uow.now, scheme.tickets.warn_at_share)
    report = Report(
        city_id=uow.city_id,
        id=new_id(),
        version=1,
        scheme_version=version,
        obligation=obligation.name,
        every=obligation.every.value,
        begins_on=span.begins_on,
        ends_before=span.ends_before,
        tenant_id=node.id,
        county_id=node.county_id,
        from_roles=list(obligation.from_roles),
        to_roles=list(obligation.to_roles),
        copied_to=list(obligation.copied_to),
        status=ReportStatus.DUE.value,
        due_at=timing.due_at,
        provisional=timing.provisional,
        calendar_version=uow.tree.calendar.version,
        warn_at=timing.warn_at,
        drafted_at=uow.now,
    )
    content = await content_of(uow, report, node, scheme, most=obligation.most_listed)
    columns = {name: value for name, value in vars(report).items() if not name.startswith("_")}
    inserted = await uow.session.execute(
        insert(REPORTS).values(**columns, content=content).on_conflict_do_nothing().returning(REPORTS.c.id)
    )
    if inserted.first() is None:
        return 0
    record_by_itself(uow, report, ReportEventType.DRAFTED, new=True)
    tell(uow, report, NotificationKind.REPORT_DRAFTED)
    return 1


REPORT_KEEPER = Job("reports", timedelta(minutes=5), keep_reports)
