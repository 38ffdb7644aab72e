"""Duties to report, as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import strawberry
from sqlalchemy import and_, func, literal_column, or_

from app.integrity.reports.lifecycle import PERMISSIONS, allowed_from
from app.integrity.reports.queries import REPORTS, is_theirs, visible_to
from app.integrity.reports.telling import TOPIC
from app.integrity.words import ReportAction, ReportEventType, ReportStatus
from authz.permissions import Permission
from authz.roles import Role
from schema.labels import label_sql
from schema.pages import After, Before, First, Last, Node, paged
from schema.reader.declare import (
    Call,
    Here,
    column,
    computed,
    connection,
    expression,
    relation,
    stored,
)
from schema.scalars import JsonDocument
from schema.tenants.types import Tenant
from schema.tickets.types import EVENTS, Actor
from schema.timelines import datum, doer, events_of
from tenants.schemes.words import Period


def _actions_needed(here: Here) -> Mapping[str, Any]:
    row = here.row
    theirs = {each.name: is_theirs(here.scope, each, row, here.bind) for each in sorted(set(PERMISSIONS.values()))}
    own = row.c.submitted_by == here.of_viewer("user_id", row.c.submitted_by.type)
    return {"status": row.c.status, "own": func.coalesce(own, literal_column("false"))} | theirs


def _allowed_actions(needed: Any, _call: Call, _arguments: Mapping[str, Any]) -> list[str]:
    return [
        action.name
        for action in allowed_from(ReportStatus(needed["status"]))
        if needed[PERMISSIONS[action].name] and not (needed["own"] and action is not ReportAction.REPORT_SUBMIT)
    ]


def late(here: Here, row: Any) -> Any:
    """Late already, or not handed in though it is past due by now, whether or not that was told."""
    outstanding = and_(row.c.status == literal_column(f"'{ReportStatus.DUE}'"), row.c.due_at < here.now)
    return or_(row.c.late, outstanding)


@stored(table=EVENTS, description="One thing that happened to a duty to report.")
class ReportEvent:
    type: ReportEventType = column("What happened.")
    type_label: str = expression(
        "What happened, in the viewer's language.",
        lambda here: label_sql(ReportEventType, here.row.c.type, here.locale),
    )
    at: datetime = column("When.")
    version: int = column("The report's version after it.")
    actor: Actor = doer("Who did it; nobody where the system did.")
    to_status: ReportStatus = expression("The status after.", lambda here: datum(here, "toStatus"))
    note: str | None = expression("What was said.", lambda here: datum(here, "note"))


ReportEventEdge, ReportEventConnection = paged(ReportEvent, "a report's events")


def report_timeline_arguments(
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> ReportEventConnection: ...


@stored(
    table=REPORTS,
    prefix="RO",
    permission=Permission.REPORT_READ,
    visible=lambda here: visible_to(here.scope, here.row, here.bind),
    description="The duty of a tenant to report on a period, and the report (003_…txt, 二(八), 四(一)). Its draft is "
    "made once the period is over, for the city itself and where the scheme says so for its counties and departments.",
)
class Report(Node):
    id: strawberry.ID = expression(
        "The global id.", lambda here: func.global_id(literal_column("'RO'"), here.row.c.city_id, here.row.c.id)
    )
    version: int = column("Rises with every verb; pass it back as `expectedVersion`.")
    obligation: str = column("What is owed, as the city's scheme calls it.")
    every: Period = column("How often it is owed.")
    begins_on: date = column("The first day of the period.")
    ends_before: date = column("The day after the last one.")
    tenant: Tenant = relation("Who owes it.", "Tenant", lambda here: here.row.c.id == here.outer.c.tenant_id)
    from_roles: list[Role] = column("Who of the tenant hands it in.")
    to_roles: list[Role] = column("Who accepts it, there or above.")
    copied_to: list[str] = column("Who gets a copy (抄送).")
    status: ReportStatus = column("Where it stands.")
    status_label: str = expression(
        "The status in the viewer's language.", lambda here: label_sql(ReportStatus, here.row.c.status, here.locale)
    )
    due_at: datetime = column(
        "When it is due: at the close of the due day, or of the next working day where the city does not work on it."
    )
    provisional: bool = column("Whether that may change: the holidays of one of its years are not published.")
    late: bool = expression(
        "Whether it was not handed in when it was due; what was in time and then returned is not late.",
        lambda here: late(here, here.row),
    )
    content: JsonDocument = column(
        "What the period came to: `tickets` (submitted, ended, overdue), `frequentSubjects`, `overdueDepartments` and "
        "`listedNotices` (挂牌督办). Counted for the draft, once more when it is handed in, and never after."
    )
    summary: str | None = column("What was said when it was handed in.")
    decision: str | None = column("What was said when it was accepted or returned.")
    scheme_version: int = column("The version of the city's scheme under which it is owed.")
    drafted_at: datetime = column("When the draft was made.")
    chased_at: datetime | None = column("When it was chased (催报); null when it was not.")
    submitted_at: datetime | None = column("When it was last handed in.")
    decided_at: datetime | None = column("When that was accepted or returned.")
    timeline: ReportEventConnection = connection(
        "Everything that happened to it, oldest first.",
        events_of("ReportEvent", TOPIC),
        report_timeline_arguments,
    )
    allowed_actions: list[ReportAction] = computed(
        "What this viewer may do with it now.", _actions_needed, _allowed_actions
    )


ReportEdge, ReportConnection = paged(Report, "duties to report")
