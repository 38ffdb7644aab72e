"""No operation takes more rows than it may: counted before anything is read or done, in both languages."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse, validate
from graphql.execution.values import get_variable_values

from app.kernel.config import Limits
from app.tickets.words import TicketStatus
from schema.errors import InvalidRequest, format_errors
from schema.mutations import Bulk
from schema.reader.declare import STORED, Relation, Root
from schema.reader.prepared import Prepared
from schema.reader.rows import REMEMBERED, RowMeter
from schema.schema import VERBS, assemble
from schema.variables import Variables
from tests.schema.both import SCHEMA, statements
from tests.schema.conftest import Api
from tests.schema.story import Story

ALLOWED = Limits().rows
OFFICE = "office@guangyuan"


def meter(rows: int = ALLOWED) -> RowMeter:
    bulks = frozenset({"ticketBulkDispatch"})
    return RowMeter(SCHEMA, assemble().roots, rows=rows, tables=Limits().tables, bulks=bulks, bulk_items=1_000)


def prepared(text: str) -> Prepared:
    document = parse(text)
    assert not validate(SCHEMA, document)
    (operation,) = (each for each in document.definitions if isinstance(each, OperationDefinitionNode))
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    return Prepared(document, operation, fragments, text, Variables(SCHEMA, operation))


def rows(text: str, **variables: Any) -> int:
    """What an operation takes, with these variables."""
    operation = prepared(text)
    coerced = get_variable_values(SCHEMA, operation.operation.variable_definitions or (), variables)
    assert not isinstance(coerced, list)
    return meter().count(operation, coerced)[0]


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("{ __typename }", 0),
        ('{ ticket(id: "x") { id number } }', 1),
        ('{ ticket(id: "x") { lead { name parent { name city { name } } } county { name } } }', 5),
        ("{ tickets { totalCount } }", 100),
        ("{ tickets { pageInfo { hasNextPage } } }", 0),
        ("{ tickets { edges { cursor } } }", 20),
        ("{ tickets(first: 7) { edges { node { id } } } }", 7),
        ("{ tickets(last: 7) { edges { node { id lead { id } city { id } } } } }", 21),
        ("{ tickets(first: 50) { edges { node { timeline(first: 10) { edges { node { id } } } } } } }", 550),
        ("{ tickets(first: 3) { edges { node { timeline { totalCount edges { node { type } } } } } } }", 3 * 22),
        (
            '{ a: ticket(id: "x") { id } b: ticket(id: "x") { id } ticket(id: "x") { id } ticket(id: "x") { number } }',
            3,
        ),
        ('{ ticket(id: "x") { coHandlers { id city { id } } } }', 41),
        ('{ ticket(id: "x") { attachments { id } } }', 101),
        ('{ ticket(id: "x") { duplicates { id } } }', 31),
        ('{ node(id: "x") { id } }', 1),
        ('{ node(id: "x") { ... on Ticket { lead { id } } ... on User { city { id } } ... on Node { id } } }', 2),
        ('{ nodes(ids: ["x", "y"]) { id ... on Ticket { lead { id } city { id } } } }', 6),
        ('{ nodes(ids: "x") { id } }', 1),
        ('{ ticketStatistics(within: "x", from: "2026-01-01", to: "2027-01-01") { open } }', 1_001),
        (
            '{ ticketStatistics(within: "x", from: "2026-01-01", to: "2027-01-01", by: STATUS) { tenant { id } '
            "responseRate { value } } }",
            1_000 + len(TicketStatus) * 3,
        ),
        ("{ viewer { user { id } roles { tenant { id } } } }", 202),
        ('{ ...F } fragment F on Query { tenant(path: "x") { ...G ...G } } fragment G on Tenant { city { id } }', 2),
        ('{ tenant(path: "x") { city @skip(if: true) { id } county @include(if: true) { id } } }', 2),
        ('subscription { ticketFeed(within: "x") { cursor node { actor { tenant { id } } } } }', 3),
        (
            'mutation { a: ticketAccept(input: {ticketId: "x"}) { ticket { lead { id } } userErrors { code } } '
            'ticketWithdraw(input: {ticketId: "x"}) { userErrors { code } } }',
            2,
        ),
        (
            'mutation { ticketBulkDispatch(input: {items: [{ticketId: "x", lead: "y"}, {ticketId: "z", lead: "y"}]}) '
            "{ results { ticketId ticket { id lead { id } } } } }",
            4,
        ),
    ],
)
def test_every_object_of_an_answer_is_a_row(text: str, taken: int) -> None:
    assert rows(text) == taken


def test_variables_count_with_their_values() -> None:
    text = (
        "query($n: Int, $m: Int = 3, $yes: Boolean!) { tickets(first: $n) { edges { node { "
        "timeline(last: $m) @include(if: $yes) { edges { node { id } } } } } } }"
    )
    assert rows(text, n=10, m=5, yes=True) == 60
    assert rows(text, n=10, yes=True) == 40
    assert rows(text, yes=True) == 80
    assert rows(text, n=10, m=5, yes=False) == 10
    assert meter().count(prepared(text), None)[0] == 100 + 100 * 100
    nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Ticket { city { id } } } }"
    assert rows(nodes, ids=["x"] * 7) == 14
    assert rows(nodes, ids=["x"] * 10_000) == 200, "of what is refused no more is counted than could be read"
    assert meter().count(prepared(nodes), None)[0] == 200
    dispatch = (
        "mutation($input: TicketBulkDispatchInput!) { ticketBulkDispatch(input: $input) { results { ticket { id } } } }"
    )
    items = [{"ticketId": "x", "lead": "y"}] * 30
    assert rows(dispatch, input={"items": items}) == 30
    assert meter().count(prepared(dispatch), None)[0] == 1_000


def test_the_most_is_never_less_than_what_is_taken() -> None:
    text = (
        'query($by: TicketDimension, $first: Int) { ticketStatistics(within: "x", from: "2026-01-01", '
        'to: "2027-01-01", by: $by) { submitted } tenants(first: $first) { edges { cursor } } }'
    )
    most = meter().count(prepared(text), None)[0]
    dimensions = list(SCHEMA.type_map["TicketDimension"].values)  # type: ignore[attr-defined]
    assert {rows(text, by=by, first=100) <= most for by in [None, *dimensions]} == {True}
    assert rows(text, by="DEPARTMENT", first=100) == most


def test_what_is_remembered_of_an_operation_is_bounded() -> None:
    text = (
        "query($a: Int, $b: Int) { tickets(first: $a) { edges { node { timeline(first: $b) { edges { cursor } } } } } }"
    )
    operation, small = prepared(text), meter(10_000)
    for a in range(1, 21):
        for b in range(1, 21):
            coerced = get_variable_values(SCHEMA, operation.operation.variable_definitions or (), {"a": a, "b": b})
            assert not isinstance(coerced, list)
            small.check(operation, coerced)
    assert operation.rows is not None
    assert 0 < len(operation.rows.known) <= REMEMBERED


# Tables


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("{ __typename }", 0),
        ('{ ticket(id: "x") { id number statusLabel allowedActions } }', 1),
        ('{ ticket(id: "x") { lead { name } coHandlers { name } a: lead { path } } }', 4),
        ("{ tickets(first: 100) { totalCount edges { node { timeline(first: 100) { edges { cursor } } } } } }", 3),
        ('{ ticket(id: "x") { duplicates { title } } }', 11),
        ('{ node(id: "x") { ... on Ticket { lead { id } } ... on Tenant { parent { id } } } }', 3),
    ],
)
def test_every_place_that_asks_for_objects_is_a_table(text: str, tables: int) -> None:
    assert meter().count(prepared(text), None)[1] == tables


async def test_a_statement_of_too_many_tables_is_refused(there: Api, story: Story) -> None:
    """It would be made for seconds, in which nobody else is answered."""
    query = "query($id: ID!) { ticket(id: $id) { %s } }"
    many = query % " ".join(f"a{number}: duplicates {{ id }}" for number in range(20))
    fitting = query % " ".join(f"a{number}: duplicates {{ id }}" for number in range(3))
    (error,) = (await there.ask(OFFICE, many, id=story["in_progress"]))["errors"]
    assert error["extensions"] == {
        "limit": "tables",
        "allowed": 200,
        "code": "BAD_USER_INPUT",
        "rule": "document_limit",
    }
    assert error["message"] == "The document is too large: at most 200 for tables."
    (chinese,) = (await there.ask(OFFICE, many, locale="zh-CN", id=story["in_progress"]))["errors"]
    assert "查询涉及的表最多 200" in chinese["message"]
    assert "errors" not in await there.ask(OFFICE, fitting, id=story["in_progress"])


# Every list says how long it is


def test_every_list_has_a_bound_or_is_paged() -> None:
    lists = {
        f"{name}.{field}": shown
        for name, stored in STORED.items()
        for field, shown in stored.fields.items()
        if isinstance(shown, Relation) and shown.many
    }
    lists |= {
        f"Query.{name}": root.what
        for name, root in assemble().roots.items()
        if isinstance(root, Root) and isinstance(root.what, Relation) and root.what.many
    }

    class Nothing:
        def get(self, _name: str) -> Any:
            return None

    assert {name: shown.at_most(Nothing()) for name, shown in lists.items()} == {
        "DispatchSuggestion.reasons": 5,
        "Query.dispatchSuggestions": 5,
        "Query.integrityTotals": 1,
        "Query.qualityStatistics": 1,
        "Query.rectificationStatistics": 1,
        "Query.regionAggregates": 8,
        "Query.supervisionStatistics": 1,
        "Query.ticketDuplicates": 10,
        "Query.ticketStatistics": 1,
        "RectificationTask.coOperators": 20,
        "RectificationTask.milestones": 100,
        "ReleasedAggregate.cells": 60,
        "ResponsibilitySubject.overruledFor": 50,
        "Scheme.stages": 30,
        "Ticket.attachments": 100,
        "Ticket.coHandlers": 20,
        "Ticket.deadlines": 50,
        "Ticket.duplicates": 10,
        "Ticket.notices": 100,
        "Ticket.parts": 20,
        "Ticket.transfers": 20,
        "Viewer.roles": 100,
        "Viewer.tenants": 100,
    }


def test_a_list_without_a_bound_cannot_be_declared() -> None:
    for given in ({"many": True}, {"most": 5}):
        with pytest.raises(AssertionError, match="at most"):
            Relation("Ticket", lambda _here: None, **given)  # type: ignore[arg-type,return-value]


async def test_a_list_is_read_no_further_than_its_bound(there: Api, story: Story, behind: asyncpg.Connection) -> None:
    row = await behind.fetchrow("select * from ticket_co_handlers limit 1")
    others = await behind.fetch(
        "insert into tenants (id, parent_id, city_id, path, slug, name, created_at, kind) select 900000 + n, $1, $1, "
        "'guangyuan.x' || n, 'x' || n, '第' || n || '局', now(), 'DEPARTMENT' from generate_series(1, 30) n "
        "returning id",
        row["city_id"],
    )
    for other in others:
        await behind.execute(
            "insert into ticket_co_handlers (city_id, ticket_id, tenant_id) values ($1, $2, $3)",
            row["city_id"],
            row["ticket_id"],
            other["id"],
        )
    number = await behind.fetchval("select number from tickets where id = $1", row["ticket_id"])
    query = "query($n: String!) { ticketByNumber(number: $n) { coHandlers { path } parts { tenant { path } } } }"
    ticket = (await there.data(OFFICE, query, n=number))["ticketByNumber"]
    assert (len(ticket["coHandlers"]), len(ticket["parts"])) == (20, 20)


# What takes too many is refused

NESTED = "tickets(first: 100) { edges { node { timeline(first: 100) { edges { node { actor { role } } } } } } }"
MANY = f"{{ {NESTED} }}"
COST = 100 + 100 * 100 * 2


async def test_a_query_is_refused_before_anything_is_read(there: Api, story: Story) -> None:
    assert "errors" not in await there.ask(OFFICE, MANY.replace("actor { role }", "type"))
    said = []
    for locale in ("zh-CN", "en"):
        async with statements(there) as sent:
            response = await there.ask(OFFICE, MANY, locale=locale)
        assert sent == []
        (error,) = response["errors"]
        assert error["extensions"] == {
            "limit": "rows",
            "allowed": ALLOWED,
            "cost": COST,
            "code": "BAD_USER_INPUT",
            "rule": "too_many_rows",
        }
        assert str(COST) in error["message"]
        assert str(ALLOWED) in error["message"]
        assert "data" not in response
        said.append(error["message"])
    assert said[0] != said[1]


async def test_a_strangers_is_refused_too(there: Api) -> None:
    deep = "city { id city { id city { id city { id } } } }"
    query = (
        "{ " + " ".join(f"a{at}: tenants(first: 100) {{ edges {{ node {{ {deep} }} }} }}" for at in range(45)) + " }"
    )
    (error,) = (await there.ask(None, query))["errors"]
    assert error["extensions"]["limit"] == "tables"


async def test_variables_decide(there: Api, story: Story) -> None:
    query = "query($n: Int, $m: Int) { " + NESTED.replace("100", "$n", 1).replace("100", "$m") + " }"
    assert (await there.ask(OFFICE, query, n=100, m=100))["errors"][0]["extensions"]["cost"] == COST
    assert "errors" not in await there.ask(OFFICE, query, n=100, m=99)
    assert "errors" not in await there.ask(OFFICE, query)
    assert (await there.ask(OFFICE, query, n=100, m=100))["errors"][0]["extensions"]["cost"] == COST


async def test_a_mutation_is_refused_before_it_is_done(there: Api, story: Story, behind: asyncpg.Connection) -> None:
    before = await behind.fetchval("select count(*) from events")
    deep = "ticket { merged(first: 100) { edges { node { " + NESTED.replace("tickets", "repeats") + " } } } }"
    comment = 'ticketComment(input: {ticketId: $id, body: "知道了", visibility: PUBLIC})'
    document = f"mutation($id: ID!) {{ {comment} {{ {deep} }} }}"
    (error,) = (await there.ask(OFFICE, document, id=story["in_progress"]))["errors"]
    assert error["extensions"]["cost"] == 1 + 100 + 100 * COST
    assert await behind.fetchval("select count(*) from events") == before


async def test_a_bulk_counts_its_items(there: Api, story: Story, behind: asyncpg.Connection) -> None:
    document = (
        "mutation($input: TicketBulkDispatchInput!) { ticketBulkDispatch(input: $input) { results { ticket { id "
        "attachments { uploader { role } } } } } }"
    )
    item = {"ticketId": story["submitted"], "lead": "guangyuan.commerce"}
    (error,) = (await there.ask(OFFICE, document, input={"items": [item] * 100}))["errors"]
    assert error["extensions"]["cost"] == 100 * 201
    assert "errors" not in await there.ask(OFFICE, document, input={"items": [item]})


async def test_a_stream_is_refused(there: Api, story: Story) -> None:
    selection = "node { ticket { " + NESTED.replace("tickets", "repeats") + " } }"
    document = f'subscription {{ ticketFeed(within: "guangyuan") {{ {selection} }} }}'
    viewer = await there.viewer(OFFICE)
    executor = there.services.executor
    with pytest.raises(InvalidRequest) as caught:
        await executor.prepare_subscription(await executor.prepare(document, None, viewer=viewer), None, viewer)
    (error,) = format_errors(caught.value, "en")
    assert (error["extensions"]["limit"], error["extensions"]["cost"]) == ("rows", 2 + COST)


def test_every_bulk_is_known() -> None:
    assert {name for name, verb in VERBS.items() if isinstance(verb, Bulk)} == {"ticketBulkDispatch"}
