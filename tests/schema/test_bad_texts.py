"""Every text that any mutation takes: NUL, nothing, 100 KB. Each is refused and changes nothing.

Half a surrogate pair does not get this far: neither JSON nor a document can hold one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
from graphql import GraphQLInputObjectType, GraphQLNonNull, GraphQLScalarType, get_named_type

from app.kernel.tables import new_id
from schema import ids
from schema.mutations import Bulk
from schema.schema import VERBS, assemble
from tests.schema.conftest import Api
from tests.schema.story import Story
from tests.schema.test_neighbours import state_of

SCHEMA = assemble().executable

# verb → who may, on which ticket of the story, with what besides
NO_TASK = ids.encode("RT", 10, new_id())
NO_ENTRY = ids.encode("IE", 10, new_id())
NO_REPORT = ids.encode("RO", 10, new_id())
CALLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "ticketSubmit": (
        "intake_agent@guangyuan",
        "",
        {
            "category": "HELP",
            "channel": "HOTLINE",
            "title": "用电报装久拖未决",
            "body": "六月申请用电报装,至今没有答复。",
            "county": "guangyuan.cangxi",
            "reporter": {"name": "李明", "phone": "13900001234"},
            "origin": {"platform": "12345", "number": "GD20260302001"},
        },
    ),
    "ticketAccept": ("intake_agent@guangyuan", "submitted", {}),
    "ticketDecline": ("intake_agent@guangyuan", "submitted", {"basis": "不属于受理范围"}),
    "ticketAnswer": ("intake_agent@guangyuan", "submitted", {"reply": "请到政务大厅三楼窗口办理。"}),
    "ticketDispatch": (
        "dispatcher@guangyuan",
        "accepted",
        {"lead": "guangyuan.commerce", "coHandlers": ["guangyuan.finance"], "note": "请尽快办理"},
    ),
    "ticketAcknowledge": ("handler@guangyuan.commerce", "dispatched", {}),
    "ticketReturn": ("handler@guangyuan.commerce", "dispatched", {"reason": "不属于本部门职责范围"}),
    "ticketArbitrate": (
        "office@guangyuan",
        "disputed",
        {"lead": "guangyuan.commerce", "coHandlers": [], "reason": "按职责清单由商务局承办"},
    ),
    "ticketComment": ("office@guangyuan", "in_progress", {"body": "补充说明", "visibility": "INTERNAL"}),
    "ticketResolve": ("handler@guangyuan.commerce", "in_progress", {"reply": "已现场核实并整改完毕。"}),
    "ticketFollowUp": ("intake_agent@guangyuan", "resolved", {"satisfaction": "SATISFIED", "note": "满意"}),
    "ticketMerge": (
        *("intake_agent@guangyuan", "submitted"),
        {"intoTicketId": ids.encode("T", 10, new_id())},
    ),
    "ticketWithdraw": ("steward@guangyuan", "steward", {"reason": "问题已经解决"}),
    "ticketAttach": (
        *("office@guangyuan", "in_progress"),
        {"uploadId": ids.encode(ids.UPLOAD, 10, new_id()), "visibility": "INTERNAL"},
    ),
    "ticketFirstContact": ("handler@guangyuan.commerce", "in_progress", {"note": "已电话联系"}),
    "ticketExtensionRequest": (
        *("handler@guangyuan.commerce", "in_progress"),
        {"workingDays": 2, "reason": "需现场勘查"},
    ),
    "ticketExtensionDecide": ("office@guangyuan", "extending", {"approve": True, "reason": "情况属实"}),
    "ticketSuspend": ("handler@guangyuan.commerce", "in_progress", {"reason": "TESTING", "note": "等待检测"}),
    "ticketResume": ("handler@guangyuan.commerce", "suspended", {}),
    "ticketCoordinationRequest": ("handler@guangyuan.commerce", "in_progress", {"reason": "涉及多部门"}),
    "ticketCoordinationDecide": ("office@guangyuan", "coordinating", {"opinion": "由商务局牵头"}),
    "ticketRefer": ("office@guangyuan", "disputed", {"reason": "职责交叉"}),
    "ticketPartReport": (
        *("handler@guangyuan.finance", "in_progress"),
        {"report": "协办完成", "department": "guangyuan.finance"},
    ),
    "ticketTransfer": ("intake_agent@guangyuan", "accepted", {"to": "anshan", "reason": "由鞍山市负责"}),
    "ticketTransferChase": ("intake_agent@guangyuan", "transferred", {"note": "请尽快办理"}),
    "ticketTransferDecide": (
        "intake_agent@guangyuan",
        "",
        {"transferId": ids.encode("TT", 10, new_id()), "accept": False, "reason": "不属于我市"},
    ),
    "ticketTransferWithdraw": ("intake_agent@guangyuan", "transferred", {"reason": "转办有误"}),
    "ticketTerminate": ("office@guangyuan", "accepted", {"basis": "同一问题已办理"}),
    "ticketMaliceFind": ("office@guangyuan", "in_progress", {"evidence": "与现场不符"}),
    "ticketMaliceAppeal": ("the reporter", "malicious", {"reason": "所述属实"}),
    "ticketMaliceDecide": ("working_group@guangyuan", "appealed", {"uphold": True, "reason": "经复核"}),
    "qualitySampleDraw": (
        "supervision_officer@guangyuan",
        "",
        {"within": "guangyuan", "from": "2026-01-01", "to": "2026-02-01"},
    ),
    "qualityCheckRecord": (
        "supervision_officer@guangyuan",
        "in_progress",
        {"sampleId": ids.encode("QS", 10, new_id()), "passed": True, "findings": "规范"},
    ),
    "qualityEntryHandOver": (
        "office@guangyuan",
        "",
        {"qualityEntryId": ids.encode("QE", 10, new_id()), "note": "实质未解决"},
    ),
    "qualityEntryClose": (
        "office@guangyuan",
        "",
        {"qualityEntryId": ids.encode("QE", 10, new_id()), "outcome": "已督促整改"},
    ),
    "supervisionNoticeIssue": (
        "supervision_officer@guangyuan",
        "in_progress",
        {"trigger": "RETURNED", "reason": "推诿扯皮", "evidence": "退回记录", "addressee": "guangyuan.commerce"},
    ),
    "supervisionNoticeReply": (
        "handler@guangyuan.commerce",
        "",
        {"noticeId": ids.encode("SN", 10, new_id()), "reply": "已整改"},
    ),
    "supervisionNoticeClose": ("office@guangyuan", "", {"noticeId": ids.encode("SN", 10, new_id())}),
    "supervisionNoticeWithdraw": (
        "office@guangyuan",
        "",
        {"noticeId": ids.encode("SN", 10, new_id()), "reason": "误发"},
    ),
    "supervisionNoticeRefer": (
        "working_group@guangyuan",
        "",
        {"noticeId": ids.encode("SN", 10, new_id()), "outcome": "已立案"},
    ),
    "notificationsMarkRead": (
        "handler@guangyuan.commerce",
        "",
        {"notificationId": ids.encode("NO", 10, new_id())},
    ),
    "rectificationTaskIssue": (
        *("office@guangyuan", ""),
        {
            "title": "重复提交",
            "problem": "三个窗口各交一次",
            "lead": "guangyuan.commerce",
            "source": "AUDIT",
            "coOperators": ["guangyuan.finance"],
        },
    ),
    "rectificationTaskPlan": (
        *("handler@guangyuan.commerce", ""),
        {"taskId": NO_TASK, "measures": "公示清单", "milestones": [{"title": "公示", "dueOn": "2026-03-10"}]},
    ),
    "rectificationTaskProgress": (
        *("handler@guangyuan.commerce", ""),
        {"taskId": NO_TASK, "month": "2026-03-01", "text": "推进中", "percent": 50},
    ),
    "rectificationTaskMilestoneComplete": ("handler@guangyuan.commerce", "", {"taskId": NO_TASK, "place": 1}),
    "rectificationTaskSubmit": ("handler@guangyuan.commerce", "", {"taskId": NO_TASK, "result": "已整改"}),
    "rectificationTaskAccept": ("office@guangyuan", "", {"taskId": NO_TASK, "note": "属实"}),
    "rectificationTaskReject": ("office@guangyuan", "", {"taskId": NO_TASK, "reason": "未到位"}),
    "rectificationTaskClose": ("office@guangyuan", "", {"taskId": NO_TASK, "note": "属实"}),
    "rectificationTaskReopen": ("office@guangyuan", "", {"taskId": NO_TASK, "reason": "反弹"}),
    "workPlanPublish": (
        *("office@guangyuan", ""),
        {
            "within": "guangyuan",
            "year": 2026,
            "title": "任务清单",
            "tasks": [{"title": "出台清单", "problem": "三个窗口各交一次", "lead": "guangyuan.commerce"}],
        },
    ),
    "integrityEntryOpen": (
        *("office@guangyuan", ""),
        {
            "kind": "ARREARS",
            "title": "拖欠工程款",
            "debtor": "guangyuan.commerce",
            "amount": "100.00",
            "creditorId": ids.encode("E", 10, new_id()),
        },
    ),
    "integrityEntryConfirm": ("office@guangyuan", "", {"entryId": NO_ENTRY, "note": "属实"}),
    "integrityEntryDismiss": ("office@guangyuan", "", {"entryId": NO_ENTRY, "reason": "不属实"}),
    "integrityEntryClear": ("office@guangyuan", "", {"entryId": NO_ENTRY, "note": "已兑现"}),
    "integrityInstalmentRecord": (
        *("handler@guangyuan.commerce", ""),
        {"entryId": NO_ENTRY, "amount": "1.00", "paidOn": "2026-01-05", "note": "首笔"},
    ),
    "integrityInstalmentReverse": (
        *("office@guangyuan", ""),
        {"entryId": NO_ENTRY, "instalmentId": ids.encode("II", 10, new_id()), "reason": "误记"},
    ),
    "aggregateRelease": ("office@guangyuan", "", {"city": "guangyuan", "month": "2026-02"}),
    "aggregateCorrect": (
        *("office@guangyuan", ""),
        {"aggregateId": ids.encode("AG", 10, new_id()), "reason": "漏统计一件"},
    ),
    "reportSubmit": ("office@guangyuan", "", {"reportId": NO_REPORT, "summary": "本月情况"}),
    "reportAccept": ("leading_group@guangyuan", "", {"reportId": NO_REPORT, "note": "同意"}),
    "reportReturn": ("leading_group@guangyuan", "", {"reportId": NO_REPORT, "reason": "补充"}),
    "inspectionRecord": (
        *("office@guangyuan", ""),
        {
            "tenant": "guangyuan.commerce",
            "day": "2026-01-05",
            "mode": "OPEN",
            "inspectors": "两人",
            "findings": [
                {"title": "未公示", "problem": "电话未公示", "lead": "guangyuan.commerce", "severity": "MINOR"}
            ],
        },
    ),
    "responsibilityPublish": (
        "office@guangyuan",
        "",
        {
            "city": "guangyuan",
            "subjects": [
                {
                    "code": "01",
                    "name": "用水",
                    "category": "公用事业",
                    "department": "guangyuan.commerce",
                    "level": "CITY",
                }
            ],
        },
    ),
    "tenantCreate": (
        "city_administrator@guangyuan",
        "",
        {"parent": "guangyuan.cangxi", "slug": "new", "kind": "TOWNSHIP", "name": "新镇", "divisionCode": "510824100"},
    ),
    "schemePublish": ("city_administrator@guangyuan", "", {"city": "guangyuan", "document": "a: 1", "note": "试行"}),
    "roleGrant": (
        "city_administrator@guangyuan",
        "",
        {"login": "office@guangyuan", "role": "OFFICE", "tenant": "guangyuan.cangxi"},
    ),
    "roleRevoke": ("city_administrator@guangyuan", "", {"grantId": ids.encode("G", 10, new_id())}),
}
BAD = {"NUL": "用电\x00报装", "100 KB": "长" * 34_000}


def test_every_verb_is_here() -> None:
    assert set(CALLS) == {name for name, verb in VERBS.items() if not isinstance(verb, Bulk)}, "a bulk takes the verb's"


def texts_of(type_: GraphQLInputObjectType, *above: str) -> Iterator[tuple[str, ...]]:
    """Where in an input a text, an id or a path goes."""
    for name, field in type_.fields.items():
        inner: Any = field.type
        while hasattr(inner, "of_type"):
            inner = inner.of_type
        if isinstance(inner, GraphQLInputObjectType):
            yield from texts_of(inner, *above, name)
        elif isinstance(inner, GraphQLScalarType) and inner.name not in ("Int", "Boolean"):
            yield (*above, name)


def must_be_given(type_: Any, path: tuple[str, ...]) -> bool:
    """Whether the last of the path, and all above it, is required."""
    for name in path:
        field = type_.fields[name]
        if not isinstance(field.type, GraphQLNonNull):
            return False
        type_ = get_named_type(field.type)
    return True


def placed(given: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    first, *rest = path
    if rest and isinstance(given.get(first), list):
        return {**given, first: [placed(given[first][0], tuple(rest), value)]}
    if rest:
        return {**given, first: placed(given.get(first) or {}, tuple(rest), value)}
    return {**given, first: [value] if isinstance(given.get(first), list) else value}


async def call(api: Api, login: str, name: str, given: dict[str, Any], locale: str) -> dict[str, Any]:
    document = (
        f"mutation($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) {{ "
        "userErrors { code message path ... on InvalidInputError { rule } } } }"
    )
    return await api.ask(login, document, locale=locale, input=given)


@pytest.mark.parametrize("name", CALLS)
async def test_every_text(there: Api, story: Story, behind: asyncpg.Connection, name: str) -> None:
    login, ticket, base = CALLS[name]
    login = there.world.guangyuan.enterprise.login if login == "the reporter" else login
    if ticket:
        base = {"ticketId": story[ticket], **base}
    before = await state_of(behind)
    type_: Any = SCHEMA.type_map[name[0].upper() + name[1:] + "Input"]
    paths = list(texts_of(type_))
    assert ("idempotencyKey",) in paths
    for path in paths:
        required = must_be_given(type_, path)
        bad = dict(BAD)
        if required or path[-1] in ("idempotencyKey", "name"):
            bad |= {"nothing": "", "white space": " \n\t "}
        for what, value in bad.items():
            for keyed in ({}, {"idempotencyKey": "bad-1"}):
                if keyed and path == ("idempotencyKey",):
                    continue
                given = placed({**base, **keyed}, path, value)
                said = []
                for locale in ("zh-CN", "en"):
                    response = await call(there, login, name, given, locale)
                    where = (path, what, response)
                    if "errors" in response:
                        (error,) = response["errors"]
                        assert error["extensions"]["code"] == "BAD_USER_INPUT", where
                        assert error["extensions"]["rule"], where
                    else:
                        assert len(response["data"][name]["userErrors"]) == 1, where
                        (error,) = response["data"][name]["userErrors"]
                        assert error["code"] in ("INVALID_INPUT", "NOT_FOUND"), where
                    said.append(error["message"])
                assert said[0] != said[1], where
    assert await state_of(behind) == before


@pytest.mark.parametrize("half", ["\\ud83d", "\\ude00\\ud83d", "\\u{DBFF}", "\ud83d"])
async def test_no_document_holds_half_a_pair(there: Api, half: str) -> None:
    """(That JSON does not either, `test_view` shows.)"""
    response = await there.ask("office@guangyuan", f'{{ ticketByNumber(number: "{half}") {{ id }} }}')
    assert [error["extensions"]["code"] for error in response["errors"]] == ["BAD_REQUEST"]
