"""The verbs of a ticket, each declared as input, action and payload (domain.md, section 5)."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import strawberry

from app.kernel.errors import NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.actions.accept import accept
from app.tickets.actions.acknowledge import acknowledge
from app.tickets.actions.answer import answer
from app.tickets.actions.arbitrate import arbitrate
from app.tickets.actions.comment import comment
from app.tickets.actions.decline import decline
from app.tickets.actions.dispatch import dispatch
from app.tickets.actions.follow_up import follow_up
from app.tickets.actions.resolve import resolve
from app.tickets.actions.return_ import return_
from app.tickets.actions.submit import Reporter, submit
from app.tickets.actions.withdraw import withdraw
from app.tickets.models import Ticket as TicketRow
from app.tickets.words import Satisfaction, SecrecyLevel, TicketCategory, TicketChannel, Visibility
from authz.actor import Actor
from authz.permissions import Permission
from schema.mutations import Values, Verb, expected_version, id_input, optional_input, retry_key
from schema.scalars import TenantPath
from tenants.tree import TenantTree


@strawberry.input(description="Who reports, where it is not an enterprise.")
class ReporterInput:
    name: str | None = optional_input("The name; leave it out when anonymous.")
    phone: str | None = optional_input("A telephone number for the follow-up call; leave it out when anonymous.")
    anonymous: bool | None = optional_input("Whether the person stays unnamed.")


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
    secrecy: SecrecyLevel | None = optional_input("Who may see the reporter, or the ticket at all; NORMAL if left out.")
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


@strawberry.input(description="Answer a ticket on the spot (即时答复).")
class TicketAnswerInput(TicketStepInput):
    reply: str = strawberry.field(description="The answer, for the reporter.")


@strawberry.input(description="Dispatch a ticket to the departments that handle it (分办).")
class TicketDispatchInput(TicketStepInput):
    lead: TenantPath = strawberry.field(description="The one department that leads (牵头).")
    co_handlers: list[TenantPath] | None = optional_input("The departments that help (协办).")
    note: str | None = optional_input("A note for the departments.")


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


@strawberry.input(description="Resolve a ticket with the reply to the reporter (办结).")
class TicketResolveInput(TicketStepInput):
    reply: str = strawberry.field(description="What was done, for the reporter.")


@strawberry.input(description="Record the follow-up call (回访), or rate the outcome as its reporter.")
class TicketFollowUpInput(TicketStepInput):
    satisfaction: Satisfaction = strawberry.field(description="The reporter's verdict.")
    justified: bool | None = optional_input(
        "For the desk, of an unsatisfied reporter: whether with good reason. Then the ticket goes round again."
    )
    note: str | None = optional_input("What the reporter said.")


@strawberry.input(description="Withdraw one's own ticket.")
class TicketWithdrawInput(TicketStepInput):
    reason: str | None = optional_input("Why.")


def _city_of_ticket(values: Values, actor: Actor, _tree: TenantTree) -> int:
    city_id: int = values["ticket_id"].city_id
    if city_id not in actor.cities:
        raise NotFound(field="ticketId", kind="Ticket")
    return city_id


def _verb(
    name: str,
    input_type: type[Any],
    action: Callable[..., Awaitable[TicketRow]],
    description: str,
    *permissions: Permission,
) -> Verb:
    async def act(uow: UnitOfWork, actor: Actor, subject: uuid.UUID, values: Values) -> uuid.UUID:
        del values["ticket_id"]
        return (await action(uow, actor, subject, **values)).id

    return Verb(
        name=name,
        input=input_type,
        description=description,
        permissions=permissions,
        shows="Ticket",
        city=_city_of_ticket,
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
    reporter = values.pop("reporter", None)
    if reporter is not None:
        values["reporter"] = Reporter(**reporter)
    return (await submit(uow, actor, ticket_id=subject, **values)).id


P = Permission
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
    _verb("ticketAccept", TicketAcceptInput, accept, "The desk accepts a ticket.", P.TICKET_ACCEPT),
    _verb(
        "ticketDecline", TicketDeclineInput, decline, "The desk declines a ticket, with the basis.", P.TICKET_DECLINE
    ),
    _verb("ticketAnswer", TicketAnswerInput, answer, "The desk answers a ticket on the spot.", P.TICKET_ANSWER),
    _verb(
        "ticketDispatch",
        TicketDispatchInput,
        dispatch,
        "The dispatcher gives a ticket to its departments; an escalated one, the office or supervision.",
        *(P.TICKET_DISPATCH, P.TICKET_DISPATCH_ESCALATED),
    ),
    _verb(
        "ticketAcknowledge",
        TicketAcknowledgeInput,
        acknowledge,
        "The lead department takes a ticket on.",
        P.TICKET_ACKNOWLEDGE,
    ),
    _verb("ticketReturn", TicketReturnInput, return_, "The lead department returns a ticket.", P.TICKET_RETURN),
    _verb("ticketArbitrate", TicketArbitrateInput, arbitrate, "The office names the lead.", P.TICKET_ARBITRATE),
    _verb(
        "ticketComment",
        TicketCommentInput,
        comment,
        "Comment, for everybody or for the staff only.",
        *(P.TICKET_COMMENT, P.TICKET_NOTE),
    ),
    _verb("ticketResolve", TicketResolveInput, resolve, "The lead department replies.", P.TICKET_RESOLVE),
    _verb(
        "ticketFollowUp",
        TicketFollowUpInput,
        follow_up,
        "The desk records the follow-up call; the reporter rates the outcome.",
        *(P.TICKET_FOLLOW_UP, P.TICKET_RATE),
    ),
    _verb("ticketWithdraw", TicketWithdrawInput, withdraw, "The reporter withdraws a ticket.", P.TICKET_WITHDRAW),
)
