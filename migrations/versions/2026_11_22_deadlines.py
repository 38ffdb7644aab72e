"""Deadlines: the clocks of a ticket's steps, what they do not count, and what of them a ticket shows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_deadlines"
down_revision = "2026_11_22_origins"
branch_labels = None
depends_on = None

CITIES = "(select string_to_array(nullif(current_setting('app.cities', true), ''), ',')::int[])::int[]"
GRANTS = {
    # The limit under which a clock began stands; when it is due and how it ends is what changes.
    "deadlines": "select, insert, update (extension_days, due_at, provisional, state, ended_at)",
    "deadline_suspensions": "select, insert, update (to_at)",
}


def upgrade() -> None:
    op.create_table(
        "deadlines",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("scheme_version", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("extension_days", sa.Integer(), server_default="0", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        one_of("deadlines", "kind", "VERIFICATION ACKNOWLEDGEMENT FIRST_CONTACT HANDLING FOLLOW_UP"),
        one_of("deadlines", "unit", "OFFICE_HOURS WORKING_DAYS"),
        one_of("deadlines", "state", "RUNNING SUSPENDED MET MISSED CANCELLED"),
        sa.CheckConstraint("round >= 1 and amount >= 1 and extension_days >= 0", name=op.f("ck_deadlines_counts")),
        sa.CheckConstraint("(ended_at is null) = (state in ('RUNNING', 'SUSPENDED'))", name=op.f("ck_deadlines_ended")),
        sa.CheckConstraint("ended_at >= started_at and due_at >= started_at", name=op.f("ck_deadlines_order")),
        sa.ForeignKeyConstraint(["city_id"], ["tenants.id"], name="fk_deadlines_city_id_tenants"),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_deadlines"),
    )
    op.create_index("ix_deadlines_city_id_subject_id_started_at", "deadlines", ["city_id", "subject_id", "started_at"])
    op.create_index(
        *("uq_deadlines_running", "deadlines", ["city_id", "subject_id", "kind"]),
        unique=True,
        postgresql_where=sa.text("ended_at is null"),
    )
    op.create_table(
        "deadline_suspensions",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("deadline_id", sa.Uuid(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("to_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        one_of("deadline_suspensions", "reason", "APPLICANT_DOCUMENTS INSPECTION TESTING APPRAISAL EXPERT_REVIEW"),
        sa.CheckConstraint("to_at >= from_at", name=op.f("ck_deadline_suspensions_order")),
        sa.ForeignKeyConstraint(
            ["city_id", "deadline_id"],
            ["deadlines.city_id", "deadlines.id"],
            name="fk_deadline_suspensions_city_id_deadline_id_deadlines",
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_deadline_suspensions"),
    )
    op.create_index(
        "ix_deadline_suspensions_city_id_deadline_id_from_at",
        *("deadline_suspensions", ["city_id", "deadline_id", "from_at"]),
    )
    op.create_index(
        *("uq_deadline_suspensions_lasting", "deadline_suspensions", ["city_id", "deadline_id"]),
        unique=True,
        postgresql_where=sa.text("to_at is null"),
    )
    for table, privileges in GRANTS.items():
        op.execute(f"alter table {table} enable row level security, force row level security")
        op.execute(
            f"create policy cities on {table} using (city_id = any ({CITIES})) with check (city_id = any ({CITIES}))"
        )
        op.execute(f"grant {privileges} on {table} to yingshang_app")
    # Never null, so that a list can be sorted by it: what has no running clock is due at the end of time.
    op.add_column(
        "tickets",
        sa.Column("due_at", sa.DateTime(timezone=True), server_default="9999-12-31 00:00:00+00", nullable=False),
    )
    op.add_column("tickets", sa.Column("acknowledge_due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tickets", sa.Column("resolve_due_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_tickets_due", "tickets", ["city_id", "due_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_tickets_due", "tickets")
    for column in ("resolve_due_at", "acknowledge_due_at", "due_at"):
        op.drop_column("tickets", column)
    op.drop_table("deadline_suspensions")
    op.drop_table("deadlines")


def one_of(table: str, column: str, values: str) -> sa.CheckConstraint:
    """A CHECK that a text column holds one of the words of `values`."""
    listed = ", ".join(f"'{value}'" for value in values.split())
    return sa.CheckConstraint(f"{column} in ({listed})", name=op.f(f"ck_{table}_{column}"))
