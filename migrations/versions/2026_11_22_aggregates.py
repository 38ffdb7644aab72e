"""What a region sees of its cities."""

from __future__ import annotations

revision = "2026_11_22_aggregates"
down_revision = "2026_11_22_transfers"
branch_labels = None
depends_on = None


def upgrade() -> None: ...


def downgrade() -> None: ...
