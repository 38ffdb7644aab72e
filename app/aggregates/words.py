"""The words of the aggregates."""

from __future__ import annotations

from enum import StrEnum


class AggregateMeasure(StrEnum):
    """What is counted of a month."""

    RECEIVED = "RECEIVED"
    RESOLVED = "RESOLVED"
    ON_TIME = "ON_TIME"
    OVERDUE = "OVERDUE"
    RESOLUTION = "RESOLUTION"
    FOLLOW_UP = "FOLLOW_UP"
    SATISFACTION = "SATISFACTION"
    NOTICES = "NOTICES"


RATES = frozenset(AggregateMeasure) - {
    AggregateMeasure.RECEIVED,
    AggregateMeasure.RESOLVED,
    AggregateMeasure.NOTICES,
}
"""The measures that are a part of a whole; of the others there is a count alone."""


class AggregateAction(StrEnum):
    """The verbs of the aggregates."""

    CORRECT = "CORRECT"
    RELEASE = "RELEASE"


class AggregateEventType(StrEnum):
    """What happened to the aggregates of a month."""

    RELEASED = "RELEASED"
    CORRECTED = "CORRECTED"
