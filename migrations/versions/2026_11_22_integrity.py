"""Integrity: the ledger of the government's own broken promises, and the duties to report."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_22_integrity"
down_revision = "2026_11_22_rectification"
branch_labels = None
depends_on = None

CITIES = "(select string_to_array(nullif(current_setting('app.cities', true), ''), ',')::int[])::int[]"
GRANTS = {
    # What an entry is about stands, and an instalment is taken back by another one.
    "integrity_entries": ("select, insert, update (version, status, cleared, restrictions, confirmed_at, closed_at)"),
    "integrity_instalments": "select, insert",
    "reports": (
        "select, insert, update (version, status, late, content, summary, chased_at, submitted_at, submitted_by,"
        " decided_at, decision)"
    ),
}
TEXTS = postgresql.ARRAY(sa.Text())
MOMENT = sa.DateTime(timezone=True)
YUAN = sa.Numeric(18, 2)


def upgrade() -> None:
    create_ledger()
    create_reports()
    for table, privileges in GRANTS.items():
        op.execute(f"alter table {table} enable row level security, force row level security")
        op.execute(
            f"create policy cities on {table} using (city_id = any ({CITIES})) with check (city_id = any ({CITIES}))"
        )
        op.execute(f"grant {privileges} on {table} to yingshang_app")


def create_ledger() -> None:
    op.create_table(
        "integrity_entries",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("scheme_version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("debtor_id", sa.Integer(), nullable=True),
        sa.Column("county_id", sa.Integer(), nullable=True),
        sa.Column("organisation", sa.Text(), nullable=True),
        sa.Column("creditor_id", sa.Uuid(), nullable=True),
        sa.Column("ticket_id", sa.Uuid(), nullable=True),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("amount", YUAN, nullable=True),
        sa.Column("cleared", YUAN, server_default="0", nullable=False),
        sa.Column("remaining", YUAN, sa.Computed("amount - cleared", persisted=True), nullable=True),
        sa.Column(
            "owed",
            sa.BigInteger(),
            sa.Computed("(coalesce(amount - cleared, 0::numeric) * 100::numeric)::bigint", persisted=True),
            nullable=False,
        ),
        sa.Column("restrictions", TEXTS, server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("opened_by", sa.Uuid(), nullable=False),
        sa.Column("confirmed_at", MOMENT, nullable=True),
        sa.Column("closed_at", MOMENT, nullable=True),
        one_of(
            *("integrity_entries", "kind"),
            "ARREARS UNKEPT_PROMISE OVERDUE_ENFORCEMENT_PAYMENT IMPROPER_ENFORCEMENT BLACKLISTED_INTERMEDIARY",
        ),
        one_of("integrity_entries", "status", "OPENED CONFIRMED DISMISSED CLEARED"),
        sa.CheckConstraint("version >= 1", name=op.f("ck_integrity_entries_version")),
        sa.CheckConstraint(
            "(debtor_id is null) = (kind = 'BLACKLISTED_INTERMEDIARY')", name=op.f("ck_integrity_entries_debtor")
        ),
        sa.CheckConstraint(
            "(organisation is null) = (kind <> 'BLACKLISTED_INTERMEDIARY')",
            name=op.f("ck_integrity_entries_organisation"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_integrity_entries_amount")),
        sa.CheckConstraint(
            "cleared >= 0 and cleared <= coalesce(amount, 0)", name=op.f("ck_integrity_entries_cleared")
        ),
        sa.CheckConstraint(
            "amount is null or (cleared = amount) = (status = 'CLEARED')", name=op.f("ck_integrity_entries_settled")
        ),
        sa.ForeignKeyConstraint(["city_id"], ["tenants.id"], name="fk_integrity_entries_city_id_tenants"),
        sa.ForeignKeyConstraint(["debtor_id"], ["tenants.id"], name="fk_integrity_entries_debtor_id_tenants"),
        sa.ForeignKeyConstraint(["county_id"], ["tenants.id"], name="fk_integrity_entries_county_id_tenants"),
        sa.ForeignKeyConstraint(["opened_by"], ["users.id"], name="fk_integrity_entries_opened_by_users"),
        sa.ForeignKeyConstraint(
            ["city_id", "creditor_id"],
            ["enterprises.city_id", "enterprises.id"],
            name="fk_integrity_entries_city_id_creditor_id_enterprises",
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "ticket_id"],
            ["tickets.city_id", "tickets.id"],
            name="fk_integrity_entries_city_id_ticket_id_tickets",
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_integrity_entries"),
    )
    op.create_index(
        *("uq_integrity_entries_ticket", "integrity_entries", ["city_id", "ticket_id"]),
        unique=True,
        postgresql_where=sa.text("ticket_id is not null"),
    )
    newest = [sa.text("opened_at desc"), sa.text("id desc")]
    op.create_index("ix_integrity_entries_city", "integrity_entries", ["city_id", *newest])
    for name, column in (
        *(("status", "status"), ("county", "county_id")),
        *(("debtor", "debtor_id"), ("creditor", "creditor_id")),
    ):
        op.create_index(f"ix_integrity_entries_{name}", "integrity_entries", ["city_id", column, *newest])
    op.create_index("ix_integrity_entries_owed", "integrity_entries", ["city_id", "owed", "id"])
    op.create_index("ix_integrity_entries_opened_on", "integrity_entries", ["city_id", "opened_on"])
    op.create_table(
        "integrity_instalments",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("amount", YUAN, nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("reverses_id", sa.Uuid(), nullable=True),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "amount <> 0 and (amount < 0) = (reverses_id is not null)", name=op.f("ck_integrity_instalments_amount")
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_integrity_instalments"),
        sa.UniqueConstraint("city_id", "entry_id", "id", name="uq_integrity_instalments_city_id_entry_id_id"),
        sa.ForeignKeyConstraint(
            ["city_id", "entry_id"],
            ["integrity_entries.city_id", "integrity_entries.id"],
            name="fk_integrity_instalments_city_id_entry_id_integrity_entries",
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "entry_id", "reverses_id"],
            ["integrity_instalments.city_id", "integrity_instalments.entry_id", "integrity_instalments.id"],
            name="fk_integrity_instalments_reverses",
        ),
        sa.ForeignKeyConstraint(["recorded_by"], ["users.id"], name="fk_integrity_instalments_recorded_by_users"),
    )
    op.create_index(
        *("uq_integrity_instalments_reverses", "integrity_instalments", ["city_id", "reverses_id"]),
        unique=True,
        postgresql_where=sa.text("reverses_id is not null"),
    )
    op.create_index(
        "ix_integrity_instalments_city_id_entry_id_recorded_at_id",
        *("integrity_instalments", ["city_id", "entry_id", "recorded_at", "id"]),
    )
    op.create_index("ix_integrity_instalments_city_id_paid_on", "integrity_instalments", ["city_id", "paid_on"])


def create_reports() -> None:
    op.create_table(
        "reports",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("scheme_version", sa.Integer(), nullable=False),
        sa.Column("obligation", sa.Text(), nullable=False),
        sa.Column("every", sa.Text(), nullable=False),
        sa.Column("begins_on", sa.Date(), nullable=False),
        sa.Column("ends_before", sa.Date(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("county_id", sa.Integer(), nullable=True),
        sa.Column("from_roles", TEXTS, nullable=False),
        sa.Column("to_roles", TEXTS, nullable=False),
        sa.Column("copied_to", TEXTS, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("late", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("drafted_at", MOMENT, nullable=False),
        sa.Column("chased_at", MOMENT, nullable=True),
        sa.Column("submitted_at", MOMENT, nullable=True),
        sa.Column("submitted_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        one_of("reports", "every", "MONTH QUARTER YEAR"),
        one_of("reports", "status", "DUE SUBMITTED ACCEPTED RETURNED"),
        sa.CheckConstraint("version >= 1 and begins_on < ends_before", name=op.f("ck_reports_counts")),
        sa.CheckConstraint("(submitted_at is null) = (status = 'DUE')", name=op.f("ck_reports_submitted")),
        sa.CheckConstraint("(submitted_at is null) = (summary is null)", name=op.f("ck_reports_summary")),
        sa.ForeignKeyConstraint(["city_id"], ["tenants.id"], name="fk_reports_city_id_tenants"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_reports_tenant_id_tenants"),
        sa.ForeignKeyConstraint(["county_id"], ["tenants.id"], name="fk_reports_county_id_tenants"),
        sa.ForeignKeyConstraint(["submitted_by"], ["users.id"], name="fk_reports_submitted_by_users"),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_reports"),
        # One draft of each period, whatever runs at once.
        sa.UniqueConstraint(
            *("city_id", "obligation", "tenant_id", "begins_on"),
            name="uq_reports_city_id_obligation_tenant_id_begins_on",
        ),
    )
    latest = [sa.text("due_at desc"), sa.text("id desc")]
    op.create_index("ix_reports_city", "reports", ["city_id", *latest])
    for name, column in (("status", "status"), ("county", "county_id"), ("tenant", "tenant_id")):
        op.create_index(f"ix_reports_{name}", "reports", ["city_id", column, *latest])
    op.create_index(
        *("ix_reports_waiting", "reports", ["city_id", "due_at"]),
        postgresql_where=sa.text("chased_at is null and status in ('DUE', 'RETURNED')"),
    )


def downgrade() -> None:
    for table in ("reports", "integrity_instalments", "integrity_entries"):
        op.drop_table(table)


def one_of(table: str, column: str, values: str) -> sa.CheckConstraint:
    """A CHECK that a text column holds one of the words of `values`."""
    listed = ", ".join(f"'{value}'" for value in values.split())
    return sa.CheckConstraint(f"{column} in ({listed})", name=op.f(f"ck_{table}_{column}"))
