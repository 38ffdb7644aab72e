"""Rectification tasks, work plans and inspections, as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import strawberry
from sqlalchemy import ColumnElement, DateTime, Integer, and_, exists, func, literal_column, null, or_, select
from sqlalchemy import cast as sql_cast

from app.kernel.tables import Event, table_of
from app.rectification.lifecycle import PERMISSIONS, Facts, RectificationAction, allowed_from
from app.rectification.models import CO_OPERATORS, INSPECTIONS, MILESTONES, PLANS, PROGRESS, TASKS
from app.rectification.queries import (
    has_open_milestones,
    inspection_visible_to,
    plan_visible_to,
    visible_to,
    within_reach,
)
from app.rectification.texts import MOST_CO_OPERATORS, MOST_MILESTONES
from app.rectification.words import FindingSeverity, InspectionMode, RectificationEventType, RectificationStatus
from authz.permissions import Permission
from schema.labels import label_sql
from schema.pages import After, Before, First, Last, Node, paged
from schema.reader.declare import (
    Call,
    Connection,
    Here,
    Order,
    OuterRow,
    column,
    computed,
    connection,
    expression,
    relation,
    stored,
)
from schema.supervision.types import SupervisionNotice
from schema.tenants.types import Tenant
from schema.tickets.statistics import Rate
from schema.tickets.types import Actor, Ticket
from schema.timelines import datum
from tenants.schemes.words import RectificationSource

EVENTS = table_of(Event)
P = Permission


def overdue(here: Here, row: Any) -> ColumnElement[bool]:
    """Somebody has something to do, and the date has passed."""
    return and_(row.c.running, row.c.due_at < here.now)


def lagging(here: Here, row: Any) -> ColumnElement[bool]:
    """Worked on, and the progress of a period that has ended was not reported."""
    return and_(row.c.running, row.c.progress_due_at <= here.now)


def _its_own(key: str = "task_id") -> Any:
    return lambda here: and_(here.row.c.city_id == here.outer.c.city_id, getattr(here.row.c, key) == here.outer.c.id)


def _reached_by(key: str) -> Any:
    return lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == getattr(here.outer.c, key))


def _tenant(key: str) -> Any:
    return lambda here: here.row.c.id == getattr(here.outer.c, key)


def _gid(prefix: str) -> Any:
    return lambda here: func.global_id(literal_column(f"'{prefix}'"), here.row.c.city_id, here.row.c.id)


def _actions_needed(here: Here) -> Mapping[str, Any]:
    row = here.row
    return {
        "status": row.c.status,
        "planned": row.c.measures.is_not(null()),
        "milestones_open": has_open_milestones(row),
        "looked_back": func.coalesce(row.c.look_back_until < here.now, literal_column("false")),
        **{each.name: within_reach(here.scope, each, row, here.bind) for each in set(PERMISSIONS.values())},
    }


def _allowed_actions(needed: Any, _call: Call, _arguments: Mapping[str, Any]) -> list[str]:
    facts = Facts(
        RectificationStatus(needed["status"]), needed["planned"], needed["milestones_open"], needed["looked_back"]
    )
    return [action.name for action in allowed_from(facts) if needed[PERMISSIONS[action].name]]


def timeline_arguments(
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> RectificationEventConnection: ...


def progress_arguments(
    first: First = strawberry.UNSET, after: After = strawberry.UNSET
) -> RectificationProgressConnection: ...


def tasks_arguments(
    first: First = strawberry.UNSET, after: After = strawberry.UNSET
) -> RectificationTaskConnection: ...


@stored(table=MILESTONES, description="A step of a task's plan, and by when it is done.")
class RectificationMilestone:
    place: int = column("Its number within the task, from 1.")
    title: str = column("What is done by then.")
    due_on: date = column("By the end of this day.")
    done_at: datetime | None = column("When it was done; null until then.")
    note: str | None = column("What was said of it when it was done.")


@stored(table=PROGRESS, description="What a unit reported of a task for a month.")
class RectificationProgress:
    month: date = column("The month, by its first day.")
    tenant: Tenant = relation("Who reported.", "Tenant", _tenant("tenant_id"))
    text: str = column("What was done.")
    percent: int = column("How far its work was, 0 to 100.")
    reported_at: datetime = column("When it was reported.")


RectificationProgressEdge, RectificationProgressConnection = paged(RectificationProgress, "months' progress")


@stored(
    table=EVENTS,
    description="One thing that happened to a rectification task. Immutable; chained by hashes, so that an altered "
    "past shows.",
)
class RectificationEvent:
    type: RectificationEventType = column("What happened.")
    type_label: str = expression(
        "What happened, in the viewer's language.",
        lambda here: label_sql(RectificationEventType, here.row.c.type, here.locale),
    )
    at: datetime = column("When.")
    version: int = column("The task's version after it.")
    actor: Actor | None = relation(
        "Who did it; null: the system.",
        "Actor",
        lambda here: and_(
            here.row.c.city_id == here.outer.c.city_id,
            here.row.c.id == here.outer.c.id,
            here.row.c.actor_id.is_not(null()),
        ),
        inherits=True,
    )
    from_status: RectificationStatus | None = expression("The status before.", lambda here: datum(here, "fromStatus"))
    to_status: RectificationStatus | None = expression("The status after.", lambda here: datum(here, "toStatus"))
    note: str | None = expression("The measures, text, result or reason that was given.", lambda h: datum(h, "note"))
    percent: int | None = expression(
        "How far it was, of a progress.", lambda here: sql_cast(datum(here, "percent"), Integer)
    )
    milestone: str | None = expression("The milestone that was completed.", lambda here: datum(here, "milestone"))
    due_at: datetime | None = expression(
        "The date that was set or missed, or of `MOVED` the new one.",
        lambda here: sql_cast(datum(here, "dueAt"), DateTime(timezone=True)),
    )
    hash: str = expression(
        "SHA-256 over this event and `prevHash`, in hexadecimal.",
        lambda here: func.encode(here.row.c.hash, literal_column("'hex'")),
    )
    prev_hash: str | None = expression(
        "The hash of the task's event before it; null for the first.",
        lambda here: func.encode(here.row.c.prev_hash, literal_column("'hex'")),
    )


RectificationEventEdge, RectificationEventConnection = paged(RectificationEvent, "a rectification task's events")


@stored(
    table=TASKS,
    prefix="RT",
    permission=P.RECTIFICATION_READ,
    visible=lambda here: visible_to(here.scope, here.row, here.bind),
    description="A problem and what is done about it (整改任务), an item of the problem ledger (问题清单, 台账), "
    "until it is struck off (销号).",
)
class RectificationTask(Node):
    id: strawberry.ID = expression("The global id.", _gid("RT"))
    version: int = column("Rises with every verb that changes the task; pass it back as `expectedVersion`.")
    source: RectificationSource = column("Where it comes from.")
    source_label: str = expression(
        "The source in the viewer's language.",
        lambda here: label_sql(RectificationSource, here.row.c.source, here.locale),
    )
    ticket: Ticket | None = relation(
        "The ticket that led to it; null where there is none that the viewer may see.",
        "Ticket",
        _reached_by("ticket_id"),
    )
    notice: SupervisionNotice | None = relation(
        "The supervision notice that led to it; null where there is none that the viewer may see.",
        "SupervisionNotice",
        _reached_by("notice_id"),
    )
    work_plan: WorkPlan | None = relation("The work plan that lists it.", "WorkPlan", _reached_by("plan_id"))
    inspection: Inspection | None = relation(
        "The inspection that found it; null where there is none that the viewer may see.",
        "Inspection",
        _reached_by("inspection_id"),
    )
    severity: FindingSeverity | None = column("How grave it is, of what an inspection found.")
    title: str = column("One line.")
    problem: str = column("What is wrong, or has to be done.")
    cause: str | None = column("Why it is so, as the responsible unit found.")
    goal: str | None = column("What is to be reached.")
    measures: str | None = column("What is done about it; null until that is planned.")
    lead: Tenant = relation("The responsible unit (责任单位).", "Tenant", _tenant("lead_id"))
    co_operators: list[Tenant] = relation(
        "The units that help (配合单位), at most 20.",
        "Tenant",
        lambda here: exists(
            select(literal_column("1"))
            .select_from(CO_OPERATORS)
            .where(
                CO_OPERATORS.c.city_id == here.outer.c.city_id,
                CO_OPERATORS.c.task_id == here.outer.c.id,
                CO_OPERATORS.c.tenant_id == here.row.c.id,
            )
        ),
        many=True,
        most=MOST_CO_OPERATORS,
        order=lambda row: (row.c.path,),
    )
    responsible_person: str | None = column("Who answers for it in the unit: name and post (责任人).")
    sponsor: str | None = column("The leader who sponsors it (领导分包).")
    status: RectificationStatus = column("Where it stands.")
    status_label: str = expression(
        "The status in the viewer's language.",
        lambda here: label_sql(RectificationStatus, here.row.c.status, here.locale),
    )
    round: int = column("1 at first; one more each time that it is reopened (回头看).")
    percent: int = column("How far it is by the responsible unit's last word, 0 to 100.")
    result: str | None = column("What was handed in last as put right in this round.")
    issued_at: datetime = column("When it was issued.")
    due_at: datetime = column("By when it is handed in as put right.")
    provisional: bool = column(
        "Whether `dueAt`, or of a closed one `lookBackUntil`, may change: the holidays of one of its years are not "
        "published. A date that somebody gave does not."
    )
    overdue: bool = expression(
        "Whether the responsible unit has something to do and the date has passed.",
        lambda here: overdue(here, here.row),
    )
    lagging: bool = expression(
        "Whether the progress of a month (or what the scheme has instead) that is over was not reported while it is "
        "worked on; the month of its issue needs none.",
        lambda here: lagging(here, here.row),
    )
    submitted_at: datetime | None = column("When it was last handed in.")
    accepted_at: datetime | None = column("When it was accepted.")
    closed_at: datetime | None = column("When it was struck off (销号).")
    look_back_until: datetime | None = column("Until when a closed one may be reopened (回头看).")
    scheme_version: int = column("The version of the city's scheme under which it runs.")
    milestones: list[RectificationMilestone] = relation(
        "The steps of its plan, in their order; at most 100, the earliest.",
        "RectificationMilestone",
        _its_own(),
        many=True,
        most=2 * MOST_MILESTONES,
        order=lambda row: (row.c.place,),
        inherits=True,
    )
    progress: RectificationProgressConnection = connection(
        "What was reported of it, in the order in which it was.",
        Connection(
            target="RectificationProgress",
            on=_its_own(),
            orders={},
            default=Order("reported_at", by="tenant_id"),
            inherits=True,
        ),
        progress_arguments,
    )
    timeline: RectificationEventConnection = connection(
        "Everything that happened, oldest first.",
        Connection(
            target="RectificationEvent",
            on=_its_own("subject_id"),
            orders={},
            default=Order("seq", by=None),
            inherits=True,
        ),
        timeline_arguments,
    )
    allowed_actions: list[RectificationAction] = computed(
        "What this viewer may do with the task now.", _actions_needed, _allowed_actions
    )


RectificationTaskEdge, RectificationTaskConnection = paged(RectificationTask, "rectification tasks")


@stored(
    table=INSPECTIONS,
    prefix="IN",
    permission=P.RECTIFICATION_READ,
    visible=lambda here: inspection_visible_to(here.scope, here.row, here.bind),
    description="An inspection of a unit (明察暗访). Never changed.",
)
class Inspection(Node):
    id: strawberry.ID = expression("The global id.", _gid("IN"))
    tenant: Tenant = relation("The inspected unit.", "Tenant", _tenant("tenant_id"))
    day: date = column("On which day.")
    mode: InspectionMode = column("Whether it was announced.")
    mode_label: str = expression(
        "The same in the viewer's language.", lambda here: label_sql(InspectionMode, here.row.c.mode, here.locale)
    )
    inspectors: str = column("Who inspected.")
    summary: str | None = column("What was seen on the whole.")
    recorded_at: datetime = column("When it was recorded.")
    findings: RectificationTaskConnection = connection(
        "What it found, as tasks of the ledger: those that the viewer may see.",
        Connection(target="RectificationTask", on=_its_own("inspection_id"), orders={}, default=Order("issued_at")),
        tasks_arguments,
    )


InspectionEdge, InspectionConnection = paged(Inspection, "inspections")


def _counted(here: Here, *conditions: Any) -> Any:
    """How many tasks of the plan the viewer sees that fulfil the conditions."""
    task = OuterRow(TASKS, "planned_")
    return (
        select(func.count())
        .select_from(TASKS.alias("planned_"))
        .where(
            task.c.city_id == here.row.c.city_id,
            task.c.plan_id == here.row.c.id,
            visible_to(here.scope, task, here.bind),
            *(condition(task) for condition in conditions),
        )
        .scalar_subquery()
    )


def is_done(row: Any) -> ColumnElement[bool]:
    """Put right, as whoever issued it has found."""
    return or_(row.c.status == literal_column("'ACCEPTED'"), row.c.status == literal_column("'CLOSED'"))


@stored(
    table=PLANS,
    prefix="WP",
    permission=P.RECTIFICATION_READ,
    visible=lambda here: plan_visible_to(here.scope, here.row, here.bind),
    description="The yearly list of tasks (任务清单) of a city or county, each with its unit and date. The counts are "
    "of what the viewer may see.",
)
class WorkPlan(Node):
    id: strawberry.ID = expression("The global id.", _gid("WP"))
    version: int = column("Rises with every task that is added.")
    tenant: Tenant = relation("Whose plan it is.", "Tenant", _tenant("tenant_id"))
    year: int = column("Of which year.")
    title: str = column("Its title.")
    published_at: datetime = column("When it was published.")
    task_count: int = expression("How many tasks it lists.", lambda here: _counted(here))
    late_count: int = expression(
        "How many of them are overdue.", lambda here: _counted(here, lambda row: overdue(here, row))
    )
    done: Rate = relation(
        "The share of them that was put right, as whoever issued it has found.",
        "Rate",
        lambda _here: literal_column("true"),
        inherits=True,
        rows=lambda here: select(_counted(here, is_done).label("numerator"), _counted(here).label("denominator")),
    )
    tasks: RectificationTaskConnection = connection(
        "Its tasks, those due first before; all that `rectificationTasks` has to choose by takes `workPlanId`.",
        Connection(target="RectificationTask", on=_its_own("plan_id"), orders={}, default=Order("due_at")),
        tasks_arguments,
    )
