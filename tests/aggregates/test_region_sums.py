"""What the region adds up is what it was told, and nothing beside."""

from __future__ import annotations

from typing import Any

import pytest

from tests.aggregates.conftest import MARCH, Country

REGION = "office@guangxi"


async def sums(country: Country, login: str = REGION, path: str = "guangxi", **given: Any) -> list[dict[str, Any]]:
    by = f", by: {given['by']}" if "by" in given else ""
    span = f'fromMonth: "{given.get("since", "2026-01")}", toMonth: "{given.get("to", "2026-12")}"'
    query = (
        f'{{ regionAggregates(within: "{path}", {span}{by}) {{ measure measureLabel value label tenant {{ path }}'
        " numerator denominator rate releases withheld } }"
    )
    found: list[dict[str, Any]] = (await country.api.data(login, query))["regionAggregates"]
    return found


def of(rows: list[dict[str, Any]], measure: str) -> list[tuple[Any, ...]]:
    return [
        (row["value"], row["numerator"], row["denominator"], row["rate"], row["releases"], row["withheld"])
        for row in rows
        if row["measure"] == measure
    ]


@pytest.fixture
async def told(country: Country) -> Country:
    """February: ten tickets in Nanning, two in Liuzhou; all released."""
    await country.copies(await country.ticket(), 9)
    await country.copies(await country.ticket("liuzhou"), 1)
    country.clock.at = MARCH
    await country.release()
    await country.release("office@liuzhou", city="liuzhou")
    return country


async def test_over_all(told: Country) -> None:
    rows = await sums(told)
    assert len(rows) == 8
    assert of(rows, "RECEIVED") == [(None, 10, None, None, 2, 1)]
    assert of(rows, "ON_TIME") == [(None, 10, 10, "1.0000", 2, 1)]
    assert of(rows, "NOTICES") == [(None, 0, None, None, 2, 0)]


async def test_what_is_withheld_is_not_none(told: Country) -> None:
    rows = await sums(told, by="CITY")
    for row in rows:
        everything = row["releases"] == row["withheld"]
        assert (row["numerator"] is None) == everything, row
    assert {row["withheld"] for row in rows if row["numerator"] == 0} == {0}
    assert [row["rate"] for row in rows if row["numerator"] is None] == [None] * 6


async def test_by_city_month_and_category(told: Country) -> None:
    assert of(await sums(told, by="CITY"), "RECEIVED") == [
        ("liuzhou", None, None, None, 1, 1),
        ("nanning", 10, None, None, 1, 0),
    ]
    assert of(await sums(told, by="MONTH"), "RECEIVED") == [("2026-02", 10, None, None, 2, 1)]
    rows = await sums(told, by="CATEGORY")
    assert ("HELP", 10, None, None, 2, 1) in of(rows, "RECEIVED")
    assert ("COMPLAINT", 0, None, None, 2, 0) in of(rows, "RECEIVED")
    assert of(rows, "NOTICES") == []


async def test_a_month_counts_once_however_often_it_was_corrected(told: Country) -> None:
    (first,) = await told.seen("office@nanning")
    await told.admin.execute("update tickets set category = 'SUGGESTION' where city_id = $1", told.region.nanning.id)
    await told.correct("office@nanning", first["id"])
    assert of(await sums(told), "RECEIVED") == [(None, 10, None, None, 2, 1)]
    assert ("SUGGESTION", 10, None, None, 2, 0) in of(await sums(told, by="CATEGORY"), "RECEIVED")


async def test_a_city_adds_up_its_own(told: Country) -> None:
    assert of(await sums(told, "office@nanning", "nanning"), "RECEIVED") == [(None, 10, None, None, 1, 0)]
    assert of(await sums(told, "office@liuzhou", "liuzhou"), "RECEIVED") == [(None, None, None, None, 1, 1)]
    assert await sums(told, "office@nanning", "nanning.commerce") == []
    assert await sums(told, "office@guangyuan", "guangyuan") == []


async def test_outside_of_the_time_there_is_nothing(told: Country) -> None:
    assert await sums(told, since="2026-03") == []
    assert await sums(told, to="2026-01", by="CITY") == []


@pytest.mark.parametrize(
    ("login", "asked", "rule"),
    [
        (REGION, 'within: "nanning", fromMonth: "2026-01", toMonth: "2026-12"', "no_such_tenant"),
        ("office@liuzhou", 'within: "nanning", fromMonth: "2026-01", toMonth: "2026-12"', "no_such_tenant"),
        ("office@nanning", 'within: "guangxi", fromMonth: "2026-01", toMonth: "2026-12"', "no_such_tenant"),
        (REGION, 'within: "guangxi", fromMonth: "2026-13", toMonth: "2026-12"', "dates_reversed"),
        (REGION, 'within: "guangxi", fromMonth: "2026-00", toMonth: "2026-12"', "malformed_month"),
        (REGION, 'within: "guangxi", fromMonth: "2026-02", toMonth: "2026-01"', "dates_reversed"),
    ],
)
async def test_bad_input(country: Country, login: str, asked: str, rule: str) -> None:
    response = await country.api.ask(login, f"{{ regionAggregates({asked}) {{ measure }} }}")
    assert response["errors"][0]["extensions"]["rule"] == rule


async def test_the_filters_of_the_list(told: Country) -> None:
    async def cities(wanted: str) -> list[str]:
        return sorted(each["city"]["path"] for each in await told.seen(REGION, f"filter: {{{wanted}}}"))

    assert await cities('city: "nanning"') == ["nanning"]
    assert await cities("automatic: true") == []
    assert await cities("automatic: false, current: true") == ["liuzhou", "nanning"]
    assert await cities('fromMonth: "2026-02", toMonth: "2026-02"') == ["liuzhou", "nanning"]
    assert await cities('fromMonth: "2026-03"') == []
    refused = await told.api.ask(REGION, '{ releasedAggregates(filter: {fromMonth: "x"}) { totalCount } }')
    assert refused["errors"][0]["extensions"]["rule"] == "malformed_month"
