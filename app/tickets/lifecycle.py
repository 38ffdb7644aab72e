"""The life of a ticket (003_…txt, 二; domain.md, section 5), pure: state and verb give the next state.

`TRANSITIONS` is the specification of the states, `CONDITIONS` of what is pending within one: nobody resumes what is
not suspended. Where a verdict decides (follow-up, rating, who receives) the table lists every state that may follow,
and the `…_outcome` functions choose among them; nothing else decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from app.kernel.errors import IllegalTransition
from app.tickets.words import Malice, TicketStatus
from authz.permissions import Permission
from tenants.schemes.words import CoordinationLevel

S = TicketStatus


class Action(StrEnum):
    """The verbs of a ticket, after its submission."""

    ACCEPT = "ACCEPT"
    ACKNOWLEDGE = "ACKNOWLEDGE"
    ANSWER = "ANSWER"
    ARBITRATE = "ARBITRATE"
    ATTACH = "ATTACH"
    COMMENT = "COMMENT"
    COORDINATION_DECIDE = "COORDINATION_DECIDE"
    COORDINATION_REQUEST = "COORDINATION_REQUEST"
    DECLINE = "DECLINE"
    DISPATCH = "DISPATCH"
    EXTENSION_DECIDE = "EXTENSION_DECIDE"
    EXTENSION_REQUEST = "EXTENSION_REQUEST"
    FIRST_CONTACT = "FIRST_CONTACT"
    FOLLOW_UP = "FOLLOW_UP"
    MALICE_APPEAL = "MALICE_APPEAL"
    MALICE_DECIDE = "MALICE_DECIDE"
    MALICE_FIND = "MALICE_FIND"
    MERGE = "MERGE"
    PART_REPORT = "PART_REPORT"
    RATE = "RATE"
    REFER = "REFER"
    RESOLVE = "RESOLVE"
    RESUME = "RESUME"
    RETURN = "RETURN"
    SUSPEND = "SUSPEND"
    TERMINATE = "TERMINATE"
    TRANSFER = "TRANSFER"
    TRANSFER_CHASE = "TRANSFER_CHASE"
    TRANSFER_DECIDE = "TRANSFER_DECIDE"
    TRANSFER_WITHDRAW = "TRANSFER_WITHDRAW"
    WITHDRAW = "WITHDRAW"


A = Action

INITIAL = S.SUBMITTED
FINAL_STATUSES = frozenset({S.DECLINED, S.CLOSED, S.TERMINATED, S.WITHDRAWN})
"""Nothing follows; `closed_at` tells when."""
OPEN_STATUSES = frozenset(S) - FINAL_STATUSES
"""Somebody still has something to do, and everybody concerned may comment. A transferred ticket stays among them also
when the other side has come to the end: then `elsewhere` is final, `closed_at` tells when, and nothing follows."""
JUDGED_STATUSES = frozenset(S) - {S.SUBMITTED, S.TRANSFERRED, S.WITHDRAWN}
"""The desk has looked at it, so that the office may find it malicious, also after its end."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a ticket decides which steps it has: its state, what is pending in it, and how its city is staffed.

    `elsewhere` is where a transferred ticket stands with the other side, None while that has not decided;
    `restricted` tickets stay where they are; `coordination` is the group that is asked, `referred` a dispute that lies
    with the working group, `own_receipt` a category that the competent department receives itself, `has_office` whether
    the city has one.
    """

    status: TicketStatus
    contacted: bool = False
    suspended: bool = False
    extension_pending: bool = False
    coordination: CoordinationLevel | None = None
    referred: bool = False
    malice: Malice | None = None
    own_receipt: bool = False
    has_office: bool = True
    restricted: bool = False
    elsewhere: TicketStatus | None = None


TRANSITIONS: Mapping[tuple[TicketStatus, Action], TicketStatus | frozenset[TicketStatus]] = MappingProxyType(
    {
        # The desk verifies (二(三)) and answers at once what it can, before or instead of dispatching (二(四)).
        # What the competent department receives itself (001_…txt, first plan, 15) is in work once it is accepted, and
        # returned to the office when it is not that department's after all.
        (S.SUBMITTED, A.ACCEPT): frozenset({S.ACCEPTED, S.IN_PROGRESS}),
        (S.SUBMITTED, A.RETURN): S.DISPUTED,
        (S.SUBMITTED, A.DECLINE): S.DECLINED,
        (S.SUBMITTED, A.ANSWER): S.ANSWERED,
        (S.ACCEPTED, A.ANSWER): S.ANSWERED,
        (S.SUBMITTED, A.MERGE): S.CLOSED,
        (S.ACCEPTED, A.MERGE): S.CLOSED,
        (S.SUBMITTED, A.TRANSFER): S.TRANSFERRED,
        (S.ACCEPTED, A.TRANSFER): S.TRANSFERRED,
        # The other side accepts it, or gives it back to where it was; until then it can be fetched back. After that it
        # stays transferred, and `elsewhere` follows the other side.
        (S.TRANSFERRED, A.TRANSFER_CHASE): S.TRANSFERRED,
        (S.TRANSFERRED, A.TRANSFER_DECIDE): frozenset({S.TRANSFERRED, S.SUBMITTED, S.ACCEPTED}),
        (S.TRANSFERRED, A.TRANSFER_WITHDRAW): frozenset({S.SUBMITTED, S.ACCEPTED}),
        # Dispatch, and the dispute about who is competent, which the office settles (二(四)).
        (S.ACCEPTED, A.DISPATCH): S.DISPATCHED,
        (S.ESCALATED, A.DISPATCH): S.DISPATCHED,
        (S.DISPATCHED, A.ACKNOWLEDGE): S.IN_PROGRESS,
        (S.DISPATCHED, A.RETURN): S.DISPUTED,
        (S.DISPUTED, A.REFER): S.DISPUTED,
        (S.DISPUTED, A.ARBITRATE): S.DISPATCHED,
        # The department works (二(五)), and those who help it report their part.
        (S.DISPATCHED, A.PART_REPORT): S.DISPATCHED,
        (S.IN_PROGRESS, A.PART_REPORT): S.IN_PROGRESS,
        (S.IN_PROGRESS, A.FIRST_CONTACT): S.IN_PROGRESS,
        (S.IN_PROGRESS, A.EXTENSION_REQUEST): S.IN_PROGRESS,
        (S.IN_PROGRESS, A.EXTENSION_DECIDE): S.IN_PROGRESS,
        (S.IN_PROGRESS, A.SUSPEND): S.IN_PROGRESS,
        (S.IN_PROGRESS, A.RESUME): S.IN_PROGRESS,
        (S.IN_PROGRESS, A.COORDINATION_REQUEST): S.IN_PROGRESS,
        (S.IN_PROGRESS, A.COORDINATION_DECIDE): S.IN_PROGRESS,
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
        (S.TRANSFERRED, A.RATE): S.TRANSFERRED,
        **{(status, A.WITHDRAW): S.WITHDRAWN for status in sorted(OPEN_STATUSES)},
        **{(status, A.COMMENT): status for status in sorted(OPEN_STATUSES)},
        **{(status, A.ATTACH): status for status in sorted(OPEN_STATUSES)},
        # A malicious complaint (捏造事实) is found so by the office, appealed by its reporter, decided one level up.
        **{
            (status, action): status
            for status in sorted(JUDGED_STATUSES)
            for action in (A.MALICE_FIND, A.MALICE_APPEAL, A.MALICE_DECIDE)
        },
    }
)


def _goes_on(facts: Facts) -> bool:
    """Whether a transferred ticket has not come to its end with the other side; true of any other."""
    return facts.status is not S.TRANSFERRED or facts.elsewhere not in FINAL_STATUSES


def _undecided(facts: Facts) -> bool:
    return facts.elsewhere is None


CONDITIONS: Mapping[Action, Callable[[Facts], bool]] = MappingProxyType(
    {
        A.ANSWER: lambda facts: not facts.own_receipt,  # it takes a written decision
        A.ATTACH: _goes_on,
        A.COMMENT: _goes_on,
        A.COORDINATION_DECIDE: lambda facts: facts.coordination is not None,
        A.COORDINATION_REQUEST: lambda facts: facts.coordination is None,
        A.EXTENSION_DECIDE: lambda facts: facts.extension_pending,
        A.EXTENSION_REQUEST: lambda facts: not facts.extension_pending and not facts.suspended,
        A.FIRST_CONTACT: lambda facts: not facts.contacted,
        A.MALICE_APPEAL: lambda facts: facts.malice is Malice.FOUND,
        A.MALICE_DECIDE: lambda facts: facts.malice is Malice.APPEALED,
        A.MALICE_FIND: lambda facts: facts.malice is None,
        A.MERGE: lambda facts: not facts.own_receipt,
        A.RATE: lambda facts: facts.status is not S.TRANSFERRED or facts.elsewhere in (S.ANSWERED, S.RESOLVED),
        A.REFER: lambda facts: not facts.referred,
        A.RESOLVE: lambda facts: not facts.suspended,
        A.RESUME: lambda facts: facts.suspended,
        A.RETURN: lambda facts: facts.status is not S.SUBMITTED or facts.own_receipt,
        A.SUSPEND: lambda facts: not facts.suspended,
        A.TRANSFER: lambda facts: not facts.restricted and not facts.own_receipt,
        A.TRANSFER_CHASE: _goes_on,
        A.TRANSFER_DECIDE: _undecided,
        A.TRANSFER_WITHDRAW: _undecided,
        A.WITHDRAW: _goes_on,
    }
)
"""What must hold beside the state; a verb that is not listed needs nothing more."""

PERMISSIONS: Mapping[Action, Permission] = MappingProxyType(
    {
        A.ACCEPT: Permission.TICKET_ACCEPT,
        A.ACKNOWLEDGE: Permission.TICKET_ACKNOWLEDGE,
        A.ANSWER: Permission.TICKET_ANSWER,
        A.ARBITRATE: Permission.TICKET_ARBITRATE,
        A.ATTACH: Permission.TICKET_ATTACH,
        A.COMMENT: Permission.TICKET_COMMENT,
        A.COORDINATION_DECIDE: Permission.TICKET_COORDINATE_TASK_GROUP,
        A.COORDINATION_REQUEST: Permission.TICKET_COORDINATION_REQUEST,
        A.DECLINE: Permission.TICKET_DECLINE,
        A.DISPATCH: Permission.TICKET_DISPATCH,
        A.EXTENSION_DECIDE: Permission.TICKET_EXTENSION_DECIDE,
        A.EXTENSION_REQUEST: Permission.TICKET_EXTENSION_REQUEST,
        A.FIRST_CONTACT: Permission.TICKET_FIRST_CONTACT,
        A.FOLLOW_UP: Permission.TICKET_FOLLOW_UP,
        A.MALICE_APPEAL: Permission.TICKET_MALICE_APPEAL,
        A.MALICE_DECIDE: Permission.TICKET_MALICE_DECIDE,
        A.MALICE_FIND: Permission.TICKET_MALICE_FIND,
        A.MERGE: Permission.TICKET_MERGE,
        A.PART_REPORT: Permission.TICKET_PART_REPORT,
        A.RATE: Permission.TICKET_RATE,
        A.REFER: Permission.TICKET_REFER,
        A.RESOLVE: Permission.TICKET_RESOLVE,
        A.RESUME: Permission.TICKET_RESUME,
        A.RETURN: Permission.TICKET_RETURN,
        A.SUSPEND: Permission.TICKET_SUSPEND,
        A.TERMINATE: Permission.TICKET_TERMINATE,
        A.TRANSFER: Permission.TICKET_TRANSFER,
        A.TRANSFER_CHASE: Permission.TICKET_TRANSFER,
        A.TRANSFER_WITHDRAW: Permission.TICKET_TRANSFER,
        A.WITHDRAW: Permission.TICKET_WITHDRAW,
    }
)
"""What each verb usually takes (`required_permission`). A verb that is not listed is offered to nobody here:
the receiving side decides on a transfer."""

OFFICE_STEPS = frozenset({A.ARBITRATE, A.REFER, A.EXTENSION_DECIDE, A.TERMINATE})
"""The office's, or the dispatcher's where the city has none (domain.md, section 5)."""
COORDINATORS: Mapping[CoordinationLevel, Permission] = MappingProxyType(
    {
        CoordinationLevel.TASK_GROUP: Permission.TICKET_COORDINATE_TASK_GROUP,
        CoordinationLevel.WORKING_GROUP: Permission.TICKET_COORDINATE_WORKING_GROUP,
        CoordinationLevel.LEADING_GROUP: Permission.TICKET_COORDINATE_LEADING_GROUP,
    }
)


def has_step(facts: Facts, action: Action) -> bool:
    """Whether the state has the step, and what is pending allows it."""
    condition = CONDITIONS.get(action)
    return (facts.status, action) in TRANSITIONS and (condition is None or condition(facts))


def check_step(facts: Facts, action: Action) -> None:
    """Raise `IllegalTransition`, which tells what is allowed, when there is no such step now."""
    if not has_step(facts, action):
        raise IllegalTransition(current=facts.status, action=action, allowed=allowed_from(facts))


def next_status(facts: Facts, action: Action) -> TicketStatus:
    """The state that follows; raises `IllegalTransition`, or ValueError where a verdict decides and not the verb."""
    check_step(facts, action)
    following = TRANSITIONS[facts.status, action]
    if isinstance(following, frozenset):
        raise ValueError(f"{action} from {facts.status} needs a verdict")
    return following


def outcomes(status: TicketStatus, action: Action) -> frozenset[TicketStatus]:
    """Every state that may follow; KeyError where the table has no such step."""
    following = TRANSITIONS[status, action]
    return following if isinstance(following, frozenset) else frozenset({following})


def allowed_from(facts: Facts) -> tuple[Action, ...]:
    """The verbs that somebody may do from here, in alphabetical order."""
    return tuple(action for action in Action if action in PERMISSIONS and has_step(facts, action))


def required_permission(facts: Facts, action: Action) -> Permission:
    """What the verb takes now: who decides depends on the state, on whom it lies with, and on how the city is staffed.

    An escalated ticket is dispatched one level up; a referred dispute is the working group's; coordination is decided
    by the group that was asked; what the competent department receives itself, it accepts and declines.
    """
    if action is A.DISPATCH and facts.status is S.ESCALATED:
        return Permission.TICKET_DISPATCH_ESCALATED
    if action is A.ARBITRATE and facts.referred:
        return Permission.TICKET_ARBITRATE_REFERRED
    if action is A.COORDINATION_DECIDE and facts.coordination is not None:
        return COORDINATORS[facts.coordination]
    if action in (A.ACCEPT, A.DECLINE) and facts.own_receipt:
        return Permission.TICKET_RECEIVE
    if action in OFFICE_STEPS and not facts.has_office:
        return Permission.TICKET_DISPATCH
    return PERMISSIONS[action]


def permissions_of(action: Action) -> tuple[Permission, ...]:
    """Every permission the verb may take, whatever the facts: who has none of them may not even try."""
    further: dict[Action, tuple[Permission, ...]] = {
        A.ACCEPT: (Permission.TICKET_RECEIVE,),
        A.ARBITRATE: (Permission.TICKET_ARBITRATE_REFERRED,),
        A.COORDINATION_DECIDE: tuple(COORDINATORS.values())[1:],
        A.DECLINE: (Permission.TICKET_RECEIVE,),
        A.DISPATCH: (Permission.TICKET_DISPATCH_ESCALATED,),
    }
    office = (Permission.TICKET_DISPATCH,) if action in OFFICE_STEPS else ()
    return PERMISSIONS[action], *further.get(action, ()), *office


def acceptance_outcome(facts: Facts) -> TicketStatus:
    """Where accepting leads: to the dispatcher, or straight into the work of the department that received it."""
    check_step(facts, A.ACCEPT)
    return S.IN_PROGRESS if facts.own_receipt else S.ACCEPTED


def follow_up_outcome(
    facts: Facts, current_round: int, *, dissatisfied: bool, justified: bool, rounds: int
) -> TicketStatus:
    """Where the follow-up sends the ticket (二(六)). Raises `IllegalTransition` where there is nothing to follow up.

    Who is content, or has no good reason, is done with. A justified dissatisfaction is a second dispatch (二次分办) to
    the same departments, or for an answer on the spot a second look of the desk; after so many `rounds` (of the
    scheme) it makes a difficult ticket (疑难复杂工单), handled one level up.
    """
    check_step(facts, A.FOLLOW_UP)
    if not (dissatisfied and justified):
        return S.CLOSED
    if current_round >= rounds:
        return S.ESCALATED
    return S.DISPATCHED if facts.status is S.RESOLVED else S.ACCEPTED


def rating_outcome(facts: Facts, *, dissatisfied: bool) -> TicketStatus:
    """Where the reporter's own rating leaves the ticket: content closes it, dissatisfaction waits for the follow-up,
    since the desk judges whether it is justified; that of a transferred ticket goes to the other side. Raises
    `IllegalTransition` where there is nothing to rate."""
    check_step(facts, A.RATE)
    return facts.status if dissatisfied or facts.status is S.TRANSFERRED else S.CLOSED


def next_round(status: TicketStatus, following: TicketStatus, current_round: int) -> int:
    """The round after a step: each new attempt at the same problem counts one more."""
    again = {
        (S.RESOLVED, S.DISPATCHED),
        (S.ANSWERED, S.ACCEPTED),
        (S.ESCALATED, S.DISPATCHED),
    }
    return current_round + 1 if (status, following) in again else current_round
