"""A city at work, and the worker that follows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.kernel.clock import FixedClock
from app.supervision.follower import follow
from app.worker import Context
from tests.factories.world import World
from tests.schema.conftest import Api, everything_is_numbered, opened, use_presets

MONDAY = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
"""Half past nine in the morning, local time; a week without a holiday."""
CITY = "guangyuan"
DESK, DISPATCHER, OFFICE = f"intake_agent@{CITY}", f"dispatcher@{CITY}", f"office@{CITY}"
SUPERVISION, GROUP, AUDITOR = f"supervision_officer@{CITY}", f"working_group@{CITY}", f"auditor@{CITY}"
HANDLER, LEAD = f"handler@{CITY}.commerce", f"department_lead@{CITY}.commerce"
FINANCE = f"handler@{CITY}.finance"
NOTICE = (
    "id number version level kind status times trigger triggerText automatic reason evidence listed overdue reply "
    "replyDueAt addressee { path } ticket { number } allowedActions"
)


@dataclass
class Supervised:
    """The API, its clock, and the turns of the follower."""

    api: Api
    clock: FixedClock
    context: Context

    async def ticket(self, login: str | None = None, **given: Any) -> str:
        """A ticket that commerce has acknowledged; its id."""
        ticket: str = (await self.api.submit(login, **given))["id"]
        await self.then(ticket, DESK, "ticketAccept")
        await self.then(ticket, DISPATCHER, "ticketDispatch", lead=f"{CITY}.commerce")
        await self.then(ticket, HANDLER, "ticketAcknowledge")
        return ticket

    async def then(self, ticket: str, login: str, verb: str, **given: Any) -> None:
        await self.api.verb(login, verb, "id", ticketId=ticket, **given)

    async def unsatisfied(self, ticket: str) -> None:
        """Resolved, and the reporter is not content, with good reason."""
        await self.then(ticket, HANDLER, "ticketResolve", reply="已现场核实,三日内完成整改并回复。")
        await self.then(ticket, DESK, "ticketFollowUp", satisfaction="UNSATISFIED", justified=True)

    async def follow(self) -> None:
        """Let the follower find all there is."""
        await everything_is_numbered(self.api)
        while await follow(self.context):
            await everything_is_numbered(self.api)

    async def step(self, login: str, name: str, selection: str = NOTICE, **given: Any) -> dict[str, Any]:
        """A verb of a notice; its payload."""
        document = (
            f"mutation($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) {{ supervisionNotice "
            f"{{ {selection} }} userErrors {{ __typename code message path ... on InvalidInputError {{ rule }} "
            "... on IllegalTransitionError { allowed } } } }"
        )
        payload: dict[str, Any] = (await self.api.data(login, document, input=given))[name]
        return payload

    async def done(self, login: str, name: str, **given: Any) -> dict[str, Any]:
        """A verb of a notice that is not refused; the notice."""
        payload = await self.step(login, name, **given)
        assert payload["userErrors"] == [], payload
        notice: dict[str, Any] = payload["supervisionNotice"]
        return notice

    async def refused(self, login: str, name: str, **given: Any) -> tuple[str, str | None]:
        """The code and the rule of the one refusal."""
        payload = await self.step(login, name, **given)
        assert payload["supervisionNotice"] is None
        (error,) = payload["userErrors"]
        return error["code"], error.get("rule")

    async def notices(self, login: str, arguments: str = "first: 100") -> list[dict[str, Any]]:
        """The list as this person sees it, newest first."""
        query = f"{{ supervisionNotices({arguments}) {{ totalCount edges {{ node {{ {NOTICE} }} }} }} }}"
        found = (await self.api.data(login, query))["supervisionNotices"]
        assert found["totalCount"] == len(found["edges"])
        return [edge["node"] for edge in found["edges"]]

    async def told(self, login: str, arguments: str = "first: 100") -> list[tuple[str, bool]]:
        """What this person's notifications tell, oldest first, and whether they are read."""
        query = f"{{ notifications({arguments}) {{ edges {{ node {{ kind read }} }} }} }}"
        edges = (await self.api.data(login, query))["notifications"]["edges"]
        return [(edge["node"]["kind"], edge["node"]["read"]) for edge in reversed(edges)]


@pytest.fixture
async def supervised(
    world: World, admin: asyncpg.Connection, application_url: str, tmp_path: Path
) -> AsyncIterator[Supervised]:
    await use_presets(admin)
    async with opened(world, application_url, tmp_path) as api:
        clock = api.clock = FixedClock(MONDAY)
        services = api.services
        services.executor._mutations._clock = clock  # type: ignore[attr-defined]
        yield Supervised(
            api,
            clock,
            Context(services.database, services.trees, services.sequencer, clock, services.settings),
        )
