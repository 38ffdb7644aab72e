"""Calendar: days that the platform sets apart, and by which calendar a deadline was worked out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "2026_11_22_calendar"
down_revision = "2026_11_22_pace"
branch_labels = None
depends_on = None

# The platform's own space has the id 1: only who works in it publishes for every city.
PLATFORM = "1 = any ((select string_to_array(nullif(current_setting('app.cities', true), ''), ',')::int[])::int[])"
TABLES = ("calendars", "calendar_days")


def upgrade() -> None:
    op.create_table(
        "calendars",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("version >= 1", name=op.f("ck_calendars_version")),
        sa.PrimaryKeyConstraint("version", name="pk_calendars"),
    )
    op.create_table(
        "calendar_days",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("worked", sa.Boolean(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["version"], ["calendars.version"], name="fk_calendar_days_version_calendars"),
        sa.PrimaryKeyConstraint("version", "day", name="pk_calendar_days"),
    )
    for table in TABLES:
        op.execute(f"alter table {table} enable row level security, force row level security")
        op.execute(f"create policy everybody on {table} for select using (true)")
        op.execute(f"create policy platform on {table} for insert with check ({PLATFORM})")
        op.execute(f"grant select, insert on {table} to yingshang_app")
    # What was worked out so far was so by what the program itself knows: version 0.
    op.add_column("deadlines", sa.Column("calendar_version", sa.Integer(), server_default="0", nullable=False))
    op.execute("grant update (calendar_version) on deadlines to yingshang_app")
    # What explaining a deadline asks of its scheme. A document has 20 kB and lies apart from its row; this stays in it.
    op.add_column(
        "schemes",
        sa.Column("calendar", JSONB(), sa.Computed("document -> 'calendar'::text", persisted=True), nullable=True),
    )


def downgrade() -> None:
    op.drop_column("schemes", "calendar")
    op.execute("revoke update (calendar_version) on deadlines from yingshang_app")
    op.drop_column("deadlines", "calendar_version")
    for table in reversed(TABLES):
        op.drop_table(table)
