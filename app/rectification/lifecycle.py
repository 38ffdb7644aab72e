"""The life of a rectification task (domain.md, section 6), pure: state and verb give the next state.

`TRANSITIONS` is the specification of the states, `CONDITIONS` of what must hold beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from app.kernel.errors import IllegalTransition
from app.rectification.words import RectificationStatus
from authz.permissions import Permission

S = RectificationStatus


class RectificationAction(StrEnum):
    """The verbs of a task, after it was issued."""

    PLAN = "PLAN"
    PROGRESS = "PROGRESS"
    MILESTONE_COMPLETE = "MILESTONE_COMPLETE"
    SUBMIT = "SUBMIT"
    ACCEPT = "ACCEPT"
    REJECT = "REJECT"
    CLOSE = "CLOSE"
    REOPEN = "REOPEN"


A = RectificationAction

RUNNING = (S.ISSUED, S.REJECTED, S.REOPENED)
"""The responsible unit has something to do: only then is a task overdue, and its monthly progress due."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a task decides which steps it has. `planned`: its measures are set; `milestones_open`: some are not done;
    `looked_back`: the time in which a closed task may be reopened (回头看) has passed."""

    status: RectificationStatus
    planned: bool = False
    milestones_open: bool = False
    looked_back: bool = False


TRANSITIONS: Mapping[tuple[RectificationStatus, RectificationAction], RectificationStatus] = MappingProxyType(
    {
        **{(status, A.PLAN): status for status in RUNNING},
        **{(status, A.PROGRESS): status for status in RUNNING},
        **{(status, A.MILESTONE_COMPLETE): status for status in RUNNING},
        **{(status, A.SUBMIT): S.SUBMITTED for status in RUNNING},
        (S.SUBMITTED, A.ACCEPT): S.ACCEPTED,
        (S.SUBMITTED, A.REJECT): S.REJECTED,
        (S.ACCEPTED, A.CLOSE): S.CLOSED,
        # 回头看: when the result does not hold.
        (S.CLOSED, A.REOPEN): S.REOPENED,
    }
)

CONDITIONS: Mapping[RectificationAction, Callable[[Facts], bool]] = MappingProxyType(
    {
        A.MILESTONE_COMPLETE: lambda facts: facts.milestones_open,
        # That measures and milestones come first is ours: else there is nothing to judge the result by.
        A.SUBMIT: lambda facts: facts.planned and not facts.milestones_open,
        A.REOPEN: lambda facts: not facts.looked_back,
    }
)
"""What must hold beside the state; a verb that is not listed needs nothing more."""

PERMISSIONS: Mapping[RectificationAction, Permission] = MappingProxyType(
    {
        A.PLAN: Permission.RECTIFICATION_WORK,
        A.PROGRESS: Permission.RECTIFICATION_PROGRESS,
        A.MILESTONE_COMPLETE: Permission.RECTIFICATION_WORK,
        A.SUBMIT: Permission.RECTIFICATION_WORK,
        A.ACCEPT: Permission.RECTIFICATION_JUDGE,
        A.REJECT: Permission.RECTIFICATION_JUDGE,
        A.CLOSE: Permission.RECTIFICATION_JUDGE,
        A.REOPEN: Permission.RECTIFICATION_JUDGE,
    }
)


def has_step(facts: Facts, action: RectificationAction) -> bool:
    """Whether the state has the step, and what must hold beside it does."""
    condition = CONDITIONS.get(action)
    return (facts.status, action) in TRANSITIONS and (condition is None or condition(facts))


def allowed_from(facts: Facts) -> tuple[RectificationAction, ...]:
    """The verbs that somebody may do from here."""
    return tuple(action for action in A if has_step(facts, action))


def next_status(facts: Facts, action: RectificationAction) -> RectificationStatus:
    """The state that follows; raises `IllegalTransition`, which tells what is allowed."""
    if not has_step(facts, action):
        raise IllegalTransition(current=facts.status, action=action, allowed=allowed_from(facts))
    return TRANSITIONS[facts.status, action]
