"""Rectification: the problem ledger, the work plan and inspections."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_rectification"
down_revision = "2026_11_22_supervision"
branch_labels = None
depends_on = None

CITIES = "(select string_to_array(nullif(current_setting('app.cities', true), ''), ',')::int[])::int[]"
OF_THE_CITIES = f"city_id = any ({CITIES})"

GRANTS = {
    # A task that is issued into a plan raises its version; nothing else of it changes.
    "work_plans": "select, insert, update (version)",
    # What an inspection found stands.
    "inspections": "select, insert",
    "rectification_tasks": "select, insert, update (version, cause, goal, measures, responsible_person, status,"
    " running, round, percent, result, due_at, provisional, progress_due_at, overdue_at, submitted_at, accepted_at,"
    " closed_at, look_back_until)",
    "rectification_co_operators": "select, insert",
    # A new plan takes the place of what was not done of the one before.
    "rectification_milestones": "select, insert, update (done_at, note), delete",
    "rectification_progress": "select, insert",
}


def upgrade() -> None:
    op.create_table(
        "work_plans",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("county_id", sa.Integer(), nullable=True),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.Uuid(), nullable=False),
        sa.CheckConstraint("year between 2000 and 2999 and version >= 1", name=op.f("ck_work_plans_counts")),
        sa.ForeignKeyConstraint(["city_id"], ["tenants.id"], name="fk_work_plans_city_id_tenants"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_work_plans_tenant_id_tenants"),
        sa.ForeignKeyConstraint(["county_id"], ["tenants.id"], name="fk_work_plans_county_id_tenants"),
        sa.ForeignKeyConstraint(["published_by"], ["users.id"], name="fk_work_plans_published_by_users"),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_work_plans"),
        sa.UniqueConstraint("city_id", "tenant_id", "year", name="uq_work_plans_city_id_tenant_id_year"),
    )
    op.create_table(
        "inspections",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("county_id", sa.Integer(), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("inspectors", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.CheckConstraint("mode in ('OPEN', 'UNDERCOVER')", name=op.f("ck_inspections_mode")),
        sa.ForeignKeyConstraint(["city_id"], ["tenants.id"], name="fk_inspections_city_id_tenants"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_inspections_tenant_id_tenants"),
        sa.ForeignKeyConstraint(["county_id"], ["tenants.id"], name="fk_inspections_county_id_tenants"),
        sa.ForeignKeyConstraint(["recorded_by"], ["users.id"], name="fk_inspections_recorded_by_users"),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_inspections"),
    )
    op.create_index("ix_inspections_recorded", "inspections", ["city_id", "recorded_at", "id"])
    op.create_table(
        "rectification_tasks",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("scheme_version", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=True),
        sa.Column("notice_id", sa.Uuid(), nullable=True),
        sa.Column("plan_id", sa.Uuid(), nullable=True),
        sa.Column("inspection_id", sa.Uuid(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("goal", sa.Text(), nullable=True),
        sa.Column("measures", sa.Text(), nullable=True),
        sa.Column("lead_id", sa.Integer(), nullable=False),
        sa.Column("lead_county_id", sa.Integer(), nullable=True),
        sa.Column("responsible_person", sa.Text(), nullable=True),
        sa.Column("sponsor", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("running", sa.Boolean(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("progress_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("overdue_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("look_back_until", sa.DateTime(timezone=True), nullable=True),
        *(
            sa.CheckConstraint(condition, name=op.f(f"ck_rectification_tasks_{name}"))
            for name, condition in {
                "source": "source in ('NOTICE', 'RANKING', 'BAD_RATING', 'PROBLEM_LIST', 'INSPECTION', 'AUDIT',"
                " 'WORK_PLAN')",
                "status": "status in ('ISSUED', 'SUBMITTED', 'ACCEPTED', 'REJECTED', 'CLOSED', 'REOPENED')",
                "severity": "severity in ('MINOR', 'SERIOUS', 'GRAVE')",
                "counts": "version >= 1 and round >= 1 and percent between 0 and 100",
                "running": "running = (status in ('ISSUED', 'REJECTED', 'REOPENED'))",
                "closed": "(status = 'CLOSED') = (closed_at is not null)",
                "look_back": "(closed_at is null) = (look_back_until is null)",
                "submitted": "running or submitted_at is not null",
                "plan": "plan_id is null or source = 'WORK_PLAN'",
                "finding": "(inspection_id is null) = (severity is null)",
            }.items()
        ),
        sa.ForeignKeyConstraint(["city_id"], ["tenants.id"], name="fk_rectification_tasks_city_id_tenants"),
        sa.ForeignKeyConstraint(["lead_id"], ["tenants.id"], name="fk_rectification_tasks_lead_id_tenants"),
        sa.ForeignKeyConstraint(
            ["lead_county_id"], ["tenants.id"], name="fk_rectification_tasks_lead_county_id_tenants"
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "ticket_id"],
            ["tickets.city_id", "tickets.id"],
            name="fk_rectification_tasks_city_id_ticket_id_tickets",
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "notice_id"],
            ["supervision_notices.city_id", "supervision_notices.id"],
            name="fk_rectification_tasks_city_id_notice_id_supervision_notices",
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "plan_id"],
            ["work_plans.city_id", "work_plans.id"],
            name="fk_rectification_tasks_city_id_plan_id_work_plans",
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "inspection_id"],
            ["inspections.city_id", "inspections.id"],
            name="fk_rectification_tasks_city_id_inspection_id_inspections",
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_rectification_tasks"),
    )
    for name, columns, where in (
        ("issued", ("city_id", "issued_at", "id"), None),
        ("due", ("city_id", "due_at", "id"), None),
        ("status", ("city_id", "status", "issued_at", "id"), None),
        ("source", ("city_id", "source", "issued_at", "id"), None),
        ("lead", ("city_id", "lead_id", "issued_at", "id"), None),
        ("county", ("city_id", "lead_county_id", "issued_at", "id"), None),
        ("running", ("city_id", "due_at", "id"), "running"),
        ("untold", ("due_at", "city_id"), "running and overdue_at is null"),
        ("lagging", ("city_id", "progress_due_at", "id"), "running"),
        ("plan", ("city_id", "plan_id", "due_at", "id"), None),
        ("inspection", ("city_id", "inspection_id", "issued_at", "id"), None),
        ("ticket", ("city_id", "ticket_id"), "ticket_id is not null"),
        ("notice", ("city_id", "notice_id"), "notice_id is not null"),
    ):
        op.create_index(
            f"ix_rectification_tasks_{name}",
            "rectification_tasks",
            list(columns),
            postgresql_where=None if where is None else sa.text(where),
        )
    create_parts()
    for table, privileges in GRANTS.items():
        op.execute(f"alter table {table} enable row level security, force row level security")
        op.execute(f"create policy cities on {table} using ({OF_THE_CITIES}) with check ({OF_THE_CITIES})")
        op.execute(f"grant {privileges} on {table} to yingshang_app")


def create_parts() -> None:
    """What belongs to a task."""

    def of_its_task(table: str) -> sa.ForeignKeyConstraint:
        return sa.ForeignKeyConstraint(
            ["city_id", "task_id"],
            ["rectification_tasks.city_id", "rectification_tasks.id"],
            name=f"fk_{table}_task",  # by the convention it would be too long
        )

    op.create_table(
        "rectification_co_operators",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        of_its_task("rectification_co_operators"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_rectification_co_operators_tenant_id_tenants"),
        sa.PrimaryKeyConstraint("city_id", "task_id", "tenant_id", name="pk_rectification_co_operators"),
    )
    op.create_index(
        "ix_rectification_co_operators_city_id_tenant_id_task_id",
        "rectification_co_operators",
        ["city_id", "tenant_id", "task_id"],
    )
    op.create_table(
        "rectification_milestones",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("place >= 1", name=op.f("ck_rectification_milestones_place")),
        of_its_task("rectification_milestones"),
        sa.PrimaryKeyConstraint("city_id", "task_id", "place", name="pk_rectification_milestones"),
    )
    op.create_table(
        "rectification_progress",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("percent between 0 and 100", name=op.f("ck_rectification_progress_percent")),
        sa.CheckConstraint("extract(day from month) = 1", name=op.f("ck_rectification_progress_month")),
        of_its_task("rectification_progress"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_rectification_progress_tenant_id_tenants"),
        sa.PrimaryKeyConstraint("city_id", "task_id", "month", "tenant_id", name="pk_rectification_progress"),
    )


def downgrade() -> None:
    for table in ("progress", "milestones", "co_operators", "tasks"):
        op.drop_table(f"rectification_{table}")
    for table in ("inspections", "work_plans"):
        op.drop_table(table)
