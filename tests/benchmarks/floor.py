"""The floor: a bare Starlette route over asyncpg with the best SQL by hand. No sign-in, no permission, no scope.

It answers what the product answers to a dispatcher of the city, past row-level security; what it may leave out (to
parse a document, to look at the token, to begin a transaction), it leaves out.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.tickets import tally
from app.tickets.words import TicketStatus

_HEAD = """
t.number, t.title, t.status, t.submitted_at as "submittedAt",
(select row_to_json(e) from (select name, credit_code as "creditCode" from enterprises
  where city_id = t.city_id and id = t.enterprise_id and t.secrecy = 'NORMAL') e) as enterprise,
(select row_to_json(l) from (select name, path from tenants where id = t.lead_id) l) as lead
"""

Q1 = f"""
select row_to_json(d) from (select row_to_json(x) as ticket from (
  select {_HEAD}, (select coalesce(json_agg(row_to_json(v)), '[]') from (
    select type, at, data ->> 'note' as note from events
    where city_id = t.city_id and subject_id = t.id order by seq desc limit 10) v) as timeline
  from tickets t where t.city_id = $1 and t.id = $2) x) d
"""

Q2 = f"""
with p as materialized (
  select * from tickets where city_id = $1 and secrecy <> 'RESTRICTED' order by submitted_at desc, id desc limit 51)
select row_to_json(d) from (select json_agg(row_to_json(x)) as tickets, (select count(*) > 50 from p) as "hasNextPage"
  from (select {_HEAD}, (select coalesce(json_agg(row_to_json(v)), '[]') from (
    select type, at from events
    where city_id = t.city_id and subject_id = t.id order by seq desc limit 3) v) as timeline
  from p t limit 50) x) d
"""

_KEPT = tally.STATUS.mask | tally.RESOLVED | tally.RESOLVED_IN_TIME | tally.MERGED
# Both groupings from one pass over the index that holds every ticket's tally (`app.tickets.tally` says of what bits) by
# the day, and one over that of the few that wait for something, and may be late with it.
Q3 = f"""
with same as materialized (
  select tally & {_KEPT} as tally, lead_id, count(*) as tickets, 0 as late
  from tickets
  where city_id = $1 and submitted_day >= $2 and submitted_day < $3 and secrecy <> 'RESTRICTED'
  group by 1, 2
  union all
  select tally & {_KEPT}, lead_id, 0, count(*)
  from tickets
  where city_id = $1 and secrecy <> 'RESTRICTED' and (tally & '{tally.WAITS}'::bigint) <> '0'::bigint
    and submitted_at >= timezone('Asia/Shanghai', $2::date::timestamp)
    and submitted_at < timezone('Asia/Shanghai', $3::date::timestamp)
    and tally & {tally.RESOLVE_AWAITED} <> 0 and resolve_due_at < now()
  group by 1, 2
), counted as materialized (
  select grouping(tally & {tally.STATUS.mask}) as by_department, lead_id,
    ('{{{",".join(TicketStatus)}}}'::text[])[tally & {tally.STATUS.mask}] as status, sum(tickets)::int as submitted,
    coalesce(sum(tickets) filter (where tally & {tally.RESOLVED_IN_TIME} <> 0), 0)::int as on_time,
    (coalesce(sum(tickets) filter (where tally & {tally.RESOLVED} <> 0), 0) + sum(late))::int as on_time_of
  from same where tally & {tally.MERGED} = 0 group by grouping sets (tally & {tally.STATUS.mask}, lead_id)
)
select row_to_json(d) from (select
  (select json_agg(row_to_json(x)) from (
    select c.status as value, c.submitted,
      (select row_to_json(r) from (select c.on_time as numerator, c.on_time_of as denominator) r) as "onTimeRate"
    from counted c where by_department = 0) x) as "byStatus",
  (select json_agg(row_to_json(x)) from (
    select t.path as value, c.submitted,
      (select row_to_json(r) from (select c.on_time as numerator, c.on_time_of as denominator) r) as "onTimeRate"
    from counted c left join tenants t on t.id = c.lead_id where by_department = 1) x) as "byDepartment") d
"""


class _Connection(asyncpg.Connection):
    """Nothing is set on it, so nothing is reset after use."""

    def get_reset_query(self) -> str:
        return ""


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    async def codecs(connection: asyncpg.Connection) -> None:
        await connection.set_type_codec("json", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary")

    app.state.pool = await asyncpg.create_pool(
        os.environ["FLOOR_DATABASE_URL"],
        max_size=10,
        init=codecs,
        connection_class=_Connection,
        server_settings={"timezone": "UTC", "jit": "off"},
    )
    yield
    await app.state.pool.close()


async def _one(request: Request) -> Response:
    city, ticket = int(request.path_params["city"]), request.path_params["ticket"]
    return Response(await request.app.state.pool.fetchval(Q1, city, ticket), media_type="application/json")


async def _page(request: Request) -> Response:
    city = int(request.path_params["city"])
    return Response(await request.app.state.pool.fetchval(Q2, city), media_type="application/json")


async def _statistics(request: Request) -> Response:
    city = int(request.path_params["city"])
    begins, ends = (date.fromisoformat(request.path_params[name]) for name in ("begins", "ends"))
    return Response(await request.app.state.pool.fetchval(Q3, city, begins, ends), media_type="application/json")


def create_app() -> Starlette:
    """The floor's application."""
    routes = [
        Route("/q1/{city}/{ticket}", _one, methods=["POST"]),
        Route("/q2/{city}", _page, methods=["POST"]),
        Route("/q3/{city}/{begins}/{ends}", _statistics, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=_lifespan)
