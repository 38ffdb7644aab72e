"""Tickets and their timeline, as the API shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import strawberry
from sqlalchemy import (
    Boolean,
    DateTime,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    case,
    cast,
    exists,
    func,
    literal_column,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.deadlines.words import DeadlineKind
from app.files.models import Attachment as AttachmentRow
from app.kernel.tables import Event, Row, table_of
from app.tickets.duplicates import SHOWN, likely_duplicates, may_be_asked, told_by
from app.tickets.handlers import MOST_CO_HANDLERS
from app.tickets.lifecycle import PERMISSIONS, Action, Facts, allowed_from, permissions_of, required_permission
from app.tickets.queries import (
    CO_HANDLERS,
    RESTRICTED,
    TICKETS,
    by_the_reporter,
    sees_event,
    sees_reporter,
    visible_to,
    within_reach,
)
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
from app.transfers.actions.chase import may_chase_from
from app.transfers.models import TRANSFERS
from app.transfers.queries import last_heard
from authz.models import User
from authz.permissions import Permission
from authz.roles import Role
from schema.deadlines.types import MOST_DEADLINES, Deadline, deadlines_of, next_deadline_of
from schema.enterprises.types import Enterprise
from schema.labels import TicketAction, label_sql
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
    value,
)
from schema.responsibility.types import ResponsibilitySubject
from schema.tenants.types import SCHEMES, Tenant, own_label, own_word
from tenants.schemes.calendar import Calendar
from tenants.schemes.files import MOST_FILES
from tenants.schemes.values import TimeLimit
from tenants.schemes.words import CoordinationLevel, FollowUpQuestion, SuspensionReason

if TYPE_CHECKING:
    from schema.supervision.types import SupervisionNotice
    from schema.transfers.types import TicketTransfer

ATTACHMENTS = table_of(AttachmentRow)
EVENTS = table_of(Event)
USERS = table_of(User)


def ticket_visible(here: Here) -> Any:
    """`visible_to` for the row at hand."""
    return visible_to(here.scope, here.row, here.bind, named=here.named)


def staff(here: Here) -> Any:
    """Whether the viewer is of the ticket's staff: what offices do among themselves is not the reporter's to see."""
    return within_reach(here.scope, Permission.TICKET_READ_INTERNAL, here.row, here.bind)


def _progress(here: Here) -> Any:
    survivor = OuterRow(TICKETS, "survivor")
    merged_into = (
        select(func.coalesce(survivor.c.elsewhere, survivor.c.status))
        .select_from(TICKETS.alias("survivor"))
        .where(survivor.c.city_id == here.row.c.city_id, survivor.c.id == here.row.c.merged_into_id)
        .scalar_subquery()
    )
    return func.coalesce(here.row.c.elsewhere, merged_into)


def _other_side(direction: str, here: Here) -> Any:
    """The other side of the ticket's transfer in this direction that was not declined or withdrawn."""
    transfer = OuterRow(TRANSFERS, "of_ticket")
    return (
        select(transfer.c.peer_id)
        .select_from(TRANSFERS.alias("of_ticket"))
        .where(
            transfer.c.city_id == here.outer.c.city_id,
            transfer.c.ticket_id == here.outer.c.id,
            transfer.c.direction == literal_column(f"'{direction}'"),
            or_(transfer.c.status == literal_column("'OFFERED'"), transfer.c.status == literal_column("'ACCEPTED'")),
        )
        .scalar_subquery()
    )


def _duplicates(here: Here) -> Select[Any]:
    told = told_by(here.scope, here.row, here.bind)
    asked = may_be_asked(here.scope, here.row, here.bind)
    return likely_duplicates(here.scope, told, here.bind, named=here.named, asked=asked)


def _reporter_shown(here: Here) -> Any:
    return sees_reporter(here.scope, here.row, here.bind)


_FLAGS = tuple(field.name for field in fields(Facts) if field.default in (True, False))


def _actions_needed(here: Here) -> Mapping[str, Any]:
    row = here.row
    facts = {
        "status": row.c.status,
        "contacted": row.c.contacted_at.is_not(null()),
        "suspended": row.c.suspended_at.is_not(null()),
        "extension_pending": row.c.extension_days.is_not(null()),
        "coordination": row.c.coordination,
        "referred": row.c.referred,
        "malice": row.c.malice,
        "own_receipt": row.c.own_receipt,
        "has_office": row.c.has_office,
        "restricted": row.c.secrecy == RESTRICTED,
        "elsewhere": row.c.elsewhere,
    }
    used = {permission for action in PERMISSIONS for permission in permissions_of(action)} | {Permission.TICKET_NOTE}
    reached = {permission.name: within_reach(here.scope, permission, row, here.bind) for permission in used}
    return facts | reached | {"extended": _extended(row), "part_open": _part_open(here), "chase": _chase_needed(row)}


def _extended(row: Any) -> Any:
    """Whether the extensions of this round are used up."""
    scheme = SCHEMES.alias("of_extensions")
    times = select(cast(scheme.c.document.op("#>>")(literal_column("'{tickets,extension,times}'")), Integer())).where(
        scheme.c.city_id == row.c.city_id, scheme.c.version == row.c.scheme_version
    )
    used_up = case((row.c.extensions > literal_column("0"), row.c.extensions >= times.scalar_subquery()))
    return func.coalesce(used_up, literal_column("false", Boolean()))


def _part_open(here: Here) -> Any:
    """Whether a department that the viewer acts for helps with the ticket and has not reported its part."""
    permission = Permission.TICKET_PART_REPORT
    if not here.scope.reach(permission).helps:
        return literal_column("false", Boolean())
    helping = any_(here.bind("part_of", lambda who: list(who.reach(permission).helps), ARRAY(Integer())))
    part = CO_HANDLERS.alias("part")
    return exists(
        select(literal_column("1"))
        .select_from(part)
        .where(
            part.c.city_id == here.row.c.city_id,
            part.c.ticket_id == here.row.c.id,
            part.c.tenant_id == helping,
            part.c.reported_at.is_(null()),
        )
    )


def _chase_needed(row: Any) -> Any:
    """Of a transferred ticket, what says from when on the other side may be chased."""
    sent, scheme = TRANSFERS.alias("chased"), SCHEMES.alias("of_chase")
    after = scheme.c.document.op("#>")(literal_column("'{cross_city,chase_after}'"))
    found = select(func.json_build_array(last_heard(sent), cast(scheme.c.calendar, Text()), after)).where(
        sent.c.city_id == row.c.city_id,
        sent.c.ticket_id == row.c.id,
        sent.c.direction == literal_column("'SENT'"),
        or_(sent.c.status == literal_column("'OFFERED'"), sent.c.status == literal_column("'ACCEPTED'")),
        scheme.c.city_id == row.c.city_id,
        scheme.c.version == row.c.scheme_version,
    )
    return case((row.c.status == literal_column(f"'{TicketStatus.TRANSFERRED}'"), found.scalar_subquery()))


def _too_soon(chase: Any, call: Call) -> bool:
    if chase is None:
        return False
    heard_at, calendar, limit = chase
    days, after = Calendar.model_validate_json(calendar), TimeLimit.model_validate_json(orjson.dumps(limit))
    return call.viewer.now < may_chase_from(days, call.tree.calendar, after, datetime.fromisoformat(heard_at))


def _allowed_actions(needed: Any, call: Call, _arguments: Mapping[str, Any]) -> list[str]:
    coordination, malice, elsewhere = needed["coordination"], needed["malice"], needed["elsewhere"]
    facts = Facts(
        **{name: needed[name] for name in _FLAGS},
        status=TicketStatus(needed["status"]),
        coordination=None if coordination is None else CoordinationLevel(coordination),
        malice=None if malice is None else Malice(malice),
        elsewhere=None if elsewhere is None else TicketStatus(elsewhere),
    )
    not_now = {
        Action.EXTENSION_REQUEST: needed["extended"],
        Action.PART_REPORT: not needed["part_open"],
        Action.TRANSFER_CHASE: _too_soon(needed["chase"], call),
    }
    return [
        action.name
        for action in allowed_from(facts)
        if not not_now.get(action)
        and (
            needed[required_permission(facts, action).name]
            or (action in (Action.ATTACH, Action.COMMENT) and needed[Permission.TICKET_NOTE.name])
        )
    ]


def timeline_arguments(
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> TicketEventConnection: ...


def tickets_of_it(first: First = strawberry.UNSET, after: After = strawberry.UNSET) -> TicketConnection: ...


@stored(
    table=TICKETS,
    description="Who reported. Null where the viewer may not know, as for a confidential report.",
)
class Reporter:
    name: str | None = column("The name they gave; null when anonymous.", "reporter_name")
    phone: str | None = column("The telephone number they gave.", "reporter_phone")
    anonymous: bool = column("Whether they asked to stay unnamed.", "reporter_anonymous")


@stored(
    table=TICKETS,
    description="The platform that had a ticket before (12345, another city's…), and the number it keeps from there.",
)
class TicketOrigin:
    platform: str = column("The platform, by its name.", "origin_platform")
    number: str = column("The number there; no two tickets of a city have the same of one platform.", "origin_number")


@stored(
    table=CO_HANDLERS,
    description="A co-handling department's part of a ticket (协办).",
)
class TicketPart:
    tenant: Tenant = relation("The department.", "Tenant", lambda here: here.row.c.id == here.outer.c.tenant_id)
    report: str | None = column("What it did; null until it reports its part as done.")
    reported_at: datetime | None = column("When it reported.")


@stored(
    table=TICKETS,
    prefix="T",
    permission=Permission.TICKET_READ,
    visible=ticket_visible,
    description="A problem that an enterprise or a person reported (工单), from submission to closing.",
)
class Ticket(Node):
    id: strawberry.ID = expression(
        "The global id.", lambda here: func.global_id(literal_column("'T'"), here.row.c.city_id, here.row.c.id)
    )
    number: str = column("What people say aloud: city prefix, date, six digits. Unique, never reused, no series.")
    version: int = column("Rises with every verb that changes the ticket; pass it back as `expectedVersion`.")
    category: TicketCategory = column("What the reporter wants.")
    category_label: str = expression(
        "The category in the viewer's language; in Chinese, in the city's own words.",
        own_label(TicketCategory, "categories", "category"),
    )
    channel: TicketChannel = column("The way by which it came in.")
    origin: TicketOrigin | None = relation(
        "Where it was before; null when it began here, and where the viewer may not know the reporter: there "
        "the number leads to the caller.",
        "TicketOrigin",
        lambda here: and_(
            here.row.c.city_id == here.outer.c.city_id,
            here.row.c.id == here.outer.c.id,
            here.row.c.origin_number.is_not(null()),
        ),
        when=_reporter_shown,
        inherits=True,
    )
    title: str = column("One line.")
    body: str = column("The problem in the reporter's words.")
    status: TicketStatus = column("Where it stands.")
    status_label: str = expression(
        "The status in the viewer's language; in Chinese, in the city's own words.",
        own_label(TicketStatus, "statuses", "status"),
    )
    stage: str | None = expression(
        "The stretch of the way that the status lies in, as the city calls it (`Scheme.stages`); null off the way.",
        lambda here: own_word("stages", here.row, here.row.c.status),
    )
    round: int = column("1 at first; 2 after a second dispatch (二次分办), and so on.")
    secrecy: SecrecyLevel = column("Who may see the reporter, or the ticket at all.")
    city: Tenant = relation("The city.", "Tenant", lambda here: here.row.c.id == here.outer.c.city_id)
    county: Tenant | None = relation(
        "Where the matter lies; null: it concerns the whole city.",
        "Tenant",
        lambda here: here.row.c.id == here.outer.c.county_id,
    )
    enterprise: Enterprise | None = relation(
        "The enterprise that reported; null for a person, and where the viewer may not know.",
        "Enterprise",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.enterprise_id),
        when=_reporter_shown,
        inherits=True,
    )
    reporter: Reporter | None = relation(
        "The person who reported, or the enterprise's contact; null where there is none, or the viewer may not know.",
        "Reporter",
        lambda here: and_(
            here.row.c.city_id == here.outer.c.city_id,
            here.row.c.id == here.outer.c.id,
            or_(
                here.row.c.enterprise_id.is_(null()),
                here.row.c.reporter_name.is_not(null()),
                here.row.c.reporter_phone.is_not(null()),
            ),
        ),
        when=_reporter_shown,
        inherits=True,
    )
    lead: Tenant | None = relation(
        "The handling department (牵头承办单位).", "Tenant", lambda here: here.row.c.id == here.outer.c.lead_id
    )
    co_handlers: list[Tenant] = relation(
        "The departments that help (协办单位), at most 20.",
        "Tenant",
        lambda here: exists(
            select(literal_column("1"))
            .select_from(CO_HANDLERS)
            .where(
                CO_HANDLERS.c.city_id == here.outer.c.city_id,
                CO_HANDLERS.c.ticket_id == here.outer.c.id,
                CO_HANDLERS.c.tenant_id == here.row.c.id,
            )
        ),
        many=True,
        most=MOST_CO_HANDLERS,
        order=lambda row: (row.c.path,),
    )
    subject: ResponsibilitySubject | None = relation(
        "What it is about, of the responsibility list as it was when that was said; null when nobody has said it.",
        "ResponsibilitySubject",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.subject_id),
    )
    scheme_version: int = column("The version of the city's scheme under which it runs.")
    submitted_at: datetime = column("When it was submitted.")
    accepted_at: datetime | None = column("When the desk accepted it.")
    dispatched_at: datetime | None = column("When it was last dispatched.")
    acknowledged_at: datetime | None = column("When the lead last acknowledged it (签收).")
    resolved_at: datetime | None = column("When the last reply was given.")
    closed_at: datetime | None = column("When it came to its end, whichever.")
    deadline: Deadline | None = relation(
        "The deadline that matters now: of the steps that run, the one due first; null when nothing is waited for.",
        "Deadline",
        next_deadline_of,
        inherits=True,
    )
    deadlines: list[Deadline] = relation(
        "The deadlines of its steps, in the order in which they began, at most the first 50.",
        "Deadline",
        deadlines_of,
        many=True,
        most=MOST_DEADLINES,
        order=lambda row: (row.c.started_at, row.c.due_at, row.c.kind),
        inherits=True,
    )
    satisfaction: Satisfaction | None = column("The reporter's last verdict.")
    resolution: str | None = column("The last reply.")
    decision_number: str | None = column(
        "The number (文号) of the last written decision, where the category takes one."
    )
    decision_published_at: datetime | None = column("When that decision was published (`publishedDecisions`).")
    contacted_at: datetime | None = column("When the lead first spoke to the reporter in this round.")
    suspended_at: datetime | None = column("Since when the clock stands still; null while it runs.")
    suspension_reason: SuspensionReason | None = column("What is waited for.")
    extension_days: int | None = column("The working days asked for and not yet decided on; for the staff.", when=staff)
    coordination: CoordinationLevel | None = column(
        "The group whose coordination is waited for; for the staff.", when=staff
    )
    referred: bool | None = column("Whether the dispute lies with the working group; for the staff.", when=staff)
    malice: Malice | None = column("How far a finding of malice stands; null when there was none.")
    parts: list[TicketPart] = relation(
        "What each co-handling department has to do and has reported; for the staff.",
        "TicketPart",
        lambda here: and_(
            here.row.c.city_id == here.outer.c.city_id,
            here.row.c.ticket_id == here.outer.c.id,
            within_reach(here.scope, Permission.TICKET_READ_INTERNAL, here.outer, here.bind),
        ),
        many=True,
        most=MOST_CO_HANDLERS,
        order=lambda row: (row.c.tenant_id,),
        inherits=True,
    )
    repeat_of: Ticket | None = relation(
        "The earlier ticket about the same problem; null where there is none that the viewer may see.",
        "Ticket",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.repeat_of_id),
    )
    repeats: TicketConnection = connection(
        "Later tickets about the same problem, of those that the viewer may see, the earliest first.",
        Connection(
            target="Ticket",
            on=lambda here: and_(
                here.row.c.city_id == here.outer.c.city_id, here.row.c.repeat_of_id == here.outer.c.id
            ),
            orders={},
            default=Order("submitted_at"),
        ),
        tickets_of_it,
    )
    merged_into: Ticket | None = relation(
        "The ticket that goes on for both, after a merge; null where there is none that the viewer may see.",
        "Ticket",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.merged_into_id),
    )
    merged: TicketConnection = connection(
        "The tickets that were merged into this one, of those that the viewer may see, the earliest first.",
        Connection(
            target="Ticket",
            on=lambda here: and_(
                here.row.c.city_id == here.outer.c.city_id, here.row.c.merged_into_id == here.outer.c.id
            ),
            orders={},
            default=Order("submitted_at"),
        ),
        tickets_of_it,
    )
    progress: TicketStatus | None = expression(
        "Where the ticket stands that this one was merged into, whoever may see that one, or where the other side of "
        "a transfer is with it; else null.",
        _progress,
    )
    transferred_to: Tenant | None = relation(
        "The city or region that it was transferred to, and that has it or is to decide.",
        "Tenant",
        lambda here: here.row.c.id == _other_side("SENT", here),
    )
    transferred_from: Tenant | None = relation(
        "The city or region that it was taken over from, with its number.",
        "Tenant",
        lambda here: here.row.c.id == _other_side("RECEIVED", here),
    )
    transfers: list[Annotated[TicketTransfer, strawberry.lazy("schema.transfers.types")]] = relation(
        "Its transfers that the viewer may see, declined and withdrawn ones too, the newest first, at most 20.",
        "TicketTransfer",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.ticket_id == here.outer.c.id),
        many=True,
        most=20,
        order=lambda row: (row.c.offered_at.desc(), row.c.id),
    )
    duplicates: list[Ticket] = relation(
        "Tickets that may tell of the same problem: the same enterprise's as far as the viewer may know it, or with a "
        "similar text, of as late as the scheme says; at most 10, the likeliest first. For whoever may merge it.",
        "Ticket",
        lambda here: here.row.c.city_id == here.outer.c.city_id,
        many=True,
        most=SHOWN,
        work=20,
        tables=10,
        rows=_duplicates,
        order=lambda row: (row.c.rank,),
    )
    attachments: list[Attachment] = relation(
        "Its files, the oldest first, at most 100; internal ones are for the staff.",
        "Attachment",
        lambda here: and_(
            here.row.c.city_id == here.outer.c.city_id,
            here.row.c.ticket_id == here.outer.c.id,
            sees_event(here.scope, here.row, here.outer, here.bind),
        ),
        many=True,
        most=MOST_FILES,
        order=lambda row: (row.c.uploaded_at, row.c.id),
        inherits=True,
    )
    timeline: TicketEventConnection = connection(
        "Everything that happened, oldest first; internal events are for the staff.",
        Connection(
            target="TicketEvent",
            on=lambda here: and_(
                here.row.c.city_id == here.outer.c.city_id,
                here.row.c.subject_id == here.outer.c.id,
                sees_event(here.scope, here.row, here.outer, here.bind),
            ),
            orders={},
            default=Order("seq", by=None),
            inherits=True,
        ),
        timeline_arguments,
    )
    notices: list[Annotated[SupervisionNotice, strawberry.lazy("schema.supervision.types")]] = relation(
        "The supervision notices about it that the viewer may see, the oldest first, at most the first 100.",
        "SupervisionNotice",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.ticket_id == here.outer.c.id),
        many=True,
        most=100,
        order=lambda row: (row.c.issued_at, row.c.id),
    )
    allowed_actions: list[TicketAction] = computed(
        "What this viewer may do with the ticket now.", _actions_needed, _allowed_actions
    )


def of_its_ticket(here: Here, condition: Any, key: str = "subject_id") -> Any:
    """That `condition(ticket row)` holds for the event's ticket, or for the one whose id is in the column `key`."""
    ticket = OuterRow(TICKETS, "of_event")
    return exists(
        select(literal_column("1"))
        .select_from(TICKETS.alias("of_event"))
        .where(
            ticket.c.city_id == here.row.c.city_id,
            ticket.c.id == getattr(here.row.c, key),
            condition(ticket),
        )
    )


def event_visible(here: Here) -> Any:
    """An event is visible with its ticket, and an internal one only to the staff."""
    return and_(
        here.row.c.topic == literal_column("'ticket'"),
        here.row.c.city_id == here.bind("city_id", lambda scope: scope.city_id, Integer()),
        of_its_ticket(
            here,
            lambda ticket: and_(
                visible_to(here.scope, ticket, here.bind, named=here.named),
                sees_event(here.scope, here.row, ticket, here.bind),
            ),
        ),
    )


def _actor_shown(here: Here) -> Any:
    return of_its_ticket(
        here,
        lambda ticket: or_(~by_the_reporter(here.row, ticket), sees_reporter(here.scope, ticket, here.bind)),
    )


def _name_shown(here: Here) -> Any:
    """Officials' names are for the staff; who reported, for those who may know; one's own, for oneself."""
    if not here.scope.reach(Permission.TICKET_READ_INTERNAL).empty:
        return literal_column("true", Boolean())
    return here.row.c.actor_id == here.bind("user_id", lambda scope: scope.actor.user_id, Uuid())


@stored(
    table=EVENTS,
    description="Who did it: the office they acted for, and their name where the viewer may know it.",
)
class Actor:
    role: Role | None = column("The role they acted in.", "actor_role")
    tenant: Tenant | None = relation(
        "The tenant they acted for.", "Tenant", lambda here: here.row.c.id == here.outer.c.actor_tenant_id
    )
    name: str | None = expression(
        "Their name: for the staff, and one's own.",
        lambda here: case(
            (
                _name_shown(here),
                select(USERS.c.name).where(USERS.c.id == here.row.c.actor_id).scalar_subquery(),
            )
        ),
    )


_BETWEEN_OFFICES = (
    *("DISPATCHED", "RETURNED", "ARBITRATED", "EXTENSION_DECIDED", "FIRST_CONTACTED"),
    *("TRANSFER_ACCEPTED", "TRANSFER_CHASED", "TRANSFER_DECLINED", "TRANSFER_WITHDRAWN"),
)


def _note(here: Here) -> Any:
    """What was said. Reasons that one office gives another are no more for the reporter than an internal comment."""
    note = _datum("note")(here)
    if here.scope.reach(Permission.TICKET_READ_INTERNAL).whole_city:
        return note
    for_all = and_(*(here.row.c.type != kind for kind in _BETWEEN_OFFICES))
    return case((or_(for_all, _of_its_staff(here)), note))


def _of_its_staff(here: Here) -> Any:
    return of_its_ticket(
        here, lambda ticket: within_reach(here.scope, Permission.TICKET_READ_INTERNAL, ticket, here.bind)
    )


def _datum(name: str) -> Callable[..., Any]:
    """What an event's data holds under this name, as text."""

    def of(here: Here, row: Row | None = None) -> Any:
        return (row or here.row).c.data.op("->>", return_type=Text())(literal_column(f"'{name}'"))

    return of


_FILE = {"name": "fileName", "mediaType": "fileType", "size": "fileSize", "sha256": "sha256"}


@value("A file that lies with the other side of a transfer: what it is, and not its content.")
class RemoteFile:
    name: str = strawberry.field(description="The file's name, without a path.")
    media_type: str = strawberry.field(description="What it is by its content.")
    size: int = strawberry.field(description="Its length in bytes.")
    sha256: str = strawberry.field(description="SHA-256 of its content, in hexadecimal.")


@value("What the reporter said of one thing that the follow-up asks.")
class FollowUpAnswer:
    question: FollowUpQuestion = strawberry.field(description="Of what.")
    level: Satisfaction = strawberry.field(description="How satisfied.")


@stored(
    table=EVENTS,
    prefix="TE",
    permission=Permission.TICKET_READ,
    visible=event_visible,
    description="One thing that happened to a ticket. Immutable; chained by hashes, so that an altered past shows.",
)
class TicketEvent(Node):
    id: strawberry.ID = expression(
        "The global id.", lambda here: func.global_id(literal_column("'TE'"), here.row.c.city_id, here.row.c.id)
    )
    type: TicketEventType = column("What happened.")
    type_label: str = expression(
        "What happened, in the viewer's language.",
        lambda here: label_sql(TicketEventType, here.row.c.type, here.locale),
    )
    at: datetime = column("When.")
    version: int = column("The ticket's version after it.")
    actor: Actor | None = relation(
        "Who did it; null where it would tell who reported.",
        "Actor",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.id),
        when=_actor_shown,
        inherits=True,
    )
    from_status: TicketStatus | None = expression("The status before; null for a submission.", _datum("fromStatus"))
    to_status: TicketStatus | None = expression("The status after.", _datum("toStatus"))
    note: str | None = expression(
        "The basis, reply, comment or reason that was given; what offices tell one another is for the staff.", _note
    )
    lead: Tenant | None = relation(
        "The lead that was named, by a dispatch or an arbitration.",
        "Tenant",
        lambda here: here.row.c.id == cast(_datum("lead")(here, here.outer), Integer),
    )
    attachment: Attachment | None = relation(
        "The file that was attached.",
        "Attachment",
        lambda here: and_(
            here.row.c.city_id == here.outer.c.city_id,
            here.row.c.id == cast(_datum("attachment")(here, here.outer), Uuid),
        ),
        inherits=True,
    )
    remote_file: RemoteFile | None = computed(
        "The file that was attached with the other side of a transfer.",
        lambda here: {name: _datum(key)(here) for name, key in _FILE.items()},
        lambda needed, _call, _arguments: (
            None if needed["name"] is None else {**{name: needed[name] for name in _FILE}, "size": int(needed["size"])}
        ),
    )
    step: TicketEventType | None = expression("What the other side of a transfer did, of PROGRESSED.", _datum("step"))
    step_label: str | None = expression(
        "What the other side of a transfer did, in the viewer's language.",
        lambda here: label_sql(TicketEventType, _datum("step")(here), here.locale),
    )
    transferred_to: Tenant | None = relation(
        "The city or region that it was offered to, of a transfer.",
        "Tenant",
        lambda here: here.row.c.id == cast(_datum("transferredTo")(here, here.outer), Integer),
    )
    satisfaction: Satisfaction | None = expression("The verdict, of a rating or a follow-up.", _datum("satisfaction"))
    working_days: int | None = expression(
        "The working days asked for or granted, of an extension.",
        lambda here: cast(_datum("workingDays")(here), Integer),
    )
    approved: bool | None = expression(
        "Whether they were granted.", lambda here: cast(_datum("approved")(here), Boolean)
    )
    suspension_reason: SuspensionReason | None = expression(
        "What was waited for, of a suspension and its end.", _datum("suspensionReason")
    )
    coordination: CoordinationLevel | None = expression(
        "The group that it now lies with, of a coordination; null once it is decided.", _datum("coordination")
    )
    department: Tenant | None = relation(
        "The co-handler that reported its part.",
        "Tenant",
        lambda here: here.row.c.id == cast(_datum("department")(here, here.outer), Integer),
    )
    emergency_number: str | None = expression(
        "The emergency service that an urgent matter was declined to.", _datum("emergencyNumber")
    )
    answers: list[FollowUpAnswer] = computed(
        "What the reporter said of what the follow-up asks beside the verdict; for the staff.",
        lambda here: {"answers": case((_of_its_staff(here), here.row.c.data.op("->")(literal_column("'answers'"))))},
        lambda needed, _call, _arguments: [
            dict(zip(("question", "level"), answer.split("="), strict=True)) for answer in needed["answers"] or ()
        ],
    )
    upheld: bool | None = expression(
        "Whether the finding of malice stands, of an appeal.", lambda here: cast(_datum("upheld")(here), Boolean)
    )
    passed: bool | None = expression(
        "The verdict of a check of quality.", lambda here: cast(_datum("passed")(here), Boolean)
    )
    deadline_kind: DeadlineKind | None = expression("Which step, of a deadline.", _datum("deadlineKind"))
    deadline_kind_label: str | None = expression(
        "Which step, of a deadline, in the viewer's language.",
        lambda here: label_sql(DeadlineKind, _datum("deadlineKind")(here), here.locale),
    )
    deadline_round: int | None = expression(
        "In which round of handling, of a deadline.", lambda here: cast(_datum("deadlineRound")(here), Integer)
    )
    due_at: datetime | None = expression(
        "When the step was due, as the deadline stood then; of PROGRESSED by when the other side is to handle it.",
        lambda here: cast(_datum("dueAt")(here), DateTime(timezone=True)),
    )
    previous_due_at: datetime | None = expression(
        "When the step was due before, of a deadline that moved.",
        lambda here: cast(_datum("previousDueAt")(here), DateTime(timezone=True)),
    )
    notice: Annotated[SupervisionNotice, strawberry.lazy("schema.supervision.types")] | None = relation(
        "The supervision notice that the event tells of; null where the viewer may not see it.",
        "SupervisionNotice",
        lambda here: and_(
            here.row.c.city_id == here.outer.c.city_id,
            here.row.c.id == cast(_datum("notice")(here, here.outer), Uuid),
        ),
    )
    visibility: Visibility = column("Whom it is for.")
    hash: str = expression(
        "SHA-256 over this event and `prevHash`, in hexadecimal.",
        lambda here: func.encode(here.row.c.hash, literal_column("'hex'")),
    )
    prev_hash: str | None = expression(
        "The hash of the ticket's event before it; null for the first.",
        lambda here: func.encode(here.row.c.prev_hash, literal_column("'hex'")),
    )
    ticket: Ticket = relation(
        "Its ticket, as it stands now.",
        "Ticket",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.subject_id),
        inherits=True,
    )


def _attachment_visible(here: Here) -> Any:
    """An attachment is visible with its ticket, and an internal one only to the staff."""
    return and_(
        here.row.c.city_id == here.bind("city_id", lambda scope: scope.city_id, Integer()),
        of_its_ticket(
            here,
            lambda ticket: and_(
                visible_to(here.scope, ticket, here.bind, named=here.named),
                sees_event(here.scope, here.row, ticket, here.bind),
            ),
            key="ticket_id",
        ),
    )


def _attachment_id(here: Here) -> Any:
    return func.global_id(literal_column("'A'"), here.row.c.city_id, here.row.c.id)


@stored(
    table=ATTACHMENTS,
    prefix="A",
    permission=Permission.TICKET_READ,
    visible=_attachment_visible,
    description="A file of a ticket. What it is stays; its content is deleted when the scheme's retention is over.",
)
class Attachment(Node):
    id: strawberry.ID = expression("The global id.", _attachment_id)
    name: str = column("The file's name, without a path.")
    media_type: str = column("What it is by its content, not by its name.")
    size: int = column("Its length in bytes.")
    sha256: str = expression(
        "SHA-256 of its content, in hexadecimal; the timeline's chain of hashes vouches for it.",
        lambda here: func.encode(here.row.c.sha256, literal_column("'hex'")),
    )
    scanned: bool = column("Whether it was scanned for malware when it came in.")
    visibility: Visibility = column("Whom it is for.")
    uploaded_at: datetime = column("When it was attached.")
    uploader: Actor | None = relation(
        "Who attached it; null where it would tell who reported.",
        "Actor",
        lambda here: and_(
            here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.event_id, _actor_shown(here)
        ),
        inherits=True,
    )
    deleted_at: datetime | None = column("Since when its content is gone; null while it is kept.")
    url: str = expression(
        "Where its content is, on this server: GET with the same bearer.",
        lambda here: literal_column("'/files/'").concat(_attachment_id(here)),
    )


TicketEdge, TicketConnection = paged(Ticket, "tickets")
TicketEventEdge, TicketEventConnection = paged(TicketEvent, "a ticket's events")
