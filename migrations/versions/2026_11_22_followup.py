"""Follow-up and the quality of handling: the ledger of the office, and what opens a rectification task by itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_followup"
down_revision = "2026_11_22_integrity"
branch_labels = None
depends_on = None

CITIES = "(select string_to_array(nullif(current_setting('app.cities', true), ''), ',')::int[])::int[]"
MOMENT = sa.DateTime(timezone=True)
NOTIFICATIONS = "ASSIGNED ASSIGNED_TO_HELP ASSIGNED_AGAIN NOTICE_ISSUED NOTICE_REPLIED NOTICE_CLOSED NOTICE_WITHDRAWN"
MORE = "QUALITY_ENTERED QUALITY_HANDED_OVER QUALITY_CLOSED"
NEWEST: list[str | sa.TextClause] = [sa.text("opened_at desc"), sa.text("id desc")]


def upgrade() -> None:
    create_ledger()
    # Of what was issued before nothing follows.
    op.add_column(
        "supervision_notices", sa.Column("awaits_task", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.create_index(
        *("ix_supervision_notices_awaits_task", "supervision_notices", ["city_id", "issued_at"]),
        postgresql_where=sa.text("awaits_task"),
    )
    op.execute("grant update (awaits_task) on supervision_notices to yingshang_app")
    op.add_column("rectification_tasks", sa.Column("cause_key", sa.Text(), nullable=True))
    op.create_unique_constraint(
        "uq_rectification_tasks_city_id_cause_key", "rectification_tasks", ["city_id", "cause_key"]
    )
    tell_of(f"{NOTIFICATIONS} {MORE}")


def create_ledger() -> None:
    table = "quality_entries"
    op.create_table(
        table,
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("scheme_version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("lead_id", sa.Integer(), nullable=True),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("awaits_task", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("handed_over_at", MOMENT, nullable=True),
        sa.Column("handed_over_by", sa.Uuid(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        one_of(table, "kind", "LOW_SATISFACTION LOW_QUALITY HARD_TO_SOLVE"),
        one_of(table, "status", "OPEN HANDED_OVER CLOSED"),
        sa.CheckConstraint("version >= 1 and round >= 1", name=op.f("ck_quality_entries_counts")),
        sa.CheckConstraint(
            "num_nonnulls(handed_over_at, handed_over_by) in (0, 2)"
            " and (status <> 'HANDED_OVER' or handed_over_at is not null)"
            " and (status <> 'OPEN' or handed_over_at is null)",
            name=op.f("ck_quality_entries_handed_over"),
        ),
        sa.CheckConstraint(
            "num_nonnulls(closed_at, closed_by, outcome) = case when status = 'CLOSED' then 3 else 0 end",
            name=op.f("ck_quality_entries_closed"),
        ),
        sa.CheckConstraint("lead_id is not null or not awaits_task", name=op.f("ck_quality_entries_task")),
        *(
            sa.ForeignKeyConstraint([column], ["tenants.id"], name=f"fk_{table}_{column}_tenants")
            for column in ("city_id", "tenant_id", "lead_id")
        ),
        *(
            sa.ForeignKeyConstraint([column], ["users.id"], name=f"fk_{table}_{column}_users")
            for column in ("handed_over_by", "closed_by")
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "ticket_id"],
            ["tickets.city_id", "tickets.id"],
            name="fk_quality_entries_city_id_ticket_id_tickets",
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_quality_entries"),
        sa.UniqueConstraint(
            *("city_id", "ticket_id", "kind", "round"), name="uq_quality_entries_city_id_ticket_id_kind_round"
        ),
    )
    op.create_index("ix_quality_entries_opened", table, ["city_id", *NEWEST])
    for name, column in (("tenant", "tenant_id"), ("lead", "lead_id"), ("status", "status"), ("kind", "kind")):
        op.create_index(f"ix_quality_entries_{name}", table, ["city_id", column, *NEWEST])
    op.create_index(
        *("ix_quality_entries_awaits_task", table, ["city_id", "opened_at"]),
        postgresql_where=sa.text("awaits_task"),
    )
    op.execute(f"alter table {table} enable row level security, force row level security")
    op.execute(
        f"create policy cities on {table} using (city_id = any ({CITIES})) with check (city_id = any ({CITIES}))"
    )
    # What was entered stands; what becomes of it is what changes.
    op.execute(
        "grant select, insert, update (version, status, awaits_task, note, handed_over_at, handed_over_by, outcome,"
        f" closed_at, closed_by) on {table} to yingshang_app"
    )


def downgrade() -> None:
    # Those who are told of a ledger that is no more are told of nothing.
    op.execute(
        """
        do $$
        declare city int;
        begin
          for city in select id from tenants where id = city_id loop
            perform begin_request(city::text, null);
            delete from notifications where city_id = city and kind like 'QUALITY\\_%';
          end loop;
          perform begin_request('', null);
        end $$
        """
    )
    tell_of(NOTIFICATIONS)
    op.drop_constraint("uq_rectification_tasks_city_id_cause_key", "rectification_tasks")
    op.drop_column("rectification_tasks", "cause_key")
    op.execute("revoke update (awaits_task) on supervision_notices from yingshang_app")
    op.drop_index("ix_supervision_notices_awaits_task", "supervision_notices")
    op.drop_column("supervision_notices", "awaits_task")
    op.drop_table("quality_entries")


def tell_of(kinds: str) -> None:
    """What people may be told of."""
    op.drop_constraint(op.f("ck_notifications_kind"), "notifications")
    listed = ", ".join(f"'{kind}'" for kind in kinds.split())
    op.create_check_constraint(op.f("ck_notifications_kind"), "notifications", f"kind in ({listed})")


def one_of(table: str, column: str, values: str) -> sa.CheckConstraint:
    """A CHECK that a text column holds one of the words of `values`."""
    listed = ", ".join(f"'{value}'" for value in values.split())
    return sa.CheckConstraint(f"{column} in ({listed})", name=op.f(f"ck_{table}_{column}"))
