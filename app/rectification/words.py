"""The words of a rectification task: every list of values that code and database share."""

from __future__ import annotations

from enum import StrEnum


class RectificationStatus(StrEnum):
    """Where a task stands (domain.md, section 6). `CLOSED` is struck off the ledger (销号)."""

    ISSUED = "ISSUED"
    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    CLOSED = "CLOSED"
    REOPENED = "REOPENED"


class RectificationEventType(StrEnum):
    """What happened to a task. `OVERDUE` is told once for each date that it misses,
    `MOVED` when the state's holidays move its date or the end of looking back at it."""

    ISSUED = "ISSUED"
    PLANNED = "PLANNED"
    PROGRESSED = "PROGRESSED"
    MILESTONE_COMPLETED = "MILESTONE_COMPLETED"
    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    CLOSED = "CLOSED"
    REOPENED = "REOPENED"
    OVERDUE = "OVERDUE"
    MOVED = "MOVED"


class FindingSeverity(StrEnum):
    """How grave it is what an inspection found."""

    MINOR = "MINOR"
    SERIOUS = "SERIOUS"
    GRAVE = "GRAVE"


class InspectionMode(StrEnum):
    """Whether an inspection was announced (明察) or undercover (暗访)."""

    OPEN = "OPEN"
    UNDERCOVER = "UNDERCOVER"
