"""Which steps of a ticket have a clock, and when it begins and ends (003_…txt, 二(三), (五), (六)).

`CLOCKS` is the specification: a clock begins when the ticket comes into one of its states from outside, and ends when
it leaves them. A verb costs one statement (`app.deadlines.store.keep`); what lists and statistics ask of the clocks
stands on the ticket itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from app.deadlines.models import Deadline
from app.deadlines.store import Started, extend, keep, resume, running, start, suspend
from app.deadlines.words import DeadlineKind, DeadlineState
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.lifecycle import Action
from app.tickets.models import Ticket
from app.tickets.schemes import known_scheme
from app.tickets.words import TicketStatus
from tenants.schemes.model import Scheme
from tenants.schemes.tickets import Tickets
from tenants.schemes.values import TimeLimit
from tenants.schemes.words import SuspensionReason

S = TicketStatus
A = Action
K = DeadlineKind

NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""When a ticket without a running clock is due, so that a list can be sorted by it."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A limit: in which states it runs, which verbs do what it waits for, and what the scheme says.

    `in_place` is a verb that does it without leaving those states. Whatever else leaves them calls the clock off.
    """

    kind: DeadlineKind
    runs_in: frozenset[TicketStatus]
    met_by: frozenset[Action]
    limit: Callable[[Tickets, str], TimeLimit]
    in_place: Action | None = None


HANDLING = Clock(  # a department that returns a ticket is no longer held to it; the one that gets it begins anew
    K.HANDLING,
    frozenset({S.DISPATCHED, S.IN_PROGRESS}),
    frozenset({A.RESOLVE}),
    lambda rules, category: rules.categories[category].limit,
)
CLOCKS = (
    Clock(
        K.VERIFICATION,
        frozenset({S.SUBMITTED}),
        frozenset({A.ACCEPT, A.ANSWER, A.DECLINE, A.MERGE, A.RETURN, A.TRANSFER}),
        lambda rules, category: rules.verification_of(category),
    ),
    Clock(
        K.ACKNOWLEDGEMENT,
        frozenset({S.DISPATCHED}),
        frozenset({A.ACKNOWLEDGE, A.RETURN}),
        lambda rules, _: rules.acknowledgement,
    ),
    Clock(  # whoever has replied has been in touch
        K.FIRST_CONTACT,
        frozenset({S.IN_PROGRESS}),
        frozenset({A.RESOLVE}),
        lambda rules, _: rules.first_contact,
        in_place=A.FIRST_CONTACT,
    ),
    HANDLING,
    Clock(
        K.FOLLOW_UP,
        frozenset({S.ANSWERED, S.RESOLVED}),
        frozenset({A.FOLLOW_UP, A.RATE}),
        lambda rules, _: rules.follow_up.limit,
    ),
)


class Turn(NamedTuple):
    """What a step does to the clocks."""

    met: tuple[DeadlineKind, ...]
    cancelled: tuple[DeadlineKind, ...]
    started: tuple[Clock, ...]


def turn(before: TicketStatus | None, action: Action | None, after: TicketStatus) -> Turn:
    """Which clocks a step ends and begins; a submission comes from nowhere and by no verb (pure)."""
    leaves = [clock for clock in CLOCKS if before in clock.runs_in and after not in clock.runs_in]
    stays = [clock for clock in CLOCKS if clock.in_place is not None and clock.in_place is action]
    met = [clock for clock in leaves if action in clock.met_by] + stays
    return Turn(
        tuple(clock.kind for clock in met),
        tuple(clock.kind for clock in leaves if clock not in met),
        tuple(clock for clock in CLOCKS if after in clock.runs_in and before not in clock.runs_in),
    )


class Shown(NamedTuple):
    """What of its clocks a ticket itself tells: when it is due next, and when its present round must be (or was to be)
    acknowledged and resolved; null where nothing is asked, or was called off in time."""

    due_at: datetime = NEVER
    acknowledge_due_at: datetime | None = None
    resolve_due_at: datetime | None = None


def shown_after(
    shown: Shown,
    turned: Turn,
    action: Action | None,
    after: TicketStatus,
    due: Mapping[DeadlineKind, datetime],
    now: datetime,
) -> Shown:
    """What the ticket tells after a step that began clocks `due` then (pure)."""

    def measured(kind: DeadlineKind, present: datetime | None, done_by: Action) -> datetime | None:
        called_off = kind in (*turned.met, *turned.cancelled) and action is not done_by
        if called_off and present is not None and present >= now:
            present = None
        return due.get(kind, present)

    acknowledge = measured(K.ACKNOWLEDGEMENT, shown.acknowledge_due_at, A.ACKNOWLEDGE)
    resolve = measured(K.HANDLING, shown.resolve_due_at, A.RESOLVE)
    goes_on = [resolve] if after in HANDLING.runs_in and resolve is not None else []
    return Shown(min([*due.values(), *goes_on], default=NEVER), acknowledge, resolve)


def turn_clocks(uow: UnitOfWork, ticket: Ticket, before: TicketStatus, action: Action) -> None:
    """Keep the clocks of a step that the ticket has just taken, before it is flushed."""
    keep_clocks(uow, ticket, set_clocks(uow, ticket, before, action, known_scheme(uow, ticket)))


def set_clocks(
    uow: UnitOfWork, ticket: Ticket, before: TicketStatus | None, action: Action | None, scheme: Scheme
) -> tuple[Turn, list[Started]]:
    """What a step that was just taken does to the clocks, and to what the ticket tells of them."""
    after = TicketStatus(ticket.status)
    turned = turn(before, action, after)
    started = [
        start(
            clock.kind,
            clock.limit(scheme.tickets, ticket.category),
            scheme.calendar,
            uow.now,
            state=uow.tree.calendar,
            warn_at_share=scheme.tickets.warn_at_share,
        )
        for clock in turned.started
    ]
    if any(turned):
        shown = Shown(ticket.due_at or NEVER, ticket.acknowledge_due_at, ticket.resolve_due_at)
        due = {clock.kind: clock.due_at for clock in started}
        ticket.due_at, ticket.acknowledge_due_at, ticket.resolve_due_at = shown_after(
            shown, turned, action, after, due, uow.now
        )
    return turned, started


def keep_clocks(uow: UnitOfWork, ticket: Ticket, clocks: tuple[Turn, list[Started]]) -> None:
    """Write them down, once the ticket is there."""
    turned, started = clocks
    if any(turned):
        keep(
            uow,
            ticket.id,
            met=turned.met,
            cancelled=turned.cancelled,
            started=started,
            round_=ticket.round,
            scheme_version=ticket.scheme_version,
        )


async def suspend_handling(uow: UnitOfWork, ticket: Ticket, reason: SuspensionReason) -> None:
    """The time for handling stands still (domain.md, section 3)."""
    clocks = await running(uow, ticket.id)
    for clock in clocks:
        if clock.kind == K.HANDLING:
            suspend(uow, clock, reason)
    _show(ticket, clocks)


async def resume_handling(uow: UnitOfWork, ticket: Ticket) -> None:
    """The time for handling goes on, by as much as it stood still."""
    clocks = await running(uow, ticket.id)
    for clock in clocks:
        if clock.kind == K.HANDLING:
            scheme = known_scheme(uow, ticket)
            await resume(uow, clock, scheme.calendar, warn_at_share=scheme.tickets.warn_at_share)
    _show(ticket, clocks)


async def extend_handling(uow: UnitOfWork, ticket: Ticket, working_days: int) -> None:
    """So many working days more for handling."""
    clocks = await running(uow, ticket.id)
    for clock in clocks:
        if clock.kind == K.HANDLING:
            scheme = known_scheme(uow, ticket)
            share = scheme.tickets.warn_at_share
            await extend(uow, clock, scheme.calendar, working_days=working_days, warn_at_share=share)
    _show(ticket, clocks)


def show_clocks(ticket: Ticket, clocks: Sequence[Deadline]) -> None:
    """Tell of all open clocks of a ticket, of which some were moved; what its ended ones asked stays."""
    due = {clock.kind: clock.due_at for clock in clocks if clock.state == DeadlineState.RUNNING}
    ticket.due_at = min(due.values(), default=NEVER)
    ticket.acknowledge_due_at = due.get(K.ACKNOWLEDGEMENT, ticket.acknowledge_due_at)
    ticket.resolve_due_at = due.get(K.HANDLING, ticket.resolve_due_at)


def _show(ticket: Ticket, clocks: Sequence[Deadline]) -> None:
    due = {clock.kind: clock.due_at for clock in clocks if clock.state == DeadlineState.RUNNING}
    ticket.due_at = min(due.values(), default=NEVER)
    ticket.resolve_due_at = due.get(K.HANDLING)
