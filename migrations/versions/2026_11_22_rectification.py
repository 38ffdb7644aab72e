"""Rectification: the problem ledger, the work plan and inspections."""

from __future__ import annotations

revision = "2026_11_22_rectification"
down_revision = "2026_11_22_supervision"
branch_labels = None
depends_on = None


def upgrade() -> None: ...


def downgrade() -> None: ...
