"""What a month's count reads grows with the month, not with the years behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import asyncpg
import orjson
import pytest
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from app.aggregates.counting import count_month
from tests.aggregates.conftest import Country
from tests.conftest import Server
from tests.schema.test_plans import _fill, faults, nodes

FOUND_BY = [
    {"ix_tickets_city", "ix_tickets_resolved", "ix_tickets_closed"},
    {"ix_deadlines_due", "ix_deadlines_called", "ix_deadlines_again", "pk_tickets"},
    {"ix_supervision_notices_city_id_issued_on"},
]
"""Of each statement the indexes of what is large."""


async def counted(city_id: int) -> list[tuple[str, list[Any]]]:
    """The statements that count a February, and their values."""
    asked: list[Any] = []

    async def remember(statement: Any) -> list[Any]:
        asked.append(statement)
        return []

    uow = cast(Any, SimpleNamespace(city_id=city_id, session=SimpleNamespace(execute=remember)))
    await count_month(uow, date(2026, 2, 1), ZoneInfo("Asia/Shanghai"))
    compiled = [statement.compile(dialect=PGDialect_asyncpg()) for statement in asked]
    return [(str(each), [each.params[name] for name in each.positiontup]) for each in compiled]


@asynccontextmanager
async def application(url: str, city_id: int) -> AsyncIterator[asyncpg.Connection]:
    """Under row-level security."""
    connection = await asyncpg.connect(url, server_settings={"jit": "off", "timezone": "UTC"})
    try:
        async with connection.transaction():
            await connection.fetchrow("select begin_request($1, null)", str(city_id))
            yield connection
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def large(server: Server) -> Iterator[tuple[str, int]]:
    template, world = server.told("plans", _fill)
    with server.clone(template) as url:
        yield server.application_url(url), world.guangyuan.id


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_each_moment_is_found_by_an_index_of_its_own(large: tuple[str, int], mode: str) -> None:
    url, city_id = large
    async with application(url, city_id) as connection:
        await connection.execute(f"set local plan_cache_mode = {mode}")
        for (statement, values), names in zip(await counted(city_id), FOUND_BY, strict=True):
            explained = await connection.fetchval(f"explain (format json) {statement}", *values)
            plan = orjson.loads(explained)[0]["Plan"]
            assert faults(plan) == []
            assert {node["Index Name"] for node in nodes(plan) if "Index Name" in node} - {"pk_schemes"} == names


async def test_what_counts_as_satisfied_is_taken_out_of_the_scheme_once(country: Country, application_url: str) -> None:
    """Not for each ticket: the document is large, and a month has thousands."""
    await country.copies(await country.ticket(), 9)
    city_id = country.region.nanning.id
    _, (statement, values), _ = await counted(city_id)
    async with application(application_url, city_id) as connection:
        explained = await connection.fetchval(f"explain (analyze, format json) {statement}", *values)
        found = list(nodes(orjson.loads(explained)[0]["Plan"]))
        (schemes,) = (node for node in found if node.get("Relation Name") == "schemes")
        assert (schemes["Actual Loops"], schemes.get("Subplan Name")) == (1, "CTE levels_")
        (by_key,) = (node for node in found if node.get("Relation Name") == "tickets")
        assert by_key["Actual Loops"] == 10
