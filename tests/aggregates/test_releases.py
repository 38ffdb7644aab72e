"""A month is released once, to the city and its region alike, by the office or by itself, and to nobody else."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.aggregates.months import month_of, months_to_release, next_month
from app.kernel.errors import InvalidInput
from app.kernel.events import canonical_json
from tests.aggregates.conftest import FEBRUARY, MARCH, RELEASED, Country, cell

REGION = "office@guangxi"


def digest_of(released: dict[str, Any]) -> str:
    """The digest as its description says it."""
    names = ("category", "denominator", "level", "measure", "numerator", "withheld")
    document = {
        "cells": [{name: each[name] for name in names} for each in released["cells"]],
        "city": released["city"]["path"],
        "minimumCell": released["minimumCell"],
        "month": released["month"],
        "reason": released["reason"],
        "version": released["version"],
    }
    return hashlib.sha256(canonical_json(document)).hexdigest()


# Months, without a database


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "26-01", "2026-1", "2026-01-01", "0000-01", "２０２６-01"]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        month_of("month", text)
    assert refused.value.rule == "month_syntax"


def test_a_month_is_due_on_its_day_of_the_month_after() -> None:
    assert next_month(date(2026, 12, 31)) == date(2027, 1, 1)
    assert list(months_to_release(date(2025, 11, 20), date(2026, 1, 4), 5)) == [date(2025, 11, 1)]
    assert list(months_to_release(date(2025, 11, 20), date(2026, 1, 5), 5)) == [date(2025, 11, 1), date(2025, 12, 1)]
    assert list(months_to_release(date(2026, 1, 20), date(2026, 1, 31), 5)) == []


# The release


async def test_the_city_and_the_region_have_the_same(country: Country) -> None:
    ticket = await country.ticket()
    await country.copies(ticket, 6)
    country.clock.at = MARCH
    payload = await country.release()
    assert payload["userErrors"] == []
    released = payload["releasedAggregate"]
    assert (released["city"], released["month"], released["version"]) == ({"path": "nanning"}, "2026-02", 1)
    assert (released["automatic"], released["isCurrent"], released["reason"]) == (False, True, None)
    assert cell(released, "RECEIVED") == cell(released, "RECEIVED", "HELP") == (7, None, False)
    assert cell(released, "RECEIVED", "COMPLAINT") == (0, None, False)
    assert cell(released, "RESOLVED") == (7, None, False)
    for measure in ("ON_TIME", "FOLLOW_UP", "SATISFACTION", "RESOLUTION"):
        assert cell(released, measure) == (7, 7, False), measure
    assert cell(released, "OVERDUE")[0] == 0
    assert released["digest"] == digest_of(released)
    (copy,) = await country.seen(REGION)
    same = {name: value for name, value in released.items() if name not in ("id", "allowedActions")}
    assert {name: value for name, value in copy.items() if name not in ("id", "allowedActions")} == same
    assert copy["id"] != released["id"]
    assert (released["allowedActions"], copy["allowedActions"]) == (["CORRECT"], [])
    rows = await country.admin.fetch("select city_id, of_city_id, released_by from aggregates order by city_id")
    nanning, desk = country.region.nanning.id, country.region.desk.id
    office = country.api.world.user("office@nanning")
    assert [tuple(row) for row in rows] == [(desk, nanning, None), (nanning, nanning, office)]


async def test_the_regions_desk_is_told(country: Country) -> None:
    country.clock.at = MARCH
    await country.release()
    query = "{ notifications(first: 5) { edges { node { kind tenant { path } aggregate { month city { path } } } } } }"
    for login, told in ((REGION, 1), ("intake_agent@guangxi", 1), ("office@nanning", 0), ("office@liuzhou", 0)):
        edges = (await country.api.data(login, query))["notifications"]["edges"]
        assert [edge["node"] for edge in edges] == [
            {
                "kind": "AGGREGATE_RELEASED",
                "tenant": {"path": "guangxi"},
                "aggregate": {"month": "2026-02", "city": {"path": "nanning"}},
            }
        ] * told, login
    logged = await country.admin.fetch(
        "select city_id, type, actor_role from events where topic = 'aggregate' order by city_id"
    )
    assert [tuple(row) for row in logged] == [
        (country.region.desk.id, "RELEASED", None),
        (country.region.nanning.id, "RELEASED", "OFFICE"),
    ]


async def test_small_numbers_are_withheld_with_what_gives_them_away(country: Country) -> None:
    await country.copies(await country.ticket(), 19)
    await country.copies(await country.ticket(category="COMPLAINT"), 11)
    await country.copies(await country.ticket(category="CONSULTATION"), 2)
    country.clock.at = MARCH
    released = (await country.release())["releasedAggregate"]
    assert cell(released, "RECEIVED") == (35, None, False)
    assert cell(released, "RECEIVED", "CONSULTATION") == (None, None, True)  # 3
    assert cell(released, "RECEIVED", "HELP") == (None, None, True)  # or the total would tell
    assert cell(released, "RECEIVED", "COMPLAINT") == (12, None, False)
    assert cell(released, "RECEIVED", "REPORT") == (0, None, False)
    assert cell(released, "SATISFACTION", "CONSULTATION") == (None, None, True)


async def test_transferred_and_merged_tickets_are_in_no_number(country: Country) -> None:
    ticket = await country.ticket()
    await country.copies(ticket, 9)
    copies = await country.admin.fetch("select id from tickets where number like 'COPY-%' order by id limit 2")
    await country.admin.execute("update tickets set status = 'TRANSFERRED' where id = $1", copies[0]["id"])
    await country.admin.execute(
        "update tickets set merged_into_id = $2 where id = $1", copies[1]["id"], copies[0]["id"]
    )
    country.clock.at = MARCH
    released = (await country.release())["releasedAggregate"]
    assert cell(released, "RECEIVED") == (8, None, False)
    assert cell(released, "ON_TIME") == (8, 8, False)


async def test_what_is_late_or_not_called_counts(country: Country) -> None:
    await country.copies(await country.ticket(), 9)
    enterprise = country.region.nanning.enterprise.login
    late = (await country.api.submit(enterprise))["id"]
    await country.copies(late, 5)  # nobody verified these six
    country.clock.at = MARCH
    released = (await country.release())["releasedAggregate"]
    assert cell(released, "RECEIVED") == (16, None, False)
    assert cell(released, "OVERDUE")[0] == 6
    assert cell(released, "ON_TIME") == (10, 10, False)


async def test_notices_by_level(country: Country) -> None:
    ticket = await country.ticket()
    world = country.api.world
    raised = (
        "insert into supervision_notices (city_id, id, number, version, scheme_version, level, kind, ticket_id,"
        " restricted, addressee_id, trigger, times, cause, issued_at, issued_on, reply_due_at, provisional, listed,"
        " may_refer, status) select city_id, gen_random_uuid(), gen_random_uuid()::text, 1, 1, $2, $3, id, $5, $4,"
        " 'OVERDUE', 1, gen_random_uuid()::text, $6, '2026-02-10', $6, false, false, false, 'ISSUED' from tickets t,"
        " generate_series(1, $7) where number = (select max(number) from tickets where city_id = $1)"
    )
    nanning, commerce = country.region.nanning.id, world.tenant("nanning.commerce")
    for level, kind, restricted, count in (
        (1, "REMINDER", False, 6),
        (2, "RECTIFICATION", False, 7),
        (2, "RECTIFICATION", True, 9),
    ):
        await country.admin.execute(raised, nanning, level, kind, commerce, restricted, FEBRUARY, count)
    assert ticket
    country.clock.at = MARCH
    released = (await country.release())["releasedAggregate"]
    assert [cell(released, "NOTICES", level)[0] for level in (None, 1, 2, 3)] == [13, 6, 7, 0]


# Who


async def test_nobody_else_sees_it(country: Country) -> None:
    country.clock.at = MARCH
    released = (await country.release())["releasedAggregate"]
    (copy,) = await country.seen(REGION)
    one = f"query($id: ID!) {{ releasedAggregate(id: $id) {{ {RELEASED} }} node(id: $id) {{ id }} }}"
    for login in ("office@liuzhou", "office@guangyuan"):
        assert await country.seen(login) == []
        for id_ in (released["id"], copy["id"]):
            assert await country.api.data(login, one, id=id_) == {"releasedAggregate": None, "node": None}
        for path in ("nanning", "guangxi"):
            asked = await country.api.ask(login, f'{{ releasedAggregates(within: "{path}") {{ totalCount }} }}')
            assert asked["errors"][0]["extensions"]["rule"] == "no_such_tenant"
    # the two sides do not read each other's rows either
    assert await country.api.data(REGION, one, id=released["id"]) == {"releasedAggregate": None, "node": None}
    assert await country.api.data("office@nanning", one, id=copy["id"]) == {"releasedAggregate": None, "node": None}


@pytest.mark.parametrize("path", ["nanning", "guangxi"])
@pytest.mark.parametrize("role", ["intake_agent", "supervision_officer", "working_group", "leading_group", "auditor"])
async def test_who_reads_it_on_either_side(country: Country, role: str, path: str) -> None:
    country.clock.at = MARCH
    await country.release()
    assert len(await country.seen(f"{role}@{path}")) == 1


async def test_the_wrong_roles(country: Country) -> None:
    country.clock.at = MARCH
    released = (await country.release())["releasedAggregate"]
    for login in ("handler@nanning.commerce", "dispatcher@nanning", "city_administrator@nanning", "steward@guangxi"):
        asked = await country.api.ask(login, "{ releasedAggregates { totalCount } }")
        assert asked["errors"][0]["extensions"]["code"] == "FORBIDDEN", login
    refused = await country.api.ask(
        "leading_group@nanning",
        'mutation { aggregateRelease(input: {city: "nanning", month: "2026-02"}) { userErrors { code } } }',
    )
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    county = "office@nanning.qingxiu"
    assert await country.seen(county) == []
    assert [error["code"] for error in (await country.release(county, month="2026-01"))["userErrors"]] == [
        "NOT_RESPONSIBLE"
    ]
    assert [error["code"] for error in (await country.correct(county, released["id"]))["userErrors"]] == ["NOT_FOUND"]
    (copy,) = await country.seen(REGION)
    assert [error["code"] for error in (await country.correct(REGION, copy["id"]))["userErrors"]] == ["NOT_RESPONSIBLE"]


@pytest.mark.parametrize(
    ("login", "given", "refusal"),
    [
        ("office@nanning", {"month": "2026-03"}, ("INVALID_INPUT", "not_over")),
        ("office@nanning", {"month": "2027-01"}, ("INVALID_INPUT", "not_over")),
        ("office@nanning", {"month": "2026-13"}, ("INVALID_INPUT", "month_syntax")),
        ("office@nanning", {"month": "2025-12"}, ("INVALID_INPUT", "before_anything")),
        ("office@nanning", {"month": "1900-01"}, ("INVALID_INPUT", "before_anything")),
        ("office@guangyuan", {"city": "guangyuan"}, ("INVALID_INPUT", "no_region")),
        (REGION, {"city": "guangxi"}, ("INVALID_INPUT", "no_region")),
        (REGION, {}, ("NOT_FOUND", None)),
        ("office@liuzhou", {}, ("NOT_FOUND", None)),
        ("office@nanning", {"city": "nanning.commerce"}, ("NOT_FOUND", None)),
        ("office@nanning", {"city": "atlantis"}, ("NOT_FOUND", None)),
    ],
)
async def test_what_is_refused(
    country: Country, login: str, given: dict[str, Any], refusal: tuple[str, str | None]
) -> None:
    country.clock.at = MARCH
    payload = await country.release(login, **given)
    (error,) = payload["userErrors"]
    assert (error["code"], error.get("rule")) == refusal
    assert await country.admin.fetchval("select count(*) from aggregates") == 0


async def test_a_month_of_imported_tickets_is_released(country: Country) -> None:
    ticket = await country.ticket()
    await country.copies(ticket, 5)
    await country.admin.execute("update tickets set submitted_at = '2025-11-12' where number like 'COPY-%'")
    country.clock.at = MARCH
    refused = await country.release(month="2025-10")
    assert [error["rule"] for error in refused["userErrors"]] == ["before_anything"]
    released = (await country.release(month="2025-11"))["releasedAggregate"]
    assert cell(released, "RECEIVED") == (5, None, False)


async def test_once_is_all(country: Country) -> None:
    country.clock.at = MARCH
    first = await country.release(idempotencyKey="february")
    again = await country.release(idempotencyKey="february")
    assert again == first
    assert [error["rule"] for error in (await country.release())["userErrors"]] == ["already_released"]
    assert await country.admin.fetchval("select count(*) from aggregates") == 2


# By itself


async def test_the_worker_releases_on_the_day_what_is_missing(country: Country) -> None:
    country.clock.at = datetime(2026, 3, 4, 15, 59, tzinfo=UTC)  # one minute to the 5th, local time
    assert await country.work() == 2  # January, of both cities, is long due
    assert {each["month"] for each in await country.seen(REGION)} == {"2026-01"}
    await country.release()
    country.clock.at = datetime(2026, 3, 4, 16, 0, tzinfo=UTC)
    assert await country.work() == 1  # Liuzhou's February
    assert await country.work() == 0
    seen = await country.seen(REGION)
    assert [
        (each["month"], each["city"]["path"], each["automatic"]) for each in seen if each["month"] == "2026-02"
    ] in (
        [("2026-02", "nanning", False), ("2026-02", "liuzhou", True)],
        [("2026-02", "liuzhou", True), ("2026-02", "nanning", False)],
    )


async def test_after_a_downtime_every_month_is_there(country: Country) -> None:
    country.clock.at = datetime(2027, 3, 10, 1, 0, tzinfo=UTC)
    assert await country.work() == 24
    assert await country.work() == 4
    assert await country.work() == 0
    months = [each["month"] for each in await country.seen("office@nanning")]
    assert months == sorted(months, reverse=True)
    assert (len(months), months[0], months[-1]) == (14, "2027-02", "2026-01")


async def test_workers_at_once_release_once(country: Country) -> None:
    country.clock.at = datetime(2026, 7, 6, 1, 0, tzinfo=UTC)
    done = await asyncio.gather(*(country.work() for _ in range(4)))
    assert sum(done) == 12
    assert await country.admin.fetchval("select count(*) from aggregates") == 24
    assert await country.admin.fetchval("select count(*) from notifications") == 12


# Corrections


async def test_a_correction_is_a_version_beside_the_first(country: Country) -> None:
    ticket = await country.ticket()
    await country.copies(ticket, 6)
    country.clock.at = MARCH
    first = (await country.release())["releasedAggregate"]
    assert [e["rule"] for e in (await country.correct("office@nanning", first["id"]))["userErrors"]] == [
        "nothing_changed"
    ]
    await country.copies(ticket, 3)
    payload = await country.correct("office@nanning", first["id"], expectedVersion=1)
    assert payload["userErrors"] == []
    second = payload["releasedAggregate"]
    assert (second["version"], second["reason"], cell(second, "RECEIVED")[0]) == (2, "漏统计一件", 10)
    assert second["digest"] == digest_of(second)
    seen = await country.seen(REGION)
    assert {(each["version"], each["isCurrent"], cell(each, "RECEIVED")[0]) for each in seen} == {
        (1, False, 7),
        (2, True, 10),
    }
    assert [each["version"] for each in await country.seen(REGION, "filter: {current: true}")] == [2]
    stale = await country.correct("office@nanning", first["id"])
    assert [(e["code"], e["currentVersion"]) for e in stale["userErrors"]] == [("CONFLICT", 2)]


async def test_what_was_withheld_stays_so(country: Country) -> None:
    await country.copies(await country.ticket(), 19)
    complaint = await country.ticket(category="COMPLAINT")
    await country.copies(complaint, 3)
    country.clock.at = MARCH
    first = (await country.release())["releasedAggregate"]
    assert cell(first, "RECEIVED", "COMPLAINT")[2]
    await country.copies(complaint, 4)
    second = (await country.correct("office@nanning", first["id"]))["releasedAggregate"]
    assert cell(second, "RECEIVED") == (28, None, False)
    assert cell(second, "RECEIVED", "COMPLAINT")[2]  # eight by now, but the difference would tell of the four


async def test_two_corrections_at_once_are_one(country: Country) -> None:
    ticket = await country.ticket()
    country.clock.at = MARCH
    first = (await country.release())["releasedAggregate"]
    await country.copies(ticket, 9)
    both = await asyncio.gather(*(country.correct("office@nanning", first["id"]) for _ in range(2)))
    assert sum(payload["userErrors"] == [] for payload in both) == 1
    assert await country.admin.fetchval("select array_agg(version order by version) from aggregates") == [1, 1, 2, 2]


@pytest.mark.parametrize("reason", ["", " ", "一", "\x00\x00\x00", "长" * 2_001])
async def test_a_bad_reason(country: Country, reason: str) -> None:
    country.clock.at = MARCH
    first = (await country.release())["releasedAggregate"]
    (error,) = (await country.correct("office@nanning", first["id"], reason=reason))["userErrors"]
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "reason"])


async def test_nobody_changes_what_was_released(country: Country) -> None:
    country.clock.at = MARCH
    await country.release()
    for table in ("aggregates", "aggregate_cells"):
        for verb in ("update", "delete", "truncate"):
            held = await country.admin.fetchval("select has_table_privilege('yingshang_app', $1, $2)", table, verb)
            assert not held, (table, verb)
