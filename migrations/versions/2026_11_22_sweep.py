"""Sweep: when a running clock warns, and that it has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_sweep"
down_revision = "2026_11_22_calendar"
branch_labels = None
depends_on = None

EVERY_CITY = (
    "select set_config('app.cities', (select coalesce(string_agg(id::text, ','), '') from tenants where id = city_id),"
    " true)"
)
FIRES_AT = (
    "case when missed_at is null and state = 'RUNNING'::text and warned_at is null then coalesce(warn_at, due_at)"
    " when missed_at is null and (state = 'RUNNING'::text or state = 'MISSED'::text) then due_at"
    " else null::timestamp with time zone end"
)


def upgrade() -> None:
    # A clock that runs already does not warn: its scheme did not say when. It is told of when it is missed.
    for name in ("warn_at", "warned_at", "missed_at"):
        op.add_column("deadlines", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.execute(EVERY_CITY)
    op.execute("update deadlines set missed_at = ended_at where state = 'MISSED'")  # long over: nobody is told any more
    op.execute("select set_config('app.cities', '', true)")
    op.create_check_constraint(
        op.f("ck_deadlines_fired"),
        "deadlines",
        "warn_at <= due_at and warned_at >= warn_at and missed_at >= due_at",
    )
    op.add_column(
        "deadlines",
        sa.Column("fires_at", sa.DateTime(timezone=True), sa.Computed(FIRES_AT, persisted=True), nullable=True),
    )
    op.create_index(
        *("ix_deadlines_fires", "deadlines", ["city_id", "fires_at"]),
        postgresql_where=sa.text("fires_at is not null"),
    )
    op.execute("grant update (warn_at, warned_at, missed_at) on deadlines to yingshang_app")


def downgrade() -> None:
    op.execute("revoke update (warn_at, warned_at, missed_at) on deadlines from yingshang_app")
    op.drop_index("ix_deadlines_fires", "deadlines")
    op.drop_column("deadlines", "fires_at")
    op.drop_constraint(op.f("ck_deadlines_fired"), "deadlines")
    for name in ("missed_at", "warned_at", "warn_at"):
        op.drop_column("deadlines", name)
