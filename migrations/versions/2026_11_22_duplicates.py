"""Likely duplicates: the signatures of tickets' texts; merged tickets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import BIT

revision = "2026_11_22_duplicates"
down_revision = "2026_11_22_deadlines"
branch_labels = None
depends_on = None

CITIES = "(select string_to_array(nullif(current_setting('app.cities', true), ''), ',')::int[])::int[]"


def upgrade() -> None:
    op.add_column("tickets", sa.Column("merged_into_id", sa.Uuid(), nullable=True))
    op.add_column("tickets", sa.Column("absorbed", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_check_constraint(op.f("ck_tickets_merged_into"), "tickets", "merged_into_id <> id")
    op.create_foreign_key(
        "fk_tickets_city_id_merged_into_id_tickets",
        *("tickets", "tickets", ["city_id", "merged_into_id"], ["city_id", "id"]),
    )
    op.create_index(
        *("ix_tickets_merged_into", "tickets", ["city_id", "merged_into_id"]),
        postgresql_where=sa.text("merged_into_id is not null"),
    )
    # Signatures are worked out in Python: `yingshang tickets sign` makes those of the tickets that are there.
    op.create_table(
        "ticket_signatures",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bits", BIT(1024), nullable=False),
        sa.ForeignKeyConstraint(
            ["city_id", "ticket_id"],
            ["tickets.city_id", "tickets.id"],
            name="fk_ticket_signatures_city_id_ticket_id_tickets",
        ),
        sa.PrimaryKeyConstraint("city_id", "ticket_id", name="pk_ticket_signatures"),
    )
    op.create_index(
        *("ix_ticket_signatures_submitted", "ticket_signatures", ["city_id", "submitted_at"]),
        postgresql_include=["ticket_id", "bits"],
    )
    op.execute("alter table ticket_signatures enable row level security, force row level security")
    op.execute(
        f"create policy cities on ticket_signatures using (city_id = any ({CITIES}))"
        f" with check (city_id = any ({CITIES}))"
    )
    op.execute("grant select, insert on ticket_signatures to yingshang_app")


def downgrade() -> None:
    op.drop_table("ticket_signatures")
    op.drop_index("ix_tickets_merged_into", "tickets")
    op.drop_constraint("fk_tickets_city_id_merged_into_id_tickets", "tickets")
    op.drop_constraint(op.f("ck_tickets_merged_into"), "tickets")
    op.drop_column("tickets", "absorbed")
    op.drop_column("tickets", "merged_into_id")
