"""Pace: statistics of a year in one pass, and what common words find."""

from __future__ import annotations

revision = "2026_11_22_pace"
down_revision = "2026_11_22_indexes"
branch_labels = None
depends_on = None


def upgrade() -> None: ...


def downgrade() -> None: ...
