"""A region with two cities at work, and what its people ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.aggregates.job import release_aggregates
from app.kernel.clock import FixedClock
from app.kernel.tables import new_id
from app.worker import Context
from schema import ids
from tests.factories.world import World, WorldRegion, add_region
from tests.schema.conftest import Api, opened, use_presets

FEBRUARY = datetime(2026, 2, 3, 1, 30, tzinfo=UTC)
"""Half past nine in the morning of a Tuesday, local time."""
MARCH = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
RELEASED = (
    "id city { path } month version isCurrent automatic reason minimumCell digest releasedAt allowedActions "
    "cells { measure category level numerator denominator value withheld }"
)


@dataclass
class Country:
    """The API, its clock, the worker, and what lies behind."""

    api: Api
    clock: FixedClock
    context: Context
    admin: asyncpg.Connection
    region: WorldRegion

    async def ticket(self, city: str = "nanning", **given: Any) -> str:
        """A ticket of the city's first enterprise, replied to by commerce and followed up; its id."""
        enterprise = getattr(self.region, city).enterprise.login
        ticket: str = (await self.api.submit(enterprise, **given))["id"]
        for login, verb, more in (
            (f"intake_agent@{city}", "ticketAccept", {}),
            (f"dispatcher@{city}", "ticketDispatch", {"lead": f"{city}.commerce"}),
            (f"handler@{city}.commerce", "ticketAcknowledge", {}),
            (f"handler@{city}.commerce", "ticketResolve", {"reply": "已现场核实并办结,请查收。"}),
            (f"intake_agent@{city}", "ticketFollowUp", {"satisfaction": "SATISFIED"}),
        ):
            await self.api.verb(login, verb, "id", ticketId=ticket, **more)
        return ticket

    async def copies(self, ticket: str, count: int) -> None:
        """So many more just like it, with their clocks."""
        found = ids.decode(ticket)
        for _ in range(count):
            new = new_id()
            await self._copy("tickets", found.key, {"id": new, "number": f"COPY-{new}"})
            for (clock,) in await self.admin.fetch("select id from deadlines where subject_id = $1", found.key):
                await self._copy("deadlines", clock, {"id": new_id(), "subject_id": new})

    async def _copy(self, table: str, key: Any, changes: dict[str, Any]) -> None:
        columns = [
            row["column_name"]
            for row in await self.admin.fetch(
                "select column_name from information_schema.columns where table_name = $1 and is_generated = 'NEVER'",
                table,
            )
        ]
        values = ", ".join(f"${list(changes).index(name) + 2}" if name in changes else name for name in columns)
        await self.admin.execute(
            f"insert into {table} ({', '.join(columns)}) select {values} from {table} where id = $1",
            key,
            *changes.values(),
        )

    async def release(self, login: str = "office@nanning", **given: Any) -> dict[str, Any]:
        """`aggregateRelease`; its payload."""
        return await self._verb(login, "aggregateRelease", {"city": "nanning", "month": "2026-02"} | given)

    async def correct(self, login: str, aggregate: str, **given: Any) -> dict[str, Any]:
        """`aggregateCorrect`; its payload."""
        return await self._verb(login, "aggregateCorrect", {"aggregateId": aggregate, "reason": "漏统计一件"} | given)

    async def _verb(self, login: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
        document = (
            f"mutation($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) {{ releasedAggregate "
            f"{{ {RELEASED} }} userErrors {{ code message path ... on InvalidInputError {{ rule }} "
            "... on ConflictError { currentVersion } } } }"
        )
        payload: dict[str, Any] = (await self.api.data(login, document, input=given))[name]
        return payload

    async def seen(self, login: str, arguments: str = "first: 100") -> list[dict[str, Any]]:
        """The list as this person sees it."""
        query = f"{{ releasedAggregates({arguments}) {{ totalCount edges {{ node {{ {RELEASED} }} }} }} }}"
        found = (await self.api.data(login, query))["releasedAggregates"]
        assert found["totalCount"] == len(found["edges"])
        return [edge["node"] for edge in found["edges"]]

    async def work(self) -> int:
        """A turn of the worker."""
        return await release_aggregates(self.context)


def cell(released: dict[str, Any], measure: str, part: str | int | None = None) -> tuple[int | None, int | None, bool]:
    """Numerator and denominator of one number, and whether it is withheld."""
    (found,) = (
        each for each in released["cells"] if each["measure"] == measure and (each["category"] or each["level"]) == part
    )
    return found["numerator"], found["denominator"], found["withheld"]


@pytest.fixture
async def country(
    world: World, admin_url: str, admin: asyncpg.Connection, application_url: str, tmp_path: Path
) -> AsyncIterator[Country]:
    region = await add_region(admin_url, world)
    await use_presets(admin)
    async with opened(world, application_url, tmp_path) as api:
        clock = api.clock = FixedClock(FEBRUARY)
        services = api.services
        services.executor._mutations._clock = clock  # type: ignore[attr-defined]
        context = Context(services.database, services.trees, services.sequencer, clock, services.settings)
        yield Country(api, clock, context, admin, region)
