"""The schema's own scalars, given as variables and written in the document: read the same, refused the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from app.kernel.errors import BadInput
from schema.scalars import PARSERS, SCALARS
from tests.schema.conftest import Api
from tests.schema.story import Story

OFFICE = "office@guangyuan"


def test_every_scalar_that_is_an_input_has_a_parser() -> None:
    answered_only = {"JSON"}
    assert {definition.name for definition in SCALARS.values()} - answered_only == set(PARSERS)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T09:30:00+08:00", datetime(2026, 11, 22, 1, 30, tzinfo=UTC)),
        ("2026-11-22T01:30:00Z", datetime(2026, 11, 22, 1, 30, tzinfo=UTC)),
        ("2026-11-22t01:30:00.123456z", datetime(2026, 11, 22, 1, 30, 0, 123456, tzinfo=UTC)),
        ("2026-11-21T17:30:00.5-08:00", datetime(2026, 11, 22, 1, 30, 0, 500000, tzinfo=UTC)),
    ],
)
def test_moments(text: str, moment: datetime) -> None:
    assert PARSERS["DateTime"](text) == moment


BAD: dict[str, tuple[str, str]] = {
    # what is given → where, and the rule
    "2026-11-22": ("submittedFrom", "malformed_time"),
    "2026-11-22T09:30:00": ("submittedFrom", "malformed_time"),
    "2026-02-31T00:00:00Z": ("submittedBefore", "malformed_time"),
    "0001-01-01T00:00:00+08:00": ("submittedFrom", "malformed_time"),
    "٢٠٢٦-11-22T09:30:00Z": ("submittedFrom", "malformed_time"),
    "tomorrow": ("submittedFrom", "malformed_time"),
    "Guangyuan": ("county", "malformed_path"),
    "guangyuan.": ("county", "malformed_path"),
    "guangyuan.财政": ("county", "malformed_path"),
    "guangyuan.cangxi\n": ("county", "malformed_path"),
    "": ("department", "malformed_path"),
    "a" * 201: ("department", "malformed_path"),
}


@pytest.mark.parametrize("given", BAD)
@pytest.mark.parametrize("way", ["variable", "literal"])
async def test_what_cannot_be_read(there: Api, given: str, way: str) -> None:
    field, rule = BAD[given]
    if way == "variable":
        kind = "DateTime" if rule == "malformed_time" else "TenantPath"
        query = f"query($given: {kind}) {{ tickets(filter: {{{field}: $given}}) {{ totalCount }} }}"
    else:
        query = f"{{ tickets(filter: {{{field}: {json.dumps(given, ensure_ascii=False)}}}) {{ totalCount }} }}"
    variables: dict[str, Any] = {"given": given} if way == "variable" else {}
    said = []
    for locale in ("zh-CN", "en"):
        response = await there.ask(OFFICE, query, locale=locale, **variables)
        assert "data" not in response
        (error,) = response["errors"]
        assert (error["extensions"]["code"], error["extensions"]["rule"]) == ("BAD_USER_INPUT", rule)
        said.append(error["message"])
    assert said[0] != said[1]


@pytest.mark.parametrize("cursor", ["", "a" * 1001, "页"])
async def test_a_cursor_that_is_none(there: Api, cursor: str) -> None:
    query = "query($after: Cursor) { tickets(after: $after) { totalCount } }"
    response = await there.ask(OFFICE, query, after=cursor)
    assert [error["extensions"] for error in response["errors"]] == [
        {"code": "BAD_USER_INPUT", "rule": "malformed_cursor"}
    ]


@pytest.mark.parametrize("scalar", sorted(set(PARSERS) - {"Upload"}))  # which no JSON can give: see tests/files
@pytest.mark.parametrize("value", [7, 1.5, True, ["x"], {"a": 1}])
def test_only_strings_are_read(scalar: str, value: Any) -> None:
    with pytest.raises(Exception, match="must be a string") as caught:
        PARSERS[scalar](value)
    assert not isinstance(caught.value, BadInput)


async def test_both_ways_of_giving_find_the_same(there: Api, story: Story) -> None:
    """The story was told today: nothing lies before yesterday, everything after."""
    query = "query($f: TicketFilter) { tickets(filter: $f) { totalCount } }"
    seen = (await there.data(OFFICE, "{ tickets { totalCount } }"))["tickets"]["totalCount"]
    assert seen
    for name, moment, found in (
        ("submittedFrom", "2020-01-01T00:00:00+08:00", seen),
        ("submittedBefore", "2020-01-01T00:00:00+08:00", 0),
        ("submittedFrom", "2999-01-01T00:00:00Z", 0),
        ("submittedBefore", "2999-01-01T00:00:00Z", seen),
    ):
        given = await there.data(OFFICE, query, f={name: moment})
        written = await there.data(OFFICE, f'{{ tickets(filter: {{{name}: "{moment}"}}) {{ totalCount }} }}')
        assert given == written == {"tickets": {"totalCount": found}}
