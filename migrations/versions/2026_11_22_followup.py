"""Follow-up and the quality of handling."""

from __future__ import annotations

revision = "2026_11_22_followup"
down_revision = "2026_11_22_integrity"
branch_labels = None
depends_on = None


def upgrade() -> None: ...


def downgrade() -> None: ...
