"""The verbs of transfers (domain.md, section 9)."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import strawberry

from app.kernel.errors import NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.models import Ticket as TicketRow
from app.transfers.actions.chase import chase
from app.transfers.actions.decide import decide
from app.transfers.actions.transfer import transfer
from app.transfers.actions.withdraw import withdraw
from authz.actor import Actor
from authz.permissions import Permission
from schema.mutations import Values, Verb, expected_version, id_input, optional_input, retry_key
from schema.scalars import TenantPath
from schema.tickets.mutations import TicketStepInput, city_of_ticket
from tenants.tree import TenantTree


@strawberry.input(description="Transfer a ticket to another city, or up to the region (转办).")
class TicketTransferInput(TicketStepInput):
    to: TenantPath = strawberry.field(description="The city, or the region above the ticket's own.")
    reason: str = strawberry.field(description="Why it belongs there; the reporter is told.")


@strawberry.input(description="Chase the other side of a transfer (催办). The ticket's version stays.")
class TicketTransferChaseInput(TicketStepInput):
    note: str = strawberry.field(description="What is asked of them; for the offices.")


@strawberry.input(description="Withdraw a transfer that nobody has decided on (撤回转办).")
class TicketTransferWithdrawInput(TicketStepInput):
    reason: str = strawberry.field(description="Why.")


@strawberry.input(description="Decide on a transfer that was received.")
class TicketTransferDecideInput:
    transfer_id: strawberry.ID = id_input("TT", "The transfer.")
    accept: bool = strawberry.field(description="Whether the ticket is taken in.")
    reason: str | None = optional_input("For the sender; a refusal must say it.")
    expected_version: int | None = expected_version()
    idempotency_key: str | None = retry_key()


def _verb(name: str, input_type: type[Any], action: Callable[..., Awaitable[TicketRow]], description: str) -> Verb:
    async def act(uow: UnitOfWork, actor: Actor, subject: uuid.UUID, values: Values) -> uuid.UUID:
        del values["ticket_id"]
        return (await action(uow, actor, subject, **values)).id

    return Verb(
        name=name,
        input=input_type,
        description=description,
        permissions=(Permission.TICKET_TRANSFER,),
        shows="Ticket",
        city=city_of_ticket,
        act=act,
        subject=lambda values: values["ticket_id"].key,
    )


def _city_of_transfer(values: Values, actor: Actor, _tree: TenantTree) -> int:
    city_id: int = values["transfer_id"].city_id
    if city_id not in actor.cities:
        raise NotFound(field="transferId", kind="TicketTransfer")
    return city_id


async def _decide(uow: UnitOfWork, actor: Actor, subject: uuid.UUID, values: Values) -> uuid.UUID:
    del values["transfer_id"]
    return (await decide(uow, actor, subject, **values)).id


VERBS = (
    _verb(
        "ticketTransfer",
        TicketTransferInput,
        transfer,
        "The desk offers a ticket to another city or the region; it keeps its number and its timeline.",
    ),
    _verb(
        "ticketTransferChase",
        TicketTransferChaseInput,
        chase,
        "The desk that transferred a ticket chases the other side, once the scheme's time has passed.",
    ),
    _verb(
        "ticketTransferWithdraw",
        TicketTransferWithdrawInput,
        withdraw,
        "The desk that transferred a ticket takes it back while nobody has decided.",
    ),
    Verb(
        name="ticketTransferDecide",
        input=TicketTransferDecideInput,
        description="The receiving desk takes a transferred ticket in, or gives it back with the reason.",
        permissions=(Permission.TRANSFER_DECIDE,),
        shows="TicketTransfer",
        city=_city_of_transfer,
        act=_decide,
        subject=lambda values: values["transfer_id"].key,
    ),
)
