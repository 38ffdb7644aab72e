"""The same call from another city, in every other role, and from nobody: for each root there is.

A root that is new in the schema and missing in the tables below fails the first test.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from app.kernel.errors import RequestError
from app.kernel.tables import new_id
from authz.permissions import Permission
from authz.policy import load_policy
from authz.roles import Role
from schema import ids
from schema.schema import VERBS, assemble
from tests.schema.conftest import Api
from tests.schema.story import Story

SCHEMA = assemble().executable
POLICY = load_policy()
P = Permission


@dataclass(frozen=True)
class Read:
    """A field of `Query`: what to ask about Guangyuan, who of Guangyuan may, and what Anshan's same official gets."""

    ask: str
    login: str
    permission: P | None
    neighbour: str  # "null", "empty", "no_such_tenant", or "same": it is public

    @property
    def public(self) -> bool:
        return self.permission is None


READS: dict[str, Read] = {
    "ticket": Read("ticket(id: $ticket) { id title }", "office", P.TICKET_READ, "null"),
    "ticketByNumber": Read("ticketByNumber(number: $number) { id }", "office", P.TICKET_READ, "null"),
    "tickets": Read(
        'tickets(within: "guangyuan") { totalCount edges { node { id } } }', "office", P.TICKET_READ, "no_such_tenant"
    ),
    "ticketDuplicates": Read(
        'ticketDuplicates(title: "用电报装", body: "申请用电报装,至今没有答复", within: "guangyuan") { id }',
        "intake_agent",
        P.TICKET_MERGE,
        "no_such_tenant",
    ),
    "ticketTransfer": Read("ticketTransfer(id: $transfer) { id number }", "office", P.TRANSFER_READ, "null"),
    "ticketTransfers": Read(
        'ticketTransfers(city: "guangyuan") { totalCount edges { node { id } } }',
        *("office", P.TRANSFER_READ, "no_such_tenant"),
    ),
    "ticketStatistics": Read(
        'ticketStatistics(within: "guangyuan", from: "2020-01-01", to: "2100-01-01", by: STATUS) { value submitted }',
        "office",
        P.TICKET_READ_STATISTICS,
        "no_such_tenant",
    ),
    "enterprise": Read("enterprise(id: $enterprise) { id name }", "office", P.ENTERPRISE_READ, "null"),
    "enterprises": Read(
        'enterprises(within: "guangyuan.cangxi") { totalCount edges { node { id } } }',
        "office",
        P.ENTERPRISE_READ,
        "no_such_tenant",
    ),
    "scheme": Read('scheme(city: "guangyuan") { id version document }', "office", P.SCHEME_READ, "no_such_tenant"),
    "responsibilityList": Read(
        'responsibilityList(city: "guangyuan") { id version digest }', "office", P.RESPONSIBILITY_READ, "no_such_tenant"
    ),
    "responsibilitySubjects": Read(
        'responsibilitySubjects(within: "guangyuan") { totalCount edges { node { id name } } }',
        "office",
        P.RESPONSIBILITY_READ,
        "no_such_tenant",
    ),
    "dispatchSuggestions": Read(
        "dispatchSuggestions(ticketId: $ticket) { score department { path } }", "office", P.RESPONSIBILITY_SUGGEST, "[]"
    ),
    "publishedDecisions": Read(
        'publishedDecisions(within: "guangyuan") { totalCount edges { node { id } } }',
        "office",
        P.DECISION_READ,
        "no_such_tenant",
    ),
    "tenant": Read('tenant(path: "guangyuan.cangxi") { id name }', "office", None, "same"),
    "tenants": Read('tenants(within: "guangyuan") { totalCount edges { node { path } } }', "office", None, "same"),
    "qualityEntry": Read("qualityEntry(id: $qualityEntry) { id round }", "office", P.TICKET_READ_QUALITY, "null"),
    "qualityEntries": Read(
        'qualityEntries(within: "guangyuan") { totalCount edges { node { id } } }',
        *("office", P.TICKET_READ_QUALITY, "no_such_tenant"),
    ),
    "qualityStatistics": Read(
        'qualityStatistics(within: "guangyuan", from: "2020-01-01", to: "2100-01-01", by: KIND) { value entered }',
        *("office", P.TICKET_READ_QUALITY, "no_such_tenant"),
    ),
    "qualitySamples": Read(
        'qualitySamples(within: "guangyuan") { totalCount edges { node { id } } }',
        "supervision_officer",
        P.TICKET_READ_QUALITY,
        "no_such_tenant",
    ),
    "supervisionNotice": Read("supervisionNotice(id: $notice) { id number }", "office", P.SUPERVISION_READ, "null"),
    "supervisionNotices": Read(
        'supervisionNotices(within: "guangyuan") { totalCount edges { node { id } } }',
        *("office", P.SUPERVISION_READ, "no_such_tenant"),
    ),
    "supervisionStatistics": Read(
        'supervisionStatistics(within: "guangyuan", from: "2020-01-01", to: "2100-01-01", by: TRIGGER) { value }',
        *("office", P.SUPERVISION_READ, "no_such_tenant"),
    ),
    "notifications": Read("notifications { edges { node { id kind } } }", "office", P.NOTIFICATION_READ, "own"),
    "rectificationTask": Read("rectificationTask(id: $task) { id title }", "office", P.RECTIFICATION_READ, "null"),
    "rectificationTasks": Read(
        'rectificationTasks(within: "guangyuan") { totalCount edges { node { id } } }',
        *("office", P.RECTIFICATION_READ, "no_such_tenant"),
    ),
    "rectificationStatistics": Read(
        'rectificationStatistics(within: "guangyuan", from: "2020-01-01", to: "2100-01-01", by: SOURCE) { issued }',
        *("office", P.RECTIFICATION_READ, "no_such_tenant"),
    ),
    "workPlan": Read(
        'workPlan(within: "guangyuan", year: 2026) { id title }', "office", P.RECTIFICATION_READ, "no_such_tenant"
    ),
    "inspections": Read(
        'inspections(within: "guangyuan") { totalCount edges { node { id } } }',
        *("office", P.RECTIFICATION_READ, "no_such_tenant"),
    ),
    "integrityEntry": Read("integrityEntry(id: $entry) { id title }", "office", P.INTEGRITY_READ, "null"),
    "integrityEntries": Read(
        'integrityEntries(within: "guangyuan") { totalCount edges { node { id } } }',
        *("office", P.INTEGRITY_READ, "no_such_tenant"),
    ),
    "integrityTotals": Read(
        'integrityTotals(within: "guangyuan", from: "2020-01-01", to: "2100-01-01", by: KIND) { entries amount }',
        *("office", P.INTEGRITY_READ, "no_such_tenant"),
    ),
    "releasedAggregate": Read("releasedAggregate(id: $aggregate) { id month }", "office", P.AGGREGATE_READ, "null"),
    "releasedAggregates": Read(
        'releasedAggregates(within: "guangyuan") { totalCount edges { node { id } } }',
        *("office", P.AGGREGATE_READ, "no_such_tenant"),
    ),
    "regionAggregates": Read(
        'regionAggregates(within: "guangyuan", fromMonth: "2020-01", toMonth: "2100-01", by: CITY) { numerator }',
        *("office", P.AGGREGATE_READ, "no_such_tenant"),
    ),
    "report": Read("report(id: $report) { id obligation }", "office", P.REPORT_READ, "null"),
    "reports": Read(
        'reports(within: "guangyuan") { totalCount edges { node { id } } }',
        *("office", P.REPORT_READ, "no_such_tenant"),
    ),
    "node": Read("node(id: $ticket) { id }", "office", None, "null"),
    "nodes": Read("nodes(ids: [$ticket, $enterprise, $event, $scheme, $user, $grant]) { id }", "office", None, "nulls"),
    "viewer": Read("viewer { user { login } tenants { path } }", "office", None, "own"),
}


@dataclass(frozen=True)
class Write:
    """A mutation: its input about Guangyuan, the permissions of which one is needed, and Anshan's refusal."""

    login: str
    permissions: tuple[P, ...]
    given: dict[str, Any] = field(default_factory=dict)
    about: str = "ticketId"
    refusal: str = "NOT_FOUND"


NOTHING = ids.encode("T", 1, uuid.UUID(int=0))
DESK, LEAD, OFFICE = "intake_agent@{}", "handler@{}.commerce", "office@{}"
FINDING = {"title": "重复提交材料", "problem": "三个窗口各交一次", "lead": "guangyuan.commerce"}
WRITES: dict[str, Write] = {
    "ticketSubmit": Write(
        DESK,
        (P.TICKET_SUBMIT,),
        {"category": "HELP", "channel": "WEB", "title": "用电报装", "body": "至今没有答复,影响投产。"},
        about="enterpriseId",
    ),
    "ticketAccept": Write(DESK, (P.TICKET_ACCEPT, P.TICKET_RECEIVE)),
    "ticketDecline": Write(DESK, (P.TICKET_DECLINE, P.TICKET_RECEIVE), {"basis": "不属于受理范围"}),
    "ticketAnswer": Write(DESK, (P.TICKET_ANSWER,), {"reply": "可在线办理"}),
    "ticketDispatch": Write(
        "dispatcher@{}", (P.TICKET_DISPATCH, P.TICKET_DISPATCH_ESCALATED), {"lead": "guangyuan.commerce"}
    ),
    "ticketBulkDispatch": Write(
        *("dispatcher@{}", (P.TICKET_DISPATCH, P.TICKET_DISPATCH_ESCALATED)),
        {"items": [{"ticketId": ids.encode("T", 10, UUID(int=1)), "lead": "guangyuan.commerce"}]},
        *("", ""),  # each item is refused by itself: see test_bulk
    ),
    "ticketAcknowledge": Write(LEAD, (P.TICKET_ACKNOWLEDGE,)),
    "ticketReturn": Write(LEAD, (P.TICKET_RETURN,), {"reason": "不属于本部门"}),
    "ticketArbitrate": Write(
        OFFICE,
        (P.TICKET_ARBITRATE, P.TICKET_ARBITRATE_REFERRED, P.TICKET_DISPATCH),
        {"lead": "guangyuan.commerce", "reason": "按清单"},
    ),
    "ticketRefer": Write(OFFICE, (P.TICKET_REFER, P.TICKET_DISPATCH), {"reason": "职责交叉"}),
    "ticketFirstContact": Write(LEAD, (P.TICKET_FIRST_CONTACT,)),
    "ticketExtensionRequest": Write(LEAD, (P.TICKET_EXTENSION_REQUEST,), {"workingDays": 2, "reason": "需现场勘查"}),
    "ticketExtensionDecide": Write(OFFICE, (P.TICKET_EXTENSION_DECIDE, P.TICKET_DISPATCH), {"approve": True}),
    "ticketSuspend": Write(LEAD, (P.TICKET_SUSPEND,), {"reason": "TESTING"}),
    "ticketResume": Write(LEAD, (P.TICKET_RESUME,)),
    "ticketCoordinationRequest": Write(LEAD, (P.TICKET_COORDINATION_REQUEST,), {"reason": "涉及多部门"}),
    "ticketCoordinationDecide": Write(
        OFFICE,
        (P.TICKET_COORDINATE_TASK_GROUP, P.TICKET_COORDINATE_WORKING_GROUP, P.TICKET_COORDINATE_LEADING_GROUP),
        {"opinion": "由商务局牵头"},
    ),
    "ticketPartReport": Write("handler@{}.finance", (P.TICKET_PART_REPORT,), {"report": "协办完成"}),
    "ticketTerminate": Write(OFFICE, (P.TICKET_TERMINATE, P.TICKET_DISPATCH), {"basis": "同一问题已办理"}),
    "ticketMaliceFind": Write(OFFICE, (P.TICKET_MALICE_FIND,), {"evidence": "与现场不符"}),
    "ticketMaliceAppeal": Write("steward@{}", (P.TICKET_MALICE_APPEAL,), {"reason": "属实"}),
    "ticketMaliceDecide": Write("working_group@{}", (P.TICKET_MALICE_DECIDE,), {"uphold": True, "reason": "经复核"}),
    "qualitySampleDraw": Write(
        "supervision_officer@{}",
        (P.TICKET_QUALITY_CHECK,),
        {"within": "guangyuan", "from": "2026-01-01", "to": "2026-02-01"},
        about="",
        refusal="INVALID_INPUT",
    ),
    "qualityCheckRecord": Write(
        "supervision_officer@{}",
        (P.TICKET_QUALITY_CHECK,),
        {"ticketId": NOTHING, "passed": True, "findings": "规范"},
        about="sampleId",
    ),
    "qualityEntryHandOver": Write(OFFICE, (P.TICKET_QUALITY_KEEP,), about="qualityEntryId"),
    "qualityEntryClose": Write(
        *(OFFICE, (P.TICKET_QUALITY_CHECK, P.TICKET_QUALITY_KEEP)), {"outcome": "已督促整改"}, about="qualityEntryId"
    ),
    "supervisionNoticeIssue": Write(
        *(OFFICE, (P.SUPERVISION_REMIND, P.SUPERVISION_RECTIFY, P.SUPERVISION_INTERVIEW)),
        {"trigger": "OVERDUE", "reason": "请限期办结"},
    ),
    "supervisionNoticeReply": Write(LEAD, (P.SUPERVISION_REPLY,), {"reply": "已办结"}, about="noticeId"),
    "supervisionNoticeClose": Write(
        OFFICE, (P.SUPERVISION_REMIND, P.SUPERVISION_RECTIFY, P.SUPERVISION_INTERVIEW), about="noticeId"
    ),
    "supervisionNoticeWithdraw": Write(
        *(OFFICE, (P.SUPERVISION_REMIND, P.SUPERVISION_RECTIFY, P.SUPERVISION_INTERVIEW)),
        {"reason": "误发"},
        about="noticeId",
    ),
    "supervisionNoticeRefer": Write("working_group@{}", (P.SUPERVISION_INTERVIEW,), about="noticeId"),
    "notificationsMarkRead": Write(LEAD, (P.NOTIFICATION_READ,), about="notificationId"),
    "integrityEntryOpen": Write(
        *(OFFICE, (P.INTEGRITY_KEEP,)),
        {"kind": "ARREARS", "title": "拖欠工程款", "debtor": "guangyuan.commerce", "amount": "100.00"},
        *("", "INVALID_INPUT"),
    ),
    "integrityEntryConfirm": Write(OFFICE, (P.INTEGRITY_KEEP,), about="entryId"),
    "integrityEntryDismiss": Write(OFFICE, (P.INTEGRITY_KEEP,), {"reason": "不属实"}, about="entryId"),
    "integrityEntryClear": Write(OFFICE, (P.INTEGRITY_KEEP,), {"note": "已兑现"}, about="entryId"),
    "integrityInstalmentRecord": Write(
        *(LEAD, (P.INTEGRITY_RECORD,), {"amount": "1.00", "paidOn": "2026-02-01"}, "entryId"),
    ),
    "integrityInstalmentReverse": Write(
        *(OFFICE, (P.INTEGRITY_KEEP,)),
        {"instalmentId": ids.encode("II", 10, UUID(int=1)), "reason": "误记"},
        about="entryId",
    ),
    "aggregateRelease": Write(OFFICE, (P.AGGREGATE_RELEASE,), {"city": "guangyuan", "month": "2026-02"}, about=""),
    "aggregateCorrect": Write(OFFICE, (P.AGGREGATE_RELEASE,), {"reason": "漏统计一件"}, about="aggregateId"),
    "reportSubmit": Write(OFFICE, (P.REPORT_SUBMIT,), {"summary": "本月情况"}, about="reportId"),
    "reportAccept": Write("leading_group@{}", (P.REPORT_DECIDE,), about="reportId"),
    "reportReturn": Write("leading_group@{}", (P.REPORT_DECIDE,), {"reason": "补充"}, about="reportId"),
    "ticketComment": Write(DESK, (P.TICKET_COMMENT, P.TICKET_NOTE), {"body": "补充", "visibility": "PUBLIC"}),
    "ticketAttach": Write(DESK, (P.TICKET_ATTACH, P.TICKET_NOTE)),
    "ticketResolve": Write(LEAD, (P.TICKET_RESOLVE,), {"reply": "已办结"}),
    "ticketFollowUp": Write(DESK, (P.TICKET_FOLLOW_UP, P.TICKET_RATE), {"satisfaction": "SATISFIED"}),
    "ticketMerge": Write(DESK, (P.TICKET_MERGE,), {"intoTicketId": ids.encode("T", 1, UUID(int=1))}),
    "ticketTransfer": Write(DESK, (P.TICKET_TRANSFER,), {"to": "anshan", "reason": "由外市负责"}),
    "ticketTransferChase": Write(DESK, (P.TICKET_TRANSFER,), {"note": "请尽快办理"}),
    "ticketTransferDecide": Write(DESK, (P.TRANSFER_DECIDE,), {"accept": True}, about="transferId"),
    "ticketTransferWithdraw": Write(DESK, (P.TICKET_TRANSFER,), {"reason": "转办有误"}),
    "ticketWithdraw": Write("steward@{}", (P.TICKET_WITHDRAW,)),
    "rectificationTaskIssue": Write(
        *(OFFICE, (P.RECTIFICATION_ISSUE,), {**FINDING, "source": "AUDIT"}, "", "INVALID_INPUT"),
    ),
    "rectificationTaskPlan": Write(LEAD, (P.RECTIFICATION_WORK,), {"measures": "公示清单"}, about="taskId"),
    "rectificationTaskProgress": Write(
        *(LEAD, (P.RECTIFICATION_PROGRESS,), {"month": "2026-02-01", "text": "推进中", "percent": 50}, "taskId"),
    ),
    "rectificationTaskMilestoneComplete": Write(LEAD, (P.RECTIFICATION_WORK,), {"place": 1}, about="taskId"),
    "rectificationTaskSubmit": Write(LEAD, (P.RECTIFICATION_WORK,), {"result": "已整改"}, about="taskId"),
    "rectificationTaskAccept": Write(OFFICE, (P.RECTIFICATION_JUDGE,), about="taskId"),
    "rectificationTaskReject": Write(OFFICE, (P.RECTIFICATION_JUDGE,), {"reason": "未到位"}, about="taskId"),
    "rectificationTaskClose": Write(OFFICE, (P.RECTIFICATION_JUDGE,), about="taskId"),
    "rectificationTaskReopen": Write(OFFICE, (P.RECTIFICATION_JUDGE,), {"reason": "反弹"}, about="taskId"),
    "workPlanPublish": Write(
        *(OFFICE, (P.RECTIFICATION_ISSUE,)),
        {"within": "guangyuan", "year": 2027, "title": "任务清单", "tasks": [FINDING]},
        *("", "INVALID_INPUT"),
    ),
    "inspectionRecord": Write(
        *(OFFICE, (P.RECTIFICATION_ISSUE,)),
        {"tenant": "guangyuan.commerce", "day": "2026-01-05", "mode": "OPEN", "inspectors": "两人"},
        *("", "INVALID_INPUT"),
    ),
    "tenantCreate": Write(
        "city_administrator@{}",
        (P.TENANT_CREATE,),
        {"parent": "guangyuan.cangxi", "slug": "new", "kind": "TOWNSHIP", "name": "新镇"},
        about="",
    ),
    "schemePublish": Write(
        "city_administrator@{}", (P.SCHEME_PUBLISH,), {"city": "guangyuan", "document": "a: 1"}, about=""
    ),
    "responsibilityPublish": Write(
        "office@{}",
        (P.RESPONSIBILITY_PUBLISH,),
        {
            "city": "guangyuan",
            "subjects": [
                {
                    "code": "A",
                    "name": "用电",
                    "category": "要素保障",
                    "department": "guangyuan.commerce",
                    "level": "CITY",
                }
            ],
        },
        about="",
    ),
    "roleGrant": Write(
        "city_administrator@{}",
        (P.ROLE_GRANT,),
        {"login": "office@guangyuan", "role": "OFFICE", "tenant": "guangyuan.cangxi"},
        about="",
    ),
    "roleRevoke": Write("city_administrator@{}", (P.ROLE_GRANT,), about="grantId"),
}

STREAMS: dict[str, tuple[str, str, P]] = {
    "ticketEvents": ("ticketEvents(id: $ticket) { cursor }", "no_such_object", P.TICKET_READ),
    "ticketFeed": ('ticketFeed(within: "guangyuan") { cursor }', "no_such_tenant", P.TICKET_READ),
    "notifications": ("notifications { cursor }", "", P.NOTIFICATION_READ),  # everybody's own
}


def test_every_root_is_here() -> None:
    for type_, table in (
        (SCHEMA.query_type, READS),
        (SCHEMA.mutation_type, WRITES),
        (SCHEMA.subscription_type, STREAMS),
    ):
        assert type_ is not None
        assert set(type_.fields) == set(table)


def test_every_permission_to_change_a_ticket_is_some_verbs() -> None:
    changing = {each for each in P if each.value.startswith("ticket:") and ":read" not in each.value}
    assert {permission for row in WRITES.values() for permission in row.permissions} >= changing
    assert {name: set(row.permissions) for name, row in WRITES.items()} == {
        name: set(verb.permissions) for name, verb in VERBS.items()
    }


def logins_of(api: Api, role: Role) -> str:
    """Somebody of Guangyuan with this role and no other."""
    if role is Role.ENTERPRISE_USER:
        return api.world.guangyuan.enterprise.login
    wanted = ("guangyuan", "platform")
    return next(
        login
        for login in api.world.users
        if login.partition("@")[0] == role.lower() and login.partition("@")[2].partition(".")[0] in wanted
    )


async def known(api: Api, story: Story, behind: asyncpg.Connection) -> dict[str, Any]:
    """Ids of things in Guangyuan."""
    city = api.world.guangyuan
    user = api.world.user("office@guangyuan")
    event = await behind.fetchval("select id from events where city_id = $1 order by position limit 1", city.id)
    grant = await behind.fetchval("select id from grants where user_id = $1", user)
    sample = uuid.UUID(int=1)
    await behind.execute(
        "insert into quality_samples select $1, $2, 1, 1, $1, $3::timestamptz - interval '1 day', $3, 9, 1, '', $3, $4"
        " on conflict do nothing",
        *(city.id, sample, datetime(2026, 2, 1, tzinfo=UTC), api.world.user("supervision_officer@guangyuan")),
    )
    await behind.execute(
        "insert into quality_entries (city_id, id, version, scheme_version, kind, status, ticket_id, round, tenant_id,"
        " lead_id, opened_at, awaits_task) values ($1, $2, 1, 1, 'LOW_QUALITY', 'OPEN', $3, 1, $1, $4, $5, false)"
        " on conflict do nothing",
        *(city.id, sample, ids.decode(story["in_progress"]).key, city.departments["commerce"]),
        datetime(2026, 2, 1, tzinfo=UTC),
    )
    notice, notification = uuid.UUID(int=2), uuid.UUID(int=3)
    await behind.execute(
        "insert into supervision_notices (city_id, id, number, version, scheme_version, level, kind, ticket_id,"
        " restricted, addressee_id, trigger, times, cause, issued_at, issued_on, reply_due_at, provisional, listed,"
        " may_refer, status) values ($1, $2, 'GY-TX-1', 1, 1, 1, 'REMINDER', $3, false, $4, 'OVERDUE', 1, 'c', $5,"
        " '2026-02-01', $5, false, false, false, 'ISSUED') on conflict do nothing",
        *(city.id, notice, ids.decode(story["in_progress"]).key, city.departments["commerce"]),
        datetime(2026, 2, 1, tzinfo=UTC),
    )
    await behind.execute(
        "insert into notifications values ($1, $2, $2, $1, 'NOTICE_REPLIED', null, $3, false, now())"
        " on conflict do nothing",
        *(city.id, notification, notice),
    )
    task, plan, inspection = uuid.UUID(int=4), uuid.UUID(int=5), uuid.UUID(int=6)
    await behind.execute(
        "insert into work_plans values ($1, $2, 1, $1, null, 2026, '任务清单', $3, $4) on conflict do nothing",
        *(city.id, plan, datetime(2026, 2, 1, tzinfo=UTC), user),
    )
    await behind.execute(
        "insert into inspections values ($1, $2, $3, null, '2026-02-01', 'OPEN', '两人', null, $4, $5)"
        " on conflict do nothing",
        *(city.id, inspection, city.departments["commerce"], datetime(2026, 2, 1, tzinfo=UTC), user),
    )
    await behind.execute(
        "insert into rectification_tasks (city_id, id, version, scheme_version, source, title, problem, lead_id,"
        " status, running, round, percent, issued_at, due_at, provisional, progress_due_at)"
        " values ($1, $2, 1, 1, 'AUDIT', '重复提交', '三个窗口', $3, 'ISSUED', true, 1, 0, $4, $4, false, $4)"
        " on conflict do nothing",
        *(city.id, task, city.departments["commerce"], datetime(2026, 2, 1, tzinfo=UTC)),
    )
    aggregate = uuid.UUID(int=9)
    await behind.execute(
        "insert into aggregates (city_id, id, of_city_id, month, version, scheme_version, minimum_cell, automatic,"
        " digest, released_at) values ($1, $2, $1, '2026-01-01', 1, 1, 5, true, '', $3) on conflict do nothing",
        *(city.id, aggregate, datetime(2026, 2, 5, tzinfo=UTC)),
    )
    await behind.execute(
        "insert into aggregate_cells (city_id, aggregate_id, place, measure, numerator, withheld)"
        " values ($1, $2, 0, 'RECEIVED', 7, false) on conflict do nothing",
        *(city.id, aggregate),
    )
    entry, report = uuid.UUID(int=7), uuid.UUID(int=8)
    await behind.execute(
        "insert into integrity_entries (city_id, id, version, scheme_version, kind, status, title, debtor_id,"
        " creditor_id, amount, opened_on, opened_at, opened_by)"
        " values ($1, $2, 1, 1, 'ARREARS', 'OPENED', '拖欠', $3, $4, 100, '2026-02-01', $5, $6)"
        " on conflict do nothing",
        *(city.id, entry, city.departments["commerce"], city.enterprise.id, datetime(2026, 2, 1, tzinfo=UTC), user),
    )
    await behind.execute(
        "insert into reports (city_id, id, version, scheme_version, obligation, every, begins_on, ends_before,"
        " tenant_id, from_roles, to_roles, copied_to, status, due_at, content, drafted_at) values ($1, $2, 1, 1,"
        " '月报', 'MONTH', '2026-01-01', '2026-02-01', $1, '{OFFICE}', '{LEADING_GROUP}', '{}', 'DUE', $3, '{}', $3)"
        " on conflict do nothing",
        *(city.id, report, datetime(2026, 2, 5, tzinfo=UTC)),
    )
    transfer = uuid.UUID(int=9)
    await behind.execute(
        "insert into ticket_transfers (city_id, id, version, direction, peer_id, status, number, category, secrecy,"
        " title, body, reporter_anonymous, reason, offered_at, due_at, provisional, warn_at, chases, relayed_seq,"
        " scheme_version) values ($1, $2, 1, 'RECEIVED', $3, 'OFFERED', 'X-1', 'HELP', 'NORMAL', '停水', '停水三天',"
        " false, '由贵市负责', $4, $4, false, $4, 0, 0, 1) on conflict do nothing",
        *(city.id, transfer, api.world.anshan.id, datetime(2026, 2, 1, tzinfo=UTC)),
    )
    return {
        "transfer": ids.encode("TT", city.id, transfer),
        "task": ids.encode("RT", city.id, task),
        "aggregate": ids.encode("AG", city.id, aggregate),
        "plan": ids.encode("WP", city.id, plan),
        "inspection": ids.encode("IN", city.id, inspection),
        "notice": ids.encode("SN", city.id, notice),
        "notification": ids.encode("NO", city.id, notification),
        "ticket": story["in_progress"],
        "number": story.number("in_progress"),
        "enterprise": ids.encode("E", city.id, city.enterprise.id),
        "event": ids.encode("TE", city.id, event),
        "scheme": ids.encode("S", city.id, 1),
        "user": ids.encode("U", city.id, user),
        "grant": ids.encode("G", city.id, grant),
        "sample": ids.encode("QS", city.id, sample),
        "qualityEntry": ids.encode("QE", city.id, sample),
        "entry": ids.encode("IE", city.id, entry),
        "report": ids.encode("RO", city.id, report),
    }


def unknown(api: Api, city_id: int) -> dict[str, Any]:
    """Well-formed ids of nothing."""
    return {
        "transfer": ids.encode("TT", city_id, new_id()),
        "task": ids.encode("RT", city_id, new_id()),
        "aggregate": ids.encode("AG", city_id, new_id()),
        "plan": ids.encode("WP", city_id, new_id()),
        "inspection": ids.encode("IN", city_id, new_id()),
        "notice": ids.encode("SN", city_id, new_id()),
        "notification": ids.encode("NO", city_id, new_id()),
        "ticket": ids.encode("T", city_id, new_id()),
        "number": "GY-20200101-000000",
        "enterprise": ids.encode("E", city_id, new_id()),
        "event": ids.encode("TE", city_id, new_id()),
        "scheme": ids.encode("S", city_id, 99),
        "user": ids.encode("U", city_id, new_id()),
        "grant": ids.encode("G", city_id, new_id()),
        "sample": ids.encode("QS", city_id, new_id()),
        "qualityEntry": ids.encode("QE", city_id, new_id()),
        "entry": ids.encode("IE", city_id, new_id()),
        "report": ids.encode("RO", city_id, new_id()),
    }


async def read(api: Api, login: str | None, row: str, about: dict[str, Any]) -> dict[str, Any]:
    used = {name: value for name, value in about.items() if f"${name}" in row}
    declared = ", ".join(f"${name}: {'String!' if name == 'number' else 'ID!'}" for name in used)
    return await api.ask(login, f"query{f'({declared})' if declared else ''} {{ {row} }}", **used)


async def write(api: Api, login: str | None, name: str, given: dict[str, Any]) -> dict[str, Any]:
    document = (
        f"mutation($input: {name[0].upper()}{name[1:]}Input!) "
        f"{{ {name}(input: $input) {{ userErrors {{ code message ... on NotFoundError {{ kind }} }} }} }}"
    )
    return await api.ask(login, document, input=given)


async def subscribe(api: Api, login: str | None, row: str, about: dict[str, Any]) -> tuple[str, str]:
    """The code and the rule of the refusal; empty when it was opened."""
    viewer = await api.viewer(login)
    declared, used = ("($ticket: ID!)", {"ticket": about["ticket"]}) if "$ticket" in row else ("", {})
    prepared = await api.services.executor.prepare(f"subscription{declared} {{ {row} }}", None, viewer=viewer)
    try:
        await api.services.executor.prepare_subscription(prepared, used, viewer)
    except RequestError as refusal:
        return refusal.code, refusal.rule
    return "", ""


def code_of(response: dict[str, Any]) -> str:
    return response["errors"][0]["extensions"]["code"] if "errors" in response else ""


# The neighbour


async def test_the_other_city_reads_nothing(there: Api, story: Story, behind: asyncpg.Connection) -> None:
    about = await known(there, story, behind)
    missing = unknown(there, there.world.guangyuan.id)
    for name, row in READS.items():
        ours = await read(there, f"{row.login}@guangyuan", row.ask, about)
        assert "errors" not in ours, (name, ours)
        assert any(ours["data"].values()), name
        theirs = await read(there, f"{row.login}@anshan", row.ask, about)
        none = await read(there, f"{row.login}@anshan", row.ask, missing)
        match row.neighbour:
            case "null":
                assert theirs == none == {"data": {name: None}}
            case "nulls":
                assert theirs == none == {"data": {name: [None] * 6}}
                assert ours["data"][name].count(None) == 0
            case "[]":
                assert theirs == none == {"data": {name: []}}
            case "no_such_tenant":
                assert theirs["data"] in (None, {name: None}), name
                assert [error["extensions"]["rule"] for error in theirs["errors"]] == ["no_such_tenant"]
            case "same":
                assert theirs == ours
            case _:
                assert "guangyuan" not in orjson.dumps(theirs).decode()


async def test_a_list_without_a_place_is_of_ones_own_city(there: Api, story: Story) -> None:
    query = (
        "{ tickets(first: 100) { edges { node { id city { path } } } } "
        "enterprises { edges { node { city { path } } } } }"
    )
    for city in ("guangyuan", "anshan"):
        data = await there.data(f"office@{city}", query)
        assert data["tickets"]["edges"]
        assert {edge["node"]["city"]["path"] for edges in data.values() for edge in edges["edges"]} == {city}


async def test_ids_with_another_citys_number_find_nothing(there: Api, story: Story) -> None:
    """The city in an id says where to look; it does not make a ticket of Guangyuan one of Anshan."""
    found = ids.decode(story["in_progress"])
    disguised = ids.encode("T", there.world.anshan.id, found.key)
    for login in ("office@anshan", "office@guangyuan", "auditor@anshan"):
        response = await there.ask(
            login,
            "query($id: ID!) { ticket(id: $id) { id } node(id: $id) { id } nodes(ids: [$id]) { id } }",
            id=disguised,
        )
        assert response == {"data": {"ticket": None, "node": None, "nodes": [None]}}


async def test_a_credit_code_is_looked_up_in_ones_own_city(there: Api) -> None:
    code = there.world.guangyuan.enterprise.credit_code
    query = (
        "query($code: UnifiedSocialCreditCode!, $text: String!) { enterprise(creditCode: $code) { name } "
        "enterprises(filter: {text: $text}) { totalCount } }"
    )
    for city, found in (("guangyuan", 1), ("anshan", 0)):
        data = await there.data(f"office@{city}", query, code=code, text=code[2:])
        assert bool(data["enterprise"]) is bool(found)
        assert data["enterprises"]["totalCount"] == found


async def test_filters_by_the_neighbours_things_find_nothing(there: Api, story: Story) -> None:
    enterprise = ids.encode("E", there.world.guangyuan.id, there.world.guangyuan.enterprise.id)
    for given in ({"enterpriseId": enterprise}, {"text": story.number("in_progress")}, {"county": "guangyuan.cangxi"}):
        data = await there.data(
            "office@anshan",
            "query($f: TicketFilter) { tickets(filter: $f) { totalCount edges { node { id } } } }",
            f=given,
        )
        assert data["tickets"] == {"totalCount": 0, "edges": []}


@pytest.mark.parametrize("name", WRITES)
async def test_the_other_city_changes_nothing(there: Api, story: Story, behind: asyncpg.Connection, name: str) -> None:
    row = WRITES[name]
    theirs = await known(there, story, behind)
    before = await state_of(behind)
    given = dict(row.given)
    answers = []
    for about in (theirs, unknown(there, there.world.guangyuan.id)):
        if row.about:
            given[row.about] = about[row.about.removesuffix("Id")]
        answers.append(await write(there, row.login.format("anshan"), name, given))
    assert answers[0] == answers[1]  # what is not theirs is answered like what is not there
    assert [error["code"] for error in answers[0]["data"][name]["userErrors"]] == ([row.refusal] if row.refusal else [])
    assert await state_of(behind) == before


async def state_of(connection: asyncpg.Connection) -> dict[str, Any]:
    """How many rows each table has, and the versions of what has one."""
    tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public' order by 1")
    counts = {
        row["tablename"]: await connection.fetchval(f'select count(*) from "{row["tablename"]}"') for row in tables
    }
    versions = "select md5(string_agg(id || ' ' || version || ' ' || status, ',' order by id)) from tickets"
    users = "select sum(grants_version) from users"
    tree = "select tree_version from platform_state"
    return {**counts, "versions": [await connection.fetchval(text) for text in (versions, users, tree)]}


@pytest.mark.parametrize("name", STREAMS)
async def test_the_other_city_hears_nothing(there: Api, story: Story, behind: asyncpg.Connection, name: str) -> None:
    ask, rule, _ = STREAMS[name]
    refusal = ("BAD_USER_INPUT", rule) if rule else ("", "")
    about = await known(there, story, behind)
    assert await subscribe(there, "office@guangyuan", ask, about) == ("", "")
    assert await subscribe(there, "office@anshan", ask, about) == refusal
    missing = unknown(there, there.world.guangyuan.id)
    assert await subscribe(there, "office@anshan", ask.replace('"guangyuan"', '"nowhere"'), missing) == refusal


# Every role


async def test_reading_depends_on_the_role_only(there: Api, story: Story, behind: asyncpg.Connection) -> None:
    about = await known(there, story, behind)
    objects = (about, unknown(there, there.world.guangyuan.id), unknown(there, there.world.anshan.id))
    for role in Role:
        login = logins_of(there, role)
        for name, row in READS.items():
            refused = row.permission is not None and role not in POLICY[row.permission]
            for each in objects:
                response = await read(there, login, row.ask, each)
                assert (code_of(response) == "FORBIDDEN") is refused, (role, name, response)
                assert code_of(response) in ("", "FORBIDDEN", "BAD_USER_INPUT"), (role, name, response)


async def test_changing_depends_on_the_role_only(there: Api, story: Story, behind: asyncpg.Connection) -> None:
    about = {**await known(there, story, behind), "enterprise": unknown(there, there.world.guangyuan.id)["enterprise"]}
    missing = unknown(there, there.world.guangyuan.id)
    before = await state_of(behind)
    for role in Role:
        login = logins_of(there, role)
        for name, row in WRITES.items():
            refused = not any(role in POLICY[permission] for permission in row.permissions)
            for each in (about, missing) if refused else (missing,):
                given = dict(row.given)
                if row.about:
                    given[row.about] = each[row.about.removesuffix("Id")]
                elif not refused:
                    continue  # it would be done
                response = await write(there, login, name, given)
                assert (code_of(response) == "FORBIDDEN") is refused, (role, name, response)
                if not refused:
                    assert response["data"][name]["userErrors"], (role, name, response)
    assert await state_of(behind) == before


async def test_hearing_depends_on_the_role_only(there: Api, story: Story, behind: asyncpg.Connection) -> None:
    about = await known(there, story, behind)
    for role in Role:
        for ask, _, permission in STREAMS.values():
            for each in (about, unknown(there, there.world.guangyuan.id)):
                code, _ = await subscribe(there, logins_of(there, role), ask, each)
                assert (code == "FORBIDDEN") is (role not in POLICY[permission]), (role, ask)


# Nobody


async def test_nobody_signed_in(there: Api, story: Story, behind: asyncpg.Connection) -> None:
    about = await known(there, story, behind)
    for name, row in READS.items():
        response = await read(there, None, row.ask, about)
        assert code_of(response) == ("" if row.public else "UNAUTHENTICATED"), name
        if not row.public:
            assert response["data"] in (None, {name: None})
    before = await state_of(behind)
    for name, write_row in WRITES.items():
        given = dict(write_row.given)
        if write_row.about:
            given[write_row.about] = about[write_row.about.removesuffix("Id")]
        assert code_of(await write(there, None, name, given)) == "UNAUTHENTICATED", name
    assert await state_of(behind) == before
    for name, (ask, *_) in STREAMS.items():
        assert (await subscribe(there, None, ask, about))[0] == "UNAUTHENTICATED", name
    assert code_of(await there.ask(None, "{ __schema { queryType { name } } }")) == "UNAUTHENTICATED"


async def test_what_the_public_sees(there: Api, story: Story, behind: asyncpg.Connection) -> None:
    """Tenant names, and nothing else: not by `node` either, nor through what hangs on a tenant."""
    about = await known(there, story, behind)
    data = await there.data(
        None,
        "query($ids: [ID!]!) { nodes(ids: $ids) { id } viewer { user { login } roles { id } tenants { path } "
        'permissions(tenant: "guangyuan") } tenant(path: "guangyuan.finance") { name city { name } county { name } } '
        "tenants(first: 1) { totalCount } }",
        ids=[value for name, value in about.items() if name != "number"],
    )
    assert data["nodes"] == [None] * (len(about) - 1)
    assert data["viewer"] == {"user": None, "roles": [], "tenants": [], "permissions": []}
    assert data["tenant"] == {"name": "财政局", "city": {"name": "广元市"}, "county": None}
    assert data["tenants"]["totalCount"] == len(there.world.tenants)


async def test_who_may_look_at_the_schema(there: Api) -> None:
    for role in Role:
        response = await there.ask(logins_of(there, role), '{ __type(name: "Ticket") { name } }')
        assert (code_of(response) == "FORBIDDEN") is (role not in POLICY[P.SCHEMA_INTROSPECT]), role
    assert Role.ENTERPRISE_USER not in POLICY[P.SCHEMA_INTROSPECT]


# People and their roles


async def test_people_are_seen_by_themselves_and_those_who_administer_them(
    there: Api, story: Story, behind: asyncpg.Connection
) -> None:
    about = await known(there, story, behind)
    query = (
        "query($user: ID!, $grant: ID!) { user: node(id: $user) { ... on User { login } } "
        "grant: node(id: $grant) { ... on RoleGrant { role user { login } } } }"
    )
    shown = {"user": {"login": "office@guangyuan"}, "grant": {"role": "OFFICE", "user": {"login": "office@guangyuan"}}}
    used = {"user": about["user"], "grant": about["grant"]}
    for login in ("office@guangyuan", "city_administrator@guangyuan", "auditor@guangyuan"):
        assert await there.data(login, query, **used) == shown, login
    for login in ("dispatcher@guangyuan", "city_administrator@anshan", "platform_operator@platform", None):
        assert await there.data(login, query, **used) == {"user": None, "grant": None}, login
