"""A plan serves whom its key fits, and whoever that is, it is the statement that would have been made for them."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from graphql.execution.values import get_variable_values

from app.kernel.clock import SystemClock
from app.kernel.tables import new_id
from authz.actor import Actor, ActorGrant
from authz.policy import load_policy
from authz.roles import Role
from schema.context import Viewer
from schema.reader.plan import RootRefusal, Run
from tenants.models import TenantKind
from tests.schema.both import SCHEMA, spliced
from tests.schema.conftest import Api
from tests.schema.plans import TREE, BlindScope, Located, anybody, pools, prepared_of, reader
from tests.schema.random_documents import Literal, Writer
from tests.schema.story import Story
from tests.schema.test_reader_fuzz import answer, fresh_reader
from tests.schema.test_reader_fuzz import pools as told_pools

DOCUMENTS = int(os.environ.get("FUZZ_DOCUMENTS", "40"))
SEEDS = range(int(os.environ.get("FUZZ_SEED", "1")), int(os.environ.get("FUZZ_SEED", "1")) + 4)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_statement_is_made_of_its_key_alone(seed: int) -> None:
    """Made from the shape of a scope, which knows no city, person or tenant, it is the same text: so two people of one
    shape cannot need different ones. The tree of tenants is not looked at either."""
    draw = random.Random(seed)
    writer = Writer(seed, SCHEMA, pools(draw))
    made = 0
    for number in range(DOCUMENTS):
        document = writer.document()
        for variables in document.variables:
            viewer = anybody(draw)
            located = Located(document.text, variables, viewer)
            said = f"seed {seed}, document {number}, {viewer!r}, {variables!r}:\n{document.text}"
            own, blind = located.plan(), located.plan(blind=True)
            if own is None or blind is None:
                assert own is blind, said
                continue
            assert own.sql == blind.sql, said
            assert [name for name, _ in own.parameters] == [name for name, _ in blind.parameters], said
            assert (own.renamed, own.personal) == (blind.renamed, blind.personal), said
            made += 1
    assert made > DOCUMENTS


def test_a_shape_says_which_ways_lead_where() -> None:
    """The rebuilt scope has as many ids as the true one, two standing for more."""
    draw = random.Random(1)
    seen: set[Any] = set()
    for _ in range(300):
        actor = anybody(draw).actor
        if actor is None:
            continue
        for city in (10, 1000, 999):
            scope = actor.in_city(city)
            blind = BlindScope(scope.shape)
            for permission, (letters, may) in zip(blind._reaches, scope.shape, strict=True):  # type: ignore[call-overload]
                true, rebuilt = scope.reach(permission), blind.reach(permission)
                assert rebuilt.shape == true.shape == letters
                assert blind.actor.may(permission) is actor.may(permission) is may
                assert rebuilt.empty is true.empty
                seen.add(letters)
    assert len(seen) > 10


@pytest.mark.parametrize("seed", SEEDS)
def test_of_variables_only_what_is_in_the_key_matters(seed: int) -> None:
    draw = random.Random(seed)
    writer = Writer(seed, SCHEMA, pools(draw))
    same = 0
    for number in range(DOCUMENTS):
        document = writer.document()
        viewer = anybody(draw)
        one = Located(document.text, document.variables[0], viewer)
        for _ in range(4):
            variables = exchanged(document.variables[0], writer)
            other = Located(document.text, variables, viewer)
            if one.key != other.key or one.variables.coerced == other.variables.coerced:
                continue
            said = (
                f"seed {seed}, document {number}, {viewer!r}, {document.variables[0]}, {variables!r}:\n{document.text}"
            )
            first, second = one.plan(), other.plan()
            if first is None or second is None:  # what cannot be read is no plan: nothing is remembered
                continue
            assert first.sql == second.sql, said
            assert values_of(first, other) == values_of(second, other), said
            same += 1
    assert same > DOCUMENTS // 4


def values_of(plan: Any, located: Located) -> Any:
    """What a plan would be run with; None where something cannot be read."""
    run = Run(located.viewer, TREE, located.variables, [scope for root in located.roots for scope in root.scopes])
    run.handed = {f"keys{number}": [] for number in range(len(run.scopes))} | {
        "suggestions": [],
        "suggestion_reasons": [],
    }
    try:
        return plan.values(run)
    except RootRefusal as refused:
        return str(refused.refusal)


def exchanged(value: Any, writer: Writer, name: str = "") -> Any:
    """The same with other ids, texts, dates, cursors and numbers, where it has any."""
    if isinstance(value, dict):
        return {key: exchanged(item, writer, key) for key, item in value.items()}
    if isinstance(value, list):
        return [exchanged(item, writer, name) for item in value for _ in range(writer.random.randint(1, 2))]
    if isinstance(value, Literal) or not isinstance(value, (str, int)) or isinstance(value, bool):
        return value
    alike = [pool for pool in writer.pools.values() if value in pool]
    return writer.random.choice(alike[0]) if alike else value


# The key holds no more than it must: what a mutation is given shapes nothing that it shows


@pytest.mark.parametrize(
    ("query", "one", "other", "same"),
    [
        ("query($n: Int) { tickets(first: $n) { totalCount } }", {"n": 5}, {"n": 6}, False),
        ("query($n: Int) { tickets(last: $n) { totalCount } }", {"n": 5}, {"n": None}, False),
        ('query($v: Int) { scheme(city: "guangyuan", version: $v) { id } }', {"v": 1}, {"v": 2}, True),
        ('query($v: Int) { scheme(city: "guangyuan", version: $v) { id } }', {"v": 1}, {}, False),
        (
            'query($v: Int) { scheme(city: "guangyuan", version: $v) { id } tickets(first: $v) { totalCount } }',
            {"v": 1},
            {"v": 2},
            False,
        ),
        (
            "query($o: TicketOrder) { tickets(orderBy: $o) { totalCount } }",
            {"o": {"field": "NUMBER", "direction": "ASC"}},
            {"o": {"field": "NUMBER", "direction": "DESC"}},
            False,
        ),
        (
            "query($f: TicketFilter) { tickets(filter: $f) { totalCount } }",
            {"f": {"text": "用电", "status": ["CLOSED"]}},
            {"f": {"text": "执照", "status": ["CLOSED", "RESOLVED"]}},
            True,
        ),
        (
            "query($f: TicketFilter) { tickets(filter: $f) { totalCount } }",
            {"f": {"overdue": True}},
            {"f": {"overdue": False}},
            False,
        ),
        (
            "query($f: TicketFilter) { tickets(filter: $f) { totalCount } }",
            {"f": {"text": "用电"}},
            {"f": {"text": None}},
            False,
        ),
        (
            "query($yes: Boolean!) { viewer { user @include(if: $yes) { id } } }",
            {"yes": True},
            {"yes": False},
            False,
        ),
        (
            "mutation($input: TicketCommentInput!) { ticketComment(input: $input) { ticket { id } } }",
            {"input": {"ticketId": "T_x", "body": "a", "visibility": "PUBLIC", "expectedVersion": 1}},
            {"input": {"ticketId": "T_y", "body": "b", "visibility": "INTERNAL", "expectedVersion": 2}},
            True,
        ),
        (
            "mutation($input: TicketAcceptInput!, $n: Int) { ticketAccept(input: $input) { ticket { "
            "timeline(first: $n) { totalCount } } } }",
            {"input": {"ticketId": "T_x"}, "n": 1},
            {"input": {"ticketId": "T_x", "expectedVersion": 2}, "n": 1},
            True,
        ),
        (
            "mutation($input: TicketAcceptInput!, $n: Int) { ticketAccept(input: $input) { ticket { ...F } } } "
            "fragment F on Ticket { timeline(first: $n) { totalCount } }",
            {"input": {"ticketId": "T_x"}, "n": 1},
            {"input": {"ticketId": "T_x"}, "n": 2},
            False,
        ),
    ],
)
def test_what_shapes_a_statement(query: str, one: Mapping[str, Any], other: Mapping[str, Any], same: bool) -> None:
    prepared, made = prepared_of(query), reader()
    shapes = []
    for given in (one, other):
        coerced = get_variable_values(SCHEMA, prepared.operation.variable_definitions or (), dict(given))
        assert not isinstance(coerced, list), coerced
        shapes.append(made._shape(prepared, coerced))
    assert (shapes[0] == shapes[1]) is same


@pytest.mark.parametrize(
    ("query", "by_key"),
    [
        ('{ ticket(id: "T_AAAACgAAAAAAAAAAAAAAAAAAAAE") { number timeline(last: 3) { edges { cursor } } } }', True),
        ('{ node(id: "T_AAAACgAAAAAAAAAAAAAAAAAAAAE") { id } nodes(ids: ["TN_AAAACg"]) { id } }', True),
        ("{ viewer { user { name } } }", True),
        ("{ tickets { edges { node { id } } } }", False),
        ('{ viewer { user { name } } tenants { edges { node { id } } } tenant(path: "guangyuan") { id } }', False),
        ('{ ticket(id: "T_AAAACgAAAAAAAAAAAAAAAAAAAAE") { duplicates { id } } }', False),
    ],
)
def test_one_plan_for_all_values_has_what_is_found_by_keys_alone(query: str, by_key: bool) -> None:
    """What looks through many rows, or filters them, is planned for its values."""
    city = next(node for node in TREE.nodes if node.kind == TenantKind.CITY)
    grants = tuple(
        ActorGrant(role, city.id, city.id, city.kind, None, None) for role in (Role.INTAKE_AGENT, Role.DISPATCHER)
    )
    actor = Actor(new_id(), "somebody", "某人", city.id, 1, grants, load_policy())
    plan = Located(query, {}, Viewer(actor, "en", SystemClock().now())).plan()
    assert plan is not None
    assert plan.by_key is by_key


# What is remembered is bounded


async def test_a_long_document_is_not_remembered(there: Api, story: Story) -> None:
    reader = there.services.reader
    before = len(reader._plans)
    viewer = await there.viewer("office@guangyuan")
    short = "query { viewer { user { id } } }"
    long = short + " " * 9_000
    await spliced(there, viewer, long, {})
    assert len(reader._plans) == before
    await spliced(there, viewer, short, {})
    assert len(reader._plans) == before + 1


# With one plan, everybody gets their own answer


ALIKE = (
    ("handler@guangyuan.commerce", "handler@guangyuan.finance", "handler@anshan.commerce", "handler@anshan.finance"),
    ("intake_agent@guangyuan.cangxi", "intake_agent@guangyuan.jiange", "intake_agent@anshan.taian"),
    ("office@guangyuan", "office@anshan"),
    ("steward@guangyuan", "steward@anshan"),
    ("handler@guangyuan.cangxi", "handler@anshan.haicheng"),
)


@pytest.mark.parametrize("seed", SEEDS[:2])
async def test_people_of_one_shape_share_a_plan_and_no_answer(there: Api, story: Story, behind: Any, seed: int) -> None:
    writer = Writer(seed, SCHEMA, await told_pools(there, story, behind))
    enterprises = tuple(each.login for city in there.world.cities for each in city.enterprises)
    shared, differing = 0, 0
    for number in range(DOCUMENTS // 2):
        document = writer.document()
        alike = writer.random.choice((*ALIKE, enterprises))
        variables = document.variables[0]
        answers = []
        before = len(there.services.reader._plans)
        for login in alike:
            viewer = await there.viewer(login)
            fast = await answer(there, viewer, document.text, variables)
            if fast is None:
                break
            fresh = orjson.loads(await spliced_by(there, viewer, document.text, variables))
            assert fast == fresh, f"seed {seed}, document {number}, as {login}, {variables!r}:\n{document.text}"
            answers.append(orjson.dumps(fast.get("data")))
        shared += len(there.services.reader._plans) - before < len(answers)
        differing += len(set(answers)) > 1
    assert shared > DOCUMENTS // 4
    assert differing


async def spliced_by(api: Api, viewer: Viewer, text: str, variables: Mapping[str, Any]) -> bytes:
    """As `spliced`, by a reader that has no plan yet."""
    executor: Any = api.services.executor
    kept, executor._reader = executor._reader, fresh_reader(api)
    try:
        return await spliced(api, viewer, text, variables)
    finally:
        executor._reader = kept
