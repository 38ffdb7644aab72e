"""Supervision: notices, what sets them off, and what people are told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_supervision"
down_revision = "2026_11_22_sweep"
branch_labels = None
depends_on = None

CITIES = "(select string_to_array(nullif(current_setting('app.cities', true), ''), ',')::int[])::int[]"
OF_THE_CITIES = f"city_id = any ({CITIES})"
TRIGGERS = (
    "NOT_ACKNOWLEDGED OVERDUE REPEATED_WHILE_OPEN RETURNED UNSATISFIED IMPROPER_CLOSING_REQUESTED REMINDER_UNANSWERED"
    " FALSIFICATION IRREGULAR_HANDLING DERELICTION BREACH_OF_RULES RETALIATION"
)
NOTIFICATIONS = "ASSIGNED ASSIGNED_TO_HELP ASSIGNED_AGAIN NOTICE_ISSUED NOTICE_REPLIED NOTICE_CLOSED NOTICE_WITHDRAWN"
GRANTS = {
    # What was issued stands; what becomes of it is what changes.
    "supervision_notices": (
        "select, insert, update (version, status, reply, replied_by, replied_at, closed_by, closed_at, withdrawal,"
        " withdrawn_by, withdrawn_at, referred_by, referred_at, outcome, outcome_at, chased_at)"
    ),
    "supervision_cursors": "select, insert, update (position)",
    "notifications": "select, insert",
    "notification_marks": "select, insert, update (read_at, read_id)",
}


def upgrade() -> None:
    create_notices()
    op.create_table(
        "supervision_cursors",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["city_id"], ["tenants.id"], name="fk_supervision_cursors_city_id_tenants"),
        sa.PrimaryKeyConstraint("city_id", name="pk_supervision_cursors"),
    )
    create_notifications()
    for table, privileges in GRANTS.items():
        op.execute(f"alter table {table} enable row level security, force row level security")
        op.execute(f"create policy cities on {table} using ({OF_THE_CITIES}) with check ({OF_THE_CITIES})")
        op.execute(f"grant {privileges} on {table} to yingshang_app")
    begin_behind_what_is_there()


def begin_behind_what_is_there() -> None:
    """Nobody is reminded of what happened before there were reminders."""
    op.execute(
        """
        do $$
        declare city int;
        begin
          for city in select id from tenants where id = city_id loop
            perform begin_request(city::text, null);
            insert into supervision_cursors (city_id, position)
            select city_id, position from event_heads where city_id = city and position > 0;
          end loop;
          perform begin_request('', null);
        end $$
        """
    )


def create_notices() -> None:
    table = "supervision_notices"
    op.create_table(
        table,
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("scheme_version", sa.Integer(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=True),
        sa.Column("restricted", sa.Boolean(), nullable=False),
        sa.Column("addressee_id", sa.Integer(), nullable=False),
        sa.Column("addressee_county_id", sa.Integer(), nullable=True),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("raised_by", sa.Uuid(), nullable=True),
        sa.Column("raised_by_tenant_id", sa.Integer(), nullable=True),
        sa.Column("raised_by_role", sa.Text(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("reply_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("may_refer", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("replied_by", sa.Uuid(), nullable=True),
        sa.Column("replied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawal", sa.Text(), nullable=True),
        sa.Column("withdrawn_by", sa.Uuid(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("referred_by", sa.Uuid(), nullable=True),
        sa.Column("referred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("outcome_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("chased_at", sa.DateTime(timezone=True), nullable=True),
        one_of(table, "kind", "REMINDER RECTIFICATION INTERVIEW"),
        one_of(table, "trigger", TRIGGERS),
        one_of(table, "status", "ISSUED REPLIED CLOSED WITHDRAWN"),
        check(
            *(table, "level"),
            "(level = 1 and kind = 'REMINDER') or (level = 2 and kind = 'RECTIFICATION')"
            " or (level = 3 and kind = 'INTERVIEW')",
        ),
        check(table, "counts", "version >= 1 and times >= 1"),
        check(table, "ticket", "level = 3 or ticket_id is not null"),
        check(table, "by_hand", "level < 3 or raised_by is not null"),
        check(table, "restricted", "ticket_id is not null or not restricted"),
        check(table, "raised_by", "num_nonnulls(raised_by, raised_by_tenant_id, raised_by_role, reason) in (0, 4)"),
        check(table, "cause", "(raised_by is null) = (cause is not null)"),
        check(
            *(table, "replied"),
            "num_nonnulls(reply, replied_by, replied_at) in (0, 3) and (status <> 'REPLIED' or reply is not null)",
        ),
        check(table, "closed", "num_nonnulls(closed_by, closed_at) = case when status = 'CLOSED' then 2 else 0 end"),
        check(
            *(table, "withdrawn"),
            "num_nonnulls(withdrawal, withdrawn_by, withdrawn_at) = case when status = 'WITHDRAWN' then 3 else 0 end",
        ),
        check(
            *(table, "referred"),
            "num_nonnulls(referred_by, referred_at) in (0, 2) and num_nonnulls(outcome, outcome_at) in (0, 2)"
            " and (outcome is null or referred_at is not null) and (may_refer or referred_at is null)",
        ),
        *(of_tenant(table, column) for column in ("city_id", "addressee_id", "addressee_county_id")),
        of_tenant(table, "raised_by_tenant_id"),
        *(of_user(table, f"{done}_by") for done in ("raised", "replied", "closed", "withdrawn", "referred")),
        sa.ForeignKeyConstraint(
            ["city_id", "ticket_id"],
            ["tickets.city_id", "tickets.id"],
            name="fk_supervision_notices_city_id_ticket_id_tickets",
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_supervision_notices"),
        sa.UniqueConstraint("city_id", "number", name="uq_supervision_notices_city_id_number"),
        sa.UniqueConstraint("city_id", "cause", name="uq_supervision_notices_city_id_cause"),
    )
    op.create_index(
        *("uq_supervision_notices_by_hand", table, ["city_id", "addressee_id", "trigger", "ticket_id"]),
        unique=True,
        postgresql_where=sa.text("status = 'ISSUED' and raised_by is not null"),
        postgresql_nulls_not_distinct=True,
    )
    newest = [sa.text("issued_at desc"), sa.text("id desc")]
    op.create_index("ix_supervision_notices_issued", table, ["city_id", *newest])
    op.create_index("ix_supervision_notices_addressee", table, ["city_id", "addressee_id", *newest])
    op.create_index("ix_supervision_notices_county", table, ["city_id", "addressee_county_id", *newest])
    op.create_index("ix_supervision_notices_reply_due", table, ["city_id", "reply_due_at", "id"])
    op.create_index("ix_supervision_notices_city_id_ticket_id", table, ["city_id", "ticket_id"])
    op.create_index(
        *("ix_supervision_notices_unanswered", table, ["city_id", "reply_due_at"]),
        postgresql_where=sa.text("level = 1 and status = 'ISSUED' and chased_at is null"),
    )


def create_notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=True),
        sa.Column("notice_id", sa.Uuid(), nullable=True),
        sa.Column("restricted", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        one_of("notifications", "kind", NOTIFICATIONS),
        check("notifications", "about", "num_nonnulls(ticket_id, notice_id) > 0"),
        of_tenant("notifications", "city_id"),
        of_tenant("notifications", "tenant_id"),
        sa.ForeignKeyConstraint(
            ["city_id", "ticket_id"],
            ["tickets.city_id", "tickets.id"],
            name="fk_notifications_city_id_ticket_id_tickets",
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "notice_id"],
            ["supervision_notices.city_id", "supervision_notices.id"],
            name="fk_notifications_city_id_notice_id_supervision_notices",
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_notifications"),
    )
    newest: list[str | sa.TextClause] = [sa.text("at desc"), sa.text("id desc")]
    op.create_index("ix_notifications_tenant", "notifications", ["city_id", "tenant_id", *newest])
    op.create_index(
        *("ix_notifications_restricted", "notifications", ["city_id", "subject_id"]),
        postgresql_where=sa.text("restricted"),
    )
    op.create_table(
        "notification_marks",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_id", sa.Uuid(), nullable=False),
        of_tenant("notification_marks", "city_id"),
        of_user("notification_marks", "user_id"),
        sa.PrimaryKeyConstraint("city_id", "user_id", name="pk_notification_marks"),
    )


def downgrade() -> None:
    op.drop_table("notification_marks")
    op.drop_table("notifications")
    op.drop_table("supervision_cursors")
    op.drop_table("supervision_notices")


def of_tenant(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["tenants.id"], name=f"fk_{table}_{column}_tenants")


def of_user(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["users.id"], name=f"fk_{table}_{column}_users")


def check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def one_of(table: str, column: str, values: str) -> sa.CheckConstraint:
    """A CHECK that a text column holds one of the words of `values`."""
    listed = ", ".join(f"'{value}'" for value in values.split())
    return check(table, column, f"{column} in ({listed})")
