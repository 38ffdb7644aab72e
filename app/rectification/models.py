"""The tables of the rectification slice: the problem ledger, the yearly work plans, and inspections."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.tables import Base, one_of, table_of
from app.rectification.words import FindingSeverity, InspectionMode, RectificationStatus
from tenants.schemes.words import RectificationSource


class WorkPlan(Base):
    """The yearly list of tasks (任务清单, 002_…txt) of a city or county: what it lists are rectification tasks."""

    __tablename__ = "work_plans"
    __table_args__ = (
        CheckConstraint("year between 2000 and 2999 and version >= 1", name="counts"),
        UniqueConstraint("city_id", "tenant_id", "year"),
    )

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    county_id: Mapped[int | None] = mapped_column(ForeignKey("tenants.id"))
    year: Mapped[int]
    title: Mapped[str]
    published_at: Mapped[datetime]
    published_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))


class Inspection(Base):
    """An inspection of a tenant (明察暗访). What it found are rectification tasks. Never changed."""

    __tablename__ = "inspections"
    __table_args__ = (
        one_of("mode", InspectionMode),
        Index("ix_inspections_recorded", "city_id", "recorded_at", "id"),
    )

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    county_id: Mapped[int | None] = mapped_column(ForeignKey("tenants.id"))
    day: Mapped[date]
    mode: Mapped[str]
    inspectors: Mapped[str]
    summary: Mapped[str | None]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))


class RectificationTask(Base):
    """A problem of the ledger (问题清单, 台账) and what is done about it, until it is struck off (销号).

    `running` while the responsible unit has something to do. Overdue is then what is past `due_at`, and lagging what is
    past `progress_due_at`: both are asked of the moment of reading. `overdue_at` tells that the event of the present
    date was recorded. The limit is the one of the scheme's version under which it began: working days from `due_from`,
    or a date that somebody gave, which no calendar moves. `provisional` and `calendar_version` tell of `due_at`, and of
    `look_back_until` once it is struck off. `cause_key` names what opened one that opened by itself, so that nothing
    opens one twice.
    """

    __tablename__ = "rectification_tasks"
    __table_args__ = (
        one_of("source", RectificationSource),
        one_of("status", RectificationStatus),
        one_of("severity", FindingSeverity),
        CheckConstraint("version >= 1 and round >= 1 and percent between 0 and 100", name="counts"),
        CheckConstraint("running = (status in ('ISSUED', 'REJECTED', 'REOPENED'))", name="running"),
        CheckConstraint("(status = 'CLOSED') = (closed_at is not null)", name="closed"),
        CheckConstraint("(closed_at is null) = (look_back_until is null)", name="look_back"),
        CheckConstraint("running or submitted_at is not null", name="submitted"),
        CheckConstraint("plan_id is null or source = 'WORK_PLAN'", name="plan"),
        CheckConstraint("(inspection_id is null) = (severity is null)", name="finding"),
        UniqueConstraint("city_id", "cause_key"),
        ForeignKeyConstraint(["city_id", "ticket_id"], ["tickets.city_id", "tickets.id"]),
        ForeignKeyConstraint(["city_id", "notice_id"], ["supervision_notices.city_id", "supervision_notices.id"]),
        ForeignKeyConstraint(["city_id", "plan_id"], ["work_plans.city_id", "work_plans.id"]),
        ForeignKeyConstraint(["city_id", "inspection_id"], ["inspections.city_id", "inspections.id"]),
        Index("ix_rectification_tasks_issued", "city_id", "issued_at", "id"),
        Index("ix_rectification_tasks_due", "city_id", "due_at", "id"),
        Index("ix_rectification_tasks_status", "city_id", "status", "issued_at", "id"),
        Index("ix_rectification_tasks_source", "city_id", "source", "issued_at", "id"),
        Index("ix_rectification_tasks_lead", "city_id", "lead_id", "issued_at", "id"),
        Index("ix_rectification_tasks_county", "city_id", "lead_county_id", "issued_at", "id"),
        Index("ix_rectification_tasks_running", "city_id", "due_at", "id", postgresql_where=text("running")),
        Index(
            "ix_rectification_tasks_untold",
            *("due_at", "city_id"),
            postgresql_where=text("running and overdue_at is null"),
        ),
        Index("ix_rectification_tasks_lagging", "city_id", "progress_due_at", "id", postgresql_where=text("running")),
        Index(
            "ix_rectification_tasks_calendar",
            *("city_id", "calendar_version"),
            postgresql_where=text("closed_at is null"),
        ),
        Index("ix_rectification_tasks_looked_back", "city_id", "look_back_until"),
        Index("ix_rectification_tasks_plan", "city_id", "plan_id", "due_at", "id"),
        Index("ix_rectification_tasks_inspection", "city_id", "inspection_id", "issued_at", "id"),
        Index(
            "ix_rectification_tasks_ticket",
            *("city_id", "ticket_id"),
            postgresql_where=text("ticket_id is not null"),
        ),
        Index(
            "ix_rectification_tasks_notice",
            *("city_id", "notice_id"),
            postgresql_where=text("notice_id is not null"),
        ),
    )

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    scheme_version: Mapped[int]
    source: Mapped[str]
    ticket_id: Mapped[uuid.UUID | None]
    notice_id: Mapped[uuid.UUID | None]
    plan_id: Mapped[uuid.UUID | None]
    inspection_id: Mapped[uuid.UUID | None]
    severity: Mapped[str | None]
    title: Mapped[str]
    problem: Mapped[str]
    cause: Mapped[str | None]
    goal: Mapped[str | None]
    measures: Mapped[str | None]
    lead_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    lead_county_id: Mapped[int | None] = mapped_column(ForeignKey("tenants.id"))
    responsible_person: Mapped[str | None]
    sponsor: Mapped[str | None]
    status: Mapped[str]
    running: Mapped[bool]
    round: Mapped[int]
    percent: Mapped[int]
    result: Mapped[str | None]
    issued_at: Mapped[datetime]
    due_at: Mapped[datetime]
    due_from: Mapped[datetime | None]
    provisional: Mapped[bool]
    calendar_version: Mapped[int] = mapped_column(server_default="0")
    progress_due_at: Mapped[datetime]
    overdue_at: Mapped[datetime | None]
    submitted_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    look_back_until: Mapped[datetime | None]
    cause_key: Mapped[str | None]


def _of_its_task(table: str) -> ForeignKeyConstraint:
    """The key of a part's task, by a name that is short enough."""
    columns = ["rectification_tasks.city_id", "rectification_tasks.id"]
    return ForeignKeyConstraint(["city_id", "task_id"], columns, name=f"fk_{table}_task")


class RectificationCoOperator(Base):
    """A tenant that helps with a task (配合单位)."""

    __tablename__ = "rectification_co_operators"
    __table_args__ = (
        _of_its_task("rectification_co_operators"),
        Index(None, "city_id", "tenant_id", "task_id"),
    )

    city_id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)


class RectificationMilestone(Base):
    """A step of a task's plan. `place` counts from 1 within the task and is how people name it."""

    __tablename__ = "rectification_milestones"
    __table_args__ = (
        CheckConstraint("place >= 1", name="place"),
        _of_its_task("rectification_milestones"),
    )

    city_id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    title: Mapped[str]
    due_on: Mapped[date]
    done_at: Mapped[datetime | None]
    note: Mapped[str | None]


class RectificationProgress(Base):
    """What a unit reported of a task for a month (its first day), once: each of those who work on it for itself."""

    __tablename__ = "rectification_progress"
    __table_args__ = (
        CheckConstraint("percent between 0 and 100", name="percent"),
        CheckConstraint("extract(day from month) = 1", name="month"),
        _of_its_task("rectification_progress"),
    )

    city_id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    text: Mapped[str]
    percent: Mapped[int]
    reported_at: Mapped[datetime]


TASKS = table_of(RectificationTask)
CO_OPERATORS = table_of(RectificationCoOperator)
MILESTONES = table_of(RectificationMilestone)
PROGRESS = table_of(RectificationProgress)
PLANS = table_of(WorkPlan)
INSPECTIONS = table_of(Inspection)
