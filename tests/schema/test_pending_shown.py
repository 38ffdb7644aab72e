"""What is pending in a ticket, as the API shows it: to the staff whole, to the reporter what is for them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.schema.conftest import Api
from tests.schema.story import Story

OFFICE, HANDLER = "office@guangyuan", "handler@guangyuan.commerce"
FIELDS = """
  suspendedAt suspensionReason contactedAt extensionDays coordination referred malice
  parts { tenant { path } report reportedAt } repeatOf { id } repeats { edges { node { id } } }
  timeline(first: 50) { edges { node {
    type visibility note workingDays approved suspensionReason coordination department { path } upheld
    emergencyNumber answers { question level }
  } } }
"""


async def shown(api: Api, login: str, story: Story, name: str) -> dict[str, Any]:
    data = await api.data(login, f"query($id: ID!) {{ ticket(id: $id) {{ {FIELDS} }} }}", id=story[name])
    ticket: dict[str, Any] = data["ticket"]
    ticket["timeline"] = {edge["node"]["type"]: edge["node"] for edge in ticket["timeline"]["edges"]}
    return ticket


async def test_an_extension(there: Api, story: Story) -> None:
    reporter = there.world.guangyuan.enterprise.login
    asked = await shown(there, HANDLER, story, "extending")
    assert asked["extensionDays"] == 5
    assert asked["timeline"]["EXTENSION_REQUESTED"]["workingDays"] == 5
    assert asked["timeline"]["EXTENSION_REQUESTED"]["note"] == "需专家现场勘查。"
    hidden = await shown(there, reporter, story, "extending")
    assert hidden["extensionDays"] is None
    assert "EXTENSION_REQUESTED" not in hidden["timeline"]
    granted = (await shown(there, reporter, story, "extended"))["timeline"]["EXTENSION_DECIDED"]
    assert (granted["approved"], granted["workingDays"]) == (True, 3), "a new limit concerns the reporter"
    assert granted["note"] is None, "what the office said to the department does not"
    assert (await shown(there, OFFICE, story, "extended"))["timeline"]["EXTENSION_DECIDED"]["note"] == "同意延期。"


async def test_a_suspension_is_explained_to_the_reporter(there: Api, story: Story) -> None:
    seen = await shown(there, there.world.guangyuan.enterprise.login, story, "suspended")
    assert seen["suspendedAt"] is not None
    assert seen["suspensionReason"] == "APPLICANT_DOCUMENTS"
    event = seen["timeline"]["SUSPENDED"]
    assert (event["suspensionReason"], event["note"]) == ("APPLICANT_DOCUMENTS", "等待企业补交图纸。")
    assert seen["contactedAt"] is not None
    assert seen["timeline"]["FIRST_CONTACTED"]["note"] is None, "what the handler wrote down of it is for the staff"


async def test_coordination_and_parts_are_the_offices_own(there: Api, story: Story) -> None:
    seen = await shown(there, OFFICE, story, "coordinating")
    assert seen["coordination"] == "TASK_GROUP"
    assert [(part["tenant"]["path"], part["report"]) for part in seen["parts"]] == [
        ("guangyuan.finance", "补贴资金已核拨。"),
        ("guangyuan.housing", None),
    ]
    assert seen["timeline"]["PART_REPORTED"]["department"] == {"path": "guangyuan.finance"}
    assert (await shown(there, OFFICE, story, "coordinating_top"))["coordination"] == "LEADING_GROUP"
    hidden = await shown(there, there.world.guangyuan.enterprise.login, story, "coordinating")
    assert (hidden["coordination"], hidden["parts"]) == (None, [])
    assert not {"COORDINATION_REQUESTED", "PART_REPORTED"} & set(hidden["timeline"])
    disputed = await shown(there, OFFICE, story, "referred")
    assert disputed["referred"] is True
    assert (await shown(there, there.world.guangyuan.enterprise.login, story, "referred"))["referred"] is None


async def test_a_repeat(there: Api, story: Story) -> None:
    seen = await shown(there, OFFICE, story, "terminated")
    assert seen["repeatOf"] == {"id": story["closed"]}
    repeats = (await shown(there, OFFICE, story, "closed"))["repeats"]["edges"]
    assert {"node": {"id": story["terminated"]}} in repeats
    assert seen["timeline"]["TERMINATED"]["note"] == "同一问题已依法依规办理。"


async def test_malice(there: Api, story: Story) -> None:
    reporter = there.world.guangyuan.enterprise.login
    seen = await shown(there, reporter, story, "appealed")
    assert seen["malice"] == "APPEALED"
    assert seen["timeline"]["MALICE_FOUND"]["note"] == "所附照片系其他场所。", "they must know what they appeal"
    await there.verb(
        "working_group@guangyuan", "ticketMaliceDecide", ticketId=story["appealed"], uphold=False, reason="证据不足。"
    )
    seen = await shown(there, reporter, story, "appealed")
    assert (seen["malice"], seen["timeline"]["MALICE_DECIDED"]["upheld"]) == ("OVERTURNED", False)


FILTERS = {
    "extensionPending: true": {"extending"},
    "coordination: [TASK_GROUP]": {"coordinating"},
    "coordination: [WORKING_GROUP, LEADING_GROUP]": {"coordinating_above", "coordinating_top"},
    "referred: true": {"referred"},
    "suspended: true": {"suspended"},
    "lowSatisfaction: true": {"again", "escalated"},
    "malice: [FOUND, APPEALED]": {"malicious", "appealed"},
}
FOR_THE_STAFF = {name for name in FILTERS if name.split(":")[0] in ("extensionPending", "coordination", "referred")}


@pytest.mark.parametrize("asked", FILTERS)
async def test_filters(there: Api, story: Story, asked: str) -> None:
    query = f"{{ tickets(filter: {{ {asked} }}, first: 50) {{ totalCount edges {{ node {{ id }} }} }} }}"
    found = await there.data(OFFICE, query)
    assert {edge["node"]["id"] for edge in found["tickets"]["edges"]} == {story[name] for name in FILTERS[asked]}
    reporter = there.world.guangyuan.enterprise.login
    seen = await there.data(reporter, query)
    if asked in FOR_THE_STAFF:
        assert seen["tickets"] == {"totalCount": 0, "edges": []}, "nobody filters by what they are not shown"
    else:
        assert seen["tickets"]["totalCount"] == len(FILTERS[asked])
    assert (await there.data("office@anshan", query))["tickets"]["totalCount"] == 0


async def test_a_flag_that_is_false(there: Api, story: Story) -> None:
    query = "query($flag: Boolean) { tickets(filter: { suspended: $flag }, first: 100) { totalCount } }"
    counts = [(await there.data(OFFICE, query, flag=flag))["tickets"]["totalCount"] for flag in (True, False, None)]
    assert counts[0] == 1
    assert counts[0] + counts[1] == counts[2]


async def test_a_sample_through_the_api(there: Api, story: Story) -> None:
    city = there.world.guangyuan.path
    draw = "mutation($input: QualitySampleDrawInput!) { qualitySampleDraw(input: $input) { qualitySample { id } "
    draw += "userErrors { message path ... on InvalidInputError { rule } } } }"
    period = {"within": city, "from": "2026-01-01", "to": "2026-02-01"}
    supervision = "supervision_officer@guangyuan"
    refused = (await there.data(supervision, draw, input=period))["qualitySampleDraw"]
    assert [error["rule"] for error in refused["userErrors"]] == ["nothing_handled"]
    backwards = (await there.data(supervision, draw, input=period | {"to": "2025-01-01"}))["qualitySampleDraw"]
    assert [(error["rule"], error["path"]) for error in backwards["userErrors"]] == [("not_after", ["input", "to"])]
    assert (
        backwards["userErrors"][0]["message"] == "“input.to”须晚于起始日期。" or backwards["userErrors"][0]["message"]
    )
    nonsense = await there.ask(supervision, draw, input=period | {"to": "2026-02-31"})
    assert nonsense["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
