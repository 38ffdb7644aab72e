"""The numbers of tickets: as counted by hand from the rows, for those who may, over what they see and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from app.kernel.clock import FixedClock
from tests.schema.conftest import Api
from tests.schema.story import Story

SHANGHAI = ZoneInfo("Asia/Shanghai")
RATES = ("responseRate", "onTimeRate", "resolutionRate", "satisfactionRate", "followUpRate")
COUNTS = ("submitted", "open", "overdue", "closed", "declined", "terminated", "transferred", "withdrawn")
MORE = ("followUpsOverdue", "followUpTarget")
FIELDS = (
    f"value label tenant {{ path }} {' '.join((*COUNTS, *MORE))} "
    f"{' '.join(f'{rate} {{ numerator denominator value }}' for rate in RATES)}"
)
DIMENSIONS: Mapping[str, Callable[[Any, Any], str | None]] = {
    "STATUS": lambda ticket, _: ticket["status"],
    "CATEGORY": lambda ticket, _: ticket["category"],
    "CHANNEL": lambda ticket, _: ticket["channel"],
    "COUNTY": lambda ticket, paths: paths.get(ticket["county_id"]),
    "DEPARTMENT": lambda ticket, paths: paths.get(ticket["lead_id"]),
    "MONTH": lambda ticket, _: f"{ticket['submitted_at'].astimezone(SHANGHAI):%Y-%m}",
}
EVER = {"from": "2020-01-01", "to": "2100-01-01"}


async def statistics(api: Api, login: str, **given: Any) -> list[dict[str, Any]]:
    values = {"within": "guangyuan", **EVER, **given}
    data = await api.data(
        login,
        "query($within: TenantPath!, $from: Date!, $to: Date!, $by: TicketDimension) "
        f"{{ ticketStatistics(within: $within, from: $from, to: $to, by: $by) {{ {FIELDS} }} }}",
        **values,
    )
    rows: list[dict[str, Any]] = data["ticketStatistics"]
    return rows


def rate(numerator: int, denominator: int) -> dict[str, Any]:
    value = None
    if denominator:
        value = str((Decimal(numerator) / denominator).quantize(Decimal("0.0001"), ROUND_HALF_UP))
    return {"numerator": numerator, "denominator": denominator, "value": value}


async def by_hand(
    behind: asyncpg.Connection, now: datetime, sees: Callable[[Any], bool]
) -> tuple[list[asyncpg.Record], dict[int, str], Callable[[list[Any]], dict[str, Any]]]:
    """The tickets that count, the paths of tenants, and the numbers of a group, from tickets and their deadlines."""
    tickets = [row for row in await behind.fetch("select * from tickets where merged_into_id is null") if sees(row)]
    paths = {row["id"]: row["path"] for row in await behind.fetch("select id, path from tenants")}
    clocks: dict[tuple[Any, str], Any] = {}
    for row in await behind.fetch("select * from deadlines order by started_at"):
        clocks[row["subject_id"], row["kind"]] = row  # of the last round

    def judged(ticket: Any, kind: str, done_at: datetime | None) -> str | None:
        """Whether the step of the present round was in time, late, or need not be judged."""
        clock = clocks.get((ticket["id"], kind))
        if clock is None:
            return None
        if clock["ended_at"] is None:
            return "late" if clock["state"] == "RUNNING" and clock["due_at"] < now else None
        if clock["ended_at"] == done_at:
            return "in time" if clock["state"] == "MET" else "late"
        return "late" if clock["state"] == "MISSED" else None

    def numbers(group: list[Any]) -> dict[str, Any]:
        status = Counter(ticket["status"] for ticket in group)
        response = Counter(judged(ticket, "ACKNOWLEDGEMENT", ticket["acknowledged_at"]) for ticket in group)
        on_time = Counter(judged(ticket, "HANDLING", ticket["resolved_at"]) for ticket in group)
        running = {
            subject for (subject, _), clock in clocks.items() if clock["state"] == "RUNNING" and clock["due_at"] < now
        }
        # What was transferred is open with the other side.
        going_on = [ticket for ticket in group if ticket["closed_at"] is None and ticket["status"] != "TRANSFERRED"]
        again = sum(ticket["status"] == "ESCALATED" or ticket["round"] > 1 for ticket in going_on)
        verdicts = [ticket["satisfaction"] for ticket in group if ticket["satisfaction"]]
        waiting = [ticket for ticket in group if ticket["status"] in ("ANSWERED", "RESOLVED")]
        going_round = again - sum(ticket["round"] > 1 for ticket in waiting)
        asked = sum(ticket["status"] == "CLOSED" and ticket["satisfaction"] is not None for ticket in group)
        return {
            "submitted": len(group),
            "open": len(going_on),
            "overdue": sum(ticket["id"] in running for ticket in group),
            **{name: status[name.upper()] for name in COUNTS[3:]},
            "responseRate": rate(response["in time"], response["in time"] + response["late"]),
            "onTimeRate": rate(on_time["in time"], on_time["in time"] + on_time["late"]),
            "resolutionRate": rate(status["CLOSED"], status["CLOSED"] + again),
            "satisfactionRate": rate(sum("UNSATISFIED" not in each for each in verdicts), len(verdicts)),
            "followUpRate": rate(going_round + asked, going_round + status["CLOSED"] + len(waiting)),
            "followUpsOverdue": sum(ticket["id"] in running for ticket in waiting),
            "followUpTarget": "1.00",
        }

    return tickets, paths, numbers


async def a_month_goes_by(api: Api, story: Story) -> datetime:
    """Some work is done late, and the rest is overdue; returns the moment at which it is looked at."""
    clock = FixedClock(datetime.now(UTC) + timedelta(days=30))
    api.clock = clock
    desk, handler, second = "intake_agent@guangyuan", "handler@guangyuan.commerce", api.world.guangyuan.enterprises[1]
    await api.verb(handler, "ticketAcknowledge", ticketId=story["dispatched"])
    await api.verb(handler, "ticketResolve", ticketId=story["in_progress"], reply="已现场核实。")
    await api.verb(desk, "ticketFollowUp", ticketId=story["in_progress"], satisfaction="UNSATISFIED", justified=False)
    await api.verb(handler, "ticketResume", ticketId=story["suspended"])
    await api.verb(second.login, "ticketWithdraw", ticketId=story["confidential"])
    clock.advance(timedelta(days=1))
    return clock.at


def everything_but_restricted(city_id: int) -> Callable[[Any], bool]:
    return lambda ticket: ticket["city_id"] == city_id and ticket["secrecy"] != "RESTRICTED"


@pytest.mark.parametrize("dimension", [None, *DIMENSIONS])
async def test_every_number_is_the_one_counted_by_hand(
    there: Api, story: Story, behind: asyncpg.Connection, dimension: str | None
) -> None:
    now = await a_month_goes_by(there, story)
    sees = everything_but_restricted(there.world.guangyuan.id)
    tickets, paths, numbers = await by_hand(behind, now, sees)
    rows = await statistics(there, "office@guangyuan", by=dimension)
    groups: dict[str | None, list[Any]] = {}
    for ticket in tickets:
        groups.setdefault(DIMENSIONS[dimension](ticket, paths) if dimension else None, []).append(ticket)
    shown = {row["value"]: {name: row[name] for name in (*COUNTS, *RATES, *MORE)} for row in rows}
    assert shown == {value: numbers(group) for value, group in groups.items()}
    assert sum(row["submitted"] for row in rows) == len(tickets)
    if dimension is None:
        (row,) = rows
        assert (row["value"], row["label"], row["tenant"]) == (None, "Total", None)
        for name in RATES:  # the story has all kinds, or this would prove nothing
            assert 0 < row[name]["numerator"] < row[name]["denominator"], name
    elif dimension in ("COUNTY", "DEPARTMENT"):
        assert all((row["tenant"] or {"path": None})["path"] == row["value"] for row in rows)
        assert rows[-1]["label"] == {"COUNTY": "Whole city", "DEPARTMENT": "Not dispatched"}[dimension]
    else:
        assert all(row["label"] and row["tenant"] is None for row in rows)


async def test_groups_come_in_their_own_order(there: Api, story: Story) -> None:
    statuses = [row["value"] for row in await statistics(there, "office@guangyuan", by="STATUS")]
    assert statuses.index("SUBMITTED") < statuses.index("ACCEPTED") < statuses.index("CLOSED")
    departments = [row["value"] for row in await statistics(there, "office@guangyuan", by="DEPARTMENT")]
    assert departments[:-1] == sorted(departments[:-1])


async def live_by(behind: asyncpg.Connection, city_id: int, zone: str) -> ZoneInfo:
    """The city's clock from now on."""
    await behind.execute(
        "update schemes set document = jsonb_set(document, '{calendar,time_zone}', to_jsonb($2::text))"
        " where city_id = $1",
        city_id,
        zone,
    )
    return ZoneInfo(zone)


# The index goes by China's days: theirs, days that begin earlier, later, at a half hour, and one of 23 hours.
CLOCKS = ("Asia/Shanghai", "Asia/Tokyo", "Asia/Kathmandu", "UTC", "Pacific/Kiritimati", "America/New_York")


@pytest.mark.parametrize("clock", CLOCKS)
async def test_a_range_is_half_open_at_the_citys_midnight(
    there: Api, story: Story, behind: asyncpg.Connection, clock: str
) -> None:
    zone = await live_by(behind, there.world.guangyuan.id, clock)
    day, next_day = date(2026, 3, 8), date(2026, 3, 9)
    midnight, next_midnight = (datetime(each.year, each.month, each.day, tzinfo=zone) for each in (day, next_day))
    tick = timedelta(microseconds=1)
    names = ("accepted", "answered", "closed", "declined")
    moments = (midnight.astimezone(UTC) - tick, midnight, next_midnight.astimezone(UTC) - tick, next_midnight)
    for name, moment in zip(names, moments, strict=True):
        number = story.number(name)
        await behind.execute("update tickets set submitted_at = $2 where number = $1", number, moment)

    async def statuses(first: date, behind_last: date) -> set[str]:
        given = {"from": first.isoformat(), "to": behind_last.isoformat(), "by": "STATUS"}
        return {row["value"] for row in await statistics(there, "office@guangyuan", **given)}

    a_day = timedelta(days=1)
    assert await statuses(day, day + a_day) == {"ANSWERED", "CLOSED"}
    assert await statuses(day - a_day, day) == {"ACCEPTED"}
    assert await statuses(day + a_day, day + 2 * a_day) == {"DECLINED"}
    assert await statuses(day, day) == set()
    months = await statistics(there, "office@guangyuan", **{"from": "2026-03-01", "to": "2026-04-01", "by": "MONTH"})
    assert [(row["value"], row["submitted"]) for row in months] == [("2026-03", 4)]


SCATTER = """
update tickets t set submitted_at = '2026-01-30T12:00Z'::timestamptz + n * interval '97 minutes'
from (select id, row_number() over (order by md5(id::text)) n from tickets) numbered where numbered.id = t.id
"""
WHOEVER: Mapping[tuple[str, str], Callable[[Any, Mapping[str, int]], bool]] = {
    ("office@guangyuan", "guangyuan"): lambda ticket, tenants: (
        ticket["secrecy"] != "RESTRICTED" and ticket["city_id"] == tenants["guangyuan"]
    ),
    ("auditor@guangyuan", "guangyuan"): lambda ticket, tenants: ticket["city_id"] == tenants["guangyuan"],
    ("office@guangyuan", "guangyuan.cangxi"): lambda ticket, tenants: (
        ticket["secrecy"] != "RESTRICTED"
        and tenants["guangyuan.cangxi"] in (ticket["county_id"], ticket["lead_county_id"])
    ),
    ("office@guangyuan.cangxi", "guangyuan"): lambda ticket, tenants: (
        ticket["secrecy"] != "RESTRICTED"
        and tenants["guangyuan.cangxi"] in (ticket["county_id"], ticket["lead_county_id"])
    ),
    ("handler@guangyuan.commerce", "guangyuan"): lambda ticket, tenants: (
        ticket["secrecy"] != "RESTRICTED" and tenants["guangyuan.commerce"] in (ticket["lead_id"], *ticket["helpers"])
    ),
    ("dispatcher@anshan", "anshan"): lambda ticket, tenants: (
        ticket["secrecy"] != "RESTRICTED" and ticket["city_id"] == tenants["anshan"]
    ),
}


@pytest.mark.parametrize("clock", ["Asia/Shanghai", "Asia/Kathmandu", "America/New_York"])
async def test_everybody_counts_day_by_day_as_by_hand(
    there: Api, story: Story, behind: asyncpg.Connection, clock: str
) -> None:
    """The parts of which a count is made, by days, at the ends and one by one, miss nothing and have nothing twice."""
    now = await a_month_goes_by(there, story)
    zone = await live_by(behind, there.world.guangyuan.id, clock)
    await behind.execute(SCATTER)
    await behind.execute("update tickets set merged_into_id = null where merged_into_id is not null")
    await behind.execute(
        "update tickets set merged_into_id = (select id from tickets where number = $2) where number = $1",
        *(story.number("closed"), story.number("resolved")),
    )
    helpers: dict[Any, list[int]] = {}
    for row in await behind.fetch("select ticket_id, tenant_id from ticket_co_handlers"):
        helpers.setdefault(row["ticket_id"], []).append(row["tenant_id"])
    tickets, paths, numbers = await by_hand(behind, now, lambda _: True)
    tenants = {path: number for number, path in paths.items()}
    clocks = {tenants["guangyuan"]: zone, tenants["anshan"]: SHANGHAI}
    local = {ticket["id"]: ticket["submitted_at"].astimezone(clocks[ticket["city_id"]]) for ticket in tickets}
    days = sorted({moment.date() for moment in local.values()})
    spans = [(days[0], days[-1] + timedelta(days=1)), (days[0] + timedelta(days=1), days[-1]), (days[1], days[2])]
    for (login, within), sees in WHOEVER.items():
        for begins, ends in spans:
            mine = [
                {**ticket, "helpers": helpers.get(ticket["id"], ())}
                for ticket in tickets
                if begins <= local[ticket["id"]].date() < ends
            ]
            mine = [ticket for ticket in mine if sees(ticket, tenants)]
            for dimension in (None, *DIMENSIONS):
                groups: dict[str | None, list[Any]] = {} if dimension else {None: []}
                for ticket in mine:
                    of = DIMENSIONS[dimension](ticket, paths) if dimension else None
                    if dimension == "MONTH":
                        of = f"{local[ticket['id']]:%Y-%m}"
                    groups.setdefault(of, []).append(ticket)
                given = {"within": within, "from": begins.isoformat(), "to": ends.isoformat(), "by": dimension}
                rows = await statistics(there, login, **given)
                shown = {row["value"]: {name: row[name] for name in (*COUNTS, *RATES, *MORE)} for row in rows}
                assert shown == {value: numbers(group) for value, group in groups.items()}, (login, given)


async def test_an_empty_range_is_a_row_of_zeros_and_rates_of_nothing(there: Api) -> None:
    (row,) = await statistics(there, "office@guangyuan", **{"from": "2020-01-01", "to": "2020-01-01"})
    assert {row[name] for name in COUNTS} == {0}
    assert [row[name] for name in RATES] == [rate(0, 0)] * 5
    assert (
        await statistics(there, "office@guangyuan", **{"from": "2020-01-01", "to": "2020-01-01", "by": "MONTH"}) == []
    )


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"from": "2026-03-02", "to": "2026-03-01"}, "dates_reversed"),
        ({"within": "guangyuan.nowhere"}, "no_such_tenant"),
        ({"within": "anshan"}, "no_such_tenant"),
        ({"from": "2026-02-31"}, "malformed_date"),
        ({"to": "0"}, "malformed_date"),
    ],
)
async def test_bad_input_is_refused(there: Api, given: dict[str, str], rule: str) -> None:
    values = {"within": "guangyuan", **EVER, **given}
    response = await there.ask(
        "office@guangyuan",
        "query($within: TenantPath!, $from: Date!, $to: Date!) "
        "{ ticketStatistics(within: $within, from: $from, to: $to) { submitted } }",
        **values,
    )
    assert response["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert response["errors"][0]["extensions"].get("rule") in (rule, None)
    assert response.get("data") is None


async def test_a_restricted_ticket_counts_for_those_only_who_see_it(
    there: Api, story: Story, behind: asyncpg.Connection
) -> None:
    all_of_them = await behind.fetchval("select count(*) from tickets where city_id = $1", there.world.guangyuan.id)
    restricted = await behind.fetchval(
        "select count(*) from tickets where city_id = $1 and secrecy = 'RESTRICTED'", there.world.guangyuan.id
    )
    assert restricted > 1
    for login in ("office@guangyuan", "dispatcher@guangyuan", "working_group@guangyuan"):
        for dimension in (None, *DIMENSIONS):
            rows = await statistics(there, login, by=dimension)
            assert sum(row["submitted"] for row in rows) == all_of_them - restricted, (login, dimension)
    (seen,) = await statistics(there, "auditor@guangyuan")
    assert seen["submitted"] == all_of_them
    (named,) = await statistics(there, "supervision_officer@guangyuan")
    assert named["submitted"] == all_of_them


async def test_a_restricted_ticket_alone_makes_no_month_for_others(
    there: Api, story: Story, behind: asyncpg.Connection
) -> None:
    """The months that are looked at go from the city's first ticket to its last, whoever may see those."""
    others = ("office@guangyuan", "dispatcher@guangyuan", "handler@guangyuan.commerce")
    before = {login: await statistics(there, login, by="MONTH") for login in others}
    await behind.execute(
        "with first as (select id, row_number() over (order by id) as place from tickets"
        "  where city_id = $1 and secrecy = 'RESTRICTED' order by id limit 2)"
        " update tickets t set submitted_at = case place when 1 then $2::timestamptz else $3 end"
        " from first where first.id = t.id",
        *(there.world.guangyuan.id, datetime(2024, 5, 6, tzinfo=UTC), datetime(2026, 12, 6, tzinfo=UTC)),
    )
    assert {login: await statistics(there, login, by="MONTH") for login in others} == before
    months = [row["value"] for row in await statistics(there, "auditor@guangyuan", by="MONTH")]
    assert (months[0], months[-1]) == ("2024-05", "2026-12"), "whoever sees them has their months"


async def test_staff_count_what_they_reach(there: Api, story: Story, behind: asyncpg.Connection) -> None:
    commerce = there.world.tenant("guangyuan.commerce")
    mine = await behind.fetchval(
        "select count(*) from tickets t where secrecy <> 'RESTRICTED' and (lead_id = $1 or exists (select from"
        " ticket_co_handlers c where c.ticket_id = t.id and c.tenant_id = $1))",
        commerce,
    )
    for within in ("guangyuan", "guangyuan.commerce"):
        (row,) = await statistics(there, "handler@guangyuan.commerce", within=within)
        assert row["submitted"] == mine > 0
    (row,) = await statistics(there, "office@guangyuan", within="guangyuan.cangxi")
    lying_or_led = await behind.fetchval(
        "select count(*) from tickets where secrecy <> 'RESTRICTED' and $1 in (county_id, lead_county_id)",
        there.world.tenant("guangyuan.cangxi"),
    )
    assert row["submitted"] == lying_or_led > 0


async def test_a_merged_ticket_counts_once(there: Api, story: Story, behind: asyncpg.Connection) -> None:
    (before,) = await statistics(there, "office@guangyuan")
    await behind.execute(
        "update tickets set merged_into_id = (select id from tickets where number = $2) where number = $1",
        *(story.number("closed"), story.number("resolved")),
    )
    (after,) = await statistics(there, "office@guangyuan")
    assert (after["submitted"], after["closed"]) == (before["submitted"] - 1, before["closed"] - 1)


async def test_satisfied_is_what_the_tickets_own_scheme_says(
    there: Api, story: Story, behind: asyncpg.Connection
) -> None:
    (before,) = await statistics(there, "office@guangyuan")
    await behind.execute(
        "insert into schemes select city_id, 2, name, jsonb_set(document, '{tickets,follow_up,low_levels}',"
        " '[\"VERY_SATISFIED\"]'), digest, note, published_at, published_by from schemes where city_id = $1",
        there.world.guangyuan.id,
    )
    (same,) = await statistics(there, "office@guangyuan")
    assert same["satisfactionRate"] == before["satisfactionRate"]
    await behind.execute("update tickets set scheme_version = 2 where number = $1", story.number("closed"))
    (after,) = await statistics(there, "office@guangyuan")
    assert after["satisfactionRate"]["numerator"] == before["satisfactionRate"]["numerator"] - 1


ALL_OF_GUANGYUAN = '{ ticketStatistics(within: "guangyuan", from: "2020-01-01", to: "2100-01-01") { submitted } }'


@pytest.mark.parametrize("role", ["steward", "special_monitor", "city_administrator", "enterprise"])
async def test_who_is_no_staff_of_tickets_gets_no_numbers(there: Api, role: str) -> None:
    login = there.world.guangyuan.enterprise.login if role == "enterprise" else f"{role}@guangyuan"
    response = await there.ask(login, ALL_OF_GUANGYUAN)
    assert [error["extensions"]["code"] for error in response["errors"]] == ["FORBIDDEN"]
    nobody = await there.ask(None, ALL_OF_GUANGYUAN)
    assert [error["extensions"]["code"] for error in nobody["errors"]] == ["UNAUTHENTICATED"]


async def test_both_languages(there: Api) -> None:
    query = (
        '{ ticketStatistics(within: "guangyuan", from: "2020-01-01", to: "2100-01-01", by: DEPARTMENT) { label } '
        'all: ticketStatistics(within: "guangyuan", from: "2020-01-01", to: "2100-01-01") { label } }'
    )
    response = await there.ask("office@guangyuan", query, locale="zh-CN")
    assert response["data"]["ticketStatistics"][-1]["label"] == "未分办"
    assert response["data"]["all"] == [{"label": "合计"}]
