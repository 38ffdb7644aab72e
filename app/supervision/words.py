"""The words of supervision (003_…txt, 二(七)): every list of values that code and database share."""

from __future__ import annotations

from enum import StrEnum


class NoticeKind(StrEnum):
    """The notice of each level."""

    REMINDER = "REMINDER"
    RECTIFICATION = "RECTIFICATION"
    INTERVIEW = "INTERVIEW"


class NoticeStatus(StrEnum):
    """Where a notice stands; see `lifecycle.TRANSITIONS`."""

    ISSUED = "ISSUED"
    REPLIED = "REPLIED"
    CLOSED = "CLOSED"
    WITHDRAWN = "WITHDRAWN"


class NotificationKind(StrEnum):
    """What the people of a tenant are told of."""

    ASSIGNED = "ASSIGNED"
    ASSIGNED_TO_HELP = "ASSIGNED_TO_HELP"
    ASSIGNED_AGAIN = "ASSIGNED_AGAIN"
    NOTICE_ISSUED = "NOTICE_ISSUED"
    NOTICE_REPLIED = "NOTICE_REPLIED"
    NOTICE_CLOSED = "NOTICE_CLOSED"
    NOTICE_WITHDRAWN = "NOTICE_WITHDRAWN"
    QUALITY_ENTERED = "QUALITY_ENTERED"
    QUALITY_HANDED_OVER = "QUALITY_HANDED_OVER"
    QUALITY_CLOSED = "QUALITY_CLOSED"
    TRANSFER_OFFERED = "TRANSFER_OFFERED"
    TRANSFER_ACCEPTED = "TRANSFER_ACCEPTED"
    TRANSFER_DECLINED = "TRANSFER_DECLINED"
    TRANSFER_WITHDRAWN = "TRANSFER_WITHDRAWN"
    TRANSFER_CHASED = "TRANSFER_CHASED"
    TRANSFER_DUE = "TRANSFER_DUE"
    TRANSFER_OVERDUE = "TRANSFER_OVERDUE"
