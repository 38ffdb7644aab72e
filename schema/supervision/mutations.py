"""The verbs of supervision notices and notifications (domain.md, section 6)."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import strawberry

from app.kernel.errors import NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.supervision.actions.close import close
from app.supervision.actions.issue import issue
from app.supervision.actions.mark_read import mark_read
from app.supervision.actions.refer import refer
from app.supervision.actions.reply import reply
from app.supervision.actions.withdraw import withdraw
from app.supervision.lifecycle import LEVEL_PERMISSIONS
from app.supervision.models import SupervisionNotice as NoticeRow
from authz.actor import Actor
from authz.permissions import Permission
from schema.mutations import Values, Verb, expected_version, id_input, optional_input, retry_key
from schema.scalars import TenantPath
from tenants.schemes.words import TriggerKind
from tenants.tree import TenantTree


@strawberry.input(description="Raise a supervision notice by hand.")
class SupervisionNoticeIssueInput:
    trigger: TriggerKind = strawberry.field(
        description="Why; the level follows from it, and who may raise that (scheme)."
    )
    reason: str = strawberry.field(description="What happened, for the addressee to read; the scheme sets the length.")
    ticket_id: strawberry.ID | None = id_input(
        "T", "The ticket that it is about; only an interview may be about a department alone.", optional=True
    )
    addressee: TenantPath | None = optional_input("The department that must reply; the ticket's lead if left out.")
    evidence: str | None = optional_input("The evidence; an interview takes it.")
    idempotency_key: str | None = retry_key()


@strawberry.input(description="What every step of a supervision notice takes.")
class SupervisionNoticeStepInput:
    notice_id: strawberry.ID = id_input("SN", "The notice.")
    expected_version: int | None = expected_version()
    idempotency_key: str | None = retry_key()


@strawberry.input(description="Reply to a supervision notice.")
class SupervisionNoticeReplyInput(SupervisionNoticeStepInput):
    reply: str = strawberry.field(description="What was done, or why not; the scheme sets the length.")


@strawberry.input(description="Close a supervision notice: its reply will do.")
class SupervisionNoticeCloseInput(SupervisionNoticeStepInput):
    pass


@strawberry.input(description="Withdraw a supervision notice that was not due.")
class SupervisionNoticeWithdrawInput(SupervisionNoticeStepInput):
    reason: str = strawberry.field(description="Why; it stays with the notice.")


@strawberry.input(description="Refer an interview to discipline inspection (纪委监委), or record what came of it.")
class SupervisionNoticeReferInput(SupervisionNoticeStepInput):
    outcome: str | None = optional_input("What came of it; required once it was referred.")


@strawberry.input(description="Mark one's notifications as read.")
class NotificationsMarkReadInput:
    notification_id: strawberry.ID = id_input("NO", "This one, and all before it.")
    idempotency_key: str | None = retry_key()


def _city_of(field: str, kind: str) -> Callable[[Values, Actor, TenantTree], int]:
    name = "".join(part if not place else part.capitalize() for place, part in enumerate(field.split("_")))

    def city_of(values: Values, actor: Actor, _tree: TenantTree) -> int:
        city_id: int = values[field].city_id
        if city_id not in actor.cities:
            raise NotFound(field=name, kind=kind)
        return city_id

    return city_of


def _city_of_issue(values: Values, actor: Actor, tree: TenantTree) -> int:
    """The ticket's, or else the addressee's, if the actor has a part there; else the actor's own."""
    node = tree.by_path(values["addressee"]) if "addressee" in values else None
    city_id = actor.city_id
    if "ticket_id" in values:
        city_id = values["ticket_id"].city_id
    elif node is not None:
        city_id = node.city_id
    return city_id if city_id in actor.cities else actor.city_id


async def _issue(uow: UnitOfWork, actor: Actor, subject: uuid.UUID, values: Values) -> uuid.UUID:
    ticket = values.pop("ticket_id", None)
    if ticket is not None:
        if ticket.city_id != uow.city_id:
            raise NotFound(field="ticketId", kind="Ticket")
        values["ticket_id"] = ticket.key
    return await issue(uow, actor, notice_id=subject, **values)


async def _mark_read(uow: UnitOfWork, actor: Actor, subject: uuid.UUID, _values: Values) -> uuid.UUID:
    return await mark_read(uow, actor, subject)


def _verb(
    name: str,
    input_type: type[Any],
    action: Callable[..., Awaitable[NoticeRow]],
    description: str,
    *permissions: Permission,
) -> Verb:
    async def act(uow: UnitOfWork, actor: Actor, subject: uuid.UUID, values: Values) -> uuid.UUID:
        del values["notice_id"]
        return (await action(uow, actor, subject, **values)).id

    return Verb(
        name=name,
        input=input_type,
        description=description,
        permissions=permissions,
        shows="SupervisionNotice",
        city=_city_of("notice_id", "SupervisionNotice"),
        act=act,
        subject=lambda values: values["notice_id"].key,
    )


P = Permission
LEVELS = tuple(LEVEL_PERMISSIONS.values())
VERBS = (
    Verb(
        name="supervisionNoticeIssue",
        input=SupervisionNoticeIssueInput,
        description="Raise a notice: the office a reminder, supervision a rectification notice, the working group an "
        "interview notice.",
        permissions=LEVELS,
        shows="SupervisionNotice",
        city=_city_of_issue,
        act=_issue,
    ),
    _verb(
        "supervisionNoticeReply",
        SupervisionNoticeReplyInput,
        reply,
        "The addressee replies to a notice.",
        P.SUPERVISION_REPLY,
    ),
    _verb(
        "supervisionNoticeClose",
        SupervisionNoticeCloseInput,
        close,
        "Whoever raises such notices closes one whose reply will do.",
        *LEVELS,
    ),
    _verb(
        "supervisionNoticeWithdraw",
        SupervisionNoticeWithdrawInput,
        withdraw,
        "Whoever raises such notices withdraws one that was not due.",
        *LEVELS,
    ),
    _verb(
        "supervisionNoticeRefer",
        SupervisionNoticeReferInput,
        refer,
        "The working group refers an interview to discipline inspection, and records what came of it.",
        P.SUPERVISION_INTERVIEW,
    ),
    Verb(
        name="notificationsMarkRead",
        input=NotificationsMarkReadInput,
        description="Mark one's notifications up to one as read.",
        permissions=(P.NOTIFICATION_READ,),
        shows="Notification",
        city=_city_of("notification_id", "Notification"),
        act=_mark_read,
        subject=lambda values: values["notification_id"].key,
    ),
)
