"""The words a scheme chooses from.

Words that the slices above own (categories, channels, roles …) are listed here as plain text, since a scheme may not
import them; a test keeps both lists equal.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError


def one_of(*values: str) -> AfterValidator:
    """A text that is one of `values`."""
    known = frozenset(values)

    def check(value: str) -> str:
        if value not in known:
            raise PydanticCustomError("word", "one of {listed}", {"listed": ", ".join(values), "values": values})
        return value

    return AfterValidator(check)


CATEGORIES = ("CONSULTATION", "HELP", "COMPLAINT", "REPORT", "SUGGESTION", "BIDDING_COMPLAINT")
CHANNELS = (
    "HOTLINE",
    "SERVICE_WINDOW",
    "STUCK_WINDOW",
    "WEB",
    "MINI_PROGRAM",
    "QR_CODE",
    "E_LICENCE",
    "STEWARD_VISIT",
    "OFFICER_VISIT",
    "FORWARDED",
    "OTHER_CITY",
    "OTHER_PLATFORM",
    "EMAIL",
    "COMPLAINT_CENTRE",
)
STATUSES = (
    "SUBMITTED",
    "ACCEPTED",
    "DECLINED",
    "ANSWERED",
    "DISPATCHED",
    "IN_PROGRESS",
    "DISPUTED",
    "RESOLVED",
    "ESCALATED",
    "CLOSED",
    "TERMINATED",
    "TRANSFERRED",
    "WITHDRAWN",
)
LEVELS = ("VERY_SATISFIED", "SATISFIED", "NEUTRAL", "UNSATISFIED", "VERY_UNSATISFIED")
ROLES = (
    "AUDITOR",
    "CITY_ADMINISTRATOR",
    "DEPARTMENT_LEAD",
    "DISPATCHER",
    "ENTERPRISE_USER",
    "EVALUATION_MANAGER",
    "FINANCE_OFFICER",
    "HANDLER",
    "INTAKE_AGENT",
    "LEADING_GROUP",
    "OFFICE",
    "PLATFORM_OPERATOR",
    "POLICY_OFFICER",
    "SPECIAL_MONITOR",
    "STEWARD",
    "SUPERVISION_OFFICER",
    "WORKING_GROUP",
)
CITY_ROLES = tuple(role for role in ROLES if role != "PLATFORM_OPERATOR")

CategoryName = Annotated[str, one_of(*CATEGORIES)]
ChannelName = Annotated[str, one_of(*CHANNELS)]
StatusName = Annotated[str, one_of(*STATUSES)]
LevelName = Annotated[str, one_of(*LEVELS)]
RoleName = Annotated[str, one_of(*CITY_ROLES)]


class TimeUnit(StrEnum):
    """In what a time limit is counted (domain.md, section 3)."""

    OFFICE_HOURS = "OFFICE_HOURS"
    WORKING_DAYS = "WORKING_DAYS"


class HolidaySource(StrEnum):
    """Whose statutory holidays and make-up working weekends the calendar follows."""

    MAINLAND = "MAINLAND"
    WEEKENDS_ONLY = "WEEKENDS_ONLY"


class SuspensionReason(StrEnum):
    """What a running clock may wait for."""

    APPLICANT_DOCUMENTS = "APPLICANT_DOCUMENTS"
    INSPECTION = "INSPECTION"
    TESTING = "TESTING"
    APPRAISAL = "APPRAISAL"
    EXPERT_REVIEW = "EXPERT_REVIEW"


class OriginRule(StrEnum):
    """Whether a channel's tickets bring the number along that another platform gave them."""

    NONE = "NONE"
    OPTIONAL = "OPTIONAL"
    REQUIRED = "REQUIRED"


class Receiver(StrEnum):
    """Who receives and decides a category: the desk that dispatches, or the competent industry department itself."""

    DESK = "DESK"
    COMPETENT_DEPARTMENT = "COMPETENT_DEPARTMENT"


class FollowUpQuestion(StrEnum):
    """What the follow-up asks beside the satisfaction level (003_…txt, 二(六))."""

    PROCESS = "PROCESS"
    EFFICIENCY = "EFFICIENCY"
    COST = "COST"
    QUALITY = "QUALITY"


class CoordinationLevel(StrEnum):
    """Whom a lead department may ask for coordination, in this order (003_…txt, 二(五))."""

    TASK_GROUP = "TASK_GROUP"
    WORKING_GROUP = "WORKING_GROUP"
    LEADING_GROUP = "LEADING_GROUP"


class TriggerKind(StrEnum):
    """What sets off supervision (003_…txt, 二(七))."""

    NOT_ACKNOWLEDGED = "NOT_ACKNOWLEDGED"
    OVERDUE = "OVERDUE"
    REPEATED_WHILE_OPEN = "REPEATED_WHILE_OPEN"
    RETURNED = "RETURNED"
    UNSATISFIED = "UNSATISFIED"
    IMPROPER_CLOSING_REQUESTED = "IMPROPER_CLOSING_REQUESTED"
    REMINDER_UNANSWERED = "REMINDER_UNANSWERED"
    FALSIFICATION = "FALSIFICATION"
    IRREGULAR_HANDLING = "IRREGULAR_HANDLING"
    DERELICTION = "DERELICTION"
    BREACH_OF_RULES = "BREACH_OF_RULES"
    RETALIATION = "RETALIATION"


class FileKind(StrEnum):
    """The kinds of files that can be told by their content (`app.files.sniffing`)."""

    PDF = "PDF"
    OFD = "OFD"
    DOCX = "DOCX"
    XLSX = "XLSX"
    PPTX = "PPTX"
    DOC = "DOC"
    XLS = "XLS"
    JPEG = "JPEG"
    PNG = "PNG"
    HEIC = "HEIC"
    MP4 = "MP4"
    TEXT = "TEXT"
    CSV = "CSV"


class DocumentKind(StrEnum):
    """The documents that the product writes (domain.md, section 11)."""

    ASSIGNMENT = "ASSIGNMENT"
    REMINDER = "REMINDER"
    RECTIFICATION = "RECTIFICATION"
    INTERVIEW = "INTERVIEW"
    RANKING_BULLETIN = "RANKING_BULLETIN"
    MONTHLY_REPORT = "MONTHLY_REPORT"
    DRAW_PROTOCOL = "DRAW_PROTOCOL"


class QualityConcern(StrEnum):
    """Why a handling enters the ledger of handling quality (003_…txt, 二(六): 满意率低、质量不高、实质解决难)."""

    LOW_SATISFACTION = "LOW_SATISFACTION"
    LOW_QUALITY = "LOW_QUALITY"
    HARD_TO_SOLVE = "HARD_TO_SOLVE"


class RectificationSource(StrEnum):
    """Where a rectification task comes from."""

    NOTICE = "NOTICE"
    RANKING = "RANKING"
    BAD_RATING = "BAD_RATING"
    PROBLEM_LIST = "PROBLEM_LIST"
    INSPECTION = "INSPECTION"
    AUDIT = "AUDIT"
    WORK_PLAN = "WORK_PLAN"


class IntegrityKind(StrEnum):
    """The entries of the integrity ledger (004_…txt, 四)."""

    ARREARS = "ARREARS"
    UNKEPT_PROMISE = "UNKEPT_PROMISE"
    OVERDUE_ENFORCEMENT_PAYMENT = "OVERDUE_ENFORCEMENT_PAYMENT"
    IMPROPER_ENFORCEMENT = "IMPROPER_ENFORCEMENT"
    BLACKLISTED_INTERMEDIARY = "BLACKLISTED_INTERMEDIARY"


class Period(StrEnum):
    """How often something falls due."""

    MONTH = "MONTH"
    QUARTER = "QUARTER"
    YEAR = "YEAR"


class EvaluatorCategory(StrEnum):
    """Whom the evaluator panel is drawn from (000_…txt, 一)."""

    ABOVE_SCALE = "ABOVE_SCALE"
    MSME = "MSME"
    SERVICE_USER = "SERVICE_USER"
    SPECIAL_MONITOR = "SPECIAL_MONITOR"
    REPRESENTATIVE = "REPRESENTATIVE"
    MEDIA = "MEDIA"


class EvaluatorGroup(StrEnum):
    """The three kinds of representatives (两代表一委员)."""

    PARTY_CONGRESS = "PARTY_CONGRESS"
    PEOPLES_CONGRESS = "PEOPLES_CONGRESS"
    CPPCC = "CPPCC"


class DrawTie(StrEnum):
    """Which category takes the seat when two remainders are equal."""

    LARGER_CATEGORY_FIRST = "LARGER_CATEGORY_FIRST"
    SMALLER_CATEGORY_FIRST = "SMALLER_CATEGORY_FIRST"


class WithinCategory(StrEnum):
    """How the seats of one category are drawn: all alike, or in proportion to their origins."""

    AT_RANDOM = "AT_RANDOM"
    BY_ORIGIN = "BY_ORIGIN"


class RatingDimension(StrEnum):
    """What a real-time rating judges (000_…txt, 五)."""

    EFFICIENCY = "EFFICIENCY"
    WORK_STYLE = "WORK_STYLE"
    ATTITUDE = "ATTITUDE"
    FULFILMENT = "FULFILMENT"
    LAWFULNESS = "LAWFULNESS"
    OPENNESS = "OPENNESS"


class RatingCounts(StrEnum):
    """What of a rating counts: its overall level, or its dimensions by their weights."""

    OVERALL_LEVEL = "OVERALL_LEVEL"
    WEIGHTED_DIMENSIONS = "WEIGHTED_DIMENSIONS"


class MissingPart(StrEnum):
    """What a subject without real-time ratings scores: its survey score alone, or a zero for that part."""

    RENORMALISE = "RENORMALISE"
    ZERO = "ZERO"


class ProgrammeKind(StrEnum):
    """The evaluations that run on the same machinery (domain.md, section 7)."""

    POLICY_SATISFACTION = "POLICY_SATISFACTION"
    BIDDING_PLATFORM = "BIDDING_PLATFORM"
    STEWARD_SERVICE = "STEWARD_SERVICE"
    TICKET_FOLLOW_UP = "TICKET_FOLLOW_UP"
    THIRD_PARTY_INDICATORS = "THIRD_PARTY_INDICATORS"
    INDUSTRY_CONDUCT = "INDUSTRY_CONDUCT"


class AnswerMode(StrEnum):
    """How the answers of a programme come in; every answer is marked with it."""

    BALLOT = "BALLOT"
    PHONE = "PHONE"
    ON_SITE = "ON_SITE"
    IMPORT = "IMPORT"


class PolicyItemKind(StrEnum):
    """免申即享, 即申即享, 综合评审 (000_…txt, 惠企政策, 二(一))."""

    AUTOMATIC = "AUTOMATIC"
    INSTANT = "INSTANT"
    REVIEWED = "REVIEWED"


class PolicyLevel(StrEnum):
    """Who issued a policy."""

    STATE = "STATE"
    PROVINCE = "PROVINCE"
    CITY = "CITY"
    COUNTY = "COUNTY"


class ConsequenceKind(StrEnum):
    """What being last leads to (000_…txt, 六(二))."""

    RECTIFICATION = "RECTIFICATION"
    INTERVIEW = "INTERVIEW"
    LEADERSHIP_REVIEW = "LEADERSHIP_REVIEW"


class Measure(StrEnum):
    """What a handling ranking measures (domain.md, section 10)."""

    ON_TIME = "ON_TIME"
    RESOLUTION = "RESOLUTION"
    SATISFACTION = "SATISFACTION"
    RESPONSE = "RESPONSE"
    RETURN = "RETURN"
    REDO = "REDO"


class Formula(StrEnum):
    """How measures become a score: by their weights, or each first valued by its band."""

    WEIGHTED = "WEIGHTED"
    BANDED = "BANDED"


class StewardSegment(StrEnum):
    """Which enterprises a steward grid tells apart (004_…txt, 一)."""

    KEY_PROJECT = "KEY_PROJECT"
    ABOVE_SCALE_INDUSTRY = "ABOVE_SCALE_INDUSTRY"
    ABOVE_LIMIT_TRADE = "ABOVE_LIMIT_TRADE"
    OTHER = "OTHER"


class InteractionKind(StrEnum):
    """How a steward is in touch with an enterprise."""

    VISIT = "VISIT"
    CALL = "CALL"
    MESSAGE = "MESSAGE"
