"""Duplicates and merged tickets."""

from __future__ import annotations

revision = "2026_11_22_duplicates"
down_revision = "2026_11_22_deadlines"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
