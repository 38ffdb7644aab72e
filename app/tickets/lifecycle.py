"""The life of a ticket (003_…txt, 二; domain.md, section 5), pure: state and verb give the next state.

`TRANSITIONS` is the specification. Where a verdict decides (follow-up, rating) it lists every state that may follow,
and `follow_up_outcome` and `rating_outcome` choose among them; nothing else decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from app.kernel.errors import IllegalTransition
from app.tickets.words import TicketStatus
from authz.permissions import Permission

S = TicketStatus


class Action(StrEnum):
    """The verbs of a ticket, after its submission."""

    ACCEPT = "ACCEPT"
    ACKNOWLEDGE = "ACKNOWLEDGE"
    ANSWER = "ANSWER"
    ARBITRATE = "ARBITRATE"
    COMMENT = "COMMENT"
    COORDINATE = "COORDINATE"
    DECLINE = "DECLINE"
    DISPATCH = "DISPATCH"
    EXTENSION_DECIDE = "EXTENSION_DECIDE"
    EXTENSION_REQUEST = "EXTENSION_REQUEST"
    FIRST_CONTACT = "FIRST_CONTACT"
    FOLLOW_UP = "FOLLOW_UP"
    MERGE = "MERGE"
    RATE = "RATE"
    RESOLVE = "RESOLVE"
    RESUME = "RESUME"
    RETURN = "RETURN"
    SUSPEND = "SUSPEND"
    TERMINATE = "TERMINATE"
    TRANSFER = "TRANSFER"
    WITHDRAW = "WITHDRAW"


A = Action

INITIAL = S.SUBMITTED
FINAL_STATUSES = frozenset({S.DECLINED, S.CLOSED, S.TERMINATED, S.TRANSFERRED, S.WITHDRAWN})
"""Nothing follows; `closed_at` tells when."""
OPEN_STATUSES = frozenset(S) - FINAL_STATUSES
"""Somebody still has something to do, and everybody concerned may comment."""

TRANSITIONS: Mapping[tuple[TicketStatus, Action], TicketStatus | frozenset[TicketStatus]] = MappingProxyType(
    {
        # The desk verifies (二(三)) and answers at once what it can, before or instead of dispatching (二(四)).
        (S.SUBMITTED, A.ACCEPT): S.ACCEPTED,
        (S.SUBMITTED, A.DECLINE): S.DECLINED,
        (S.SUBMITTED, A.ANSWER): S.ANSWERED,
        (S.ACCEPTED, A.ANSWER): S.ANSWERED,
        (S.SUBMITTED, A.MERGE): S.CLOSED,
        (S.ACCEPTED, A.MERGE): S.CLOSED,
        (S.SUBMITTED, A.TRANSFER): S.TRANSFERRED,
        (S.ACCEPTED, A.TRANSFER): S.TRANSFERRED,
        # Dispatch, and the dispute about who is competent, which the office settles (二(四)).
        (S.ACCEPTED, A.DISPATCH): S.DISPATCHED,
        (S.ESCALATED, A.DISPATCH): S.DISPATCHED,
        (S.DISPATCHED, A.ACKNOWLEDGE): S.IN_PROGRESS,
        (S.DISPATCHED, A.RETURN): S.DISPUTED,
        (S.DISPUTED, A.ARBITRATE): S.DISPATCHED,
        # The department works (二(五)).
        (S.IN_PROGRESS, A.FIRST_CONTACT): S.IN_PROGRESS,
        (S.IN_PROGRESS, A.EXTENSION_REQUEST): S.IN_PROGRESS,
        (S.IN_PROGRESS, A.EXTENSION_DECIDE): S.IN_PROGRESS,
        (S.IN_PROGRESS, A.SUSPEND): S.IN_PROGRESS,
        (S.IN_PROGRESS, A.RESUME): S.IN_PROGRESS,
        (S.IN_PROGRESS, A.COORDINATE): S.IN_PROGRESS,
        (S.IN_PROGRESS, A.RESOLVE): S.RESOLVED,
        # The same problem was already handled by law (二(五)).
        (S.ACCEPTED, A.TERMINATE): S.TERMINATED,
        (S.IN_PROGRESS, A.TERMINATE): S.TERMINATED,
        # The follow-up call and the reporter's own rating (二(六)). What was answered on the spot is judged like what
        # was resolved; sending it back to the desk that answered it is ours, the text does not say.
        (S.RESOLVED, A.FOLLOW_UP): frozenset({S.CLOSED, S.DISPATCHED, S.ESCALATED}),
        (S.ANSWERED, A.FOLLOW_UP): frozenset({S.CLOSED, S.ACCEPTED, S.ESCALATED}),
        (S.RESOLVED, A.RATE): frozenset({S.CLOSED, S.RESOLVED}),
        (S.ANSWERED, A.RATE): frozenset({S.CLOSED, S.ANSWERED}),
        **{(status, A.WITHDRAW): S.WITHDRAWN for status in sorted(OPEN_STATUSES)},
        **{(status, A.COMMENT): status for status in sorted(OPEN_STATUSES)},
    }
)

PERMISSIONS: Mapping[Action, Permission] = MappingProxyType(
    {
        A.ACCEPT: Permission.TICKET_ACCEPT,
        A.ACKNOWLEDGE: Permission.TICKET_ACKNOWLEDGE,
        A.ANSWER: Permission.TICKET_ANSWER,
        A.ARBITRATE: Permission.TICKET_ARBITRATE,
        A.COMMENT: Permission.TICKET_COMMENT,
        A.DECLINE: Permission.TICKET_DECLINE,
        A.DISPATCH: Permission.TICKET_DISPATCH,
        A.FOLLOW_UP: Permission.TICKET_FOLLOW_UP,
        A.RATE: Permission.TICKET_RATE,
        A.RESOLVE: Permission.TICKET_RESOLVE,
        A.RETURN: Permission.TICKET_RETURN,
        A.WITHDRAW: Permission.TICKET_WITHDRAW,
    }
)
"""What each verb takes. A verb that is not listed stands in the table and is offered to nobody yet."""


def check_step(status: TicketStatus, action: Action) -> None:
    """Raise `IllegalTransition`, which tells what is allowed, when the table has no such step."""
    if (status, action) not in TRANSITIONS:
        raise IllegalTransition(current=status, action=action, allowed=allowed_from(status))


def next_status(status: TicketStatus, action: Action) -> TicketStatus:
    """The state that follows; raises `IllegalTransition`, or ValueError where a verdict decides and not the verb."""
    check_step(status, action)
    following = TRANSITIONS[status, action]
    if isinstance(following, frozenset):
        raise ValueError(f"{action} from {status} needs a verdict")
    return following


def outcomes(status: TicketStatus, action: Action) -> frozenset[TicketStatus]:
    """Every state that may follow; raises `IllegalTransition`."""
    check_step(status, action)
    following = TRANSITIONS[status, action]
    return following if isinstance(following, frozenset) else frozenset({following})


def allowed_from(status: TicketStatus) -> tuple[Action, ...]:
    """The verbs that somebody may do from here, in alphabetical order."""
    return tuple(action for action in Action if (status, action) in TRANSITIONS and action in PERMISSIONS)


def required_permission(status: TicketStatus, action: Action) -> Permission:
    """What the verb takes in this state: an escalated ticket is dispatched by office and supervision only."""
    if status is S.ESCALATED and action is A.DISPATCH:
        return Permission.TICKET_DISPATCH_ESCALATED
    return PERMISSIONS[action]


def permissions_of(action: Action) -> tuple[Permission, ...]:
    """Every permission the verb may take, whatever the state: who has none of them may not even try."""
    if action is A.DISPATCH:
        return Permission.TICKET_DISPATCH, Permission.TICKET_DISPATCH_ESCALATED
    return (PERMISSIONS[action],)


def follow_up_outcome(
    status: TicketStatus, current_round: int, *, dissatisfied: bool, justified: bool, rounds: int
) -> TicketStatus:
    """Where the follow-up sends the ticket (二(六)). Raises `IllegalTransition` where there is nothing to follow up.

    Who is content, or has no good reason, is done with. A justified dissatisfaction is a second dispatch (二次分办) to
    the same departments, or for an answer on the spot a second look of the desk; after so many `rounds` (of the
    scheme) it makes a difficult ticket (疑难复杂工单), handled one level up.
    """
    check_step(status, A.FOLLOW_UP)
    if not (dissatisfied and justified):
        return S.CLOSED
    if current_round >= rounds:
        return S.ESCALATED
    return S.DISPATCHED if status is S.RESOLVED else S.ACCEPTED


def rating_outcome(status: TicketStatus, *, dissatisfied: bool) -> TicketStatus:
    """Where the reporter's own rating leaves the ticket: content closes it, dissatisfaction waits for the follow-up,
    since the desk judges whether it is justified. Raises `IllegalTransition` where there is nothing to rate."""
    check_step(status, A.RATE)
    return status if dissatisfied else S.CLOSED


def next_round(status: TicketStatus, following: TicketStatus, current_round: int) -> int:
    """The round after a step: each new attempt at the same problem counts one more."""
    again = {
        (S.RESOLVED, S.DISPATCHED),
        (S.ANSWERED, S.ACCEPTED),
        (S.ESCALATED, S.DISPATCHED),
    }
    return current_round + 1 if (status, following) in again else current_round
