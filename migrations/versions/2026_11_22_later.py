"""Indexes and columns for what stood before."""

from __future__ import annotations

revision = "2026_11_22_later"
down_revision = "2026_11_22_aggregates"
branch_labels = None
depends_on = None


def upgrade() -> None: ...


def downgrade() -> None: ...
