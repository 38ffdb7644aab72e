"""Two cities (and where a test asks for it a region with two more), and the worker that relays between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.kernel.clock import FixedClock
from app.transfers.late import tell_late
from app.transfers.relay import relay
from app.worker import Context
from tests.factories.world import World
from tests.schema.conftest import Api, everything_is_numbered, opened, use_presets

MONDAY = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
"""Half past nine in the morning, local time; a week without a holiday."""
DESK, THERE = "intake_agent@guangyuan", "intake_agent@anshan"
REASON = "该事项由鞍山市有关部门负责。"
TRANSFER = (
    "id version direction status number overdue mayDecide peer { path } ticket { id number } title body reporterName "
    "reporterPhone enterpriseName creditCode reason answer dueAt chases endedAt"
)
EVENT = (
    "type visibility note toStatus step version actor { role name tenant { path } } lead { path } "
    "transferredTo { path } remoteFile { name mediaType size sha256 } dueAt"
)


@dataclass
class Across:
    """The API, its clock, and the turns of the relay."""

    api: Api
    clock: FixedClock
    context: Context

    async def offered(self, login: str | None = None, to: str = "anshan", by: str = DESK, **given: Any) -> str:
        """A ticket that was transferred; its id."""
        ticket: str = (await self.api.submit(login, **given))["id"]
        await self.api.verb(by, "ticketTransfer", ticketId=ticket, to=to, reason=REASON)
        return ticket

    async def offer(self, login: str = THERE) -> dict[str, Any]:
        """The one transfer that waits for this desk's decision."""
        (found,) = await self.transfers(login, "filter: {status: [OFFERED], direction: RECEIVED}")
        return found

    async def transfers(self, login: str, arguments: str = "first: 100") -> list[dict[str, Any]]:
        """The list as this person sees it, newest first."""
        arguments = arguments if "first" in arguments else f"{arguments}, first: 100"
        query = f"{{ ticketTransfers({arguments}) {{ totalCount edges {{ node {{ {TRANSFER} }} }} }} }}"
        found = (await self.api.data(login, query))["ticketTransfers"]
        assert found["totalCount"] == len(found["edges"])
        return [edge["node"] for edge in found["edges"]]

    async def decide(self, login: str = THERE, *, accept: bool = True, **given: Any) -> dict[str, Any]:
        """What that desk decides on what waits for it; the payload."""
        return await self.decision(login, transferId=(await self.offer(login))["id"], accept=accept, **given)

    async def decision(self, login: str, **given: Any) -> dict[str, Any]:
        document = (
            f"mutation($input: TicketTransferDecideInput!) {{ ticketTransferDecide(input: $input) {{ ticketTransfer "
            f"{{ {TRANSFER} }} userErrors {{ code message path ... on InvalidInputError {{ rule }} }} }} }}"
        )
        payload: dict[str, Any] = (await self.api.data(login, document, input=given))["ticketTransferDecide"]
        return payload

    async def accepted(self, login: str | None = None, **given: Any) -> tuple[str, str]:
        """A ticket that Anshan has taken; its id here and there."""
        ticket = await self.offered(login, **given)
        payload = await self.decide()
        assert payload["userErrors"] == [], payload
        there: str = payload["ticketTransfer"]["ticket"]["id"]
        return ticket, there

    async def relay(self) -> None:
        """Take everything across that there is."""
        while await relay(self.context):
            pass
        await everything_is_numbered(self.api)

    async def late(self) -> None:
        while await tell_late(self.context):
            pass

    async def ticket(self, login: str, id_: str, selection: str) -> Any:
        found = await self.api.data(login, f"query($id: ID!) {{ ticket(id: $id) {{ {selection} }} }}", id=id_)
        return found["ticket"]

    async def timeline(self, login: str, id_: str) -> list[dict[str, Any]]:
        """As this person sees it, the oldest first."""
        found = await self.ticket(login, id_, f"timeline(first: 100) {{ edges {{ node {{ {EVENT} }} }} }}")
        return [edge["node"] for edge in found["timeline"]["edges"]]

    async def told(self, login: str) -> list[str]:
        """What this person's notifications tell, the oldest first."""
        query = "{ notifications(first: 100) { edges { node { kind } } } }"
        edges = (await self.api.data(login, query))["notifications"]["edges"]
        return [edge["node"]["kind"] for edge in reversed(edges)]

    async def work(self, there: str, city: str = "anshan") -> None:
        """Dispatched to commerce, acknowledged, resolved."""
        await self.api.verb(f"dispatcher@{city}", "ticketDispatch", ticketId=there, lead=f"{city}.commerce")
        await self.api.verb(f"handler@{city}.commerce", "ticketAcknowledge", ticketId=there)
        await self.api.verb(f"handler@{city}.commerce", "ticketResolve", ticketId=there, reply="已核实并办结。")


@pytest.fixture
async def across(
    world: World, admin: asyncpg.Connection, application_url: str, tmp_path: Path
) -> AsyncIterator[Across]:
    await use_presets(admin)
    async with opened(world, application_url, tmp_path) as api:
        clock = api.clock = FixedClock(MONDAY)
        services = api.services
        services.executor._mutations._clock = clock  # type: ignore[attr-defined]
        yield Across(
            api,
            clock,
            Context(services.database, services.trees, services.sequencer, clock, services.settings),
        )
