"""Working out anew when reports are due, once the state's holidays were published."""

from __future__ import annotations

from sqlalchemy import and_, or_, select

from app.deadlines.moving import BATCH, Moved, outdated, utc_text
from app.deadlines.rules import calendar_of
from app.integrity.models import Report
from app.integrity.reports.periods import Span, timing_of
from app.integrity.reports.telling import record_by_itself, tell
from app.integrity.words import ReportEventType, ReportStatus
from app.kernel.unit_of_work import UnitOfWork
from app.supervision.words import NotificationKind
from tenants.schemes.store import scheme_at

R = Report


async def move_reports(uow: UnitOfWork) -> tuple[int, list[Moved]]:
    """The `Step` of reports that are still to be handed in. What was told of the old day is over,
    unless they are late by both."""
    state = uow.tree.calendar
    waiting = and_(
        R.city_id == uow.city_id,
        or_(R.status == ReportStatus.DUE.value, R.status == ReportStatus.RETURNED.value),
        outdated(R.calendar_version, R.provisional, R.due_at, state),
    )
    found = (await uow.session.scalars(select(R.id).where(waiting).order_by(R.id).limit(BATCH))).all()
    reports = await uow.session.scalars(
        select(R).where(waiting, R.id.in_(found)).order_by(R.id).with_for_update(key_share=True)
    )
    moved = []
    for report in reports.all():
        scheme = await scheme_at(uow.session, uow.city_id, report.scheme_version)
        before = report.due_at
        report.due_at, report.provisional, report.warn_at = timing_of(
            calendar_of(scheme.calendar, state),
            Span(report.begins_on, report.ends_before),
            next(each.due_day for each in scheme.supervision.reports if each.name == report.obligation),
            report.drafted_at,
            scheme.tickets.warn_at_share,
        )
        report.calendar_version = state.version
        if report.due_at == before:
            continue
        if report.due_at >= uow.now:
            report.warned_at = report.chased_at = None
            if report.status == ReportStatus.DUE:
                report.late = False
        record_by_itself(
            uow, report, ReportEventType.MOVED, dueAt=utc_text(report.due_at), previousDueAt=utc_text(before)
        )
        tell(uow, report, NotificationKind.REPORT_MOVED)
        node = uow.tree.by_id(report.tenant_id)
        assert node is not None, "a tenant is never deleted"
        moved.append(Moved(f"{node.path} {report.obligation} {report.begins_on}", "REPORT", before, report.due_at))
    return len(found), moved
