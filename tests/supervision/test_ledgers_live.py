"""What the ledgers and the duties to report ask of a tenant reaches its people live, and nobody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.integrity.reports.job import keep_reports
from app.rectification.overdue import tell_overdue
from schema import ids
from schema.live.hub import Hub
from tests.schema.conftest import everything_is_numbered
from tests.schema.edge import until
from tests.schema.test_live_tickets import Responses
from tests.supervision.conftest import CITY, FINANCE, HANDLER, LEAD, OFFICE, Supervised

TOLD = (
    "subscription { notifications { cursor node { type: kind kindLabel tenant { path } "
    "task { title } report { obligation beginsOn } entry { title } ticket { number } notice { number } } } }"
)
NEIGHBOUR = "handler@anshan.commerce"
MONTHLY = "响应处置月度监测报告"


async def listen(hub: Hub, s: Supervised, *logins: str) -> dict[str, Responses]:
    found = {}
    for login in logins:
        viewer = await s.api.viewer(login)
        found[login] = Responses()
        prepared = await s.api.services.executor.prepare(TOLD, None, viewer=viewer)
        await hub.subscribe(prepared, {}, viewer, found[login])
    return found


async def done(s: Supervised, login: str, name: str, shown: str, **given: Any) -> dict[str, Any]:
    document = (
        f"mutation($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) {{ {shown} "
        "userErrors { code path } } }"
    )
    payload: dict[str, Any] = (await s.api.data(login, document, input=given))[name]
    assert payload["userErrors"] == [], payload
    return payload


async def test_a_task_that_is_issued_rejected_and_overdue(supervised: Supervised) -> None:
    s = supervised
    async with Hub(s.api.services) as hub:
        await s.api.services.wakeups.connected()
        sinks = await listen(hub, s, HANDLER, LEAD, FINANCE, OFFICE, NEIGHBOUR)
        finding = {"title": "材料重复提交", "problem": "三个窗口重复提交。", "lead": f"{CITY}.commerce"}
        task = (
            await done(
                *(s, OFFICE, "rectificationTaskIssue", "rectificationTask { id }"), source="PROBLEM_LIST", **finding
            )
        )["rectificationTask"]["id"]
        await until(lambda: sinks[LEAD].types == ["TASK_ISSUED"])
        node = sinks[LEAD].edges[0]["node"]
        assert (node["task"], node["tenant"]) == ({"title": "材料重复提交"}, {"path": f"{CITY}.commerce"})
        assert node["ticket"] is node["notice"] is node["report"] is node["entry"] is None
        s.clock.advance(timedelta(days=60))
        assert await tell_overdue(s.context) == 1
        await everything_is_numbered(s.api)
        for name, given in (("Plan", {"measures": "合并"}), ("Submit", {"result": "已合并。"})):
            await done(s, LEAD, f"rectificationTask{name}", "rectificationTask { id }", taskId=task, **given)
        await done(s, OFFICE, "rectificationTaskReject", "rectificationTask { id }", taskId=task, reason="仍有重复。")
        await until(lambda: len(sinks[LEAD].edges) == len(sinks[HANDLER].edges) == 3)
        assert sinks[LEAD].types == sinks[HANDLER].types == ["TASK_ISSUED", "TASK_OVERDUE", "TASK_REJECTED"]
        assert [sinks[each].edges for each in (FINANCE, OFFICE, NEIGHBOUR)] == [[], [], []]


async def test_who_helps_with_a_task_is_told_too(supervised: Supervised) -> None:
    s = supervised
    async with Hub(s.api.services) as hub:
        await s.api.services.wakeups.connected()
        sinks = await listen(hub, s, HANDLER, FINANCE, NEIGHBOUR)
        given = {"title": "园区用电", "problem": "变压器容量不足。", "lead": f"{CITY}.commerce"}
        issued = await done(
            *(s, OFFICE, "rectificationTaskIssue", "rectificationTask { id }"),
            **given,
            source="PROBLEM_LIST",
            coOperators=[f"{CITY}.finance"],
        )
        task = issued["rectificationTask"]["id"]
        for name, more in (("Plan", {"measures": "增容"}), ("Submit", {"result": "已增容。"})):
            await done(s, LEAD, f"rectificationTask{name}", "rectificationTask { id }", taskId=task, **more)
        await done(s, OFFICE, "rectificationTaskReject", "rectificationTask { id }", taskId=task, reason="仍有跳闸。")
        await until(lambda: len(sinks[HANDLER].edges) == len(sinks[FINANCE].edges) == 2)
        assert sinks[HANDLER].types == sinks[FINANCE].types == ["TASK_ISSUED", "TASK_REJECTED"]
        assert sinks[FINANCE].edges[0]["node"]["task"] == {"title": "园区用电"}
        assert sinks[NEIGHBOUR].edges == []


async def test_an_entry_of_the_integrity_ledger(supervised: Supervised) -> None:
    s = supervised
    enterprise = s.api.world.guangyuan.enterprise
    async with Hub(s.api.services) as hub:
        await s.api.services.wakeups.connected()
        sinks = await listen(hub, s, HANDLER, FINANCE, OFFICE, NEIGHBOUR)
        entry = (
            await done(
                *(s, OFFICE, "integrityEntryOpen", "integrityEntry { id }"),
                kind="ARREARS",
                title="拖欠道路工程款",
                debtor=f"{CITY}.commerce",
                creditorId=ids.encode("E", enterprise.city_id, enterprise.id),
                amount="1000.00",
            )
        )["integrityEntry"]["id"]
        await done(s, OFFICE, "integrityEntryConfirm", "integrityEntry { id }", entryId=entry)
        paid = (
            await done(
                *(s, HANDLER, "integrityInstalmentRecord", "integrityEntry { instalments { edges { node { id } } } }"),
                entryId=entry,
                amount="400.00",
                paidOn="2026-03-02",
            )
        )["integrityEntry"]["instalments"]["edges"][0]["node"]["id"]
        await done(
            *(s, OFFICE, "integrityInstalmentReverse", "integrityEntry { id }"),
            entryId=entry,
            instalmentId=paid,
            reason="重复登记",
        )
        await until(lambda: len(sinks[HANDLER].edges) == 3 and sinks[OFFICE].edges)
        assert sinks[HANDLER].types == ["ENTRY_OPENED", "ENTRY_CONFIRMED", "INSTALMENT_REVERSED"]
        assert {edge["node"]["entry"]["title"] for edge in sinks[HANDLER].edges} == {"拖欠道路工程款"}
        assert sinks[OFFICE].types == ["INSTALMENT_RECORDED"], "whoever keeps the ledger hears what was paid"
        assert [sinks[each].edges for each in (FINANCE, NEIGHBOUR)] == [[], []]


async def test_a_report_from_its_draft_to_its_end(supervised: Supervised) -> None:
    s = supervised
    leaders = f"leading_group@{CITY}"
    async with Hub(s.api.services) as hub:
        await s.api.services.wakeups.connected()
        await keep_reports(s.context)  # what is owed of the months before
        await everything_is_numbered(s.api)
        sinks = await listen(hub, s, OFFICE, leaders, HANDLER, NEIGHBOUR)
        s.clock.at = datetime(2026, 4, 1, 1, tzinfo=UTC)
        await keep_reports(s.context)
        s.clock.at = datetime(2026, 4, 3, 6, tzinfo=UTC)  # of 1 to 7 April, of which 4 to 6 are free: 22.4 of 28 hours
        await keep_reports(s.context)
        await everything_is_numbered(s.api)

        def of_march(login: str) -> list[str]:
            return [
                edge["node"]["type"]
                for edge in sinks[login].edges
                if edge["node"]["report"] == {"obligation": MONTHLY, "beginsOn": "2026-03-01"}
            ]

        await until(lambda: of_march(OFFICE) == ["REPORT_DRAFTED"])
        s.clock.at = datetime(2026, 4, 7, 3, tzinfo=UTC)
        await keep_reports(s.context)
        await everything_is_numbered(s.api)
        await until(lambda: of_march(OFFICE) == ["REPORT_DRAFTED", "REPORT_WARNED"])
        s.clock.at = datetime(2026, 4, 8, 3, tzinfo=UTC)
        for _ in range(2):
            await keep_reports(s.context)
        await everything_is_numbered(s.api)
        await until(lambda: len(of_march(OFFICE)) == 3)
        query = "{ reports(first: 50) { edges { node { id obligation beginsOn } } } }"
        edges = (await s.api.data(leaders, query))["reports"]["edges"]
        (report,) = [
            edge["node"]["id"]
            for edge in edges
            if (edge["node"]["obligation"], edge["node"]["beginsOn"]) == (MONTHLY, "2026-03-01")
        ]
        await done(s, OFFICE, "reportSubmit", "report { id }", reportId=report, summary="本月运行平稳")
        await done(s, leaders, "reportReturn", "report { id }", reportId=report, reason="请补充")
        await done(s, OFFICE, "reportSubmit", "report { id }", reportId=report, summary="已补充")
        await done(s, leaders, "reportAccept", "report { id }", reportId=report)
        await until(lambda: len(of_march(OFFICE)) == len(of_march(leaders)) == 7)
        assert of_march(OFFICE) == [
            *("REPORT_DRAFTED", "REPORT_WARNED", "REPORT_CHASED"),
            *("REPORT_SUBMITTED", "REPORT_RETURNED", "REPORT_SUBMITTED", "REPORT_ACCEPTED"),
        ]
        assert of_march(leaders) == of_march(OFFICE), "the city owes it to the city"
        assert [sinks[each].edges for each in (HANDLER, NEIGHBOUR)] == [[], []]


@pytest.mark.parametrize("login", [HANDLER, NEIGHBOUR])
async def test_nobody_is_told_of_what_they_may_not_see(supervised: Supervised, login: str) -> None:
    """A notification names what it is about, and shows nothing of it to whom it is not open."""
    s = supervised
    await keep_reports(s.context)
    seen = await s.api.data(login, "{ notifications(first: 100) { edges { node { kind report { id } } } } }")
    assert seen["notifications"]["edges"] == []
    told = await s.api.data(OFFICE, "{ notifications(first: 100) { edges { node { id kind report { id } } } } }")
    own = [edge["node"] for edge in told["notifications"]["edges"]]
    assert own
    assert all(each["report"] for each in own)
    ask = "query($id: ID!) { node(id: $id) { id } }"
    assert (await s.api.data(login, ask, id=own[0]["id"]))["node"] is None
