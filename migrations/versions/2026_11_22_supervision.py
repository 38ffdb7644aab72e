"""Supervision: notices, what sets them off, and what people are told."""

from __future__ import annotations

revision = "2026_11_22_supervision"
down_revision = "2026_11_22_sweep"
branch_labels = None
depends_on = None


def upgrade() -> None: ...


def downgrade() -> None: ...
