"""The words of a deadline: every list of values that code and database share."""

from __future__ import annotations

from enum import StrEnum


class DeadlineKind(StrEnum):
    """Which step has a limit (003_…txt, 二(三), (五), (六))."""

    VERIFICATION = "VERIFICATION"
    ACKNOWLEDGEMENT = "ACKNOWLEDGEMENT"
    FIRST_CONTACT = "FIRST_CONTACT"
    HANDLING = "HANDLING"
    FOLLOW_UP = "FOLLOW_UP"


class DeadlineState(StrEnum):
    """How a clock stands. `MISSED` is stored when the step ends late; a clock still running past its due time reads as
    missed. `CANCELLED`: the step will not be done any more, in good time."""

    RUNNING = "RUNNING"
    SUSPENDED = "SUSPENDED"
    MET = "MET"
    MISSED = "MISSED"
    CANCELLED = "CANCELLED"


class StretchKind(StrEnum):
    """Why a stretch of time counts towards a limit, or why not."""

    OFFICE_HOURS = "OFFICE_HOURS"
    MAKE_UP_DAY = "MAKE_UP_DAY"
    EXTENSION = "EXTENSION"
    OUTSIDE_HOURS = "OUTSIDE_HOURS"
    WEEKEND = "WEEKEND"
    HOLIDAY = "HOLIDAY"
    CLOSURE = "CLOSURE"
    DAY_OF_RECEIPT = "DAY_OF_RECEIPT"
    SUSPENDED = "SUSPENDED"


COUNTED = frozenset({StretchKind.OFFICE_HOURS, StretchKind.MAKE_UP_DAY, StretchKind.EXTENSION})
"""The kinds of stretches whose working time is part of the limit."""
