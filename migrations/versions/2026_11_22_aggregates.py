"""What a city of a region has released of its months, and that the region's desk is told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_aggregates"
down_revision = "2026_11_22_transfers"
branch_labels = None
depends_on = None

CITIES = "(select string_to_array(nullif(current_setting('app.cities', true), ''), ',')::int[])::int[]"
OF_THE_CITIES = f"city_id = any ({CITIES})"
MEASURES = "RECEIVED RESOLVED ON_TIME OVERDUE RESOLUTION FOLLOW_UP SATISFACTION NOTICES"
CATEGORIES = "CONSULTATION HELP COMPLAINT REPORT SUGGESTION BIDDING_COMPLAINT"
NOTIFICATIONS_BEFORE = (
    "ASSIGNED ASSIGNED_TO_HELP ASSIGNED_AGAIN NOTICE_ISSUED NOTICE_REPLIED NOTICE_CLOSED NOTICE_WITHDRAWN"
    " QUALITY_ENTERED QUALITY_HANDED_OVER QUALITY_CLOSED TRANSFER_OFFERED TRANSFER_ACCEPTED TRANSFER_DECLINED"
    " TRANSFER_WITHDRAWN TRANSFER_CHASED TRANSFER_DUE TRANSFER_OVERDUE"
)


def upgrade() -> None:
    create_tables()
    for table in ("aggregates", "aggregate_cells"):
        op.execute(f"alter table {table} enable row level security, force row level security")
        op.execute(f"create policy cities on {table} using ({OF_THE_CITIES}) with check ({OF_THE_CITIES})")
        op.execute(f"grant select, insert on {table} to yingshang_app")  # what was released stands
    op.add_column("notifications", sa.Column("aggregate_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_notifications_city_id_aggregate_id_aggregates",
        *("notifications", "aggregates", ["city_id", "aggregate_id"], ["city_id", "id"]),
    )
    replace_check("notifications", "about", "num_nonnulls(ticket_id, notice_id, transfer_id, aggregate_id) > 0")
    replace_check("notifications", "kind", among("kind", f"{NOTIFICATIONS_BEFORE} AGGREGATE_RELEASED"))


def downgrade() -> None:
    op.execute("alter table notifications no force row level security")
    op.execute("delete from notifications where aggregate_id is not null")
    op.execute("alter table notifications force row level security")
    replace_check("notifications", "kind", among("kind", NOTIFICATIONS_BEFORE))
    replace_check("notifications", "about", "num_nonnulls(ticket_id, notice_id, transfer_id) > 0")
    op.drop_constraint("fk_notifications_city_id_aggregate_id_aggregates", "notifications")
    op.drop_column("notifications", "aggregate_id")
    op.drop_table("aggregate_cells")
    op.drop_table("aggregates")


def create_tables() -> None:
    op.create_table(
        "aggregates",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("of_city_id", sa.Integer(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("scheme_version", sa.Integer(), nullable=False),
        sa.Column("minimum_cell", sa.Integer(), nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_by", sa.Uuid(), nullable=True),
        check("aggregates", "version", "version >= 1 and (version = 1) = (reason is null)"),
        check("aggregates", "month", "extract(day from month) = 1::numeric"),
        check("aggregates", "minimum_cell", "minimum_cell >= 3"),
        check("aggregates", "released_by", "released_by is null or (city_id = of_city_id and not automatic)"),
        sa.ForeignKeyConstraint(["city_id"], ["tenants.id"], name="fk_aggregates_city_id_tenants"),
        sa.ForeignKeyConstraint(["of_city_id"], ["tenants.id"], name="fk_aggregates_of_city_id_tenants"),
        sa.ForeignKeyConstraint(["released_by"], ["users.id"], name="fk_aggregates_released_by_users"),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_aggregates"),
        sa.UniqueConstraint(
            *("city_id", "of_city_id", "month", "version"), name="uq_aggregates_city_id_of_city_id_month_version"
        ),
    )
    op.create_index("ix_aggregates_month", "aggregates", ["city_id", sa.text("month desc"), sa.text("id desc")])
    op.create_index(
        "ix_aggregates_released", "aggregates", ["city_id", sa.text("released_at desc"), sa.text("id desc")]
    )
    op.create_table(
        "aggregate_cells",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("aggregate_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("numerator", sa.Integer(), nullable=True),
        sa.Column("denominator", sa.Integer(), nullable=True),
        sa.Column("withheld", sa.Boolean(), nullable=False),
        check("aggregate_cells", "measure", among("measure", MEASURES)),
        check("aggregate_cells", "category", among("category", CATEGORIES)),
        check("aggregate_cells", "level", "level is null or (level between 1 and 3 and measure = 'NOTICES')"),
        check("aggregate_cells", "part", "category is null or measure <> 'NOTICES'"),
        check("aggregate_cells", "counts", "numerator >= 0 and numerator <= coalesce(denominator, numerator)"),
        check("aggregate_cells", "withheld", "not withheld or num_nonnulls(numerator, denominator) = 0"),
        check("aggregate_cells", "shown", "withheld or numerator is not null"),
        check(
            *("aggregate_cells", "rate"),
            "withheld or (denominator is null) = (measure in ('NOTICES', 'RECEIVED', 'RESOLVED'))",
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "aggregate_id"],
            ["aggregates.city_id", "aggregates.id"],
            name="fk_aggregate_cells_city_id_aggregate_id_aggregates",
        ),
        sa.PrimaryKeyConstraint("city_id", "aggregate_id", "place", name="pk_aggregate_cells"),
    )


def replace_check(table: str, name: str, condition: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)


def check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def among(column: str, values: str) -> str:
    """That a text column holds one of the words of `values`."""
    listed = ", ".join(f"'{value}'" for value in values.split())
    return f"{column} in ({listed})"
