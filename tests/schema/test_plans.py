"""Every list has an index: the plans of the reader's own statements, for everybody, every filter and every order.

The database holds a city of 8,000 tickets with what hangs on them, and a larger neighbour: enough for the planner to
prefer an index where there is one, and small enough to be made in seconds. It weighs the same things as with 200,000,
and an index only gains by size. Each statement is planned twice: for its values, and for any values, as it is kept.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLInputObjectType,
    get_named_type,
    is_list_type,
)

from schema import ids
from schema.reader.declare import Connection
from schema.reader.plan import Plan
from schema.schema import assemble
from tests.conftest import Server
from tests.factories.world import World, make_world
from tests.schema.both import SCHEMA
from tests.schema.conftest import Api, opened, use_presets

LARGE = {
    *("tickets", "events", "enterprises", "deadlines", "ticket_co_handlers", "ticket_named_persons"),
    *("attachments", "ticket_signatures"),
    *("integrity_entries", "integrity_instalments", "reports", "supervision_notices", "notifications"),
    *("rectification_tasks", "rectification_co_operators", "rectification_milestones", "rectification_progress"),
    "ticket_transfers",
}
TICKETS, NEIGHBOURS = 8_000, 16_000
A_GOOD_PART = TICKETS // 2
FILL = """
set session_replication_role = replica;
insert into tenants (id, city_id, parent_id, kind, slug, path, name, created_at)
select $city + 100 + n, $city, $city, 'DEPARTMENT', 'd' || n, t.path || '.d' || n, '部门' || n, now()
from tenants t, generate_series(1, 40) n where t.id = $city;
drop table if exists made;
create temporary table made as
select n, md5('ticket' || n)::uuid as id, '2026-01-01'::timestamptz + n * interval '40 minutes' as at,
  (select array_agg(id order by id) from tenants where city_id = $city and kind = 'COUNTY') as counties,
  (select array_agg(id order by id) from tenants where city_id = $city and kind <> 'CITY') as leads,
  (select array_agg(id order by login) from users where city_id = $city) as people
from generate_series(1, $tickets) n;
insert into enterprises (city_id, id, credit_code, name, kind, industry_code, county_id, created_at)
select $city, md5('enterprise' || n)::uuid, 'X' || lpad(n::text, 17, '0'), '第' || n || '食品有限公司',
  case when n % 20 = 0 then 'ABOVE_SCALE' else 'MSME' end, 'C1352', counties[1 + n % 2], at from made where n <= 6000;
insert into tickets (city_id, id, number, version, scheme_version, category, channel, title, body, status, round,
  secrecy, county_id, enterprise_id, reporter_anonymous, submitter_id, lead_id, lead_county_id, submitted_at,
  acknowledge_due_at, resolve_due_at, due_at, closed_at, suspended_at, suspension_reason, extension_days, coordination,
  referred, malice,
  low_satisfaction_at, merged_into_id, repeat_of_id)
select $city, id, 'GY-' || n, 1, 1,
  (array['HELP', 'COMPLAINT', 'CONSULTATION', 'REPORT', 'SUGGESTION', 'BIDDING_COMPLAINT'])[1 + n % 6],
  (array['WEB', 'HOTLINE', 'EMAIL', 'QR_CODE'])[1 + n % 4], '用电问题' || n, '厂房用电报装第' || n || '次没有答复',
  case when n % 10 < 7 then 'CLOSED'
    else (array['SUBMITTED', 'IN_PROGRESS', 'ESCALATED', 'DISPUTED'])[1 + n / 10 % 4] end,
  1, case n % 100 when 0 then 'RESTRICTED' when 1 then 'CONFIDENTIAL' else 'NORMAL' end,
  case when n % 30 > 0 then counties[1 + n % 2] end, md5('enterprise' || n % 3000 + 1)::uuid, false,
  people[1 + n % cardinality(people)], leads[1 + n % cardinality(leads)], case when n % 8 = 0 then counties[1] end, at,
  at + interval '1 day', at + interval '9 days',
  case when n % 10 < 7 then '9999-12-31 00:00:00+00' else at + interval '9 days' end,
  case when n % 10 < 7 then at + interval '5 days' end,
  case when n % 200 = 8 then at end, case when n % 200 = 8 then 'APPLICANT_DOCUMENTS' end,
  case when n % 200 = 18 then 3 end, case when n % 200 = 28 then 'TASK_GROUP' end, n % 200 = 38,
  case when n % 200 = 48 then 'FOUND' end, case when n % 50 = 5 then at end,
  case when n % 500 = 1 then md5('ticket' || n + 1)::uuid end,
  case when n % 500 = 2 then md5('ticket' || n - 1)::uuid end
from made;
insert into ticket_co_handlers (city_id, ticket_id, tenant_id)
select $city, id, leads[1 + (n / 3) % cardinality(leads)] from made where n % 3 = 0;
insert into ticket_named_persons (city_id, ticket_id, user_id, named_at)
select $city, id, person, at from made, unnest(people) person where n % 100 = 0;
insert into ticket_signatures (city_id, ticket_id, submitted_at, bits)
select $city, id, at, repeat('01', 512)::bit(1024) from made;
insert into deadlines (city_id, id, subject_id, kind, round, scheme_version, amount, unit, started_at, due_at,
  provisional, state)
select $city, md5('clock' || kind || n)::uuid, id, kind, 1, 1, 5, 'WORKING_DAYS', at, at + interval '9 days', false,
  'RUNNING' from made, unnest(array['ACKNOWLEDGEMENT', 'HANDLING']) kind;
insert into events (city_id, id, topic, subject_id, seq, version, type, at, visibility, restricted, data, hash,
  position)
select $city, md5('event' || seq || '/' || n)::uuid, 'ticket', id, seq, seq, 'ACCEPTED', at, 'PUBLIC', false, '{}',
  '\\x00', n * 3 + seq from made, generate_series(1, 3) seq;
insert into attachments (city_id, id, ticket_id, event_id, name, media_type, size, sha256, scanned, visibility,
  uploaded_at, uploaded_by)
select $city, md5('file' || n)::uuid, id, md5('event1/' || n)::uuid, 'a.pdf', 'application/pdf', 1,
  decode(repeat('00', 32), 'hex'), true, 'PUBLIC', at, people[1] from made where n % 2 = 0;
insert into rectification_tasks (city_id, id, version, scheme_version, source, ticket_id, notice_id, plan_id,
  inspection_id, severity, title, problem, lead_id, lead_county_id, status, running, round, percent, issued_at, due_at,
  provisional, progress_due_at, submitted_at)
select $city, md5('task' || n)::uuid, 1, 1,
  case when n % 5 = 0 then 'WORK_PLAN' else (array['AUDIT', 'RANKING', 'NOTICE'])[1 + n % 3] end,
  case when n % 9 = 1 then id end, case when n % 9 = 2 then id end,
  case when n % 5 = 0 then md5('plan' || n % 50)::uuid end,
  case when n % 5 = 1 then md5('inspection' || n / 10)::uuid end, case when n % 5 = 1 then 'MINOR' end,
  '整改' || n, '问题', leads[1 + n % cardinality(leads)], case when n % 8 = 0 then counties[1] end,
  case when n % 10 = 3 then 'ISSUED' else 'SUBMITTED' end, n % 10 = 3, 1, 0, at,
  at + interval '30 days', false, at + interval '60 days', case when n % 10 <> 3 then at end from made;
insert into rectification_co_operators (city_id, task_id, tenant_id)
select $city, md5('task' || n)::uuid, leads[1 + (n / 3) % cardinality(leads)] from made where n % 3 = 0;
insert into rectification_milestones (city_id, task_id, place, title, due_on)
select $city, md5('task' || n)::uuid, place, '节点', at::date from made, generate_series(1, 2) place;
insert into rectification_progress (city_id, task_id, month, tenant_id, text, percent, reported_at)
select $city, md5('task' || n)::uuid, date_trunc('month', at)::date, leads[1], '推进', 50, at from made;
insert into work_plans (city_id, id, version, tenant_id, year, title, published_at, published_by)
select $city, md5('plan' || n)::uuid, 1, $city, 2000 + n, '清单', at, people[1] from made where n <= 50;
insert into inspections (city_id, id, tenant_id, county_id, day, mode, inspectors, recorded_at, recorded_by)
select $city, md5('inspection' || n)::uuid, leads[1 + n % cardinality(leads)], null, at::date, 'OPEN', '两人', at,
  people[1] from made where n <= 800;
insert into integrity_entries (city_id, id, version, scheme_version, kind, status, title, debtor_id, county_id,
  creditor_id, amount, opened_on, opened_at, opened_by)
select $city, md5('entry' || n)::uuid, 1, 1, (array['ARREARS', 'UNKEPT_PROMISE'])[1 + n % 2],
  case when n % 50 = 0 then 'OPENED' else 'DISMISSED' end, '拖欠' || n, leads[1 + n % cardinality(leads)],
  case when n % 8 = 0 then counties[1] end, md5('enterprise' || n % 3000 + 1)::uuid, n, at::date, at, people[1]
  from made;
insert into integrity_instalments (city_id, id, entry_id, amount, paid_on, recorded_at, recorded_by)
select $city, md5('instalment' || n || '/' || place)::uuid, md5('entry' || n)::uuid, 1, at::date, at, people[1]
  from made, generate_series(1, 2) place;
insert into reports (city_id, id, version, scheme_version, obligation, every, begins_on, ends_before, tenant_id,
  county_id, from_roles, to_roles, copied_to, status, due_at, content, drafted_at)
select $city, md5('report' || n)::uuid, 1, 1, '月报' || n, 'MONTH', at::date, at::date + 30,
  leads[1 + n % cardinality(leads)], case when n % 8 = 0 then counties[1] end, '{OFFICE}', '{LEADING_GROUP}', '{}',
  'DUE', at, '{}', at from made;
insert into supervision_notices (city_id, id, number, version, scheme_version, level, kind, ticket_id, restricted,
  addressee_id, addressee_county_id, trigger, times, cause, issued_at, issued_on, reply_due_at, provisional, listed,
  may_refer, status)
select $city, md5('notice' || n)::uuid, 'D-' || n, 1, 1, 1 + n % 2, (array['REMINDER', 'RECTIFICATION'])[1 + n % 2], id,
  n % 100 = 0, leads[1 + n % cardinality(leads)], case when n % 8 = 0 then counties[1] end,
  (array['OVERDUE', 'RETURNED', 'UNSATISFIED'])[1 + n % 3], 2, 'c' || n, at, at::date, at + interval '3 days', false,
  n % 50 = 1, false, 'ISSUED' from made;
insert into quality_entries (city_id, id, version, scheme_version, kind, status, ticket_id, round, tenant_id, lead_id,
  opened_at, awaits_task, handed_over_at, handed_over_by)
select $city, md5('quality' || n)::uuid, 1, 1, (array['LOW_SATISFACTION', 'LOW_QUALITY', 'HARD_TO_SOLVE'])[1 + n % 3],
  case when n % 50 = 0 then 'OPEN' else 'HANDED_OVER' end, id, 1, case when n % 8 = 0 then counties[1] else $city end,
  leads[1 + n % cardinality(leads)], at, false, case when n % 50 > 0 then at end,
  case when n % 50 > 0 then people[1] end from made;
insert into notifications (city_id, id, subject_id, tenant_id, kind, ticket_id, notice_id, restricted, at)
select $city, md5('told' || n)::uuid, md5('notice' || n)::uuid, leads[1 + n % cardinality(leads)], 'NOTICE_ISSUED', id,
  md5('notice' || n)::uuid, n % 100 = 0, at from made;
insert into ticket_transfers (city_id, id, version, direction, peer_id, status, number, ticket_id, category, secrecy,
  title, body, reporter_anonymous, from_status, reason, offered_at, offered_by, due_at, provisional, warn_at, missed_at,
  decided_at, decided_by, chases, relayed_seq, ended_at, scheme_version)
select $city, md5('transfer' || n)::uuid, 1, case when n % 2 = 0 then 'SENT' else 'RECEIVED' end,
  case when $city = 10 then 1000 else 10 end, case when n % 50 = 0 then 'OFFERED' else 'ACCEPTED' end, 'X-' || n,
  case when n % 50 > 0 or n % 2 = 0 then id end, 'HELP', 'NORMAL', case when n % 2 > 0 then '停水' end,
  case when n % 2 > 0 then '停水' end, false, case when n % 2 = 0 then 'SUBMITTED' end, '由外市负责', at,
  case when n % 2 = 0 then people[1] end, at + interval '1 day', false, at + interval '1 day', null,
  case when n % 50 > 0 then at end, case when n % 50 > 0 and n % 2 > 0 then people[1] end, 0, 0,
  case when n % 50 > 0 then at end, 1
from made;
set session_replication_role = origin
"""


async def _fill(admin_url: str) -> World:
    world = await make_world(admin_url)
    connection = await asyncpg.connect(admin_url)
    await use_presets(connection)
    for city, tickets in ((world.guangyuan, TICKETS), (world.anshan, NEIGHBOURS)):
        await connection.execute(FILL.replace("$city", str(city.id)).replace("$tickets", str(tickets)))
    await connection.execute("vacuum (analyze)")
    await connection.close()
    return world


@pytest.fixture(scope="module")
def filled(server: Server) -> Iterator[tuple[str, World]]:
    template, world = server.told("plans", _fill)
    with server.clone(template) as url:
        yield url, world


class Planner:
    """Asks, and tells the plans of what the reader asked the database."""

    def __init__(self, api: Api, connection: asyncpg.Connection, asked: list[tuple[str, list[Any]]]) -> None:
        self.api = api
        self._connection = connection
        self._asked = asked

    async def plans(self, login: str, query: str, **variables: Any) -> list[dict[str, Any]]:
        """The plan for these values, and the one for any."""
        self._asked.clear()
        await self.api.data(login, query, **variables)
        sql, values = self._asked[-1]
        actor = (await self.api.viewer(login)).actor
        assert actor is not None
        cities = ",".join(map(str, actor.cities))
        missing = len(await self._parameters(sql)) - len(values)
        values = [*values, *[cities, str(actor.user_id), actor.grants_version, None][:missing]]
        async with self._connection.transaction():
            await self._connection.fetchrow("select begin_request($1, $2)", cities, str(actor.user_id))
            given = await self._connection.fetchval(f"explain (format json) {sql}", *values)
            await self._connection.execute("set local plan_cache_mode = force_generic_plan")
            await self._connection.execute(f"prepare of_any as {sql}")
            nothing = f"({', '.join(['null'] * len(values))})" if values else ""
            of_any = await self._connection.fetchval(f"explain (format json) execute of_any {nothing}")
            await self._connection.execute("deallocate of_any")
        return [orjson.loads(plan)[0]["Plan"] for plan in (given, of_any)]

    async def _parameters(self, sql: str) -> tuple[Any, ...]:
        return tuple((await self._connection.prepare(sql)).get_parameters())


@pytest.fixture
async def planner(
    server: Server, filled: tuple[str, World], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Planner]:
    asked: list[tuple[str, list[Any]]] = []
    values_of = Plan.values

    def remember(plan: Plan, run: Any) -> list[Any]:
        values = values_of(plan, run)
        asked.append((plan.sql, values))
        return values

    monkeypatch.setattr(Plan, "values", remember)
    url, world = filled
    async with opened(world, server.application_url(url), tmp_path) as api, _application(server, url) as connection:
        yield Planner(api, connection, asked)


@asynccontextmanager
async def _application(server: Server, url: str) -> AsyncIterator[asyncpg.Connection]:
    settings = {"jit": "off", "timezone": "UTC"}
    connection = await asyncpg.connect(server.application_url(url), server_settings=settings, statement_cache_size=0)
    try:
        yield connection
    finally:
        await connection.close()


# What is wrong with a plan


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def faults(plan: Mapping[str, Any], narrow: bool = False) -> list[str]:
    """`narrow`: of somebody who sees a small part of the city, and must not pay for the rest."""
    found = []
    for node in nodes(plan):
        kind, rows = node["Node Type"], node["Plan Rows"]
        if kind == "Seq Scan" and node["Relation Name"] in LARGE:
            found.append(f"all of {node['Relation Name']} is read through")
        if kind in ("Sort", "Incremental Sort") and "Presorted Key" not in node:
            below = max((each["Plan Rows"] for each in node["Plans"]), default=0)
            if below > A_GOOD_PART:
                found.append(f"{below} rows are sorted")
        if narrow and node.get("Relation Name") == "tickets" and rows > A_GOOD_PART:
            found.append(f"{rows} tickets are read by {node.get('Index Name')}")
        if narrow and kind in ("Index Scan", "Index Only Scan") and node.get("Index Name") in WHOLE_CITY:
            # A range that was asked for is as good as one's own tickets, where it has fewer.
            conditions = node.get("Index Cond", "")
            if not any(key in conditions for key in ("due_at ", "submitted_at ", "number =", "status =")):
                found.append(f"the city is walked by {node['Index Name']}")
    return found


WHOLE_CITY = ("ix_tickets_city", "ix_tickets_status", "ix_tickets_due", "uq_tickets_city_id_number")

# Everybody who asks, and of what


PEOPLE = {
    "dispatcher@guangyuan": False,
    "auditor@guangyuan": False,
    "supervision_officer@guangyuan": False,
    "dispatcher@guangyuan.cangxi": False,
    "supervision_officer@guangyuan.cangxi": False,
    "handler@guangyuan.cangxi": True,
    "handler@guangyuan.commerce": True,
    "enterprise": True,
}
"""Whose reach has every shape there is, and whether it is a small part of the city."""
WITHIN = (None, "guangyuan.cangxi", "guangyuan.commerce")
CONNECTIONS = {name: root.what for name, root in assemble().roots.items() if isinstance(root.what, Connection)}


def values_for(type_: Any, name: str, world: World) -> list[Any]:
    """What to ask a filter for. A type that is new must be said here."""
    named = get_named_type(type_)
    if named is GraphQLBoolean:
        return [True, False]
    if isinstance(named, GraphQLEnumType):
        values = list(named.values)
        return [[values[-1]], values[:2]] if is_list_type(type_) else values[:1]
    return {
        "TenantPath": {"county": ["guangyuan.cangxi"]}.get(name, ["guangyuan.commerce"]),
        "Date": ["2026-03-01"],
        "DateTime": ["2026-03-01T00:00:00Z"],
        "ID": [
            ids.encode(PREFIXES[name], world.guangyuan.id, UUID(int=1))
            if name in PREFIXES
            else ids.encode("E", world.guangyuan.id, world.guangyuan.enterprise.id)
        ],
        "String": ["2026-03"] if name in ("month", "fromMonth", "toMonth") else ["用电", "厂房用电报装第7次"],
    }[named.name]


def filters_of(root: str, world: World) -> list[dict[str, Any]]:
    """Nothing, and every filter by itself."""
    query = SCHEMA.query_type
    assert query is not None
    argument = query.fields[root].args.get("filter")
    if argument is None:
        return [{}]
    type_ = get_named_type(argument.type)
    assert isinstance(type_, GraphQLInputObjectType)
    given = [{name: value} for name, of in type_.fields.items() for value in values_for(of.type, name, world)]
    assert {name for each in given for name in each} == set(CONNECTIONS[root].filters)
    return [{}, *given]


def orders_of(root: str) -> list[dict[str, str] | None]:
    return [None, *({"field": name, "direction": way} for name in CONNECTIONS[root].orders for way in ("ASC", "DESC"))]


def login_of(person: str, world: World) -> str:
    return world.guangyuan.enterprise.login if person == "enterprise" else person


@pytest.mark.parametrize("person", PEOPLE)
async def test_every_filter_and_order_of_tickets_has_an_index(planner: Planner, person: str) -> None:
    query = """query($within: TenantPath, $filter: TicketFilter, $orderBy: TicketOrder) {
      tickets(within: $within, filter: $filter, orderBy: $orderBy, first: 50) {
        edges { cursor node { number } } pageInfo { hasNextPage } } }"""
    world = planner.api.world
    wrong = []
    for given in filters_of("tickets", world):
        for order in (None, {"field": "NUMBER", "direction": "ASC"}) if given else orders_of("tickets"):
            for plan in await planner.plans(login_of(person, world), query, filter=given, orderBy=order):
                wrong += [f"{given} by {order}: {fault}" for fault in faults(plan, PEOPLE[person])]
    assert not wrong, "\n".join(sorted(set(wrong)))


@pytest.mark.parametrize("person", PEOPLE)
async def test_a_total_reads_nothing_through(planner: Planner, person: str) -> None:
    query = """query($within: TenantPath, $filter: TicketFilter) {
      tickets(within: $within, filter: $filter, first: 1) { totalCount } }"""
    world = planner.api.world
    wrong = []
    for given in filters_of("tickets", world):
        for plan in await planner.plans(login_of(person, world), query, filter=given):
            wrong += [f"{given}: {fault}" for fault in faults(plan, PEOPLE[person])]
    assert not wrong, "\n".join(sorted(set(wrong)))


@pytest.mark.parametrize("within", ["guangyuan.cangxi", "guangyuan.commerce", "guangyuan.cangxi.housing"])
async def test_a_part_of_the_city_is_found_by_its_own_indexes(planner: Planner, within: str) -> None:
    query = """query($within: TenantPath, $orderBy: TicketOrder) {
      tickets(within: $within, orderBy: $orderBy, first: 50) { totalCount edges { node { number } } } }"""
    wrong = []
    for order in orders_of("tickets"):
        for plan in await planner.plans("dispatcher@guangyuan", query, within=within, orderBy=order):
            wrong += [f"{order}: {fault}" for fault in faults(plan, narrow=within != "guangyuan.cangxi")]
    assert not wrong, "\n".join(sorted(set(wrong)))


PREFIXES = {"workPlanId": "WP", "inspectionId": "IN", "ticketId": "T", "noticeId": "SN"}
FILTERS = {
    "enterprises": "EnterpriseFilter",
    "integrityEntries": "IntegrityFilter",
    "qualityEntries": "QualityEntryFilter",
    "rectificationTasks": "RectificationTaskFilter",
    "reports": "ReportFilter",
    "supervisionNotices": "SupervisionNoticeFilter",
    "ticketTransfers": "TicketTransferFilter",
}
OTHERS = {
    "integrityEntries": "integrityEntries(within: $within, filter: $filter, first: 50) { totalCount edges { node "
    "{ title remaining creditor { name } instalments(first: 5) { totalCount edges { node { amount } } } "
    "timeline(first: 5) { edges { node { type } } } allowedActions } } }",
    "reports": "reports(within: $within, filter: $filter, first: 50) { totalCount edges { node { obligation content "
    "timeline(first: 5) { edges { node { type } } } allowedActions } } }",
    "supervisionNotices": "supervisionNotices(within: $within, filter: $filter, first: 50) { totalCount edges { node "
    "{ number triggerText overdue addressee { path } ticket { number } raisedByName allowedActions } } }",
    "ticketTransfers": "ticketTransfers(filter: $filter, first: 50) { totalCount edges { node { number overdue "
    "mayDecide peer { path } ticket { number transferredTo { path } transferredFrom { path } transfers { status } } } "
    "} }",
    "notifications": "notifications(unread: true, first: 50) { totalCount edges { node { kind read ticket { number } "
    "notice { number } } } }",
    "inspections": "inspections(within: $within, first: 50) { totalCount edges { node { day findings(first: 20) "
    "{ totalCount edges { node { title } } } } } }",
    "rectificationTasks": "rectificationTasks(within: $within, filter: $filter, first: 50) { totalCount edges { node "
    "{ title coOperators { path } milestones { place } progress(first: 5) { edges { node { month } } } "
    "timeline(first: 5) { edges { node { type } } } allowedActions workPlan { title } } } }",
    "enterprises": "enterprises(within: $within, filter: $filter, first: 50) { totalCount edges { node { name } } }",
    "publishedDecisions": 'publishedDecisions(within: "guangyuan", first: 50) { totalCount edges { node { number } } }',
    "qualityEntries": "qualityEntries(within: $within, filter: $filter, first: 50) { totalCount edges { node { kind "
    "keeper { path } department { path } ticket { number } task { title } "
    "timeline(first: 5) { edges { node { type } } } allowedActions } } }",
    "qualitySamples": 'qualitySamples(within: "guangyuan", first: 50) { totalCount edges { node { seed '
    "checks(first: 50) { totalCount edges { node { passed ticket { number } } } } } } }",
    "releasedAggregates": 'releasedAggregates(within: "guangyuan", first: 50) { totalCount edges { node { month city '
    "{ path } cells { measure numerator } } } }",
    "responsibilitySubjects": 'responsibilitySubjects(department: "guangyuan.commerce", search: "用电", first: 50) '
    "{ totalCount edges { node { code } } }",
    "tenants": 'tenants(within: "guangyuan", first: 50) { totalCount edges { node { path } } }',
}


def test_every_list_of_the_api_is_looked_at() -> None:
    assert {"tickets", *OTHERS} == set(CONNECTIONS)


@pytest.mark.parametrize("person", ["office@guangyuan", "office@guangyuan.cangxi"])
@pytest.mark.parametrize("root", OTHERS)
async def test_every_other_list_has_an_index(planner: Planner, root: str, person: str) -> None:
    world = planner.api.world
    wrong = []
    for given in filters_of(root, world):
        for within in WITHIN[:2]:
            declared, variables = "", {}
            if "$within" in OTHERS[root]:
                declared, variables = "($within: TenantPath)", {"within": within}
            if root in FILTERS:
                declared = f"({'$within: TenantPath, ' if variables else ''}$filter: {FILTERS[root]})"
                variables = {**variables, "filter": given}
            for plan in await planner.plans(person, f"query{declared} {{ {OTHERS[root]} }}", **variables):
                wrong += [f"{given} within {within}: {fault}" for fault in faults(plan)]
    assert not wrong, "\n".join(sorted(set(wrong)))


HANGING = """{ number progress transferredTo { name } transferredFrom { name } transfers { status } enterprise { name }
  reporter { name } lead { name } coHandlers { name } parts { report }
  deadline { dueAt } deadlines { kind } attachments { name uploader { name } } repeatOf { number } mergedInto { number }
  repeats(first: 5) { totalCount edges { node { number } } } merged(first: 5) { totalCount edges { node { number } } }
  timeline(last: 10) { totalCount edges { node { type at note actor { name } attachment { name } } } }
  allowedActions }"""
ROOTS = {
    "ticket": f"ticket(id: $id) {HANGING}",
    "ticketByNumber": f'ticketByNumber(number: "GY-7") {HANGING}',
    "tickets": f"tickets(first: 50) {{ edges {{ node {HANGING} }} }}",
    "nodes": "nodes(ids: [$id]) { id ... on Ticket { number timeline(first: 5) { edges { node { type } } } } }",
    "duplicates": "ticket(id: $id) { duplicates { number } }",
    "ticketStatistics": 'ticketStatistics(within: "guangyuan", from: "2026-02-01", to: "2026-03-01", by: MONTH)'
    " { submitted overdue onTimeRate { value } satisfactionRate { value } }",
}


@pytest.mark.parametrize("person", [person for person in PEOPLE if person != "enterprise"])
@pytest.mark.parametrize("root", ROOTS)
async def test_what_hangs_on_a_ticket_is_found_by_an_index(planner: Planner, root: str, person: str) -> None:
    ticket = await planner.api.data(person, "{ tickets(first: 1) { edges { node { id } } } }")
    id_ = ticket["tickets"]["edges"][0]["node"]["id"]
    declared = "($id: ID!)" if "$id" in ROOTS[root] else ""
    for plan in await planner.plans(
        person, f"query{declared} {{ {ROOTS[root]} }}", **({"id": id_} if declared else {})
    ):
        assert faults(plan) == []


STATISTICS = {
    "supervisionStatistics": "issued unanswered overdue repliedInTime tenant { path }",
    "integrityTotals": "entries outstanding amount cleared tenant { path }",
    "rectificationStatistics": "issued overdue closed tenant { path }",
}


def dimensions_of(root: str) -> list[str | None]:
    query = SCHEMA.query_type
    assert query is not None
    named = get_named_type(query.fields[root].args["by"].type)
    assert isinstance(named, GraphQLEnumType)
    return [None, *named.values]


COUNTERS = {
    "office@guangyuan": ("guangyuan", "guangyuan.cangxi", "guangyuan.commerce"),
    "office@guangyuan.cangxi": ("guangyuan.cangxi",),
    "handler@guangyuan.commerce": ("guangyuan.commerce",),
}
"""Who counts, and within what."""
BY_DAY = {
    "supervisionStatistics": "ix_supervision_notices_city_id_issued_on",
    "integrityTotals": "ix_integrity_entries_opened_on",
    "rectificationStatistics": "ix_rectification_tasks_issued",
}
"""What finds a month of a city without reading the others."""


@pytest.mark.parametrize("person", COUNTERS)
@pytest.mark.parametrize("root", STATISTICS)
async def test_what_is_counted_of_a_month_is_found_by_an_index(planner: Planner, root: str, person: str) -> None:
    by = get_named_type(SCHEMA.query_type.fields[root].args["by"].type)  # type: ignore[union-attr]
    query = f"""query($within: TenantPath!, $by: {by}) {{
      {root}(within: $within, from: "2026-02-01", to: "2026-03-01", by: $by) {{ {STATISTICS[root]} }} }}"""
    wrong = []
    for within in COUNTERS[person]:
        for dimension in dimensions_of(root):
            for plan in await planner.plans(person, query, within=within, by=dimension):
                wrong += [f"{within} by {dimension}: {fault}" for fault in faults(plan)]
                if within == "guangyuan" and BY_DAY[root] not in {node.get("Index Name") for node in nodes(plan)}:
                    wrong.append(f"the city by {dimension}: not by {BY_DAY[root]}")
    assert not wrong, "\n".join(sorted(set(wrong)))


async def test_a_plan_without_its_indexes_is_found_out(planner: Planner, filled: tuple[str, World]) -> None:
    """The test of the tests: without an index the fault is seen."""
    behind = await asyncpg.connect(filled[0])
    definitions = await behind.fetch(
        "select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as made from pg_index"
        " where indexrelid::regclass::text in ('ix_tickets_city', 'ix_tickets_tally', 'ix_tickets_lead')"
    )
    try:
        for row in definitions:
            await behind.execute(f"drop index {row['name']}")
        query = "{ tickets(first: 50) { edges { node { number } } } }"
        plans = await planner.plans("dispatcher@guangyuan", query)
        assert any(faults(plan) for plan in plans)
        plans = await planner.plans("handler@guangyuan.commerce", query)
        assert any(faults(plan, narrow=True) for plan in plans)
    finally:
        for row in definitions:
            await behind.execute(row["made"])
        await behind.close()


@pytest.mark.parametrize("person", ["office@guangyuan", "office@guangyuan.cangxi", "handler@guangyuan.commerce"])
async def test_every_order_of_the_ledger_has_an_index(planner: Planner, person: str) -> None:
    query = """query($orderBy: IntegrityOrder) {
      integrityEntries(orderBy: $orderBy, first: 50) { edges { cursor node { title } } } }"""
    wrong = []
    for order in orders_of("integrityEntries"):
        for plan in await planner.plans(person, query, orderBy=order):
            wrong += [f"{order}: {fault}" for fault in faults(plan)]
    assert not wrong, "\n".join(sorted(set(wrong)))


@pytest.mark.parametrize("person", ["office@guangyuan", "office@guangyuan.cangxi", "handler@guangyuan.commerce"])
async def test_every_order_of_notices_has_an_index(planner: Planner, person: str) -> None:
    query = """query($orderBy: SupervisionNoticeOrder) {
      supervisionNotices(orderBy: $orderBy, first: 50) { edges { cursor node { number } } } }"""
    wrong = []
    for order in orders_of("supervisionNotices"):
        for plan in await planner.plans(person, query, orderBy=order):
            wrong += [f"{order}: {fault}" for fault in faults(plan)]
    assert not wrong, "\n".join(sorted(set(wrong)))


async def test_what_people_are_told_is_found_by_their_tenant(planner: Planner) -> None:
    query = "{ notifications(first: 50) { totalCount edges { node { kind read notice { number } } } } }"
    for plan in await planner.plans("handler@guangyuan.commerce", query):
        assert faults(plan) == []
