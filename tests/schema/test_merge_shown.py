"""What a merge shows to whom: both numbers find their ticket, and each reporter sees only their own."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from app.kernel.events import read_after
from app.kernel.tables import new_id
from schema import ids
from tests.schema.conftest import Api, everything_is_numbered

DESK, SUPERVISION, HANDLER = "intake_agent@guangyuan", "supervision_officer@guangyuan", "handler@guangyuan.commerce"
REPLY = "已疏通排水管道,并复查合格。"
ALL = """id number title status statusLabel progress resolution version mergedInto { id number }
    merged { edges { node { id number } } } repeatOf { id } repeats { edges { node { id } } } duplicates { id }
    timeline(first: 50) { edges { node { type typeLabel toStatus fromStatus note visibility actor { name role }
    lead { path } } } }"""


@pytest.fixture
def second(api: Api) -> str:
    return api.world.guangyuan.enterprises[1].login


async def shown(api: Api, login: str, ticket: str, selection: str = ALL) -> Any:
    return (await api.data(login, f"query($id: ID!) {{ ticket(id: $id) {{ {selection} }} }}", id=ticket))["ticket"]


async def merged_pair(api: Api, second: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The second enterprise's ticket, merged into the first one's, which is then resolved."""
    merged = await api.submit(second, title="门口道路积水", county="guangyuan.cangxi")
    survivor = await api.submit(title="厂区门前积水", body="排水管道堵塞,经办人王某知情。", county="guangyuan.cangxi")
    await api.verb(DESK, "ticketMerge", ticketId=merged["id"], intoTicketId=survivor["id"])
    for login, verb, given in (
        (DESK, "ticketAccept", {}),
        ("dispatcher@guangyuan", "ticketDispatch", {"lead": "guangyuan.commerce", "note": "涉及王某,请回避"}),
        (HANDLER, "ticketAcknowledge", {}),
        (api.world.guangyuan.enterprise.login, "ticketComment", {"body": "王某又来了", "visibility": "PUBLIC"}),
        (HANDLER, "ticketResolve", {"reply": REPLY}),
    ):
        await api.verb(login, verb, "id", ticketId=survivor["id"], **given)
    return merged, survivor


async def test_each_reporter_sees_their_own_part(api: Api, second: str) -> None:
    merged, survivor = await merged_pair(api, second)
    theirs = await shown(api, second, merged["id"])
    assert (theirs["status"], theirs["progress"], theirs["resolution"]) == ("CLOSED", "RESOLVED", REPLY)
    assert (theirs["mergedInto"], theirs["merged"]["edges"], theirs["duplicates"]) == (None, [], [])
    told = [edge["node"] for edge in theirs["timeline"]["edges"]]
    assert [(each["type"], each["toStatus"], each["note"]) for each in told] == [
        ("SUBMITTED", "SUBMITTED", None),
        ("MERGED", "CLOSED", None),
        ("PROGRESSED", "ACCEPTED", None),
        ("PROGRESSED", "DISPATCHED", None),
        ("PROGRESSED", "IN_PROGRESS", None),
        ("PROGRESSED", "RESOLVED", REPLY),
    ]
    assert [each["actor"] for each in told[2:]] == [{"name": None, "role": None}] * 4, "by nobody"
    for secret in (survivor["id"], survivor["number"], "王某", "厂区门前积水"):
        assert secret not in orjson.dumps(theirs).decode()
    ours = await shown(api, api.world.guangyuan.enterprise.login, survivor["id"])
    assert (ours["progress"], ours["mergedInto"], ours["merged"]["edges"]) == (None, None, [])
    assert {"ABSORBED", "MERGED", "PROGRESSED"}.isdisjoint(each["node"]["type"] for each in ours["timeline"]["edges"])
    for secret in (merged["id"], merged["number"], "门口道路积水"):
        assert secret not in orjson.dumps(ours).decode()
    assert await shown(api, second, survivor["id"]) is None


async def test_both_numbers_find_their_ticket(api: Api, second: str) -> None:
    merged, survivor = await merged_pair(api, second)
    query = """query($number: String!) { ticketByNumber(number: $number) { id }
        tickets(filter: {text: $number}) { edges { node { id } } } }"""
    own = api.world.guangyuan.enterprise.login
    for ticket, logins in ((merged, (DESK, second)), (survivor, (DESK, own, HANDLER))):
        for login in logins:
            data = await api.data(login, query, number=ticket["number"])
            assert data["ticketByNumber"] == {"id": ticket["id"]}
            assert data["tickets"]["edges"] == [{"node": {"id": ticket["id"]}}]
    for ticket, login in ((merged, own), (survivor, second), (merged, HANDLER), (merged, "office@anshan")):
        data = await api.data(login, query, number=ticket["number"])
        assert data == {"ticketByNumber": None, "tickets": {"edges": []}}


async def test_the_staff_sees_both_ends_as_far_as_it_reaches(api: Api, second: str) -> None:
    merged, survivor = await merged_pair(api, second)
    merged_ones = "merged { totalCount edges { node { number } } }"
    selection = "mergedInto { number } " + merged_ones + " timeline(last: 50) { edges { node { type } } }"
    for login in (DESK, "office@guangyuan", "auditor@guangyuan"):
        assert (await shown(api, login, merged["id"], selection))["mergedInto"] == {"number": survivor["number"]}
        seen = await shown(api, login, survivor["id"], selection)
        assert seen["merged"] == {"totalCount": 1, "edges": [{"node": {"number": merged["number"]}}]}
        assert {"node": {"type": "ABSORBED"}} in seen["timeline"]["edges"]
    handled = await shown(api, HANDLER, survivor["id"], selection)
    assert handled["merged"] == {"totalCount": 0, "edges": []}, "never dispatched to the department"
    assert {"node": {"type": "ABSORBED"}} in handled["timeline"]["edges"]
    assert await shown(api, HANDLER, merged["id"]) is None


async def test_who_has_both_sees_both(api: Api) -> None:
    one, other = await api.submit(), await api.submit(title="另一件同样的事")
    await api.verb(DESK, "ticketMerge", ticketId=one["id"], intoTicketId=other["id"])
    own = api.world.guangyuan.enterprise.login
    assert (await shown(api, own, one["id"]))["mergedInto"]["id"] == other["id"]
    found = (await shown(api, own, other["id"]))["merged"]["edges"]
    assert [edge["node"]["id"] for edge in found] == [one["id"]]


async def test_the_progress_comes_live(api: Api, second: str) -> None:
    merged = await api.submit(second)
    survivor = await api.submit()
    viewer = await api.viewer(second)
    document = "subscription($id: ID!) { ticketEvents(id: $id) { node { type toStatus note ticket { progress } } } }"
    prepared = await api.services.executor.prepare(document, None, viewer=viewer)
    stream = await api.services.executor.prepare_subscription(prepared, {"id": merged["id"]}, viewer)
    await api.verb(DESK, "ticketMerge", ticketId=merged["id"], intoTicketId=survivor["id"])
    await api.verb(DESK, "ticketAnswer", "id", ticketId=survivor["id"], reply=REPLY)
    await everything_is_numbered(api)
    city = api.world.guangyuan.id
    events = await read_after(api.services.database, city, 0, 100)
    own = [event for event in events if event.subject_id == ids.decode(merged["id"]).key]
    heard = [
        orjson.loads(payload)["data"]["ticketEvents"]["node"]
        for payload in await stream.read(own, viewer, include_restricted=False)
        if payload is not None
    ]
    assert [(each["type"], each["toStatus"], each["note"]) for each in heard] == [
        ("SUBMITTED", "SUBMITTED", None),
        ("MERGED", "CLOSED", None),
        ("PROGRESSED", "ANSWERED", REPLY),
    ]
    assert {each["ticket"]["progress"] for each in heard} == {"ANSWERED"}
    foreign = [event for event in events if event.subject_id == ids.decode(survivor["id"]).key]
    assert set(await stream.read(foreign, viewer, include_restricted=True)) == {None}


async def test_refusals_are_told(api: Api, second: str) -> None:
    one, other = await api.submit(second), await api.submit()
    theirs = await api.submit(api.world.anshan.enterprise.login)

    async def refusal(login: str, **given: Any) -> dict[str, Any]:
        (error,) = (await api.refusable(login, "ticketMerge", **given))["userErrors"]
        return dict(error)

    unknown = ids.encode("T", api.world.guangyuan.id, new_id())
    disguised = ids.encode("T", api.world.guangyuan.id, ids.decode(theirs["id"]).key)
    answers = [
        await refusal(DESK, ticketId=one["id"], intoTicketId=into) for into in (theirs["id"], unknown, disguised)
    ]
    assert answers[0] == answers[1] == answers[2]
    assert (answers[0]["code"], answers[0]["path"]) == ("NOT_FOUND", ["input", "intoTicketId"])
    itself = await refusal(DESK, ticketId=one["id"], intoTicketId=one["id"])
    assert (itself["code"], itself["rule"]) == ("INVALID_INPUT", "itself")
    await api.verb(DESK, "ticketMerge", ticketId=one["id"], intoTicketId=other["id"])
    circle = await refusal(DESK, ticketId=other["id"], intoTicketId=one["id"])
    assert circle["rule"] == "already_merged_into"
    assert other["number"] in circle["message"]
    for login in (second, "office@guangyuan"):
        response = await api.ask(
            login,
            "mutation($i: TicketMergeInput!) { ticketMerge(input: $i) { userErrors { code } } }",
            i={"ticketId": other["id"], "intoTicketId": one["id"]},
        )
        assert response["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_retry_is_answered_again_and_a_merge_happens_once(api: Api, second: str) -> None:
    one, other = await api.submit(second), await api.submit()
    given = {"ticketId": one["id"], "intoTicketId": other["id"], "idempotencyKey": "merge-1"}
    answers = await asyncio.gather(*(api.verb(DESK, "ticketMerge", **given) for _ in range(3)))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["status"] == "CLOSED"
    types = [edge["node"]["type"] for edge in (await shown(api, DESK, one["id"]))["timeline"]["edges"]]
    assert types == ["SUBMITTED", "MERGED"]


async def test_a_merged_ticket_is_suggested_to_nobody(api: Api, second: str) -> None:
    merged, survivor = await merged_pair(api, second)
    again = await api.submit(second, title="厂区门前道路积水", body="排水管道堵塞,门口积水。")
    found = {each["id"] for each in (await shown(api, DESK, again["id"]))["duplicates"]}
    assert merged["id"] not in found
    assert survivor["id"] in found
