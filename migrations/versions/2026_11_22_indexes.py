"""Indexes: every list the API offers is served by one, what statistics count is one number of the ticket, and texts
are found by the pairs of their characters."""

from __future__ import annotations

from importlib import import_module

import sqlalchemy as sa
from alembic import op

OLD = {name: import_module(f"migrations.versions.{name}") for name in ("2026_11_22_foundation", "2026_11_22_origins")}

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

# The pairs of neighbouring characters of a text, each behind the number of its city, so that no other city's rows are
# looked at; what is left over at an end is there too. A Chinese word of two characters is one pair, and has no trigram.
CHARACTER_PAIRS = """
create function character_pairs(city int, content text) returns text[]
language sql immutable strict parallel safe
return string_to_array(city || regexp_replace(lower(content), '(..)', '\\1' || chr(1) || city, 'g'), chr(1))
  || string_to_array(city || regexp_replace(lower(substr(content, 2)), '(..)', '\\1' || chr(1) || city, 'g'), chr(1))
"""
PAIRED = "character_pairs(int, text)"
TEXTS = {"tickets": OLD["2026_11_22_origins"].TEXT, "enterprises": OLD["2026_11_22_foundation"].ENTERPRISE_TEXT}

# As in the foundation: the cities from the request's own setting, ids only, every match. A longer word is found where
# all its pairs are, and then looked for; one character has no pair, and the city's rows are read through. Chinese knows
# no case, and LIKE is three to five times as fast as ILIKE. The memory is for a bitmap that knows every row: to take
# texts apart again would be slow.
SEARCH = """
create function search_{table}(query text) returns setof uuid
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_custom_plan
set work_mem = '32MB'
as $$
declare
  cities int[] := string_to_array(nullif(current_setting('app.cities', true), ''), ',')::int[];
  pattern text := '%' || replace(replace(replace(query, '\\', '\\\\'), '%', '\\%'), '_', '\\_') || '%';
  folds boolean := lower(query) <> upper(query);
  city int;
  pairs text[];
begin
  foreach city in array coalesce(cities, '{{}}') loop
    pairs := array(
      select pair from unnest(public.character_pairs(city, query)) pair where length(pair) = length(city::text) + 2
    );
    if length(query) < 2 then
      return query select t.id from public.{table} t
      where t.city_id = city and case when folds then {text} ilike pattern else {text} like pattern end;
    else
      return query select t.id from public.{table} t
      where t.city_id = city and public.character_pairs(t.city_id, {text}) @> pairs
        and case when folds then {text} ilike pattern else {text} like pattern end;
    end if;
  end loop;
end
$$
"""

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
        "ix_tickets_secret",
        "tickets",
        ["city_id", "secrecy", *NEWEST],
        postgresql_where=sa.text("secrecy <> 'NORMAL'"),
    )
    op.execute(CHARACTER_PAIRS)
    op.execute(f"revoke all on function {PAIRED} from public")
    op.execute(f"grant execute on function {PAIRED} to yingshang_app, yingshang_definer")
    for table, text in TEXTS.items():
        search(table, SEARCH.format(table=table, text=text), f"character_pairs(city_id, {text})")
        # Whatever the word, the index is the way: nobody need look at the texts again to know that.
        op.execute(f"alter index ix_{table}_text alter column 1 set statistics 0")
    op.create_index(
        "ix_tickets_pending",
        "tickets",
        ["city_id", *NEWEST],
        postgresql_where=sa.text(
            "suspended_at is not null or extension_days is not null or coordination is not null or referred"
            " or malice is not null"
        ),
    )


def downgrade() -> None:
    for table, text in TEXTS.items():
        old = OLD["2026_11_22_foundation"].SEARCH.format(table=table, expression=text)
        search(table, old, f"{text} gin_trgm_ops")
    op.execute(f"drop function {PAIRED}")
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


def search(table: str, function: str, indexed: str) -> None:
    """Make this the table's text search, with its index, instead of the one there is."""
    op.execute("reset role")  # the function belongs to the role that looks past row-level security
    op.execute(f"drop function search_{table}(text)")
    op.execute("set role yingshang_owner")
    op.execute(f"drop index ix_{table}_text")
    op.execute(f"create index ix_{table}_text on {table} using gin ({indexed})")
    op.execute(function)
    op.execute(f"revoke all on function search_{table}(text) from public")
    op.execute(f"grant execute on function search_{table}(text) to yingshang_app")
    op.execute("reset role")
    op.execute("grant create on schema public to yingshang_definer")
    op.execute(f"alter function search_{table}(text) owner to yingshang_definer")
    op.execute("revoke create on schema public from yingshang_definer")
    op.execute("set role yingshang_owner")
