"""By which scheme and calendar the decision on a transfer is due, so that it moves with a newly published calendar."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_moves"
down_revision = "2026_11_22_counts"
branch_labels = None
depends_on = None

NOTIFICATIONS_BEFORE = (
    "ASSIGNED ASSIGNED_TO_HELP ASSIGNED_AGAIN NOTICE_ISSUED NOTICE_REPLIED NOTICE_CLOSED NOTICE_WITHDRAWN"
    " QUALITY_ENTERED QUALITY_HANDED_OVER QUALITY_CLOSED TRANSFER_OFFERED TRANSFER_ACCEPTED TRANSFER_DECLINED"
    " TRANSFER_WITHDRAWN TRANSFER_CHASED TRANSFER_DUE TRANSFER_OVERDUE AGGREGATE_RELEASED"
    " NOTICE_MOVED TASK_ISSUED TASK_OVERDUE TASK_REJECTED TASK_REOPENED TASK_MOVED"
    " REPORT_DRAFTED REPORT_WARNED REPORT_CHASED REPORT_SUBMITTED REPORT_RETURNED REPORT_ACCEPTED REPORT_MOVED"
    " ENTRY_OPENED ENTRY_CONFIRMED ENTRY_DISMISSED ENTRY_CLEARED INSTALMENT_RECORDED INSTALMENT_REVERSED"
)
NOTIFICATIONS = f"{NOTIFICATIONS_BEFORE} TRANSFER_MOVED"
TABLE = "ticket_transfers"
MOVES = "due_at, provisional, calendar_version, warn_at"
READ = (TABLE, "schemes")


def upgrade() -> None:
    op.add_column(TABLE, sa.Column("calendar_version", sa.Integer(), server_default="0", nullable=False))
    op.add_column(TABLE, sa.Column("scheme_version", sa.Integer(), nullable=True))
    # What was offered so far goes by what was in force at the receiving side when it was.
    for table in READ:
        op.execute(f"alter table {table} no force row level security")
    op.execute(
        "update ticket_transfers t set scheme_version = coalesce((select max(s.version) from schemes s"
        " where s.city_id = case t.direction when 'RECEIVED' then t.city_id else t.peer_id end"
        " and s.published_at <= t.offered_at), 1)"
    )
    for table in READ:
        op.execute(f"alter table {table} force row level security")
    op.alter_column(TABLE, "scheme_version", nullable=False)
    op.create_index(
        *(f"ix_{TABLE}_calendar", TABLE, ["city_id", "calendar_version"]),
        postgresql_where=sa.text("status = 'OFFERED' and direction = 'RECEIVED'"),
    )
    op.execute(f"grant update ({MOVES}) on {TABLE} to yingshang_app")
    replace_check("notifications", "kind", among("kind", NOTIFICATIONS))


def downgrade() -> None:
    op.execute("alter table notifications no force row level security")
    op.execute("delete from notifications where kind = 'TRANSFER_MOVED'")
    op.execute("alter table notifications force row level security")
    replace_check("notifications", "kind", among("kind", NOTIFICATIONS_BEFORE))
    op.execute(f"revoke update ({MOVES}) on {TABLE} from yingshang_app")
    op.drop_index(f"ix_{TABLE}_calendar", TABLE)
    op.drop_column(TABLE, "scheme_version")
    op.drop_column(TABLE, "calendar_version")


def replace_check(table: str, name: str, condition: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)


def among(column: str, values: str) -> str:
    """That a text column holds one of the words of `values`."""
    listed = ", ".join(f"'{value}'" for value in values.split())
    return f"{column} in ({listed})"
