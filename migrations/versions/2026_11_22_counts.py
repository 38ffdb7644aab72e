"""What a month's count looks for: what was resolved, closed, due, called and begun again in it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_counts"
down_revision = "2026_11_22_later"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_tickets_resolved": ("tickets", "resolved_at", "resolved_at is not null"),
    "ix_tickets_closed": ("tickets", "closed_at", "status = 'CLOSED'"),
    "ix_deadlines_due": ("deadlines", "due_at", None),
    "ix_deadlines_called": ("deadlines", "ended_at", "kind = 'FOLLOW_UP'"),
    "ix_deadlines_again": ("deadlines", "started_at", "kind = 'HANDLING' and round > 1"),
}


def upgrade() -> None:
    for name, (table, moment, which) in INDEXES.items():
        op.create_index(name, table, ["city_id", moment], postgresql_where=None if which is None else sa.text(which))


def downgrade() -> None:
    for name, (table, _, _) in reversed(INDEXES.items()):
        op.drop_index(name, table)
