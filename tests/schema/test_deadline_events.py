"""What the sweep tells, as the API shows it: on the timeline, on the live feed, and to whom."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson
import pytest

from app.kernel.clock import FixedClock
from app.tickets.sweep import CLAIM, WITH_DUE, sweep_deadlines
from app.worker import Context
from schema.live.hub import Hub
from schema.live.member import Member
from tests.conftest import Server
from tests.factories.late import make_late
from tests.factories.world import World, make_world
from tests.schema.conftest import Api
from tests.schema.edge import until

TIMELINE = """query($id: ID!) { ticket(id: $id) { status version deadline { state }
timeline(first: 20) { edges { node {
  type typeLabel deadlineKind deadlineKindLabel deadlineRound dueAt visibility version actor { name } } } } } }"""
FEED = "subscription($within: TenantPath!) { ticketFeed(within: $within) { node { type deadlineKind dueAt } } }"
ONE = "subscription($id: ID!) { ticketEvents(id: $id) { node { type deadlineKind dueAt } } }"
TOLD = ("DEADLINE_WARNED", "DEADLINE_MISSED")
DISPATCHER = "dispatcher@guangyuan"


async def sweep(api: Api, days: int = 60) -> int:
    """Sweep as if so many days had passed; how many clocks fired."""
    services = api.services
    clock = FixedClock(services.clock.now() + timedelta(days=days))
    context = Context(services.database, services.trees, services.sequencer, clock, services.settings)
    fired = 0
    while turn := await sweep_deadlines(context):
        fired += turn
    await services.sequencer.number_events()
    return fired


class Stream:
    """What a subscription is given."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []

    def deliver(self, payload: bytes) -> None:
        (edge,) = orjson.loads(payload)["data"].values()
        self.nodes.append(edge["node"])

    async def room(self) -> None:
        pass

    def end(self, error: Exception | None) -> None:
        pass

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(node["type"], node["deadlineKind"]) for node in self.nodes if node["type"] in TOLD]


async def watch(hub: Hub, api: Api, login: str, query: str, **variables: Any) -> tuple[Member, Stream]:
    viewer, stream = await api.viewer(login), Stream()
    prepared = await api.services.executor.prepare(query, None, viewer=viewer)
    return await hub.subscribe(prepared, variables, viewer, stream), stream


async def told(api: Api, login: str, ticket: str, **more: Any) -> list[dict[str, Any]]:
    """What the timeline says of deadlines to that viewer."""
    data = (await api.ask(login, TIMELINE, id=ticket, **more))["data"]
    edges = data["ticket"]["timeline"]["edges"]
    return [edge["node"] for edge in edges if edge["node"]["type"] in TOLD]


async def dispatched(api: Api) -> str:
    ticket: str = (await api.submit())["id"]
    await api.verb("intake_agent@guangyuan", "ticketAccept", ticketId=ticket)
    await api.verb(DISPATCHER, "ticketDispatch", ticketId=ticket, lead="guangyuan.commerce")
    return ticket


async def test_the_timeline_tells_the_staff_all_and_the_reporter_that_the_reply_is_late(api: Api) -> None:
    ticket = await dispatched(api)
    before = (await api.data(DISPATCHER, TIMELINE, id=ticket))["ticket"]
    assert await sweep(api) == 2
    after = (await api.data(DISPATCHER, TIMELINE, id=ticket))["ticket"]
    assert (after["status"], after["version"]) == (before["status"], before["version"])
    events = await told(api, DISPATCHER, ticket)
    assert {(each["type"], each["deadlineKind"], each["visibility"]) for each in events} == {
        ("DEADLINE_WARNED", "ACKNOWLEDGEMENT", "INTERNAL"),
        ("DEADLINE_MISSED", "ACKNOWLEDGEMENT", "INTERNAL"),
        ("DEADLINE_WARNED", "HANDLING", "INTERNAL"),
        ("DEADLINE_MISSED", "HANDLING", "PUBLIC"),
    }
    assert {each["deadlineRound"] for each in events} == {1}
    assert {each["version"] for each in events} == {after["version"]}
    assert all(datetime.fromisoformat(each["dueAt"]) > datetime.now(UTC) for each in events)
    (late,) = await told(api, api.world.guangyuan.enterprise.login, ticket)
    assert (late["type"], late["deadlineKind"]) == ("DEADLINE_MISSED", "HANDLING")
    assert (late["typeLabel"], late["deadlineKindLabel"]) == ("Deadline missed", "Handling")
    (late,) = await told(api, api.world.guangyuan.enterprise.login, ticket, locale="zh-CN")
    assert (late["typeLabel"], late["deadlineKindLabel"]) == ("逾期", "办理")
    assert (await api.data("dispatcher@anshan", TIMELINE, id=ticket))["ticket"] is None, "the neighbour sees nothing"


async def test_the_feed_tells_at_once_and_each_sees_what_is_theirs(api: Api) -> None:
    ticket = await dispatched(api)
    async with Hub(api.services) as hub:
        await api.services.wakeups.connected()
        _, desk = await watch(hub, api, DISPATCHER, FEED, within="guangyuan")
        _, commerce = await watch(hub, api, "handler@guangyuan.commerce", FEED, within="guangyuan.commerce")
        _, finance = await watch(hub, api, "handler@guangyuan.finance", FEED, within="guangyuan.finance")
        _, neighbour = await watch(hub, api, "dispatcher@anshan", FEED, within="anshan")
        _, reporter = await watch(hub, api, api.world.guangyuan.enterprise.login, ONE, id=ticket)
        await sweep(api)
        await until(lambda: len(desk.told) >= 4 and len(commerce.told) >= 4 and reporter.told)
        assert desk.told[0] == ("DEADLINE_WARNED", "ACKNOWLEDGEMENT")
        assert desk.told[-1] == ("DEADLINE_MISSED", "HANDLING")
        assert desk.told == commerce.told
        assert reporter.told == [("DEADLINE_MISSED", "HANDLING")]
        assert finance.nodes == neighbour.nodes == []


async def test_of_a_restricted_ticket_the_named_alone_are_told(api: Api) -> None:
    ticket = (await api.submit(category="REPORT", secrecy="RESTRICTED"))["id"]
    async with Hub(api.services) as hub:
        await api.services.wakeups.connected()
        _, supervision = await watch(hub, api, "supervision_officer@guangyuan", FEED, within="guangyuan")
        _, desk = await watch(hub, api, DISPATCHER, FEED, within="guangyuan")
        assert await sweep(api) == 1
        await until(lambda: len(supervision.told) >= 2)
        other = await dispatched(api)
        await until(lambda: len(desk.nodes) >= 3)
        assert desk.told == []
    assert len(await told(api, "supervision_officer@guangyuan", ticket)) == 2
    assert (await api.data(DISPATCHER, TIMELINE, id=ticket))["ticket"] is None
    assert await told(api, DISPATCHER, other) == []


# The sweep's questions, asked of a city with many clocks of which few are due

CLOCKS, DUE = 20_000, 500


async def _many(admin_url: str) -> World:
    world = await make_world(admin_url)
    admin = await asyncpg.connect(admin_url)
    try:
        submitter, now = world.user("intake_agent@guangyuan"), datetime.now(UTC)
        await make_late(admin, world.guangyuan.id, submitter, DUE, now=now)
        await make_late(admin, world.guangyuan.id, submitter, CLOCKS, now=now + timedelta(days=365))
        await admin.execute("vacuum (analyze) tickets, deadlines")
    finally:
        await admin.close()
    return world


def nodes(plan: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [plan, *(node for below in plan.get("Plans", ()) for node in nodes(below))]


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_the_sweep_reads_what_is_due_and_no_more(server: Server, mode: str) -> None:
    template, world = server.told("late", _many)
    now, city = datetime.now(UTC), world.guangyuan.id
    claim = CLAIM
    for place, name in enumerate(("city", "now"), start=1):
        claim = claim.replace(f":{name}", f"${place}")
    claim = claim.replace(":batch", "100")  # as the sweep writes it
    with server.clone(template) as url:
        connection = await asyncpg.connect(server.application_url(url), server_settings={"jit": "off"})
        try:
            await connection.execute(f"set plan_cache_mode = {mode}")
            for sql, types, given in (
                (WITH_DUE, "int[], timestamptz", f"'{{{city}}}', '{now}'"),
                (claim, "int, timestamptz", f"{city}, '{now}'"),
            ):
                async with connection.transaction():
                    await connection.fetchrow("select begin_request($1, null)", str(city))
                    await connection.execute(f"prepare asked ({types}) as {sql}")
                    explained = await connection.fetchval(f"explain (analyze, format json) execute asked ({given})")
                    await connection.execute("deallocate asked")
                found = nodes(orjson.loads(explained)[0]["Plan"])
                scanned = [node for node in found if node.get("Relation Name") in ("deadlines", "tickets")]
                assert not [node for node in scanned if node["Node Type"] == "Seq Scan"], sql
                assert "ix_deadlines_fires" in [node.get("Index Name") for node in scanned]
                # A batch, and what stands beside it on a page at most; never all that is due, let alone all there is.
                assert max(node["Actual Rows"] * node["Actual Loops"] for node in scanned) <= 150, sql
                assert not [node for node in found if node["Node Type"] == "Sort" and node["Actual Rows"] > 150], sql
        finally:
            await connection.close()
