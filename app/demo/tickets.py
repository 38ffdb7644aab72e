"""Invented tickets: what was written, and a whole life walked through the real lifecycle, event by event.

Pure: the `index`-th ticket of a city is the same in every run with the same `now` and the same enterprises. Moments are
counted in whole seconds since 1970 (UTC), since a year of them for 200,000 tickets is a lot of `datetime`s.
"""

from __future__ import annotations

import heapq
import random
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate, count
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import orjson

from app.deadlines.rules import calendar_of, due, end_state, warning
from app.deadlines.words import DeadlineState
from app.demo import texts
from app.demo.city import DemoCity, DemoKind, DemoTenant, demo_id, seeded
from app.demo.enterprises import DemoEnterprise
from app.demo.logins import enterprise_user_id, login_id, login_of
from app.demo.supervision import Supervision
from app.demo.texts import Subject
from app.kernel.events import Author, chain_hash
from app.responsibility.evidence import Lesson, lessons_of_dispatch, lessons_of_ruling
from app.tickets.actions.submit import ANONYMOUS_CATEGORIES
from app.tickets.clocks import Clock, Shown, shown_after, turn
from app.tickets.events import EVENT_TYPES
from app.tickets.lifecycle import (
    FINAL_STATUSES,
    INITIAL,
    Action,
    Facts,
    acceptance_outcome,
    follow_up_outcome,
    next_round,
    next_status,
    rating_outcome,
)
from app.tickets.numbers import SERIALS, ticket_number
from app.tickets.sweep import PUBLIC_WHEN_MISSED
from app.tickets.words import (
    Satisfaction,
    SecrecyLevel,
    TicketCategory,
    TicketChannel,
    TicketEventType,
    TicketStatus,
    Visibility,
)
from authz.roles import Role
from tenants.models import TenantKind
from tenants.schemes.words import Receiver

TICKET_COLUMNS: Final = (
    "city_id", "id", "number", "version", "scheme_version", "category", "channel", "title", "body", "status", "round",
    "secrecy", "county_id", "enterprise_id", "reporter_name", "reporter_phone", "reporter_anonymous", "submitter_id",
    "lead_id", "lead_county_id", "submitted_at", "accepted_at", "dispatched_at", "acknowledged_at", "resolved_at",
    "closed_at", "satisfaction", "resolution", "own_receipt", "has_office", "decision_number",
    "decision_published_at", "contacted_at", "due_at", "acknowledge_due_at", "resolve_due_at",
    "origin_platform", "origin_number",
)  # fmt: skip
CO_HANDLER_COLUMNS: Final = ("city_id", "ticket_id", "tenant_id")
DEADLINE_COLUMNS: Final = (
    "city_id", "id", "subject_id", "kind", "round", "scheme_version", "amount", "unit", "started_at", "due_at",
    "provisional", "state", "ended_at", "warn_at", "warned_at", "missed_at",
)  # fmt: skip
NAMED_PERSON_COLUMNS: Final = ("city_id", "ticket_id", "user_id", "named_at")
EVENT_COLUMNS: Final = (
    "city_id", "id", "topic", "subject_id", "seq", "version", "type", "at", "actor_id", "actor_tenant_id", "actor_role",
    "visibility", "restricted", "data", "prev_hash", "hash",
)  # fmt: skip

S = TicketStatus
A = Action
T = TicketEventType
_T = TypeVar("_T")

HOUR: Final = 3600
DAY: Final = 24 * HOUR
_SHANGHAI: Final = 8 * HOUR
_YEAR: Final = 365
_MORNING, _NOON, _AFTERNOON, _EVENING = 9 * HOUR, 12 * HOUR, 13 * HOUR, 17 * HOUR
_EVENTS_PER_TICKET: Final = 1 << 8
"""More than a life has; numbers the events, and the deadlines, of all tickets of a city."""

_CATEGORIES: Final = {
    TicketCategory.CONSULTATION: 30,
    TicketCategory.HELP: 32,
    TicketCategory.COMPLAINT: 18,
    TicketCategory.REPORT: 10,
    TicketCategory.SUGGESTION: 7,
    TicketCategory.BIDDING_COMPLAINT: 3,
}
_CHANNELS: Final = {
    TicketChannel.HOTLINE: 30,
    TicketChannel.WEB: 14,
    TicketChannel.MINI_PROGRAM: 14,
    TicketChannel.SERVICE_WINDOW: 10,
    TicketChannel.QR_CODE: 7,
    TicketChannel.STEWARD_VISIT: 6,
    TicketChannel.E_LICENCE: 5,
    TicketChannel.STUCK_WINDOW: 3,
    TicketChannel.OFFICER_VISIT: 3,
    TicketChannel.FORWARDED: 3,
    TicketChannel.EMAIL: 2,
    TicketChannel.OTHER_PLATFORM: 1,
    TicketChannel.OTHER_CITY: 1,
    TicketChannel.COMPLAINT_CENTRE: 1,
}
_PLATFORMS: Final = {
    TicketChannel.HOTLINE: "12345",
    TicketChannel.FORWARDED: "省级督办平台",
    TicketChannel.OTHER_CITY: "跨市协办平台",
    TicketChannel.OTHER_PLATFORM: "省企业诉求平台",
}
"""Where the tickets of these channels were before."""
_PORTALS: Final = frozenset(
    {TicketChannel.WEB, TicketChannel.MINI_PROGRAM, TicketChannel.QR_CODE, TicketChannel.E_LICENCE}
)
"""Where an enterprise signs in itself; everything else is registered by the staff."""

_WORKING_DAYS: Final = {
    TicketCategory.CONSULTATION: (0.1, 2.5),
    TicketCategory.HELP: (0.5, 5.0),
    TicketCategory.COMPLAINT: (1.0, 10.0),
    TicketCategory.REPORT: (1.0, 10.0),
    TicketCategory.SUGGESTION: (0.5, 5.0),
    TicketCategory.BIDDING_COMPLAINT: (4.0, 28.0),
}
"""How long the departments take, in days, least and most; some tickets are late all the same."""

_VERDICTS: Final = (
    tuple(Satisfaction),
    {
        1: tuple(accumulate((36, 42, 10, 8, 4))),
        2: tuple(accumulate((14, 36, 15, 20, 15))),
    },
)
_REPORTERS: Final = ("个体经营者", "办事群众", "商户代表", "项目负责人", "合作社社员")
_ESCALATED_TO: Final = (Role.OFFICE, Role.SUPERVISION_OFFICER)


@dataclass(frozen=True, slots=True)
class DemoTicket:
    """The rows of one ticket: its own, its co-handlers', its named persons', its deadlines', its events', its notices'
    and what was told of them; what its dispatches have taught, and whom an arbitration named last."""

    row: tuple[Any, ...]
    co_handlers: list[tuple[Any, ...]]
    named_persons: list[tuple[Any, ...]]
    deadlines: list[tuple[Any, ...]]
    events: list[tuple[Any, ...]]
    lessons: list[Lesson]
    ruled_for: int | None
    notices: list[tuple[Any, ...]]
    notifications: list[tuple[Any, ...]]


def tickets(
    city: DemoCity, enterprises: Sequence[DemoEnterprise], start: int, stop: int, *, now: datetime
) -> Iterator[DemoTicket]:
    """The city's invented tickets from number `start` up to but not including `stop`, over the year before `now`.

    Raises ValueError for a city without counties or without any department that a subject is meant for.
    """
    stage = _Stage.of(city, enterprises)
    moment = int(now.timestamp())
    for index in range(start, stop):
        yield _Life(stage, index, moment).walk()


def office_time(moment: int) -> int:
    """The moment itself inside office hours (Monday to Friday, 9–12 and 13–17 in Shanghai), else when they next begin.

    Holidays are not looked up: these are only demonstrations.
    """
    day, second = divmod(moment + _SHANGHAI, DAY)
    weekday = (day + 3) % 7  # 1970 began on a Thursday
    if weekday < 5:
        if _MORNING <= second < _NOON or _AFTERNOON <= second < _EVENING:
            return moment
        if second < _MORNING:
            return day * DAY + _MORNING - _SHANGHAI
        if second < _AFTERNOON:
            return day * DAY + _AFTERNOON - _SHANGHAI
    day += 1 if weekday < 4 or weekday == 6 else 7 - weekday
    return day * DAY + _MORNING - _SHANGHAI


@dataclass(frozen=True)
class _Stage:
    """What all lives of a city share."""

    city: DemoCity
    enterprises: Sequence[DemoEnterprise]
    subjects: Mapping[TicketCategory, tuple[Sequence[tuple[Subject, DemoTenant]], Sequence[int]]]
    categories: tuple[Sequence[TicketCategory], Sequence[int]]
    departments: Sequence[DemoTenant]
    channels: tuple[Sequence[TicketChannel], Sequence[int]]
    replies: Mapping[str, tuple[str, ...]]
    low_levels: frozenset[Satisfaction]
    tenants: dict[int, DemoTenant]
    zone: ZoneInfo
    staff: dict[tuple[Role, str], Author] = field(default_factory=dict)

    @classmethod
    def of(cls, city: DemoCity, enterprises: Sequence[DemoEnterprise]) -> _Stage:
        present = [
            (subject, city.departments[slug])
            for subject in texts.SUBJECTS
            if (slug := next((slug for slug in subject.department if slug in city.departments), None))
        ]
        if not present or not city.counties:
            raise ValueError(f"{city.path} has no counties or no department that the demonstration knows")
        rules = city.scheme.tickets
        subjects = {}
        for category in filter(rules.category, TicketCategory):
            offered = [(subject, department) for subject, department in present if subject.problems(category)]
            if offered:
                subjects[category] = (offered, tuple(accumulate(subject.weight for subject, _ in offered)))
        categories = tuple(subjects)
        channels = tuple(channel for channel in _CHANNELS if channel in rules.channels)
        return cls(
            city,
            enterprises,
            subjects,
            (categories, tuple(accumulate(_CATEGORIES[category] for category in categories))),
            tuple(city.departments.values()),
            (channels, tuple(accumulate(_CHANNELS[channel] for channel in channels))),
            {
                problem: subject.replies_to(problem)
                for subject, _ in present
                for category in categories
                for problem in subject.problems(category)
            },
            frozenset(map(Satisfaction, rules.follow_up.low_levels)),
            {tenant.id: tenant for tenant in city.tenants},
            ZoneInfo(city.scheme.calendar.time_zone),
        )

    def author(self, role: Role, tenant: DemoTenant) -> Author:
        """The demonstration's person of that role at that tenant."""
        key = (role, tenant.path)
        author = self.staff.get(key)
        if author is None:
            author = Author(login_id(login_of(role, tenant.path)), tenant.id, role.value)
            self.staff[key] = author
        return author


class _Life:
    """One ticket on its way. Every step asks the lifecycle what follows; nothing here knows better."""

    def __init__(self, stage: _Stage, index: int, now: int) -> None:
        self.stage = stage
        self.city = stage.city
        self.now = now
        self.index = index
        self.chance = chance = seeded(self.city.path, DemoKind.TICKET, index)
        self.id = demo_id(self.city.path, DemoKind.TICKET, index)
        self.at = self.submitted_at = _submission(chance, now)
        self.events: list[tuple[Any, ...]] = []
        self.lessons: list[Lesson] = []
        self.ruled_for: int | None = None
        self.status = INITIAL
        self.round = 1
        self.version = 1
        self.category = _pick(chance, *stage.categories)
        self.subject, self.competent = _pick(chance, *stage.subjects[self.category])
        self.channel = self._channel()
        self.secrecy = self._secrecy()
        self.restricted = self.secrecy is SecrecyLevel.RESTRICTED
        self.enterprise = self._enterprise()
        self.county = self._county()
        self.desk = self._desk()
        self.anonymous = self.enterprise is None and self.category in ANONYMOUS_CATEGORIES and chance.random() < 0.4
        self.submitter = self._submitter()
        self.reporter = self._reporter()
        rule = self.city.scheme.tickets.categories[self.category]
        self.own_receipt = rule.received_by is Receiver.COMPETENT_DEPARTMENT
        self.written, self.published = rule.written_decision, rule.publish_decision
        self.lead: DemoTenant | None = self._receiver() if self.own_receipt else None
        self.decision: str | None = None
        self.has_office = self.city.scheme.tickets.has_office
        self.co_handlers: list[DemoTenant] = []
        self.named: dict[uuid.UUID, int] = {}
        self.moments: dict[str, int] = {}
        self.deadlines: list[dict[str, Any]] = []
        self.order = count()
        self.agenda: list[tuple[int, int, Callable[[], None]]] = []
        self.supervision = Supervision(self, stage.low_levels, stage.tenants, stage.zone)
        self.shown = Shown()
        self.satisfaction: Satisfaction | None = None
        self.resolution: str | None = None
        self.rated = False
        self.returns = 0
        self.comments = 0
        self.slots = self._slots()
        self.title, self.body = self._text()

    # How it begins

    def _channel(self) -> TicketChannel:
        if self.category in (TicketCategory.REPORT, TicketCategory.COMPLAINT) and self.chance.random() < 0.12:
            return TicketChannel.COMPLAINT_CENTRE
        return _pick(self.chance, *self.stage.channels)

    def _secrecy(self) -> SecrecyLevel:
        draw = self.chance.random()
        if self.category is TicketCategory.REPORT:
            if draw < 0.04:
                return SecrecyLevel.RESTRICTED
            return SecrecyLevel.CONFIDENTIAL if draw < 0.26 else SecrecyLevel.NORMAL
        if self.category is TicketCategory.COMPLAINT and draw < 0.05:
            return SecrecyLevel.CONFIDENTIAL
        return SecrecyLevel.NORMAL

    def _enterprise(self) -> DemoEnterprise | None:
        """The first enterprises of a city have more to say than the later ones: nobody's inbox is empty."""
        enterprises = self.stage.enterprises
        if not enterprises or (self.channel not in _PORTALS and self.chance.random() < 0.3):
            return None
        return enterprises[int(len(enterprises) * self.chance.random() ** 1.5)]

    def _county(self) -> DemoTenant | None:
        if self.enterprise is not None:
            return self.enterprise.county
        return self.chance.choice(self.city.counties) if self.chance.random() < 0.85 else None

    def _desk(self) -> DemoTenant:
        """Where it is taken in and handed out: at the city, or at the county where the matter lies."""
        if self.county is not None and not self.restricted and self.chance.random() < 0.3:
            return self.county
        return self.city.root

    def _receiver(self) -> DemoTenant:
        """Whom the reporter thinks competent: mostly, they are."""
        return self.chance.choice(self.stage.departments) if self.chance.random() < 0.12 else self.competent

    def _submitter(self) -> Author:
        if self.enterprise is not None and self.channel in _PORTALS:
            return Author(
                enterprise_user_id(self.city, self.enterprise.index), self.city.id, Role.ENTERPRISE_USER.value
            )
        if self.channel is TicketChannel.STEWARD_VISIT:
            return self.stage.author(Role.STEWARD, self.desk)
        if self.channel is TicketChannel.COMPLAINT_CENTRE and self.chance.random() < 0.2:
            return self.stage.author(Role.SPECIAL_MONITOR, self.city.root)
        return self.stage.author(Role.INTAKE_AGENT, self.desk)

    def _slots(self) -> dict[str, Any]:
        """What the braces of the texts stand for. Never the enterprise's name: a masked reporter must stay masked."""
        chance, submitted = self.chance, _moment(self.at)
        return {
            "county": (self.county or self.city.root).name,
            "trade": self.enterprise.trade if self.enterprise else "小微经营",
            "staff": self.enterprise.staff if self.enterprise else chance.randint(2, 30),
            "years": max(1, submitted.year - self.enterprise.founded) if self.enterprise else chance.randint(2, 12),
            "days": chance.randint(5, 90),
            "times": chance.randint(2, 6),
            "n": chance.randint(2, 9),
            "count": chance.randint(5, 80),
            "amount": chance.randint(3, 480),
            "loss": chance.randint(3, 60) * 100,
            "kva": chance.choice((200, 315, 400, 630, 800, 1000)),
            "month": (submitted.month - 1 - chance.randint(0, 2)) % 12 + 1,
            "street": chance.choice(texts.STREETS),
            "place": chance.choice(texts.PLACES),
            "window": chance.choice(texts.WINDOWS),
        }

    def _text(self) -> tuple[str, str]:
        chance = self.chance
        self.problem = chance.choice(self.subject.problems(self.category))
        title, _, problem = self.problem.partition("|")
        opener = texts.OPENERS["enterprise" if self.enterprise else "anonymous" if self.anonymous else "person"]
        parts = (
            chance.choice(opener),
            problem,
            "。",
            chance.choice(texts.DETAILS),
            chance.choice(texts.CLOSINGS[self.category]),
        )
        return title.format_map(self.slots), "".join(parts).format_map(self.slots)

    # How it goes on

    def walk(self) -> DemoTicket:
        """From the submission to where it stands now."""
        self._turn_clocks(None, None)
        received_by = None if self.lead is None else self.lead.id
        self._record(T.SUBMITTED, self.submitter, toStatus=self.status.value, round=self.round, lead=received_by)
        if self.restricted:
            self._name_person(self.submitter)
            self._name(self.city.root, self.city.scheme.secrecy.restricted_named_roles)
        while self.status not in FINAL_STATUSES:
            action = self._choose()
            if not self._let_pass(action):
                break
            self._take(action)
        self._pass_to(self.now)  # a notice is replied to also when the ticket has come to its end
        return self._rows()

    def _choose(self) -> Action:
        """What somebody does next; the weights are ours, the steps are the lifecycle's."""
        draw = self.chance.random()
        if draw < 0.006 and self.reporter is not None:
            return A.WITHDRAW
        match self.status:
            case S.SUBMITTED if self.own_receipt:
                if self.lead is not self.competent:
                    return A.RETURN
                return A.DECLINE if draw < 0.1 else A.ACCEPT
            case S.SUBMITTED:
                if draw > (0.62 if self.category is TicketCategory.CONSULTATION else 0.97):
                    return A.ANSWER
                return A.DECLINE if draw < 0.05 else A.ACCEPT
            case S.ACCEPTED:
                again = self.round > 1 or self.category is TicketCategory.CONSULTATION
                return A.ANSWER if again and draw > 0.85 else A.DISPATCH
            case S.DISPATCHED:
                misled = self.lead is not self.competent and self.lead is not self.county
                if self.returns < 2 and draw < (0.85 if misled else 0.02):
                    return A.RETURN
                return A.ACKNOWLEDGE
            case S.DISPUTED:
                return A.ARBITRATE
            case S.IN_PROGRESS:
                if "contacted" not in self.moments and draw < 0.9:
                    return A.FIRST_CONTACT
                if self.comments < 4 and draw < 0.42:
                    return A.COMMENT
                return A.RESOLVE
            case S.ESCALATED:
                return A.DISPATCH
            case _:
                rates = not self.rated and self.reporter is not None and draw < 0.4
                return A.RATE if rates else A.FOLLOW_UP

    def _let_pass(self, action: Action) -> bool:
        """Move on to when it happens; False when that is still to come, and the ticket stands where it stands."""
        chance = self.chance
        shortest, longest = self._hours(action)
        seconds = int((shortest + (longest - shortest) * chance.random() ** 2) * HOUR)
        # Some lie about for weeks: what supervision is there for.
        rare = self.status in (S.DISPUTED, S.ESCALATED)
        if chance.random() < (0.16 if rare else 0.012):
            seconds += int(chance.uniform(10, 150) * DAY)
        wished = self.at + max(60, seconds)
        by_staff = action not in (A.RATE, A.WITHDRAW)
        moment = office_time(wished) if by_staff else wished
        if moment != wished:
            moment += int(3 * HOUR * chance.random() ** 2)
        self._pass_to(min(moment, self.now))
        if moment > self.now:
            return False
        self.at = moment
        return True

    def _hours(self, action: Action) -> tuple[float, float]:
        match action:
            case A.ACCEPT | A.DECLINE if self.own_receipt:
                return 4.0, 60.0
            case A.ACCEPT | A.ANSWER | A.DECLINE:
                return 0.1, 9.0
            case A.DISPATCH | A.ARBITRATE:
                return (6.0, 60.0) if self.status in (S.ESCALATED, S.DISPUTED) else (0.2, 8.0)
            case A.ACKNOWLEDGE | A.RETURN | A.FIRST_CONTACT:
                return 0.5, 26.0
            case A.COMMENT:
                return 0.5, 30.0
            case A.RESOLVE:
                least, most = _WORKING_DAYS[self.category]
                return least * 24, most * 24
            case A.RATE:
                return 0.5, 40.0
            case _:
                return 3.0, 72.0

    def _take(self, action: Action) -> None:
        match action:
            case A.ACCEPT:
                self._step(action, self._taker())
            case A.DECLINE:
                self._step(action, self._taker(), note=self.chance.choice(texts.DECLINES))
            case A.ANSWER:
                self.resolution = self.chance.choice(texts.ANSWERS)
                self._step(action, self._intake(), note=self.resolution)
            case A.DISPATCH:
                self._dispatch()
            case A.ACKNOWLEDGE:
                self._step(action, self._handler())
            case A.FIRST_CONTACT:
                self.moments["contacted"] = self.at
                self._step(action, self._handler())
            case A.RETURN:
                self.returns += 1
                self._step(action, self._handler(), note=self.chance.choice(texts.RETURNS))
            case A.ARBITRATE:
                self._assign(self.competent, ruling=True)
                office = self._staff(Role.OFFICE if self.has_office else Role.DISPATCHER, self.city.root)
                self._step(action, office, note=self.chance.choice(texts.ARBITRATIONS), **self._assignment())
            case A.COMMENT:
                self._comment()
            case A.RESOLVE:
                replies = self.stage.replies[self.problem]
                self.resolution = self.chance.choice(replies).format_map(self.slots)
                self._decide()
                self._step(action, self._handler(), note=self.resolution, decisionNumber=self.decision)
            case A.RATE:
                self._rate()
            case A.FOLLOW_UP:
                self._follow_up()
            case _:
                assert self.reporter is not None
                self._step(A.WITHDRAW, self.reporter, note=self.chance.choice(texts.WITHDRAWALS))

    def _decide(self) -> None:
        """The number of a written decision, and that it is published."""
        if not self.written:
            return
        self.decision = f"{self.city.short_name}招投诉〔{_moment(self.at).year}〕{self.index + 1}号"
        if self.published and self.secrecy is SecrecyLevel.NORMAL:
            self.moments["published"] = self.at

    def _dispatch(self) -> None:
        if self.status is S.ESCALATED:
            author = self._staff(self.chance.choice(_ESCALATED_TO), self.city.root)
            self._assign(self.competent)
            note = self.chance.choice(texts.ESCALATION_NOTES)
        else:
            author = self._staff(Role.DISPATCHER, self.desk)
            self._assign(self._first_lead())
            note = self.chance.choice(texts.DISPATCH_NOTES)
        self._step(A.DISPATCH, author, note=note or None, **self._assignment())

    def _first_lead(self) -> DemoTenant:
        """Mostly the competent department, often the county for what lies there, now and then the wrong one."""
        if self.desk is self.county:
            return self.county  # a county's desk hands out inside the county
        draw = self.chance.random()
        if draw < 0.05 and not self.restricted:
            return self.chance.choice(self.stage.departments)
        at_county = self.county is not None and self.chance.random() < self.subject.local
        return self.county if at_county and self.county is not None else self.competent

    def _assign(self, lead: DemoTenant, *, ruling: bool = False) -> None:
        self._learn(lead, ruling=ruling)
        self.lead = lead
        self.co_handlers = [] if self.restricted else self._helpers(lead)
        if self.restricted:
            self._name(lead, self.city.scheme.secrecy.restricted_handler_roles)

    def _learn(self, lead: DemoTenant, *, ruling: bool) -> None:
        """As `app.tickets.competence` does it."""
        before = None if self.lead is None else self.lead.id
        counted = self.lead is not None and self.lead.kind != TenantKind.COUNTY and not self.own_receipt
        if ruling and not self.restricted:
            self.ruled_for = lead.id
        if self.secrecy is not SecrecyLevel.NORMAL:
            return
        if ruling:
            self.lessons += lessons_of_ruling(before, lead.id, counted=counted)
        elif not (lead is self.desk and self.status is not S.ESCALATED):  # a county's desk has nobody else
            self.lessons += lessons_of_dispatch(before, lead.id, counted=counted)

    def _helpers(self, lead: DemoTenant) -> list[DemoTenant]:
        if lead is self.desk:
            return []
        asked = [self.city.departments[slug] for slug in self.subject.helpers if slug in self.city.departments]
        if self.county is not None:
            asked.append(self.county)
        return [tenant for tenant in asked if tenant is not lead and self.chance.random() < 0.18]

    def _assignment(self) -> dict[str, Any]:
        assert self.lead is not None
        return {"lead": self.lead.id, "coHandlers": [tenant.id for tenant in self.co_handlers]}

    def _comment(self) -> None:
        self.comments += 1
        internal = self.chance.random() < 0.4
        note = self.chance.choice(texts.INTERNAL_COMMENTS if internal else texts.PUBLIC_COMMENTS)
        visibility = Visibility.INTERNAL if internal else Visibility.PUBLIC
        self._record(T.COMMENTED, self._handler(), visibility=visibility, note=note.format_map(self.slots))

    def _rate(self) -> None:
        assert self.reporter is not None
        self.satisfaction = verdict = self._verdict()
        self.rated = True
        note = self.chance.choice(texts.FOLLOW_UPS[verdict])
        following = rating_outcome(Facts(self.status), dissatisfied=verdict in self.stage.low_levels)
        self._step(A.RATE, self.reporter, to=following, note=note, satisfaction=verdict.value)

    def _follow_up(self) -> None:
        said = self.satisfaction if self.rated else None
        self.satisfaction = verdict = said or self._verdict()
        self.rated = False
        dissatisfied = verdict in self.stage.low_levels
        justified = dissatisfied and self.round < 4 and self.chance.random() < 0.65
        following = follow_up_outcome(
            Facts(self.status),
            self.round,
            dissatisfied=dissatisfied,
            justified=justified,
            rounds=self.city.scheme.tickets.follow_up.rounds,
        )
        note = self.chance.choice(texts.FOLLOW_UPS[verdict])
        self.comments = 0
        self._step(
            A.FOLLOW_UP,
            self._intake(),
            to=following,
            note=note,
            satisfaction=verdict.value,
            justified=justified if dissatisfied else None,
        )

    def _verdict(self) -> Satisfaction:
        levels, weights = _VERDICTS
        return _pick(self.chance, levels, weights[min(self.round, 2)])

    # Who does it

    def _staff(self, role: Role, tenant: DemoTenant) -> Author:
        """The person of that role, or supervision, which does all that the staff does with a restricted ticket."""
        if self.restricted:
            return self.stage.author(Role.SUPERVISION_OFFICER, self.city.root)
        return self.stage.author(role, tenant)

    def _intake(self) -> Author:
        return self._staff(Role.INTAKE_AGENT, self.desk)

    def _taker(self) -> Author:
        """Who takes it in: the desk, or the department that receives such matters itself."""
        return self._handler() if self.own_receipt else self._intake()

    def _handler(self) -> Author:
        assert self.lead is not None
        role = Role.DEPARTMENT_LEAD if self.restricted or self.chance.random() < 0.1 else Role.HANDLER
        return self.stage.author(role, self.lead)

    def _reporter(self) -> Author | None:
        """Who may rate or withdraw it: the enterprise's user, or who reported it without being the desk.

        A restricted ticket is there for who submitted it only.
        """
        if self.submitter.role != Role.INTAKE_AGENT.value and (self.restricted or self.enterprise is None):
            return self.submitter
        if self.enterprise is None or self.restricted:
            return None
        return Author(enterprise_user_id(self.city, self.enterprise.index), self.city.id, Role.ENTERPRISE_USER.value)

    def _name(self, tenant: DemoTenant, roles: Sequence[str]) -> None:
        for role in roles:
            self._name_person(self.stage.author(Role(role), tenant))

    def _name_person(self, person: Author) -> None:
        assert person.user_id is not None
        self.named.setdefault(person.user_id, self.at)

    # What is kept of it

    def _step(self, action: Action, author: Author, *, to: TicketStatus | None = None, **data: Any) -> None:
        """As `app.tickets.events.advance` does it."""
        before = self.status
        if to is None:
            facts = Facts(before, own_receipt=self.own_receipt, has_office=self.has_office)
            to = acceptance_outcome(facts) if action is A.ACCEPT else next_status(facts, action)
        self.status = after = to
        self.round = next_round(before, after, self.round)
        self.version += 1
        if after is not before:
            self._stamp(before, after)
        self._turn_clocks(before, action)
        self._record(
            EVENT_TYPES[action], author, fromStatus=before.value, toStatus=after.value, round=self.round, **data
        )

    def _stamp(self, before: TicketStatus, after: TicketStatus) -> None:
        """The times of the present round, as `app.tickets.events` keeps them."""
        if after in FINAL_STATUSES:
            self.moments["closed"] = self.at
        elif after is S.ACCEPTED:
            self.moments["accepted"] = self.at
            self.moments.pop("resolved", None)
        elif after is S.DISPATCHED:
            self.moments["dispatched"] = self.at
            self.moments.pop("acknowledged", None)
            self.moments.pop("contacted", None)
            self.moments.pop("resolved", None)
        elif after is S.IN_PROGRESS:
            self.moments["acknowledged"] = self.at
            if before is S.SUBMITTED:
                self.moments["accepted"] = self.moments["dispatched"] = self.at
        elif after in (S.ANSWERED, S.RESOLVED):
            self.moments["resolved"] = self.at

    def _turn_clocks(self, before: TicketStatus | None, action: Action | None) -> None:
        """As `app.tickets.clocks` does it."""
        turned = turn(before, action, self.status)
        if not any(turned):
            return
        now = _moment(self.at)
        for clock in self.deadlines:
            done = clock["kind"] in turned.met
            if clock["ended_at"] is None and (done or clock["kind"] in turned.cancelled):
                clock["ended_at"] = now
                clock["state"] = end_state(clock["due_at"], now, done=done).value
        for rule in turned.started:
            self._start_clock(rule, now)
        begun = self.deadlines[len(self.deadlines) - len(turned.started) :]
        dues = {clock["kind"]: clock["due_at"] for clock in begun}
        self.shown = shown_after(self.shown, turned, action, self.status, dues, now)

    def _start_clock(self, rule: Clock, now: datetime) -> None:
        scheme = self.city.scheme
        limit = rule.limit(scheme.tickets, self.category)
        calendar = calendar_of(scheme.calendar)
        due_at, provisional = due(calendar, limit, now)
        number = self.index * _EVENTS_PER_TICKET + len(self.deadlines)
        warn_at = warning(calendar, now, due_at, scheme.tickets.warn_at_share)
        self.deadlines.append(
            {
                "city_id": self.city.id,
                "id": demo_id(self.city.path, DemoKind.DEADLINE, number),
                "subject_id": self.id,
                "kind": rule.kind,
                "round": self.round,
                "scheme_version": self.city.scheme_version,
                "amount": limit.amount,
                "unit": limit.unit.value,
                "started_at": now,
                "due_at": due_at,
                "provisional": provisional,
                "state": DeadlineState.RUNNING.value,
                "ended_at": None,
                "warn_at": warn_at,
                "warned_at": None,
                "missed_at": None,
            }
        )
        clock = self.deadlines[-1]
        self.later(_second_after(warn_at), lambda: self._tell_of_deadline(clock, "warned_at", T.DEADLINE_WARNED))
        self.later(_second_after(due_at), lambda: self._tell_of_deadline(clock, "missed_at", T.DEADLINE_MISSED))

    # What happens by itself

    def later(self, at: int, then: Callable[[], None]) -> None:
        """Have something done when that moment has come."""
        heapq.heappush(self.agenda, (at, next(self.order), then))

    def _pass_to(self, moment: int) -> None:
        """Let the time pass in which nobody does anything with the ticket: what a worker does in it, it does here, so
        that the first one finds no more than what fell due since the demonstration was loaded."""
        while self.agenda and self.agenda[0][0] <= moment:
            self.at, _, then = heapq.heappop(self.agenda)
            then()

    def _tell_of_deadline(self, clock: dict[str, Any], field_: str, type_: TicketEventType) -> None:
        """As `app.tickets.sweep` would have within a second."""
        if clock["ended_at"] is not None:  # in time: what ended late was told of before its end
            return
        clock[field_] = _moment(self.at)
        public = type_ is T.DEADLINE_MISSED and clock["kind"] in PUBLIC_WHEN_MISSED
        self._record(
            type_,
            Author(),
            visibility=Visibility.PUBLIC if public else Visibility.INTERNAL,
            deadlineKind=clock["kind"],
            dueAt=clock["due_at"].astimezone(UTC).isoformat().replace("+00:00", "Z"),
            deadlineRound=clock["round"],
        )

    def tell(self, type_: TicketEventType, author: Author, **data: Any) -> None:
        """Record something that is for the staff alone."""
        self._record(type_, author, **data)

    def person(self, role: Role, tenant: DemoTenant) -> Author:
        """The demonstration's person of that role at that tenant."""
        return self.stage.author(role, tenant)

    def _record(
        self,
        type_: TicketEventType,
        author: Author,
        *,
        visibility: Visibility = Visibility.PUBLIC,
        **data: Any,
    ) -> None:
        data = {key: value for key, value in data.items() if value is not None}
        seq = len(self.events) + 1
        event_id = demo_id(self.city.path, DemoKind.EVENT, self.index * _EVENTS_PER_TICKET + seq)
        event = {
            "city_id": self.city.id,
            "id": event_id,
            "topic": "ticket",
            "subject_id": self.id,
            "seq": seq,
            "version": self.version,
            "type": type_.value,
            "at": _moment(self.at),
            "actor_id": author.user_id,
            "actor_tenant_id": author.tenant_id,
            "actor_role": author.role,
            "visibility": visibility.value,
            "restricted": self.restricted,
            "data": data,
            "prev_hash": self.events[-1][-1] if self.events else None,
        }
        event["hash"] = chain_hash(event)
        event["data"] = orjson.dumps(data).decode()
        self.events.append(tuple(event.values()))
        self.supervision.follow(type_, event_id, data)

    def _origin(self, submitted: datetime) -> tuple[str | None, str | None]:
        """The platform that had it before, and the number it keeps from there."""
        platform = _PLATFORMS.get(self.channel)
        if platform is None:
            return None, None
        serial = (self.index * 350_377 + 123_457) % SERIALS  # not that of the ticket's own number
        return platform, f"{submitted.astimezone(self.stage.zone):%Y%m%d}{serial:06d}"

    def _rows(self) -> DemoTicket:
        moments = {name: _moment(at) for name, at in self.moments.items()}
        submitted = _moment(self.submitted_at)
        person = self.enterprise is None and not self.anonymous
        city_id = self.city.id
        row = (
            city_id,
            self.id,
            ticket_number(self.city.scheme.tickets.number_prefix, submitted, self.stage.zone, _serial(self.index)),
            self.version,
            self.city.scheme_version,
            self.category.value,
            self.channel.value,
            self.title,
            self.body,
            self.status.value,
            self.round,
            self.secrecy.value,
            self.county.id if self.county else None,
            self.enterprise.id if self.enterprise else None,
            self.chance.choice(_REPORTERS) if person else None,
            f"000{self.chance.randrange(10**8):08d}" if person else None,
            self.anonymous,
            self.submitter.user_id,
            self.lead.id if self.lead else None,
            self.lead.county_id if self.lead else None,
            submitted,
            moments.get("accepted"),
            moments.get("dispatched"),
            moments.get("acknowledged"),
            moments.get("resolved"),
            moments.get("closed"),
            self.satisfaction.value if self.satisfaction else None,
            self.resolution,
            self.own_receipt,
            self.has_office,
            self.decision,
            moments.get("published"),
            moments.get("contacted"),
            *self.shown,
            *self._origin(submitted),
        )
        named = [(city_id, self.id, user, _moment(at)) for user, at in self.named.items()]
        helpers = [(city_id, self.id, tenant.id) for tenant in self.co_handlers]
        deadlines = [tuple(clock.values()) for clock in self.deadlines]
        notices = [tuple(notice.values()) for notice in self.supervision.notices]
        told = [tuple(notification.values()) for notification in self.supervision.told]
        return DemoTicket(row, helpers, named, deadlines, self.events, self.lessons, self.ruled_for, notices, told)


def _second_after(moment: datetime) -> int:
    """The first whole second after it: the sweep tells of what is past."""
    return int(moment.timestamp()) + 1


def _pick(chance: random.Random, options: Sequence[_T], cumulative: Sequence[int]) -> _T:
    return chance.choices(options, cum_weights=cumulative)[0]


def _submission(chance: random.Random, now: int) -> int:
    """A moment of the past year: on working days and in office hours mostly, more of them lately."""
    days = min(chance.expovariate(0.1), _YEAR) if chance.random() < 0.15 else chance.uniform(0, _YEAR)
    day = (now + _SHANGHAI) // DAY - int(days)
    weekday = (day + 3) % 7
    if weekday > 4 and chance.random() < 0.75:
        day -= weekday - 4
    if chance.random() < 0.88:
        second = chance.choice((_MORNING, _MORNING, _AFTERNOON)) + chance.randrange(3 * HOUR)
    else:
        second = chance.randrange(7 * HOUR, 22 * HOUR)
    moment = day * DAY + second - _SHANGHAI
    return moment if moment < now else now - chance.randrange(60, 6 * HOUR)


def _serial(index: int) -> int:
    """Scattered like the real ones, and distinct for a city's first million tickets."""
    return (index * 617_263 + 482_913) % SERIALS


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
