"""What a report says of its period: counted out of what is there, and kept as it was counted."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, func, or_, select, true

from app.integrity.models import Report
from app.kernel.tables import table_of
from app.kernel.unit_of_work import Node, UnitOfWork
from app.responsibility.models import ResponsibilitySubject
from app.supervision.models import SupervisionNotice
from app.tickets.queries import TICKETS, concerns
from app.tickets.words import SecrecyLevel
from tenants.models import TenantKind
from tenants.schemes.model import Scheme

SUBJECTS = table_of(ResponsibilitySubject)
NOTICES = table_of(SupervisionNotice)


async def content_of(uow: UnitOfWork, report: Report, node: Node, scheme: Scheme, *, most: int) -> dict[str, Any]:
    """The numbers of the period's tickets, the most frequent subjects (共性问题), the departments with the most that is
    overdue, and the notices that are listed (挂牌督办), at most so many of each; nothing of what is restricted."""
    zone = ZoneInfo(scheme.calendar.time_zone)
    begins, ends = (datetime.combine(day, time(), zone) for day in (report.begins_on, report.ends_before))
    tickets = and_(
        TICKETS.c.city_id == uow.city_id,
        TICKETS.c.submitted_at >= begins,
        TICKETS.c.submitted_at < ends,
        TICKETS.c.secrecy != SecrecyLevel.RESTRICTED.value,
        TICKETS.c.merged_into_id.is_(None),  # counted once: as the ticket that goes on
        concerns(TICKETS, node),
    )
    overdue = TICKETS.c.due_at < uow.now
    numbers = (
        await uow.session.execute(
            select(
                func.count().label("submitted"),
                func.count(TICKETS.c.closed_at).label("ended"),
                func.count().filter(overdue).label("overdue"),
            ).where(tickets)
        )
    ).one()
    count = func.count().label("tickets")
    subjects = await uow.session.execute(
        select(SUBJECTS.c.code, func.max(SUBJECTS.c.name).label("name"), count)
        .join(TICKETS, and_(TICKETS.c.city_id == SUBJECTS.c.city_id, TICKETS.c.subject_id == SUBJECTS.c.id))
        .where(tickets)
        .group_by(SUBJECTS.c.code)
        .order_by(count.desc(), SUBJECTS.c.code)
        .limit(most)
    )
    departments = await uow.session.execute(
        select(TICKETS.c.lead_id, count)
        .where(tickets, overdue, TICKETS.c.lead_id.is_not(None))
        .group_by(TICKETS.c.lead_id)
        .order_by(count.desc(), TICKETS.c.lead_id)
        .limit(most)
    )
    notices = await uow.session.execute(
        select(NOTICES.c.number, NOTICES.c.trigger, NOTICES.c.addressee_id, NOTICES.c.issued_on, NOTICES.c.status)
        .where(
            NOTICES.c.city_id == uow.city_id,
            NOTICES.c.listed,
            ~NOTICES.c.restricted,
            NOTICES.c.issued_at >= begins,
            NOTICES.c.issued_at < ends,
            _addressed_to(node),
        )
        .order_by(NOTICES.c.issued_at, NOTICES.c.id)
        .limit(most)
    )
    return {
        "tickets": numbers._asdict(),
        "frequentSubjects": [row._asdict() for row in subjects],
        "overdueDepartments": [{**_named(uow, row.lead_id), "tickets": row.tickets} for row in departments],
        "listedNotices": [
            {
                "number": row.number,
                "trigger": row.trigger,
                "addressee": _named(uow, row.addressee_id),
                "issuedOn": row.issued_on.isoformat(),
                "status": row.status,
            }
            for row in notices
        ],
    }


def _addressed_to(node: Node) -> Any:
    if node.id == node.city_id:
        return true()
    if node.kind == TenantKind.COUNTY:
        return or_(NOTICES.c.addressee_county_id == node.id, NOTICES.c.addressee_id == node.id)
    return NOTICES.c.addressee_id == node.id


def _named(uow: UnitOfWork, tenant_id: int) -> dict[str, str]:
    node: Any = uow.tree.by_id(tenant_id)
    return {"path": node.path, "name": node.name}
