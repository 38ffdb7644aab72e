"""What is left of a deadline, and why it is due when it is: to whoever sees it, in the words of their language."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import asyncpg
import pytest

from app.deadlines.explain import MOST_STRETCHES
from app.kernel.clock import FixedClock
from schema.deadlines.types import MOST_DEADLINES
from tests.schema.conftest import Api
from tests.schema.story import Story

OFFICE = "office@guangyuan"
LEFT = "kind state startedAt dueAt endedAt remainingWorkingMinutes overdueWorkingMinutes calendarVersion"
EXPLAIN = "explain { from to counted workingMinutes kind kindLabel reason }"
TICKET = f"query($id: ID!) {{ ticket(id: $id) {{ deadlines {{ {LEFT} {EXPLAIN} }} }} }}"


async def shown(api: Api, login: str, id_: str, **options: Any) -> dict[str, Any]:
    response = await api.ask(login, TICKET, id=id_, **options)
    assert "errors" not in response, response
    return {each["kind"]: each for each in response["data"]["ticket"]["deadlines"]}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_what_is_left_and_what_it_is_made_of(there: Api, story: Story) -> None:
    there.clock = FixedClock(datetime.now(UTC))
    handling = (await shown(there, OFFICE, story["in_progress"]))["HANDLING"]
    assert handling["calendarVersion"] == 0
    assert handling["overdueWorkingMinutes"] == 0
    stretches = handling["explain"]
    # As moments: trailing zeros of a second's fraction may be written or not.
    assert [at(stretches[0]["from"]), at(stretches[-1]["to"])] == [at(handling["startedAt"]), at(handling["dueAt"])]
    assert all(one["to"] == other["from"] for one, other in pairwise(stretches))
    assert sum(each["workingMinutes"] for each in stretches if each["counted"]) == 10 * 7 * 60
    assert handling["remainingWorkingMinutes"] == 10 * 7 * 60  # the day of receipt takes nothing of it
    assert {each["kindLabel"] for each in stretches if each["kind"] == "OFFICE_HOURS"} == {"Office hours"}

    there.clock = FixedClock(at(handling["dueAt"]) - timedelta(minutes=90))
    assert (await shown(there, OFFICE, story["in_progress"]))["HANDLING"]["remainingWorkingMinutes"] == 90
    there.clock = FixedClock(at(handling["dueAt"]) + timedelta(days=60))
    late = (await shown(there, OFFICE, story["in_progress"]))["HANDLING"]
    assert (late["state"], late["remainingWorkingMinutes"]) == ("MISSED", 0)
    assert late["overdueWorkingMinutes"] > 20 * 7 * 60
    there.clock = FixedClock(at(handling["startedAt"]) - timedelta(days=3))  # set back
    assert (await shown(there, OFFICE, story["in_progress"]))["HANDLING"]["remainingWorkingMinutes"] == 10 * 7 * 60


async def test_what_was_done_has_nothing_left(there: Api, story: Story, behind: asyncpg.Connection) -> None:
    closed = await shown(there, OFFICE, story["closed"])
    assert {(each["remainingWorkingMinutes"], each["overdueWorkingMinutes"]) for each in closed.values()} == {(None, 0)}
    assert all(each["explain"] for each in closed.values())


async def test_an_extension_and_a_suspension_are_told_in_the_viewers_language(there: Api, story: Story) -> None:
    extended = (await shown(there, OFFICE, story["extended"]))["HANDLING"]["explain"]
    granted = [each for each in extended if each["kind"] == "EXTENSION"]
    assert sum(each["workingMinutes"] for each in granted) == 3 * 7 * 60
    assert sum(each["workingMinutes"] for each in extended if each["counted"]) == (5 + 3) * 7 * 60
    there.clock = FixedClock(datetime.now(UTC) + timedelta(days=60))
    words = {}
    for locale in ("zh-CN", "en"):
        clock = (await shown(there, OFFICE, story["suspended"], locale=locale))["HANDLING"]
        assert (clock["state"], clock["overdueWorkingMinutes"]) == ("SUSPENDED", 0)
        assert clock["remainingWorkingMinutes"] > 0
        last = clock["explain"][-1]
        assert (last["kind"], last["counted"], at(last["to"])) == ("SUSPENDED", False, there.clock.now())
        words[locale] = last["kindLabel"], last["reason"]
    assert words["zh-CN"][0] == "中止计时"
    assert words["en"][0] == "Suspended"
    assert words["zh-CN"][1] != words["en"][1]


async def test_only_what_is_asked_for_under_the_names_it_is_asked_by(there: Api, story: Story) -> None:
    query = (
        "query($id: ID!) { ticket(id: $id) { deadline { why: explain { __typename kind: reason minutes: workingMinutes "
        "...of } } } } fragment of on DeadlineStretch { since: from }"
    )
    data = await there.data(OFFICE, query, id=story["in_progress"])
    why = data["ticket"]["deadline"]["why"]
    assert {tuple(each) for each in why} == {("__typename", "kind", "minutes", "since")}
    assert {each["__typename"] for each in why} == {"DeadlineStretch"}
    paid = await there.verb(
        "handler@guangyuan.commerce",
        *("ticketComment", "deadline { e: explain { k: kind m: workingMinutes } }"),
        ticketId=story["in_progress"],
        body="进展",
        visibility="PUBLIC",
    )
    assert {tuple(each) for each in paid["deadline"]["e"]} == {("k", "m")}


async def test_an_explanation_is_seen_as_its_ticket_is(there: Api, story: Story) -> None:
    for login, name in (
        ("office@anshan", "in_progress"),
        (OFFICE, "restricted"),
        (there.world.guangyuan.enterprise.login, "confidential"),
    ):
        response = await there.ask(login, TICKET, id=story[name])
        assert response["data"]["ticket"] is None
    reporter = there.world.guangyuan.enterprises[1].login
    assert (await shown(there, reporter, story["confidential"]))["HANDLING"]["explain"]
    stranger = await there.ask(None, TICKET, id=story["in_progress"])
    assert stranger["data"] is None or stranger["data"]["ticket"] is None


@pytest.mark.parametrize(
    ("shown", "first", "allowed"),
    [("deadlines", 1, True), ("deadlines", 2, False), ("deadline", 50, True), ("deadline", 100, False)],
)
async def test_explaining_much_is_reckoned(there: Api, story: Story, shown: str, first: int, allowed: bool) -> None:
    """As many rows as it may have stretches: they are made one by one, in Python."""
    most = MOST_DEADLINES if shown == "deadlines" else 1
    assert (first * (1 + most * (1 + MOST_STRETCHES)) <= 20_000) is allowed
    query = f"{{ tickets(first: {first}) {{ edges {{ node {{ {shown} {{ explain {{ kind }} }} }} }} }} }}"
    response = await there.ask(OFFICE, query)
    if allowed:
        assert "errors" not in response
    else:
        assert response["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
