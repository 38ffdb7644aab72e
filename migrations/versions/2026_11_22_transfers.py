"""Transfers across cities: a row for each side, where a transferred ticket stands, and who is told of an offer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_transfers"
down_revision = "2026_11_22_followup"
branch_labels = None
depends_on = None

CITIES = "(select string_to_array(nullif(current_setting('app.cities', true), ''), ',')::int[])::int[]"
OF_THE_CITIES = f"city_id = any ({CITIES})"
STATUSES = (
    "SUBMITTED ACCEPTED DECLINED ANSWERED DISPATCHED IN_PROGRESS DISPUTED RESOLVED ESCALATED CLOSED TERMINATED"
    " TRANSFERRED WITHDRAWN"
)
CATEGORIES = "CONSULTATION HELP COMPLAINT REPORT SUGGESTION BIDDING_COMPLAINT"
NOTIFICATIONS_BEFORE = (
    "ASSIGNED ASSIGNED_TO_HELP ASSIGNED_AGAIN NOTICE_ISSUED NOTICE_REPLIED NOTICE_CLOSED NOTICE_WITHDRAWN"
    " QUALITY_ENTERED QUALITY_HANDED_OVER QUALITY_CLOSED"
)
NOTIFICATIONS = (
    f"{NOTIFICATIONS_BEFORE} TRANSFER_OFFERED TRANSFER_ACCEPTED TRANSFER_DECLINED TRANSFER_WITHDRAWN TRANSFER_CHASED"
    " TRANSFER_DUE TRANSFER_OVERDUE"
)
TABLE = "ticket_transfers"
# What was offered stands; what becomes of it is what changes.
PRIVILEGES = (
    "select, insert, update (version, status, ticket_id, warned_at, missed_at, answer, decided_at, decided_by,"
    " withdrawn_at, chased_at, chases, relayed_seq, ended_at)"
)


def upgrade() -> None:
    op.add_column("tickets", sa.Column("elsewhere", sa.Text(), nullable=True))
    op.create_check_constraint(op.f("ck_tickets_elsewhere"), "tickets", among("elsewhere", STATUSES))
    create_transfers()
    op.execute(f"alter table {TABLE} enable row level security, force row level security")
    op.execute(f"create policy cities on {TABLE} using ({OF_THE_CITIES}) with check ({OF_THE_CITIES})")
    op.execute(f"grant {PRIVILEGES} on {TABLE} to yingshang_app")
    op.add_column("notifications", sa.Column("transfer_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_notifications_city_id_transfer_id_ticket_transfers",
        *("notifications", TABLE, ["city_id", "transfer_id"], ["city_id", "id"]),
    )
    replace_check("notifications", "about", "num_nonnulls(ticket_id, notice_id, transfer_id) > 0")
    replace_check("notifications", "kind", among("kind", NOTIFICATIONS))


def downgrade() -> None:
    # What is told of transfers goes with them; what was transferred and not ended waits at its desk again.
    op.execute("alter table notifications no force row level security")
    op.execute("delete from notifications where transfer_id is not null or kind like 'TRANSFER\\_%'")
    op.execute("alter table notifications force row level security")
    replace_check("notifications", "kind", among("kind", NOTIFICATIONS_BEFORE))
    replace_check("notifications", "about", "num_nonnulls(ticket_id, notice_id) > 0")
    op.drop_constraint("fk_notifications_city_id_transfer_id_ticket_transfers", "notifications")
    op.drop_column("notifications", "transfer_id")
    op.drop_table(TABLE)
    op.drop_constraint(op.f("ck_tickets_elsewhere"), "tickets")
    op.drop_column("tickets", "elsewhere")


def create_transfers() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        TABLE,
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("peer_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=True),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("secrecy", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("reporter_name", sa.Text(), nullable=True),
        sa.Column("reporter_phone", sa.Text(), nullable=True),
        sa.Column("reporter_anonymous", sa.Boolean(), nullable=False),
        sa.Column("enterprise_name", sa.Text(), nullable=True),
        sa.Column("credit_code", sa.Text(), nullable=True),
        sa.Column("from_status", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("offered_at", moment, nullable=False),
        sa.Column("offered_by", sa.Uuid(), nullable=True),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("warn_at", moment, nullable=False),
        sa.Column("warned_at", moment, nullable=True),
        sa.Column("missed_at", moment, nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("decided_at", moment, nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("withdrawn_at", moment, nullable=True),
        sa.Column("chased_at", moment, nullable=True),
        sa.Column("chases", sa.Integer(), nullable=False),
        sa.Column("relayed_seq", sa.Integer(), nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        check(TABLE, "direction", among("direction", "SENT RECEIVED")),
        check(TABLE, "status", among("status", "OFFERED ACCEPTED DECLINED WITHDRAWN")),
        check(TABLE, "category", among("category", CATEGORIES)),
        check(TABLE, "secrecy", among("secrecy", "NORMAL CONFIDENTIAL RESTRICTED")),
        check(TABLE, "from_status", among("from_status", STATUSES)),
        check(TABLE, "peer", "city_id <> peer_id"),
        check(TABLE, "counts", "version >= 1 and chases >= 0 and relayed_seq >= 0"),
        check(TABLE, "restricted", "secrecy <> 'RESTRICTED'"),
        check(
            *(TABLE, "side"),
            "case direction when 'SENT' then num_nonnulls(ticket_id, from_status, offered_by) = 3"
            " and num_nonnulls(title, body, reporter_name, reporter_phone, enterprise_name, credit_code) = 0"
            " and decided_by is null"
            " else num_nonnulls(title, body) = 2 and num_nonnulls(from_status, offered_by) = 0"
            " and (ticket_id is not null) = (status = 'ACCEPTED')"
            " and (decided_by is not null) = (status in ('ACCEPTED', 'DECLINED')) end",
        ),
        check(
            *(TABLE, "confidential"),
            "secrecy = 'NORMAL' or num_nonnulls(reporter_name, reporter_phone, enterprise_name, credit_code) = 0",
        ),
        check(TABLE, "decided", "(decided_at is not null) = (status in ('ACCEPTED', 'DECLINED'))"),
        check(TABLE, "withdrawn", "(withdrawn_at is not null) = (status = 'WITHDRAWN')"),
        check(TABLE, "ended", "status in ('OFFERED', 'ACCEPTED') or ended_at is not null"),
        check(TABLE, "chased", "(chased_at is null) = (chases = 0)"),
        check(TABLE, "order", "due_at >= offered_at and warn_at <= due_at"),
        *(
            sa.ForeignKeyConstraint([column], ["tenants.id"], name=f"fk_{TABLE}_{column}_tenants")
            for column in ("city_id", "peer_id")
        ),
        *(
            sa.ForeignKeyConstraint([column], ["users.id"], name=f"fk_{TABLE}_{column}_users")
            for column in ("offered_by", "decided_by")
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "ticket_id"],
            ["tickets.city_id", "tickets.id"],
            name=f"fk_{TABLE}_city_id_ticket_id_tickets",
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=f"pk_{TABLE}"),
    )
    op.create_index(
        *("uq_ticket_transfers_sent", TABLE, ["city_id", "ticket_id"]),
        unique=True,
        postgresql_where=sa.text("direction = 'SENT' and status in ('OFFERED', 'ACCEPTED')"),
    )
    op.create_index(
        *("uq_ticket_transfers_received", TABLE, ["city_id", "number"]),
        unique=True,
        postgresql_where=sa.text("direction = 'RECEIVED' and status in ('OFFERED', 'ACCEPTED')"),
    )
    op.create_index("ix_ticket_transfers_city_id_ticket_id_offered_at", TABLE, ["city_id", "ticket_id", "offered_at"])
    op.create_index("ix_ticket_transfers_offered", TABLE, ["city_id", sa.text("offered_at desc"), sa.text("id desc")])
    op.create_index("ix_ticket_transfers_due", TABLE, ["city_id", "due_at", "id"])
    op.create_index("ix_ticket_transfers_live", TABLE, ["city_id", "id"], postgresql_where=sa.text("ended_at is null"))
    op.create_index(
        *("ix_ticket_transfers_undecided", TABLE, ["city_id", "due_at"]),
        postgresql_where=sa.text("status = 'OFFERED' and missed_at is null"),
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
