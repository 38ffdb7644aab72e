"""The life of a notice (domain.md, section 6), pure: state and verb give the next state."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from app.kernel.errors import IllegalTransition
from app.supervision.words import NoticeKind, NoticeStatus
from authz.permissions import Permission

S = NoticeStatus


class NoticeAction(StrEnum):
    """The verbs of a notice, after it was issued."""

    CLOSE = "CLOSE"
    REFER = "REFER"
    REPLY = "REPLY"
    WITHDRAW = "WITHDRAW"


A = NoticeAction

TRANSITIONS: Mapping[tuple[NoticeStatus, NoticeAction], NoticeStatus] = MappingProxyType(
    {
        (S.ISSUED, A.REPLY): S.REPLIED,
        (S.REPLIED, A.CLOSE): S.CLOSED,
        (S.ISSUED, A.WITHDRAW): S.WITHDRAWN,
        (S.REPLIED, A.WITHDRAW): S.WITHDRAWN,
        # To discipline inspection: that goes its own way, whatever the addressee replies.
        (S.ISSUED, A.REFER): S.ISSUED,
        (S.REPLIED, A.REFER): S.REPLIED,
        (S.CLOSED, A.REFER): S.CLOSED,
    }
)

LEVEL_PERMISSIONS: Mapping[int, Permission] = MappingProxyType(
    {
        1: Permission.SUPERVISION_REMIND,
        2: Permission.SUPERVISION_RECTIFY,
        3: Permission.SUPERVISION_INTERVIEW,
    }
)
"""What issuing, closing and withdrawing a notice of a level takes; the scheme's `raised_by` may ask for more."""
KINDS: Mapping[int, NoticeKind] = MappingProxyType(
    {1: NoticeKind.REMINDER, 2: NoticeKind.RECTIFICATION, 3: NoticeKind.INTERVIEW}
)


def has_step(status: NoticeStatus, action: NoticeAction, *, may_refer: bool) -> bool:
    """Whether a notice in this state has the step. `may_refer`: its level goes to discipline inspection, and no outcome
    of that is recorded yet."""
    return (status, action) in TRANSITIONS and (action is not A.REFER or may_refer)


def next_status(status: NoticeStatus, action: NoticeAction, *, may_refer: bool) -> NoticeStatus:
    """The state that follows. Raises `IllegalTransition`, which tells what is allowed."""
    if not has_step(status, action, may_refer=may_refer):
        allowed = tuple(each for each in NoticeAction if has_step(status, each, may_refer=may_refer))
        raise IllegalTransition(current=status, action=action, allowed=allowed)
    return TRANSITIONS[status, action]


def required_permission(action: NoticeAction, level: int) -> Permission:
    """Who may: the addressee replies, the level's own side does the rest."""
    return Permission.SUPERVISION_REPLY if action is A.REPLY else LEVEL_PERMISSIONS[level]
