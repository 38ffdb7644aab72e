"""What supervision made of an invented ticket: the notices that its events set off, what became of them, and who was
told of what.

Pure, as the ticket's life is: the triggers are asked as the follower asks them, and what follows comes in its place on
the ticket's timeline.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from app.deadlines.rules import calendar_of, due
from app.demo import notices as texts
from app.demo.city import DemoCity, DemoKind, DemoTenant, demo_id, seeded
from app.kernel.events import Author, chain_hash
from app.supervision.lifecycle import KINDS
from app.supervision.notifying import TOPIC
from app.supervision.raising import LETTERS, SERIALS, level_of
from app.supervision.triggers import Condition, Past, condition_after, goes_off, lead_of, may_set_off
from app.supervision.words import NoticeKind, NoticeStatus, NotificationKind
from app.tickets.words import TicketEventType, TicketStatus, Visibility
from authz.roles import Role
from tenants.schemes.supervision import TRIGGERS_BY_LEVEL, SupervisionLevel
from tenants.schemes.words import TriggerKind

NOTICE_COLUMNS: Final = (
    "city_id", "id", "number", "version", "scheme_version", "level", "kind", "ticket_id", "restricted", "addressee_id",
    "addressee_county_id", "trigger", "times", "cause", "reason", "evidence", "raised_by", "raised_by_tenant_id",
    "raised_by_role", "issued_at", "issued_on", "reply_due_at", "provisional", "listed", "may_refer", "status",
    "reply", "replied_by", "replied_at", "closed_by", "closed_at", "withdrawal", "withdrawn_by", "withdrawn_at",
    "referred_by", "referred_at", "outcome", "outcome_at", "chased_at",
)  # fmt: skip
NOTIFICATION_COLUMNS: Final = (
    "city_id", "id", "subject_id", "tenant_id", "kind", "ticket_id", "notice_id", "restricted", "at",
)  # fmt: skip
TOLD_FOR: Final = 30 * 24 * 3600
"""Seconds: whoever opens the demonstration looks up what they were told lately."""

T = TicketEventType
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_MOST: Final = 64
"""More notices than a ticket has, and fewer notifications than four times that; numbers those of all tickets."""
_IN_HAND: Final = (TicketStatus.DISPATCHED, TicketStatus.IN_PROGRESS)
_LEVELS: Final = {trigger: level for level, triggers in TRIGGERS_BY_LEVEL.items() for trigger in triggers}
_KEEPERS: Final = {1: Role.OFFICE, 2: Role.SUPERVISION_OFFICER, 3: Role.WORKING_GROUP}
"""Who closes and withdraws the notices of a level, and raises those of the third."""


class Life(Protocol):
    """The ticket's life, as far as supervision meets it."""

    city: DemoCity
    now: int
    index: int
    id: uuid.UUID
    at: int
    restricted: bool
    status: TicketStatus
    lead: DemoTenant | None

    def later(self, at: int, then: Callable[[], None]) -> None:
        """Have something done when that moment has come."""

    def tell(self, type_: TicketEventType, author: Author, **data: Any) -> None:
        """Record something that is for the staff alone."""

    def person(self, role: Role, tenant: DemoTenant) -> Author:
        """The demonstration's person of that role at that tenant."""


@dataclass
class Supervision:
    """The notices of one ticket."""

    life: Life
    low_levels: frozenset[str]
    tenants: dict[int, DemoTenant]
    zone: ZoneInfo
    history: list[Past] = field(default_factory=list)
    notices: list[dict[str, Any]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)

    @cached_property
    def chance(self) -> random.Random:
        """Its own, so that a ticket's life does not hang on what supervision makes of it."""
        return seeded(self.life.city.path, DemoKind.NOTICE, self.life.index)

    def follow(self, type_: TicketEventType, event_id: uuid.UUID, data: dict[str, Any]) -> None:
        """As `app.supervision.follower` follows an event of the ticket, a second after it."""
        event = Past(type_.value, data)
        self.history.append(event)
        at = self.life.at + 1
        if type_ in (T.DISPATCHED, T.ARBITRATED):
            helpers: Sequence[int] = data.get("coHandlers") or ()
            self.life.later(at, lambda: self._tell_of_assignment(data["lead"], helpers))
        if not may_set_off(event):
            return
        lead_id = lead_of(self.history)
        if data.get("toStatus") == TicketStatus.DISPATCHED and lead_id is not None:
            self.life.later(at, lambda: self._notify(lead_id, NotificationKind.ASSIGNED_AGAIN))
        condition = condition_after(self.history, self.low_levels)
        if condition is not None:
            self.life.later(at, lambda: self._raise(condition, event_id))

    def _tell_of_assignment(self, lead_id: int, helpers: Sequence[int]) -> None:
        self._notify(lead_id, NotificationKind.ASSIGNED)
        for tenant_id in helpers:
            self._notify(tenant_id, NotificationKind.ASSIGNED_TO_HELP)

    def _notify(self, tenant_id: int, kind: NotificationKind, notice: dict[str, Any] | None = None) -> None:
        life = self.life
        if life.at < life.now - TOLD_FOR or len(self.told) == 4 * _MOST:
            return
        number = 8 * _MOST * life.index + 2 * len(self.told)
        event_id, subject_id = (demo_id(life.city.path, DemoKind.NOTIFICATION, number + each) for each in (0, 1))
        self.told.append(
            {
                "city_id": life.city.id,
                "id": event_id,
                "subject_id": subject_id,
                "tenant_id": tenant_id,
                "kind": kind.value,
                "ticket_id": life.id,
                "notice_id": None if notice is None else notice["id"],
                "restricted": life.restricted,
                "at": _moment(life.at),
            }
        )

    def _raise(self, condition: Condition, cause: uuid.UUID) -> None:
        level = level_of(self.life.city.scheme, _LEVELS[condition.trigger])
        times = next((each.times for each in level.triggers if each.kind is condition.trigger), None)
        if times is not None and level.automatic and goes_off(condition, times):
            self._issue(level, condition, cause=f"{condition.trigger.value}:{cause}")

    def _issue(
        self, level: SupervisionLevel, condition: Condition, *, cause: str | None = None, author: Author | None = None
    ) -> None:
        """As `app.supervision.raising` makes one."""
        life, city = self.life, self.life.city
        if len(self.notices) == _MOST:
            return
        now = _moment(life.at)
        addressee = self.tenants[condition.addressee_id]
        kind = KINDS[level.level]
        day = now.astimezone(self.zone).date()
        number = life.index * _MOST + len(self.notices)
        reply_due_at, provisional = due(calendar_of(city.scheme.calendar), level.reply_within, now)
        by_hand = author is not None
        notice: dict[str, Any] = dict.fromkeys(NOTICE_COLUMNS) | {
            "city_id": city.id,
            "id": demo_id(city.path, DemoKind.NOTICE, number),
            "number": _number(city, kind, day, number),
            "version": 1,
            "scheme_version": city.scheme_version,
            "level": level.level,
            "kind": kind.value,
            "ticket_id": life.id,
            "restricted": life.restricted,
            "addressee_id": addressee.id,
            "addressee_county_id": addressee.county_id,
            "trigger": condition.trigger.value,
            "times": condition.times,
            "cause": cause,
            "reason": self.chance.choice(texts.REASONS[condition.trigger]) if by_hand else None,
            "evidence": self.chance.choice(texts.EVIDENCE) if by_hand else None,
            "raised_by": None if author is None else author.user_id,
            "raised_by_tenant_id": None if author is None else author.tenant_id,
            "raised_by_role": None if author is None else author.role,
            "issued_at": now,
            "issued_on": day,
            "reply_due_at": reply_due_at,
            "provisional": provisional,
            "listed": level.monthly_report,
            "may_refer": level.referral_to_discipline,
            "status": NoticeStatus.ISSUED.value,
        }
        self.notices.append(notice)
        self._on_ticket(T.NOTICE_ISSUED, notice, author or Author())
        self._notify(addressee.id, NotificationKind.NOTICE_ISSUED, notice)
        self._goes_on(notice, addressee)

    def _goes_on(self, notice: dict[str, Any], addressee: DemoTenant) -> None:
        """What becomes of it; the shares are ours."""
        life, level = self.life, notice["level"]
        chance = self.chance
        days = {1: 2, 2: 5, 3: 5}[level]
        draw = chance.random()
        if draw < 0.04:
            life.later(life.at + int(chance.uniform(2, 30) * _HOUR), lambda: self._withdraw(notice))
        elif draw < 0.66:
            life.later(life.at + int(chance.uniform(0.1, 0.9 * days) * _DAY), lambda: self._reply(notice, addressee))
        elif draw < 0.8:
            life.later(life.at + int(chance.uniform(2, 4) * days * _DAY), lambda: self._reply(notice, addressee))
        if level == 1:
            life.later(int(notice["reply_due_at"].timestamp()) + 1, lambda: self._chase(notice))
        if level == 2 and chance.random() < 0.25 and not life.restricted:
            life.later(life.at + int(chance.uniform(3, 12) * _DAY), lambda: self._interview(addressee))
        if notice["may_refer"] and chance.random() < 0.3:
            life.later(life.at + int(chance.uniform(5, 20) * _DAY), lambda: self._refer(notice))

    def _reply(self, notice: dict[str, Any], addressee: DemoTenant) -> None:
        life = self.life
        if notice["status"] != NoticeStatus.ISSUED:
            return
        lead_alone = life.restricted or self.chance.random() < 0.5
        author = life.person(Role.DEPARTMENT_LEAD if lead_alone else Role.HANDLER, addressee)
        reply = self.chance.choice(texts.REPLIES[notice["level"]])
        self._step(
            *(notice, NoticeStatus.REPLIED, T.NOTICE_REPLIED, author),
            {"reply": reply, "replied_by": author.user_id, "replied_at": _moment(life.at)},
        )
        asked = notice["raised_by_tenant_id"] or notice["addressee_county_id"] or life.city.id
        self._notify(asked, NotificationKind.NOTICE_REPLIED, notice)
        if self.chance.random() < 0.75:
            life.later(life.at + int(self.chance.uniform(0.2, 6) * _DAY), lambda: self._close(notice))

    def _close(self, notice: dict[str, Any]) -> None:
        author = self._keeper(notice)
        self._step(
            *(notice, NoticeStatus.CLOSED, T.NOTICE_CLOSED, author),
            {"closed_by": author.user_id, "closed_at": _moment(self.life.at)},
        )
        self._notify(notice["addressee_id"], NotificationKind.NOTICE_CLOSED, notice)

    def _withdraw(self, notice: dict[str, Any]) -> None:
        author = self._keeper(notice)
        told = {
            "withdrawal": self.chance.choice(texts.WITHDRAWALS),
            "withdrawn_by": author.user_id,
            "withdrawn_at": _moment(self.life.at),
        }
        self._step(notice, NoticeStatus.WITHDRAWN, T.NOTICE_WITHDRAWN, author, told)
        self._notify(notice["addressee_id"], NotificationKind.NOTICE_WITHDRAWN, notice)

    def _chase(self, notice: dict[str, Any]) -> None:
        """As the follower looks at a reminder whose reply is late."""
        life = self.life
        if notice["status"] != NoticeStatus.ISSUED:
            return
        notice["chased_at"] = _moment(life.at)
        if life.lead is not None and life.lead.id == notice["addressee_id"] and life.status in _IN_HAND:
            self._raise(Condition(TriggerKind.REMINDER_UNANSWERED, life.lead.id, 1), notice["id"])

    def _interview(self, addressee: DemoTenant) -> None:
        life = self.life
        if any(notice["level"] == 3 for notice in self.notices):
            return
        level = level_of(life.city.scheme, 3)
        trigger = self.chance.choice([each.kind for each in level.triggers])
        author = life.person(Role.WORKING_GROUP, life.city.root)
        self._issue(level, Condition(trigger, addressee.id, 1), author=author)

    def _refer(self, notice: dict[str, Any]) -> None:
        """To discipline inspection, which nobody is told of."""
        life = self.life
        if notice["status"] == NoticeStatus.WITHDRAWN:
            return
        author = self._keeper(notice)
        notice |= {"referred_by": author.user_id, "referred_at": _moment(life.at), "version": notice["version"] + 1}
        if self.chance.random() < 0.5:
            life.later(life.at + int(self.chance.uniform(10, 30) * _DAY), lambda: self._come_of_it(notice))

    def _come_of_it(self, notice: dict[str, Any]) -> None:
        outcome = self.chance.choice(texts.OUTCOMES)
        notice |= {"outcome": outcome, "outcome_at": _moment(self.life.at), "version": notice["version"] + 1}

    def _keeper(self, notice: dict[str, Any]) -> Author:
        """Of a restricted ticket supervision alone knows."""
        role = _KEEPERS[notice["level"]]
        return self.life.person(Role.SUPERVISION_OFFICER if self.life.restricted else role, self.life.city.root)

    def _step(
        self, notice: dict[str, Any], to: NoticeStatus, type_: TicketEventType, author: Author, told: dict[str, Any]
    ) -> None:
        notice |= {**told, "status": to.value, "version": notice["version"] + 1}
        self._on_ticket(type_, notice, author)

    def _on_ticket(self, type_: TicketEventType, notice: dict[str, Any], author: Author) -> None:
        told = {"notice": str(notice["id"]), "noticeNumber": notice["number"], "noticeLevel": notice["level"]}
        self.life.tell(type_, author, visibility=Visibility.INTERNAL, **told)


def event_of(notification: tuple[Any, ...]) -> tuple[Any, ...]:
    """The event by which a notification reached whom it is for, with the columns of a ticket's."""
    told = dict(zip(NOTIFICATION_COLUMNS, notification, strict=True))
    event: dict[str, Any] = {
        "city_id": told["city_id"],
        "id": told["id"],
        "topic": TOPIC,
        "subject_id": told["subject_id"],
        "seq": 1,
        "version": 1,
        "type": told["kind"],
        "at": told["at"],
        "actor_id": None,
        "actor_tenant_id": None,
        "actor_role": None,
        "visibility": Visibility.INTERNAL.value,
        "restricted": told["restricted"],
        "data": {},
        "prev_hash": None,
    }
    event["hash"] = chain_hash(event)
    event["data"] = "{}"
    return tuple(event.values())


def _number(city: DemoCity, kind: NoticeKind, day: date, number: int) -> str:
    """Scattered like the real ones, and distinct on each day."""
    serial = (number * 617_263 + 482_913) % SERIALS
    return f"{city.scheme.tickets.number_prefix}-{LETTERS[kind]}-{day:%Y%m%d}-{serial:06d}"


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
