"""Who shares what is read for a stream, and who does not, with the real schema: counted in statements."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.kernel.database import Database, Value
from app.kernel.errors import Forbidden
from app.kernel.tables import new_id
from schema import ids
from schema.live.hub import Hub
from schema.live.member import Member
from tests.factories.world import FOUNDED, World
from tests.schema.conftest import Api, opened
from tests.schema.edge import until
from tests.schema.test_live_tickets import Responses

DISPATCHER, COLLEAGUE = "dispatcher@guangyuan", "second_dispatcher@guangyuan"
ADMINISTRATOR = "city_administrator@guangyuan"
FEED = 'subscription { ticketFeed(within: "guangyuan") { cursor node { type ticket { id title } } } }'
ACTIONS = FEED.replace("title", "title allowedActions")
REVOKE = "mutation($id: ID!) { roleRevoke(input: {grantId: $id}) { userErrors { message } } }"


@pytest.fixture
async def colleague(world: World, admin: asyncpg.Connection) -> str:
    """A second dispatcher of the city: another person with the very same grants."""
    user_id = world.users[COLLEAGUE] = new_id()
    city_id = world.guangyuan.id
    await admin.execute(
        "insert into users (id, city_id, login, name, created_at) values ($1, $2, $3, '分办员', $4)",
        *(user_id, city_id, COLLEAGUE, FOUNDED),
    )
    await admin.execute(
        "insert into grants (city_id, id, user_id, tenant_id, role, granted_at)"
        " values ($1, $2, $3, $1, 'DISPATCHER', $4)",
        *(city_id, new_id(), user_id, FOUNDED),
    )
    return COLLEAGUE


@pytest.fixture
async def other(api: Api, application_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """Another process, in which things happen, so that what the streams of `api` cost stands alone."""
    async with opened(api.world, application_url, tmp_path / "other") as second:
        yield second


@pytest.fixture
async def hub(api: Api, colleague: str) -> AsyncIterator[Hub]:
    async with Hub(api.services) as hub:
        await api.services.wakeups.connected()
        yield hub


class Statements:
    """The statements of one process that read events' payloads, and those that read its log."""

    def __init__(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        self.payloads: list[str] = []
        self.pages: list[str] = []
        read = Database.value

        async def counted(database: Database, statement: str, *arguments: Any, **options: Any) -> Value:
            if database is api.services.database and options.get("by_key"):
                (self.payloads if "row_to_json" in statement else self.pages).append(statement)
            return await read(database, statement, *arguments, **options)

        monkeypatch.setattr(Database, "value", counted)

    def forget(self) -> None:
        self.payloads.clear()
        self.pages.clear()


async def watch(hub: Hub, api: Api, login: str, query: str) -> tuple[Member, Responses]:
    viewer = await api.viewer(login)
    sink = Responses()
    prepared = await api.services.executor.prepare(query, None, viewer=viewer)
    return await hub.subscribe(prepared, {}, viewer, sink), sink


async def test_an_event_is_read_once_for_however_many(
    api: Api, other: Api, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty watch, of two persons with equal rights: one statement for the log's page, one for the payload."""
    sinks = [(await watch(hub, api, login, FEED))[1] for login in (DISPATCHER, COLLEAGUE) * 20]
    statements = Statements(api, monkeypatch)
    for number in range(1, 4):
        statements.forget()
        await other.submit()
        for sink in sinks:
            await until(lambda sink=sink, number=number: len(sink.edges) == number)
        assert len(statements.payloads) == 1
        assert len(statements.pages) <= 3  # it, and that there is no more; twice when the wake comes in between
    assert len({str(sink.edges) for sink in sinks}) == 1


async def test_what_depends_on_the_viewer_is_read_for_each_person(
    api: Api, other: Api, hub: Hub, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two see the whole city and may withdraw what they have submitted themselves: that is another answer for each."""
    city = api.world.guangyuan
    for login in (DISPATCHER, COLLEAGUE):
        await admin.execute(
            "insert into grants (city_id, id, user_id, tenant_id, role, granted_at)"
            " values ($1, $2, $3, $1, 'STEWARD', $4)",
            *(city.id, new_id(), api.world.user(login), FOUNDED),
        )
    pair = (DISPATCHER, COLLEAGUE) * 2
    shared = [(await watch(hub, api, login, FEED))[1] for login in pair]
    assert len(hub._feeds[city.id].groups) == 1
    own = [(await watch(hub, api, login, ACTIONS))[1] for login in pair]
    assert len(hub._feeds[city.id].groups) == 3
    statements = Statements(api, monkeypatch)
    enterprise = ids.encode("E", city.id, city.enterprise.id)
    await other.submit(COLLEAGUE, channel="STEWARD_VISIT", enterpriseId=enterprise)
    for sink in shared + own:
        await until(lambda sink=sink: sink.edges)
    assert len(statements.payloads) == 3
    may_withdraw = ["WITHDRAW" in sink.edges[0]["node"]["ticket"]["allowedActions"] for sink in own]
    assert may_withdraw == [login == COLLEAGUE for login in pair]


async def test_what_equal_rights_allow_is_read_once(
    api: Api, other: Api, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two dispatchers may do the same: what they may do does not part them."""
    sinks = [(await watch(hub, api, login, ACTIONS))[1] for login in (DISPATCHER, COLLEAGUE)]
    statements = Statements(api, monkeypatch)
    ticket = await other.submit()
    await other.verb("intake_agent@guangyuan", "ticketAccept", ticketId=ticket["id"])
    for login, sink in zip((DISPATCHER, COLLEAGUE), sinks, strict=True):
        await until(lambda sink=sink: len(sink.edges) == 2)
        now = await other.data(login, "query($id: ID!) { ticket(id: $id) { allowedActions } }", id=ticket["id"])
        assert sink.edges[1]["node"]["ticket"]["allowedActions"] == now["ticket"]["allowedActions"]
        assert "DISPATCH" in now["ticket"]["allowedActions"]
    assert len(statements.payloads) <= 2


@pytest.mark.parametrize("revoked", [DISPATCHER, COLLEAGUE])
async def test_one_of_a_group_is_revoked_and_the_others_go_on(
    api: Api, other: Api, hub: Hub, admin: asyncpg.Connection, revoked: str
) -> None:
    """Whoever it is: the one with whose view the group's payloads were read, or one who shared them."""
    watching = {login: (await watch(hub, api, login, FEED))[1] for login in (DISPATCHER, COLLEAGUE)}
    (group,) = hub._feeds[api.world.guangyuan.id].groups.values()
    assert len(group.members) == 2
    before = await other.submit()
    for sink in watching.values():
        await until(lambda sink=sink: sink.edges)
    grant = await admin.fetchrow("select city_id, id from grants where user_id = $1", api.world.user(revoked))
    await other.data(ADMINISTRATOR, REVOKE, id=ids.encode("G", grant["city_id"], grant["id"]))
    after = [(await other.submit())["id"] for _ in range(3)]
    gone = watching.pop(revoked)
    ((_, stays),) = watching.items()
    await until(lambda: len(stays.edges) == 4)
    await until(lambda: gone.ended)
    await asyncio.sleep(0.1)
    assert [edge["node"]["ticket"]["id"] for edge in stays.edges] == [before["id"], *after]
    assert [edge["node"]["ticket"]["id"] for edge in gone.edges] == [before["id"]]
    assert [type(error) for error in gone.ended] == [Forbidden]


async def test_a_restricted_event_is_read_for_those_named_only(
    api: Api, other: Api, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two in a group who see the city, neither of them named: nothing is read for them, and nobody is told."""
    sinks = [(await watch(hub, api, login, FEED))[1] for login in (DISPATCHER, COLLEAGUE)]
    _, named = await watch(hub, api, "supervision_officer@guangyuan", FEED)
    statements = Statements(api, monkeypatch)
    await other.submit(category="REPORT", secrecy="RESTRICTED")
    await until(lambda: named.edges)
    assert len(statements.payloads) == 1
    open_ticket = await other.submit()
    for sink in sinks:
        await until(lambda sink=sink: sink.edges)
        assert [edge["node"]["ticket"]["id"] for edge in sink.edges] == [open_ticket["id"]]
