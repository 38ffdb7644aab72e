"""The life of a duty to report, pure: state and verb give the next state."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from app.integrity.words import ReportAction, ReportEventType, ReportStatus
from app.kernel.errors import IllegalTransition
from authz.permissions import Permission

S, A = ReportStatus, ReportAction

TRANSITIONS: Mapping[tuple[ReportStatus, ReportAction], ReportStatus] = MappingProxyType(
    {
        (S.DUE, A.REPORT_SUBMIT): S.SUBMITTED,
        (S.SUBMITTED, A.REPORT_ACCEPT): S.ACCEPTED,
        (S.SUBMITTED, A.REPORT_RETURN): S.RETURNED,
        (S.RETURNED, A.REPORT_SUBMIT): S.SUBMITTED,
    }
)
PERMISSIONS: Mapping[ReportAction, Permission] = MappingProxyType(
    {
        A.REPORT_ACCEPT: Permission.REPORT_DECIDE,
        A.REPORT_RETURN: Permission.REPORT_DECIDE,
        A.REPORT_SUBMIT: Permission.REPORT_SUBMIT,
    }
)
EVENT_TYPES: Mapping[ReportAction, ReportEventType] = MappingProxyType(
    {
        A.REPORT_ACCEPT: ReportEventType.ACCEPTED,
        A.REPORT_RETURN: ReportEventType.RETURNED,
        A.REPORT_SUBMIT: ReportEventType.SUBMITTED,
    }
)


def allowed_from(status: ReportStatus) -> tuple[ReportAction, ...]:
    """The verbs that somebody may do from here, in alphabetical order."""
    return tuple(action for action in A if (status, action) in TRANSITIONS)


def next_status(status: ReportStatus, action: ReportAction) -> ReportStatus:
    """The state that follows; raises `IllegalTransition`, which tells what is allowed."""
    following = TRANSITIONS.get((status, action))
    if following is None:
        raise IllegalTransition(current=status, action=action, allowed=allowed_from(status))
    return following
