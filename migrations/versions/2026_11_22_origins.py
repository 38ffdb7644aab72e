"""Tickets of other platforms keep the number they had there, and are found by it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_origins"
down_revision = "2026_11_22_responsibility"
branch_labels = None
depends_on = None

BARE_TEXT = "(number || ' ' || title || ' ' || body)"
# On another platform the number leads to the caller: of a ticket whose reporter is masked it is not searched either.
TEXT = (
    "(number || case when secrecy = 'NORMAL' and origin_number is not null then ' ' || origin_number else '' end"
    " || ' ' || title || ' ' || body)"
)

# As in the foundation: the cities from the request's own setting, ids only.
SEARCH = """
create function search_tickets(query text) returns setof uuid
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_custom_plan
as $$
declare
  cities int[] := string_to_array(nullif(current_setting('app.cities', true), ''), ',')::int[];
  pattern text := '%' || replace(replace(replace(query, '\\', '\\\\'), '%', '\\%'), '_', '\\_') || '%';
begin
  if lower(query) = upper(query) then
    return query select t.id from public.tickets t where t.city_id = any (cities) and {expression} like pattern;
  else
    return query select t.id from public.tickets t where t.city_id = any (cities) and {expression} ilike pattern;
  end if;
end
$$
"""


def upgrade() -> None:
    op.add_column("tickets", sa.Column("origin_platform", sa.Text(), nullable=True))
    op.add_column("tickets", sa.Column("origin_number", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_tickets_origin"), "tickets", "(origin_platform is null) = (origin_number is null)"
    )
    op.create_index(
        *("ix_tickets_origin", "tickets", ["city_id", "origin_number"]),
        postgresql_where=sa.text("origin_number is not null"),
    )
    # A restricted ticket takes no number from anybody: that a number is taken would tell that it is there.
    op.create_index(
        *("uq_tickets_origin", "tickets", ["city_id", "origin_number", "origin_platform"]),
        unique=True,
        postgresql_where=sa.text("secrecy <> 'RESTRICTED' and origin_number is not null"),
    )
    search(TEXT)


def downgrade() -> None:
    search(BARE_TEXT)
    op.drop_index("uq_tickets_origin", "tickets")
    op.drop_index("ix_tickets_origin", "tickets")
    op.drop_constraint(op.f("ck_tickets_origin"), "tickets")
    op.drop_column("tickets", "origin_number")
    op.drop_column("tickets", "origin_platform")


def search(expression: str) -> None:
    """Make the text search over this expression, with its index, instead of the one there is."""
    op.execute("reset role")  # the function belongs to the role that looks past row-level security
    op.execute("drop function search_tickets(text)")
    op.execute("set role yingshang_owner")
    op.execute("drop index ix_tickets_text")
    op.execute(f"create index ix_tickets_text on tickets using gin ({expression} gin_trgm_ops)")
    op.execute(SEARCH.format(expression=expression))
    op.execute("revoke all on function search_tickets(text) from public")
    op.execute("grant execute on function search_tickets(text) to yingshang_app")
    op.execute("reset role")
    op.execute("grant create on schema public to yingshang_definer")
    op.execute("alter function search_tickets(text) owner to yingshang_definer")
    op.execute("revoke create on schema public from yingshang_definer")
    op.execute("set role yingshang_owner")
