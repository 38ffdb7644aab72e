"""Streams of real tickets: what the executor shows, as the hub hands it out."""

from __future__ import annotations

import orjson

from schema.live.hub import Hub
from schema.live.member import Member
from tests.schema.conftest import Api
from tests.schema.edge import until

FEED = (
    "subscription ($within: TenantPath!, $after: Cursor) { ticketFeed(within: $within, after: $after) "
    "{ cursor node { type toStatus ticket { number version title } } } }"
)


class Responses:
    """A sink that keeps whole responses."""

    def __init__(self) -> None:
        self.edges: list[dict] = []  # type: ignore[type-arg]
        self.ended: list[Exception | None] = []

    def deliver(self, payload: bytes) -> None:
        (edge,) = orjson.loads(payload)["data"].values()
        self.edges.append(edge)

    async def room(self) -> None:
        pass

    def end(self, error: Exception | None) -> None:
        self.ended.append(error)

    @property
    def types(self) -> list[str]:
        return [edge["node"]["type"] for edge in self.edges]


async def watch(hub: Hub, api: Api, login: str, within: str, **more: object) -> tuple[Member, Responses]:
    viewer = await api.viewer(login)
    sink = Responses()
    prepared = await api.services.executor.prepare(FEED, None, viewer=viewer)
    return await hub.subscribe(prepared, {"within": within, **more}, viewer, sink), sink


async def test_a_ticket_is_watched_by_those_it_concerns(api: Api) -> None:
    async with Hub(api.services) as hub:
        await api.services.wakeups.connected()
        _, desk = await watch(hub, api, "dispatcher@guangyuan", "guangyuan")
        _, commerce = await watch(hub, api, "handler@guangyuan.commerce", "guangyuan.commerce")
        _, neighbour = await watch(hub, api, "dispatcher@anshan", "anshan")

        ticket = await api.submit()
        await api.verb("intake_agent@guangyuan", "ticketAccept", ticketId=ticket["id"])
        await until(lambda: len(desk.edges) >= 2)
        assert commerce.edges == []
        await api.verb("dispatcher@guangyuan", "ticketDispatch", ticketId=ticket["id"], lead="guangyuan.commerce")
        await until(lambda: len(desk.edges) >= 3 and commerce.edges)
        assert desk.types == ["SUBMITTED", "ACCEPTED", "DISPATCHED"]
        assert desk.edges[-1]["node"]["ticket"]["number"] == ticket["number"]
        assert neighbour.edges == []
        assert not desk.ended + commerce.ended

        _, again = await watch(hub, api, "dispatcher@guangyuan", "guangyuan", after=desk.edges[0]["cursor"])
        await until(lambda: len(again.edges) >= 2)
        assert [edge["cursor"] for edge in again.edges] == [edge["cursor"] for edge in desk.edges[1:]]


async def test_a_restricted_ticket_is_seen_by_named_persons_and_the_auditor(api: Api) -> None:
    """A restricted ticket's events reach whom the scheme names, and nobody else who sees the city."""
    async with Hub(api.services) as hub:
        await api.services.wakeups.connected()
        _, supervision = await watch(hub, api, "supervision_officer@guangyuan", "guangyuan")
        _, desk = await watch(hub, api, "dispatcher@guangyuan", "guangyuan")
        _, auditor = await watch(hub, api, "auditor@guangyuan", "guangyuan")
        await api.submit(category="REPORT", secrecy="RESTRICTED")
        await api.submit()
        for sink, count in ((supervision, 2), (auditor, 2), (desk, 1)):
            await until(lambda sink=sink, count=count: len(sink.edges) >= count)
        assert len(desk.edges) == 1
        assert [edge["node"]["type"] for edge in supervision.edges] == ["SUBMITTED", "SUBMITTED"]
