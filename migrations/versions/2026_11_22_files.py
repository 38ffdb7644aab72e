"""Attachments."""

from __future__ import annotations

revision = "2026_11_22_files"
down_revision = "2026_11_22_verbs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
