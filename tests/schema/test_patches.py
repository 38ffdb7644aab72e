"""What Python puts in its place takes as much work as there are places, however large the answer is around them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from schema.context import Viewer
from schema.reader.plan import MARK, Place, Plan, Run
from tests.effort import effort
from tests.schema.both import both
from tests.schema.conftest import Api
from tests.schema.story import Story

OFFICE = "office@guangyuan"


def plan_of(paths: Any, renamed: dict[str, str] | None = None) -> Plan:
    place = Place(lambda needed, _call, _arguments: needed["x"] * 2, 0)
    return Plan("", [], [], [place], renamed or {}, personal=False, by_key=True, paths=paths)


def run() -> Run:
    return Run(Viewer(None, "en", datetime.now(UTC)), cast(Any, None), cast(Any, None), [])


def answer(around: int) -> dict[str, Any]:
    """Ten places, and so many objects that have none."""
    other = {"list": [{"a": {"b": number}} for number in range(around)]}
    return {"t": {"edges": [{"node": {"c": {MARK: 0, "x": n}, "rest": other}} for n in range(10)]}, "u": other}


PATHS = {"t": {"edges": {"node": {"c": {}}}}}


def test_the_work_is_that_of_the_places() -> None:
    plan = plan_of(PATHS)
    small, large = answer(1), answer(1_000)
    assert effort(lambda: plan.patch(small, run())) == effort(lambda: plan.patch(large, run()))
    assert [edge["node"]["c"] for edge in large["t"]["edges"]] == [2 * n for n in range(10)]


def test_renamed_keys_keep_their_order_and_are_counted() -> None:
    plan = plan_of({"t": {"#0": {"c": {}}}}, {"#0": "long" * 20})
    asked = run()
    patched = plan.patch({"t": [{"a": 1, "#0": {"c": {MARK: 0, "x": 3}}, "b": 2}, None] * 2}, asked)
    assert patched == {"t": [{"a": 1, "long" * 20: {"c": 6}, "b": 2}, None] * 2}
    assert list(patched["t"][0]) == ["a", "long" * 20, "b"]
    assert asked.added_bytes == 2 * 80


async def test_the_compiler_knows_the_ways(there: Api, story: Story) -> None:
    """By aliases, in lists, under long names and in objects of several types under one name."""
    long = "n" * 70
    query = f"""query($ids: [ID!]!) {{
      nodes(ids: $ids) {{ id ... on Ticket {{ x: allowedActions {long}: title }} ... on Tenant {{ {long}: name }} }}
      {long}: tickets(first: 2) {{ edges {{ e: node {{ a: allowedActions number timeline(first: 1) {{ edges {{ node {{
        type answers {{ level }} }} }} }} }} }} edges {{ e: node {{ b: allowedActions }} }} }}
      tenants(within: "guangyuan", first: 1) {{ edges {{ node {{ path }} }} }}
    }}"""
    tenants = await there.data(OFFICE, '{ tenants(within: "guangyuan", first: 1) { edges { node { id } } } }')
    ids = [story["in_progress"], tenants["tenants"]["edges"][0]["node"]["id"]]
    first, second = await both(there, OFFICE, query, ids=ids)
    assert first == second
    reader: Any = there.services.reader
    entries = reader._plans._entries.items()
    (plan,) = [plan for (prepared, key), plan in entries if prepared.text == query and key[0] is None]
    ((label, name),) = plan.renamed.items()
    assert (name, label) == (long, "#0")
    node = {"a": {}, "b": {}, "timeline": {"edges": {"node": {"answers": {}}}}}
    assert plan.paths == {"nodes": {"x": {}, "#0": {}}, "#0": {"edges": {"e": node}}}
