"""Sweep: when a running clock warns, and that it has."""

from __future__ import annotations

revision = "2026_11_22_sweep"
down_revision = "2026_11_22_calendar"
branch_labels = None
depends_on = None


def upgrade() -> None: ...


def downgrade() -> None: ...
