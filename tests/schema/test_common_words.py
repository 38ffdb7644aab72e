"""Searches for common and for rare words: two ways of finding, one answer, for everybody and in every order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.conftest import Server
from tests.schema.conftest import Api, opened
from tests.schema.test_plans import _fill

WORDS = {
    "电": "one character, of all",
    "厂房用电": "of all",
    "第79": "of many of the newest, and few others",
    "第12": "of many, none among the newest",
    "第4321次": "of one",
    "gy-79": "in letters, of either case",
    "没有答案": "of none",
    "%": "of none: it stands for itself",
    "_": "of none",
    "G": "one letter, of all",
}
ORDERS: dict[str | None, Callable[[Any], Any]] = {
    None: lambda row: row["submitted_at"],
    "SUBMITTED_AT": lambda row: row["submitted_at"],
    "NUMBER": lambda row: row["number"],
    "DUE_AT": lambda row: row["due_at"],
}
QUERY = """query($filter: TicketFilter, $orderBy: TicketOrder, $after: Cursor) {
  tickets(filter: $filter, orderBy: $orderBy, first: 40, after: $after) {
    edges { node { number } } pageInfo { hasNextPage endCursor } } }"""


@pytest.fixture
async def searched(server: Server, tmp_path: Path) -> AsyncIterator[tuple[Api, dict[str, list[asyncpg.Record]]]]:
    """The city of the plans, and what each of them sees of it."""
    template, world = server.told("plans", _fill)
    with server.clone(template) as url:
        behind = await asyncpg.connect(url)
        rows = await behind.fetch(
            "select city_id, id, number, submitted_at, due_at, number || ' ' || title || ' ' || body as text,"
            " secrecy, lead_id, array(select tenant_id from ticket_co_handlers c where c.ticket_id = t.id) as helpers"
            " from tickets t"
        )
        await behind.execute("delete from ticket_named_persons")  # so that there is what nobody of these sees
        await behind.close()
        commerce = world.tenant("guangyuan.commerce")
        ordinary = [row for row in rows if row["secrecy"] != "RESTRICTED"]
        ours = [row for row in ordinary if row["city_id"] == world.guangyuan.id]
        seen = {
            "dispatcher@guangyuan": ours,
            "handler@guangyuan.commerce": [row for row in ours if commerce in (row["lead_id"], *row["helpers"])],
            "dispatcher@anshan": [row for row in ordinary if row["city_id"] == world.anshan.id],
        }
        async with opened(world, server.application_url(url), tmp_path) as api:
            yield api, seen


@pytest.mark.parametrize("person", ["dispatcher@guangyuan", "handler@guangyuan.commerce", "dispatcher@anshan"])
async def test_a_search_finds_what_is_seen_and_holds_the_text(
    searched: tuple[Api, dict[str, list[asyncpg.Record]]], person: str
) -> None:
    api, seen = searched
    found_some = 0
    for word, what in WORDS.items():
        expected = [row for row in seen[person] if word.lower() in row["text"].lower()]
        total = await api.data(
            person,
            "query($filter: TicketFilter) { tickets(filter: $filter, first: 1) { totalCount } }",
            filter={"text": word},
        )
        assert total["tickets"]["totalCount"] == len(expected), what
        found_some += bool(expected)
        for order, key in ORDERS.items():
            for direction in ("ASC", "DESC") if order else ("DESC",):
                by = {"field": order, "direction": direction} if order else None
                rows = sorted(expected, key=lambda row: (key(row), row["id"]), reverse=direction == "DESC")
                numbers: list[str] = []
                after = None
                for _ in range(2):
                    page = await api.data(person, QUERY, filter={"text": word}, orderBy=by, after=after)
                    numbers += [edge["node"]["number"] for edge in page["tickets"]["edges"]]
                    after = page["tickets"]["pageInfo"]["endCursor"]
                    if after is None:
                        break
                assert numbers == [row["number"] for row in rows[:80]], (what, order, direction)
    assert found_some >= 5


async def test_with_other_filters_too(searched: tuple[Api, dict[str, list[asyncpg.Record]]]) -> None:
    api, seen = searched
    query = (
        "query($filter: TicketFilter) { tickets(filter: $filter, first: 50) { totalCount edges { node { number } } } }"
    )
    for word in WORDS:
        given = {"text": word, "secrecy": ["CONFIDENTIAL"], "submittedBefore": "2026-05-01T00:00:00Z"}
        expected = [
            row["number"]
            for row in sorted(seen["dispatcher@guangyuan"], key=lambda row: row["submitted_at"], reverse=True)
            if word.lower() in row["text"].lower() and row["secrecy"] == "CONFIDENTIAL"
            if row["submitted_at"].isoformat() < "2026-05-01"
        ]
        answer = (await api.data("dispatcher@guangyuan", query, filter=given))["tickets"]
        assert answer["totalCount"] == len(expected)
        assert [edge["node"]["number"] for edge in answer["edges"]] == expected[:50]
