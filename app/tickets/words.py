"""The words of a ticket (003_…txt; domain.md, section 5): every list of values that code and database share."""

from __future__ import annotations

from enum import StrEnum


class TicketCategory(StrEnum):
    """What the reporter wants."""

    CONSULTATION = "CONSULTATION"
    HELP = "HELP"
    COMPLAINT = "COMPLAINT"
    REPORT = "REPORT"
    SUGGESTION = "SUGGESTION"
    BIDDING_COMPLAINT = "BIDDING_COMPLAINT"


class TicketChannel(StrEnum):
    """The way by which it came in."""

    HOTLINE = "HOTLINE"
    SERVICE_WINDOW = "SERVICE_WINDOW"
    STUCK_WINDOW = "STUCK_WINDOW"
    WEB = "WEB"
    MINI_PROGRAM = "MINI_PROGRAM"
    QR_CODE = "QR_CODE"
    E_LICENCE = "E_LICENCE"
    STEWARD_VISIT = "STEWARD_VISIT"
    OFFICER_VISIT = "OFFICER_VISIT"
    FORWARDED = "FORWARDED"
    OTHER_CITY = "OTHER_CITY"
    OTHER_PLATFORM = "OTHER_PLATFORM"
    EMAIL = "EMAIL"
    COMPLAINT_CENTRE = "COMPLAINT_CENTRE"


class TicketStatus(StrEnum):
    """Where a ticket stands; see `lifecycle.TRANSITIONS`."""

    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    ANSWERED = "ANSWERED"
    DISPATCHED = "DISPATCHED"
    IN_PROGRESS = "IN_PROGRESS"
    DISPUTED = "DISPUTED"
    RESOLVED = "RESOLVED"
    ESCALATED = "ESCALATED"
    CLOSED = "CLOSED"
    TERMINATED = "TERMINATED"
    TRANSFERRED = "TRANSFERRED"
    WITHDRAWN = "WITHDRAWN"


class SecrecyLevel(StrEnum):
    """Who may see the reporter (confidential), or the ticket at all (restricted)."""

    NORMAL = "NORMAL"
    CONFIDENTIAL = "CONFIDENTIAL"
    RESTRICTED = "RESTRICTED"


class Satisfaction(StrEnum):
    """The reporter's verdict on the outcome: five levels."""

    VERY_SATISFIED = "VERY_SATISFIED"
    SATISFIED = "SATISFIED"
    NEUTRAL = "NEUTRAL"
    UNSATISFIED = "UNSATISFIED"
    VERY_UNSATISFIED = "VERY_UNSATISFIED"


class Malice(StrEnum):
    """How far the finding stands that a complaint is malicious (捏造事实)."""

    FOUND = "FOUND"
    APPEALED = "APPEALED"
    UPHELD = "UPHELD"
    OVERTURNED = "OVERTURNED"


class QualityStatus(StrEnum):
    """Where an entry of the ledger of handling quality stands; see `quality.lifecycle`."""

    OPEN = "OPEN"
    HANDED_OVER = "HANDED_OVER"
    CLOSED = "CLOSED"


class QualityEventType(StrEnum):
    """What happened to an entry of that ledger."""

    OPENED = "OPENED"
    HANDED_OVER = "HANDED_OVER"
    CLOSED = "CLOSED"


class Visibility(StrEnum):
    """`PUBLIC` events reach the reporter; `INTERNAL` ones stay with the staff."""

    PUBLIC = "PUBLIC"
    INTERNAL = "INTERNAL"


class TicketEventType(StrEnum):
    """What happened, as the timeline tells it: one word per verb; where it led is told by the event's `toStatus`.

    Of a deadline nobody does anything: the sweep tells of it (`NO_STEPS`), as of a comment or a file that lead nowhere.
    """

    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    ANSWERED = "ANSWERED"
    DISPATCHED = "DISPATCHED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    RETURNED = "RETURNED"
    REFERRED = "REFERRED"
    ARBITRATED = "ARBITRATED"
    COMMENTED = "COMMENTED"
    ATTACHED = "ATTACHED"
    FIRST_CONTACTED = "FIRST_CONTACTED"
    EXTENSION_REQUESTED = "EXTENSION_REQUESTED"
    EXTENSION_DECIDED = "EXTENSION_DECIDED"
    SUSPENDED = "SUSPENDED"
    RESUMED = "RESUMED"
    COORDINATION_REQUESTED = "COORDINATION_REQUESTED"
    COORDINATION_DECIDED = "COORDINATION_DECIDED"
    PART_REPORTED = "PART_REPORTED"
    RESOLVED = "RESOLVED"
    TERMINATED = "TERMINATED"
    MERGED = "MERGED"
    ABSORBED = "ABSORBED"
    PROGRESSED = "PROGRESSED"
    MALICE_FOUND = "MALICE_FOUND"
    MALICE_APPEALED = "MALICE_APPEALED"
    MALICE_DECIDED = "MALICE_DECIDED"
    QUALITY_CHECKED = "QUALITY_CHECKED"
    RATED = "RATED"
    FOLLOWED_UP = "FOLLOWED_UP"
    WITHDRAWN = "WITHDRAWN"
    TRANSFERRED = "TRANSFERRED"
    TRANSFER_ACCEPTED = "TRANSFER_ACCEPTED"
    TRANSFER_DECLINED = "TRANSFER_DECLINED"
    TRANSFER_WITHDRAWN = "TRANSFER_WITHDRAWN"
    TRANSFER_CHASED = "TRANSFER_CHASED"
    DEADLINE_WARNED = "DEADLINE_WARNED"
    DEADLINE_MISSED = "DEADLINE_MISSED"
    NOTICE_ISSUED = "NOTICE_ISSUED"
    NOTICE_REPLIED = "NOTICE_REPLIED"
    NOTICE_CLOSED = "NOTICE_CLOSED"
    NOTICE_WITHDRAWN = "NOTICE_WITHDRAWN"
    DEADLINE_MOVED = "DEADLINE_MOVED"
    NOTICE_MOVED = "NOTICE_MOVED"
    TRANSFER_MOVED = "TRANSFER_MOVED"


NO_STEPS = frozenset(
    {
        TicketEventType.ATTACHED,
        TicketEventType.COMMENTED,
        TicketEventType.DEADLINE_MISSED,
        TicketEventType.DEADLINE_MOVED,
        TicketEventType.DEADLINE_WARNED,
        TicketEventType.NOTICE_CLOSED,
        TicketEventType.NOTICE_ISSUED,
        TicketEventType.NOTICE_MOVED,
        TicketEventType.NOTICE_REPLIED,
        TicketEventType.NOTICE_WITHDRAWN,
        TicketEventType.TRANSFER_CHASED,
        TicketEventType.TRANSFER_MOVED,
    }
)
"""What may come between any two steps of a ticket, and leaves it where it is: state and version stay."""
