"""By which calendar a date was worked out, who is told of tasks, reports and entries, and an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_later"
down_revision = "2026_11_22_aggregates"
branch_labels = None
depends_on = None

NOTIFICATIONS_BEFORE = (
    "ASSIGNED ASSIGNED_TO_HELP ASSIGNED_AGAIN NOTICE_ISSUED NOTICE_REPLIED NOTICE_CLOSED NOTICE_WITHDRAWN"
    " QUALITY_ENTERED QUALITY_HANDED_OVER QUALITY_CLOSED TRANSFER_OFFERED TRANSFER_ACCEPTED TRANSFER_DECLINED"
    " TRANSFER_WITHDRAWN TRANSFER_CHASED TRANSFER_DUE TRANSFER_OVERDUE AGGREGATE_RELEASED"
)
NOTIFICATIONS = (
    f"{NOTIFICATIONS_BEFORE} NOTICE_MOVED TASK_ISSUED TASK_OVERDUE TASK_REJECTED TASK_REOPENED TASK_MOVED"
    " REPORT_DRAFTED REPORT_WARNED REPORT_CHASED REPORT_SUBMITTED REPORT_RETURNED REPORT_ACCEPTED REPORT_MOVED"
    " ENTRY_OPENED ENTRY_CONFIRMED ENTRY_DISMISSED ENTRY_CLEARED INSTALMENT_RECORDED INSTALMENT_REVERSED"
)
TOLD_OF = {"task_id": "rectification_tasks", "report_id": "reports", "entry_id": "integrity_entries"}
MOVES = {
    "supervision_notices": "reply_due_at, provisional, calendar_version",
    "rectification_tasks": "due_from, calendar_version",
    "reports": "due_at, provisional, calendar_version, warn_at, warned_at",
}


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    for table in MOVES:
        op.add_column(table, sa.Column("calendar_version", sa.Integer(), server_default="0", nullable=False))
    # What was issued before does not say whether somebody gave its date: it stays where it is.
    op.add_column("rectification_tasks", sa.Column("due_from", moment, nullable=True))
    op.add_column("reports", sa.Column("provisional", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("reports", sa.Column("warn_at", moment, nullable=True))
    op.add_column("reports", sa.Column("warned_at", moment, nullable=True))
    for table, waiting in (
        ("supervision_notices", "status = 'ISSUED'"),
        ("rectification_tasks", "closed_at is null"),
        ("reports", "status in ('DUE', 'RETURNED')"),
    ):
        op.create_index(
            *(f"ix_{table}_calendar", table, ["city_id", "calendar_version"]), postgresql_where=sa.text(waiting)
        )
    op.create_index("ix_rectification_tasks_looked_back", "rectification_tasks", ["city_id", "look_back_until"])
    op.create_index(
        *("ix_reports_to_warn", "reports", ["city_id", "warn_at"]),
        postgresql_where=sa.text("warned_at is null and chased_at is null and status in ('DUE', 'RETURNED')"),
    )
    op.create_index("ix_supervision_notices_city_id_issued_on", "supervision_notices", ["city_id", "issued_on"])
    for table, columns in MOVES.items():
        op.execute(f"grant update ({columns}) on {table} to yingshang_app")
    for column, table in TOLD_OF.items():
        op.add_column("notifications", sa.Column(column, sa.Uuid(), nullable=True))
        op.create_foreign_key(
            f"fk_notifications_city_id_{column}_{table}",
            *("notifications", table, ["city_id", column], ["city_id", "id"]),
        )
    told_of = ", ".join(TOLD_OF)
    replace_check(
        "notifications", "about", f"num_nonnulls(ticket_id, notice_id, transfer_id, aggregate_id, {told_of}) > 0"
    )
    replace_check("notifications", "kind", among("kind", NOTIFICATIONS))


def downgrade() -> None:
    op.execute("alter table notifications no force row level security")
    op.execute(
        "delete from notifications where kind = 'NOTICE_MOVED' or num_nonnulls(task_id, report_id, entry_id) > 0"
    )
    op.execute("alter table notifications force row level security")
    replace_check("notifications", "kind", among("kind", NOTIFICATIONS_BEFORE))
    replace_check("notifications", "about", "num_nonnulls(ticket_id, notice_id, transfer_id, aggregate_id) > 0")
    for column, table in TOLD_OF.items():
        op.drop_constraint(f"fk_notifications_city_id_{column}_{table}", "notifications")
        op.drop_column("notifications", column)
    for table, columns in MOVES.items():
        op.execute(f"revoke update ({columns}) on {table} from yingshang_app")
    op.drop_index("ix_supervision_notices_city_id_issued_on", "supervision_notices")
    op.drop_index("ix_reports_to_warn", "reports")
    op.drop_index("ix_rectification_tasks_looked_back", "rectification_tasks")
    for table in MOVES:
        op.drop_index(f"ix_{table}_calendar", table)
    for column in ("warned_at", "warn_at", "provisional"):
        op.drop_column("reports", column)
    op.drop_column("rectification_tasks", "due_from")
    for table in MOVES:
        op.drop_column(table, "calendar_version")


def replace_check(table: str, name: str, condition: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)


def among(column: str, values: str) -> str:
    """That a text column holds one of the words of `values`."""
    listed = ", ".join(f"'{value}'" for value in values.split())
    return f"{column} in ({listed})"
