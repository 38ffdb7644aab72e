"""The problem ledger through the API: a task's life, who does what, who sees what, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from app.kernel.events import first_broken
from app.kernel.tables import new_id
from app.rectification.lifecycle import RectificationAction
from app.rectification.overdue import tell_overdue
from app.worker import Context
from schema import ids
from tests.factories.world import World
from tests.schema.conftest import use_presets
from tests.schema.ledger import (
    AUDITOR,
    COUNTY_OFFICE,
    FINDING,
    HANDLER,
    HELPER,
    LEAD,
    NEIGHBOURS,
    NO_PART,
    OFFICE,
    PLAN,
    SHOWN,
    STRANGER,
    SUPERVISION,
    Ledger,
    opened_ledger,
)

MILESTONES = [{"title": "公示清单", "dueOn": "2026-03-10"}, {"title": "取消材料", "dueOn": "2026-03-31"}]
STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "PLAN": ("rectificationTaskPlan", PLAN),
    "PROGRESS": ("rectificationTaskProgress", {"month": "2026-03-01", "text": "已公示。", "percent": 40}),
    "MILESTONE_COMPLETE": ("rectificationTaskMilestoneComplete", {"place": 1}),
    "SUBMIT": ("rectificationTaskSubmit", {"result": "已公示并取消。"}),
    "ACCEPT": ("rectificationTaskAccept", {}),
    "REJECT": ("rectificationTaskReject", {"reason": "未公示。"}),
    "CLOSE": ("rectificationTaskClose", {}),
    "REOPEN": ("rectificationTaskReopen", {"reason": "反弹。"}),
}


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


# A task's life


async def test_a_task_from_its_issue_to_its_reopening(ledger: Ledger, admin: asyncpg.Connection) -> None:
    task = await ledger.issue(
        shown="id version source sourceLabel status statusLabel round percent title problem goal measures dueAt "
        "overdue lagging provisional sponsor responsiblePerson lead { path } coOperators { path } schemeVersion",
        goal="一次提交",
        sponsor="分管副市长",
        responsiblePerson="窗口科负责人",
    )
    id_ = task.pop("id")
    assert task == {
        "version": 1,
        "source": "PROBLEM_LIST",
        "sourceLabel": "Problem list",
        "status": "ISSUED",
        "statusLabel": "Issued",
        "round": 1,
        "percent": 0,
        "title": FINDING["title"],
        "problem": FINDING["problem"],
        "goal": "一次提交",
        "measures": None,
        "dueAt": "2026-04-14T09:00:00+00:00",  # 30 working days, the Tomb-sweeping holiday not counted
        "overdue": False,
        "lagging": False,
        "provisional": False,
        "sponsor": "分管副市长",
        "responsiblePerson": "窗口科负责人",
        "lead": {"path": "guangyuan.commerce"},
        "coOperators": [{"path": "guangyuan.finance"}],
        "schemeVersion": 1,
    }
    await ledger.do(LEAD, "rectificationTaskPlan", taskId=id_, expectedVersion=1, **PLAN, milestones=MILESTONES)
    for place in (1, 2):
        await ledger.do(HANDLER, "rectificationTaskMilestoneComplete", taskId=id_, place=place, note="已完成")
    done = await ledger.do(
        HANDLER, "rectificationTaskProgress", taskId=id_, month="2026-03-20", text="已公示。", percent=60
    )
    assert (done["version"], done["percent"], done["status"]) == (5, 60, "ISSUED")
    await ledger.do(HANDLER, "rectificationTaskSubmit", taskId=id_, result="已公示并取消。")
    rejected = await ledger.do(
        SUPERVISION, "rectificationTaskReject", "status dueAt", taskId=id_, reason="抽查仍有重复。", dueOn="2026-04-30"
    )
    assert rejected == {"status": "REJECTED", "dueAt": "2026-04-30T09:00:00+00:00"}
    await ledger.do(HANDLER, "rectificationTaskSubmit", taskId=id_, result="已全部取消。")
    await ledger.do(OFFICE, "rectificationTaskAccept", taskId=id_, note="现场核查属实。")
    closed = await ledger.do(OFFICE, "rectificationTaskClose", "status closedAt lookBackUntil", taskId=id_)
    assert closed["status"] == "CLOSED"
    assert closed["lookBackUntil"] > closed["closedAt"]
    reopened = await ledger.do(
        OFFICE,
        "rectificationTaskReopen",
        "status round percent result closedAt lookBackUntil submittedAt measures",
        taskId=id_,
        reason="回头看发现反弹。",
    )
    assert reopened == {
        "status": "REOPENED",
        "round": 2,
        "percent": 0,
        "result": None,
        "closedAt": None,
        "lookBackUntil": None,
        "submittedAt": None,
        "measures": PLAN["measures"],
    }
    seen = await ledger.task(
        AUDITOR,
        id_,
        "milestones { place title dueOn doneAt note } progress { totalCount edges { node { month percent "
        "tenant { path } } } } timeline(first: 50) { edges { node { type typeLabel version note fromStatus "
        "toStatus percent milestone hash prevHash actor { role tenant { path } name } } } }",
    )
    assert [(each["place"], each["dueOn"], each["note"]) for each in seen["milestones"]] == [
        (1, "2026-03-10", "已完成"),
        (2, "2026-03-31", "已完成"),
    ]
    assert seen["progress"] == {
        "totalCount": 1,
        "edges": [{"node": {"month": "2026-03-01", "percent": 60, "tenant": {"path": "guangyuan.commerce"}}}],
    }
    events = [edge["node"] for edge in seen["timeline"]["edges"]]
    assert [each["type"] for each in events] == [
        *("ISSUED", "PLANNED", "MILESTONE_COMPLETED", "MILESTONE_COMPLETED", "PROGRESSED", "SUBMITTED", "REJECTED"),
        *("SUBMITTED", "ACCEPTED", "CLOSED", "REOPENED"),
    ]
    assert [each["version"] for each in events] == list(range(1, 12))
    assert [each["prevHash"] for each in events] == [None, *(each["hash"] for each in events[:-1])]
    assert events[6]["actor"]["role"] == "SUPERVISION_OFFICER"
    assert events[4]["actor"]["tenant"] == {"path": "guangyuan.commerce"}
    rows = await admin.fetch("select * from events where subject_id = $1 order by seq", ids.decode(id_).key)
    assert first_broken([{**row, "data": orjson.loads(row["data"])} for row in rows]) is None
    assert {(row["topic"], row["visibility"], row["restricted"]) for row in rows} == {
        ("rectification", "INTERNAL", False)
    }


@pytest.mark.parametrize("status", ["ISSUED", "SUBMITTED", "REJECTED", "ACCEPTED", "CLOSED", "REOPENED"])
async def test_allowed_actions_are_the_truth(ledger: Ledger, status: str) -> None:
    """In every state and for everybody: what is listed works, and nothing else does."""
    id_ = await ledger.at(status)
    for login in (OFFICE, HANDLER, HELPER, AUDITOR):
        for action in RectificationAction:
            allowed = (await ledger.task(login, id_, "allowedActions"))["allowedActions"]
            name, given = STEPS[action]
            answer = await ledger.api.ask(
                login,
                f"mutation($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) "
                "{ userErrors { code } } }",
                input={"taskId": id_, **given},
            )
            done = "errors" not in answer and answer["data"][name]["userErrors"] == []
            assert done is (action.name in allowed), (login, action, answer)
            if done:
                id_ = await ledger.at(status)


async def test_an_illegal_step_says_what_is_possible_in_its_own_words(ledger: Ledger) -> None:
    id_ = await ledger.at("ISSUED")
    error = await ledger.refused(OFFICE, "rectificationTaskAccept", taskId=id_)
    assert error["__typename"] == "IllegalTransitionError"
    assert (error["current"], error["action"], error["allowed"]) == ("ISSUED", "ACCEPT", ["PLAN", "PROGRESS"])
    chinese = await ledger.api.ask(
        OFFICE,
        "mutation($id: ID!) { rectificationTaskAccept(input: {taskId: $id}) { userErrors { message } } }",
        locale="zh-CN",
        id=id_,
    )
    (said,) = chinese["data"]["rectificationTaskAccept"]["userErrors"]
    assert said["message"] == "当前状态为“整改中”,不能“通过验收”。可以进行的操作:制定整改方案、报告进展。"


async def test_what_is_looked_back_at_too_late_stays_closed(ledger: Ledger) -> None:
    id_ = await ledger.at("CLOSED")
    until = datetime.fromisoformat((await ledger.task(OFFICE, id_, "lookBackUntil"))["lookBackUntil"])
    ledger.clock.at = until + timedelta(hours=1)
    assert (await ledger.task(OFFICE, id_, "allowedActions"))["allowedActions"] == []
    error = await ledger.refused(OFFICE, "rectificationTaskReopen", taskId=id_, reason="反弹。")
    assert error["code"] == "ILLEGAL_TRANSITION"


async def test_a_retry_is_answered_and_not_done_again(ledger: Ledger, admin: asyncpg.Connection) -> None:
    given = {**FINDING, "source": "AUDIT", "idempotencyKey": "k1"}
    first, again = [await ledger.do(OFFICE, "rectificationTaskIssue", "id", **given) for _ in range(2)]
    assert first == again
    assert await admin.fetchval("select count(*) from rectification_tasks") == 1
    other = await ledger.refused(OFFICE, "rectificationTaskIssue", **{**given, "title": "另一问题"})
    assert other["code"] == "IDEMPOTENCY_MISMATCH"


async def test_who_acts_on_an_older_version_is_told(ledger: Ledger) -> None:
    id_ = await ledger.at("ISSUED")
    await ledger.do(HANDLER, "rectificationTaskPlan", taskId=id_, expectedVersion=1, **PLAN)
    error = await ledger.refused(HANDLER, "rectificationTaskPlan", taskId=id_, expectedVersion=1, **PLAN)
    assert (error["code"], error["currentVersion"]) == ("CONFLICT", 2)


async def test_a_new_plan_replaces_what_was_not_done(ledger: Ledger) -> None:
    id_ = await ledger.at("ISSUED")
    await ledger.do(HANDLER, "rectificationTaskPlan", taskId=id_, **PLAN, milestones=MILESTONES)
    assert "SUBMIT" not in (await ledger.task(HANDLER, id_, "allowedActions"))["allowedActions"]
    await ledger.do(HANDLER, "rectificationTaskMilestoneComplete", taskId=id_, place=1)
    await ledger.do(
        HANDLER,
        "rectificationTaskPlan",
        taskId=id_,
        measures="换一种办法。",
        milestones=[{"title": "数据共享", "dueOn": "2026-04-01"}],
    )
    seen = await ledger.task(HANDLER, id_, "cause measures milestones { place title doneAt }")
    assert (seen["cause"], seen["measures"]) == (PLAN["cause"], "换一种办法。")
    assert [(each["place"], each["title"], each["doneAt"] is None) for each in seen["milestones"]] == [
        (1, "公示清单", False),
        (2, "数据共享", True),
    ]


async def test_progress_is_reported_once_a_month_by_each_who_works_on_it(ledger: Ledger) -> None:
    id_ = await ledger.at("ISSUED")

    def of(month: str, percent: int = 30) -> dict[str, Any]:
        return {"taskId": id_, "month": month, "text": "推进中。", "percent": percent}

    helped = await ledger.do(HELPER, "rectificationTaskProgress", **of("2026-03-31", 90))
    assert helped["percent"] == 0  # the responsible unit's word counts
    assert (await ledger.do(HANDLER, "rectificationTaskProgress", **of("2026-03-01")))["percent"] == 30
    for login in (HANDLER, LEAD, HELPER):
        assert await ledger.rule(login, "rectificationTaskProgress", **of("2026-03-15")) == ("month", "month_reported")
    ledger.clock.at = datetime(2026, 5, 6, 2, 0, tzinfo=UTC)
    assert (await ledger.do(HANDLER, "rectificationTaskProgress", **of("2026-05-01", 70)))["percent"] == 70
    # What is handed in late does not take the place of a later month.
    assert (await ledger.do(HANDLER, "rectificationTaskProgress", **of("2026-04-01", 50)))["percent"] == 70


async def test_a_ticket_that_led_to_it_is_shown_to_those_who_see_the_ticket(ledger: Ledger) -> None:
    ticket = (await ledger.api.submit())["id"]
    id_ = await ledger.at("ISSUED", source="BAD_RATING", ticketId=ticket)
    assert await ledger.task(OFFICE, id_, "ticket { id }") == {"ticket": {"id": ticket}}
    assert await ledger.task(HANDLER, id_, "ticket { id }") == {"ticket": None}  # it was not dispatched to them
    assert await ledger.titles(OFFICE, ticketId=ticket) == [FINDING["title"]]
    unknown = ids.encode("T", ledger.api.world.guangyuan.id, new_id())
    of_the_neighbour = ids.encode("T", ledger.api.world.anshan.id, ids.decode(ticket).key)
    for other in (unknown, of_the_neighbour):
        given = {**FINDING, "source": "BAD_RATING", "ticketId": other}
        assert await ledger.rule(OFFICE, "rectificationTaskIssue", **given) == ("ticketId", "unknown_ticket")


# Who sees it, who may


async def test_who_sees_a_task(ledger: Ledger) -> None:
    id_ = await ledger.at("ISSUED")
    for login in (OFFICE, SUPERVISION, AUDITOR, "working_group@guangyuan", "leading_group@guangyuan", LEAD, HELPER):
        assert (await ledger.task(login, id_, "id"))["id"] == id_
        assert await ledger.titles(login) == [FINDING["title"]]
    for login in (STRANGER, COUNTY_OFFICE, "handler@guangyuan.cangxi", *NEIGHBOURS):
        assert await ledger.task(login, id_, "id") is None
        assert await ledger.titles(login) == []
        node = await ledger.api.data(login, "query($id: ID!) { node(id: $id) { id } }", id=id_)
        assert node == {"node": None}
    for login in (*NO_PART, ledger.api.world.guangyuan.enterprise.login):
        answer = await ledger.api.ask(login, "query($id: ID!) { rectificationTask(id: $id) { id } }", id=id_)
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        node = await ledger.api.data(login, "query($id: ID!) { node(id: $id) { id } }", id=id_)
        assert node == {"node": None}


async def test_a_countys_office_sees_and_judges_what_lies_below_it(ledger: Ledger) -> None:
    below = "guangyuan.cangxi.housing"
    id_ = (await ledger.issue(COUNTY_OFFICE, lead=below, coOperators=[]))["id"]
    await ledger.do("handler@guangyuan.cangxi.housing", "rectificationTaskPlan", taskId=id_, **PLAN)
    await ledger.do("handler@guangyuan.cangxi.housing", "rectificationTaskSubmit", taskId=id_, result="已整改。")
    assert await ledger.task("office@guangyuan.jiange", id_, "id") is None
    accepted = await ledger.do(COUNTY_OFFICE, "rectificationTaskAccept", taskId=id_)
    assert accepted["status"] == "ACCEPTED"


async def test_nobody_gives_or_judges_a_task_of_their_own(ledger: Ledger) -> None:
    county: dict[str, Any] = {"lead": "guangyuan.cangxi", "coOperators": []}
    given = {**FINDING, **county, "source": "AUDIT"}
    assert await ledger.rule(COUNTY_OFFICE, "rectificationTaskIssue", **given) == ("lead", "outside_reach")
    id_ = (await ledger.issue(**county))["id"]
    await ledger.do("handler@guangyuan.cangxi", "rectificationTaskPlan", taskId=id_, **PLAN)
    await ledger.do("handler@guangyuan.cangxi", "rectificationTaskSubmit", taskId=id_, result="已整改。")
    seen = await ledger.task(COUNTY_OFFICE, id_, "status allowedActions")
    assert seen == {"status": "SUBMITTED", "allowedActions": []}
    error = await ledger.refused(COUNTY_OFFICE, "rectificationTaskAccept", taskId=id_)
    assert error["code"] == "NOT_RESPONSIBLE"
    assert (await ledger.do(OFFICE, "rectificationTaskAccept", taskId=id_))["status"] == "ACCEPTED"


async def test_the_neighbour_and_whoever_does_not_see_it_get_the_same_answer_as_for_nothing(ledger: Ledger) -> None:
    id_ = await ledger.at("ISSUED")
    unknown = ids.encode("RT", ledger.api.world.guangyuan.id, new_id())
    for login, verb in ((STRANGER, "SUBMIT"), ("handler@anshan.commerce", "SUBMIT"), ("office@anshan", "ACCEPT")):
        name, given = STEPS[verb]
        theirs, none = [await ledger.refused(login, name, taskId=each, **given) for each in (id_, unknown)]
        assert theirs == none
        assert theirs["code"] == "NOT_FOUND"


async def test_who_helps_does_not_do_the_responsible_units_steps(ledger: Ledger) -> None:
    id_ = await ledger.at("ISSUED")
    assert (await ledger.task(HELPER, id_, "allowedActions"))["allowedActions"] == ["PROGRESS"]
    for verb in ("PLAN", "SUBMIT"):
        name, given = STEPS[verb]
        assert (await ledger.refused(HELPER, name, taskId=id_, **given))["code"] == "NOT_RESPONSIBLE"


# What is refused


@pytest.mark.parametrize(
    ("given", "field", "rule"),
    [
        ({"title": "  "}, "title", "empty"),
        ({"title": "长" * 201}, "title", "too_long"),
        ({"problem": "长" * 4_001}, "problem", "too_long"),
        ({"problem": "一\x00二"}, "problem", "characters"),
        ({"goal": "长" * 4_001}, "goal", "too_long"),
        ({"responsiblePerson": "长" * 101}, "responsiblePerson", "too_long"),
        ({"sponsor": "长" * 101}, "sponsor", "too_long"),
        ({"lead": "guangyuan.nowhere"}, "lead", "unknown_tenant"),
        ({"lead": "anshan.commerce"}, "lead", "unknown_tenant"),
        ({"lead": "guangyuan"}, "lead", "not_handling"),
        ({"coOperators": ["guangyuan.commerce"]}, "coOperators.0", "duplicate"),
        ({"coOperators": ["guangyuan.finance", "guangyuan.finance"]}, "coOperators.1", "duplicate"),
        ({"coOperators": ["anshan.finance"]}, "coOperators.0", "unknown_tenant"),
        ({"coOperators": ["guangyuan.finance"] * 21}, "coOperators", "too_many"),
        ({"dueOn": "2026-03-01"}, "dueOn", "not_after"),
        ({"dueOn": "0001-01-01"}, "dueOn", "not_after"),
        ({"dueOn": "9999-12-31"}, "dueOn", "too_far"),
    ],
)
async def test_a_task_that_is_not_well_formed(ledger: Ledger, given: dict[str, Any], field: str, rule: str) -> None:
    values = {**FINDING, "source": "PROBLEM_LIST", **given}
    assert await ledger.rule(OFFICE, "rectificationTaskIssue", **values) == (field, rule)
    assert await ledger.titles(OFFICE) == []


async def test_a_task_is_due_today_while_the_office_is_open(ledger: Ledger) -> None:
    today = {**FINDING, "source": "PROBLEM_LIST", "dueOn": "2026-03-02"}
    made = await ledger.do(OFFICE, "rectificationTaskIssue", "dueAt", **today)
    assert made == {"dueAt": "2026-03-02T09:00:00+00:00"}
    ledger.clock.at = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
    assert await ledger.rule(OFFICE, "rectificationTaskIssue", **today) == ("dueOn", "not_after")


@pytest.mark.parametrize(
    ("verb", "given", "field", "rule"),
    [
        ("PROGRESS", {"month": "2026-04-01"}, "month", "in_future"),
        ("PROGRESS", {"month": "2026-02-28"}, "month", "out_of_order"),
        ("PROGRESS", {"month": "0001-01-01"}, "month", "out_of_order"),
        ("PROGRESS", {"percent": 101}, "percent", "too_many"),
        ("PROGRESS", {"percent": -1}, "percent", "too_few"),
        ("PROGRESS", {"text": "长" * 4_001}, "text", "too_long"),
        ("PLAN", {"measures": " "}, "measures", "empty"),
        ("PLAN", {"milestones": [{"title": "一", "dueOn": "2026-03-01"}]}, "milestones.0.dueOn", "out_of_order"),
        ("PLAN", {"milestones": MILESTONES[::-1]}, "milestones.1.dueOn", "out_of_order"),
        ("PLAN", {"milestones": [{"title": "一", "dueOn": "2027-01-01"}]}, "milestones.0.dueOn", "after_due"),
        ("PLAN", {"milestones": [{"title": "长" * 201, "dueOn": "2026-03-10"}]}, "milestones.0.title", "too_long"),
        ("PLAN", {"milestones": MILESTONES[:1] * 51}, "milestones", "too_many"),
        ("MILESTONE_COMPLETE", {"place": 0}, "place", "unknown_milestone"),
        ("MILESTONE_COMPLETE", {"place": 3}, "place", "unknown_milestone"),
        ("MILESTONE_COMPLETE", {"place": 1}, "place", "already_done"),
    ],
)
async def test_a_step_that_is_not_well_formed(
    ledger: Ledger, verb: str, given: dict[str, Any], field: str, rule: str
) -> None:
    id_ = await ledger.at("ISSUED")
    await ledger.do(HANDLER, "rectificationTaskPlan", taskId=id_, **PLAN, milestones=MILESTONES)
    await ledger.do(HANDLER, "rectificationTaskMilestoneComplete", taskId=id_, place=1)
    name, usual = STEPS[verb]
    assert await ledger.rule(HANDLER, name, taskId=id_, **{**usual, **given}) == (field, rule)
    assert (await ledger.task(HANDLER, id_, SHOWN))["version"] == 3


async def test_a_verdict_needs_its_reason_and_a_day_that_is_to_come(ledger: Ledger) -> None:
    submitted, closed = await ledger.at("SUBMITTED"), await ledger.at("CLOSED")
    for name, id_ in (("rectificationTaskReject", submitted), ("rectificationTaskReopen", closed)):
        assert await ledger.rule(OFFICE, name, taskId=id_, reason=" ") == ("reason", "empty")
        assert await ledger.rule(OFFICE, name, taskId=id_, reason="反弹。", dueOn="2026-03-01") == (
            "dueOn",
            "not_after",
        )


# Late


async def test_overdue_and_lagging_are_of_the_moment_of_reading(ledger: Ledger) -> None:
    id_ = await ledger.at("ISSUED", dueOn="2026-06-30")
    shown = "overdue lagging"

    async def at(text: str) -> tuple[bool, bool]:
        ledger.clock.at = datetime.fromisoformat(text).astimezone(UTC)
        seen = await ledger.task(HANDLER, id_, shown)
        assert await ledger.titles(OFFICE, overdue=seen["overdue"], lagging=seen["lagging"]) == [FINDING["title"]]
        assert await ledger.titles(OFFICE, lagging=not seen["lagging"]) == []
        return seen["overdue"], seen["lagging"]

    assert await at("2026-04-30T23:59:00+08:00") == (False, False)
    assert await at("2026-05-01T00:00:00+08:00") == (False, True)  # nothing was said of April
    await ledger.do(HANDLER, "rectificationTaskProgress", taskId=id_, month="2026-04-01", text="推进中。", percent=50)
    assert await at("2026-05-02T00:00:00+08:00") == (False, False)
    assert await at("2026-06-30T17:00:01+08:00") == (True, True)
    await ledger.do(HANDLER, "rectificationTaskPlan", taskId=id_, **PLAN)
    await ledger.do(HANDLER, "rectificationTaskSubmit", taskId=id_, result="已整改。")
    assert await at("2026-07-02T00:00:00+08:00") == (False, False)  # it is the office's turn


async def test_the_ledger_is_filtered_and_sorted(ledger: Ledger) -> None:
    for title, given in {
        "甲": {"source": "AUDIT", "dueOn": "2026-09-30"},
        "乙": {"source": "RANKING", "dueOn": "2026-03-20", "lead": "guangyuan.housing"},
        "丙": {"source": "AUDIT", "dueOn": "2026-06-30", "lead": "guangyuan.cangxi"},
    }.items():
        await ledger.issue(title=title, **given)
    assert await ledger.titles(OFFICE) == ["丙", "乙", "甲"]
    assert await ledger.titles(OFFICE, order={"field": "DUE_AT", "direction": "ASC"}) == ["乙", "丙", "甲"]
    assert await ledger.titles(OFFICE, source=["AUDIT"]) == ["丙", "甲"]
    assert await ledger.titles(OFFICE, status=["CLOSED"]) == []
    assert await ledger.titles(OFFICE, department="guangyuan.finance") == ["丙", "乙", "甲"]
    assert await ledger.titles(OFFICE, department="guangyuan.housing") == ["乙"]
    assert await ledger.titles(OFFICE, within="guangyuan.cangxi") == ["丙"]
    assert await ledger.titles(OFFICE, within="guangyuan.housing") == ["乙"]
    assert await ledger.titles(OFFICE, dueFrom="2026-06-01T00:00:00+08:00", dueBefore="2026-07-01T00:00:00+08:00") == [
        "丙"
    ]
    assert await ledger.titles(OFFICE, issuedFrom="2026-04-01T00:00:00+08:00") == []
    assert await ledger.titles(OFFICE, issuedBefore="2026-04-01T00:00:00+08:00") == ["丙", "乙", "甲"]
    assert await ledger.titles(HELPER, order={"field": "DUE_AT", "direction": "DESC"}) == ["甲", "丙", "乙"]
    assert await ledger.titles(COUNTY_OFFICE) == ["丙"]


async def test_a_missed_date_is_told_once(ledger: Ledger, admin: asyncpg.Connection) -> None:
    id_ = await ledger.at("ISSUED", dueOn="2026-03-10")
    await ledger.at("SUBMITTED", dueOn="2026-03-10")
    services = ledger.api.services
    context = Context(services.database, services.trees, services.sequencer, ledger.clock, services.settings)
    assert await tell_overdue(context) == 0
    ledger.clock.at = datetime(2026, 3, 11, 1, 0, tzinfo=UTC)
    version = (await ledger.task(HANDLER, id_, "version"))["version"]
    assert await tell_overdue(context) == 1
    assert await tell_overdue(context) == 0
    seen = await ledger.task(HANDLER, id_, "version timeline(last: 1) { edges { node { type dueAt actor { role } } } }")
    assert seen["version"] == version
    assert seen["timeline"]["edges"] == [
        {"node": {"type": "OVERDUE", "dueAt": "2026-03-10T09:00:00+00:00", "actor": None}}
    ]
    # A new date may be missed anew.
    await ledger.do(HANDLER, "rectificationTaskPlan", taskId=id_, **PLAN)
    await ledger.do(HANDLER, "rectificationTaskSubmit", taskId=id_, result="已整改。")
    await ledger.do(OFFICE, "rectificationTaskReject", taskId=id_, reason="未到位。", dueOn="2026-03-20")
    assert await tell_overdue(context) == 0
    ledger.clock.at = datetime(2026, 3, 23, 1, 0, tzinfo=UTC)
    assert await tell_overdue(context) == 1
    rows = await admin.fetch("select * from events where subject_id = $1 order by seq", ids.decode(id_).key)
    assert [row["type"] for row in rows].count("OVERDUE") == 2
    assert first_broken([{**row, "data": orjson.loads(row["data"])} for row in rows]) is None
