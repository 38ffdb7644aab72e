"""Supervision notices and notifications, as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from sqlalchemy import Text, Uuid, and_, case, cast, exists, func, literal_column, select, tuple_

from app.kernel.tables import table_of
from app.supervision.lifecycle import NoticeAction, has_step, required_permission
from app.supervision.queries import (
    MARKS,
    NOTICES,
    NOTIFICATIONS,
    notice_visible_to,
    notice_within_reach,
    notification_visible_to,
)
from app.supervision.words import NoticeKind, NoticeStatus, NotificationKind
from authz.models import User
from authz.permissions import Permission
from authz.roles import Role
from schema.aggregates.types import ReleasedAggregate
from schema.labels import label_sql
from schema.pages import Node, paged
from schema.reader.declare import Call, Here, column, computed, expression, relation, stored
from schema.tenants.types import Tenant
from schema.tickets.types import Ticket
from tenants.schemes.words import TriggerKind

if TYPE_CHECKING:
    from schema.integrity.types import IntegrityEntry
    from schema.rectification.types import RectificationTask
    from schema.reports.types import Report
    from schema.transfers.types import TicketTransfer

USERS = table_of(User)

_TRIGGERED: Mapping[TriggerKind, tuple[str, str]] = {
    TriggerKind.NOT_ACKNOWLEDGED: (
        "该单位第 {times} 次未按时签收本工单",
        "The department did not acknowledge the ticket in time, {times} time(s)",
    ),
    TriggerKind.OVERDUE: (
        "该单位第 {times} 次超期未办本工单",
        "The department did not handle the ticket in time, {times} time(s)",
    ),
    TriggerKind.REPEATED_WHILE_OPEN: (
        "办理期间同一问题再次反映 {times} 次",
        "The same problem was reported {times} more time(s) while the ticket was being handled",
    ),
    TriggerKind.RETURNED: ("本工单被退回 {times} 次", "The ticket was returned {times} time(s)"),
    TriggerKind.UNSATISFIED: (
        "同一工单 {times} 次办理结果不满意且诉求合理",
        "The reporter was unsatisfied with good reason {times} time(s)",
    ),
    TriggerKind.IMPROPER_CLOSING_REQUESTED: (
        "该单位办结工单经抽查 {times} 次不规范",
        "The department's handling failed the check of quality {times} time(s)",
    ),
    TriggerKind.REMINDER_UNANSWERED: (
        "提醒敦促函 {times} 次逾期未回复",
        "A reminder about the ticket was not replied to in time, {times} time(s)",
    ),
}


def _trigger_text(here: Here) -> Any:
    """What set it off in words, with how many times; of a notice by hand, what it is about."""
    said = 0 if here.locale == "zh-CN" else 1

    def quoted(text: str) -> Any:
        return literal_column("'" + text.replace("'", "''") + "'", Text())

    texts = case(*((here.row.c.trigger == quoted(kind), quoted(texts[said])) for kind, texts in _TRIGGERED.items()))
    counted = func.replace(texts, quoted("{times}"), cast(here.row.c.times, Text()))
    by_hand = here.row.c.raised_by.is_not(None)
    return case((by_hand, label_sql(TriggerKind, here.row.c.trigger, here.locale)), else_=counted)


def _name(who: str) -> Any:
    return lambda here: select(USERS.c.name).where(USERS.c.id == here.row.c[who]).scalar_subquery()


def _sees_referral(here: Here) -> Any:
    return notice_within_reach(here.scope, Permission.SUPERVISION_READ_REFERRAL, here.row, here.bind)


_LEVELS = (1, 2, 3)


def _actions_needed(here: Here) -> Mapping[str, Any]:
    permissions = {required_permission(action, level) for action in NoticeAction for level in _LEVELS}
    return {
        "status": here.row.c.status,
        "level": here.row.c.level,
        "may_refer": and_(here.row.c.may_refer, here.row.c.outcome.is_(None)),
        **{each.name: notice_within_reach(here.scope, each, here.row, here.bind) for each in permissions},
    }


def _allowed_actions(needed: Any, _call: Call, _arguments: Mapping[str, Any]) -> list[str]:
    status = NoticeStatus(needed["status"])
    return [
        action.name
        for action in NoticeAction
        if has_step(status, action, may_refer=needed["may_refer"])
        and needed[required_permission(action, needed["level"]).name]
    ]


def notice_visible(here: Here) -> Any:
    """`notice_visible_to` for the row at hand."""
    return notice_visible_to(here.scope, here.row, here.bind, named=here.named)


@stored(
    table=NOTICES,
    prefix="SN",
    permission=Permission.SUPERVISION_READ,
    visible=notice_visible,
    description="A supervision notice (督办文书): a reminder, a rectification notice or an interview notice. For the "
    "addressee, the office and supervision of its level, the groups and auditors; one about a restricted ticket only "
    "for those of them who are named on that. Never for the reporter.",
)
class SupervisionNotice(Node):
    id: strawberry.ID = expression(
        "The global id.", lambda here: func.global_id(literal_column("'SN'"), here.row.c.city_id, here.row.c.id)
    )
    number: str = column("What people say aloud: city prefix, kind, date, six digits. Unique, never reused, no series.")
    version: int = column("Rises with every verb; pass it back as `expectedVersion`.")
    level: int = column("1 daily (日常督办), 2 listed (挂牌督办), 3 interview (约谈督办).")
    kind: NoticeKind = column("Which notice.")
    kind_label: str = expression(
        "Which notice, in the viewer's language.", lambda here: label_sql(NoticeKind, here.row.c.kind, here.locale)
    )
    ticket: Ticket | None = relation(
        "The ticket that it is about; null for an interview about a department, and where the viewer may not see it.",
        "Ticket",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.ticket_id),
    )
    addressee: Tenant = relation(
        "The department that must reply.", "Tenant", lambda here: here.row.c.id == here.outer.c.addressee_id
    )
    trigger: TriggerKind = column("What set it off.")
    trigger_text: str = expression("What set it off, with how many times, in the viewer's language.", _trigger_text)
    times: int = column("How many times it had happened when the notice was issued; 1 for a notice by hand.")
    automatic: bool = expression(
        "Whether it raised itself; else the office, supervision or the working group did.",
        lambda here: here.row.c.raised_by.is_(None),
    )
    reason: str | None = column("Why it was raised, of a notice by hand; `triggerText` says it of an automatic one.")
    evidence: str | None = column("The evidence; an interview always has it.")
    raised_by_name: str | None = expression("Who raised it; null for an automatic one.", _name("raised_by"))
    raised_by_role: Role | None = column("The role they acted in.")
    raised_by_tenant: Tenant | None = relation(
        "The tenant they acted for.", "Tenant", lambda here: here.row.c.id == here.outer.c.raised_by_tenant_id
    )
    scheme_version: int = column("The version of the city's scheme under which it runs.")
    issued_at: datetime = column("When it was issued.")
    reply_due_at: datetime = column("By when the addressee must reply, in the city's working time.")
    provisional: bool = column(
        "Whether the statutory holidays of one of the years to the due time were not published yet when it was issued."
    )
    overdue: bool = expression(
        "Whether the reply is late: not there past its due time, or given after it; false for what was withdrawn.",
        lambda here: and_(
            here.row.c.status != literal_column("'WITHDRAWN'"),
            func.coalesce(here.row.c.replied_at, here.now) > here.row.c.reply_due_at,
        ),
    )
    listed: bool = column("Whether the month's report lists it (挂牌).")
    status: NoticeStatus = column("Where it stands.")
    status_label: str = expression(
        "Where it stands, in the viewer's language.",
        lambda here: label_sql(NoticeStatus, here.row.c.status, here.locale),
    )
    reply: str | None = column("The addressee's reply.")
    replied_at: datetime | None = column("When it replied.")
    replied_by_name: str | None = expression("Who replied.", _name("replied_by"))
    closed_at: datetime | None = column("When the reply was found to do.")
    withdrawal: str | None = column("Why it was withdrawn.")
    withdrawn_at: datetime | None = column("When it was withdrawn.")
    referred_at: datetime | None = column(
        "When it was referred to discipline inspection (纪委监委); for the groups and auditors.", when=_sees_referral
    )
    outcome: str | None = column("What came of that; for the groups and auditors.", when=_sees_referral)
    outcome_at: datetime | None = column(
        "When the outcome was recorded; for the groups and auditors.", when=_sees_referral
    )
    allowed_actions: list[NoticeAction] = computed(
        "What this viewer may do with the notice now.", _actions_needed, _allowed_actions
    )


def is_read(here: Here) -> Any:
    """Whether the viewer has marked the notification at hand, or a later one."""
    mark = MARKS.alias("mark_")
    return exists(
        select(literal_column("1"))
        .select_from(mark)
        .where(
            mark.c.city_id == here.row.c.city_id,
            mark.c.user_id == here.bind("user_id", lambda scope: scope.actor.user_id, Uuid()),
            tuple_(mark.c.read_at, mark.c.read_id) >= tuple_(here.row.c.at, here.row.c.id),
        )
    )


@stored(
    table=NOTIFICATIONS,
    prefix="NO",
    permission=Permission.NOTIFICATION_READ,
    visible=lambda here: notification_visible_to(here.scope, here.row, here.bind, named=here.named),
    description="Something that the people of a tenant are told: a ticket to handle, a notice to reply to. What is "
    "about a restricted ticket is told to those who are named on it.",
)
class Notification(Node):
    id: strawberry.ID = expression(
        "The global id.", lambda here: func.global_id(literal_column("'NO'"), here.row.c.city_id, here.row.c.id)
    )
    kind: NotificationKind = column("What it tells.")
    kind_label: str = expression(
        "What it tells, in the viewer's language.",
        lambda here: label_sql(NotificationKind, here.row.c.kind, here.locale),
    )
    at: datetime = column("When.")
    tenant: Tenant = relation(
        "The tenant whose people are told.", "Tenant", lambda here: here.row.c.id == here.outer.c.tenant_id
    )
    ticket: Ticket | None = relation(
        "The ticket; null where there is none that the viewer may see now.",
        "Ticket",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.ticket_id),
    )
    notice: SupervisionNotice | None = relation(
        "The notice; null where there is none that the viewer may see now.",
        "SupervisionNotice",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.notice_id),
    )
    aggregate: ReleasedAggregate | None = relation(
        "The released numbers; null where there are none that the viewer may see.",
        "ReleasedAggregate",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.aggregate_id),
    )
    task: Annotated[RectificationTask, strawberry.lazy("schema.rectification.types")] | None = relation(
        "The rectification task; null where there is none that the viewer may see now.",
        "RectificationTask",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.task_id),
    )
    report: Annotated[Report, strawberry.lazy("schema.reports.types")] | None = relation(
        "The report; null where there is none that the viewer may see now.",
        "Report",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.report_id),
    )
    entry: Annotated[IntegrityEntry, strawberry.lazy("schema.integrity.types")] | None = relation(
        "The entry of the integrity ledger; null where there is none that the viewer may see now.",
        "IntegrityEntry",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.entry_id),
    )
    transfer: Annotated[TicketTransfer, strawberry.lazy("schema.transfers.types")] | None = relation(
        "The transfer; null where there is none that the viewer may see now.",
        "TicketTransfer",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.transfer_id),
    )
    read: bool = expression("Whether the viewer has marked it as read, or a later one.", is_read)


SupervisionNoticeEdge, SupervisionNoticeConnection = paged(SupervisionNotice, "supervision notices")
NotificationEdge, NotificationConnection = paged(Notification, "notifications")
