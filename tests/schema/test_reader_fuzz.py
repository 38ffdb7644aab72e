"""Random documents, asked by random people: spliced by the reader and completed by graphql-core, they are the same.

The completed way has a reader of its own each time, so that a plan kept for one request and wrong for the next shows.
"""

from __future__ import annotations

import os
import random
from typing import Any

import orjson
import pytest
from graphql import GraphQLError

from app.kernel.errors import RequestError
from app.kernel.events import FeedEvent, read_after
from app.kernel.tables import new_id
from schema import ids
from schema.reader.reader import Reader
from schema.schema import assemble
from tests.schema.both import SCHEMA, completed, spliced
from tests.schema.conftest import Api
from tests.schema.random_documents import Writer
from tests.schema.story import Story

DOCUMENTS = int(os.environ.get("FUZZ_DOCUMENTS", "20"))
SEEDS = range(int(os.environ.get("FUZZ_SEED", "1")), int(os.environ.get("FUZZ_SEED", "1")) + 8)


@pytest.mark.parametrize("seed", SEEDS)
async def test_both_ways_answer_the_same(there: Api, story: Story, seed: int) -> None:
    writer = Writer(seed, SCHEMA, await pools(there, story))
    people = random.Random(seed)
    logins = sorted(there.world.users)
    answered = 0
    for number in range(DOCUMENTS):
        document = writer.document()
        for variables in document.variables:
            login = people.choice([*logins, *FAVOURITES, None])
            viewer = await there.viewer(login)
            fast = orjson.loads(await spliced(there, viewer, document.text, variables))
            slow = orjson.loads(await completed(there, viewer, document.text, variables, reader=fresh_reader(there)))
            said = f"seed {seed}, document {number}, as {login}, {variables!r}:\n{document.text}"
            assert orjson.dumps(fast["data"]) == orjson.dumps(slow["data"]), said
            assert errors_of(fast) == errors_of(slow), said
            assert "INTERNAL" not in {error["extensions"]["code"] for error in fast.get("errors", [])}, said
            answered += fast["data"] is not None and any(fast["data"].values())
    assert answered > DOCUMENTS // 3  # they ask for something that is there


@pytest.mark.parametrize("seed", SEEDS[:2])
async def test_a_stream_shows_an_event_as_a_query_does(there: Api, story: Story, seed: int) -> None:
    writer = Writer(seed, SCHEMA, await pools(there, story))
    executor = there.services.executor
    city = there.world.guangyuan.id
    async with there.services.database.reading(cities=(city,)) as reading:
        log = await read_after(reading.connection, city, 0, 500)
    shown = 0
    for number in range(DOCUMENTS):
        event = writer.random.choice(log)
        key = writer.random.choice(("ticketFeed", "found", "given", "edge", "cursor", "k" * 70))
        stream, query = writer.twins(
            "TicketEvent",
            ("subscription", f'{{ {key}: ticketFeed(within: "guangyuan") {{ {key}: node %s }} }}'),
            ("query", f'{{ node(id: "{ids.encode("TE", city, event.id)}") {{ ... on TicketEvent %s }} }}'),
        )
        login = writer.random.choice(STAFF)
        viewer = await there.viewer(login)
        for variables in stream.variables:
            said = f"seed {seed}, document {number}, as {login}, {variables!r}:\n{stream.text}"
            expected = orjson.loads(await spliced(there, viewer, query.text, variables))
            prepared = executor.prepare(stream.text, None, viewer=viewer)
            if "errors" in expected:
                with pytest.raises((RequestError, GraphQLError)):
                    await read_one(executor, prepared, variables, viewer, event)
                continue
            told = await read_one(executor, prepared, variables, viewer, event)
            node = expected["data"]["node"]
            assert (None if told is None else orjson.dumps(orjson.loads(told)["data"][key][key])) == (
                None if node is None else orjson.dumps(node)
            ), said
            shown += told is not None
    assert shown > DOCUMENTS // 2


@pytest.mark.parametrize("seed", SEEDS[:2])
async def test_a_payload_shows_a_ticket_as_a_query_does(there: Api, story: Story, seed: int) -> None:
    writer = Writer(seed, SCHEMA, await pools(there, story))
    verb = 'ticketComment(input: {ticketId: "%i", body: "请补充材料", visibility: %v})'
    for number in range(DOCUMENTS // 2):
        login, names, visibility = writer.random.choice(COMMENTERS)
        ticket = story[writer.random.choice(names)]
        done = verb.replace("%i", ticket).replace("%v", visibility)
        mutation, query = writer.twins(
            "Ticket",
            ("mutation", f"{{ done: {done} {{ userErrors {{ code }} shown: ticket %s }} }}"),
            ("query", f'{{ shown: ticket(id: "{ticket}") %s }}'),
        )
        viewer = await there.viewer(login)
        for variables in mutation.variables:
            said = f"seed {seed}, document {number}, as {login}, {variables!r}:\n{mutation.text}"
            changed = orjson.loads(await spliced(there, viewer, mutation.text, variables))
            expected = orjson.loads(await spliced(there, viewer, query.text, variables))
            assert changed["data"]["done"]["userErrors"] == [], said
            assert orjson.dumps(changed["data"]["done"]["shown"]) == orjson.dumps(expected["data"]["shown"]), said
            assert [each["extensions"] for each in changed.get("errors", [])] == [
                each["extensions"] for each in expected.get("errors", [])
            ], said


COMMENTERS = (
    ("intake_agent@guangyuan", ("submitted", "in_progress", "confidential", "restricted"), "PUBLIC"),
    ("handler@guangyuan.finance", ("in_progress", "dispatched"), "INTERNAL"),
    ("handler@guangyuan.commerce", ("in_progress", "confidential", "resolved"), "PUBLIC"),
    ("office@guangyuan", ("submitted", "disputed", "escalated", "confidential"), "INTERNAL"),
    ("intake_agent@guangyuan.cangxi", ("submitted", "county"), "INTERNAL"),
)


async def read_one(executor: Any, prepared: Any, variables: Any, viewer: Any, event: FeedEvent) -> bytes | None:
    subscription = await executor.prepare_subscription(prepared, variables, viewer)
    (payload,) = await subscription.read([event], viewer, include_restricted=True)
    return payload


STAFF = (
    *("office@guangyuan", "intake_agent@guangyuan", "supervision_officer@guangyuan", "auditor@guangyuan"),
    *("handler@guangyuan.commerce", "handler@guangyuan.finance", "intake_agent@guangyuan.cangxi"),
)


FAVOURITES = (
    *("office@guangyuan", "intake_agent@guangyuan", "dispatcher@guangyuan", "auditor@guangyuan", "auditor@anshan"),
    *("handler@guangyuan.commerce", "handler@guangyuan.finance", "handler@anshan.commerce", "steward@guangyuan"),
    *("intake_agent@guangyuan.cangxi", "city_administrator@guangyuan", "supervision_officer@guangyuan"),
)


def errors_of(response: dict[str, Any]) -> list[Any]:
    """What is said about each error, in the order of the roots; where data is null, of the roots that made it so.

    Which of the other roots' errors are told then is free: their values are not.
    """
    errors = response.get("errors", [])
    if response["data"] is None:
        errors = errors[:1] and [{"path": [], "message": "", "extensions": {}}]
    return sorted((error["path"], error["message"], orjson.dumps(error["extensions"])) for error in errors)


def fresh_reader(api: Api) -> Reader:
    """A reader that has no plan yet."""
    services = api.services
    return Reader(SCHEMA, assemble().roots, services.database, services.trees)


async def pools(api: Api, story: Story) -> dict[str, list[Any]]:
    """Values to ask with: of things that are there, in both cities and of every secrecy, and of none."""
    seen = await api.data(
        "auditor@guangyuan",
        "query { tickets(first: 100) { edges { cursor node { id number timeline(first: 3) { edges { cursor node { id } "
        "} } } } } byNumber: tickets(first: 5, orderBy: {field: NUMBER, direction: ASC}) { edges { cursor } } "
        "enterprises { edges { cursor node { id creditCode } } } tenants(first: 6) { edges { cursor node { id path } } "
        '} scheme(city: "guangyuan") { id } viewer { user { id } roles { id } } }',
    )
    tickets = [edge["node"] for edge in seen["tickets"]["edges"]]
    events = [edge for ticket in tickets for edge in ticket["timeline"]["edges"]]
    enterprises = [edge["node"] for edge in seen["enterprises"]["edges"]]
    tenants = [edge["node"] for edge in seen["tenants"]["edges"]]
    world = api.world
    everything = [
        *story.tickets.values(),
        *tickets,
        *(edge["node"] for edge in events[::3]),
        *enterprises,
        *tenants,
        seen["scheme"],
        seen["viewer"]["user"],
        *seen["viewer"]["roles"],
    ]
    found = [each["id"] for each in everything]
    found += [
        ids.encode("T", world.guangyuan.id, new_id()),
        ids.encode("U", world.guangyuan.id, world.user("office@guangyuan")),
        ids.encode("E", world.anshan.id, world.anshan.enterprise.id),
        ids.encode("T", 999_999, new_id()),
    ]
    connections = [seen[name] for name in ("tickets", "byNumber", "enterprises", "tenants")]
    cursors = [edge["cursor"] for connection in connections for edge in connection["edges"][:4]]
    cursors += [edge["cursor"] for edge in events[:6]]
    paths = ["guangyuan", "guangyuan.cangxi", "guangyuan.commerce", "guangyuan.cangxi.housing", "anshan", "platform"]
    return {
        "id": [*found, *story_ids(story), "nonsense"],
        "ids": found,
        "after": [*cursors, "bm9uc2Vuc2U"],
        "before": cursors,
        "within": [*paths, "guangyuan.nowhere"],
        "county": ["guangyuan.cangxi", "guangyuan.jiange", "guangyuan.commerce", "nowhere"],
        "department": ["guangyuan.commerce", "guangyuan.finance", "anshan.commerce"],
        "tenant": paths,
        "path": [*paths, "nowhere"],
        "city": ["guangyuan", "guangyuan", "anshan", "guangyuan.cangxi"],
        "version": [1, 1, 2, 0, -5],
        "number": [story.number(name) for name in story.tickets] + ["", "GY-1", "\x00"],
        "creditCode": [*(each["creditCode"] for each in enterprises), "91510824000000001X", "x"],
        "enterpriseId": [*(each["id"] for each in enterprises), found[0]],
        "submittedFrom": ["2020-01-01T00:00:00Z", "2026-01-01T08:00:00+08:00"],
        "submittedBefore": ["2020-01-01T00:00:00Z", "2090-01-01T00:00:00.123456Z"],
        "from": ["2020-01-01", "2026-11-01"],
        "to": ["2100-01-01", "2100-01-01", "2026-12-01", "2020-01-01"],
        "ticketId": [*story_ids(story), *found[-4:], "nonsense"],
        "title": ["用电报装", "a", "", "\x00"],
        "body": ["至今没有答复", "a" * 300, ""],
        "search": ["用电", "执照", "%", "", "a" * 101],
        "text": ["用电", "举报", "GY", "山泉", "%", "_", "", "a" * 101],
    }


def story_ids(story: Story) -> list[str]:
    """The tickets once more: most documents should be about one."""
    return [story[name] for name in story.tickets] * 2
