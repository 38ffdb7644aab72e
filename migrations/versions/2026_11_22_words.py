"""A city's own words beside its scheme, and the decisions that are published."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "2026_11_22_words"
down_revision = "2026_11_22_duplicates"
branch_labels = None
depends_on = None

CITIES = "(select string_to_array(nullif(current_setting('app.cities', true), ''), ',')::int[])::int[]"
OF_THE_CITIES = f"city_id = any ({CITIES})"

# What a list of tickets says of every row. A document has 20 kB and lies apart from its row; this stays in the row.
SCHEME_WORDS = """
create function scheme_words(document jsonb) returns jsonb
language sql immutable strict parallel safe
return jsonb_build_object(
  'statuses', coalesce(document #> '{tickets,status_names}', '{}'),
  'stages', coalesce(
    (
      select jsonb_object_agg(status, stage ->> 'name')
      from jsonb_array_elements(document #> '{tickets,stages}') stage,
        jsonb_array_elements_text(stage -> 'statuses') status
    ),
    '{}'
  ),
  'categories', coalesce(
    (select jsonb_object_agg(key, value ->> 'name') from jsonb_each(document #> '{tickets,categories}')), '{}'
  )
)
"""


def upgrade() -> None:
    op.execute(SCHEME_WORDS)
    op.execute("revoke all on function scheme_words(jsonb) from public")
    op.execute("grant execute on function scheme_words(jsonb) to yingshang_app")
    op.add_column(
        "schemes", sa.Column("words", JSONB(), sa.Computed("scheme_words(document)", persisted=True), nullable=False)
    )
    op.create_table(
        "published_decisions",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("scheme_version", sa.Integer(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["city_id", "ticket_id"],
            ["tickets.city_id", "tickets.id"],
            name="fk_published_decisions_city_id_ticket_id_tickets",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_published_decisions_tenant_id_tenants"),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_published_decisions"),
        sa.UniqueConstraint("city_id", "ticket_id", name="uq_published_decisions_city_id_ticket_id"),
    )
    op.create_index(
        "ix_published_decisions_published",
        "published_decisions",
        ["city_id", sa.text("published_at desc"), sa.text("id desc")],
    )
    op.execute("alter table published_decisions enable row level security, force row level security")
    op.execute(f"create policy cities on published_decisions using ({OF_THE_CITIES}) with check ({OF_THE_CITIES})")
    # A later decision on the same ticket takes the place of the earlier one.
    op.execute(
        "grant select, insert, update (tenant_id, number, text, published_at) on published_decisions to yingshang_app"
    )


def downgrade() -> None:
    op.drop_table("published_decisions")
    op.drop_column("schemes", "words")
    op.execute("drop function scheme_words(jsonb)")
