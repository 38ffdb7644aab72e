"""The rest of a ticket's verbs: what is pending in a state, the parts of co-handlers, and checks of quality."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "2026_11_22_verbs"
down_revision = "2026_11_22_foundation"
branch_labels = None
depends_on = None

CITIES = "(select string_to_array(nullif(current_setting('app.cities', true), ''), ',')::int[])::int[]"
TABLES = ("quality_samples", "quality_checks")
# Name, type, and what a row without one has; null where there is nothing.
COLUMNS: tuple[tuple[str, type[TypeEngine[Any]], str | None], ...] = (
    ("contacted_at", sa.DateTime, None),
    ("suspended_at", sa.DateTime, None),
    ("suspension_reason", sa.Text, None),
    ("extension_days", sa.Integer, None),
    ("extensions", sa.Integer, "0"),
    ("coordination", sa.Text, None),
    ("referred", sa.Boolean, "false"),
    ("malice", sa.Text, None),
    ("repeat_of_id", sa.Uuid, None),
    ("low_satisfaction_at", sa.DateTime, None),
    ("own_receipt", sa.Boolean, "false"),
    ("has_office", sa.Boolean, "true"),
    ("decision_number", sa.Text, None),
    ("decision_published_at", sa.DateTime, None),
)
CHECKS = {
    "suspension_reason": (
        "suspension_reason in ('APPLICANT_DOCUMENTS', 'INSPECTION', 'TESTING', 'APPRAISAL', 'EXPERT_REVIEW')"
    ),
    "coordination": "coordination in ('TASK_GROUP', 'WORKING_GROUP', 'LEADING_GROUP')",
    "malice": "malice in ('FOUND', 'APPEALED', 'UPHELD', 'OVERTURNED')",
    "suspension": "(suspended_at is null) = (suspension_reason is null)",
    "extensions": "extension_days > 0 and extensions >= 0",
    "repeat_of": "repeat_of_id <> id",
}


def upgrade() -> None:
    for name, kind, default in COLUMNS:
        type_ = sa.DateTime(timezone=True) if kind is sa.DateTime else kind()
        default_sql = None if default is None else sa.text(default)
        op.add_column("tickets", sa.Column(name, type_, server_default=default_sql, nullable=default is None))
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_tickets_{name}"), "tickets", condition)
    op.create_foreign_key(
        "fk_tickets_city_id_repeat_of_id_tickets",
        *("tickets", "tickets", ["city_id", "repeat_of_id"], ["city_id", "id"]),
    )
    op.create_index(
        *("ix_tickets_repeat_of", "tickets", ["city_id", "repeat_of_id"]),
        postgresql_where=sa.text("repeat_of_id is not null"),
    )
    op.create_index(
        "ix_tickets_low_satisfaction",
        "tickets",
        ["city_id", sa.text("submitted_at desc"), sa.text("id desc")],
        postgresql_where=sa.text("low_satisfaction_at is not null"),
    )
    op.add_column("ticket_co_handlers", sa.Column("report", sa.Text(), nullable=True))
    op.add_column("ticket_co_handlers", sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("grant update (report, reported_at) on ticket_co_handlers to yingshang_app")
    create_quality_tables()
    for table in TABLES:
        op.execute(f"alter table {table} enable row level security, force row level security")
        op.execute(
            f"create policy cities on {table} using (city_id = any ({CITIES})) with check (city_id = any ({CITIES}))"
        )
    op.execute("grant select, insert, update (version) on quality_samples to yingshang_app")
    op.execute(
        "grant select, insert, update (passed, findings, checked_at, checked_by) on quality_checks to yingshang_app"
    )


def create_quality_tables() -> None:
    op.create_table(
        "quality_samples",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("scheme_version", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("resolved_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("population", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("seed", sa.LargeBinary(), nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("drawn_by", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "size >= 0 and size <= population and resolved_from < resolved_before",
            name=op.f("ck_quality_samples_counts"),
        ),
        sa.ForeignKeyConstraint(["city_id"], ["tenants.id"], name="fk_quality_samples_city_id_tenants"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_quality_samples_tenant_id_tenants"),
        sa.ForeignKeyConstraint(["drawn_by"], ["users.id"], name="fk_quality_samples_drawn_by_users"),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_quality_samples"),
    )
    op.create_index(
        "ix_quality_samples_drawn", "quality_samples", ["city_id", sa.text("drawn_at desc"), sa.text("id desc")]
    )
    op.create_table(
        "quality_checks",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("sample_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.Column("findings", sa.Text(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("(checked_at is null) = (passed is null)", name=op.f("ck_quality_checks_checked")),
        sa.ForeignKeyConstraint(
            ["city_id", "sample_id"],
            ["quality_samples.city_id", "quality_samples.id"],
            name="fk_quality_checks_city_id_sample_id_quality_samples",
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "ticket_id"],
            ["tickets.city_id", "tickets.id"],
            name="fk_quality_checks_city_id_ticket_id_tickets",
        ),
        sa.ForeignKeyConstraint(["checked_by"], ["users.id"], name="fk_quality_checks_checked_by_users"),
        sa.PrimaryKeyConstraint("city_id", "sample_id", "ticket_id", name="pk_quality_checks"),
    )
    op.create_index("ix_quality_checks_city_id_ticket_id", "quality_checks", ["city_id", "ticket_id"])


def downgrade() -> None:
    op.drop_table("quality_checks")
    op.drop_table("quality_samples")
    op.execute("revoke update (report, reported_at) on ticket_co_handlers from yingshang_app")
    op.drop_column("ticket_co_handlers", "reported_at")
    op.drop_column("ticket_co_handlers", "report")
    op.drop_index("ix_tickets_low_satisfaction", "tickets")
    op.drop_index("ix_tickets_repeat_of", "tickets")
    op.drop_constraint("fk_tickets_city_id_repeat_of_id_tickets", "tickets")
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_tickets_{name}"), "tickets")
    for name, *_ in reversed(COLUMNS):
        op.drop_column("tickets", name)
