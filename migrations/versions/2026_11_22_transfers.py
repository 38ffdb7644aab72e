"""Transfers across cities."""

from __future__ import annotations

revision = "2026_11_22_transfers"
down_revision = "2026_11_22_followup"
branch_labels = None
depends_on = None


def upgrade() -> None: ...


def downgrade() -> None: ...
