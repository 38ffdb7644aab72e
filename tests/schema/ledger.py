"""How the tests of the problem ledger act: one verb at a time, on a clock that they set."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.kernel.clock import FixedClock
from tests.factories.world import World
from tests.schema.conftest import Api, opened

OFFICE, SUPERVISION, AUDITOR = "office@guangyuan", "supervision_officer@guangyuan", "auditor@guangyuan"
COUNTY_OFFICE = "office@guangyuan.cangxi"
LEAD, HANDLER = "department_lead@guangyuan.commerce", "handler@guangyuan.commerce"
HELPER, STRANGER = "handler@guangyuan.finance", "handler@guangyuan.housing"
NEIGHBOURS = ("office@anshan", "auditor@anshan", "handler@anshan.commerce")
NO_PART = ("steward@guangyuan", "intake_agent@guangyuan", "dispatcher@guangyuan", "city_administrator@guangyuan")

BEGINNING = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""A Monday, 9 o'clock in Shanghai."""
SHOWN = "id version status round percent"
LED_TO = {"workPlanId": "WP", "inspectionId": "IN", "noticeId": "SN"}
"""By what else tasks are chosen, and the prefixes of those ids."""
REFUSAL = (
    "userErrors { __typename code message path ... on InvalidInputError { rule limit } "
    "... on IllegalTransitionError { current action allowed } ... on ConflictError { currentVersion } }"
)
PLAN = {"measures": "公示材料清单,取消重复提交。", "cause": "窗口之间不共享材料。", "goal": "一次提交。"}
FINDING = {"title": "材料重复提交", "problem": "企业在三个窗口重复提交同一材料。", "lead": "guangyuan.commerce"}


@dataclass
class Ledger:
    """The ledger of Guangyuan, and who acts on it. Every verb takes a minute."""

    api: Api
    clock: FixedClock

    async def payload(self, login: str, name: str, shown: str, given: dict[str, Any]) -> dict[str, Any]:
        """A verb's payload, `shown` of its object."""
        self.clock.advance(timedelta(minutes=1))
        what = {"workPlanPublish": "workPlan", "inspectionRecord": "inspection"}.get(name, "rectificationTask")
        document = (
            f"mutation($input: {name[0].upper()}{name[1:]}Input!) "
            f"{{ {name}(input: $input) {{ {what} {{ {shown} }} {REFUSAL} }} }}"
        )
        answer: dict[str, Any] = (await self.api.data(login, document, input=given))[name]
        return {"made": answer[what], "userErrors": answer["userErrors"]}

    async def do(self, login: str, name: str, shown: str = SHOWN, **given: Any) -> dict[str, Any]:
        """What the verb shows. Fails on any refusal."""
        payload = await self.payload(login, name, shown, given)
        assert payload["userErrors"] == [], payload
        made: dict[str, Any] = payload["made"]
        return made

    async def refused(self, login: str, name: str, **given: Any) -> dict[str, Any]:
        """The one refusal."""
        payload = await self.payload(login, name, "id", given)
        assert payload["made"] is None
        (error,) = payload["userErrors"]
        refusal: dict[str, Any] = error
        return refusal

    async def rule(self, login: str, name: str, **given: Any) -> tuple[str, str]:
        """The field and the rule of the one refusal."""
        error = await self.refused(login, name, **given)
        assert error["code"] == "INVALID_INPUT", error
        return ".".join(error["path"][1:]), error["rule"]

    async def issue(self, login: str = OFFICE, shown: str = "id", **given: Any) -> dict[str, Any]:
        """A task of commerce, with which finance helps."""
        values = {**FINDING, "source": "PROBLEM_LIST", "coOperators": ["guangyuan.finance"], **given}
        return await self.do(login, "rectificationTaskIssue", shown, **values)

    async def at(self, status: str, **given: Any) -> str:
        """The id of a task in that state."""
        id_: str = (await self.issue(**given))["id"]
        steps: list[tuple[str, str, dict[str, Any]]] = [
            (HANDLER, "Plan", PLAN),
            (LEAD, "Submit", {"result": "已公示并取消。"}),
            (OFFICE, "Accept", {}),
            (OFFICE, "Close", {}),
            (OFFICE, "Reopen", {"reason": "回头看发现反弹。"}),
        ]
        ways = {"ISSUED": 0, "SUBMITTED": 2, "REJECTED": 2, "ACCEPTED": 3, "CLOSED": 4, "REOPENED": 5}
        for login, verb, said in steps[: ways[status]]:
            await self.do(login, f"rectificationTask{verb}", taskId=id_, **said)
        if status == "REJECTED":
            await self.do(OFFICE, "rectificationTaskReject", taskId=id_, reason="未公示。")
        return id_

    async def task(self, login: str, id_: str, shown: str) -> Any:
        """What somebody sees of a task."""
        query = f"query($id: ID!) {{ rectificationTask(id: $id) {{ {shown} }} }}"
        return (await self.api.data(login, query, id=id_))["rectificationTask"]

    async def titles(self, login: str, within: str | None = None, order: Any = None, **filter_: Any) -> list[str]:
        """The titles of the ledger's tasks as somebody sees them; its total is looked at too."""
        query = """query($within: TenantPath, $filter: RectificationTaskFilter, $order: RectificationTaskOrder) {
          rectificationTasks(within: $within, filter: $filter, orderBy: $order, first: 100) {
            totalCount edges { node { title } } } }"""
        found = (await self.api.data(login, query, within=within, filter=filter_, order=order))["rectificationTasks"]
        titles = [edge["node"]["title"] for edge in found["edges"]]
        assert found["totalCount"] == len(titles)
        return titles


@asynccontextmanager
async def opened_ledger(
    world: World, application_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Ledger]:
    """The schema of one process, on a clock that stands still until a verb is done or it is moved."""
    clock = FixedClock(BEGINNING)
    monkeypatch.setattr("app.main.SystemClock", lambda: clock)
    async with opened(world, application_url, tmp_path) as api:
        yield Ledger(Api(api.services, api.world, clock), clock)
