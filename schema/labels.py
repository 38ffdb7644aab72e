"""What the words of the domain are called: per value the Chinese label, the English one, and where it says more, the
description in the schema."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

import strawberry
from sqlalchemy import ColumnElement, case, literal_column

from app.aggregates.words import AggregateAction, AggregateMeasure
from app.deadlines.words import DeadlineKind, DeadlineState, StretchKind
from app.enterprises.models import EnterpriseKind
from app.integrity.words import (
    IntegrityAction,
    IntegrityEventType,
    IntegrityStatus,
    ReportAction,
    ReportEventType,
    ReportStatus,
)
from app.rectification.lifecycle import RectificationAction
from app.rectification.words import FindingSeverity, InspectionMode, RectificationEventType, RectificationStatus
from app.responsibility.models import HandlingLevel
from app.responsibility.suggest import SuggestionReasonKind
from app.supervision.lifecycle import NoticeAction
from app.supervision.words import NoticeKind, NoticeStatus, NotificationKind
from app.tickets.lifecycle import PERMISSIONS
from app.tickets.quality.lifecycle import QualityAction
from app.tickets.words import (
    Malice,
    QualityEventType,
    QualityStatus,
    Satisfaction,
    SecrecyLevel,
    TicketCategory,
    TicketChannel,
    TicketEventType,
    TicketStatus,
    Visibility,
)
from app.transfers.words import TransferDirection, TransferStatus
from authz.roles import Role
from tenants.models import RankingGroup, TenantKind
from tenants.schemes.words import (
    CoordinationLevel,
    FollowUpQuestion,
    IntegrityKind,
    Period,
    QualityConcern,
    RectificationSource,
    SuspensionReason,
    TimeUnit,
    TriggerKind,
)

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
    StretchKind: {
        "OFFICE_HOURS": ("工作时间", "Office hours", "Office hours of a working day: counted"),
        "MAKE_UP_DAY": ("调休上班", "Make-up day", "Office hours of a day off that is worked: counted"),
        "EXTENSION": ("延期", "Extension", "Office hours that were granted beside the limit: counted"),
        "OUTSIDE_HOURS": ("非工作时间", "Outside office hours", "The night, or the break at noon, of a working day"),
        "WEEKEND": ("休息日", "Weekend", "A day of the week that is not worked"),
        "HOLIDAY": ("法定节假日", "Statutory holiday", "A statutory holiday, or a day off for a make-up day"),
        "CLOSURE": ("本市停办日", "City closure", "A day that the city itself closes"),
        "DAY_OF_RECEIPT": ("收件当日", "Day of receipt", "The rest of the day of receipt, where that does not count"),
        "SUSPENDED": ("中止计时", "Suspended", "The clock stands still"),
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
        "TRANSFERRED": (
            "转办",
            "Transferred",
            "Offered to another city or the region (`transferredTo`), with the reason",
        ),
        "TRANSFER_ACCEPTED": (
            "对方已接收",
            "The transfer accepted",
            "The other side accepted it: what it does follows as PROGRESSED",
        ),
        "TRANSFER_DECLINED": (
            "对方不予接收",
            "The transfer declined",
            "The other side declined it, with the reason: it is back where it was",
        ),
        "TRANSFER_WITHDRAWN": (
            "撤回转办",
            "The transfer withdrawn",
            "The transfer was withdrawn before it was decided: it is back where it was",
        ),
        "TRANSFER_CHASED": ("催办", "The other side chased"),
        "NOTICE_ISSUED": ("发出督办文书", "A supervision notice about it issued"),
        "NOTICE_REPLIED": ("回复督办文书", "The supervision notice replied to"),
        "NOTICE_CLOSED": ("督办文书办结", "The supervision notice closed"),
        "NOTICE_WITHDRAWN": ("撤回督办文书", "The supervision notice withdrawn"),
        "DEADLINE_WARNED": (
            "临期预警",
            "Deadline near",
            "A step is nearly due: the scheme's share of its working time has passed; `deadlineKind` tells which",
        ),
        "DEADLINE_MOVED": (
            "期限变更",
            "Deadline moved",
            "A step is due at another time, since holidays were published: `dueAt` instead of `previousDueAt`",
        ),
        "NOTICE_MOVED": (
            "督办回复期限变更",
            "Notice moved",
            "The reply to a supervision notice is due at another time, since holidays were published",
        ),
        "TRANSFER_MOVED": (
            "转办决定期限变更",
            "Transfer moved",
            "The decision on a transfer is due at another time, since holidays were published: `dueAt` instead of "
            "`previousDueAt`",
        ),
        "DEADLINE_MISSED": (
            "逾期",
            "Deadline missed",
            "A step was not done by its `dueAt`; `deadlineKind` tells which",
        ),
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
        "TRANSFER": ("转办", "Transfer", "Transfer to another city or the region (`ticketTransfer`)"),
        "TRANSFER_CHASE": ("催办", "Chase the other side", "Chase the other side (`ticketTransferChase`)"),
        "TRANSFER_WITHDRAW": (
            "撤回转办",
            "Withdraw the transfer",
            "Withdraw the undecided transfer (`ticketTransferWithdraw`)",
        ),
        "WITHDRAW": ("撤回", "Withdraw", "Withdraw (`ticketWithdraw`)"),
    },
    RectificationSource: {
        "NOTICE": ("督办整改通知", "Supervision notice"),
        "RANKING": ("排名末位检视", "Low ranking"),
        "BAD_RATING": ("差评整改", "Bad rating"),
        "PROBLEM_LIST": ("问题清单", "Problem list"),
        "INSPECTION": ("明察暗访", "Inspection"),
        "AUDIT": ("审计发现", "Audit"),
        "WORK_PLAN": ("年度任务清单", "Work plan"),
    },
    RectificationStatus: {
        "ISSUED": ("整改中", "Issued"),
        "SUBMITTED": ("已报结", "Submitted", "Submitted: what was put right is to be judged"),
        "ACCEPTED": ("验收通过", "Accepted"),
        "REJECTED": ("验收未通过", "Rejected", "Rejected: to be put right once more"),
        "CLOSED": ("已销号", "Closed", "Closed: struck off the ledger"),
        "REOPENED": ("重新整改", "Reopened", "Reopened: the result did not hold when it was looked back at"),
    },
    RectificationAction: {
        "PLAN": ("制定整改方案", "Plan", "Plan (`rectificationTaskPlan`)"),
        "PROGRESS": ("报告进展", "Report progress", "Report progress (`rectificationTaskProgress`)"),
        "MILESTONE_COMPLETE": (
            "完成节点",
            "Complete a milestone",
            "Complete a milestone (`rectificationTaskMilestoneComplete`)",
        ),
        "SUBMIT": ("报结", "Submit", "Submit (`rectificationTaskSubmit`)"),
        "ACCEPT": ("通过验收", "Accept", "Accept (`rectificationTaskAccept`)"),
        "REJECT": ("退回整改", "Reject", "Reject (`rectificationTaskReject`)"),
        "CLOSE": ("销号", "Close", "Close (`rectificationTaskClose`)"),
        "REOPEN": ("回头看重启", "Reopen", "Reopen (`rectificationTaskReopen`)"),
    },
    RectificationEventType: {
        "ISSUED": ("下达任务", "Issued"),
        "PLANNED": ("制定整改方案", "Planned", "Planned: cause, goal, measures and milestones"),
        "PROGRESSED": ("报告进展", "Progress reported"),
        "MILESTONE_COMPLETED": ("完成节点", "A milestone completed"),
        "SUBMITTED": ("报结", "Submitted", "Submitted, with the result"),
        "ACCEPTED": ("验收通过", "Accepted"),
        "REJECTED": ("退回整改", "Rejected", "Rejected, with the reason"),
        "CLOSED": ("销号", "Closed", "Closed: struck off the ledger"),
        "REOPENED": ("回头看重启整改", "Reopened", "Reopened, with the reason"),
        "OVERDUE": ("超期", "Overdue", "Overdue: told once for each date that it misses"),
        "MOVED": (
            "期限变更",
            "Moved",
            "Its date, or of a closed one the end of looking back, is another, since holidays were published",
        ),
    },
    FindingSeverity: {
        "MINOR": ("一般", "Minor"),
        "SERIOUS": ("较重", "Serious"),
        "GRAVE": ("严重", "Grave"),
    },
    InspectionMode: {
        "OPEN": ("明察", "Open"),
        "UNDERCOVER": ("暗访", "Undercover"),
    },
    AggregateMeasure: {
        "RECEIVED": ("受理量", "Received", "Received: submitted in the month"),
        "RESOLVED": ("办结量", "Resolved", "Resolved: whose last reply fell into the month"),
        "ON_TIME": (
            "按时办结",
            "Resolved in time",
            "Resolved in time (按时办结率): of the handlings that fell due in the month, those ended by then",
        ),
        "OVERDUE": (
            "逾期环节",
            "Steps overdue",
            "Steps overdue: of all steps that fell due in the month, those not ended by then",
        ),
        "RESOLUTION": (
            "问题解决",
            "Problems solved",
            "Problems solved (问题解决率): of the outcomes of the month, the closed; the others went round again",
        ),
        "FOLLOW_UP": (
            "回访",
            "Followed up",
            "Followed up (回访率): of the follow-ups that fell due in the month, those made",
        ),
        "SATISFACTION": (
            "满意",
            "Satisfied",
            "Satisfied (满意率): of the tickets followed up in the month with a verdict, those whose last is not low",
        ),
        "NOTICES": ("督办文书", "Supervision notices", "Supervision notices issued in the month and not withdrawn"),
    },
    AggregateAction: {
        "CORRECT": ("更正", "Correct", "Correct (`aggregateCorrect`)"),
        "RELEASE": ("发布", "Release", "Release (`aggregateRelease`)"),
    },
    IntegrityKind: {
        "ARREARS": ("拖欠账款", "Arrears"),
        "UNKEPT_PROMISE": ("未履行承诺", "Unkept promise"),
        "OVERDUE_ENFORCEMENT_PAYMENT": ("逾期执行款", "Overdue enforcement payment"),
        "IMPROPER_ENFORCEMENT": ("不当执行", "Improper enforcement"),
        "BLACKLISTED_INTERMEDIARY": ("黑名单中介机构", "Blacklisted intermediary"),
    },
    IntegrityStatus: {
        "OPENED": ("待核实", "Opened", "Opened: to be confirmed or dismissed"),
        "CONFIRMED": ("已认定", "Confirmed", "Confirmed: it is so, and not put right yet"),
        "DISMISSED": ("不予认定", "Dismissed", "Dismissed: it is not so"),
        "CLEARED": ("已清偿(已整改)", "Cleared", "Cleared: paid in full, or put right"),
    },
    IntegrityAction: {
        "CLEAR": ("整改销号", "Clear", "Clear what has no amount (`integrityEntryClear`)"),
        "CONFIRM": ("认定", "Confirm", "Confirm (`integrityEntryConfirm`)"),
        "DISMISS": ("不予认定", "Dismiss", "Dismiss (`integrityEntryDismiss`)"),
        "INSTALMENT_RECORD": ("登记清偿", "Record an instalment", "Record an instalment (`integrityInstalmentRecord`)"),
        "INSTALMENT_REVERSE": (
            "冲回清偿",
            "Take an instalment back",
            "Take an instalment back (`integrityInstalmentReverse`)",
        ),
    },
    IntegrityEventType: {
        "OPENED": ("登记", "Opened"),
        "CONFIRMED": ("认定", "Confirmed"),
        "DISMISSED": ("不予认定", "Dismissed", "Dismissed, with the reason"),
        "CLEARED": ("整改销号", "Cleared", "Cleared by word of the office"),
        "INSTALMENT_RECORDED": ("登记清偿", "Instalment recorded", "An instalment recorded; `toStatus` tells the rest"),
        "INSTALMENT_REVERSED": ("冲回清偿", "Instalment taken back"),
    },
    ReportStatus: {
        "DUE": ("待报送", "Due", "Due: a draft that is to be handed in"),
        "SUBMITTED": ("已报送", "Submitted", "Submitted: handed in, not judged yet"),
        "ACCEPTED": ("已审定", "Accepted"),
        "RETURNED": ("退回补正", "Returned", "Returned: to be handed in once more"),
    },
    ReportAction: {
        "REPORT_ACCEPT": ("审定", "Accept", "Accept (`reportAccept`)"),
        "REPORT_RETURN": ("退回补正", "Return", "Return (`reportReturn`)"),
        "REPORT_SUBMIT": ("报送", "Hand in", "Hand in (`reportSubmit`)"),
    },
    ReportEventType: {
        "DRAFTED": ("生成草稿", "Drafted", "Drafted: its period was over"),
        "WARNED": ("临期提醒", "Warned", "Soon due: the scheme's share of the working time has passed"),
        "CHASED": ("催报", "Chased", "Chased: it was not there when it was due"),
        "MOVED": ("期限变更", "Moved", "Due at another time, since holidays were published"),
        "SUBMITTED": ("报送", "Submitted"),
        "ACCEPTED": ("审定", "Accepted"),
        "RETURNED": ("退回补正", "Returned", "Returned, with the reason"),
    },
    Period: {
        "MONTH": ("每月", "Month"),
        "QUARTER": ("每季度", "Quarter"),
        "YEAR": ("每年", "Year"),
    },
    NoticeKind: {
        "REMINDER": ("提醒敦促函", "Reminder", "Reminder (日常督办, level 1)"),
        "RECTIFICATION": ("整改通知书", "Rectification notice", "Rectification notice (挂牌督办, level 2)"),
        "INTERVIEW": ("约谈通知书", "Interview notice", "Interview notice (约谈督办, level 3)"),
    },
    NoticeStatus: {
        "ISSUED": ("待回复", "Issued", "Issued: the addressee has not replied"),
        "REPLIED": ("已回复", "Replied", "Replied: whoever raised it judges the reply"),
        "CLOSED": ("已办结", "Closed"),
        "WITHDRAWN": ("已撤回", "Withdrawn", "Withdrawn: it was not due"),
    },
    NoticeAction: {
        "CLOSE": ("办结", "Close", "Close (`supervisionNoticeClose`)"),
        "REFER": (
            "移送纪检监察",
            "Refer to discipline inspection",
            "Refer to discipline inspection, or record what came of it (`supervisionNoticeRefer`)",
        ),
        "REPLY": ("回复", "Reply", "Reply (`supervisionNoticeReply`)"),
        "WITHDRAW": ("撤回", "Withdraw", "Withdraw (`supervisionNoticeWithdraw`)"),
    },
    TriggerKind: {
        "NOT_ACKNOWLEDGED": ("多次不签收工单", "Not acknowledged", "Not acknowledged in time, so many times (level 1)"),
        "OVERDUE": ("超期未办", "Overdue", "Not handled in time (level 1)"),
        "REPEATED_WHILE_OPEN": (
            "多次反映未办",
            "Reported again while open",
            "The same problem reported again while it is open: another ticket was merged into it (level 1)",
        ),
        "RETURNED": ("推诿扯皮", "Returned", "Shirking: returned so many times (level 2)"),
        "UNSATISFIED": (
            "同一工单多次办理结果不满意",
            "Unsatisfied",
            "The reporter unsatisfied, with good reason, so many times (level 2)",
        ),
        "IMPROPER_CLOSING_REQUESTED": (
            "多次申请办结不规范",
            "Improper closing requested",
            "Closed improperly: the department's handling failed the check of quality so many times (level 2)",
        ),
        "REMINDER_UNANSWERED": (
            "提醒敦促函逾期未回复",
            "Reminder unanswered",
            "A reminder not replied to in time (level 2)",
        ),
        "FALSIFICATION": ("弄虚作假", "Falsification", "Falsification (level 3)"),
        "IRREGULAR_HANDLING": ("违规办理", "Irregular handling", "Irregular handling (level 3)"),
        "DERELICTION": ("失职渎职", "Dereliction of duty", "Dereliction of duty (level 3)"),
        "BREACH_OF_RULES": ("违反有关规定", "Breach of rules", "Breach of rules (level 3)"),
        "RETALIATION": ("打击报复", "Retaliation", "Retaliation (level 3)"),
    },
    NotificationKind: {
        "ASSIGNED": ("新工单", "A ticket to handle"),
        "ASSIGNED_TO_HELP": ("新协办工单", "A ticket to help with"),
        "ASSIGNED_AGAIN": ("二次分办工单", "A ticket to handle again, its reporter being unsatisfied"),
        "NOTICE_ISSUED": ("收到督办文书", "A supervision notice to reply to"),
        "NOTICE_REPLIED": ("督办文书已回复", "A supervision notice was replied to"),
        "NOTICE_CLOSED": ("督办文书已办结", "A supervision notice was closed"),
        "NOTICE_WITHDRAWN": ("督办文书已撤回", "A supervision notice was withdrawn"),
        "QUALITY_ENTERED": ("新增办理质量台账事项", "A handling entered the ledger of handling quality"),
        "QUALITY_HANDED_OVER": ("台账事项报送督查", "An entry of the ledger was handed to supervision"),
        "QUALITY_CLOSED": ("台账事项已办结", "An entry of the ledger was closed"),
        "TRANSFER_OFFERED": ("收到转办工单", "A transfer to decide on"),
        "TRANSFER_ACCEPTED": ("转办已被接收", "A transfer was accepted"),
        "TRANSFER_DECLINED": ("转办未被接收", "A transfer was declined"),
        "TRANSFER_WITHDRAWN": ("转办已撤回", "A transfer was withdrawn"),
        "TRANSFER_CHASED": ("转办工单催办", "The sender of a transfer chases"),
        "TRANSFER_DUE": ("转办工单临期", "A transfer is nearly due to be decided"),
        "TRANSFER_OVERDUE": ("转办工单逾期未定", "A transfer was not decided in time"),
        "AGGREGATE_RELEASED": ("收到市级月度汇总", "A city released the numbers of a month"),
        "NOTICE_MOVED": ("督办文书回复期限变更", "The reply to a supervision notice is due at another time"),
        "TASK_ISSUED": ("新整改任务", "A rectification task to work on"),
        "TASK_OVERDUE": ("整改任务超期", "A rectification task is overdue"),
        "TASK_REJECTED": ("整改任务被退回", "A rectification task was rejected"),
        "TASK_REOPENED": ("整改任务重启", "A rectification task was reopened"),
        "TASK_MOVED": ("整改任务期限变更", "A rectification task is due at another time"),
        "REPORT_DRAFTED": ("待报送报告", "A report to hand in"),
        "REPORT_WARNED": ("报告临期", "A report is soon due"),
        "REPORT_CHASED": ("报告催报", "A report was not handed in when it was due"),
        "REPORT_SUBMITTED": ("报告已报送", "A report was handed in"),
        "REPORT_RETURNED": ("报告被退回", "A report was returned"),
        "REPORT_ACCEPTED": ("报告已审定", "A report was accepted"),
        "REPORT_MOVED": ("报告期限变更", "A report is due at another time"),
        "ENTRY_OPENED": ("新增失信台账事项", "An entry of the integrity ledger was opened against the tenant"),
        "ENTRY_CONFIRMED": ("失信台账事项已认定", "An entry of the integrity ledger was confirmed"),
        "ENTRY_DISMISSED": ("失信台账事项不予认定", "An entry of the integrity ledger was dismissed"),
        "ENTRY_CLEARED": ("失信台账事项已清零", "An entry of the integrity ledger was cleared"),
        "INSTALMENT_RECORDED": ("登记分期清偿", "An instalment was recorded"),
        "INSTALMENT_REVERSED": ("冲销分期清偿", "An instalment was taken back"),
        "TRANSFER_MOVED": ("转办决定期限变更", "A transfer is due to be decided at another time"),
    },
    TransferDirection: {
        "SENT": ("转出", "Sent"),
        "RECEIVED": ("转入", "Received"),
    },
    TransferStatus: {
        "OFFERED": ("待接收", "Offered", "Offered: the receiving side is to decide"),
        "ACCEPTED": ("已接收", "Accepted"),
        "DECLINED": ("不予接收", "Declined"),
        "WITHDRAWN": ("已撤回", "Withdrawn"),
    },
    QualityConcern: {
        "LOW_SATISFACTION": ("满意率低", "Low satisfaction", "The reporter gave a low verdict"),
        "LOW_QUALITY": ("办理质量不高", "Low quality", "A check of quality found the handling wanting"),
        "HARD_TO_SOLVE": ("实质解决难", "Hard to solve", "Not solved after the scheme's rounds, and escalated"),
    },
    QualityStatus: {
        "OPEN": ("待处理", "Open", "The office's to hand over or to close"),
        "HANDED_OVER": ("已报送督查", "Handed over", "Supervision's to look into"),
        "CLOSED": ("已办结", "Closed"),
    },
    QualityEventType: {
        "OPENED": ("列入台账", "Entered in the ledger"),
        "HANDED_OVER": ("报送督查督办专责组", "Handed to supervision"),
        "CLOSED": ("办结", "Closed"),
    },
    QualityAction: {
        "CLOSE": ("办结", "Close", "Close (`qualityEntryClose`)"),
        "HAND_OVER": ("报送督查", "Hand over", "Hand over (`qualityEntryHandOver`)"),
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
enum_of(StretchKind, "Why a stretch of time counts towards a limit, or why not.")
enum_of(TimeUnit, "In what a time limit is counted (domain.md, section 3).")
enum_of(Visibility, "Whom an event or a comment is for.")
enum_of(NoticeKind, "Which notice, one for each level of supervision (003_…txt, 二(七)).")
enum_of(NoticeStatus, "Where a supervision notice stands.")
enum_of(NoticeAction, "A verb of a notice. `SupervisionNotice.allowedActions` says which ones the viewer may do now.")
enum_of(TriggerKind, "What sets off a supervision notice (003_…txt, 二(七)).")
enum_of(NotificationKind, "What the people of a tenant are told of.")
enum_of(TransferDirection, "On which side of a transfer one stands.")
enum_of(TransferStatus, "How far a transfer is.")
enum_of(TicketEventType, "What happened to a ticket.")
enum_of(QualityConcern, "Why a handling is in the ledger of handling quality.")
enum_of(QualityStatus, "Where an entry of the ledger of handling quality stands.")
enum_of(QualityEventType, "What happened to an entry of the ledger of handling quality.")
enum_of(QualityAction, "A verb of such an entry. `QualityEntry.allowedActions` says which ones the viewer may do now.")
enum_of(RectificationSource, "Where a rectification task comes from.")
enum_of(RectificationStatus, "Where a rectification task stands (domain.md, section 6).")
enum_of(
    RectificationAction,
    "A verb of a rectification task. `RectificationTask.allowedActions` says which ones the viewer may do now.",
)
enum_of(RectificationEventType, "What happened to a rectification task.")
enum_of(FindingSeverity, "How grave it is what an inspection found.")
enum_of(InspectionMode, "Whether an inspection was announced.")
enum_of(AggregateMeasure, "What cities release of their months to their region (003_…txt, 二(八)).")
enum_of(AggregateAction, "A verb of it. `ReleasedAggregate.allowedActions` says which the viewer may do now.")
enum_of(IntegrityKind, "What an entry of the integrity ledger is about (004_…txt, 四).")
enum_of(IntegrityStatus, "Where an entry of the integrity ledger stands.")
enum_of(IntegrityAction, "A verb of an entry. `IntegrityEntry.allowedActions` says which the viewer may do now.")
enum_of(IntegrityEventType, "What happened to an entry of the integrity ledger.")
enum_of(ReportStatus, "Where a duty to report stands.")
enum_of(ReportAction, "A verb of a duty to report. `Report.allowedActions` says which the viewer may do now.")
enum_of(ReportEventType, "What happened to a duty to report.")
enum_of(Period, "How often something falls due.")
enum_of(EnterpriseKind, "How an enterprise counts.")
enum_of(HandlingLevel, "At which level a matter is handled (003_…txt, 二(四)).")
enum_of(SuggestionReasonKind, "Why a department is suggested.")
enum_of(TenantKind, "What a node of the tenant tree is.")
enum_of(RankingGroup, "Among whom a tenant is ranked; apart from its kind (000_…txt, 二).")
enum_of(Role, "What a person is in a tenant (domain.md, section 1).")
enum_of(TicketAction, "A verb of a ticket. `Ticket.allowedActions` says which ones the viewer may do now.")
