"""Integrity: the ledger of the government's own broken promises, and the duties to report."""

from __future__ import annotations

revision = "2026_11_22_integrity"
down_revision = "2026_11_22_rectification"
branch_labels = None
depends_on = None


def upgrade() -> None: ...


def downgrade() -> None: ...
