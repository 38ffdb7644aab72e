"""Deadlines as a frontend sees them: with the viewer's own now, in lists, and as far as their ticket is seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from app.kernel.clock import FixedClock
from tests.schema.conftest import Api
from tests.schema.story import Story

DEADLINE = (
    "{ kind kindLabel round amount unit limit extensionDays startedAt dueAt endedAt state stateLabel provisional }"
)
TICKET = f"query($id: ID!) {{ ticket(id: $id) {{ deadline {DEADLINE} deadlines {DEADLINE} }} }}"


async def shown(api: Api, login: str, id_: str, **options: Any) -> Any:
    response = await api.ask(login, TICKET, id=id_, **options)
    assert "errors" not in response, response
    return response["data"]["ticket"]


async def test_the_deadline_that_matters_and_all_of_them(there: Api, story: Story) -> None:
    ticket = await shown(there, "office@guangyuan", story["closed"])
    assert ticket["deadline"] is None
    assert [each["kind"] for each in ticket["deadlines"]] == [
        *("VERIFICATION", "ACKNOWLEDGEMENT", "HANDLING", "FIRST_CONTACT", "FOLLOW_UP")
    ]
    assert {(each["state"], each["round"], each["provisional"]) for each in ticket["deadlines"]} == {("MET", 1, False)}
    assert all(each["startedAt"] <= each["endedAt"] <= each["dueAt"] for each in ticket["deadlines"])

    ticket = await shown(there, "office@guangyuan", story["in_progress"])
    assert (ticket["deadline"]["kind"], ticket["deadline"]["state"]) == ("FIRST_CONTACT", "RUNNING")
    handling = next(each for each in ticket["deadlines"] if each["kind"] == "HANDLING")
    assert (handling["amount"], handling["unit"], handling["limit"]) == (10, "WORKING_DAYS", "10 working day(s)")
    assert (handling["endedAt"], handling["stateLabel"], handling["kindLabel"]) == (None, "Running", "Handling")


async def test_in_chinese_and_after_an_extension(there: Api, story: Story) -> None:
    ticket = await shown(there, "office@guangyuan", story["extended"], locale="zh-CN")
    handling = next(each for each in ticket["deadlines"] if each["kind"] == "HANDLING")
    assert (handling["extensionDays"], handling["limit"]) == (3, "5个工作日")
    assert (handling["kindLabel"], handling["stateLabel"]) == ("办理", "计时中")


async def test_a_suspended_clock_and_one_called_off(there: Api, story: Story) -> None:
    ticket = await shown(there, "office@guangyuan", story["suspended"])
    assert (ticket["deadline"]["kind"], ticket["deadline"]["state"]) == ("HANDLING", "SUSPENDED")
    withdrawn = await shown(there, "office@guangyuan", story["withdrawn"])
    assert withdrawn == {"deadline": None, "deadlines": []}


async def test_late_is_read_with_the_viewers_now(there: Api, story: Story) -> None:
    there.clock = FixedClock(datetime.now(UTC) + timedelta(days=60))
    ticket = await shown(there, "office@guangyuan", story["in_progress"])
    assert ticket["deadline"]["state"] == "MISSED"
    assert {each["state"] for each in ticket["deadlines"] if each["endedAt"] is None} == {"MISSED"}
    suspended = await shown(there, "office@guangyuan", story["suspended"])
    assert suspended["deadline"]["state"] == "SUSPENDED"


async def test_what_is_overdue(there: Api, story: Story, behind: asyncpg.Connection) -> None:
    query = "query($f: TicketFilter) { tickets(filter: $f, first: 100) { totalCount edges { node { id } } } }"

    async def found(login: str, *, overdue: bool) -> set[str]:
        data = await there.data(login, query, f={"overdue": overdue})
        assert data["tickets"]["totalCount"] == len(data["tickets"]["edges"])
        return {edge["node"]["id"] for edge in data["tickets"]["edges"]}

    assert await found("office@guangyuan", overdue=True) == set()
    everything = await found("office@guangyuan", overdue=False)
    there.clock = FixedClock(datetime.now(UTC) + timedelta(days=60))
    late = await found("office@guangyuan", overdue=True)
    assert story["in_progress"] in late
    assert not late & {story[name] for name in ("suspended", "closed", "accepted", "restricted")}
    assert await found("office@guangyuan", overdue=False) == everything - late
    ours = {story[name] for name in story.tickets if not name.startswith("anshan.")}
    assert not await found("office@anshan", overdue=True) & ours
    assert story["confidential"] in await found(there.world.guangyuan.enterprises[1].login, overdue=True)


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_sorted_by_what_is_due_next(there: Api, story: Story, direction: str) -> None:
    query = (
        "query($d: OrderDirection!, $after: Cursor) { tickets(first: 4, after: $after, orderBy: {field: DUE_AT, "
        "direction: $d}) { pageInfo { hasNextPage endCursor } edges { node { id deadline { dueAt state } } } } }"
    )
    seen: list[Any] = []
    after = None
    while True:
        page = (await there.data("office@guangyuan", query, d=direction, after=after))["tickets"]
        seen += [edge["node"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert len({node["id"] for node in seen}) == len(seen)

    def due(node: Any) -> str:
        deadline = node["deadline"]
        return "9999" if deadline is None or deadline["state"] == "SUSPENDED" else str(deadline["dueAt"])

    assert [due(node) for node in seen] == sorted(map(due, seen), reverse=direction == "DESC")
    assert len(set(map(due, seen))) > 2


async def test_a_deadline_is_seen_as_its_ticket_is(there: Api, story: Story) -> None:
    reporter = there.world.guangyuan.enterprises[1].login
    assert (await shown(there, reporter, story["confidential"]))["deadline"] is not None
    for login, name in (
        ("office@anshan", "in_progress"),
        ("office@guangyuan", "restricted"),
        (there.world.guangyuan.enterprise.login, "confidential"),
    ):
        assert await shown(there, login, story[name]) is None


async def test_a_verbs_payload_shows_the_new_deadline(there: Api, story: Story) -> None:
    ticket = await there.verb(
        "intake_agent@guangyuan",
        *("ticketFollowUp", "deadline { kind round } deadlines { kind round state }"),
        ticketId=story["resolved"],
        satisfaction="UNSATISFIED",
        justified=True,
    )
    assert ticket["deadline"] == {"kind": "ACKNOWLEDGEMENT", "round": 2}
    assert {"kind": "FOLLOW_UP", "round": 1, "state": "MET"} in ticket["deadlines"]
