"""Statistics: what is counted of the tickets of a time stands in one index."""

from __future__ import annotations

from alembic import op

revision = "2026_11_22_statistics"
down_revision = "2026_11_22_words"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        *("ix_tickets_statistics", "tickets", ["city_id", "submitted_at"]),
        postgresql_include=[
            *("id", "status", "category", "channel", "county_id", "lead_id", "lead_county_id", "secrecy", "round"),
            *("scheme_version", "satisfaction", "merged_into_id", "due_at", "closed_at", "acknowledged_at"),
            *("acknowledge_due_at", "resolved_at", "resolve_due_at"),
        ],
    )


def downgrade() -> None:
    op.drop_index("ix_tickets_statistics", "tickets")
