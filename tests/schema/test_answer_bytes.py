"""How large an answer may get: as the settings say and no larger, in whatever way it is asked for, and the database
stops making what would be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from app.kernel.clock import SystemClock
from app.kernel.config import Limits, Settings
from app.kernel.errors import BadInput
from app.kernel.events import FeedEvent
from app.main import services_of
from schema.reader.as_json import TOO_MANY_BYTES
from tests.conftest import Server
from tests.schema.both import spliced
from tests.schema.conftest import Api, Told
from tests.schema.story import Story

OFFICE = "office@guangyuan"
ALLOWED = 60_000
LONG = " ".join(f"b{number}: body" for number in range(5))
"""Fifteen thousand bytes for each ticket."""


@dataclass
class Pair:
    """Two processes on one story, in which every ticket says much; one of them answers little."""

    narrow: Api
    wide: Api


@pytest.fixture
async def pair(server: Server, told: Told, story_url: str, tmp_path: Path) -> AsyncIterator[Pair]:
    behind = await asyncpg.connect(story_url)
    await behind.execute("update tickets set body = repeat('长', 1000)")
    await behind.close()

    @asynccontextmanager
    async def opened(limits: Limits) -> AsyncIterator[Api]:
        url = server.application_url(story_url)
        settings = Settings(app_database_url=url, data_dir=tmp_path, pool_size=3, limits=limits)
        async with services_of(settings) as services:
            yield Api(services, told.world, SystemClock())

    async with opened(Limits(answer_bytes=ALLOWED)) as narrow, opened(Limits(answer_bytes=2**40)) as wide:
        yield Pair(narrow, wide)


ASKED = {
    "a page": f"{{ tickets(first: 100) {{ edges {{ node {{ {LONG} }} }} }} }}",
    "pages side by side": "{"
    + "".join(f"p{n}: tickets(first: 1) {{ edges {{ node {{ {LONG} }} }} }} " for n in range(6))
    + "}",
    "lists in lists": "{ tickets(first: 100) { edges { node { timeline(first: 2) { edges { node "
    "{ ticket { timeline(first: 1) { edges { node { ticket { body } } } } } } } } } } } }",
    "many ids": f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Ticket {{ {LONG} }} }} }}",
    "one object": "query($id: ID!) { ticket(id: $id) { timeline(first: 100) { edges { node { ticket { "
    + " ".join(f"a{n}: body" for n in range(30))
    + " } } } } } }",
}


def variables_of(query: str, story: Story) -> dict[str, Any]:
    id_ = story["in_progress"]
    return {"ids": [id_] * 20} if "$ids" in query else {"id": id_} if "$id" in query else {}


@pytest.mark.parametrize("what", ASKED)
async def test_the_database_stops_making_what_is_too_large(pair: Pair, story: Story, what: str) -> None:
    query = ASKED[what]
    variables = variables_of(query, story)
    wide = await pair.wide.ask(OFFICE, query, **variables)
    assert len(orjson.dumps(wide)) > ALLOWED
    viewer = await pair.narrow.viewer(OFFICE)
    with pytest.raises(BadInput) as refused:
        await spliced(pair.narrow, viewer, query, variables)
    assert TOO_MANY_BYTES in str(refused.value.__cause__)
    said = {}
    for language in ("zh-CN", "en"):
        answer = await pair.narrow.ask(OFFICE, query, locale=language, **variables)
        (error,) = answer["errors"]
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "rule": "answer_too_large"}
        said[language] = error["message"]
    assert said["en"] == "The answer is larger than 60000 bytes: ask for smaller pages, or for fewer long texts."
    assert said["zh-CN"] == "查询结果超过 60000 字节:请减小分页大小,或少查询长文本字段。"
    assert (await pair.narrow.data(OFFICE, "{ tickets(first: 1) { totalCount } }"))["tickets"]["totalCount"] > 1


async def test_long_names_count_as_often_as_they_are_said(pair: Pair) -> None:
    """The database knows them by a short name: they are put in their place afterwards."""
    query = "{ tickets(first: 20) { edges { node { %s: number } } } }"
    assert await pair.narrow.ask(OFFICE, query % ("n" * 100)) == await pair.wide.ask(OFFICE, query % ("n" * 100))
    (error,) = (await pair.narrow.ask(OFFICE, query % ("n" * 10_000)))["errors"]
    assert error["extensions"]["rule"] == "answer_too_large"


MIXED = """query($id: ID!, $ids: [ID!]!) {
  tickets(first: 6) { totalCount pageInfo { hasNextPage endCursor } edges { cursor node { number body again: body title
    allowedActions coHandlers { name } timeline(last: 3) { edges { node { type note actor { name } } } } } } }
  none: tickets(first: 5, filter: {text: "没有这样的工单"}) { edges { node { body } } }
  ticket(id: $id) { body timeline { totalCount edges { node { type note ticket { number } } } } }
  nodes(ids: $ids) { __typename id ... on Ticket { title coHandlers { name } } }
  tenants(within: "guangyuan", first: 100) { edges { node { path name } } }
}"""


async def test_what_is_counted_is_answered_as_ever(pair: Pair, story: Story) -> None:
    """Rows, order and nulls are the same; and what is counted of one request is not of the next."""
    unknown = story["in_progress"][:-4] + "AAAA"
    variables = {"id": story["in_progress"], "ids": [story["closed"], unknown, story["in_progress"]]}
    wide = await spliced(pair.wide, await pair.wide.viewer(OFFICE), MIXED, variables)
    assert 30_000 < len(wide) < ALLOWED, "once fits, twice would not"
    for _ in range(3):
        assert await spliced(pair.narrow, await pair.narrow.viewer(OFFICE), MIXED, variables) == wide
    reader: Any = pair.narrow.services.reader
    (plan,) = [plan for (prepared, _), plan in reader._plans._entries.items() if prepared.text == MIXED]
    assert TOO_MANY_BYTES in plan.sql, "it was counted"
    assert all(TOO_MANY_BYTES not in plan.sql for plan in pair.wide.services.reader._plans._entries.values())


async def test_a_payload_that_is_too_large_is_refused_and_the_deed_is_done(pair: Pair, story: Story) -> None:
    verb = """mutation($input: TicketCommentInput!) { ticketComment(input: $input) { ticket { version
      timeline(first: 100) { edges { node { ticket { %s } } } } } userErrors { code } } }"""
    given = {"ticketId": story["in_progress"], "body": "电话联系", "visibility": "INTERNAL", "idempotencyKey": "large"}
    large = " ".join(f"a{number}: body" for number in range(30))
    login = "handler@guangyuan.commerce"
    answer = await pair.narrow.ask(login, verb % large, input=given)
    (error,) = answer["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "rule": "answer_too_large"}
    assert error["path"][0] == "ticketComment"
    again = await pair.narrow.ask(login, verb % "number", input=given)
    shown = again["data"]["ticketComment"]
    assert (shown["userErrors"], "errors" in again) == ([], False)


async def events_of(api: Api, most: int) -> list[FeedEvent]:
    city = api.world.guangyuan.id
    async with api.services.database.reading(cities=(city,)) as reading:
        rows = await reading.connection.fetch(
            "select e.position, e.id, e.topic, e.subject_id, e.type from events e join tickets t on t.id = e.subject_id"
            " where e.city_id = $1 and e.topic = 'ticket' and t.secrecy = 'NORMAL' order by e.position limit $2",
            *(city, most),
        )
    return [FeedEvent(*row, restricted=False) for row in rows]


async def test_events_are_as_large_as_each_may_be(pair: Pair) -> None:
    """How many are read at a time is not the client's affair: only one that is too large by itself is refused."""
    api = pair.narrow
    executor: Any = api.services.executor
    viewer = await api.viewer(OFFICE)
    events = await events_of(api, 8)
    assert len(events) == 8
    for times, fits in ((5, True), (30, False)):
        shown = " ".join(f"b{number}: body" for number in range(times))
        feed = f'subscription {{ ticketFeed(within: "guangyuan") {{ node {{ ticket {{ {shown} }} }} }} }}'
        stream = await executor.prepare_subscription(await executor.prepare(feed, None, viewer=viewer), {}, viewer)
        if fits:
            payloads = await stream.read(events, viewer, include_restricted=False)
            assert all(len(payload) < ALLOWED for payload in payloads)
            assert sum(map(len, payloads)) > ALLOWED
        else:
            with pytest.raises(BadInput, match="answer_too_large"):
                await stream.read(events, viewer, include_restricted=False)
