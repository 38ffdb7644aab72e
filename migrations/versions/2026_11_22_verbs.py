"""The rest of a ticket's verbs."""

from __future__ import annotations

revision = "2026_11_22_verbs"
down_revision = "2026_11_22_foundation"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
