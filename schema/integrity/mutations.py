"""The verbs of the integrity ledger, each declared as input, action and payload (domain.md, section 6)."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from typing import Any

import strawberry

from app.integrity.actions.clear import clear
from app.integrity.actions.confirm import confirm
from app.integrity.actions.dismiss import dismiss
from app.integrity.actions.open_entry import open_entry
from app.integrity.actions.record_instalment import record_instalment
from app.integrity.actions.reverse_instalment import reverse_instalment
from app.integrity.models import IntegrityEntry as EntryRow
from app.kernel.errors import NotFound
from app.kernel.unit_of_work import UnitOfWork
from authz.actor import Actor
from authz.permissions import Permission
from schema.mutations import Values, Verb, expected_version, id_input, optional_input, retry_key
from schema.scalars import TenantPath
from tenants.schemes.words import IntegrityKind
from tenants.tree import TenantTree


@strawberry.input(description="Open an entry of the integrity ledger (登记政务失信事项).")
class IntegrityEntryOpenInput:
    kind: IntegrityKind = strawberry.field(description="What it is about; the scheme says which have an amount.")
    title: str = strawberry.field(description="One line; as long as the scheme has titles.")
    debtor: TenantPath | None = optional_input("Who owes it; of everything but a blacklisted intermediary.")
    county: TenantPath | None = optional_input(
        "Where a blacklisted intermediary was found; a county's office must say so."
    )
    organisation: str | None = optional_input("The blacklisted intermediary, 1–200 characters; of nothing else.")
    creditor_id: strawberry.ID | None = id_input(
        "E", "The enterprise to which it is owed; arrears need one, by their complaint if not given.", optional=True
    )
    amount: Decimal | None = optional_input("In yuan, at most two digits behind the point; of the kinds with money.")
    since: date | None = optional_input("Since when it has been owed, or should have been done.")
    ticket_id: strawberry.ID | None = id_input(
        "T", "The complaint that leads to it, no secret one; it leads to one entry at most.", optional=True
    )
    idempotency_key: str | None = retry_key()


@strawberry.input(description="What every step of an entry takes.")
class IntegrityStepInput:
    entry_id: strawberry.ID = id_input("IE", "The entry.")
    expected_version: int | None = expected_version()
    idempotency_key: str | None = retry_key()


@strawberry.input(description="Confirm an entry (认定).")
class IntegrityEntryConfirmInput(IntegrityStepInput):
    note: str | None = optional_input("A note for the staff.")


@strawberry.input(description="Dismiss an entry (不予认定).")
class IntegrityEntryDismissInput(IntegrityStepInput):
    reason: str = strawberry.field(description="Why; the creditor is told.")


@strawberry.input(description="Clear an entry that has no amount (整改销号).")
class IntegrityEntryClearInput(IntegrityStepInput):
    note: str = strawberry.field(description="How it was put right; for the staff.")


@strawberry.input(description="Record what was paid of an entry (登记清偿).")
class IntegrityInstalmentRecordInput(IntegrityStepInput):
    amount: Decimal = strawberry.field(
        description="In yuan, more than nothing, at most two digits behind the point, and no more than remains."
    )
    paid_on: date = strawberry.field(description="The city's day on which it was paid, not before it was owed.")
    note: str | None = optional_input("A note for the staff.")


@strawberry.input(description="Take back an instalment that was wrong (冲回清偿).")
class IntegrityInstalmentReverseInput(IntegrityStepInput):
    instalment_id: strawberry.ID = id_input("II", "The instalment.")
    reason: str = strawberry.field(description="Why; for the staff.")


def _city_of_entry(values: Values, actor: Actor, _tree: TenantTree) -> int:
    city_id: int = values["entry_id"].city_id
    if city_id not in actor.cities:
        raise NotFound(field="entryId", kind="IntegrityEntry")
    return city_id


def _city_of_opening(values: Values, actor: Actor, tree: TenantTree) -> int:
    """Where the debtor or the county lies, if the actor has a part there; else the actor's own city."""
    path = values.get("debtor", values.get("county"))
    node = None if path is None else tree.by_path(path)
    return actor.city_id if node is None or node.city_id not in actor.cities else node.city_id


def _key_of(values: Values, name: str, city_id: int, to: str) -> None:
    """A further id as its key: nil where it is another city's, so that it is answered like an unknown one."""
    if name in values:
        given = values.pop(name)
        values[to] = given.key if given.city_id == city_id else uuid.UUID(int=0)


async def _open(uow: UnitOfWork, actor: Actor, subject: uuid.UUID, values: Values) -> uuid.UUID:
    _key_of(values, "creditor_id", uow.city_id, "creditor")
    _key_of(values, "ticket_id", uow.city_id, "ticket_id")
    if "amount" in values:
        values["amount"] = Decimal(values["amount"])
    return (await open_entry(uow, actor, entry_id=subject, **values)).id


def _verb(
    name: str,
    input_type: type[Any],
    action: Callable[..., Awaitable[EntryRow]],
    description: str,
    permission: Permission = Permission.INTEGRITY_KEEP,
) -> Verb:
    async def act(uow: UnitOfWork, actor: Actor, subject: uuid.UUID, values: Values) -> uuid.UUID:
        del values["entry_id"]
        _key_of(values, "instalment_id", uow.city_id, "instalment_id")
        if "amount" in values:
            values["amount"] = Decimal(values["amount"])
        return (await action(uow, actor, subject, **values)).id

    return Verb(
        name=name,
        input=input_type,
        description=description,
        permissions=(permission,),
        shows="IntegrityEntry",
        city=_city_of_entry,
        act=act,
        subject=lambda values: values["entry_id"].key,
    )


VERBS = (
    Verb(
        name="integrityEntryOpen",
        input=IntegrityEntryOpenInput,
        description="The office or supervision opens an entry of the ledger, by hand or from a complaint.",
        permissions=(Permission.INTEGRITY_KEEP,),
        shows="IntegrityEntry",
        city=_city_of_opening,
        act=_open,
    ),
    _verb(
        "integrityEntryConfirm",
        IntegrityEntryConfirmInput,
        confirm,
        "It is as the entry says; arrears to a small enterprise now restrict the debtor.",
    ),
    _verb("integrityEntryDismiss", IntegrityEntryDismissInput, dismiss, "It is not as the entry says."),
    _verb(
        "integrityEntryClear", IntegrityEntryClearInput, clear, "What has no amount was put right, and is struck off."
    ),
    _verb(
        "integrityInstalmentRecord",
        IntegrityInstalmentRecordInput,
        record_instalment,
        "The debtor, finance or the office records what was paid; the entry is cleared when nothing remains.",
        Permission.INTEGRITY_RECORD,
    ),
    _verb(
        "integrityInstalmentReverse",
        IntegrityInstalmentReverseInput,
        reverse_instalment,
        "The office or supervision takes back what was wrongly recorded as paid.",
    ),
)
