"""The integrity ledger, as the API shows it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import strawberry
from sqlalchemy import Text, and_, case, cast, exists, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.integrity.access import TOPIC
from app.integrity.lifecycle import PERMISSIONS, Facts, allowed_from
from app.integrity.queries import ENTRIES, INSTALMENTS, visible_to, within_reach
from app.integrity.words import IntegrityAction, IntegrityEventType, IntegrityStatus
from authz.permissions import Permission
from schema.enterprises.types import Enterprise
from schema.labels import label_sql
from schema.pages import After, Before, First, Last, Node, paged
from schema.reader.declare import (
    Call,
    Connection,
    Here,
    Order,
    OuterRow,
    column,
    computed,
    connection,
    expression,
    relation,
    stored,
)
from schema.tenants.types import Tenant
from schema.tickets.types import EVENTS, Actor, Ticket
from schema.timelines import datum, doer, events_of
from tenants.schemes.words import IntegrityKind


def entry_visible(here: Here) -> Any:
    """`visible_to` for the row at hand."""
    return visible_to(here.scope, here.row, here.bind)


def _staff(here: Here, entry: Any) -> Any:
    return within_reach(here.scope, Permission.INTEGRITY_READ_INTERNAL, entry, here.bind)


def _of_its_entry(here: Here, key: str, condition: Any) -> Any:
    """That `condition(entry row)` holds for the entry whose id is in the column `key`."""
    entry = OuterRow(ENTRIES, "of_entry")
    return exists(
        select(literal_column("1"))
        .select_from(ENTRIES.alias("of_entry"))
        .where(
            entry.c.city_id == here.row.c.city_id,
            entry.c.id == getattr(here.row.c, key),
            condition(entry),
        )
    )


def yuan(amount: Any) -> Any:
    """An amount as it is answered: exact, with its two digits."""
    return cast(amount, Text())


def _actions_needed(here: Here) -> Mapping[str, Any]:
    row = here.row
    reached = {each.name: within_reach(here.scope, each, row, here.bind) for each in sorted(set(PERMISSIONS.values()))}
    facts = {
        "status": row.c.status,
        "money": row.c.amount.is_not(None),
        "paid": row.c.cleared > literal_column("0"),
    }
    return facts | reached


def _allowed_actions(needed: Any, _call: Call, _arguments: Mapping[str, Any]) -> list[str]:
    facts = Facts(IntegrityStatus(needed["status"]), money=needed["money"], paid=needed["paid"])
    return [action.name for action in allowed_from(facts) if needed[PERMISSIONS[action].name]]


@stored(
    table=INSTALMENTS,
    prefix="II",
    permission=Permission.INTEGRITY_READ,
    visible=lambda here: _of_its_entry(here, "entry_id", lambda entry: visible_to(here.scope, entry, here.bind)),
    description="What was paid of an entry, or taken back of what had been recorded as paid. Never changed.",
)
class IntegrityInstalment(Node):
    id: strawberry.ID = expression(
        "The global id.", lambda here: func.global_id(literal_column("'II'"), here.row.c.city_id, here.row.c.id)
    )
    amount: Decimal = expression(
        "In yuan, two digits; below zero where it takes another one back.", lambda here: yuan(here.row.c.amount)
    )
    paid_on: date = column("The city's day on which it was paid, or taken back.")
    reverses: IntegrityInstalment | None = relation(
        "The instalment that it takes back; null for a payment.",
        "IntegrityInstalment",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.reverses_id),
        inherits=True,
    )
    note: str | None = expression(
        "What was said of it; for the staff.",
        lambda here: case(
            (_of_its_entry(here, "entry_id", lambda entry: _staff(here, entry)), here.row.c.note),
        ),
    )
    recorded_at: datetime = column("When it was recorded.")


@stored(
    table=EVENTS,
    description="One thing that happened to an entry of the ledger; chained by hashes like a ticket's.",
)
class IntegrityEvent:
    type: IntegrityEventType = column("What happened.")
    type_label: str = expression(
        "What happened, in the viewer's language.",
        lambda here: label_sql(IntegrityEventType, here.row.c.type, here.locale),
    )
    at: datetime = column("When.")
    version: int = column("The entry's version after it.")
    actor: Actor | None = doer("Who did it.")
    from_status: IntegrityStatus | None = expression(
        "The status before; null at the opening.", lambda here: datum(here, "fromStatus")
    )
    to_status: IntegrityStatus = expression("The status after.", lambda here: datum(here, "toStatus"))
    amount: Decimal | None = expression(
        "The amount of the entry, or of the instalment, in yuan.", lambda here: datum(here, "amount")
    )
    note: str | None = expression(
        "What was said; but for the reason of a dismissal, for the staff.",
        lambda here: case(
            (here.row.c.type == literal_column(f"'{IntegrityEventType.DISMISSED}'"), datum(here, "note")),
            (_of_its_entry(here, "subject_id", lambda entry: _staff(here, entry)), datum(here, "note")),
        ),
    )


IntegrityInstalmentEdge, IntegrityInstalmentConnection = paged(IntegrityInstalment, "an entry's instalments")
IntegrityEventEdge, IntegrityEventConnection = paged(IntegrityEvent, "an entry's events")


def instalments_arguments(
    first: First = strawberry.UNSET, after: After = strawberry.UNSET
) -> IntegrityInstalmentConnection: ...


def integrity_timeline_arguments(
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> IntegrityEventConnection: ...


@stored(
    table=ENTRIES,
    prefix="IE",
    permission=Permission.INTEGRITY_READ,
    visible=entry_visible,
    description="An entry of the ledger of the government's own broken promises (政务失信台账; 004_…txt, 四). Amounts "
    "are yuan with two digits. Its creditor sees it, without internal notes.",
)
class IntegrityEntry(Node):
    id: strawberry.ID = expression(
        "The global id.", lambda here: func.global_id(literal_column("'IE'"), here.row.c.city_id, here.row.c.id)
    )
    version: int = column("Rises with every verb; pass it back as `expectedVersion`.")
    kind: IntegrityKind = column("What it is about.")
    kind_label: str = expression(
        "The kind in the viewer's language.", lambda here: label_sql(IntegrityKind, here.row.c.kind, here.locale)
    )
    title: str = column("One line.")
    status: IntegrityStatus = column("Where it stands.")
    status_label: str = expression(
        "The status in the viewer's language.", lambda here: label_sql(IntegrityStatus, here.row.c.status, here.locale)
    )
    city: Tenant = relation("The city.", "Tenant", lambda here: here.row.c.id == here.outer.c.city_id)
    debtor: Tenant | None = relation(
        "Who owes it; null for an intermediary.", "Tenant", lambda here: here.row.c.id == here.outer.c.debtor_id
    )
    county: Tenant | None = relation(
        "The debtor's county, or where an intermediary was found; null: the city's own.",
        "Tenant",
        lambda here: here.row.c.id == here.outer.c.county_id,
    )
    organisation: str | None = column("The blacklisted intermediary; null for everything else.")
    creditor: Enterprise | None = relation(
        "The enterprise to which it is owed.",
        "Enterprise",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.creditor_id),
        inherits=True,
    )
    ticket: Ticket | None = relation(
        "The complaint that led to it; null where there is none that the viewer may see.",
        "Ticket",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.ticket_id),
    )
    since: date | None = column("Since when it has been owed, or should have been done.")
    amount: Decimal | None = expression(
        "What is owed in all; null where the kind has no amount.", lambda here: yuan(here.row.c.amount)
    )
    cleared: Decimal | None = expression(
        "What of it was paid; null where the kind has no amount.",
        lambda here: yuan(here.row.c.amount - here.row.c.remaining),
    )
    remaining: Decimal | None = expression(
        "What of it remains; null where the kind has no amount.", lambda here: yuan(here.row.c.remaining)
    )
    restrictions: list[str] = expression(
        "What confirmed arrears to a small enterprise restrict the debtor in, by the city's scheme (002_…txt, 三(三)); "
        "empty once they are paid.",
        lambda here: case(
            (here.row.c.status == literal_column(f"'{IntegrityStatus.CONFIRMED}'"), here.row.c.restrictions),
            else_=literal_column("'{}'::text[]", ARRAY(Text())),
        ),
    )
    scheme_version: int = column("The version of the city's scheme under which it was opened.")
    opened_on: date = column("The city's day on which it was opened.")
    opened_at: datetime = column("When it was opened.")
    confirmed_at: datetime | None = column("When it was confirmed.")
    closed_at: datetime | None = column("When it was dismissed or cleared.")
    instalments: IntegrityInstalmentConnection = connection(
        "What was paid of it and taken back, as it was recorded, the earliest first.",
        Connection(
            target="IntegrityInstalment",
            on=lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.entry_id == here.outer.c.id),
            orders={},
            default=Order("recorded_at"),
            inherits=True,
        ),
        instalments_arguments,
    )
    timeline: IntegrityEventConnection = connection(
        "Everything that happened to it, oldest first.",
        events_of("IntegrityEvent", TOPIC),
        integrity_timeline_arguments,
    )
    allowed_actions: list[IntegrityAction] = computed(
        "What this viewer may do with it now.", _actions_needed, _allowed_actions
    )


IntegrityEntryEdge, IntegrityEntryConnection = paged(IntegrityEntry, "entries of the integrity ledger")
