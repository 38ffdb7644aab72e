"""What the words of the domain are called: per value the Chinese label, the English one, and where it says more, the
description in the schema."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

import strawberry
from sqlalchemy import ColumnElement, case, literal_column

from app.deadlines.words import DeadlineKind, DeadlineState
from app.enterprises.models import EnterpriseKind
from app.responsibility.models import HandlingLevel
from app.responsibility.suggest import SuggestionReasonKind
from app.tickets.lifecycle import PERMISSIONS
from app.tickets.words import (
    Malice,
    Satisfaction,
    SecrecyLevel,
    TicketCategory,
    TicketChannel,
    TicketEventType,
    TicketStatus,
    Visibility,
)
from authz.roles import Role
from tenants.models import RankingGroup, TenantKind
from tenants.schemes.words import CoordinationLevel, FollowUpQuestion, SuspensionReason, TimeUnit

TicketAction = StrEnum("TicketAction", [(action.name, action.value) for action in sorted(PERMISSIONS)])  # type: ignore[misc]
"""The verbs that the API has, out of the lifecycle's."""
ShownDeadlineState = StrEnum(  # type: ignore[misc]
    "DeadlineState", [(state.name, state.value) for state in DeadlineState if state is not DeadlineState.CANCELLED]
)
"""What was called off is nobody's deadline any more, and not shown."""

E = TypeVar("E", bound=type[StrEnum])

LABELS: Mapping[type[StrEnum], Mapping[str, tuple[str, ...]]] = {
    TicketCategory: {
        "CONSULTATION": ("咨询", "Consultation"),
        "HELP": ("求助", "Request for help"),
        "COMPLAINT": ("投诉", "Complaint"),
        "REPORT": ("举报", "Report of misconduct"),
        "SUGGESTION": ("意见建议", "Suggestion"),
        "BIDDING_COMPLAINT": ("招投标投诉", "Bidding complaint"),
    },
    TicketChannel: {
        "HOTLINE": ("12345热线", "Hotline 12345"),
        "SERVICE_WINDOW": ("服务窗口", "Service window"),
        "STUCK_WINDOW": ("“办不成事”窗口", "“Cannot get it done” window"),
        "WEB": ("网站", "Web portal"),
        "MINI_PROGRAM": ("小程序", "Mini-program"),
        "QR_CODE": ("二维码", "QR code"),
        "E_LICENCE": ("电子营业执照", "E-licence app"),
        "STEWARD_VISIT": ("管家走访", "Steward's visit"),
        "OFFICER_VISIT": ("干部走访", "Officer's visit"),
        "FORWARDED": ("上级转办", "Forwarded from above"),
        "OTHER_CITY": ("外市转办", "From another city"),
        "OTHER_PLATFORM": ("其他平台", "From another platform"),
        "EMAIL": ("电子邮件", "E-mail"),
        "COMPLAINT_CENTRE": ("投诉举报中心", "Complaint and reporting centre"),
    },
    TicketStatus: {
        "SUBMITTED": ("待受理", "Submitted"),
        "ACCEPTED": ("已受理", "Accepted"),
        "DECLINED": ("不予受理", "Declined"),
        "ANSWERED": ("即时答复", "Answered on the spot"),
        "DISPATCHED": ("已分办", "Dispatched"),
        "IN_PROGRESS": ("办理中", "In progress"),
        "DISPUTED": ("争议待裁定", "Disputed"),
        "RESOLVED": ("已办结", "Resolved"),
        "ESCALATED": ("提级办理", "Escalated"),
        "CLOSED": ("已归档", "Closed"),
        "TERMINATED": ("终结办理", "Terminated"),
        "TRANSFERRED": ("已转办", "Transferred"),
        "WITHDRAWN": ("已撤回", "Withdrawn"),
    },
    SecrecyLevel: {
        "NORMAL": ("普通", "Normal", "Normal: the reporter is known to those who handle the ticket"),
        "CONFIDENTIAL": (
            "保密",
            "Confidential",
            "Confidential: who reported is visible to intake and supervision only",
        ),
        "RESTRICTED": ("限定知悉", "Restricted", "Restricted: the whole ticket is visible to named persons only"),
    },
    Satisfaction: {
        "VERY_SATISFIED": ("非常满意", "Very satisfied"),
        "SATISFIED": ("满意", "Satisfied"),
        "NEUTRAL": ("基本满意", "Neutral"),
        "UNSATISFIED": ("不满意", "Unsatisfied"),
        "VERY_UNSATISFIED": ("非常不满意", "Very unsatisfied"),
    },
    Malice: {
        "FOUND": ("已认定", "Found malicious; the reporter may appeal"),
        "APPEALED": ("申诉中", "Appealed"),
        "UPHELD": ("维持", "Upheld on appeal"),
        "OVERTURNED": ("撤销", "Overturned on appeal"),
    },
    CoordinationLevel: {
        "TASK_GROUP": ("专责组", "Task group"),
        "WORKING_GROUP": ("工作小组", "Working group"),
        "LEADING_GROUP": ("领导小组", "Leading group"),
    },
    SuspensionReason: {
        "APPLICANT_DOCUMENTS": ("等待补充材料", "Waiting for the reporter's documents"),
        "INSPECTION": ("检验", "Inspection"),
        "TESTING": ("检测", "Testing"),
        "APPRAISAL": ("鉴定", "Appraisal"),
        "EXPERT_REVIEW": ("专家评审", "Expert review"),
    },
    FollowUpQuestion: {
        "PROCESS": ("办理过程", "How it was handled"),
        "EFFICIENCY": ("办理效率", "How fast"),
        "COST": ("办理成本", "At what cost to the reporter"),
        "QUALITY": ("办理质量", "How well"),
    },
    DeadlineKind: {
        "VERIFICATION": ("核实受理", "Verification", "Verification: the desk accepts, declines or answers"),
        "ACKNOWLEDGEMENT": ("签收", "Acknowledgement", "Acknowledgement by the lead department"),
        "FIRST_CONTACT": ("首次联系", "First contact", "First contact of the handler with the reporter"),
        "HANDLING": ("办理", "Handling", "Handling: from the dispatch to the reply"),
        "FOLLOW_UP": ("回访", "Follow-up", "Follow-up of the reply"),
    },
    ShownDeadlineState: {
        "RUNNING": ("计时中", "Running", "Running: not due yet"),
        "SUSPENDED": ("暂停计时", "Suspended", "Suspended: the time does not count until it is resumed"),
        "MET": ("按时完成", "Met", "Met: done in time"),
        "MISSED": ("已超期", "Missed", "Missed: done late, or not done though it is past due"),
    },
    TimeUnit: {
        "OFFICE_HOURS": ("个办公小时", "office hour(s)", "Office hours of the city"),
        "WORKING_DAYS": ("个工作日", "working day(s)", "Working days: the limit ends at the close of the last"),
    },
    Visibility: {
        "PUBLIC": ("公开", "Public", "Public: the reporter sees it"),
        "INTERNAL": ("内部", "Internal", "Internal: staff only, it never reaches the reporter"),
    },
    TicketEventType: {
        "SUBMITTED": ("提交", "Submitted"),
        "ACCEPTED": ("受理", "Accepted"),
        "DECLINED": ("不予受理", "Declined", "Declined, with the basis"),
        "ANSWERED": ("即时答复", "Answered on the spot"),
        "DISPATCHED": ("分办", "Dispatched to the lead"),
        "ACKNOWLEDGED": ("签收", "Acknowledged by the lead"),
        "REFERRED": ("提请工作小组研究", "Referred to the working group"),
        "FIRST_CONTACTED": ("首次联系", "First contact with the reporter"),
        "EXTENSION_REQUESTED": ("申请延期", "Asked for more time"),
        "EXTENSION_DECIDED": ("延期审批", "Decided on more time", "Decided on more time; `approved` tells how"),
        "SUSPENDED": ("中止计时", "Suspended", "Suspended: the clock stands still, for the `suspensionReason`"),
        "RESUMED": ("恢复计时", "Resumed"),
        "COORDINATION_REQUESTED": ("提请协调", "Asked for coordination"),
        "COORDINATION_DECIDED": ("协调意见", "Coordination decided, or taken one group up"),
        "PART_REPORTED": ("协办完成", "A co-handler reported its part done"),
        "MERGED": ("合并", "Merged", "Merged into another ticket about the same problem"),
        "ABSORBED": ("并入", "Another ticket was merged into it"),
        "PROGRESSED": (
            "进展",
            "Progress",
            "The ticket that it was merged into went on: `toStatus` is where that one stands",
        ),
        "TERMINATED": ("终结办理", "Terminated", "Terminated: the same problem was already handled by law"),
        "MALICE_FOUND": ("认定恶意投诉", "Found malicious", "Found malicious by the office, with the evidence"),
        "MALICE_APPEALED": ("申诉", "The finding of malice appealed"),
        "MALICE_DECIDED": ("申诉决定", "The appeal decided"),
        "QUALITY_CHECKED": ("办理质量抽查", "Checked for quality", "Checked for quality; `passed` tells the verdict"),
        "RETURNED": ("退回", "Returned by the lead", "Returned by the lead, with the reason"),
        "ARBITRATED": ("裁定", "The office named the lead"),
        "COMMENTED": ("备注", "Commented"),
        "ATTACHED": ("上传附件", "A file attached"),
        "RESOLVED": ("办结答复", "Resolved", "Resolved, with the reply"),
        "RATED": ("评价", "Rated by the reporter in the portal"),
        "FOLLOWED_UP": ("回访", "Followed up", "Followed up; `toStatus` tells the outcome"),
        "WITHDRAWN": ("撤回", "Withdrawn by the reporter"),
    },
    TicketAction: {
        "ACCEPT": ("受理", "Accept", "Accept (`ticketAccept`)"),
        "ACKNOWLEDGE": ("签收", "Acknowledge", "Acknowledge (`ticketAcknowledge`)"),
        "ANSWER": ("即时答复", "Answer on the spot", "Answer on the spot (`ticketAnswer`)"),
        "ARBITRATE": ("裁定", "Name the lead in a dispute", "Name the lead in a dispute (`ticketArbitrate`)"),
        "ATTACH": ("上传附件", "Attach a file", "Attach a file (`ticketAttach`)"),
        "COMMENT": ("备注", "Comment", "Comment (`ticketComment`)"),
        "COORDINATION_DECIDE": ("协调", "Decide coordination", "Decide coordination (`ticketCoordinationDecide`)"),
        "COORDINATION_REQUEST": (
            "提请协调",
            "Ask for coordination",
            "Ask for coordination (`ticketCoordinationRequest`)",
        ),
        "DECLINE": ("不予受理", "Decline", "Decline (`ticketDecline`)"),
        "DISPATCH": ("分办", "Dispatch", "Dispatch (`ticketDispatch`)"),
        "EXTENSION_DECIDE": ("审批延期", "Decide on more time", "Decide on more time (`ticketExtensionDecide`)"),
        "EXTENSION_REQUEST": ("申请延期", "Ask for more time", "Ask for more time (`ticketExtensionRequest`)"),
        "FIRST_CONTACT": ("首次联系", "Record the first contact", "Record the first contact (`ticketFirstContact`)"),
        "FOLLOW_UP": ("回访", "Follow up", "Follow up (`ticketFollowUp`)"),
        "MALICE_APPEAL": (
            "申诉",
            "Appeal the finding of malice",
            "Appeal the finding of malice (`ticketMaliceAppeal`)",
        ),
        "MALICE_DECIDE": ("裁决申诉", "Decide the appeal", "Decide the appeal (`ticketMaliceDecide`)"),
        "MALICE_FIND": ("认定恶意投诉", "Find it malicious", "Find it malicious (`ticketMaliceFind`)"),
        "MERGE": ("合并", "Merge", "Merge into another (`ticketMerge`)"),
        "PART_REPORT": ("报告协办完成", "Report one's part done", "Report one's part done (`ticketPartReport`)"),
        "RATE": ("评价", "Rate the outcome as its reporter", "Rate the outcome as its reporter (`ticketFollowUp`)"),
        "REFER": ("提请工作小组研究", "Refer to the working group", "Refer to the working group (`ticketRefer`)"),
        "RESOLVE": ("办结", "Resolve", "Resolve (`ticketResolve`)"),
        "RESUME": ("恢复计时", "Resume", "Resume (`ticketResume`)"),
        "RETURN": ("退回", "Return", "Return (`ticketReturn`)"),
        "SUSPEND": ("中止计时", "Suspend", "Suspend (`ticketSuspend`)"),
        "TERMINATE": ("终结办理", "Terminate", "Terminate (`ticketTerminate`)"),
        "WITHDRAW": ("撤回", "Withdraw", "Withdraw (`ticketWithdraw`)"),
    },
    EnterpriseKind: {
        "ABOVE_SCALE": ("“四上”企业", "Above-scale enterprise"),
        "MSME": ("中小微企业", "Micro, small or medium enterprise"),
        "INDIVIDUAL": ("个体工商户", "Individual business"),
    },
    HandlingLevel: {
        "CITY": ("市级", "City", "Handled by the city's own department"),
        "COUNTY": ("县(区)级", "County", "Handled in the county concerned"),
        "TOWNSHIP": ("乡镇(街道)级", "Township", "Handled in the township concerned, through its county"),
    },
    SuggestionReasonKind: {
        "CORRECTED": ("裁定更正", "Corrected by arbitration", "The list was overruled in its favour by arbitration"),
        "LISTED": ("职责清单", "Listed", "The responsibility list names it"),
        "PRACTICE": ("以往办理", "Practice", "It has handled tickets with such words"),
        "RETURNED": ("已退回", "Returned", "It has returned this ticket: a reason against it"),
    },
    TenantKind: {
        "PLATFORM": ("平台", "The platform"),
        "REGION": ("省/自治区", "Province or autonomous region"),
        "CITY": ("市", "City", "City: the boundary of isolation"),
        "COUNTY": ("县/区/开发区", "County, district or development zone"),
        "DEPARTMENT": ("部门", "Department or unit"),
        "TOWNSHIP": ("乡镇/街道", "Township or street"),
        "VILLAGE": ("村/社区", "Village or community"),
    },
    RankingGroup: {
        "COUNTIES": ("县(区)", "Counties and districts"),
        "DEPARTMENTS": ("市级部门(单位)", "City departments and units"),
    },
    Role: {
        "AUDITOR": ("审计/纪检", "Auditor", "Auditor: reads everything, writes nothing, every read is logged"),
        "CITY_ADMINISTRATOR": (
            "系统管理员",
            "City administrator",
            "City administrator: users, roles, tenants and scheme; reads no ticket",
        ),
        "DEPARTMENT_LEAD": ("部门负责人", "Department lead"),
        "DISPATCHER": ("分办人员", "Dispatcher"),
        "ENTERPRISE_USER": ("企业用户", "Enterprise user"),
        "EVALUATION_MANAGER": ("评价管理员", "Evaluation manager"),
        "FINANCE_OFFICER": ("财政人员", "Finance officer"),
        "HANDLER": ("经办人员", "Handler"),
        "INTAKE_AGENT": ("受理专席", "Intake agent"),
        "LEADING_GROUP": ("领导小组", "Leading group"),
        "OFFICE": ("工作小组办公室", "Office of the working group"),
        "PLATFORM_OPERATOR": (
            "平台运维",
            "Platform operator",
            "Platform operator: cities, health and usage; never business content",
        ),
        "POLICY_OFFICER": ("政策专员", "Policy officer"),
        "SPECIAL_MONITOR": ("特约监督员", "Special monitor"),
        "STEWARD": ("企业管家", "Steward"),
        "SUPERVISION_OFFICER": ("督查督办专责组", "Supervision officer"),
        "WORKING_GROUP": ("工作小组", "Working group"),
    },
}


def enum_of(enum: E, description: str, name: str | None = None) -> E:
    """Register a domain enum with the schema, each value described from its labels."""
    made: Any = strawberry.enum(enum, name=name, description=description)
    for value in made.__strawberry_definition__.values:
        chinese, *english = LABELS[enum][value.name]
        value.description = f"{english[-1]} ({chinese})."
    return enum


def label(enum: type[StrEnum], value: str, locale: str) -> str:
    """A value's label in the viewer's language."""
    return LABELS[enum][value][0 if locale == "zh-CN" else 1]


def label_sql(enum: type[StrEnum], column: ColumnElement[str], locale: str) -> ColumnElement[str]:
    """The label of a column's value: a CASE over the catalogue, part of the plan of this language."""

    def quoted(text: str) -> ColumnElement[str]:
        return literal_column("'" + text.replace("'", "''") + "'")

    return case(*((column == quoted(value), quoted(label(enum, value, locale))) for value in LABELS[enum]))


# Registered here, before any type is declared: a field may name an enum long before its slice is read.
enum_of(TicketCategory, "What the reporter wants (003_…txt, 二(三)).")
enum_of(TicketChannel, "The way by which a ticket came in.")
enum_of(TicketStatus, "Where a ticket stands (domain.md, section 5).")
enum_of(SecrecyLevel, "Who may see who reported, or the ticket at all.")
enum_of(Satisfaction, "The reporter's verdict: five levels.")
enum_of(Malice, "How far the finding stands that a complaint is malicious (捏造事实).")
enum_of(CoordinationLevel, "Who is asked for coordination, in this order (003_…txt, 二(五)).")
enum_of(SuspensionReason, "What a clock that stands still waits for.")
enum_of(FollowUpQuestion, "What the follow-up asks beside the verdict (003_…txt, 二(六)).")
enum_of(DeadlineKind, "Which step of a ticket has a limit (003_…txt, 二).")
enum_of(ShownDeadlineState, "How a clock stands.")
enum_of(TimeUnit, "In what a time limit is counted (domain.md, section 3).")
enum_of(Visibility, "Whom an event or a comment is for.")
enum_of(TicketEventType, "What happened to a ticket.")
enum_of(EnterpriseKind, "How an enterprise counts.")
enum_of(HandlingLevel, "At which level a matter is handled (003_…txt, 二(四)).")
enum_of(SuggestionReasonKind, "Why a department is suggested.")
enum_of(TenantKind, "What a node of the tenant tree is.")
enum_of(RankingGroup, "Among whom a tenant is ranked; apart from its kind (000_…txt, 二).")
enum_of(Role, "What a person is in a tenant (domain.md, section 1).")
enum_of(TicketAction, "A verb of a ticket. `Ticket.allowedActions` says which ones the viewer may do now.")
