"""Indexes: every list the API offers is served by one, and what statistics count is one number of the ticket."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_indexes"
down_revision = "2026_11_22_reads"
branch_labels = None
depends_on = None

# What `app.tickets.tally` reads: words by their place among the values of their CHECK, from the lowest bit; flags; the
# version of the scheme. Facts of the row alone. A word that is new is put at the end.
TICKET_TALLY = """
create function ticket_tally(
  scheme_version int, status text, category text, channel text, satisfaction text, round int,
  closed_at timestamptz, due_at timestamptz,
  acknowledged_at timestamptz, acknowledge_due_at timestamptz, resolved_at timestamptz, resolve_due_at timestamptz,
  merged_into_id uuid
) returns bigint
language sql immutable parallel safe
return (scheme_version::bigint << 32)
  | array_position(
      '{SUBMITTED,ACCEPTED,DECLINED,ANSWERED,DISPATCHED,IN_PROGRESS,DISPUTED,RESOLVED,ESCALATED,CLOSED,TERMINATED,
        TRANSFERRED,WITHDRAWN}'::text[], status
    )
  | (array_position('{CONSULTATION,HELP,COMPLAINT,REPORT,SUGGESTION,BIDDING_COMPLAINT}'::text[], category) << 4)
  | (array_position(
      '{HOTLINE,SERVICE_WINDOW,STUCK_WINDOW,WEB,MINI_PROGRAM,QR_CODE,E_LICENCE,STEWARD_VISIT,OFFICER_VISIT,FORWARDED,
        OTHER_CITY,OTHER_PLATFORM,EMAIL,COMPLAINT_CENTRE}'::text[], channel
    ) << 7)
  | (coalesce(
      array_position('{VERY_SATISFIED,SATISFIED,NEUTRAL,UNSATISFIED,VERY_UNSATISFIED}'::text[], satisfaction), 0
    ) << 11)
  | case when closed_at is null then 1 << 14 else 0 end
  | case when round > 1 then 1 << 15 else 0 end
  | case
      when acknowledge_due_at is null then 0
      when acknowledged_at is null then 1 << 20
      when acknowledged_at <= acknowledge_due_at then 3 << 16
      else 1 << 16
    end
  | case
      when resolve_due_at is null then 0
      when resolved_at is null then 1 << 21
      when resolved_at <= resolve_due_at then 3 << 18
      else 1 << 18
    end
  | case
      when due_at < '9999-12-31 00:00:00+00'::timestamptz
        or (acknowledge_due_at is not null and acknowledged_at is null)
        or (resolve_due_at is not null and resolved_at is null)
      then 1 << 22 else 0
    end
  | case when merged_into_id is not null then 1 << 23 else 0 end
"""
TALLIED = (
    *("scheme_version", "status", "category", "channel", "satisfaction", "round", "closed_at", "due_at"),
    *("acknowledged_at", "acknowledge_due_at", "resolved_at", "resolve_due_at", "merged_into_id"),
)
SIGNATURE = "int, text, text, text, text, int" + 6 * ", timestamptz" + ", uuid"

NEWEST = (sa.text("submitted_at desc"), sa.text("id desc"))


def upgrade() -> None:
    op.execute(TICKET_TALLY)
    op.execute(f"revoke all on function ticket_tally({SIGNATURE}) from public")
    op.execute(f"grant execute on function ticket_tally({SIGNATURE}) to yingshang_app")
    op.add_column(
        "tickets",
        sa.Column(
            "tally", sa.BigInteger(), sa.Computed(f"ticket_tally({', '.join(TALLIED)})", persisted=True), nullable=False
        ),
    )
    op.drop_index("ix_tickets_statistics", "tickets")
    op.create_index(
        *("ix_tickets_tally", "tickets", ["city_id", "submitted_at"]),
        postgresql_include=[
            *("tally", "due_at", "acknowledge_due_at", "resolve_due_at"),
            *("county_id", "lead_id", "lead_county_id"),
        ],
        postgresql_where=sa.text("secrecy <> 'RESTRICTED'"),
    )
    for owner in ("county", "lead"):
        op.drop_index(f"ix_tickets_{owner}", "tickets")
        op.create_index(f"ix_tickets_{owner}", "tickets", ["city_id", f"{owner}_id", *NEWEST])
    op.create_index(
        *("ix_tickets_secret", "tickets", ["city_id", "secrecy", *NEWEST]),
        postgresql_where=sa.text("secrecy <> 'NORMAL'"),
    )
    op.create_index(
        *("ix_tickets_pending", "tickets", ["city_id", *NEWEST]),
        postgresql_where=sa.text(
            "suspended_at is not null or extension_days is not null or coordination is not null or referred"
            " or malice is not null"
        ),
    )


def downgrade() -> None:
    op.drop_index("ix_tickets_pending", "tickets")
    op.drop_index("ix_tickets_secret", "tickets")
    for owner in ("county", "lead"):
        op.drop_index(f"ix_tickets_{owner}", "tickets")
        op.create_index(f"ix_tickets_{owner}", "tickets", ["city_id", f"{owner}_id", "status", *NEWEST])
    op.drop_index("ix_tickets_tally", "tickets")
    op.create_index(
        *("ix_tickets_statistics", "tickets", ["city_id", "submitted_at"]),
        postgresql_include=[
            *("id", "status", "category", "channel", "county_id", "lead_id", "lead_county_id", "secrecy", "round"),
            *("scheme_version", "satisfaction", "merged_into_id", "due_at", "closed_at", "acknowledged_at"),
            *("acknowledge_due_at", "resolved_at", "resolve_due_at"),
        ],
    )
    op.drop_column("tickets", "tally")
    op.execute(f"drop function ticket_tally({SIGNATURE})")
