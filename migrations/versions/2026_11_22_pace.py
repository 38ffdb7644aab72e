"""Pace: statistics of a year in one pass, and what common words find."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_pace"
down_revision = "2026_11_22_indexes"
branch_labels = None
depends_on = None

ORDINARY = "secrecy <> 'RESTRICTED'"
COUNTED = ["county_id", "lead_id", "lead_county_id"]
WAITING = ["tally", "due_at", "acknowledge_due_at", "resolve_due_at", *COUNTED]


def upgrade() -> None:
    # A day has few different tallies. Without the moment in it, an index keeps the equal ones of a day as one entry
    # with their places: it is an eighth as large, and what stands together is counted without being looked up each.
    # The day is China's, whatever a scheme says: who asks by another clock looks at the ends of the time by themselves.
    op.add_column(
        "tickets",
        sa.Column(
            "submitted_day",
            sa.Date(),
            sa.Computed("(timezone('08:00:00'::interval, submitted_at))::date", persisted=True),
            nullable=False,
        ),
    )
    op.drop_index("ix_tickets_tally", "tickets")
    op.create_index(
        "ix_tickets_tally",
        "tickets",
        ["city_id", "submitted_day", "tally", "lead_id", "county_id", "lead_county_id"],
        postgresql_where=sa.text(ORDINARY),
    )
    op.create_index(
        "ix_tickets_waiting",
        "tickets",
        ["city_id", "submitted_at"],
        postgresql_include=WAITING,
        postgresql_where=sa.text(f"{ORDINARY} and (tally & '4194304'::bigint) <> '0'::bigint"),
    )


def downgrade() -> None:
    op.drop_index("ix_tickets_waiting", "tickets")
    op.drop_index("ix_tickets_tally", "tickets")
    op.create_index(
        *("ix_tickets_tally", "tickets", ["city_id", "submitted_at"]),
        postgresql_include=WAITING,
        postgresql_where=sa.text(ORDINARY),
    )
    op.drop_column("tickets", "submitted_day")
