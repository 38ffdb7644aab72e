"""The three steps of a report: it is handed in, and accepted or returned."""

from __future__ import annotations

import uuid

from sqlalchemy import select

from app.integrity.models import Report
from app.integrity.reports.content import content_of
from app.integrity.reports.lifecycle import EVENT_TYPES, PERMISSIONS, next_status
from app.integrity.reports.problems import open_problems
from app.integrity.reports.queries import is_theirs, visible_to
from app.integrity.reports.telling import TOPIC, tell, tell_above
from app.integrity.words import ReportAction, ReportStatus
from app.kernel.errors import Conflict, NotFound, NotResponsible
from app.kernel.events import Author
from app.kernel.unit_of_work import UnitOfWork
from app.supervision.words import NotificationKind
from app.tickets.texts import check_optional_text, check_text
from authz.actor import Actor
from tenants.schemes.model import Scheme
from tenants.schemes.store import scheme_at

TOLD = {
    ReportAction.REPORT_ACCEPT: (tell, NotificationKind.REPORT_ACCEPTED),
    ReportAction.REPORT_RETURN: (tell, NotificationKind.REPORT_RETURNED),
    ReportAction.REPORT_SUBMIT: (tell_above, NotificationKind.REPORT_SUBMITTED),
}
"""Whom a step tells of what."""


async def submit_report(
    uow: UnitOfWork, actor: Actor, report_id: uuid.UUID, *, summary: str, expected_version: int | None = None
) -> Report:
    """Handed in with a summary; its numbers are counted once more, and stand. Late, when it is handed in first after it
    was due. Refusals as in `access_report`; `summary` as the scheme's replies."""
    report, scheme = await access_report(uow, actor, report_id, ReportAction.REPORT_SUBMIT, expected_version)
    summary = check_text("summary", summary, scheme.tickets.texts.reply)
    node = uow.tree.by_id(report.tenant_id)
    assert node is not None, "a tenant is never deleted"
    if report.status == ReportStatus.DUE:
        report.late = report.due_at < uow.now
    report.content = await content_of(uow, report, node, scheme, most=most_listed(scheme, report.obligation))
    report.summary = summary
    report.submitted_at, report.submitted_by = uow.now, actor.user_id
    report.decided_at = report.decision = None
    _advance(uow, actor, report, ReportAction.REPORT_SUBMIT, None)
    return report


async def accept_report(
    uow: UnitOfWork, actor: Actor, report_id: uuid.UUID, *, note: str | None = None, expected_version: int | None = None
) -> Report:
    """Accepted by who it is for; the common problems that it names become items of the problem ledger. Refusals as in
    `access_report`; `note` as the scheme's notes."""
    report, scheme = await access_report(uow, actor, report_id, ReportAction.REPORT_ACCEPT, expected_version)
    report.decision = check_optional_text("note", note, scheme.tickets.texts.note)
    report.decided_at = uow.now
    _advance(uow, actor, report, ReportAction.REPORT_ACCEPT, report.decision)
    await open_problems(uow, report, scheme)
    return report


async def return_report(
    uow: UnitOfWork, actor: Actor, report_id: uuid.UUID, *, reason: str, expected_version: int | None = None
) -> Report:
    """Returned, to be handed in once more. Refusals as in `access_report`; `reason` as the scheme's reasons."""
    report, scheme = await access_report(uow, actor, report_id, ReportAction.REPORT_RETURN, expected_version)
    report.decision = check_text("reason", reason, scheme.tickets.texts.reason)
    report.decided_at = uow.now
    _advance(uow, actor, report, ReportAction.REPORT_RETURN, report.decision)
    return report


async def access_report(
    uow: UnitOfWork, actor: Actor, report_id: uuid.UUID, action: ReportAction, expected_version: int | None
) -> tuple[Report, Scheme]:
    """The report, locked until the end of the transaction, on which this actor may do this step now, and its scheme.

    Refuses in this order: `NotFound` when it is missing or not theirs to see; `NotResponsible` when the step belongs to
    somebody else, also to who handed it in themselves; `Conflict` when it moved on from `expected_version`;
    `IllegalTransition` when its state has no such step.
    """
    scope = actor.in_city(uow.city_id)
    row = (
        await uow.session.execute(
            select(Report, is_theirs(scope, PERMISSIONS[action]).label("theirs"))
            .where(Report.city_id == uow.city_id, Report.id == report_id, visible_to(scope))
            .with_for_update(of=Report, key_share=True)
            .execution_options(populate_existing=True)
        )
    ).one_or_none()
    if row is None:
        raise NotFound(kind="Report")
    report: Report = row[0]
    judges = action is not ReportAction.REPORT_SUBMIT
    if not row.theirs or (judges and report.submitted_by == actor.user_id):
        raise NotResponsible(action=action)
    if expected_version is not None and expected_version != report.version:
        raise Conflict(expected_version=expected_version, current_version=report.version)
    next_status(ReportStatus(report.status), action)
    return report, await scheme_at(uow.session, uow.city_id, report.scheme_version)


def most_listed(scheme: Scheme, obligation: str) -> int:
    """How many of each kind the report lists."""
    return next(each.most_listed for each in scheme.supervision.reports if each.name == obligation)


def _advance(uow: UnitOfWork, actor: Actor, report: Report, action: ReportAction, note: str | None) -> None:
    before = ReportStatus(report.status)
    report.status = next_status(before, action).value
    report.version += 1
    roles = report.from_roles if action is ReportAction.REPORT_SUBMIT else report.to_roles
    near = (report.tenant_id, report.county_id, report.city_id)
    grants = [each for each in actor.grants if each.tenant_id in near and each.role.value in roles]
    acting = min(grants, key=lambda each: near.index(each.tenant_id))
    uow.record(
        report,
        EVENT_TYPES[action],
        topic=TOPIC,
        author=Author(actor.user_id, acting.tenant_id, acting.role.value),
        visibility="INTERNAL",
        fromStatus=before.value,
        toStatus=report.status,
        late=report.late,
        note=note,
    )
    whom, kind = TOLD[action]
    whom(uow, report, kind)
