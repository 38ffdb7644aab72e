"""Who gets in, over the wire: one token for HTTP and for the socket, and what it does not open."""

from __future__ import annotations

import base64
import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from app.kernel.secrets import new_signing_key
from authz.keys import signing_key
from authz.tokens import AUDIENCE, ISSUER, TokenIssuer
from schema import ids
from tests.e2e.client import TICKET_EVENTS, TICKET_FEED, Closed, Http, Listener, Over, Refused, Socket
from tests.e2e.serving import Place, Serving
from tests.e2e.work import AGENT, DISPATCHER, HANDLER, SUBMISSION

VIEWER = "{ viewer { user { login } } }"
TICKETS = "{ tickets(first: 1) { totalCount } }"
TICKET = "query($id: ID!) { ticket(id: $id) { id } }"
FORBIDDEN = 4403
LEAVING = "leading_group@guangyuan"


def forged(place: Place) -> str:
    """By a key of somebody else's."""
    user = place.world.user(DISPATCHER)
    return TokenIssuer(signing_key(new_signing_key())).issue(user, now=datetime.now(UTC), lifetime=timedelta(hours=1))


def unsigned(place: Place) -> str:
    """By the algorithm `none`."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(place.world.user(DISPATCHER)), "iat": now, "exp": now + 600}
    parts = [{"alg": "none", "typ": "JWT"}, {**claims, "jti": str(uuid.uuid4())}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."


def altered(place: Place) -> str:
    """Signed by us for one person, and rewritten to name another."""
    header, body, signature = place.token(place.world.guangyuan.enterprise.login).split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["sub"] = str(place.world.user(DISPATCHER))
    rewritten = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{header}.{rewritten}.{signature}"


def expired(place: Place) -> str:
    return place.token(DISPATCHER, lifetime=timedelta(minutes=5), age=timedelta(minutes=6))


async def deactivate(place: Place, login: str) -> None:
    """Take somebody's sign-in away; only the database can so far."""
    connection = await asyncpg.connect(place.admin_url)
    try:
        await connection.execute(
            "update users set active = false, grants_version = grants_version + 1 where id = $1",
            place.world.user(login),
        )
    finally:
        await connection.close()


async def test_one_token_for_http_and_the_socket(shared: Serving) -> None:
    token = shared.place.token(DISPATCHER)
    async with Http(shared.url, token) as http, Socket.signed_in(shared.url, token) as socket:
        await socket.start(VIEWER)
        assert await http.ask(VIEWER) == await socket.next() == {"viewer": {"user": {"login": DISPATCHER}}}
        with pytest.raises(Over):
            await socket.next()


@pytest.mark.parametrize(
    ("make", "rule"), [(expired, "expired"), (forged, "invalid"), (unsigned, "invalid"), (altered, "invalid")]
)
async def test_a_token_that_does_not_hold(shared: Serving, make: Any, rule: str) -> None:
    token = make(shared.place)
    async with Http(shared.url, token) as http:
        response = await http.post(TICKETS)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'
        (error,) = response.json()["errors"]
        assert error["extensions"] == {"code": "UNAUTHENTICATED", "rule": rule}
        assert "data" not in response.json()
    with pytest.raises(Closed) as closed:
        async with Socket.signed_in(shared.url, token):
            pass
    assert closed.value.code == FORBIDDEN
    assert rule in closed.value.reason


async def test_without_a_token(shared: Serving) -> None:
    """What is public is answered, everything else asks for a sign-in; a socket may wait to sign in for nothing."""
    async with Http(shared.url) as http, Socket(shared.url, None) as socket:
        assert (await http.ask('{ tenant(path: "guangyuan") { name } }'))["tenant"]["name"] == "广元市"
        for asked in (http.ask(TICKETS), http.verb("ticketSubmit", **SUBMISSION)):
            with pytest.raises(Refused) as refused:
                await asked
            assert refused.value.codes == ["UNAUTHENTICATED"]
        await socket.start(TICKET_FEED, {"within": "guangyuan"})
        with pytest.raises(Refused) as refused:
            await socket.next()
        assert refused.value.codes == ["UNAUTHENTICATED"]


async def test_a_socket_ends_with_its_token(shared: Serving) -> None:
    token = shared.place.token(DISPATCHER, lifetime=timedelta(seconds=3))
    async with Socket.signed_in(shared.url, token) as socket:
        await socket.start(TICKET_FEED, {"within": "guangyuan"})
        with pytest.raises(Closed) as closed:
            await socket.next()
    assert (closed.value.code, "expired" in closed.value.reason) == (FORBIDDEN, True)


async def test_a_person_who_is_no_longer_active(shared: Serving) -> None:
    """The token still holds; its person, whom no other test needs, does not."""
    place = shared.place
    token = place.token(LEAVING)
    async with (
        Http(shared.url, token) as http,
        Http(shared.url, place.token(place.world.guangyuan.enterprise.login)) as enterprise,
        Socket.signed_in(shared.url, token) as socket,
    ):
        await socket.start(TICKET_FEED, {"within": "guangyuan"})
        async with Listener(socket) as board:
            while not board.edges:
                await enterprise.verb("ticketSubmit", **SUBMISSION)
            assert (await http.post(TICKETS)).status_code == 200
            await deactivate(place, LEAVING)
            response = await http.post(TICKETS)
            assert response.status_code == 401
            assert response.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED", "rule": "revoked"}
            unseen = (await enterprise.verb("ticketSubmit", **SUBMISSION))["ticket"]["id"]
            ended = await board.end()
            assert isinstance(ended, Refused)
            assert ended.codes == ["UNAUTHENTICATED"]
            assert unseen not in {edge["node"]["ticket"]["id"] for edge in board.edges}
    with pytest.raises(Closed) as closed:
        async with Socket.signed_in(shared.url, token):
            pass
    assert (closed.value.code, "revoked" in closed.value.reason) == (FORBIDDEN, True)


async def test_the_neighbour_learns_nothing(shared: Serving) -> None:
    """For another city's people, Guangyuan's tickets are like tickets that were never there."""
    place = shared.place
    neighbour = place.token("dispatcher@anshan")
    async with (
        Http(shared.url, place.token(place.world.guangyuan.enterprise.login)) as enterprise,
        Http(shared.url, neighbour) as http,
        Socket.signed_in(shared.url, neighbour) as socket,
    ):
        theirs = (await enterprise.verb("ticketSubmit", **SUBMISSION))["ticket"]["id"]
        nowhere = ids.encode("T", place.world.guangyuan.id, uuid.uuid4())
        assert [await http.ask(TICKET, id=ticket) for ticket in (theirs, nowhere)] == [{"ticket": None}] * 2

        async def refusal(query: str, **variables: str) -> dict[str, Any]:
            await socket.start(query, variables)
            with pytest.raises(Refused) as refused:
                await socket.next()
            (error,) = refused.value.errors
            return error

        assert await refusal(TICKET_EVENTS, id=theirs) == await refusal(TICKET_EVENTS, id=nowhere)
        assert (await refusal(TICKET_EVENTS, id=theirs))["extensions"]["rule"] == "no_such_object"
        for path in ("guangyuan", "guangyuan.commerce"):
            real, invented = await refusal(TICKET_FEED, within=path), await refusal(TICKET_FEED, within="nowhere")
            assert real["extensions"] == invented["extensions"]
            assert real["message"].replace(path, "nowhere") == invented["message"]


async def test_an_enterprise_gets_its_own_public_events_only(shared: Serving) -> None:
    """Never an internal note, never another enterprise's, on the city's feed as on a ticket's own stream."""
    place = shared.place
    one, other = (enterprise.login for enterprise in place.world.guangyuan.enterprises)
    async with (
        Http(shared.url, place.token(one)) as enterprise,
        Http(shared.url, place.token(other)) as rival,
        Http(shared.url, place.token(AGENT)) as agent,
        Http(shared.url, place.token(DISPATCHER)) as dispatcher,
        Http(shared.url, place.token(HANDLER)) as handler,
        Socket.signed_in(shared.url, place.token(one)) as feed,
        Socket.signed_in(shared.url, place.token(one)) as tracking,
        Socket.signed_in(shared.url, place.token(other)) as rivals,
        Socket.signed_in(shared.url, place.token(DISPATCHER)) as board,
    ):
        own = (await enterprise.verb("ticketSubmit", **SUBMISSION))["ticket"]["id"]
        foreign = (await rival.verb("ticketSubmit", **SUBMISSION))["ticket"]["id"]
        await rivals.start(TICKET_EVENTS, {"id": own})
        with pytest.raises(Refused) as refused:
            await rivals.next()
        assert refused.value.errors[0]["extensions"]["rule"] == "no_such_object"

        await tracking.start(TICKET_EVENTS, {"id": own})
        for socket in (feed, rivals, board):
            await socket.start(TICKET_FEED, {"within": "guangyuan"})
        async with Listener(feed) as of_feed, Listener(tracking) as of_ticket, Listener(rivals) as of_rival:
            async with Listener(board) as of_staff:
                begun = (of_feed, of_ticket, of_rival, of_staff)
                while not all(listener.edges for listener in begun):
                    for http, ticket in ((enterprise, own), (rival, foreign)):
                        await http.verb("ticketComment", ticketId=ticket, body="请尽快", visibility="PUBLIC")
                for ticket in (foreign, own):
                    await agent.verb("ticketAccept", ticketId=ticket)
                    await dispatcher.verb("ticketDispatch", ticketId=ticket, lead="guangyuan.commerce")
                    await handler.verb("ticketAcknowledge", ticketId=ticket)
                    await handler.verb("ticketComment", ticketId=ticket, body="内部", visibility="INTERNAL")
                    await handler.verb("ticketResolve", ticketId=ticket, reply="已办结")
                for listener, last in zip(begun, (own, own, foreign, own), strict=True):
                    await listener.until(lambda listener=listener, last=last: "RESOLVED" in types(listener, last))
                internal = [edge for edge in of_staff.edges if edge["node"]["visibility"] == "INTERNAL"]
                assert {edge["node"]["ticket"]["id"] for edge in internal} == {own, foreign}, "there was one to hide"
            for listener, ticket, hidden in (
                (of_feed, own, foreign),
                (of_ticket, own, foreign),
                (of_rival, foreign, own),
            ):
                assert {edge["node"]["visibility"] for edge in listener.edges} == {"PUBLIC"}
                assert types(listener, hidden) == []
                steps = [type_ for type_ in types(listener, ticket) if type_ not in ("SUBMITTED", "COMMENTED")]
                assert steps == ["ACCEPTED", "DISPATCHED", "ACKNOWLEDGED", "RESOLVED"]


def types(listener: Listener, ticket: str) -> list[str]:
    """What a listener was told of a ticket."""
    return [edge["node"]["type"] for edge in listener.edges if edge["node"]["ticket"]["id"] == ticket]
