"""Tickets of other platforms."""

from __future__ import annotations

revision = "2026_11_22_origins"
down_revision = "2026_11_22_responsibility"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
