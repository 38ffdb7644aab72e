"""Calendar: days that the platform sets apart, and by which calendar a deadline was worked out."""

from __future__ import annotations

revision = "2026_11_22_calendar"
down_revision = "2026_11_22_pace"
branch_labels = None
depends_on = None


def upgrade() -> None: ...


def downgrade() -> None: ...
