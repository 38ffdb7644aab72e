"""The words of the integrity ledger and of the duties to report."""

from __future__ import annotations

from enum import StrEnum


class IntegrityStatus(StrEnum):
    """Where an entry of the ledger stands."""

    OPENED = "OPENED"
    CONFIRMED = "CONFIRMED"
    DISMISSED = "DISMISSED"
    CLEARED = "CLEARED"


class IntegrityAction(StrEnum):
    """The verbs of an entry, after it was opened."""

    CLEAR = "CLEAR"
    CONFIRM = "CONFIRM"
    DISMISS = "DISMISS"
    INSTALMENT_RECORD = "INSTALMENT_RECORD"
    INSTALMENT_REVERSE = "INSTALMENT_REVERSE"


class IntegrityEventType(StrEnum):
    """What happened to an entry."""

    OPENED = "OPENED"
    CONFIRMED = "CONFIRMED"
    DISMISSED = "DISMISSED"
    CLEARED = "CLEARED"
    INSTALMENT_RECORDED = "INSTALMENT_RECORDED"
    INSTALMENT_REVERSED = "INSTALMENT_REVERSED"


class ReportStatus(StrEnum):
    """Where a duty to report stands."""

    DUE = "DUE"
    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    RETURNED = "RETURNED"


class ReportAction(StrEnum):
    """The verbs of a duty to report."""

    REPORT_ACCEPT = "REPORT_ACCEPT"
    REPORT_RETURN = "REPORT_RETURN"
    REPORT_SUBMIT = "REPORT_SUBMIT"


class ReportEventType(StrEnum):
    """What happened to a duty to report."""

    DRAFTED = "DRAFTED"
    WARNED = "WARNED"
    CHASED = "CHASED"
    MOVED = "MOVED"
    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    RETURNED = "RETURNED"
