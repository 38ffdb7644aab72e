"""What a verb leaves behind: the ticket's new state and the event that tells of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from app.kernel.events import Author
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.access import facts_of
from app.tickets.clocks import turn_clocks
from app.tickets.handlers import Handlers
from app.tickets.lifecycle import FINAL_STATUSES, Action, next_round, next_status, required_permission
from app.tickets.merging import echo
from app.tickets.models import Ticket
from app.tickets.words import Satisfaction, SecrecyLevel, TicketEventType, TicketStatus, Visibility
from authz.actor import Actor, ActorGrant
from authz.permissions import Permission

EVENT_TYPES: Mapping[Action, TicketEventType] = MappingProxyType(
    {
        Action.ACCEPT: TicketEventType.ACCEPTED,
        Action.ACKNOWLEDGE: TicketEventType.ACKNOWLEDGED,
        Action.ANSWER: TicketEventType.ANSWERED,
        Action.ARBITRATE: TicketEventType.ARBITRATED,
        Action.ATTACH: TicketEventType.ATTACHED,
        Action.COMMENT: TicketEventType.COMMENTED,
        Action.COORDINATION_DECIDE: TicketEventType.COORDINATION_DECIDED,
        Action.COORDINATION_REQUEST: TicketEventType.COORDINATION_REQUESTED,
        Action.DECLINE: TicketEventType.DECLINED,
        Action.DISPATCH: TicketEventType.DISPATCHED,
        Action.EXTENSION_DECIDE: TicketEventType.EXTENSION_DECIDED,
        Action.EXTENSION_REQUEST: TicketEventType.EXTENSION_REQUESTED,
        Action.FIRST_CONTACT: TicketEventType.FIRST_CONTACTED,
        Action.FOLLOW_UP: TicketEventType.FOLLOWED_UP,
        Action.MALICE_APPEAL: TicketEventType.MALICE_APPEALED,
        Action.MALICE_DECIDE: TicketEventType.MALICE_DECIDED,
        Action.MALICE_FIND: TicketEventType.MALICE_FOUND,
        Action.MERGE: TicketEventType.MERGED,
        Action.PART_REPORT: TicketEventType.PART_REPORTED,
        Action.RATE: TicketEventType.RATED,
        Action.REFER: TicketEventType.REFERRED,
        Action.RESOLVE: TicketEventType.RESOLVED,
        Action.RESUME: TicketEventType.RESUMED,
        Action.RETURN: TicketEventType.RETURNED,
        Action.SUSPEND: TicketEventType.SUSPENDED,
        Action.TERMINATE: TicketEventType.TERMINATED,
        Action.TRANSFER: TicketEventType.TRANSFERRED,
        Action.TRANSFER_CHASE: TicketEventType.TRANSFER_CHASED,
        Action.TRANSFER_WITHDRAW: TicketEventType.TRANSFER_WITHDRAWN,
        Action.WITHDRAW: TicketEventType.WITHDRAWN,
    }
)
"""One event per verb; `fromStatus` and `toStatus` in its data let the timeline be replayed to the present state."""

AMONG_OFFICES = frozenset(
    {
        TicketEventType.COORDINATION_DECIDED,
        TicketEventType.COORDINATION_REQUESTED,
        TicketEventType.EXTENSION_REQUESTED,
        TicketEventType.PART_REPORTED,
        TicketEventType.REFERRED,
    }
)
"""What offices do among themselves and the reporter is not told: internal, like a note."""

_ELSEWHERE, _NOT_THEIRS = 8, 9
"""How far a grant is from a ticket that lies in none of its places, or is another enterprise's."""


def advance(
    uow: UnitOfWork,
    actor: Actor,
    ticket: Ticket,
    action: Action,
    *,
    to: TicketStatus | None = None,
    note: str | None = None,
    handlers: Handlers | None = None,
    satisfaction: Satisfaction | None = None,
    visibility: Visibility | None = None,
    **data: Any,
) -> None:
    """Take the step: state, round, times, clocks and version of the ticket, and its event with what was said.

    `to` is given where a verdict decided; else the transition table says where the step leads. `data` has camelCase
    keys; `visibility` is that of the kind of event unless given.
    """
    author = author_of(actor, required_permission(facts_of(ticket), action), ticket)
    advance_by(
        *(uow, author, ticket, action),
        to=to,
        note=note,
        handlers=handlers,
        satisfaction=satisfaction,
        visibility=visibility,
        **data,
    )


def advance_by(
    uow: UnitOfWork,
    author: Author,
    ticket: Ticket,
    action: Action,
    *,
    kind: TicketEventType | None = None,
    to: TicketStatus | None = None,
    note: str | None = None,
    handlers: Handlers | None = None,
    satisfaction: Satisfaction | None = None,
    visibility: Visibility | None = None,
    **data: Any,
) -> None:
    """As `advance`, by somebody of the other side of a transfer; `kind` of event where the verb has not one of its own.
    The ticket's scheme must be known by now (`scheme_of`)."""
    facts = facts_of(ticket)
    before = facts.status
    after = next_status(facts, action) if to is None else to
    current_round = next_round(before, after, ticket.round)
    ticket.status = after.value
    ticket.round = current_round
    ticket.version += 1
    if after is not before:
        _stamp(ticket, before, after, uow)
    turn_clocks(uow, ticket, before, action)
    kind = EVENT_TYPES[action] if kind is None else kind
    if ticket.absorbed and after is not before:
        uow.at_end(partial(echo, uow, ticket, kind, note))
    uow.record(
        ticket,
        kind,
        author=author,
        visibility=visibility or (Visibility.INTERNAL if kind in AMONG_OFFICES else Visibility.PUBLIC),
        restricted=ticket.secrecy == SecrecyLevel.RESTRICTED,
        fromStatus=before.value,
        toStatus=after.value,
        round=current_round,
        note=note,
        lead=None if handlers is None else handlers.lead.id,
        coHandlers=None if handlers is None else [node.id for node in handlers.co_handlers],
        satisfaction=None if satisfaction is None else satisfaction.value,
        **data,
    )


def record_submission(uow: UnitOfWork, actor: Actor, ticket: Ticket) -> None:
    """The first event of a ticket that was just made."""
    uow.record(
        ticket,
        TicketEventType.SUBMITTED,
        author=author_of(actor, Permission.TICKET_SUBMIT, ticket),
        restricted=ticket.secrecy == SecrecyLevel.RESTRICTED,
        new=True,
        toStatus=ticket.status,
        round=ticket.round,
        lead=ticket.lead_id,
    )


def record_absorption(uow: UnitOfWork, actor: Actor, survivor: Ticket) -> None:
    """Another ticket was merged into this one: for the staff, and nothing of that other one."""
    uow.record(
        survivor,
        TicketEventType.ABSORBED,
        author=author_of(actor, Permission.TICKET_MERGE, survivor),
        visibility=Visibility.INTERNAL,
        restricted=survivor.secrecy == SecrecyLevel.RESTRICTED,
    )


def record_comment(
    uow: UnitOfWork, actor: Actor, ticket: Ticket, permission: Permission, *, note: str, visibility: Visibility
) -> None:
    """A comment: it tells something and changes nothing, the version neither."""
    uow.record(
        ticket,
        TicketEventType.COMMENTED,
        author=author_of(actor, permission, ticket),
        visibility=visibility,
        restricted=ticket.secrecy == SecrecyLevel.RESTRICTED,
        note=note,
    )


def record_attachment(
    uow: UnitOfWork,
    actor: Actor,
    ticket: Ticket,
    permission: Permission,
    *,
    attachment: uuid.UUID,
    sha256: bytes,
    visibility: Visibility,
) -> uuid.UUID:
    """A file was attached; the version stays. The chain of events vouches for its content. The event's id."""
    return uow.record(
        ticket,
        TicketEventType.ATTACHED,
        author=author_of(actor, permission, ticket),
        visibility=visibility,
        restricted=ticket.secrecy == SecrecyLevel.RESTRICTED,
        attachment=str(attachment),
        sha256=sha256.hex(),
    )


def author_of(actor: Actor, permission: Permission, ticket: Ticket) -> Author:
    """In which of their roles the actor does it: one that has the permission, the nearest to the ticket first."""
    by_role = actor.policy.get(permission, {})
    grants = [grant for grant in actor.grants if grant.city_id == ticket.city_id and grant.role in by_role]
    if not grants:
        raise ValueError(f"no role of the actor has {permission} in city {ticket.city_id}")
    nearest = min(grants, key=lambda grant: _distance(grant, ticket))
    return Author(actor.user_id, nearest.tenant_id, nearest.role.value)


def _distance(grant: ActorGrant, ticket: Ticket) -> int:
    if grant.enterprise_id is not None:
        return 0 if grant.enterprise_id == ticket.enterprise_id else _NOT_THEIRS
    near = (ticket.lead_id, ticket.county_id, ticket.lead_county_id, ticket.city_id)
    return 1 + near.index(grant.tenant_id) if grant.tenant_id in near else _ELSEWHERE


def _stamp(ticket: Ticket, before: TicketStatus, after: TicketStatus, uow: UnitOfWork) -> None:
    """The times of the present round: a ticket sent back is not acknowledged or resolved (its reply stays on the
    timeline). Whatever was pending in the state that it leaves lapses."""
    ticket.suspended_at = ticket.suspension_reason = ticket.extension_days = ticket.coordination = None
    ticket.referred = False
    if after in FINAL_STATUSES:
        ticket.closed_at = uow.now
    elif before is TicketStatus.TRANSFERRED:  # given back: as it was
        ticket.elsewhere = None
    elif after is TicketStatus.ACCEPTED:
        ticket.accepted_at = uow.now
        ticket.resolved_at = ticket.resolution = None
    elif after is TicketStatus.DISPATCHED:
        ticket.dispatched_at = uow.now
        ticket.acknowledged_at = ticket.contacted_at = ticket.resolved_at = ticket.resolution = None
        ticket.extensions = 0
    elif after is TicketStatus.IN_PROGRESS:
        ticket.acknowledged_at = uow.now
        if before is TicketStatus.SUBMITTED:  # received by the competent department itself
            ticket.accepted_at = ticket.dispatched_at = uow.now
    elif after in (TicketStatus.ANSWERED, TicketStatus.RESOLVED):
        ticket.resolved_at = uow.now
