"""The floor: a bare Starlette route over asyncpg with the best SQL by hand. No sign-in, no permission, no scope."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_HEAD = """
t.number, t.title, t.status, t.submitted_at as "submittedAt",
(select row_to_json(e) from (select name, credit_code as "creditCode" from enterprises
  where city_id = t.city_id and id = t.enterprise_id) e) as enterprise,
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
  select * from tickets where city_id = $1 order by submitted_at desc, id desc limit 51)
select row_to_json(d) from (select json_agg(row_to_json(x)) as tickets, (select count(*) > 50 from p) as "hasNextPage"
  from (select {_HEAD}, (select coalesce(json_agg(row_to_json(v)), '[]') from (
    select type, at from events
    where city_id = t.city_id and subject_id = t.id order by seq desc limit 3) v) as timeline
  from p t limit 50) x) d
"""


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    async def codecs(connection: asyncpg.Connection) -> None:
        await connection.set_type_codec("json", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary")

    app.state.pool = await asyncpg.create_pool(os.environ["FLOOR_DATABASE_URL"], max_size=10, init=codecs)
    yield
    await app.state.pool.close()


async def _one(request: Request) -> Response:
    city, ticket = int(request.path_params["city"]), request.path_params["ticket"]
    return Response(await request.app.state.pool.fetchval(Q1, city, ticket), media_type="application/json")


async def _page(request: Request) -> Response:
    city = int(request.path_params["city"])
    return Response(await request.app.state.pool.fetchval(Q2, city), media_type="application/json")


def create_app() -> Starlette:
    """The floor's application."""
    routes = [Route("/q1/{city}/{ticket}", _one, methods=["POST"]), Route("/q2/{city}", _page, methods=["POST"])]
    return Starlette(routes=routes, lifespan=_lifespan)
