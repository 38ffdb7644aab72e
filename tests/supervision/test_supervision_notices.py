"""Notices by hand: who raises, answers, closes and sees them, and who does not."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from schema import ids
from tests.supervision.conftest import (
    AUDITOR,
    CITY,
    DESK,
    FINANCE,
    GROUP,
    HANDLER,
    LEAD,
    NOTICE,
    OFFICE,
    SUPERVISION,
    Supervised,
)

REMIND: dict[str, Any] = {"trigger": "OVERDUE", "reason": "已超期两日,请限期办结。"}
RECTIFY: dict[str, Any] = {"trigger": "RETURNED", "reason": "两次退回属于推诿扯皮。"}
INTERVIEW: dict[str, Any] = {
    "trigger": "RETALIATION",
    "reason": "对反映人打击报复,造成恶劣影响。",
    "evidence": "谈话记录与处罚决定书。",
    "addressee": f"{CITY}.commerce",
}


async def test_a_reminder_from_its_issue_to_its_end(supervised: Supervised) -> None:
    s = supervised
    ticket = await s.ticket()
    notice = await s.done(OFFICE, "supervisionNoticeIssue", ticketId=ticket, **REMIND)
    assert notice["number"].startswith("GY-TX-20260302-")
    assert (notice["level"], notice["kind"], notice["status"], notice["times"]) == (1, "REMINDER", "ISSUED", 1)
    assert (notice["automatic"], notice["listed"], notice["overdue"]) == (False, False, False)
    assert notice["addressee"] == {"path": f"{CITY}.commerce"}
    assert notice["replyDueAt"] == "2026-03-04T09:00:00+00:00"  # the close of the second working day
    assert notice["allowedActions"] == ["WITHDRAW"]
    (seen,) = await s.notices(HANDLER)
    assert seen["allowedActions"] == ["REPLY"]

    s.clock.advance(timedelta(days=3))
    replied = await s.done(LEAD, "supervisionNoticeReply", noticeId=notice["id"], reply="已于今日办结并回复企业。")
    assert (replied["status"], replied["version"], replied["overdue"]) == ("REPLIED", 2, True)
    assert replied["allowedActions"] == []
    stale = await s.refused(OFFICE, "supervisionNoticeClose", noticeId=notice["id"], expectedVersion=1)
    assert stale == ("CONFLICT", None)
    closed = await s.done(OFFICE, "supervisionNoticeClose", noticeId=notice["id"], expectedVersion=2)
    assert (closed["status"], closed["allowedActions"]) == ("CLOSED", [])
    for name, given in (("Close", {}), ("Withdraw", {"reason": "误发"})):
        refusal = await s.refused(OFFICE, f"supervisionNotice{name}", noticeId=notice["id"], **given)
        assert refusal == ("ILLEGAL_TRANSITION", None)
    timeline = await s.api.data(
        OFFICE,
        "query($id: ID!) { ticket(id: $id) { notices { number } timeline(first: 50) { edges { node "
        "{ type visibility note notice { id } } } } } }",
        id=ticket,
    )
    assert timeline["ticket"]["notices"] == [{"number": notice["number"]}]
    told = [edge["node"] for edge in timeline["ticket"]["timeline"]["edges"] if "NOTICE" in edge["node"]["type"]]
    assert [each["type"] for each in told] == ["NOTICE_ISSUED", "NOTICE_REPLIED", "NOTICE_CLOSED"]
    expected = {"visibility": "INTERNAL", "note": None, "notice": {"id": notice["id"]}}
    assert all({**each, **expected} == each for each in told)


async def test_who_raises_which_level(supervised: Supervised) -> None:
    s = supervised
    ticket = await s.ticket()
    for given, rightful in ((REMIND, OFFICE), (RECTIFY, SUPERVISION), (INTERVIEW, GROUP)):
        for login in (OFFICE, SUPERVISION, GROUP):
            if login != rightful:
                refused = await s.refused(login, "supervisionNoticeIssue", ticketId=ticket, **given)
                assert refused == ("NOT_RESPONSIBLE", None), (login, given)
        notice = await s.done(rightful, "supervisionNoticeIssue", ticketId=ticket, **given)
        for login in {OFFICE, SUPERVISION, GROUP} - {rightful}:
            refused = await s.refused(login, "supervisionNoticeWithdraw", noticeId=notice["id"], reason="误发")
            assert refused == ("NOT_RESPONSIBLE", None)
        withdrawn = await s.done(rightful, "supervisionNoticeWithdraw", noticeId=notice["id"], reason="误发")
        assert withdrawn["status"] == "WITHDRAWN"
    listed = [each["listed"] for each in await s.notices(SUPERVISION, "first: 100, filter: {kind: [RECTIFICATION]}")]
    assert listed == [True]


@pytest.mark.parametrize(
    ("login", "given", "refusal"),
    [
        (SUPERVISION, {**RECTIFY, "reason": "  "}, "empty"),
        (SUPERVISION, {**RECTIFY, "trigger": "REMINDER_UNANSWERED"}, "not_by_hand"),
        (SUPERVISION, {**RECTIFY, "addressee": "guangyuan.nowhere"}, "unknown_tenant"),
        (SUPERVISION, {**RECTIFY, "addressee": "anshan.commerce"}, "unknown_tenant"),
        (SUPERVISION, {**RECTIFY, "addressee": "guangyuan"}, "not_handling"),
        (GROUP, {**INTERVIEW, "evidence": None}, "required"),
        (f"{OFFICE}.cangxi", {**REMIND, "addressee": "guangyuan.cangxi.housing"}, None),
        (f"{OFFICE}.cangxi", {**REMIND, "addressee": "guangyuan.commerce"}, "outside_reach"),
    ],
)
async def test_what_a_notice_takes(
    supervised: Supervised, login: str, given: dict[str, Any], refusal: str | None
) -> None:
    ticket = await supervised.ticket(county="guangyuan.cangxi")
    if refusal is None:
        made = await supervised.done(login, "supervisionNoticeIssue", ticketId=ticket, **given)
        assert made["addressee"] == {"path": given["addressee"]}
    else:
        refused = await supervised.refused(login, "supervisionNoticeIssue", ticketId=ticket, **given)
        assert refused == ("INVALID_INPUT", refusal)
        assert await supervised.notices(AUDITOR) == []


async def test_only_an_interview_is_about_a_department(supervised: Supervised) -> None:
    s = supervised
    missing = {**RECTIFY, "addressee": f"{CITY}.commerce"}
    assert await s.refused(SUPERVISION, "supervisionNoticeIssue", **missing) == ("INVALID_INPUT", "required")
    nobody = {key: value for key, value in INTERVIEW.items() if key != "addressee"}
    assert await s.refused(GROUP, "supervisionNoticeIssue", **nobody) == ("INVALID_INPUT", "required")
    made = await s.done(GROUP, "supervisionNoticeIssue", **INTERVIEW)
    assert (made["level"], made["ticket"], made["triggerText"]) == (3, None, "Retaliation")
    (seen,) = await s.notices(LEAD)
    assert seen["evidence"] == INTERVIEW["evidence"]


async def test_a_referral_is_not_told_to_the_addressee(supervised: Supervised) -> None:
    s = supervised
    made = await s.done(GROUP, "supervisionNoticeIssue", **INTERVIEW)
    referral = "referredAt outcome outcomeAt allowedActions"
    first = await s.step(GROUP, "supervisionNoticeRefer", referral, noticeId=made["id"])
    shown = first["supervisionNotice"]
    assert (shown["referredAt"], shown["outcome"]) == ("2026-03-02T01:30:00+00:00", None)
    assert "REFER" in shown["allowedActions"]
    again = await s.refused(GROUP, "supervisionNoticeRefer", noticeId=made["id"])
    assert again == ("INVALID_INPUT", "required")
    s.clock.advance(timedelta(days=30))
    last = await s.step(GROUP, "supervisionNoticeRefer", referral, noticeId=made["id"], outcome="已立案。")
    assert last["supervisionNotice"]["outcome"] == "已立案。"
    assert "REFER" not in last["supervisionNotice"]["allowedActions"]
    query = f"query($id: ID!) {{ supervisionNotice(id: $id) {{ {referral} }} }}"
    for login, sees in ((AUDITOR, True), (GROUP, True), (LEAD, False), (OFFICE, False), (SUPERVISION, False)):
        notice = (await s.api.data(login, query, id=made["id"]))["supervisionNotice"]
        assert (notice["referredAt"] is not None, notice["outcome"] is not None) == (sees, sees), login
    assert await s.told(LEAD) == [("NOTICE_ISSUED", False)]
    ticket = await s.ticket()
    listed = await s.done(SUPERVISION, "supervisionNoticeIssue", ticketId=ticket, **RECTIFY)
    document = (
        "mutation($i: SupervisionNoticeReferInput!) { supervisionNoticeRefer(input: $i) { userErrors { code } } }"
    )
    answer = await s.api.ask(SUPERVISION, document, i={"noticeId": listed["id"]})
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    document = document.replace("{ code }", "{ code message }")
    answer = await s.api.ask(GROUP, document, locale="zh-CN", i={"noticeId": listed["id"]})
    (refusal,) = answer["data"]["supervisionNoticeRefer"]["userErrors"]
    assert refusal["code"] == "NOT_RESPONSIBLE"
    assert "移送纪检监察" in refusal["message"], "and not the step of that name that tickets have"


async def test_the_same_notice_at_once_is_one(supervised: Supervised, admin: asyncpg.Connection) -> None:
    s = supervised
    ticket = await s.ticket()
    both = await asyncio.gather(
        *(s.step(SUPERVISION, "supervisionNoticeIssue", ticketId=ticket, **RECTIFY) for _ in range(4)),
        *(s.step(GROUP, "supervisionNoticeIssue", **INTERVIEW) for _ in range(4)),
    )
    for payloads in (both[:4], both[4:]):
        made = [each for each in payloads if each["supervisionNotice"] is not None]
        refused = [each["userErrors"][0] for each in payloads if each["supervisionNotice"] is None]
        assert len(made) == 1
        assert [each["rule"] for each in refused] == ["already_issued"] * 3
        assert all(made[0]["supervisionNotice"]["number"] in each["message"] for each in refused)
    assert await admin.fetchval("select count(*) from supervision_notices") == 2
    keyed = {**RECTIFY, "trigger": "UNSATISFIED", "ticketId": ticket, "idempotencyKey": "k1"}
    first = await s.done(SUPERVISION, "supervisionNoticeIssue", **keyed)
    assert (await s.done(SUPERVISION, "supervisionNoticeIssue", **keyed))["id"] == first["id"]
    changed = await s.refused(SUPERVISION, "supervisionNoticeIssue", **{**keyed, "reason": "另一个理由说明"})
    assert changed == ("IDEMPOTENCY_MISMATCH", None)


async def test_who_sees_a_notice(supervised: Supervised) -> None:
    s = supervised
    ticket = await s.ticket(county="guangyuan.cangxi")
    await s.done(OFFICE, "supervisionNoticeIssue", ticketId=ticket, **REMIND)
    await s.done(OFFICE, "supervisionNoticeIssue", ticketId=ticket, addressee="guangyuan.cangxi.housing", **REMIND)
    seen = {
        login: [each["addressee"]["path"] for each in await s.notices(login)]
        for login in (
            *(OFFICE, SUPERVISION, GROUP, AUDITOR, HANDLER, FINANCE, f"{OFFICE}.cangxi", f"{SUPERVISION}.jiange"),
            *("handler@guangyuan.cangxi.housing", "office@anshan"),
        )
    }
    everything = ["guangyuan.cangxi.housing", "guangyuan.commerce"]
    assert seen == {
        **dict.fromkeys((OFFICE, SUPERVISION, GROUP, AUDITOR), everything),
        HANDLER: ["guangyuan.commerce"],
        FINANCE: [],
        f"{OFFICE}.cangxi": ["guangyuan.cangxi.housing"],
        f"{SUPERVISION}.jiange": [],
        "handler@guangyuan.cangxi.housing": ["guangyuan.cangxi.housing"],
        "office@anshan": [],
    }
    reporter = s.api.world.guangyuan.enterprise.login
    answer = await s.api.ask(reporter, "{ supervisionNotices { totalCount } }")
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    shown = await s.api.data(
        reporter,
        "query($id: ID!) { ticket(id: $id) { notices { id } timeline(first: 50) { edges { node { type } } } } }",
        id=ticket,
    )
    assert shown["ticket"]["notices"] == []
    assert not [e for e in shown["ticket"]["timeline"]["edges"] if "NOTICE" in e["node"]["type"]]


async def test_filters_orders_and_numbers(supervised: Supervised) -> None:
    s = supervised
    ticket = await s.ticket()
    await s.done(OFFICE, "supervisionNoticeIssue", ticketId=ticket, **REMIND)
    rectify = await s.done(SUPERVISION, "supervisionNoticeIssue", ticketId=ticket, **RECTIFY)
    s.clock.advance(timedelta(days=40))
    await s.done(GROUP, "supervisionNoticeIssue", **INTERVIEW)
    await s.done(HANDLER, "supervisionNoticeReply", noticeId=rectify["id"], reply="已整改到位并举一反三。")

    async def kinds(filter_: str, order: str = "") -> list[str]:
        return [each["kind"] for each in await s.notices(AUDITOR, f"first: 9, filter: {{{filter_}}}{order}")]

    assert await kinds("") == ["INTERVIEW", "RECTIFICATION", "REMINDER"]
    assert await kinds("", ", orderBy: {field: REPLY_DUE_AT, direction: ASC}") == [
        *("REMINDER", "RECTIFICATION", "INTERVIEW")
    ]
    assert await kinds("status: [REPLIED]") == await kinds("listed: true") == ["RECTIFICATION"]
    assert await kinds("trigger: [OVERDUE, RETALIATION]") == ["INTERVIEW", "REMINDER"]
    assert await kinds('month: "2026-03"') == ["RECTIFICATION", "REMINDER"]
    assert await kinds('month: "2026-04"') == ["INTERVIEW"]
    assert await kinds("automatic: true") == await kinds('addressee: "guangyuan.finance"') == []
    for month in ("2026-13", "26-1", "0000-01", "十月"):
        answer = await s.api.ask(AUDITOR, f'{{ supervisionNotices(filter: {{month: "{month}"}}) {{ totalCount }} }}')
        assert answer["errors"][0]["extensions"]["rule"] == "malformed_month"

    async def statistics(login: str, by: str = "") -> list[dict[str, Any]]:
        query = (
            '{ supervisionStatistics(within: "guangyuan", from: "2026-01-01", to: "2027-01-01"'
            f"{by}) {{ value label issued listed unanswered overdue replied repliedInTime withdrawn }} }}"
        )
        found: list[dict[str, Any]] = (await s.api.data(login, query))["supervisionStatistics"]
        return found

    (total,) = await statistics(AUDITOR)
    assert (total["issued"], total["listed"], total["unanswered"], total["replied"]) == (3, 1, 2, 1)
    assert (total["repliedInTime"], total["withdrawn"]) == (0, 0)
    by_trigger = {each["value"]: each["issued"] for each in await statistics(AUDITOR, ", by: TRIGGER")}
    assert by_trigger == {"OVERDUE": 1, "RETALIATION": 1, "RETURNED": 1}
    assert [each["value"] for each in await statistics(AUDITOR, ", by: DEPARTMENT")] == ["guangyuan.commerce"]
    assert [each["value"] for each in await statistics(AUDITOR, ", by: MONTH")] == ["2026-03", "2026-04"]
    assert {each["label"] for each in await statistics(AUDITOR, ", by: KIND")} == {
        *("Reminder", "Rectification notice", "Interview notice")
    }
    (mine,) = await statistics(HANDLER)
    (theirs,) = await statistics(FINANCE)
    assert (mine["issued"], theirs["issued"]) == (3, 0)


async def test_a_restricted_tickets_notice_is_for_those_named_on_it(supervised: Supervised) -> None:
    s = supervised
    reporter = {"anonymous": True}
    given = {"category": "REPORT", "secrecy": "RESTRICTED", "reporter": reporter, "channel": "HOTLINE"}
    ticket = (await s.api.submit(DESK, **given))["id"]
    await s.then(ticket, SUPERVISION, "ticketAccept")
    await s.then(ticket, SUPERVISION, "ticketDispatch", lead=f"{CITY}.commerce")
    made = await s.done(SUPERVISION, "supervisionNoticeIssue", ticketId=ticket, **RECTIFY)
    named = [SUPERVISION, AUDITOR, LEAD]
    query = f"query($id: ID!) {{ supervisionNotice(id: $id) {{ {NOTICE} }} node(id: $id) {{ id }} }}"
    total = (
        '{ supervisionStatistics(within: "guangyuan", from: "2026-01-01", to: "2027-01-01") { issued } '
        "supervisionNotices { totalCount } }"
    )
    for login in (*named, OFFICE, GROUP, HANDLER):
        sees = login in named
        data = await s.api.data(login, query, id=made["id"])
        assert (data["supervisionNotice"] is not None, data["node"] is not None) == (sees, sees), login
        counted = await s.api.data(login, total)
        assert counted == {
            "supervisionStatistics": [{"issued": int(sees)}],
            "supervisionNotices": {"totalCount": int(sees)},
        }, login
        if login != AUDITOR:
            told = ["NOTICE_ISSUED"] if login == LEAD else []
            assert [kind for kind, _ in await s.told(login)] == told, login
    unseen = await s.refused(HANDLER, "supervisionNoticeReply", noticeId=made["id"], reply="已整改到位。")
    missing = ids.encode("SN", s.api.world.guangyuan.id, ids.decode(made["id"]).key.__class__(int=7))
    assert unseen == await s.refused(HANDLER, "supervisionNoticeReply", noticeId=missing, reply="已整改到位。")
    assert unseen == ("NOT_FOUND", None)
    hidden = await s.refused(OFFICE, "supervisionNoticeIssue", ticketId=ticket, **REMIND)
    assert hidden == ("NOT_FOUND", None)
    replied = await s.done(LEAD, "supervisionNoticeReply", noticeId=made["id"], reply="已整改到位。")
    assert replied["status"] == "REPLIED"
    assert [kind for kind, _ in await s.told(SUPERVISION)] == ["NOTICE_REPLIED"]
    assert await s.told(OFFICE) == []


async def test_notifications_are_read_up_to_one(supervised: Supervised) -> None:
    s = supervised
    ticket = await s.ticket()
    await s.follow()
    await s.done(OFFICE, "supervisionNoticeIssue", ticketId=ticket, **REMIND)
    s.clock.advance(timedelta(minutes=1))
    await s.done(SUPERVISION, "supervisionNoticeIssue", ticketId=ticket, **RECTIFY)
    assert await s.told(HANDLER) == [("ASSIGNED", False), ("NOTICE_ISSUED", False), ("NOTICE_ISSUED", False)]
    data = await s.api.data(
        HANDLER, "{ notifications(first: 9) { edges { node { id notice { kind } ticket { id } tenant { path } } } } }"
    )
    newest, middle, oldest = (edge["node"] for edge in data["notifications"]["edges"])
    assert (newest["notice"], oldest["notice"]) == ({"kind": "RECTIFICATION"}, None)
    assert oldest["ticket"] == {"id": ticket}

    async def mark(login: str, notification: str) -> dict[str, Any]:
        document = (
            "mutation($i: NotificationsMarkReadInput!) { notificationsMarkRead(input: $i) "
            "{ notification { id read } userErrors { code } } }"
        )
        answer: dict[str, Any] = await s.api.data(login, document, i={"notificationId": notification})
        found: dict[str, Any] = answer["notificationsMarkRead"]
        return found

    assert (await mark(HANDLER, middle["id"]))["notification"] == {"id": middle["id"], "read": True}
    await mark(HANDLER, oldest["id"])  # what was read stays read
    assert [read for _, read in await s.told(HANDLER)] == [True, True, False]
    assert [kind for kind, _ in await s.told(HANDLER, "unread: true")] == ["NOTICE_ISSUED"]
    assert [read for _, read in await s.told(LEAD)] == [False] * 3  # each person's own
    for login in (FINANCE, "handler@anshan.commerce"):
        assert (await mark(login, newest["id"]))["userErrors"] == [{"code": "NOT_FOUND"}]
        assert await s.told(login) == []
