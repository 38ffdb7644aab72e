"""The peer of `reads`: PostGraphile 5 on the same database, asked the same in its own dialect.

It logs in as the application role and is told role and cities with every request, so that row-level security holds for
it. For Q3 it gets what it would be given in practice: functions in SQL.
"""

from __future__ import annotations

import uuid
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from subprocess import SubprocessError

from tests.benchmarks.frame import Ask, Bench, Clients, Served, free_port, install, running, say

SOURCES = Path(__file__).with_name("peers") / "postgraphile"
Q1 = """query($city: Int!, $id: UUID!) { ticket(cityId: $city, rowId: $id) { number title status submittedAt
enterprise: cityEnterprise { name creditCode } lead { name path }
timeline: events(last: 10, orderBy: SEQ_ASC) { edges { node { type at note } } } } }"""
Q2 = """query($city: Int!) { tickets(first: 50, condition: {cityId: $city, restricted: false},
orderBy: [SUBMITTED_AT_DESC, ROW_ID_DESC]) { edges { cursor node { number title status submittedAt
enterprise: cityEnterprise { name creditCode } lead { name path }
timeline: events(last: 3, orderBy: SEQ_ASC) { edges { node { type at } } } } } pageInfo { hasNextPage endCursor } } }"""
Q3 = """query($city: Int!, $from: Date!, $to: Date!) {
byStatus: peerStatisticsByStatus(city: $city, begins: $from, ends: $to) {
  edges { node { value submitted numerator denominator } } }
byDepartment: peerStatisticsByDepartment(city: $city, begins: $from, ends: $to) {
  edges { node { value submitted numerator denominator } } } }"""

_STATISTICS = """
create function peer.statistics_by_{name}(city int, begins date, ends date)
returns table (value text, submitted int, numerator int, denominator int)
language sql stable
begin atomic
  select {value}, count(*)::int, count(*) filter (where t.resolved_at <= t.resolve_due_at)::int,
    count(*) filter (
      where t.resolve_due_at is not null and (t.resolved_at is not null or t.resolve_due_at < now()))::int
  from public.tickets t
  where t.city_id = city and t.submitted_at >= timezone('Asia/Shanghai', begins::timestamp)
    and t.submitted_at < timezone('Asia/Shanghai', ends::timestamp)
    and t.secrecy <> 'RESTRICTED' and t.merged_into_id is null
  group by t.{column};
end
"""
FUNCTIONS = (
    "drop schema if exists peer cascade",
    "create schema peer",
    "grant usage on schema peer to yingshang_app",
    _STATISTICS.format(name="status", column="status", value="t.status"),
    _STATISTICS.format(
        name="department", column="lead_id", value="(select n.path from public.tenants n where n.id = t.lead_id)"
    ),
)


async def serving(bench: Bench) -> AbstractContextManager[Served] | None:
    """The peer, ready to be started; None, after saying why, where it cannot be had."""
    if bench.quick:
        return None
    if bench.node is None:
        say("PostGraphile 5 is left out: there is neither Node 22 nor npm to bring it.")
        return None
    try:
        folder = install(SOURCES, bench.folder / "postgraphile", bench.node)
    except (OSError, SubprocessError) as error:
        say(f"PostGraphile 5 is left out: npm cannot bring it ({error}).")
        return None
    admin = await bench.admin()
    try:
        for statement in FUNCTIONS:
            await admin.execute(statement)
        user = await admin.fetchval("select id from users where login = $1", f"dispatcher@{bench.large.path}")
    finally:
        await admin.close()
    port = free_port()
    environment = {
        "PORT": str(port),
        "DATABASE_URL": bench.urls.application,
        "CITIES": str(bench.large.id),
        "USER_ID": str(user),
        "NODE_ENV": "production",
        "GRAPHILE_ENV": "production",
    }
    return running([bench.node, "server.mjs"], port, folder=folder, **environment)


def asks(bench: Bench, clients: Clients, tickets: list[uuid.UUID], month: tuple[date, date]) -> dict[str, Ask]:
    """How it is asked each of the three."""
    city = bench.large.id
    begins, ends = map(str, month)
    return {
        "Q1": lambda number: clients.graphql(None, Q1, {"city": city, "id": str(tickets[number % len(tickets)])}),
        "Q2": lambda _: clients.graphql(None, Q2, {"city": city}),
        "Q3": lambda _: clients.graphql(None, Q3, {"city": city, "from": begins, "to": ends}),
    }
