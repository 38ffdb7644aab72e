"""The reader: any selection of stored types, one statement, both ways the same."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import asyncpg
import orjson
import pytest

from tests.schema.both import both, spliced, statements
from tests.schema.conftest import Api
from tests.schema.story import Story

LIFE = """
query($id: ID!, $first: Int) {
  ticket(id: $id) {
    id number status statusLabel round category secrecy version submittedAt
    city { path name } county { path } lead { name } coHandlers { path }
    enterprise { name creditCode county { name } }
    reporter { name }
    allowedActions
    timeline(first: $first) {
      totalCount
      pageInfo { hasNextPage endCursor }
      edges { cursor node { type toStatus note actor { role name tenant { path } } ticket { number } } }
    }
  }
}
"""


async def test_a_ticket_with_relations_and_timeline(api: Api) -> None:
    ticket = await api.submit(county="guangyuan.cangxi")
    data = await api.data(api.world.guangyuan.enterprise.login, LIFE, id=ticket["id"], first=5)
    shown = data["ticket"]
    assert shown["number"] == ticket["number"]
    assert shown["city"]["path"] == "guangyuan"
    assert shown["county"] == {"path": "guangyuan.cangxi"}
    assert shown["enterprise"]["creditCode"] == api.world.guangyuan.enterprise.credit_code
    assert shown["timeline"]["totalCount"] == 1
    assert shown["timeline"]["edges"][0]["node"]["type"] == "SUBMITTED"
    assert shown["allowedActions"] == ["ATTACH", "COMMENT", "WITHDRAW"]


# Spike (a): an interface, a relation and a connection in one document are one statement; both ways answer the same.

SPIKE = """
query($id: ID!, $nodes: [ID!]!) {
  node(id: $id) {
    __typename id
    ... on Ticket {
      number statusLabel submittedAt allowedActions lead { name parent { path } } coHandlers { path }
      timeline(last: 3) { totalCount pageInfo { hasPreviousPage startCursor } edges { node { type actor { role } } } }
    }
  }
  nodes(ids: $nodes) { __typename id ... on Tenant { path } ... on Ticket { title } ... on TicketEvent { type } }
  tickets(first: 5, filter: {status: [IN_PROGRESS, RESOLVED, CLOSED]}) {
    totalCount edges { cursor node { number enterprise { name county { name } } timeline(first: 2) { totalCount } } }
  }
  tenants(within: "guangyuan", kind: COUNTY) { edges { node { name } } }
  viewer { user { login } roles { role tenant { path } } permissions(tenant: "guangyuan.finance") }
}
"""


async def test_one_document_is_one_statement(there: Api, story: Story) -> None:
    variables = await spike_variables(there, story)
    viewer = await there.viewer("office@guangyuan")
    await spliced(there, viewer, SPIKE, variables)  # the driver looks up types once per connection
    async with statements(there) as sent:
        answer = orjson.loads(await spliced(there, viewer, SPIKE, variables))
    (statement,) = sent
    assert "from begin_request(" in statement
    assert "errors" not in answer
    assert answer["data"]["node"]["lead"]["name"] == "商务局"
    assert [found and found["__typename"] for found in answer["data"]["nodes"]] == ["Tenant", "TicketEvent", None]
    assert answer["data"]["tickets"]["totalCount"] == 12


async def test_row_level_security_is_on(there: Api) -> None:
    async with there.services.database.reading(cities=(there.world.anshan.id,)) as reading:
        assert await reading.connection.fetchval("select current_user") == "yingshang_app"
        assert await reading.connection.fetchval("select count(*) from tickets") > 0
        foreign = "select count(*) from tickets where city_id = $1"
        assert await reading.connection.fetchval(foreign, there.world.guangyuan.id) == 0


@pytest.mark.parametrize("login", ["office@guangyuan", "handler@guangyuan.finance", "auditor@guangyuan", None])
async def test_both_ways_answer_the_same(there: Api, story: Story, login: str | None) -> None:
    one, other = await both(there, login, SPIKE, **await spike_variables(there, story))
    assert one == other


async def spike_variables(api: Api, story: Story) -> dict[str, Any]:
    events = await api.data(
        "office@guangyuan",
        "query($id: ID!) { ticket(id: $id) { city { id } timeline { edges { node { id } } } } }",
        id=story["in_progress"],
    )
    ticket = events["ticket"]
    event = ticket["timeline"]["edges"][0]["node"]["id"]
    return {
        "id": story["in_progress"],
        "nodes": [ticket["city"]["id"], event, story["anshan.submitted"]],
    }


async def test_a_plan_serves_every_actor_of_its_shape(there: Api, story: Story) -> None:
    """Ids, numbers and people are parameters: another ticket, asked by another desk, is the same statement."""
    query = "query($id: ID!) { ticket(id: $id) { id number reporter { name } allowedActions } }"
    executor = there.services.executor
    asked = [("intake_agent@guangyuan", "person"), ("intake_agent@anshan", "anshan.submitted")]
    sent: list[str] = []
    for login, name in (*asked, ("handler@guangyuan.commerce", "in_progress")):
        viewer = await there.viewer(login)
        prepared = await executor.prepare(query, None, viewer=viewer)
        async with statements(there) as each:
            answer = orjson.loads(await executor.execute(prepared, {"id": story[name]}, viewer))
        assert answer["data"]["ticket"]["id"] == story[name]
        sent += each
    assert sent[0] == sent[1]
    assert sent[1] != sent[2]


# Response keys: whatever a client calls things


@pytest.mark.parametrize(
    "alias",
    [
        *("data", "o1", "o2", "v", "t1", "p1", "row_", "one", "n", "id", "value", "given", "body", "Ticket", "select"),
        *("x" * 63, "y" * 64, "z" * 200, "__typename", "__proto__", "NULL", "_"),
    ],
)
async def test_any_alias(there: Api, story: Story, alias: str) -> None:
    other = alias[:150] + "2"
    documents = (
        f"query($id: ID!) {{ {alias}: ticket(id: $id) {{ {alias}: number {other}: title }} }}",
        f"query($id: ID!) {{ {alias}: node(id: $id) {{ {alias}: id ... on Ticket {{ {other}: __typename }} }} }}",
        f"query($id: ID!) {{ ticket(id: $id) {{ {alias}: timeline(first: 2) {{ {alias}: edges {{ {alias}: node "
        f"{{ {alias}: type }} }} {other}: pageInfo {{ {alias}: hasNextPage }} }} }} }}",
        f"query($id: ID!) {{ {alias}: tickets(first: 2) {{ {alias}: edges {{ {alias}: cursor }} }} {other}: nodes"
        f"(ids: [$id]) {{ {alias}: id ... on Ticket {{ {other}: coHandlers {{ {alias}: name }} }} }} }}",
        f"query($id: ID!) {{ ticket(id: $id) {{ {alias}: allowedActions {other}: lead {{ {alias}: name }} }} }}",
    )
    for document in documents:
        one, completed_one = await both(there, "office@guangyuan", document, id=story["in_progress"])
        assert one == completed_one
        assert "errors" not in one, one
        assert f'"{alias}"' in one


async def test_an_alias_of_a_mutations_payload(api: Api) -> None:
    ticket = await api.submit()
    for alias in ("o1", "v", "__typename", "x" * 80):
        document = (
            f"mutation($id: ID!) {{ {alias}: ticketComment("
            'input: {ticketId: $id, body: "知道了", visibility: PUBLIC}) '
            f"{{ {alias}: ticket {{ {alias}: number }} }} }}"
        )
        data = await api.data(api.world.guangyuan.enterprise.login, document, id=ticket["id"])
        assert data == {alias: {alias: {alias: ticket["number"]}}}


async def test_beside_an_introspection(there: Api, story: Story) -> None:
    """What graphql-core completes, the reader has read: fields beside `__schema` are answered as ever."""
    query = "query($id: ID!) { node(id: $id) { __typename ... on Ticket { n: number allowedActions } } }"
    alone = await there.data("office@guangyuan", query, id=story["in_progress"])
    beside = await there.data(
        "office@guangyuan",
        query.replace("{ node", "{ __schema { queryType { name } } node", 1),
        id=story["in_progress"],
    )
    assert beside.pop("__schema") == {"queryType": {"name": "Query"}}
    assert beside == alone


# Plain answers, compared with what stands in the database


async def test_values_are_as_stored(there: Api, story: Story, behind: asyncpg.Connection) -> None:
    data = await there.data(
        "office@guangyuan",
        "query($id: ID!) { ticket(id: $id) { number version round status title body submittedAt acknowledgedAt "
        "closedAt city { path } lead { path } coHandlers { path } timeline(first: 100) { totalCount edges { node { "
        "type at version hash prevHash } } } } }",
        id=story["in_progress"],
    )
    ticket = data["ticket"]
    row = await behind.fetchrow("select * from tickets where number = $1", ticket["number"])
    for name in ("version", "round", "status", "title", "body"):
        assert ticket[name] == row[name]
    assert datetime.fromisoformat(ticket["submittedAt"]) == row["submitted_at"]
    assert datetime.fromisoformat(ticket["acknowledgedAt"]) == row["acknowledged_at"]
    assert ticket["closedAt"] is None
    assert ticket["lead"] == {"path": "guangyuan.commerce"}
    assert ticket["coHandlers"] == [{"path": "guangyuan.finance"}]
    events = await behind.fetch("select * from events where subject_id = $1 order by seq", row["id"])
    shown = [edge["node"] for edge in ticket["timeline"]["edges"]]
    assert ticket["timeline"]["totalCount"] == len(events) == len(shown)
    for event, stored in zip(shown, events, strict=True):
        assert (event["type"], event["version"]) == (stored["type"], stored["version"])
        assert datetime.fromisoformat(event["at"]) == stored["at"]
        assert event["hash"] == stored["hash"].hex()
    assert [event["prevHash"] for event in shown] == [None, *(event["hash"] for event in shown[:-1])]


async def test_locales_have_their_own_plans(there: Api, story: Story) -> None:
    query = "query($id: ID!) { ticket(id: $id) { statusLabel categoryLabel city { kindLabel } } }"
    english = await there.ask("office@guangyuan", query, id=story["in_progress"])
    chinese = await there.ask("office@guangyuan", query, locale="zh-CN", id=story["in_progress"])
    assert english["data"]["ticket"] == {
        "statusLabel": "In progress",
        "categoryLabel": "Complaint",
        "city": {"kindLabel": "City"},
    }
    assert chinese["data"]["ticket"] == {"statusLabel": "办理中", "categoryLabel": "投诉", "city": {"kindLabel": "市"}}


async def test_skip_and_include_shape_the_statement(there: Api, story: Story) -> None:
    query = (
        "query($id: ID!, $yes: Boolean!, $no: Boolean! = false) { ticket(id: $id) { number @include(if: $yes) "
        "title @skip(if: $yes) ... @include(if: $no) { body } ...F @skip(if: $no) } } fragment F on Ticket { round }"
    )
    for yes, keys in ((True, ["number", "round"]), (False, ["title", "round"])):
        data = await there.data("office@guangyuan", query, id=story["in_progress"], yes=yes)
        assert list(data["ticket"]) == keys


async def test_one_root_that_fails_leaves_the_others(there: Api, story: Story) -> None:
    response = await there.ask(
        "office@guangyuan",
        'query($id: ID!) { a: ticket(id: "T_nonsense") { id } b: ticket(id: $id) { id } c: ticketByNumber(number: "") '
        "{ id } }",
        id=story["in_progress"],
    )
    assert response["data"] == {"a": None, "b": {"id": story["in_progress"]}, "c": None}
    ((error),) = response["errors"]
    assert error["path"] == ["a"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_root_that_cannot_be_null_takes_all_with_it(there: Api, story: Story) -> None:
    response = await there.ask(
        "office@guangyuan",
        "query($id: ID!) { tickets(first: 0) { totalCount } ticket(id: $id) { id } }",
        id=story["in_progress"],
    )
    assert response["data"] is None
    assert [error["path"] for error in response["errors"]] == [["tickets"]]


async def test_a_bad_argument_deep_inside_is_the_roots_error(there: Api, story: Story) -> None:
    query = (
        "query($id: ID!, $n: Int, $after: Cursor) { ticket(id: $id) { timeline(first: $n, after: $after) "
        "{ totalCount } } }"
    )
    for given in ({"n": 0}, {"n": 101}, {"after": "nonsense"}, {"n": 5, "after": "bm9uc2Vuc2V8MXwy"}):
        response = await there.ask("office@guangyuan", query, id=story["in_progress"], **given)
        assert response["data"] == {"ticket": None}
        assert response["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert response["errors"][0]["path"] == ["ticket"]


async def test_the_tree_may_change_under_a_plan(api: Api) -> None:
    """A tenant made by another process is known to the next request: the plan is of the tree's version."""
    query = '{ tenants(within: "guangyuan.cangxi", kind: TOWNSHIP) { edges { node { path } } } }'
    assert await api.data(None, query) == {"tenants": {"edges": []}}
    made = (
        'mutation { tenantCreate(input: {parent: "guangyuan.cangxi", slug: "lingjiang", kind: TOWNSHIP, '
        'name: "陵江镇"}) { tenant { path } userErrors { message } } }'
    )
    data = await api.data("city_administrator@guangyuan", made)
    assert data["tenantCreate"] == {"tenant": {"path": "guangyuan.cangxi.lingjiang"}, "userErrors": []}
    assert await api.data(None, query) == {"tenants": {"edges": [{"node": {"path": "guangyuan.cangxi.lingjiang"}}]}}
