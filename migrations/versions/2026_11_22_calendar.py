"""Calendar: the platform's days that differ from the published ones, and which calendar a deadline was worked out by."""

from __future__ import annotations

revision = "2026_11_22_calendar"
down_revision = "2026_11_22_pace"
branch_labels = None
depends_on = None


def upgrade() -> None: ...


def downgrade() -> None: ...
