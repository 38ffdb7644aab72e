"""A ticket is visible in every way or in none, and what is masked is masked in every way: for everybody there is."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from app.tickets.words import TicketStatus
from schema import ids
from tests.schema.conftest import Api
from tests.schema.story import Story

WAYS = """query($ids: [ID!]!, $numbers: TicketFilter) {
  tickets(first: 100) { totalCount edges { node { id number title secrecy status enterprise { id } lead { path } } } }
  backwards: tickets(last: 100, orderBy: {field: NUMBER, direction: ASC}) { edges { node { id } } }
  nodes(ids: $ids) { id }
  found: tickets(first: 100, filter: $numbers) { totalCount edges { node { id } } }
}"""
ONE = """query($id: ID!, $number: String!) {
  ticket(id: $id) { id } node(id: $id) { id } ticketByNumber(number: $number) { id }
}"""
EVENTS = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on TicketEvent { id ticket { id } actor { name role } } } }"


def listed(connection: dict[str, Any]) -> list[dict[str, Any]]:
    return [edge["node"] for edge in connection["edges"]]


def with_tickets(api: Api) -> list[str]:
    """Everybody of Guangyuan and of Anshan's desk who may read tickets."""
    none = ("city_administrator", "evaluation_manager", "finance_officer", "policy_officer", "platform_operator")
    return [
        login
        for login in sorted(api.world.users)
        if not login.startswith(none) and ("anshan" not in login or login.startswith("intake_agent@anshan"))
    ]


async def test_every_way_agrees(there: Api, story: Story, behind: asyncpg.Connection) -> None:
    rows = await behind.fetch("select id, city_id, number, status, title from tickets")
    everything = {ids.encode("T", row["city_id"], row["id"]): row for row in rows}
    events = {
        ids.encode("TE", row["city_id"], row["id"]): ids.encode("T", row["city_id"], row["subject_id"])
        for row in await behind.fetch("select id, city_id, subject_id from events where visibility = 'PUBLIC'")
    }
    asked = list(everything)
    seen_by_somebody: set[str] = set()
    for login in with_tickets(there):
        data = await there.data(login, WAYS, ids=asked, numbers={"text": "-"})  # every number has one
        seen = {ticket["id"]: ticket for ticket in listed(data["tickets"])}
        seen_by_somebody |= set(seen)
        assert data["tickets"]["totalCount"] == len(seen), login
        assert {ticket["id"] for ticket in listed(data["backwards"])} == set(seen), login
        assert [node and node["id"] for node in data["nodes"]] == [id_ if id_ in seen else None for id_ in asked], login
        assert {ticket["id"] for ticket in listed(data["found"])} == set(seen), login
        assert data["found"]["totalCount"] == len(seen), login
        for id_, row in everything.items():
            one = await there.data(login, ONE, id=id_, number=row["number"])
            expected = {"id": id_} if id_ in seen else None
            assert list(one.values()) == [expected] * 3, (login, row["title"])
        parts = " ".join(f"{status}: tickets(filter: {{status: {status}}}) {{ totalCount }}" for status in TicketStatus)
        counts = await there.data(login, f"{{ {parts} }}")
        assert {status: counts[status]["totalCount"] for status in TicketStatus} == {
            status: sum(ticket["status"] == status for ticket in seen.values()) for status in TicketStatus
        }, login
        some = list(events)[:100]
        told = await there.data(login, EVENTS, ids=some)
        assert [event and event["ticket"]["id"] for event in told["nodes"]] == [
            events[id_] if events[id_] in seen else None for id_ in some
        ], login
    assert seen_by_somebody == set(everything)


async def test_what_a_filter_finds_is_what_is_shown(there: Api, story: Story) -> None:
    """By enterprise, by department, by county, by secrecy: a filter knows no more than the viewer."""
    own = [ids.encode("E", each.city_id, each.id) for each in there.world.guangyuan.enterprises]
    paths = ["guangyuan.commerce", "guangyuan.finance", "guangyuan.housing", "guangyuan.cangxi.housing"]
    shown_query = (
        "{ tickets(first: 100) { edges { node { id secrecy enterprise { id } county { path } lead { path } "
        "coHandlers { path } } } } }"
    )
    filtered = "query($f: TicketFilter) { tickets(first: 100, filter: $f) { totalCount edges { node { id } } } }"
    masked = 0
    for login in with_tickets(there):
        shown = listed((await there.data(login, shown_query))["tickets"])
        if login.endswith("anshan"):
            continue
        wanted: list[tuple[dict[str, Any], set[str]]] = []
        for enterprise in own:
            wanted.append(
                (
                    {"enterpriseId": enterprise},
                    {ticket["id"] for ticket in shown if (ticket["enterprise"] or {}).get("id") == enterprise},
                )
            )
        for path in paths:
            handled = {
                ticket["id"]
                for ticket in shown
                if path in [each["path"] for each in (ticket["lead"], *ticket["coHandlers"]) if each]
            }
            wanted.append(({"department": path}, handled))
        lying = {ticket["id"] for ticket in shown if (ticket["county"] or {}).get("path") == "guangyuan.cangxi"}
        wanted.append(({"county": "guangyuan.cangxi"}, lying))
        for level in ("NORMAL", "CONFIDENTIAL", "RESTRICTED"):
            wanted.append(({"secrecy": [level]}, {ticket["id"] for ticket in shown if ticket["secrecy"] == level}))
        for given, expected in wanted:
            found = (await there.data(login, filtered, f=given))["tickets"]
            assert {ticket["id"] for ticket in listed(found)} == expected, (login, given)
            assert found["totalCount"] == len(expected), (login, given)
        masked += any(ticket["id"] == story["confidential"] and not ticket["enterprise"] for ticket in shown)
    assert masked > 3  # there were people from whom the reporter is kept


WHO_MAY_KNOW = {"intake_agent@guangyuan", "supervision_officer@guangyuan", "auditor@guangyuan"}


@pytest.mark.parametrize("name", ["confidential", "monitor"])
async def test_who_knows_the_reporter(there: Api, story: Story, name: str) -> None:
    """In the ticket, in its events' actors, and from an event back to its ticket."""
    known = (
        WHO_MAY_KNOW
        | {
            "confidential": {there.world.guangyuan.enterprises[1].login},
            "monitor": {"special_monitor@guangyuan"},
        }[name]
    )
    query = (
        "query($id: ID!) { ticket(id: $id) { enterprise { name } reporter { name } timeline { edges { node { type "
        "actor { name role tenant { path } } ticket { enterprise { name } reporter { name } } } } } } }"
    )
    told = set()
    looked = 0
    for login in with_tickets(there):
        ticket = (await there.data(login, query, id=story[name]))["ticket"]
        if ticket is None:
            continue
        looked += 1
        shown = bool(ticket["enterprise"] or ticket["reporter"])
        for event in (edge["node"] for edge in ticket["timeline"]["edges"]):
            assert bool(event["ticket"]["enterprise"] or event["ticket"]["reporter"]) is shown, login
            reporters = event["type"] == "SUBMITTED" or (event["type"] == "COMMENTED" and name == "confidential")
            assert (event["actor"] is not None) is (shown or not reporters), (login, event)
        if shown:
            told.add(login)
    assert told == known
    assert looked > len(known) + 3


async def test_who_is_named_on_a_restricted_ticket(there: Api, story: Story) -> None:
    for name, submitter in (
        ("restricted", "intake_agent@guangyuan"),
        ("secret_of_enterprise", there.world.guangyuan.enterprises[1].login),
    ):
        seen = set()
        for login in with_tickets(there):
            found = await there.data(login, "query($id: ID!) { ticket(id: $id) { id } }", id=story[name])
            if found["ticket"]:
                seen.add(login)
        assert seen == {submitter, "supervision_officer@guangyuan", "auditor@guangyuan"}
