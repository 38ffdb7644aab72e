"""Attachments: files of tickets, and files on their way to one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_files"
down_revision = "2026_11_22_verbs"
branch_labels = None
depends_on = None

CITIES = "(select string_to_array(nullif(current_setting('app.cities', true), ''), ',')::int[])::int[]"
OF_THE_CITIES = f"city_id = any ({CITIES})"
GRANTS = {
    "uploads": "select, insert, delete, update (media_type, sha256, scanned, finished_at)",
    # What was attached stands; retention takes the content away, and says so in the row.
    "attachments": "select, insert, update (deleted_at)",
}


def upgrade() -> None:
    op.create_table(
        "uploads",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("scanned", sa.Boolean(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("size > 0", name=op.f("ck_uploads_size")),
        sa.CheckConstraint(
            "num_nonnulls(media_type, sha256, scanned, finished_at) in (0, 4)", name=op.f("ck_uploads_finished")
        ),
        sa.ForeignKeyConstraint(["city_id"], ["tenants.id"], name="fk_uploads_city_id_tenants"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_uploads_created_by_users"),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_uploads"),
    )
    op.create_index("ix_uploads_city_id_created_by", "uploads", ["city_id", "created_by"])
    op.create_index("ix_uploads_city_id_sha256", "uploads", ["city_id", "sha256"])
    op.create_index("ix_uploads_city_id_expires_at", "uploads", ["city_id", "expires_at"])
    op.create_table(
        "attachments",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("scanned", sa.Boolean(), nullable=False),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("uploaded_by", sa.Uuid(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("size > 0", name=op.f("ck_attachments_size")),
        sa.CheckConstraint("length(sha256) = 32", name=op.f("ck_attachments_sha256")),
        sa.CheckConstraint("visibility in ('PUBLIC', 'INTERNAL')", name=op.f("ck_attachments_visibility")),
        sa.ForeignKeyConstraint(["city_id"], ["tenants.id"], name="fk_attachments_city_id_tenants"),
        sa.ForeignKeyConstraint(
            ["city_id", "ticket_id"],
            ["tickets.city_id", "tickets.id"],
            name="fk_attachments_city_id_ticket_id_tickets",
        ),
        sa.ForeignKeyConstraint(["uploaded_by"], ["users.id"], name="fk_attachments_uploaded_by_users"),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_attachments"),
    )
    op.create_index("ix_attachments_city_id_ticket_id", "attachments", ["city_id", "ticket_id"])
    op.create_index("ix_attachments_city_id_sha256", "attachments", ["city_id", "sha256"])
    for table, privileges in GRANTS.items():
        op.execute(f"alter table {table} enable row level security, force row level security")
        op.execute(f"create policy cities on {table} using ({OF_THE_CITIES}) with check ({OF_THE_CITIES})")
        op.execute(f"grant {privileges} on {table} to yingshang_app")


def downgrade() -> None:
    op.drop_table("attachments")
    op.drop_table("uploads")
