"""What the system itself says of a report, and who is told."""

from __future__ import annotations

from typing import Any

from app.integrity.models import Report
from app.integrity.words import ReportEventType
from app.kernel.events import Author
from app.kernel.unit_of_work import UnitOfWork
from app.supervision.notifying import notify
from app.supervision.words import NotificationKind

TOPIC = "report"
"""Of the events of reports."""


def record_by_itself(uow: UnitOfWork, report: Report, kind: ReportEventType, *, new: bool = False, **data: Any) -> None:
    """An event that nobody's verb led to. `data` has camelCase keys."""
    uow.record(
        report, kind, topic=TOPIC, author=Author(), visibility="INTERNAL", new=new, toStatus=report.status, **data
    )


def tell(uow: UnitOfWork, report: Report, kind: NotificationKind) -> None:
    """Tell those who owe it."""
    notify(uow, report.tenant_id, kind, report_id=report.id)


def tell_above(uow: UnitOfWork, report: Report, kind: NotificationKind) -> None:
    """Tell those whom it is for: they are above the tenant, in the county and in the city."""
    above = [each for each in (report.county_id, report.city_id) if each not in (None, report.tenant_id)]
    for tenant_id in above or [report.city_id]:
        notify(uow, tenant_id, kind, report_id=report.id)
