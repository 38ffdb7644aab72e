"""Reads: what every request begins with."""

from __future__ import annotations

revision = "2026_11_22_reads"
down_revision = "2026_11_22_statistics"
branch_labels = None
depends_on = None


def upgrade() -> None: ...


def downgrade() -> None: ...
