"""The foundation: tenants, users and grants, enterprises, tickets, the event log; isolation and the text searches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "2026_11_22_foundation"
down_revision = None
branch_labels = None
depends_on = None

PLATFORM_TABLES = ("tenants", "platform_state", "users", "grants")
BUSINESS_TABLES = (
    "schemes",
    "enterprises",
    "tickets",
    "ticket_co_handlers",
    "ticket_named_persons",
    "events",
    "event_heads",
    "idempotency_keys",
    "read_log",
)

FUNCTIONS = ("global_id(text, int, uuid)", "tenant_gid(int)", "begin_request(text, text)")
SEARCHES = ("search_tickets(text)", "search_enterprises(text)")

# The sub-select is evaluated once per statement and not once per row. A pooled connection holds '' and not null after
# its first local setting, and ''::int[] would be an error where nothing is meant.
CITIES = "(select string_to_array(nullif(current_setting('app.cities', true), ''), ',')::int[])::int[]"
OF_THE_CITIES = f"city_id = any ({CITIES})"
USER = "(select nullif(current_setting('app.user', true), '')::uuid)"

GRANTS = {
    # Names are public and the tree only grows; a row is never changed by the application.
    "tenants": "select, insert",
    "platform_state": "select, update (tree_version)",
    "users": "select, insert, update (name, active, grants_version)",
    "grants": "select, insert, delete",
    "schemes": "select, insert",
    "enterprises": "select, insert, update",
    "tickets": "select, insert, update",
    "ticket_co_handlers": "select, insert, delete",
    "ticket_named_persons": "select, insert, delete",
    # The past stands: only the sequencer's position is ever written to an event again.
    "events": "select, insert, update (position)",
    "event_heads": "select, insert, update (position)",
    # What a mutation makes may get its id only while it is made.
    "idempotency_keys": "select, insert, update (subject_id)",
    "read_log": "select, insert",
    "alembic_version": "select",
}

GLOBAL_ID = """
create function global_id(prefix text, city int, id uuid) returns text
language sql immutable strict parallel safe
return prefix || '_' || translate(rtrim(encode(int4send(city) || uuid_send(id), 'base64'), '='), '+/', '-_')
"""

TENANT_GID = """
create function tenant_gid(id int) returns text
language sql immutable strict parallel safe
return 'TN_' || translate(rtrim(encode(int4send(id), 'base64'), '='), '+/', '-_')
"""

# The first statement of every transaction. The settings are local: they end with the transaction.
# Output parameters and not a set of rows: that costs half as much.
BEGIN_REQUEST = """
create function begin_request(cities text, user_id text, out grants_version int, out tree_version int)
language plpgsql volatile security invoker
as $$
begin
  perform set_config('app.cities', coalesce(cities, ''), true), set_config('app.user', coalesce(user_id, ''), true);
  select (select u.grants_version from users u where u.id = begin_request.user_id::uuid and u.active), p.tree_version
  into begin_request.grants_version, begin_request.tree_version
  from platform_state p
  where p.id = 1;
end
$$
"""

TICKET_TEXT = "(number || ' ' || title || ' ' || body)"
ENTERPRISE_TEXT = "(credit_code || ' ' || name)"

# LIKE is not leakproof, so under row-level security its index goes unused. These two functions, and no others, look
# past it: they take the cities from the request's own setting, never from an argument, and return ids only; the caller
# applies its own visibility to them. Every match is returned, however common the words: a limit here would hide from a
# department what is old in the city and new to it. The trigram index narrows a search of three or more characters; a
# Chinese word of two has no trigram, and then the city's rows are read through. Chinese knows no case, and LIKE is
# three to five times as fast as ILIKE.
SEARCH = """
create function search_{table}(query text) returns setof uuid
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_custom_plan
as $$
declare
  cities int[] := string_to_array(nullif(current_setting('app.cities', true), ''), ',')::int[];
  pattern text := '%' || replace(replace(replace(query, '\\', '\\\\'), '%', '\\%'), '_', '\\_') || '%';
begin
  if lower(query) = upper(query) then
    return query select t.id from public.{table} t where t.city_id = any (cities) and {expression} like pattern;
  else
    return query select t.id from public.{table} t where t.city_id = any (cities) and {expression} ilike pattern;
  end if;
end
$$
"""


def upgrade() -> None:
    create_tables()
    for function in (GLOBAL_ID, TENANT_GID, BEGIN_REQUEST):
        op.execute(function)
    create_searches()
    isolate()
    grant()
    hand_over_searches()
    op.execute("insert into platform_state (id, tree_version) values (1, 0)")


def downgrade() -> None:
    # As the one who migrates: two of the functions belong to another role, and the extension may be somebody else's.
    op.execute("reset role")
    for function in FUNCTIONS + SEARCHES:
        op.execute(f"drop function {function}")
    for table in (
        "ticket_named_persons",
        "ticket_co_handlers",
        "tickets",
        "grants",
        "users",
        "schemes",
        "enterprises",
        "tenants",
        "read_log",
        "platform_state",
        "idempotency_keys",
        "events",
        "event_heads",
    ):
        op.drop_table(table)
    op.execute("drop extension pg_trgm")
    op.execute("revoke all on alembic_version from yingshang_app")
    op.execute("set role yingshang_owner")


def isolate() -> None:
    """Row-level security, forced on the owner as well: without a setting nothing of any city is there."""
    for table in PLATFORM_TABLES + BUSINESS_TABLES:
        op.execute(f"alter table {table} enable row level security, force row level security")
    for table in BUSINESS_TABLES:
        op.execute(f"create policy cities on {table} using ({OF_THE_CITIES}) with check ({OF_THE_CITIES})")
    # What must be read before a city is known.
    op.execute("create policy everybody on tenants for select using (true)")
    op.execute(f"create policy cities on tenants for insert with check ({OF_THE_CITIES})")
    op.execute("create policy everybody on platform_state using (true) with check (true)")
    for table, owner in (("users", "id"), ("grants", "user_id")):
        op.execute(f"create policy own on {table} for select using ({owner} = {USER})")
        op.execute(f"create policy cities on {table} using ({OF_THE_CITIES}) with check ({OF_THE_CITIES})")


def grant() -> None:
    for table, privileges in GRANTS.items():
        op.execute(f"grant {privileges} on {table} to yingshang_app")
    for function in FUNCTIONS + SEARCHES:
        op.execute(f"revoke all on function {function} from public")
        op.execute(f"grant execute on function {function} to yingshang_app")


def create_searches() -> None:
    op.execute("create extension if not exists pg_trgm")
    for table, expression in (("tickets", TICKET_TEXT), ("enterprises", ENTERPRISE_TEXT)):
        op.execute(f"create index ix_{table}_text on {table} using gin ({expression} gin_trgm_ops)")
        op.execute(f"grant select on {table} to yingshang_definer")
        op.execute(SEARCH.format(table=table, expression=expression))


def hand_over_searches() -> None:
    """Give the searches to the role that looks past row-level security: who migrates may do that, the owner not."""
    op.execute("reset role")
    op.execute("grant create on schema public to yingshang_definer")
    for function in SEARCHES:
        op.execute(f"alter function {function} owner to yingshang_definer")
    op.execute("revoke create on schema public from yingshang_definer")
    op.execute("set role yingshang_owner")


def one_of(table: str, column: str, values: str) -> sa.CheckConstraint:
    """A CHECK that a text column holds one of the words of `values`."""
    listed = ", ".join(f"'{value}'" for value in values.split())
    return sa.CheckConstraint(f"{column} in ({listed})", name=op.f(f"ck_{table}_{column}"))


def create_tables() -> None:
    op.create_table(
        "event_heads",
        sa.Column("city_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("city_id", name="pk_event_heads"),
    )
    op.create_table(
        "events",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_tenant_id", sa.Integer(), nullable=True),
        sa.Column("actor_role", sa.Text(), nullable=True),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("restricted", sa.Boolean(), nullable=False),
        sa.Column("data", JSONB(), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        one_of(
            "events",
            "visibility",
            "PUBLIC INTERNAL",
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_events"),
        sa.UniqueConstraint("city_id", "position", name="uq_events_city_id_position"),
        sa.UniqueConstraint("city_id", "subject_id", "seq", name="uq_events_city_id_subject_id_seq"),
    )
    op.create_index(
        "ix_events_unsequenced", "events", ["city_id", "ordinal"], postgresql_where=sa.text("position is null")
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("mutation", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("city_id", "actor_id", "mutation", "key", name="pk_idempotency_keys"),
    )
    op.create_table(
        "platform_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tree_version", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_platform_state_one_row")),
        sa.PrimaryKeyConstraint("id", name="pk_platform_state"),
    )
    op.create_table(
        "read_log",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("variables", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_read_log"),
    )
    op.create_index("ix_read_log_city_id_user_id_at", "read_log", ["city_id", "user_id", "at"])
    op.create_table(
        "tenants",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("county_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("division_code", sa.Text(), nullable=True),
        sa.Column("ranking_group", sa.Text(), nullable=True),
        sa.Column("number_prefix", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        one_of(
            "tenants",
            "kind",
            "PLATFORM REGION CITY COUNTY DEPARTMENT TOWNSHIP VILLAGE",
        ),
        sa.CheckConstraint("path ~ '^[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)*$'", name=op.f("ck_tenants_path")),
        one_of(
            "tenants",
            "ranking_group",
            "COUNTIES DEPARTMENTS",
        ),
        sa.ForeignKeyConstraint(["city_id"], ["tenants.id"], name="fk_tenants_city_id_tenants"),
        sa.ForeignKeyConstraint(["county_id"], ["tenants.id"], name="fk_tenants_county_id_tenants"),
        sa.ForeignKeyConstraint(["parent_id"], ["tenants.id"], name="fk_tenants_parent_id_tenants"),
        sa.PrimaryKeyConstraint("id", name="pk_tenants"),
        sa.UniqueConstraint("path", name="uq_tenants_path"),
    )
    op.create_index("ix_tenants_city_id_kind_path", "tenants", ["city_id", "kind", "path"])
    op.create_table(
        "enterprises",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("credit_code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("industry_code", sa.Text(), nullable=False),
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("contact_name", sa.Text(), nullable=True),
        sa.Column("contact_phone", sa.Text(), nullable=True),
        sa.Column("attributes", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        one_of(
            "enterprises",
            "kind",
            "ABOVE_SCALE MSME INDIVIDUAL",
        ),
        sa.CheckConstraint("length(credit_code) = 18", name=op.f("ck_enterprises_credit_code")),
        sa.ForeignKeyConstraint(["city_id"], ["tenants.id"], name="fk_enterprises_city_id_tenants"),
        sa.ForeignKeyConstraint(["county_id"], ["tenants.id"], name="fk_enterprises_county_id_tenants"),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_enterprises"),
        sa.UniqueConstraint("city_id", "credit_code", name="uq_enterprises_city_id_credit_code"),
    )
    op.create_index("ix_enterprises_city_id_county_id_name_id", "enterprises", ["city_id", "county_id", "name", "id"])
    op.create_index("ix_enterprises_city_id_name_id", "enterprises", ["city_id", "name", "id"])
    op.create_table(
        "schemes",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("document", JSONB(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["city_id"], ["tenants.id"], name="fk_schemes_city_id_tenants"),
        sa.PrimaryKeyConstraint("city_id", "version", name="pk_schemes"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("demo", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("grants_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["city_id"], ["tenants.id"], name="fk_users_city_id_tenants"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("login", name="uq_users_login"),
    )
    op.create_index("ix_users_city_id_login", "users", ["city_id", "login"])
    op.create_table(
        "grants",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("enterprise_id", sa.Uuid(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(role = 'ENTERPRISE_USER') = (enterprise_id is not null)", name=op.f("ck_grants_enterprise")
        ),
        one_of(
            "grants",
            "role",
            "AUDITOR CITY_ADMINISTRATOR DEPARTMENT_LEAD DISPATCHER ENTERPRISE_USER EVALUATION_MANAGER "
            "FINANCE_OFFICER HANDLER INTAKE_AGENT LEADING_GROUP OFFICE PLATFORM_OPERATOR POLICY_OFFICER "
            "SPECIAL_MONITOR STEWARD SUPERVISION_OFFICER WORKING_GROUP",
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "enterprise_id"],
            ["enterprises.city_id", "enterprises.id"],
            name="fk_grants_city_id_enterprise_id_enterprises",
        ),
        sa.ForeignKeyConstraint(["city_id"], ["tenants.id"], name="fk_grants_city_id_tenants"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_grants_tenant_id_tenants"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_grants_user_id_users"),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_grants"),
    )
    op.create_index("ix_grants_city_id_tenant_id_role", "grants", ["city_id", "tenant_id", "role"])
    op.create_index(
        "uq_grants_role",
        "grants",
        ["user_id", "tenant_id", "role", "enterprise_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "tickets",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("scheme_version", sa.Integer(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("secrecy", sa.Text(), nullable=False),
        sa.Column("county_id", sa.Integer(), nullable=True),
        sa.Column("enterprise_id", sa.Uuid(), nullable=True),
        sa.Column("reporter_name", sa.Text(), nullable=True),
        sa.Column("reporter_phone", sa.Text(), nullable=True),
        sa.Column("reporter_anonymous", sa.Boolean(), nullable=False),
        sa.Column("submitter_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Integer(), nullable=True),
        sa.Column("lead_county_id", sa.Integer(), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dispatched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("satisfaction", sa.Text(), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        one_of(
            "tickets",
            "category",
            "CONSULTATION HELP COMPLAINT REPORT SUGGESTION BIDDING_COMPLAINT",
        ),
        one_of(
            "tickets",
            "channel",
            "HOTLINE SERVICE_WINDOW STUCK_WINDOW WEB MINI_PROGRAM QR_CODE E_LICENCE STEWARD_VISIT "
            "OFFICER_VISIT FORWARDED OTHER_CITY OTHER_PLATFORM EMAIL COMPLAINT_CENTRE",
        ),
        one_of(
            "tickets",
            "satisfaction",
            "VERY_SATISFIED SATISFIED NEUTRAL UNSATISFIED VERY_UNSATISFIED",
        ),
        one_of(
            "tickets",
            "secrecy",
            "NORMAL CONFIDENTIAL RESTRICTED",
        ),
        one_of(
            "tickets",
            "status",
            "SUBMITTED ACCEPTED DECLINED ANSWERED DISPATCHED IN_PROGRESS DISPUTED RESOLVED ESCALATED "
            "CLOSED TERMINATED TRANSFERRED WITHDRAWN",
        ),
        sa.CheckConstraint("version >= 1 and round >= 1", name=op.f("ck_tickets_counts")),
        sa.ForeignKeyConstraint(
            ["city_id", "enterprise_id"],
            ["enterprises.city_id", "enterprises.id"],
            name="fk_tickets_city_id_enterprise_id_enterprises",
        ),
        sa.ForeignKeyConstraint(["city_id"], ["tenants.id"], name="fk_tickets_city_id_tenants"),
        sa.ForeignKeyConstraint(["county_id"], ["tenants.id"], name="fk_tickets_county_id_tenants"),
        sa.ForeignKeyConstraint(["lead_county_id"], ["tenants.id"], name="fk_tickets_lead_county_id_tenants"),
        sa.ForeignKeyConstraint(["lead_id"], ["tenants.id"], name="fk_tickets_lead_id_tenants"),
        sa.PrimaryKeyConstraint("city_id", "id", name="pk_tickets"),
        sa.UniqueConstraint("city_id", "number", name="uq_tickets_city_id_number"),
    )
    op.create_index("ix_tickets_city", "tickets", ["city_id", sa.text("submitted_at desc"), sa.text("id desc")])
    op.create_index(
        "ix_tickets_county",
        "tickets",
        ["city_id", "county_id", "status", sa.text("submitted_at desc"), sa.text("id desc")],
    )
    op.create_index(
        "ix_tickets_enterprise",
        "tickets",
        ["city_id", "enterprise_id", sa.text("submitted_at desc"), sa.text("id desc")],
    )
    op.create_index(
        "ix_tickets_lead", "tickets", ["city_id", "lead_id", "status", sa.text("submitted_at desc"), sa.text("id desc")]
    )
    op.create_index(
        "ix_tickets_lead_county",
        "tickets",
        ["city_id", "lead_county_id", sa.text("submitted_at desc"), sa.text("id desc")],
    )
    op.create_index(
        "ix_tickets_status", "tickets", ["city_id", "status", sa.text("submitted_at desc"), sa.text("id desc")]
    )
    op.create_index(
        "ix_tickets_submitter", "tickets", ["city_id", "submitter_id", sa.text("submitted_at desc"), sa.text("id desc")]
    )
    op.create_table(
        "ticket_co_handlers",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["city_id", "ticket_id"],
            ["tickets.city_id", "tickets.id"],
            name="fk_ticket_co_handlers_city_id_ticket_id_tickets",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_ticket_co_handlers_tenant_id_tenants"),
        sa.PrimaryKeyConstraint("city_id", "ticket_id", "tenant_id", name="pk_ticket_co_handlers"),
    )
    op.create_index(
        "ix_ticket_co_handlers_city_id_tenant_id_ticket_id", "ticket_co_handlers", ["city_id", "tenant_id", "ticket_id"]
    )
    op.create_table(
        "ticket_named_persons",
        sa.Column("city_id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("named_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["city_id", "ticket_id"],
            ["tickets.city_id", "tickets.id"],
            name="fk_ticket_named_persons_city_id_ticket_id_tickets",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_ticket_named_persons_user_id_users"),
        sa.PrimaryKeyConstraint("city_id", "ticket_id", "user_id", name="pk_ticket_named_persons"),
    )
    op.create_index(
        "ix_ticket_named_persons_city_id_user_id_ticket_id", "ticket_named_persons", ["city_id", "user_id", "ticket_id"]
    )
