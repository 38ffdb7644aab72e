"""What people are told reaches them live: their own, once, and of restricted tickets those who are named on them."""

from __future__ import annotations

from schema.live.hub import Hub
from tests.schema.edge import until
from tests.schema.test_live_tickets import Responses
from tests.supervision.conftest import CITY, DESK, FINANCE, HANDLER, LEAD, OFFICE, SUPERVISION, Supervised

TOLD = (
    "subscription ($after: Cursor) { notifications(after: $after) "
    "{ cursor node { type: kind read tenant { path } ticket { number } notice { number } } } }"
)
RECTIFY = {"trigger": "RETURNED", "reason": "两次退回属于推诿扯皮。"}


async def listen(hub: Hub, s: Supervised, login: str, **given: object) -> Responses:
    viewer = await s.api.viewer(login)
    sink = Responses()
    prepared = await s.api.services.executor.prepare(TOLD, None, viewer=viewer)
    await hub.subscribe(prepared, given, viewer, sink)
    return sink


async def test_a_department_hears_of_what_is_its_own(supervised: Supervised) -> None:
    s = supervised
    async with Hub(s.api.services) as hub:
        await s.api.services.wakeups.connected()
        people = (HANDLER, LEAD, FINANCE, OFFICE, "handler@anshan.commerce")
        handler, lead, finance, office, neighbour = [await listen(hub, s, login) for login in people]
        ticket = await s.ticket()
        await s.follow()
        await until(lambda: len(handler.edges) == 1)
        notice = await s.done(SUPERVISION, "supervisionNoticeIssue", ticketId=ticket, **RECTIFY)
        await until(lambda: len(handler.edges) == 2 == len(lead.edges))
        assert handler.types == lead.types == ["ASSIGNED", "NOTICE_ISSUED"]
        assert handler.edges[1]["node"]["notice"] == {"number": notice["number"]}
        assert handler.edges[1]["node"]["tenant"] == {"path": f"{CITY}.commerce"}
        await s.done(HANDLER, "supervisionNoticeReply", noticeId=notice["id"], reply="已整改到位。")
        await until(lambda: office.edges)
        assert office.types == ["NOTICE_REPLIED"]
        # Nothing is missed: from the first cursor on, each once and in order.
        again = await listen(hub, s, LEAD, after=lead.edges[0]["cursor"])
        await until(lambda: len(again.edges) == 1)
        assert again.edges == lead.edges[1:]
        assert finance.edges == neighbour.edges == []


async def test_of_a_restricted_ticket_hear_those_named_on_it(supervised: Supervised) -> None:
    s = supervised
    async with Hub(s.api.services) as hub:
        await s.api.services.wakeups.connected()
        lead, handler = [await listen(hub, s, login) for login in (LEAD, HANDLER)]
        reporter = {"anonymous": True}
        given = {"category": "REPORT", "secrecy": "RESTRICTED", "reporter": reporter, "channel": "HOTLINE"}
        ticket = (await s.api.submit(DESK, **given))["id"]
        await s.then(ticket, SUPERVISION, "ticketAccept")
        await s.then(ticket, SUPERVISION, "ticketDispatch", lead=f"{CITY}.commerce")
        await s.done(SUPERVISION, "supervisionNoticeIssue", ticketId=ticket, **RECTIFY)
        await s.follow()
        await until(lambda: len(lead.edges) == 2)
        assert sorted(lead.types) == ["ASSIGNED", "NOTICE_ISSUED"]
        assert all(edge["node"]["ticket"] for edge in lead.edges)
        # What comes after it has come, so nothing of it is still on its way.
        await s.ticket()
        await s.follow()
        await until(lambda: len(lead.edges) == 3 and handler.edges)
        assert handler.types == ["ASSIGNED"]
