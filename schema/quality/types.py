"""The ledger of handling quality, and samples for checks of quality, as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from sqlalchemy import Text, and_, func, literal_column, select
from sqlalchemy import cast as sql_cast

from app.kernel.tables import table_of
from app.tickets.models import QualityCheck as CheckRow
from app.tickets.quality.entering import TOPIC
from app.tickets.quality.lifecycle import QualityAction, allowed_from, required_permission
from app.tickets.quality.queries import ENTRIES, entry_visible_to, entry_within_reach
from app.tickets.queries import SAMPLES, sample_within_reach
from app.tickets.words import QualityEventType, QualityStatus
from authz.permissions import Permission
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
from schema.tickets.statistics import Rate
from schema.tickets.types import EVENTS, Actor, Ticket
from schema.timelines import datum, doer, events_of
from tenants.schemes.words import QualityConcern

if TYPE_CHECKING:
    from schema.rectification.types import RectificationTask

CHECKS = table_of(CheckRow)
_USED = (Permission.TICKET_QUALITY_CHECK, Permission.TICKET_QUALITY_KEEP)


def _actions_needed(here: Here) -> Mapping[str, Any]:
    reached = {each.name: entry_within_reach(here.scope, each, here.row, here.bind) for each in _USED}
    return {"status": here.row.c.status} | reached


def _allowed_actions(needed: Any, _call: Call, _arguments: Mapping[str, Any]) -> list[str]:
    status = QualityStatus(needed["status"])
    return [each.name for each in allowed_from(status) if needed[required_permission(status, each).name]]


def _cause_key(entry: Any) -> Any:
    """Of the task that follows from it (`app.rectification.opening`)."""
    colon: Any = literal_column("':'")
    return entry.kind + colon + sql_cast(entry.ticket_id, Text()) + colon + sql_cast(entry.lead_id, Text())


@stored(table=EVENTS, description="One thing that happened to an entry of the ledger of handling quality.")
class QualityEvent:
    type: QualityEventType = column("What happened.")
    type_label: str = expression(
        "What happened, in the viewer's language.",
        lambda here: label_sql(QualityEventType, here.row.c.type, here.locale),
    )
    at: datetime = column("When.")
    version: int = column("The entry's version after it.")
    actor: Actor = doer("Who did it; nobody where it entered by itself.")
    to_status: QualityStatus = expression("The status after.", lambda here: datum(here, "toStatus"))
    note: str | None = expression("What was said.", lambda here: datum(here, "note"))


QualityEventEdge, QualityEventConnection = paged(QualityEvent, "an entry's events")


def quality_timeline_arguments(
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> QualityEventConnection: ...


@stored(
    table=ENTRIES,
    prefix="QE",
    permission=Permission.TICKET_READ_QUALITY,
    visible=lambda here: entry_visible_to(here.scope, here.row, here.bind),
    description="A handling in the ledger of handling quality (办理质量台账; 003_…txt, 二(六)): it enters by itself, "
    "the office keeps it, and hands to supervision what needs it. Restricted tickets do not enter.",
)
class QualityEntry(Node):
    id: strawberry.ID = expression(
        "The global id.", lambda here: func.global_id(literal_column("'QE'"), here.row.c.city_id, here.row.c.id)
    )
    version: int = column("Rises with every verb; pass it back as `expectedVersion`.")
    kind: QualityConcern = column("Why it entered.")
    kind_label: str = expression(
        "Why, in the viewer's language.", lambda here: label_sql(QualityConcern, here.row.c.kind, here.locale)
    )
    status: QualityStatus = column("Where it stands.")
    status_label: str = expression(
        "The status in the viewer's language.", lambda here: label_sql(QualityStatus, here.row.c.status, here.locale)
    )
    ticket: Ticket | None = relation(
        "The ticket; null when it is not the viewer's to see.",
        "Ticket",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.ticket_id),
    )
    round: int = column("The round of the ticket whose handling it was.")
    keeper: Tenant = relation(
        "The city or county whose office keeps it, and whose supervision it may be handed to.",
        "Tenant",
        lambda here: here.row.c.id == here.outer.c.tenant_id,
    )
    department: Tenant | None = relation(
        "The department that handled it; null where the desk answered.",
        "Tenant",
        lambda here: here.row.c.id == here.outer.c.lead_id,
    )
    task: Annotated[RectificationTask, strawberry.lazy("schema.rectification.types")] | None = relation(
        "The rectification task that a low verdict opened; null where there is none that the viewer may see.",
        "RectificationTask",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.cause_key == _cause_key(here.outer.c)),
    )
    opened_at: datetime = column("When it entered.")
    note: str | None = column("What was said when it was handed over.")
    handed_over_at: datetime | None = column("When it was handed to supervision (报送督查督办专责组).")
    outcome: str | None = column("What came of it.")
    closed_at: datetime | None = column("When it was closed.")
    scheme_version: int = column("The version of the city's scheme under which it entered.")
    timeline: QualityEventConnection = connection(
        "Everything that happened to it, oldest first.",
        events_of("QualityEvent", TOPIC),
        quality_timeline_arguments,
    )
    allowed_actions: list[QualityAction] = computed(
        "What this viewer may do with it now.", _actions_needed, _allowed_actions
    )


QualityEntryEdge, QualityEntryConnection = paged(QualityEntry, "entries of the ledger")


def _pass_rate(here: Here) -> Any:
    check = OuterRow(CHECKS, "checked_")
    of_it = (check.c.city_id == here.row.c.city_id, check.c.sample_id == here.row.c.id)
    return (
        select(
            func.count().filter(check.c.passed).label("numerator"),
            func.count(check.c.checked_at).label("denominator"),
        )
        .select_from(CHECKS.alias("checked_"))
        .where(*of_it)
    )


@stored(
    table=CHECKS,
    description="A ticket of a sample, and what the check of its handling found.",
)
class QualityCheck:
    ticket: Ticket | None = relation(
        "The drawn ticket; null when it is no longer the viewer's to see.",
        "Ticket",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.ticket_id),
    )
    passed: bool | None = column("Whether it was handled well; null until it is checked.")
    findings: str | None = column("What was found.")
    checked_at: datetime | None = column("When it was checked.")


QualityCheckEdge, QualityCheckConnection = paged(QualityCheck, "checks of a sample")


def checks_arguments(first: First = strawberry.UNSET, after: After = strawberry.UNSET) -> QualityCheckConnection: ...


@stored(
    table=SAMPLES,
    prefix="QS",
    permission=Permission.TICKET_READ_QUALITY,
    visible=lambda here: sample_within_reach(here.scope, Permission.TICKET_READ_QUALITY, here.row, here.bind),
    description="Handled tickets drawn at random for a check of quality (办理质量抽查), each as likely as another.",
)
class QualitySample(Node):
    id: strawberry.ID = expression(
        "The global id.", lambda here: func.global_id(literal_column("'QS'"), here.row.c.city_id, here.row.c.id)
    )
    version: int = column("Rises with every check.")
    tenant: Tenant = relation(
        "Of whose tickets it was drawn.", "Tenant", lambda here: here.row.c.id == here.outer.c.tenant_id
    )
    resolved_from: datetime = column("Replied to at this moment or later.")
    resolved_before: datetime = column("Replied to before this moment.")
    population: int = column("How many tickets it was drawn from.")
    size: int = column("How many were drawn: the scheme's share, rounded up.")
    seed: str = expression(
        "What the draw was made from, in hexadecimal: tickets come in the order of SHA-256(seed, then the UUID).",
        lambda here: func.encode(here.row.c.seed, literal_column("'hex'")),
    )
    drawn_at: datetime = column("When it was drawn.")
    pass_rate: Rate = relation(
        "Handled well (抽查合格率): of those that are checked by now.",
        "Rate",
        lambda _here: literal_column("true"),
        inherits=True,
        rows=_pass_rate,
    )
    checks: QualityCheckConnection = connection(
        "The drawn tickets.",
        Connection(
            target="QualityCheck",
            on=lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.sample_id == here.outer.c.id),
            orders={},
            default=Order("ticket_id", by="sample_id"),
            inherits=True,
        ),
        checks_arguments,
    )


QualitySampleEdge, QualitySampleConnection = paged(QualitySample, "samples")
