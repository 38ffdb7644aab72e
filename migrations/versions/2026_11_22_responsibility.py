"""The responsibility list: its versions, the tickets' subjects, and what dispatches and rulings teach."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "2026_11_22_responsibility"
down_revision = "2026_11_22_files"
branch_labels = None
depends_on = None

CITIES = "(select string_to_array(nullif(current_setting('app.cities', true), ''), ',')::int[])::int[]"
OF_THE_CITIES = f"city_id = any ({CITIES})"

GRANTS = {
    # A published version is never changed.
    "responsibility_lists": "select, insert",
    "responsibility_subjects": "select, insert",
    # The last ruling on a ticket stands.
    "responsibility_rulings": "select, insert, update (subject_id, tenant_id, at), delete",
    # Evidence waits here until it is added up below.
    "responsibility_evidence": "select, insert, delete",
    "responsibility_terms": "select, insert, update (tickets, weight)",
}
SUBJECT_OF_TICKETS = "fk_tickets_city_id_subject_id_responsibility_subjects"


def upgrade() -> None:
    op.create_table(
        "responsibility_lists",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("version >= 1", name=op.f("ck_responsibility_lists_version")),
        sa.ForeignKeyConstraint(["city_id"], ["tenants.id"], name="fk_responsibility_lists_city_id_tenants"),
        sa.PrimaryKeyConstraint("city_id", "version", name="pk_responsibility_lists"),
    )
    op.create_table(
        "responsibility_subjects",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=True),
        sa.Column("keywords", ARRAY(sa.Text()), nullable=False),
        sa.CheckConstraint("level in ('CITY', 'COUNTY', 'TOWNSHIP')", name=op.f("ck_responsibility_subjects_level")),
        sa.ForeignKeyConstraint(
            ["city_id", "version"],
            ["responsibility_lists.city_id", "responsibility_lists.version"],
            name="fk_responsibility_subjects_city_id_version_responsibility_lists",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_responsibility_subjects_tenant_id_tenants"),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_responsibility_subjects"),
        sa.UniqueConstraint("city_id", "version", "code", name="uq_responsibility_subjects_city_id_version_code"),
    )
    op.create_table(
        "responsibility_rulings",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["city_id", "subject_id"],
            ["responsibility_subjects.city_id", "responsibility_subjects.id"],
            name="fk_responsibility_rulings_subject",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_responsibility_rulings_tenant_id_tenants"),
        sa.PrimaryKeyConstraint("city_id", "ticket_id", name="pk_responsibility_rulings"),
    )
    op.create_index("ix_responsibility_rulings_city_id_subject_id", "responsibility_rulings", ["city_id", "subject_id"])
    op.create_table(
        "responsibility_evidence",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("tickets", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("terms", ARRAY(sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["city_id"], ["tenants.id"], name="fk_responsibility_evidence_city_id_tenants"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_responsibility_evidence_tenant_id_tenants"),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_responsibility_evidence"),
    )
    op.create_table(
        "responsibility_terms",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("term", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("tickets", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["city_id"], ["tenants.id"], name="fk_responsibility_terms_city_id_tenants"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_responsibility_terms_tenant_id_tenants"),
        sa.PrimaryKeyConstraint("city_id", "term", "tenant_id", name="pk_responsibility_terms"),
    )
    op.add_column("tickets", sa.Column("subject_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        SUBJECT_OF_TICKETS, "tickets", "responsibility_subjects", ["city_id", "subject_id"], ["city_id", "id"]
    )
    for table, privileges in GRANTS.items():
        op.execute(f"alter table {table} enable row level security, force row level security")
        op.execute(f"create policy cities on {table} using ({OF_THE_CITIES}) with check ({OF_THE_CITIES})")
        op.execute(f"grant {privileges} on {table} to yingshang_app")


def downgrade() -> None:
    op.drop_constraint(SUBJECT_OF_TICKETS, "tickets")
    op.drop_column("tickets", "subject_id")
    for table in ("rulings", "subjects", "lists", "evidence", "terms"):
        op.drop_table(f"responsibility_{table}")
