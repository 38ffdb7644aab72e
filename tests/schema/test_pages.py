"""Pages: forwards and backwards they are the same list, each row once, whatever the order and the ties."""

from __future__ import annotations

import zlib
from typing import Any

import asyncpg
import pytest

from app.kernel.tables import new_id
from tests.factories.world import credit_code
from tests.schema.conftest import Api
from tests.schema.story import Story

OFFICE = "office@guangyuan"
TICKETS = """
query($first: Int, $last: Int, $after: Cursor, $before: Cursor, $orderBy: TicketOrder, $filter: TicketFilter) {
  list: tickets(first: $first, last: $last, after: $after, before: $before, orderBy: $orderBy, filter: $filter) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { key: number } }
  }
}"""
ORDERS: list[dict[str, str] | None] = [
    None,
    *({"field": field, "direction": way} for field in ("SUBMITTED_AT", "NUMBER") for way in ("ASC", "DESC")),
]


async def page(api: Api, login: str | None, query: str, **given: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await api.data(login, query, **given))["list"]
    edges = found["edges"]
    info = found["pageInfo"]
    assert info["startCursor"] == (edges[0]["cursor"] if edges else None)
    assert info["endCursor"] == (edges[-1]["cursor"] if edges else None)
    return found


def keys(found: dict[str, Any]) -> list[str]:
    return [edge["node"]["key"] for edge in found["edges"]]


async def walk(
    api: Api, login: str | None, query: str, size: int, *, backwards: bool = False, **given: Any
) -> list[str]:
    """The whole list, page by page."""
    count, cursor, more, end = (
        ("last", "before", "hasPreviousPage", "startCursor")
        if backwards
        else ("first", "after", "hasNextPage", "endCursor")
    )
    listed: list[str] = []
    at: dict[str, Any] = {}
    while True:
        found = await page(api, login, query, **{count: size}, **at, **given)
        listed = keys(found) + listed if backwards else listed + keys(found)
        info = found["pageInfo"]
        assert info["hasNextPage" if backwards else "hasPreviousPage"] is bool(at)
        assert len(found["edges"]) == size or not info[more]
        if not info[more]:
            return listed
        at = {cursor: info[end]}


@pytest.mark.parametrize("order", ORDERS, ids=str)
async def test_tickets_by_every_order_both_ways(
    there: Api, story: Story, behind: asyncpg.Connection, order: dict[str, str] | None
) -> None:
    # Many at the same moment: the order among them is by id, and no page may lose or repeat one.
    await behind.execute("update tickets set submitted_at = date_trunc('minute', submitted_at)")
    whole = await page(there, OFFICE, TICKETS, first=100, orderBy=order)
    expected = keys(whole)
    assert len(set(expected)) == len(expected) == whole["totalCount"] == 28
    assert not whole["pageInfo"]["hasNextPage"]
    for size in (1, 4, 9, 28):
        assert await walk(there, OFFICE, TICKETS, size, orderBy=order) == expected
        assert await walk(there, OFFICE, TICKETS, size, backwards=True, orderBy=order) == expected
    column, way = ("number", "asc") if order is None else (order["field"].lower(), order["direction"])
    if order is None:
        column, way = "submitted_at", "desc"
    rows = await behind.fetch(
        f"select number from tickets where city_id = $1 and secrecy <> 'RESTRICTED' order by {column} {way}, id {way}",
        there.world.guangyuan.id,
    )
    assert expected == [row["number"] for row in rows]


async def test_a_page_in_the_middle_knows_both_sides(there: Api) -> None:
    whole = await page(there, OFFICE, TICKETS, first=100)
    cursors = [edge["cursor"] for edge in whole["edges"]]
    after = await page(there, OFFICE, TICKETS, first=3, after=cursors[4])
    assert keys(after) == keys(whole)[5:8]
    before = await page(there, OFFICE, TICKETS, last=3, before=cursors[8])
    assert keys(before) == keys(whole)[5:8]
    assert [edge["cursor"] for edge in before["edges"]] == cursors[5:8]
    assert after["totalCount"] == before["totalCount"] == whole["totalCount"]


async def test_behind_the_end_there_is_nothing(there: Api) -> None:
    whole = await page(there, OFFICE, TICKETS, first=100)
    beyond = await page(there, OFFICE, TICKETS, first=5, after=whole["pageInfo"]["endCursor"])
    assert beyond["edges"] == []
    assert beyond["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": True,
        "startCursor": None,
        "endCursor": None,
    }


async def test_twenty_when_nothing_is_said(api: Api) -> None:
    for number in range(22):
        await api.submit(title=f"第{number}件事情")
    found = await page(api, OFFICE, TICKETS)
    assert len(found["edges"]) == 20
    assert found["pageInfo"]["hasNextPage"]


async def test_what_comes_in_between_pages_moves_nothing(api: Api) -> None:
    for number in range(4):
        await api.submit(title=f"第{number}件事情")
    first = await page(api, OFFICE, TICKETS, first=2)
    await api.submit(title="刚刚提交的事情")
    second = await page(api, OFFICE, TICKETS, first=2, after=first["pageInfo"]["endCursor"])
    assert not set(keys(first)) & set(keys(second))
    assert len({*keys(first), *keys(second)}) == 4
    assert second["totalCount"] == 5


async def test_a_row_that_is_gone_still_marks_its_place(there: Api, story: Story, behind: asyncpg.Connection) -> None:
    """The cursor holds the place, not the row: a filter may leave the row out meanwhile."""
    whole = await page(there, OFFICE, TICKETS, first=100)
    third = whole["edges"][2]
    await behind.execute("update tickets set secrecy = 'RESTRICTED' where number = $1", third["node"]["key"])
    after = await page(there, OFFICE, TICKETS, first=2, after=third["cursor"])
    assert keys(after) == keys(whole)[3:5]


async def test_pages_of_what_one_may_see(there: Api, story: Story) -> None:
    for login in (there.world.guangyuan.enterprises[1].login, "handler@guangyuan.finance", "steward@guangyuan"):
        whole = await page(there, login, TICKETS, first=100)
        assert 0 < whole["totalCount"] == len(whole["edges"]) < 27
        assert await walk(there, login, TICKETS, 1) == keys(whole)


async def test_a_filtered_list_pages_alike(there: Api) -> None:
    given = {"filter": {"status": ["SUBMITTED", "IN_PROGRESS", "DISPATCHED"], "text": "用电"}}
    whole = await page(there, OFFICE, TICKETS, first=100, **given)
    assert 3 < whole["totalCount"] < 27
    assert await walk(there, OFFICE, TICKETS, 2, **given) == keys(whole)


TIMELINE = """query($id: ID!, $first: Int, $last: Int, $after: Cursor, $before: Cursor) { ticket(id: $id) {
  list: timeline(first: $first, last: $last, after: $after, before: $before) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { key: id } }
  }
} }"""


async def test_timelines_both_ways(there: Api, story: Story) -> None:
    async def events(**given: Any) -> dict[str, Any]:
        found: dict[str, Any] = (await there.data(OFFICE, TIMELINE, id=story["escalated"], **given))["ticket"]["list"]
        return found

    whole = await events(first=100)
    assert whole["totalCount"] == 9
    forwards = await events(first=4, after=whole["edges"][2]["cursor"])
    assert forwards["edges"] == whole["edges"][3:7]
    assert (await events(last=3))["edges"] == whole["edges"][-3:]
    backwards = await events(last=4, before=whole["edges"][7]["cursor"])
    assert backwards["edges"] == whole["edges"][3:7]
    assert backwards["pageInfo"] == forwards["pageInfo"]
    # A place in one timeline is not told from the same place in another: it is a number of the list itself.
    assert (await there.data(OFFICE, TIMELINE, id=story["closed"], first=1, after=whole["edges"][0]["cursor"]))[
        "ticket"
    ]


ENTERPRISES = """query($first: Int, $after: Cursor, $filter: EnterpriseFilter) {
  list: enterprises(first: $first, after: $after, filter: $filter) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { key: creditCode name } }
  }
}"""
NAMES = ("a|b", "|", "||", "a|b", "中|文", "中文", "Ω≠", "\\", "%_", "'\"", "x" * 60 + "长", " ", "+/=")


async def test_names_with_anything_in_them(there: Api, behind: asyncpg.Connection) -> None:
    """The key of a cursor is the name as it is: separators, quotes and equal names included."""
    city = there.world.guangyuan
    for serial, name in enumerate(NAMES, start=100):
        await behind.execute(
            "insert into enterprises (city_id, id, credit_code, name, kind, industry_code, county_id, created_at) "
            "values ($1, $2, $3, $4, 'MSME', 'C1352', $5, now())",
            city.id,
            new_id(),
            credit_code("510824", serial),
            name,
            city.county_id,
        )
    whole = await page(there, OFFICE, ENTERPRISES, first=100)
    assert whole["totalCount"] == len(NAMES) + 2
    assert sorted(edge["node"]["name"] for edge in whole["edges"] if "有限公司" not in edge["node"]["name"]) == sorted(
        NAMES
    )
    for size in (1, 2, 7):
        assert await walk(there, OFFICE, ENTERPRISES, size) == keys(whole)


TENANTS = """query($first: Int, $after: Cursor, $within: TenantPath, $kind: TenantKind) {
  list: tenants(first: $first, after: $after, within: $within, kind: $kind) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { key: path } }
  }
}"""


async def test_tenants_for_everybody(there: Api) -> None:
    paths = sorted(there.world.tenants)
    for login in (None, OFFICE):
        assert sorted(await walk(there, login, TENANTS, 3)) == paths
    inside = [path for path in paths if path == "guangyuan" or path.startswith("guangyuan.")]
    assert sorted(await walk(there, None, TENANTS, 2, within="guangyuan")) == inside
    assert await walk(there, None, TENANTS, 2, within="guangyuan", kind="COUNTY") == [
        "guangyuan.cangxi",
        "guangyuan.jiange",
    ]


# Cursors that do not belong


async def test_a_cursor_belongs_to_its_order(there: Api, story: Story) -> None:
    cursors = {}
    for order in ORDERS[1:]:
        assert order is not None
        found = await page(there, OFFICE, TICKETS, first=1, orderBy=order)
        cursors[order["field"], order["direction"]] = found["pageInfo"]["endCursor"]
    timeline = (await there.data(OFFICE, TIMELINE, id=story["closed"], first=1))["ticket"]["list"]
    cursors["TIMELINE", ""] = timeline["pageInfo"]["endCursor"]
    assert len(set(cursors.values())) == len(cursors)
    for (field, direction), cursor in cursors.items():
        for order in ORDERS[1:]:
            assert order is not None
            response = await there.ask(OFFICE, TICKETS, first=1, after=cursor, orderBy=order)
            fits = (field, direction) == (order["field"], order["direction"])
            assert ("errors" not in response) is fits
            if not fits:
                assert response["errors"][0]["extensions"]["rule"] in ("foreign_cursor", "malformed_cursor")


NEWEST_FIRST = zlib.crc32(b"submitted_at-id").to_bytes(4, "big").hex()
"""What the cursors of the newest tickets first begin with."""


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"first": 0}, "page_size"),
        ({"first": 101}, "page_size"),
        ({"first": -1}, "page_size"),
        ({"last": 0}, "page_size"),
        ({"last": 101}, "page_size"),
        ({"first": 2**31 - 1}, "page_size"),
        ({"first": 1, "last": 1}, "first_and_last"),
        ({"first": 1, "before": "eA"}, "cursor_against_direction"),
        ({"last": 1, "after": "eA"}, "cursor_against_direction"),
        ({"before": "eA"}, "cursor_against_direction"),
        ({"after": "eA"}, "malformed_cursor"),
        ({"after": "!"}, "malformed_cursor"),
        ({"after": NEWEST_FIRST}, "malformed_cursor"),
        ({"after": NEWEST_FIRST + "00" * 23}, "malformed_cursor"),
        ({"after": NEWEST_FIRST + "00" * 25}, "malformed_cursor"),
        ({"after": NEWEST_FIRST + "00" * 16 + "7f" + "ff" * 7}, "malformed_cursor"),
        ({"after": NEWEST_FIRST + "00" * 16 + " 0" * 8}, "malformed_cursor"),
        ({"after": NEWEST_FIRST.upper() + "00" * 24}, "malformed_cursor"),
        ({"after": "00" * 28}, "foreign_cursor"),
    ],
    ids=str,
)
async def test_what_is_no_page(there: Api, given: dict[str, Any], rule: str) -> None:
    said = []
    for locale in ("zh-CN", "en"):
        response = await there.ask(OFFICE, TICKETS, locale=locale, **given)
        assert response["data"] is None
        (error,) = response["errors"]
        assert (error["extensions"]["code"], error["extensions"]["rule"]) == ("BAD_USER_INPUT", rule)
        said.append(error["message"])
    assert said[0] != said[1]


async def test_a_null_size_is_the_default_and_a_null_cursor_none(there: Api) -> None:
    assert await page(there, OFFICE, TICKETS, first=None, after=None, last=None, before=None) == await page(
        there, OFFICE, TICKETS, first=20
    )
