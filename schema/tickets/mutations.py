"""The verbs of a ticket, each declared as input, action and payload (domain.md, section 5)."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import strawberry

from app.kernel.errors import NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.actions.accept import accept
from app.tickets.actions.acknowledge import acknowledge
from app.tickets.actions.answer import answer
from app.tickets.actions.appeal_malice import appeal_malice
from app.tickets.actions.arbitrate import arbitrate
from app.tickets.actions.attach import attach
from app.tickets.actions.close_quality_entry import close_quality_entry
from app.tickets.actions.comment import comment
from app.tickets.actions.decide_coordination import decide_coordination
from app.tickets.actions.decide_extension import decide_extension
from app.tickets.actions.decide_malice import decide_malice
from app.tickets.actions.decline import decline
from app.tickets.actions.dispatch import dispatch
from app.tickets.actions.draw_quality_sample import draw_quality_sample
from app.tickets.actions.find_malice import find_malice
from app.tickets.actions.first_contact import first_contact
from app.tickets.actions.follow_up import FollowUpAnswer, follow_up
from app.tickets.actions.hand_over_quality_entry import hand_over_quality_entry
from app.tickets.actions.merge import merge
from app.tickets.actions.record_quality_check import record_quality_check
from app.tickets.actions.refer import refer
from app.tickets.actions.report_part import report_part
from app.tickets.actions.request_coordination import request_coordination
from app.tickets.actions.request_extension import request_extension
from app.tickets.actions.resolve import resolve
from app.tickets.actions.resume import resume
from app.tickets.actions.return_ import return_
from app.tickets.actions.submit import Reporter, submit
from app.tickets.actions.suspend import suspend
from app.tickets.actions.terminate import terminate
from app.tickets.actions.withdraw import withdraw
from app.tickets.channels import Origin
from app.tickets.lifecycle import Action, permissions_of
from app.tickets.models import QualityEntry
from app.tickets.models import Ticket as TicketRow
from app.tickets.words import Satisfaction, SecrecyLevel, TicketCategory, TicketChannel, Visibility
from authz.actor import Actor
from authz.permissions import Permission
from schema import ids
from schema.mutations import Bulk, Values, Verb, expected_version, id_input, optional_input, retry_key
from schema.scalars import FileUpload, TenantPath
from tenants.schemes.words import FollowUpQuestion, SuspensionReason
from tenants.tree import TenantTree


@strawberry.input(description="Who reports, where it is not an enterprise.")
class ReporterInput:
    name: str | None = optional_input("The name; leave it out when anonymous.")
    phone: str | None = optional_input("A telephone number for the follow-up call; leave it out when anonymous.")
    anonymous: bool | None = optional_input("Whether the person stays unnamed.")


@strawberry.input(description="The number that a ticket has on another platform, and keeps.")
class OriginInput:
    platform: str = strawberry.field(description="The platform, by its name, always spelt alike, such as 12345.")
    number: str = strawberry.field(description="The number there.")


@strawberry.input(description="A new ticket.")
class TicketSubmitInput:
    category: TicketCategory = strawberry.field(description="What the reporter wants.")
    channel: TicketChannel = strawberry.field(description="The way by which it comes in.")
    title: str = strawberry.field(description="One line; the scheme sets the length.")
    body: str = strawberry.field(description="The problem in the reporter's words; the scheme sets the length.")
    county: TenantPath | None = optional_input("Where the matter lies; leave it out when it concerns the whole city.")
    enterprise_id: strawberry.ID | None = id_input(
        "E",
        "The enterprise that reports; an enterprise's own user with one enterprise may leave it out.",
        optional=True,
    )
    reporter: ReporterInput | None = optional_input("The person who reports, when no enterprise does.")
    department: TenantPath | None = optional_input(
        "The competent department, where the scheme has it receive the category itself (招投标投诉); else leave it out."
    )
    secrecy: SecrecyLevel | None = optional_input("Who may see the reporter, or the ticket at all; NORMAL if left out.")
    subject: strawberry.ID | None = id_input(
        "RS", "What it is about, of the responsibility list in force.", optional=True
    )
    origin: OriginInput | None = optional_input(
        "Its number on another platform; the scheme says which channels take one."
    )
    attachments: list[strawberry.ID] | None = id_input(
        ids.UPLOAD, "Finished uploads of one's own (`/files/uploads`), attached for everybody to see.", optional=True
    )
    idempotency_key: str | None = retry_key()


@strawberry.input(description="What every step of a ticket takes.")
class TicketStepInput:
    ticket_id: strawberry.ID = id_input("T", "The ticket.")
    expected_version: int | None = expected_version()
    idempotency_key: str | None = retry_key()


@strawberry.input(description="Accept a ticket: verified, taken in (受理).")
class TicketAcceptInput(TicketStepInput):
    pass


@strawberry.input(description="Decline a ticket (不予受理).")
class TicketDeclineInput(TicketStepInput):
    basis: str = strawberry.field(description="The basis; it is kept, and the reporter is told.")
    emergency_number: str | None = optional_input("Of an urgent matter: the emergency service's number (scheme).")
    repeat_of: strawberry.ID | None = id_input(
        "T", "The terminated ticket about the same problem, which this one repeats.", optional=True
    )


@strawberry.input(description="Answer a ticket on the spot (即时答复).")
class TicketAnswerInput(TicketStepInput):
    reply: str = strawberry.field(description="The answer, for the reporter.")


@strawberry.input(description="Dispatch a ticket to the departments that handle it (分办).")
class TicketDispatchInput(TicketStepInput):
    lead: TenantPath = strawberry.field(description="The one department that leads (牵头).")
    co_handlers: list[TenantPath] | None = optional_input("The departments that help (协办).")
    note: str | None = optional_input("A note for the departments.")
    subject: strawberry.ID | None = id_input(
        "RS", "What it turned out to be about, of the responsibility list in force.", optional=True
    )


@strawberry.input(description="Dispatch many tickets, each by itself.")
class TicketBulkDispatchInput:
    items: list[TicketDispatchInput] = strawberry.field(
        description="Up to 1,000 dispatches, done in this order; one that is refused does not hold up the others."
    )
    idempotency_key: str | None = optional_input(
        "A key of your own (1–200 characters) for all of them: a repeat dispatches none twice, and tries again what "
        "was refused or not reached. An item's own key goes before it."
    )


@strawberry.input(description="Acknowledge a ticket for the lead department (签收).")
class TicketAcknowledgeInput(TicketStepInput):
    pass


@strawberry.input(description="Return a ticket that is not the department's to handle (退回).")
class TicketReturnInput(TicketStepInput):
    reason: str = strawberry.field(description="Why, for the office that arbitrates.")


@strawberry.input(description="Name the lead of a returned ticket (裁定).")
class TicketArbitrateInput(TicketStepInput):
    lead: TenantPath = strawberry.field(description="The department that leads.")
    co_handlers: list[TenantPath] | None = optional_input("The departments that help.")
    reason: str = strawberry.field(description="Why it is theirs.")


@strawberry.input(description="Comment on a ticket. The ticket's version stays.")
class TicketCommentInput(TicketStepInput):
    body: str = strawberry.field(description="The comment.")
    visibility: Visibility = strawberry.field(description="Whom it is for.")


@strawberry.input(description="Attach a file to a ticket: `file` or `uploadId`. The ticket's version stays.")
class TicketAttachInput(TicketStepInput):
    file: FileUpload | None = optional_input("The file, of a multipart request.")
    upload_id: strawberry.ID | None = id_input(
        ids.UPLOAD, "A finished upload of one's own (`/files/uploads`).", optional=True
    )
    visibility: Visibility | None = optional_input("Whom it is for; PUBLIC if left out.")


@strawberry.input(description="Resolve a ticket with the reply to the reporter (办结).")
class TicketResolveInput(TicketStepInput):
    reply: str = strawberry.field(description="What was done, for the reporter.")
    decision_number: str | None = optional_input(
        "The number (文号) of the decision, where the category takes a written one; else leave it out."
    )


@strawberry.input(description="What the reporter said of one thing that the follow-up asks.")
class FollowUpAnswerInput:
    question: FollowUpQuestion = strawberry.field(description="Of what; the scheme says what is asked.")
    level: Satisfaction = strawberry.field(description="How satisfied.")


@strawberry.input(description="Record the follow-up call (回访), or rate the outcome as its reporter.")
class TicketFollowUpInput(TicketStepInput):
    satisfaction: Satisfaction = strawberry.field(description="The reporter's verdict.")
    justified: bool | None = optional_input(
        "For the desk, of an unsatisfied reporter: whether with good reason. Then the ticket goes round again."
    )
    note: str | None = optional_input("What the reporter said.")
    answers: list[FollowUpAnswerInput] | None = optional_input("What the scheme asks beside the verdict, each once.")


@strawberry.input(description="Record the first contact with the reporter in this round (首次联系).")
class TicketFirstContactInput(TicketStepInput):
    note: str | None = optional_input("What was said; for the staff.")


@strawberry.input(description="Ask the office for more time (申请延期).")
class TicketExtensionRequestInput(TicketStepInput):
    working_days: int = strawberry.field(description="How many working days more; the scheme says how many at most.")
    reason: str = strawberry.field(description="Why, for the office.")


@strawberry.input(description="Decide on more time (审批延期).")
class TicketExtensionDecideInput(TicketStepInput):
    approve: bool = strawberry.field(description="Whether the days that were asked for are granted.")
    reason: str | None = optional_input("Why; a refusal must say it.")


@strawberry.input(description="Stop the clock (中止计时).")
class TicketSuspendInput(TicketStepInput):
    reason: SuspensionReason = strawberry.field(description="What is waited for, of what the scheme does not count.")
    note: str | None = optional_input("What exactly; the reporter is told.")


@strawberry.input(description="Let the clock go on (恢复计时).")
class TicketResumeInput(TicketStepInput):
    pass


@strawberry.input(description="Ask the first group of the scheme for coordination (提请协调).")
class TicketCoordinationRequestInput(TicketStepInput):
    reason: str = strawberry.field(description="What does not move, and why.")


@strawberry.input(description="Decide what was brought before one's group, or take it one group up.")
class TicketCoordinationDecideInput(TicketStepInput):
    opinion: str = strawberry.field(description="The group's opinion, for the departments.")
    escalate: bool | None = optional_input("Whether it is taken to the next group; false if left out.")


@strawberry.input(description="Refer an especially complex dispute to the working group (提请研究确定).")
class TicketReferInput(TicketStepInput):
    reason: str = strawberry.field(description="Why the office cannot settle it.")


@strawberry.input(description="Report a co-handling department's part as done (协办完成).")
class TicketPartReportInput(TicketStepInput):
    report: str = strawberry.field(description="What was done, for the lead.")
    department: TenantPath | None = optional_input("Whose part; needed only by who acts for several co-handlers.")


@strawberry.input(description="End a ticket whose problem was already handled by law (终结办理).")
class TicketTerminateInput(TicketStepInput):
    basis: str = strawberry.field(description="The basis; the reporter is told.")
    handled_by: strawberry.ID | None = id_input("T", "The earlier ticket that it repeats.", optional=True)


@strawberry.input(description="Merge a ticket into another about the same problem (合并).")
class TicketMergeInput(TicketStepInput):
    into_ticket_id: strawberry.ID = id_input("T", "The ticket that goes on for both; at least as secret.")


@strawberry.input(description="Find a complaint malicious (认定恶意投诉).")
class TicketMaliceFindInput(TicketStepInput):
    evidence: str = strawberry.field(description="The evidence; the reporter is told, and may appeal.")


@strawberry.input(description="Appeal the finding of malice, as the reporter.")
class TicketMaliceAppealInput(TicketStepInput):
    reason: str = strawberry.field(description="Why the finding is wrong.")


@strawberry.input(description="Decide the appeal against a finding of malice.")
class TicketMaliceDecideInput(TicketStepInput):
    uphold: bool = strawberry.field(description="Whether the finding stands.")
    reason: str = strawberry.field(description="Why; the reporter is told.")


@strawberry.input(description="Hand an entry of the ledger of handling quality to supervision (报送督查督办专责组).")
class QualityEntryHandOverInput:
    quality_entry_id: strawberry.ID = id_input("QE", "The entry.")
    note: str | None = optional_input("What supervision should know of it; as long as the scheme's notes.")
    expected_version: int | None = expected_version()
    idempotency_key: str | None = retry_key()


@strawberry.input(description="Close an entry of the ledger of handling quality.")
class QualityEntryCloseInput:
    quality_entry_id: strawberry.ID = id_input("QE", "The entry.")
    outcome: str = strawberry.field(description="What came of it; as long as the scheme's reasons.")
    expected_version: int | None = expected_version()
    idempotency_key: str | None = retry_key()


@strawberry.input(description="Draw handled tickets for a check of quality (办理质量抽查).")
class QualitySampleDrawInput:
    within: TenantPath = strawberry.field(description="Of this city, county or department.")
    from_: date = strawberry.field(name="from", description="Replied to on this day of the city or later.")
    to: date = strawberry.field(description="Replied to before this day, which must have begun.")
    idempotency_key: str | None = retry_key()


@strawberry.input(description="Record what the check of a drawn ticket found.")
class QualityCheckRecordInput:
    sample_id: strawberry.ID = id_input("QS", "The sample.")
    ticket_id: strawberry.ID = id_input("T", "The drawn ticket.")
    passed: bool = strawberry.field(description="Whether it was handled well.")
    findings: str = strawberry.field(description="What was found; the handling departments are told.")
    expected_version: int | None = expected_version()
    idempotency_key: str | None = retry_key()


@strawberry.input(description="Withdraw one's own ticket.")
class TicketWithdrawInput(TicketStepInput):
    reason: str | None = optional_input("Why.")


def city_of_ticket(values: Values, actor: Actor, _tree: TenantTree) -> int:
    """The ticket's city, if the actor has a part there; else there is no such ticket."""
    city_id: int = values["ticket_id"].city_id
    if city_id not in actor.cities:
        raise NotFound(field="ticketId", kind="Ticket")
    return city_id


def _key_of(values: Values, name: str, city_id: int) -> None:
    """A further id as its key: nil where it is another city's, so that it is answered like an unknown one."""
    if name in values:
        values[name] = values[name].key if values[name].city_id == city_id else uuid.UUID(int=0)


def _upload_key(upload: ids.GlobalId, field: str, city_id: int) -> uuid.UUID:
    if upload.city_id != city_id or not isinstance(upload.key, uuid.UUID):
        raise NotFound(field=field, kind="Upload")
    return upload.key


def _verb(
    name: str,
    input_type: type[Any],
    action: Callable[..., Awaitable[TicketRow]],
    description: str,
    *permissions: Permission,
) -> Verb:
    async def act(uow: UnitOfWork, actor: Actor, subject: uuid.UUID, values: Values) -> uuid.UUID:
        del values["ticket_id"]
        for further in ("into_ticket_id", "repeat_of", "handled_by", "subject"):
            _key_of(values, further, uow.city_id)
        if "upload_id" in values:
            values["upload_id"] = _upload_key(values["upload_id"], "uploadId", uow.city_id)
        if "answers" in values:
            values["answers"] = [FollowUpAnswer(**answer) for answer in values["answers"]]
        return (await action(uow, actor, subject, **values)).id

    return Verb(
        name=name,
        input=input_type,
        description=description,
        permissions=permissions,
        shows="Ticket",
        city=city_of_ticket,
        act=act,
        subject=lambda values: values["ticket_id"].key,
    )


def _city_of_submission(values: Values, actor: Actor, tree: TenantTree) -> int:
    """Where the county or else the enterprise lies, if the actor has a part there; else the actor's own city."""
    county = tree.by_path(values["county"]) if "county" in values else None
    city_id = actor.city_id
    if county is not None:
        city_id = county.city_id
    elif "enterprise_id" in values:
        city_id = values["enterprise_id"].city_id
    return city_id if city_id in actor.cities else actor.city_id


async def _submit(uow: UnitOfWork, actor: Actor, subject: uuid.UUID, values: Values) -> uuid.UUID:
    enterprise = values.pop("enterprise_id", None)
    if enterprise is not None:
        if enterprise.city_id != uow.city_id:
            raise NotFound(field="enterpriseId", kind="Enterprise")
        values["enterprise_id"] = enterprise.key
    _key_of(values, "subject", uow.city_id)
    reporter = values.pop("reporter", None)
    if reporter is not None:
        values["reporter"] = Reporter(**reporter)
    attachments = values.pop("attachments", ())
    values["attachments"] = [
        _upload_key(upload, f"attachments.{index}", uow.city_id) for index, upload in enumerate(attachments)
    ]
    origin = values.pop("origin", None)
    if origin is not None:
        values["origin"] = Origin(**origin)
    return (await submit(uow, actor, ticket_id=subject, **values)).id


def _city_of_sample(values: Values, actor: Actor, tree: TenantTree) -> int:
    node = tree.by_path(values["within"])
    return actor.city_id if node is None or node.city_id not in actor.cities else node.city_id


async def _draw(uow: UnitOfWork, actor: Actor, subject: uuid.UUID, values: Values) -> uuid.UUID:
    return (await draw_quality_sample(uow, actor, sample_id=subject, **values)).id


def _city_of_check(values: Values, actor: Actor, _tree: TenantTree) -> int:
    city_id: int = values["sample_id"].city_id
    if city_id not in actor.cities:
        raise NotFound(field="sampleId", kind="QualitySample")
    return city_id


async def _record_check(uow: UnitOfWork, actor: Actor, subject: uuid.UUID, values: Values) -> uuid.UUID:
    del values["sample_id"]
    _key_of(values, "ticket_id", uow.city_id)
    return (await record_quality_check(uow, actor, subject, **values)).id


def _city_of_entry(values: Values, actor: Actor, _tree: TenantTree) -> int:
    city_id: int = values["quality_entry_id"].city_id
    if city_id not in actor.cities:
        raise NotFound(field="qualityEntryId", kind="QualityEntry")
    return city_id


def _entry_verb(
    name: str,
    input_type: type[Any],
    action: Callable[..., Awaitable[QualityEntry]],
    description: str,
    *permissions: Permission,
) -> Verb:
    async def act(uow: UnitOfWork, actor: Actor, subject: uuid.UUID, values: Values) -> uuid.UUID:
        del values["quality_entry_id"]
        return (await action(uow, actor, subject, **values)).id

    return Verb(
        name=name,
        input=input_type,
        description=description,
        permissions=permissions,
        shows="QualityEntry",
        city=_city_of_entry,
        act=act,
        subject=lambda values: values["quality_entry_id"].key,
    )


P = Permission
DISPATCH = _verb(
    "ticketDispatch",
    TicketDispatchInput,
    dispatch,
    "The dispatcher gives a ticket to its departments; an escalated one, the office or supervision.",
    *permissions_of(Action.DISPATCH),
)
VERBS = (
    Verb(
        name="ticketSubmit",
        input=TicketSubmitInput,
        description="Report a problem: by an enterprise's user, or by staff on somebody's behalf.",
        permissions=(P.TICKET_SUBMIT,),
        shows="Ticket",
        city=_city_of_submission,
        act=_submit,
    ),
    _verb(
        "ticketAccept",
        TicketAcceptInput,
        accept,
        "The desk accepts a ticket; the competent department, what it receives itself.",
        *permissions_of(Action.ACCEPT),
    ),
    _verb(
        "ticketDecline",
        TicketDeclineInput,
        decline,
        "The desk declines a ticket, with the basis; the competent department, what it receives itself.",
        *permissions_of(Action.DECLINE),
    ),
    _verb("ticketAnswer", TicketAnswerInput, answer, "The desk answers a ticket on the spot.", P.TICKET_ANSWER),
    DISPATCH,
    Bulk(
        "ticketBulkDispatch",
        TicketBulkDispatchInput,
        "The dispatcher gives many tickets to their departments, each succeeding or failing on its own.",
        each=DISPATCH,
    ),
    _verb(
        "ticketAcknowledge",
        TicketAcknowledgeInput,
        acknowledge,
        "The lead department takes a ticket on.",
        P.TICKET_ACKNOWLEDGE,
    ),
    _verb("ticketReturn", TicketReturnInput, return_, "The lead department returns a ticket.", P.TICKET_RETURN),
    _verb(
        "ticketArbitrate",
        TicketArbitrateInput,
        arbitrate,
        "The office names the lead, or the working group of what was referred to it.",
        *permissions_of(Action.ARBITRATE),
    ),
    _verb(
        "ticketComment",
        TicketCommentInput,
        comment,
        "Comment, for everybody or for the staff only.",
        *(P.TICKET_COMMENT, P.TICKET_NOTE),
    ),
    _verb(
        "ticketAttach",
        TicketAttachInput,
        attach,
        "Attach a file, for everybody or for the staff only.",
        *(P.TICKET_ATTACH, P.TICKET_NOTE),
    ),
    _verb("ticketResolve", TicketResolveInput, resolve, "The lead department replies.", P.TICKET_RESOLVE),
    _verb(
        "ticketFollowUp",
        TicketFollowUpInput,
        follow_up,
        "The desk records the follow-up call; the reporter rates the outcome.",
        *(P.TICKET_FOLLOW_UP, P.TICKET_RATE),
    ),
    _verb(
        "ticketMerge",
        TicketMergeInput,
        merge,
        "The desk merges a ticket into another; both stay findable, and its reporter is told how that one goes on.",
        P.TICKET_MERGE,
    ),
    _verb("ticketWithdraw", TicketWithdrawInput, withdraw, "The reporter withdraws a ticket.", P.TICKET_WITHDRAW),
    _verb(
        "ticketFirstContact",
        TicketFirstContactInput,
        first_contact,
        "The lead department has spoken to the reporter.",
        P.TICKET_FIRST_CONTACT,
    ),
    _verb(
        "ticketExtensionRequest",
        TicketExtensionRequestInput,
        request_extension,
        "The lead department asks for more time.",
        P.TICKET_EXTENSION_REQUEST,
    ),
    _verb(
        "ticketExtensionDecide",
        TicketExtensionDecideInput,
        decide_extension,
        "The office grants more time, or does not.",
        *permissions_of(Action.EXTENSION_DECIDE),
    ),
    _verb("ticketSuspend", TicketSuspendInput, suspend, "The lead department stops the clock.", P.TICKET_SUSPEND),
    _verb("ticketResume", TicketResumeInput, resume, "The lead department lets the clock go on.", P.TICKET_RESUME),
    _verb(
        "ticketCoordinationRequest",
        TicketCoordinationRequestInput,
        request_coordination,
        "The lead department asks for coordination.",
        P.TICKET_COORDINATION_REQUEST,
    ),
    _verb(
        "ticketCoordinationDecide",
        TicketCoordinationDecideInput,
        decide_coordination,
        "The group that was asked decides, or takes it one group up.",
        *permissions_of(Action.COORDINATION_DECIDE),
    ),
    _verb(
        "ticketRefer",
        TicketReferInput,
        refer,
        "The office refers a dispute to the working group.",
        *permissions_of(Action.REFER),
    ),
    _verb(
        "ticketPartReport",
        TicketPartReportInput,
        report_part,
        "A co-handling department has done its part.",
        P.TICKET_PART_REPORT,
    ),
    _verb(
        "ticketTerminate",
        TicketTerminateInput,
        terminate,
        "The office ends a ticket whose problem was already handled by law.",
        *permissions_of(Action.TERMINATE),
    ),
    _verb(
        "ticketMaliceFind", TicketMaliceFindInput, find_malice, "The office finds it malicious.", P.TICKET_MALICE_FIND
    ),
    _verb(
        "ticketMaliceAppeal",
        TicketMaliceAppealInput,
        appeal_malice,
        "The reporter appeals the finding of malice.",
        P.TICKET_MALICE_APPEAL,
    ),
    _verb(
        "ticketMaliceDecide",
        TicketMaliceDecideInput,
        decide_malice,
        "The working group decides the appeal.",
        P.TICKET_MALICE_DECIDE,
    ),
    Verb(
        name="qualitySampleDraw",
        input=QualitySampleDrawInput,
        description="Supervision draws handled tickets at random for a check of their quality.",
        permissions=(P.TICKET_QUALITY_CHECK,),
        shows="QualitySample",
        city=_city_of_sample,
        act=_draw,
    ),
    Verb(
        name="qualityCheckRecord",
        input=QualityCheckRecordInput,
        description="Supervision records what the check of a drawn ticket found.",
        permissions=(P.TICKET_QUALITY_CHECK,),
        shows="QualitySample",
        city=_city_of_check,
        act=_record_check,
        subject=lambda values: values["sample_id"].key,
    ),
    _entry_verb(
        "qualityEntryHandOver",
        QualityEntryHandOverInput,
        hand_over_quality_entry,
        "The office hands an entry of the ledger of handling quality to the supervision of its level.",
        P.TICKET_QUALITY_KEEP,
    ),
    _entry_verb(
        "qualityEntryClose",
        QualityEntryCloseInput,
        close_quality_entry,
        "Supervision closes what was handed to it, the office what was not.",
        P.TICKET_QUALITY_CHECK,
        P.TICKET_QUALITY_KEEP,
    ),
)
