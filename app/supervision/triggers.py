"""What sets off a notice by itself (003_…txt, 二(七)), pure: the events of a ticket so far tell.

How many times is counted from the log up to the event at hand, so that the answer is the same whenever it is asked. A
trigger goes off at that event with which the scheme's `times` are full, and again when they are full once more.

Two readings are ours. What is not acknowledged, overdue, returned or unsatisfactory is counted ticket by ticket. An
improper request to close (申请办结不规范) is a handling that the check of quality (二(六): 办理质量抽查检查) found
wanting: that check is the only place where somebody competent, and not the reporter, judges how a department closes,
and a reporter's own dissatisfaction is a trigger by itself. A ticket is hardly ever drawn twice, so these are counted
department by department.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.deadlines.words import DeadlineKind
from app.tickets.words import TicketEventType, TicketStatus
from tenants.schemes.words import TriggerKind

E = TicketEventType
T = TriggerKind

CAUSES: Collection[str] = frozenset({E.DEADLINE_MISSED, E.RETURNED, E.FOLLOWED_UP, E.ABSORBED, E.QUALITY_CHECKED})
"""The events that may set off a notice."""
_IN_HAND = (TicketStatus.DISPATCHED, TicketStatus.IN_PROGRESS)
_MISSED = {DeadlineKind.ACKNOWLEDGEMENT: T.NOT_ACKNOWLEDGED, DeadlineKind.HANDLING: T.OVERDUE}


@dataclass(frozen=True, slots=True)
class Past:
    """An event of the ticket."""

    type: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Condition:
    """That a trigger's condition holds for a department, for the so manieth time."""

    trigger: TriggerKind
    addressee_id: int
    times: int


def condition_after(history: Sequence[Past], low_levels: Collection[str]) -> Condition | None:
    """What the last event of a ticket's history makes true, of what is counted ticket by ticket; of a failed check of
    quality the department, with `times` 1."""
    event = history[-1]
    lead = lead_of(history)
    trigger = _trigger_of(event, low_levels, status_before(history))
    if trigger is None or lead is None:
        return None
    if trigger in (T.NOT_ACKNOWLEDGED, T.OVERDUE):  # of this department: another's delay is not its own
        places = [place for place, _ in enumerate(history, start=1) if lead_of(history[:place]) == lead]
    else:
        places = list(range(1, len(history) + 1))
    if trigger is T.IMPROPER_CLOSING_REQUESTED:
        return Condition(trigger, lead, 1)
    times = sum(
        _trigger_of(history[place - 1], low_levels, status_before(history[:place])) is trigger for place in places
    )
    return Condition(trigger, lead, times)


def may_set_off(event: Past) -> bool:
    """Whether it is worth asking for the history: nearly every follow-up finds a reporter who is content."""
    if event.type == E.FOLLOWED_UP:
        return bool(event.data.get("justified"))
    return event.type in CAUSES and event.data.get("passed") is not True


def goes_off(condition: Condition, times: int) -> bool:
    """Whether the scheme's number of times is full with this one."""
    return condition.times % times == 0


def lead_of(history: Sequence[Past]) -> int | None:
    """The department in whose hands the ticket was at the last event; None: in nobody's."""
    return next((event.data["lead"] for event in reversed(history) if event.data.get("lead") is not None), None)


def status_before(history: Sequence[Past]) -> str | None:
    """Where the ticket stood when the last event came."""
    return next((event.data["toStatus"] for event in reversed(history[:-1]) if "toStatus" in event.data), None)


def _trigger_of(event: Past, low_levels: Collection[str], status: str | None) -> TriggerKind | None:
    data = event.data
    match event.type:
        case E.DEADLINE_MISSED:
            return _MISSED.get(data["deadlineKind"])
        case E.RETURNED:
            return T.RETURNED
        case E.FOLLOWED_UP if data.get("justified") and data.get("satisfaction") in low_levels:
            return T.UNSATISFIED
        case E.ABSORBED if status in _IN_HAND:  # the desk found that the same problem was reported again
            return T.REPEATED_WHILE_OPEN
        case E.QUALITY_CHECKED if data.get("passed") is False:
            return T.IMPROPER_CLOSING_REQUESTED
    return None
