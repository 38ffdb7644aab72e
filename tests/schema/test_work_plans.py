"""Work plans, inspections and the numbers of the ledger through the API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.kernel.tables import new_id
from schema import ids
from tests.factories.world import World
from tests.schema.conftest import use_presets
from tests.schema.ledger import (
    AUDITOR,
    COUNTY_OFFICE,
    FINDING,
    HANDLER,
    HELPER,
    NEIGHBOURS,
    NO_PART,
    OFFICE,
    PLAN,
    STRANGER,
    SUPERVISION,
    Ledger,
    opened_ledger,
)

TASKS: list[dict[str, Any]] = [
    {
        **FINDING,
        "title": "出台清单",
        "dueOn": "2026-09-30",
        "coOperators": ["guangyuan.finance"],
        "goal": "9月底前出台",
    },
    {**FINDING, "title": "压减时限", "dueOn": "2026-06-30", "lead": "guangyuan.housing"},
    {**FINDING, "title": "常态推进", "lead": "guangyuan.cangxi"},
]
YEAR: dict[str, Any] = {"within": "guangyuan", "year": 2026, "title": "2026年优化营商环境任务清单", "tasks": TASKS}
VISIT: dict[str, Any] = {
    "tenant": "guangyuan.commerce",
    "day": "2026-03-01",
    "mode": "UNDERCOVER",
    "inspectors": "督查专责组两人",
    "summary": "窗口秩序良好。",
    "findings": [
        {**FINDING, "severity": "SERIOUS"},
        {**FINDING, "title": "未公示电话", "lead": "guangyuan.finance", "severity": "MINOR", "dueOn": "2026-03-20"},
    ],
}
PLANNED = """query($within: TenantPath!, $year: Int!) { workPlan(within: $within, year: $year) {
  id version title year tenant { path } taskCount lateCount done { numerator denominator value }
  tasks(first: 50) { totalCount edges { node { title source dueAt workPlan { title } } } } } }"""
FOUND = """query($within: TenantPath) { inspections(within: $within, first: 50) { totalCount edges { node {
  id day mode modeLabel inspectors summary tenant { path }
  findings(first: 50) { totalCount edges { node { title severity source lead { path } } } } } } } }"""
COUNTED = """query($within: TenantPath!, $by: RectificationDimension, $from: Date!, $to: Date!) {
  rectificationStatistics(within: $within, from: $from, to: $to, by: $by) {
    value label tenant { path } issued closed overdue onTimeRate { numerator denominator value } } }"""


@pytest.fixture
async def ledger(
    world: World,
    admin: asyncpg.Connection,
    application_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Ledger]:
    await use_presets(admin)
    async with opened_ledger(world, application_url, tmp_path, monkeypatch) as ledger:
        yield ledger


async def planned(ledger: Ledger, login: str, within: str = "guangyuan", year: int = 2026) -> Any:
    return (await ledger.api.data(login, PLANNED, within=within, year=year))["workPlan"]


async def counted(ledger: Ledger, login: str, by: str | None = None, within: str = "guangyuan", **days: str) -> Any:
    period = {"from": "2026-01-01", "to": "2027-01-01", **days}
    return (await ledger.api.data(login, COUNTED, within=within, by=by, **period))["rectificationStatistics"]


# The work plan


async def test_a_years_plan_is_published_with_its_tasks(ledger: Ledger) -> None:
    made = await ledger.do(OFFICE, "workPlanPublish", "id version", **YEAR)
    seen = await planned(ledger, AUDITOR)
    assert seen == {
        "id": made["id"],
        "version": 1,
        "title": YEAR["title"],
        "year": 2026,
        "tenant": {"path": "guangyuan"},
        "taskCount": 3,
        "lateCount": 0,
        "done": {"numerator": 0, "denominator": 3, "value": "0.0000"},
        "tasks": {
            "totalCount": 3,
            "edges": [
                {
                    "node": {
                        "title": title,
                        "source": "WORK_PLAN",
                        "dueAt": due,
                        "workPlan": {"title": YEAR["title"]},
                    }
                }
                for title, due in (
                    ("常态推进", "2026-05-28T09:00:00+00:00"),  # 60 working days: 1–5 May are off, the 9th is worked
                    ("压减时限", "2026-06-30T09:00:00+00:00"),
                    ("出台清单", "2026-09-30T09:00:00+00:00"),
                )
            ],
        },
    }


async def test_a_plan_grows_and_gets_done_and_late(ledger: Ledger) -> None:
    plan = (await ledger.do(OFFICE, "workPlanPublish", "id", **YEAR))["id"]
    further = {**FINDING, "title": "新增任务", "source": "WORK_PLAN", "workPlanId": plan}
    id_ = (await ledger.do(SUPERVISION, "rectificationTaskIssue", "id", **further))["id"]
    await ledger.do(HANDLER, "rectificationTaskPlan", taskId=id_, **PLAN)
    await ledger.do(HANDLER, "rectificationTaskSubmit", taskId=id_, result="已办。")
    await ledger.do(OFFICE, "rectificationTaskAccept", taskId=id_)
    ledger.clock.at = datetime(2026, 7, 6, 2, 0, tzinfo=UTC)
    seen = await planned(ledger, OFFICE)
    assert (seen["version"], seen["taskCount"], seen["lateCount"]) == (2, 4, 2)
    assert seen["done"] == {"numerator": 1, "denominator": 4, "value": "0.2500"}
    assert await ledger.titles(OFFICE, workPlanId=plan, overdue=True) == ["常态推进", "压减时限"]
    assert sorted(await ledger.titles(OFFICE, workPlanId=plan, lagging=True)) == ["出台清单", "压减时限", "常态推进"]


async def test_everybody_sees_the_plan_with_their_own_part(ledger: Ledger) -> None:
    plan = (await ledger.do(OFFICE, "workPlanPublish", "id", **YEAR))["id"]
    for login, titles in {
        HANDLER: ["出台清单"],
        HELPER: ["出台清单"],
        STRANGER: ["压减时限"],
        COUNTY_OFFICE: ["常态推进"],
        "office@guangyuan.jiange": [],
    }.items():
        seen = await planned(ledger, login)
        assert seen["taskCount"] == seen["tasks"]["totalCount"] == seen["done"]["denominator"] == len(titles)
        assert [edge["node"]["title"] for edge in seen["tasks"]["edges"]] == titles
    for login in NEIGHBOURS:
        answer = await ledger.api.ask(login, PLANNED, within="guangyuan", year=2026)
        assert answer["errors"][0]["extensions"]["rule"] == "no_such_tenant"
        assert await ledger.api.data(login, "query($id: ID!) { node(id: $id) { id } }", id=plan) == {"node": None}
    for login in (*NO_PART, ledger.api.world.guangyuan.enterprise.login):
        answer = await ledger.api.ask(login, PLANNED, within="guangyuan", year=2026)
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        assert await ledger.api.data(login, "query($id: ID!) { node(id: $id) { id } }", id=plan) == {"node": None}


async def test_a_county_has_a_plan_of_its_own(ledger: Ledger) -> None:
    tasks = [{**FINDING, "lead": "guangyuan.cangxi.housing"}]
    plan = (
        await ledger.do(
            COUNTY_OFFICE, "workPlanPublish", "id", **{**YEAR, "within": "guangyuan.cangxi", "tasks": tasks}
        )
    )["id"]
    assert (await planned(ledger, COUNTY_OFFICE, "guangyuan.cangxi"))["taskCount"] == 1
    assert await planned(ledger, COUNTY_OFFICE) is None
    city = (await ledger.do(OFFICE, "workPlanPublish", "id", **YEAR))["id"]
    into = {**FINDING, "lead": "guangyuan.cangxi.housing", "source": "WORK_PLAN"}
    assert await ledger.rule(COUNTY_OFFICE, "rectificationTaskIssue", **into, workPlanId=city) == (
        "workPlanId",
        "unknown_plan",
    )
    await ledger.do(COUNTY_OFFICE, "rectificationTaskIssue", "id", **into, workPlanId=plan)


@pytest.mark.parametrize(
    ("given", "field", "rule"),
    [
        ({"within": "guangyuan.nowhere"}, "within", "unknown_tenant"),
        ({"within": "guangyuan.commerce"}, "within", "no_plan"),
        ({"year": 1999}, "year", "too_few"),
        ({"year": 3000}, "year", "too_many"),
        ({"title": "长" * 201}, "title", "too_long"),
        ({"tasks": []}, "tasks", "empty"),
        ({"tasks": TASKS[:1] * 301}, "tasks", "too_many"),
        ({"tasks": [TASKS[0], {**TASKS[1], "lead": "anshan.commerce"}]}, "tasks.1.lead", "unknown_tenant"),
        ({"tasks": [TASKS[0], {**TASKS[1], "dueOn": "2026-01-31"}]}, "tasks.1.dueOn", "not_after"),
        ({"tasks": [{**TASKS[0], "title": " "}]}, "tasks.0.title", "empty"),
    ],
)
async def test_a_plan_is_published_as_a_whole_or_not_at_all(
    ledger: Ledger, given: dict[str, Any], field: str, rule: str
) -> None:
    assert await ledger.rule(OFFICE, "workPlanPublish", **{**YEAR, **given}) == (field, rule)
    assert await planned(ledger, OFFICE) is None
    assert await ledger.titles(OFFICE) == []


async def test_a_year_has_one_plan(ledger: Ledger) -> None:
    twins = [ledger.payload(login, "workPlanPublish", "id", YEAR) for login in (OFFICE, SUPERVISION)]
    answers = await asyncio.gather(*twins)
    rules = sorted(error["rule"] for answer in answers for error in answer["userErrors"])
    assert rules == ["taken"]
    assert (await planned(ledger, OFFICE))["taskCount"] == 3
    key = {**YEAR, "year": 2027, "idempotencyKey": "k"}
    first, again = [await ledger.do(OFFICE, "workPlanPublish", "id", **key) for _ in range(2)]
    assert first == again
    assert len(await ledger.titles(OFFICE)) == 6


async def test_a_plan_of_nobody_and_a_task_of_another_source(ledger: Ledger) -> None:
    plan = (await ledger.do(OFFICE, "workPlanPublish", "id", **YEAR))["id"]
    other = {**FINDING, "source": "AUDIT", "workPlanId": plan}
    assert await ledger.rule(OFFICE, "rectificationTaskIssue", **other) == ("workPlanId", "not_allowed")
    for city in ledger.api.world.cities:
        unknown = {**FINDING, "source": "WORK_PLAN", "workPlanId": ids.encode("WP", city.id, new_id())}
        assert await ledger.rule(OFFICE, "rectificationTaskIssue", **unknown) == ("workPlanId", "unknown_plan")


# Inspections


async def test_an_inspection_issues_what_it_found(ledger: Ledger) -> None:
    made = await ledger.do(SUPERVISION, "inspectionRecord", "id", **VISIT)
    seen = (await ledger.api.data(OFFICE, FOUND))["inspections"]
    assert seen == {
        "totalCount": 1,
        "edges": [
            {
                "node": {
                    "id": made["id"],
                    "day": "2026-03-01",
                    "mode": "UNDERCOVER",
                    "modeLabel": "Undercover",
                    "inspectors": "督查专责组两人",
                    "summary": "窗口秩序良好。",
                    "tenant": {"path": "guangyuan.commerce"},
                    "findings": {
                        "totalCount": 2,
                        "edges": [
                            {
                                "node": {
                                    "title": "材料重复提交",
                                    "severity": "SERIOUS",
                                    "source": "INSPECTION",
                                    "lead": {"path": "guangyuan.commerce"},
                                }
                            },
                            {
                                "node": {
                                    "title": "未公示电话",
                                    "severity": "MINOR",
                                    "source": "INSPECTION",
                                    "lead": {"path": "guangyuan.finance"},
                                }
                            },
                        ],
                    },
                }
            }
        ],
    }
    assert await ledger.titles(OFFICE, inspectionId=made["id"]) == ["未公示电话", "材料重复提交"]


async def test_who_sees_an_inspection(ledger: Ledger) -> None:
    made = (await ledger.do(OFFICE, "inspectionRecord", "id", **VISIT))["id"]
    below = {**VISIT, "tenant": "guangyuan.cangxi.housing", "findings": []}
    county = (await ledger.do(COUNTY_OFFICE, "inspectionRecord", "id", **below))["id"]
    for login, seen in {
        OFFICE: [county, made],
        AUDITOR: [county, made],
        HANDLER: [made],
        HELPER: [],  # of what it has to put right it sees the task, and of whose inspection nothing
        COUNTY_OFFICE: [county],
        "handler@guangyuan.cangxi.housing": [county],
        STRANGER: [],
        **{neighbour: [] for neighbour in NEIGHBOURS},
    }.items():
        found = (await ledger.api.data(login, "{ inspections { totalCount edges { node { id } } } }"))["inspections"]
        assert [edge["node"]["id"] for edge in found["edges"]] == seen, login
        assert found["totalCount"] == len(seen)
        nodes = await ledger.api.data(login, "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=[county, made])
        assert [node["id"] for node in nodes["nodes"] if node] == seen
    assert await ledger.titles(HELPER) == ["未公示电话"]
    query = "{ rectificationTasks { edges { node { inspection { id } } } } }"
    assert (await ledger.api.data(HELPER, query))["rectificationTasks"]["edges"] == [{"node": {"inspection": None}}]
    for login in NO_PART:
        answer = await ledger.api.ask(login, FOUND)
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    within = (await ledger.api.data(OFFICE, FOUND, within="guangyuan.cangxi"))["inspections"]
    assert [edge["node"]["id"] for edge in within["edges"]] == [county]
    within = (await ledger.api.data(OFFICE, FOUND, within="guangyuan.commerce"))["inspections"]
    assert [edge["node"]["id"] for edge in within["edges"]] == [made]


@pytest.mark.parametrize(
    ("login", "given", "field", "rule"),
    [
        (OFFICE, {"day": "2026-03-03"}, "day", "in_future"),
        (OFFICE, {"tenant": "anshan.commerce"}, "tenant", "unknown_tenant"),
        (OFFICE, {"tenant": "guangyuan"}, "tenant", "not_handling"),
        (COUNTY_OFFICE, {}, "tenant", "outside_reach"),
        (COUNTY_OFFICE, {"tenant": "guangyuan.cangxi"}, "tenant", "outside_reach"),  # nobody inspects themselves
        (OFFICE, {"inspectors": " "}, "inspectors", "empty"),
        (OFFICE, {"summary": "长" * 4_001}, "summary", "too_long"),
        (
            OFFICE,
            {"findings": [VISIT["findings"][0], {**VISIT["findings"][1], "lead": "guangyuan.nowhere"}]},
            "findings.1.lead",
            "unknown_tenant",
        ),
    ],
)
async def test_an_inspection_is_recorded_as_a_whole_or_not_at_all(
    ledger: Ledger, login: str, given: dict[str, Any], field: str, rule: str
) -> None:
    assert await ledger.rule(login, "inspectionRecord", **{**VISIT, **given}) == (field, rule)
    assert (await ledger.api.data(OFFICE, FOUND))["inspections"]["totalCount"] == 0
    assert await ledger.titles(OFFICE) == []


async def test_an_inspection_is_recorded_once(ledger: Ledger) -> None:
    given = {**VISIT, "idempotencyKey": "k"}
    first, again = [await ledger.do(OFFICE, "inspectionRecord", "id", **given) for _ in range(2)]
    assert first == again
    assert len(await ledger.titles(OFFICE)) == 2


# The numbers


async def test_the_numbers_of_the_ledger(ledger: Ledger) -> None:
    await ledger.at("CLOSED", source="AUDIT")
    await ledger.at("SUBMITTED", source="AUDIT", lead="guangyuan.commerce")
    await ledger.at("ISSUED", source="RANKING", lead="guangyuan.cangxi")
    late = await ledger.at("ISSUED", source="BAD_RATING", dueOn="2026-03-10")
    ledger.clock.at = datetime(2026, 3, 12, 1, 0, tzinfo=UTC)
    await ledger.do(HANDLER, "rectificationTaskPlan", taskId=late, **PLAN)
    assert (await counted(ledger, OFFICE))[0]["overdue"] == 1
    await ledger.do(HANDLER, "rectificationTaskSubmit", taskId=late, result="已整改。")
    ledger.clock.at = datetime(2026, 4, 1, 1, 0, tzinfo=UTC)
    await ledger.at("ISSUED", source="AUDIT", dueOn="2026-04-02")
    ledger.clock.at = datetime(2026, 4, 3, 1, 0, tzinfo=UTC)
    (total,) = await counted(ledger, OFFICE)
    assert total == {
        "value": None,
        "label": "Total",
        "tenant": None,
        "issued": 5,
        "closed": 1,
        "overdue": 1,
        "onTimeRate": {"numerator": 2, "denominator": 4, "value": "0.5000"},
    }

    async def issued(login: str, by: str, **given: str) -> dict[str, int]:
        rows = await counted(ledger, login, by, **given)
        return {row["value"] or "": row["issued"] for row in rows}

    assert await issued(OFFICE, "SOURCE") == {"AUDIT": 3, "RANKING": 1, "BAD_RATING": 1}
    assert await issued(OFFICE, "STATUS") == {"ISSUED": 2, "SUBMITTED": 2, "CLOSED": 1}
    assert await issued(OFFICE, "DEPARTMENT") == {"guangyuan.commerce": 4, "guangyuan.cangxi": 1}
    assert await issued(OFFICE, "COUNTY") == {"": 4, "guangyuan.cangxi": 1}
    assert await issued(OFFICE, "MONTH") == {"2026-03": 4, "2026-04": 1}
    assert await issued(OFFICE, "MONTH", **{"from": "2026-04-01"}) == {"2026-04": 1}
    assert await issued(OFFICE, "STATUS", within="guangyuan.cangxi") == {"ISSUED": 1}
    assert await issued("handler@guangyuan.cangxi", "DEPARTMENT") == {"guangyuan.cangxi": 1}
    assert await issued(STRANGER, "DEPARTMENT") == {}
    assert [row["label"] for row in await counted(ledger, OFFICE, "COUNTY")] == ["苍溪县", "The city's own"]


async def test_the_numbers_are_for_whoever_reads_the_ledger(ledger: Ledger) -> None:
    await ledger.at("ISSUED")
    for login in NEIGHBOURS:
        answer = await ledger.api.ask(login, COUNTED, within="guangyuan", **{"from": "2026-01-01", "to": "2027-01-01"})
        assert answer["errors"][0]["extensions"]["rule"] == "no_such_tenant"
    for login in NO_PART:
        answer = await ledger.api.ask(login, COUNTED, within="guangyuan", **{"from": "2026-01-01", "to": "2027-01-01"})
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    answer = await ledger.api.ask(OFFICE, COUNTED, within="guangyuan", **{"from": "2026-02-01", "to": "2026-01-01"})
    assert answer["errors"][0]["extensions"]["rule"] == "dates_reversed"
