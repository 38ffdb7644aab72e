"""Reads that ask for too much, or with what belongs elsewhere: answered over HTTP with a code, in the client's
language, at no great cost; and what may be asked in one go is read in one go."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

import schema.execution
from schema import ids
from schema.reader.declare import BY_PREFIX
from tests.conftest import Server
from tests.files.conftest import Counter
from tests.files.conftest import opened as serving
from tests.schema.both import spliced, statements
from tests.schema.conftest import Api, Told
from tests.schema.story import Story
from tests.schema.test_reader_fuzz import FURNITURE, pools

OFFICE = "office@guangyuan"
RESPONSE = "application/graphql-response+json"


@pytest.fixture
async def desk(server: Server, told: Told, story_url: str, tmp_path: Path) -> AsyncIterator[Counter]:
    """The application on this test's copy of the story, asked over HTTP."""
    async with serving(told.world, server.application_url(story_url), tmp_path) as counter:
        yield counter


async def post(desk: Counter, body: Any, language: str = "en", login: str | None = OFFICE) -> httpx.Response:
    headers = {"accept": RESPONSE, "content-type": "application/json", "accept-language": language}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await desk.request(login, "POST", "/graphql", headers, content)


async def refusal(desk: Counter, status: int, body: Any) -> dict[str, Any]:
    """The extensions of the one error, whose message is another in each language and not a copy of what was sent."""
    said = []
    for language in ("zh-CN", "en"):
        response = await post(desk, body, language)
        assert response.status_code == status, response.text[:500]
        assert len(response.content) < 3_000, "what was sent is not sent back"
        (error,) = response.json()["errors"]
        said.append(error["message"])
    assert said[0] != said[1]
    assert [any("一" <= letter <= "鿿" for letter in text) for text in said] == [True, False]
    extensions: dict[str, Any] = error["extensions"]
    return extensions


WIDE = "tickets(first: 100) { edges { node { timeline(first: 100) { edges { node { actor { role } } } } } } }"
DOCUMENTS = {
    "a megabyte of fields": ("{" + "viewer " * 140_000 + "}", "tokens"),
    "10,000 fragments": ("{...F0}" + "".join(f"fragment F{n} on Query{{viewer}}" for n in range(10_000)), "tokens"),
    "more fragments than fit": ("{...F0}" + "".join(f"fragment F{n} on Query{{a}}" for n in range(31)), "definitions"),
    "fragments that double": (
        "{...F0}" + "".join(f"fragment F{n} on Query{{...F{n + 1} ...F{n + 1}}}" for n in range(28)),
        "fields",
    ),
    "deep": ("{" + "viewer{" * 500 + "a" + "}" * 501, "depth"),
    "deep in arguments": ("{ticket(id:" + "[" * 2_000 + "]" * 2_000 + "){id}}", "depth"),
    "many aliases": ("{" + " ".join(f"a{n}: viewer {{ __typename }}" for n in range(51)) + "}", "aliases"),
    "many tables": (
        "{"
        + "".join(
            f"a{n}: tenants {{ edges {{ node {{ {'city { county { ' * 3} id {'} }' * 3} }} }} }}" for n in range(30)
        )
        + "}",
        "tables",
    ),
    "many rows": (f"{{ {WIDE} }}", "rows"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_documents_that_ask_for_too_much(desk: Counter, name: str) -> None:
    text, limit = DOCUMENTS[name]
    extensions = await refusal(desk, 400, {"query": text})
    assert (extensions["code"], extensions["limit"]) == ("BAD_USER_INPUT", limit)
    assert extensions["allowed"] == getattr(desk.services.settings.limits, limit)


NODES = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
TICKETS = """query($first: Int, $last: Int, $after: Cursor, $before: Cursor, $filter: TicketFilter) {
  tickets(first: $first, last: $last, after: $after, before: $before, filter: $filter) { totalCount }
}"""
VARIABLES: dict[str, tuple[str, Any, str]] = {
    "10,000 ids": (NODES, {"ids": [ids.encode("TN", 0, number) for number in range(10_000)]}, "too_many_ids"),
    "10,000 times one id": (NODES, {"ids": [ids.encode("TN", 0, 10)] * 10_000}, "too_many_ids"),
    "one id too many": (NODES, {"ids": [ids.encode("TN", 0, 10)] * 101}, "too_many_ids"),
    "a page of none": (TICKETS, {"first": 0}, "page_size"),
    "a page of 101": (TICKETS, {"first": 101}, "page_size"),
    "a page of less than none": (TICKETS, {"last": -1}, "page_size"),
    "the largest page there could be": (TICKETS, {"first": 2**31 - 1}, "page_size"),
    "a search for a book": (TICKETS, {"filter": {"text": "电" * 100_000}}, "search_length"),
    "a cursor of 300 characters": (TICKETS, {"after": "A" * 300}, "malformed_cursor"),
    "a cursor that is none": (TICKETS, {"after": "\x00"}, "malformed_cursor"),
}


@pytest.mark.parametrize("name", VARIABLES)
async def test_variables_that_ask_for_too_much(desk: Counter, name: str) -> None:
    query, variables, rule = VARIABLES[name]
    extensions = await refusal(desk, 200, {"query": query, "variables": variables})
    assert (extensions["code"], extensions["rule"]) == ("BAD_USER_INPUT", rule)


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (TICKETS, {"first": 2**31}),
        (TICKETS, {"first": 10**400}),
        (TICKETS, {"first": "100"}),
        (TICKETS, {"filter": {"status": ["CLOSED"] * 60_000 + ["NONSENSE"]}}),
        (TICKETS, {"filter": {f"x{n}": 1 for n in range(50_000)}}),
        (NODES, {"ids": [[[["TN_AAAACg"]]]]}),
        (NODES, {"ids": {"a": 1}}),
    ],
    ids=range(7),
)
async def test_variables_that_do_not_fit(desk: Counter, query: str, variables: Any) -> None:
    response = await post(desk, {"query": query, "variables": variables})
    assert response.status_code == 400
    errors = response.json()["errors"]
    assert 1 <= len(errors) <= 12
    assert {error["extensions"]["code"] for error in errors} <= {"BAD_USER_INPUT", "BAD_REQUEST"}
    assert len(response.content) < 20_000


async def test_a_deep_variable_is_no_stack_overflow(desk: Counter) -> None:
    for deep in (b"[" * 200_000 + b"]" * 200_000, b'{"a":' * 150_000 + b"1" + b"}" * 150_000):
        body = b'{"query":"query($ids: [ID!]!) { nodes(ids: $ids) { id } }","variables":{"ids":' + deep + b"}}"
        response = await post(desk, body)
        assert response.status_code == 400
        assert response.json()["errors"][0]["extensions"]["code"] in ("BAD_REQUEST", "BAD_USER_INPUT")


async def test_a_long_list_in_a_filter_is_only_long(desk: Counter) -> None:
    """It is one parameter, of whatever length: no more tables, no other plan."""
    one = (await post(desk, {"query": TICKETS, "variables": {"filter": {"status": ["CLOSED"]}}})).json()
    plans = len(desk.services.reader._plans)
    many = await post(desk, {"query": TICKETS, "variables": {"filter": {"status": ["CLOSED"] * 60_000}}})
    assert many.json() == one
    assert len(desk.services.reader._plans) == plans


async def test_cursors_of_other_lists(desk: Counter) -> None:
    pages = (
        await desk.ask(
            OFFICE,
            "{ tickets(first: 3) { edges { cursor } } enterprises { edges { cursor } } tenants { edges { cursor } } "
            "one: tickets(first: 1) { edges { node { timeline { edges { cursor } } } } } "
            "numbered: tickets(first: 3, orderBy: {field: NUMBER, direction: ASC}) { edges { cursor } } "
            "last: tickets(first: 3, orderBy: {field: SUBMITTED_AT, direction: ASC}) { edges { cursor } } }",
        )
    )["data"]
    cursors = {name: pages[name]["edges"][0]["cursor"] for name in ("enterprises", "tenants", "numbered", "last")}
    cursors["timeline"] = pages["one"]["edges"][0]["node"]["timeline"]["edges"][0]["cursor"]
    for name, cursor in cursors.items():
        for given in ({"after": cursor}, {"before": cursor, "last": 5}):
            extensions = await refusal(desk, 200, {"query": TICKETS, "variables": given})
            assert extensions["rule"] in ("foreign_cursor", "malformed_cursor"), name
    own = pages["tickets"]["edges"][0]["cursor"]
    assert "errors" not in (await post(desk, {"query": TICKETS, "variables": {"after": own}})).json()


async def test_a_cursor_of_another_city_is_a_place_and_nothing_more(desk: Counter) -> None:
    """A page behind it holds what is the reader's own, and who has the cursor learns nothing of where it came from."""
    query = (
        "query($after: Cursor) { tickets(first: 100, after: $after) "
        "{ totalCount edges { cursor node { id city { path } } } } }"
    )
    theirs = (await desk.ask("office@anshan", query))["data"]["tickets"]["edges"]
    ours = (await desk.ask(OFFICE, query))["data"]["tickets"]
    for edge in theirs:
        page = (await desk.ask(OFFICE, query, after=edge["cursor"]))["data"]["tickets"]
        assert page["totalCount"] == ours["totalCount"]
        assert {each["node"]["city"]["path"] for each in page["edges"]} <= {"guangyuan"}
        assert page["edges"] == ours["edges"][len(ours["edges"]) - len(page["edges"]) :]


# One go


async def test_nodes_of_every_type_are_one_statement(there: Api, story: Story, behind: asyncpg.Connection) -> None:
    """As many ids as there may be, of every type and both cities: read by one statement, in the order asked."""
    known = (await pools(there, story, behind))["ids"]
    by_type = [[each for each in known if each.startswith(f"{prefix}_")] for prefix in BY_PREFIX]
    missing = [prefix for prefix, found in zip(BY_PREFIX, by_type, strict=True) if not found]
    assert not missing, "each type has something"
    asked = [each for pool in by_type for each in pool[:4]]
    assert len(asked) <= 100
    asked = (asked * 10)[:100]
    viewer = await there.viewer("auditor@guangyuan")
    query = (
        "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Ticket { number lead { name } } "
        "... on TicketEvent { type ticket { number } } ... on Tenant { path } ... on Enterprise { name } } }"
    )
    await spliced(there, viewer, query, {"ids": asked})  # the driver looks up types once per connection
    async with statements(there) as sent:
        found = json.loads(await spliced(there, viewer, query, {"ids": asked}))["data"]["nodes"]
    # An auditor's reading is noted; what is read is one statement, under its own beginning.
    assert len([text for text in sent if "json" in text]) == 1, sent
    assert [each and each["id"] for each in found if each] == [
        text for text, each in zip(asked, found, strict=True) if each
    ]
    # What people are told is for those who work on it.
    shown = {stored.name for stored in BY_PREFIX.values()} - {"Notification"}
    assert {each["__typename"] for each in found if each} == shown


COMPUTED = """query($id: ID!) {
  tickets(first: 20) { edges { node { allowedActions timeline(first: 5) { edges { node { answers { level } } } } } } }
  ticket(id: $id) {
    allowedActions duplicates { id allowedActions } timeline { edges { node { answers { question } } } }
  }
  viewer { permissions(tenant: "guangyuan") }
  dispatchSuggestions(ticketId: $id) { score reasons { text } }
  ticketStatistics(within: "guangyuan", from: "2020-01-01", to: "2100-01-01") { satisfactionRate { value } }
  node(id: $id) { ... on Ticket { allowedActions } }
  nodes(ids: [$id, $id]) { ... on Ticket { allowedActions attachments { url uploader { name } } } }
}"""


async def test_what_python_works_out_takes_nobody_the_slow_way(
    there: Api, story: Story, behind: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fields that are computed patch their places; graphql-core is not asked."""
    await behind.execute(FURNITURE)

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("graphql-core was asked to execute a query")

    monkeypatch.setattr(schema.execution, "execute", never)
    data = await there.data(OFFICE, COMPUTED, id=story["in_progress"])
    assert data["ticket"]["allowedActions"] == data["node"]["allowedActions"] == data["nodes"][1]["allowedActions"]
    assert data["viewer"]["permissions"]
    assert len(data["tickets"]["edges"]) == 20
    assert any(edge["node"]["allowedActions"] for edge in data["tickets"]["edges"])
