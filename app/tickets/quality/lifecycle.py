"""The life of an entry of the ledger of handling quality (003_…txt, 二(六)), pure: state and verb give the next state.

The office keeps the ledger: it hands an entry to supervision (报送本级督查督办专责组), or closes what needs no one
else. What was handed over is supervision's to close.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from app.kernel.errors import IllegalTransition
from app.tickets.words import QualityStatus
from authz.permissions import Permission

S = QualityStatus


class QualityAction(StrEnum):
    """The verbs of an entry; it opens by itself."""

    CLOSE = "CLOSE"
    HAND_OVER = "HAND_OVER"


A = QualityAction

TRANSITIONS: Mapping[tuple[QualityStatus, QualityAction], QualityStatus] = MappingProxyType(
    {
        (S.OPEN, A.HAND_OVER): S.HANDED_OVER,
        (S.OPEN, A.CLOSE): S.CLOSED,
        (S.HANDED_OVER, A.CLOSE): S.CLOSED,
    }
)


def allowed_from(status: QualityStatus) -> tuple[QualityAction, ...]:
    """The verbs that somebody may do from here, in alphabetical order."""
    return tuple(action for action in A if (status, action) in TRANSITIONS)


def next_status(status: QualityStatus, action: QualityAction) -> QualityStatus:
    """The state that follows; raises `IllegalTransition`, which tells what is allowed."""
    following = TRANSITIONS.get((status, action))
    if following is None:
        raise IllegalTransition(current=status, action=action, allowed=allowed_from(status))
    return following


def required_permission(status: QualityStatus, action: QualityAction) -> Permission:
    """What the verb takes now: the ledger is the office's until the entry is supervision's."""
    if action is A.CLOSE and status is not S.OPEN:
        return Permission.TICKET_QUALITY_CHECK
    return Permission.TICKET_QUALITY_KEEP
