"""The same streams by Server-Sent Events, for networks whose proxies break WebSockets."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.e2e.client import TICKET_EVENTS, TICKET_FEED, EventStream, Http, Listener, Over, Refused, Socket
from tests.e2e.serving import Serving
from tests.e2e.work import AGENT, DISPATCHER, HANDLER, SUBMISSION

BOARD = {"within": "guangyuan"}


async def taken(stream: EventStream, until: str) -> list[dict[str, Any]]:
    """The edges of the feed up to one whose note is `until`."""
    edges = []
    while not edges or edges[-1]["node"]["note"] != until:
        (edge,) = (await stream.next()).values()
        edges.append(edge)
    return edges


async def test_the_same_stream_as_the_socket_has(shared: Serving) -> None:
    """Byte for byte, cursors too; and it is resumed from its last cursor, there or here."""
    place = shared.place
    token = place.token(DISPATCHER)
    async with (
        Http(shared.url, place.token(place.world.guangyuan.enterprise.login)) as enterprise,
        Http(shared.url, place.token(AGENT)) as agent,
        Http(shared.url, token) as http,
        Socket.signed_in(shared.url, token) as socket,
    ):
        ticket = (await enterprise.verb("ticketSubmit", **SUBMISSION))["ticket"]["id"]

        async def say(*words: str) -> None:
            for note in words:
                await enterprise.verb("ticketComment", ticketId=ticket, body=note, visibility="PUBLIC")

        await socket.start(TICKET_FEED, BOARD)
        async with Listener(socket) as board:
            async with http.events(TICKET_FEED, BOARD) as stream:
                assert stream.response.status_code == 200
                assert stream.response.headers["content-type"] == "text/event-stream; charset=utf-8"
                # Each goes live at a moment of its own: what both have is counted from the first word said after that.
                first = asyncio.create_task(stream.next())
                while not (first.done() and board.edges):
                    await say("开始")
                await say("都在", "一", "二")
                await taken(stream, "都在")
                await agent.verb("ticketAccept", ticketId=ticket)
                await say("三")
                here = await taken(stream, "三")
                assert stream.comments >= 1, "the headers are sent before there is anything to tell"
            await say("四", "五")
            async with http.events(TICKET_FEED, {**BOARD, "after": here[-1]["cursor"]}) as stream:
                replayed = await taken(stream, "五")
                await say("六")
                here += [*replayed, *await taken(stream, "六")]
            assert [edge["node"]["note"] for edge in replayed] == ["四", "五"]
            await board.until(lambda: here[-1] in board.edges)
        assert here == board.edges[board.edges.index(here[0]) :]

        async with Socket.signed_in(shared.url, token) as socket:
            await socket.start(TICKET_FEED, {**BOARD, "after": here[-3]["cursor"]})
            assert [(await socket.next())["ticketFeed"] for _ in range(2)] == here[-2:]


async def test_a_query_is_answered_and_complete(shared: Serving) -> None:
    query = "{ viewer { user { login } } }"
    async with Http(shared.url, shared.place.token(DISPATCHER)) as http, http.events(query, {}) as stream:
        assert await stream.next() == {"viewer": {"user": {"login": DISPATCHER}}}
        with pytest.raises(Over):
            await stream.next()
        assert stream.completed


@pytest.mark.parametrize(
    ("login", "query", "variables", "code"),
    [
        (None, TICKET_FEED, BOARD, "UNAUTHENTICATED"),
        ("city_administrator@guangyuan", TICKET_FEED, BOARD, "FORBIDDEN"),
        ("dispatcher@anshan", TICKET_FEED, BOARD, "BAD_USER_INPUT"),
        (HANDLER, TICKET_EVENTS, {"id": "T_nonsense"}, "BAD_USER_INPUT"),
        (HANDLER, TICKET_FEED, {**BOARD, "after": "nonsense"}, "BAD_USER_INPUT"),
    ],
)
async def test_a_refusal_is_told_in_the_stream(
    shared: Serving, login: str | None, query: str, variables: dict[str, str], code: str
) -> None:
    token = None if login is None else shared.place.token(login)
    async with Http(shared.url, token) as http, http.events(query, variables) as stream:
        assert stream.response.status_code == 200
        with pytest.raises(Refused) as refused:
            await stream.next()
        assert refused.value.codes == [code]
        with pytest.raises(Over):
            await stream.next()
        assert stream.completed


async def test_a_forged_token_is_no_stream(shared: Serving) -> None:
    async with Http(shared.url, "nonsense") as http, http.events(TICKET_FEED, BOARD) as stream:
        assert stream.response.status_code == 401


async def test_a_stream_needs_a_client_that_takes_one(shared: Serving) -> None:
    async with Http(shared.url, shared.place.token(DISPATCHER)) as http:
        response: httpx.Response = await http.post(TICKET_FEED, BOARD)
        assert response.status_code == 400
        assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
