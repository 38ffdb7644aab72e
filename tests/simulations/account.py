"""What had to happen in a simulated year, worked out once more from what people did, and compared with what did happen.

Nothing here asks the code under test: which step has a clock, how many times set off a notice and how working time runs
is written down again, as plainly as it goes, from domain.md and the numbers of the preset.
"""

from __future__ import annotations

import uuid
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import asyncpg
import orjson

from tests.simulations.calendar import ZONE, Change, Hours, Tick

CLOCKS = {
    "VERIFICATION": ("SUBMITTED",),
    "ACKNOWLEDGEMENT": ("DISPATCHED",),
    "FIRST_CONTACT": ("IN_PROGRESS",),
    "HANDLING": ("DISPATCHED", "IN_PROGRESS"),
    "FOLLOW_UP": ("ANSWERED", "RESOLVED"),
}
"""In which states each clock runs."""
DAYS = {"VERIFICATION": 1, "ACKNOWLEDGEMENT": 1, "FIRST_CONTACT": 1, "FOLLOW_UP": 3}
HANDLING = {"CONSULTATION": 3, "HELP": 5, "SUGGESTION": 5, "COMPLAINT": 10, "REPORT": 10, "BIDDING_COMPLAINT": 30}
BIDDING_ACCEPTANCE = 3
REPLY_DAYS = 2
TASK_DAYS = {"NOTICE": 10, "BAD_RATING": 15}
DECISION_DAYS = 1
"""Working days: of each step; of handling, by category; of accepting a tender's complaint; of a reminder's reply; of a
task, by where it comes from; of deciding on a transfer."""
REPORT_DAY = 5
"""Of the month after its period."""
IN_HAND = ("DISPATCHED", "IN_PROGRESS")
LOW = ("UNSATISFIED", "VERY_UNSATISFIED")
AFTERWARDS = {"DEADLINE_WARNED", "DEADLINE_MISSED", "DEADLINE_MOVED", "PROGRESSED", "COMMENTED"}
"""Events that do not say where the ticket stands."""
TIMES = {"NOT_ACKNOWLEDGED": 2, "RETURNED": 2, "UNSATISFIED": 2, "IMPROPER_CLOSING_REQUESTED": 2}
RUNNING = ("ISSUED", "REJECTED", "REOPENED")


class Fired(NamedTuple):
    """What was told of a deadline, and at which tick."""

    ticket: uuid.UUID
    type: str
    kind: str
    round: int
    due_at: datetime
    at: datetime


class Moved(NamedTuple):
    """That a clock was moved by the calendar."""

    ticket: uuid.UUID
    kind: str
    round: int
    before: datetime
    due_at: datetime
    at: datetime


class Raised(NamedTuple):
    """A notice that raised itself."""

    ticket: uuid.UUID
    trigger: str
    addressee: int


@dataclass
class Account:
    """What happened, and every difference from what had to."""

    tickets: int = 0
    deadlines: Counter[str] = field(default_factory=Counter)
    """By kind, how many clocks there were."""
    warned: int = 0
    missed: int = 0
    moved: int = 0
    """Clocks that an extension or a pause moved."""
    recomputed: int = 0
    """Clocks that another calendar moved."""
    raised: Counter[str] = field(default_factory=Counter)
    by_hand: Counter[str] = field(default_factory=Counter)
    notices: Counter[str] = field(default_factory=Counter)
    notifications: int = 0
    tasks: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    overdue_tasks: int = 0
    reports: Counter[str] = field(default_factory=Counter)
    late_reports: int = 0
    transfers: Counter[str] = field(default_factory=Counter)
    late_transfers: int = 0
    relayed: int = 0
    """Steps of one city that were told in the other."""
    entries: Counter[str] = field(default_factory=Counter)
    owed: Decimal = Decimal(0)
    cleared: Decimal = Decimal(0)
    wrong: list[str] = field(default_factory=list)

    def compare(self, what: str, expected: Counter[Any], found: Counter[Any]) -> None:
        """Say what is missing, and what is there too often."""
        for which, more in (("not there", expected - found), ("too much", found - expected)):
            for each, times in list(more.items())[:20]:
                self.wrong.append(f"{what} {which} ({times}): {each}")
            if len(more) > 20:
                self.wrong.append(f"… and {len(more) - 20} more of {what} {which}")


Event = Mapping[str, Any]


async def take(
    connection: asyncpg.Connection,
    city_ids: Sequence[int],
    ticks: Sequence[Tick],
    *,
    founded: datetime,
    change: Change,
    changed_at: datetime | None,
) -> Account:
    """The account of the cities' year. The connection is the superuser's, `founded` when their schemes were published,
    `changed_at` the tick at which the calendar was changed."""
    account = Account()
    for city_id in city_ids:
        taking = _Taking(connection, city_id, ticks, founded, change, changed_at, account)
        await taking.prepare()
        await taking.take()
    return account


class _Taking:
    def __init__(
        self,
        connection: asyncpg.Connection,
        city_id: int,
        ticks: Sequence[Tick],
        founded: datetime,
        change: Change,
        changed_at: datetime | None,
        account: Account,
    ) -> None:
        self._connection, self._city_id = connection, city_id
        self._ticks = [tick.at for tick in ticks]
        self._mornings = [tick.at for tick in ticks if tick.first or tick is ticks[-1]]  # when all jobs are run
        first = ticks[0].at.astimezone(ZONE).date()
        self._founded = founded.astimezone(ZONE).date()
        days = first - timedelta(days=40), ticks[-1].at.astimezone(ZONE).date() + timedelta(days=400)
        self._before, self._hours = Hours(*days, {}), Hours(*days, change.days if changed_at else {})
        self._changed_at = changed_at or datetime.max.replace(tzinfo=UTC)
        self.account = account
        self._clocks: Counter[str] = Counter()
        self._moved: Counter[Moved] = Counter()
        self._offered: dict[uuid.UUID, list[_Offer]] = {}
        self._categories: dict[uuid.UUID, str] = {}
        self._addressees: dict[uuid.UUID, int] = {}

    async def prepare(self) -> None:
        """What the events do not tell: of which category a ticket is, and to whom a notice went."""
        self._categories = dict(
            await self._connection.fetch("select id, category from tickets where city_id = $1", self._city_id)
        )
        self._addressees = dict(
            await self._connection.fetch(
                "select id, addressee_id from supervision_notices where city_id = $1", self._city_id
            )
        )

    async def take(self) -> None:
        told: Counter[Fired] = Counter()
        due: Counter[Fired] = Counter()
        raised: Counter[Raised] = Counter()
        moved: Counter[Moved] = Counter()
        failed: list[tuple[datetime, uuid.UUID, int]] = []
        leads: dict[uuid.UUID, list[tuple[datetime, int]]] = {}
        async for ticket, events in self._timelines("ticket"):
            self.account.tickets += 1
            told.update(_told(ticket, events))
            due.update(self._due(ticket, events))
            moved.update(_moved(ticket, events))
            self._offers(ticket, events)
            raised.update(self._raised(ticket, events))
            leads[ticket] = [(each["at"], each["data"]["lead"]) for each in events if each["data"].get("lead")]
            for each in events:
                if each["type"] == "QUALITY_CHECKED" and not each["data"]["passed"]:
                    failed.append((each["at"], ticket, _lead_at(leads[ticket], each["at"])))
        raised.update(self._improper(failed, leads))
        warned = sum(count for each, count in told.items() if each.type == "DEADLINE_WARNED")
        self.account.warned += warned
        self.account.missed += told.total() - warned
        self.account.recomputed += moved.total()
        self.account.compare("deadline", due, told)
        self.account.compare("move of a deadline", self._moved, moved)
        await self._clocks_as_kept()
        await self._notices(raised)
        await self._tasks()
        await self._reports()
        await self._transfers()
        await self._integrity()

    async def _timelines(self, topic: str) -> Any:
        """Every subject of a topic with its events, in their order."""
        subject: uuid.UUID | None = None
        events: list[Event] = []
        async with self._connection.transaction():
            async for row in self._connection.cursor(_EVENTS, self._city_id, topic, prefetch=5_000):
                if row["subject_id"] != subject:
                    if subject is not None:
                        yield subject, events
                    subject, events = row["subject_id"], []
                events.append({"type": row["type"], "at": row["at"], "data": orjson.loads(row["data"])})
        if subject is not None:
            yield subject, events

    def _tick_after(self, moment: datetime) -> datetime | None:
        place = bisect_right(self._ticks, moment)
        return self._ticks[place] if place < len(self._ticks) else None

    # Deadlines

    def _due(self, ticket: uuid.UUID, events: Sequence[Event]) -> Iterator[Fired]:
        """What had to be told of the ticket's deadlines."""
        category = self._categories[ticket]
        status: str | None = None
        running: dict[str, _Clock] = {}
        hours = self._before
        for event in [*events, {"type": "THE END", "at": self._ticks[-1], "data": {}}]:
            at, data = event["at"], event["data"]
            if hours is self._before and at > self._changed_at:
                hours = self._hours
                for clock in running.values():
                    self._moved.update(clock.recompute(ticket, hours, self._changed_at))
            if event["type"] not in AFTERWARDS and "toStatus" in data:
                status = data["toStatus"]
            contacted = event["type"] == "FIRST_CONTACTED"
            for kind in list(running):
                if status not in CLOCKS[kind] or (contacted and kind == "FIRST_CONTACT"):
                    yield from running.pop(kind).fired(self, ticket, at)
            for kind, states in CLOCKS.items():
                began = status in states and kind not in running and event["type"] not in AFTERWARDS
                if began and not (kind == "FIRST_CONTACT" and event["type"] not in ("ACKNOWLEDGED", "ACCEPTED")):
                    days = HANDLING[category] if kind == "HANDLING" else DAYS[kind]
                    if kind == "VERIFICATION" and category == "BIDDING_COMPLAINT":
                        days = BIDDING_ACCEPTANCE
                    running[kind] = _Clock(kind, data["round"], at, days, hours)
                    self._clocks[kind] += 1
            clock = running.get("HANDLING")
            if clock is not None and event["type"] in ("SUSPENDED", "RESUMED", "EXTENSION_DECIDED"):
                self.account.moved += clock.change(event["type"], at, data)
        for clock in running.values():
            yield from clock.fired(self, ticket, None)

    async def _clocks_as_kept(self) -> None:
        """What the clocks themselves say must agree with the events."""
        kinds = Counter(
            dict(
                await self._connection.fetch(
                    "select kind, count(*) from deadlines where city_id = $1 group by kind", self._city_id
                )
            )
        )
        self.account.compare("clocks of a kind", self._clocks, kinds)
        self.account.deadlines += self._clocks
        for what, condition in (
            ("is overdue, and nobody was told", "state = 'RUNNING' and due_at < $2 and missed_at is null"),
            ("ended late, and nobody was told", "state = 'MISSED' and missed_at is null and ended_at < $2"),
            ("is in time, and was told to be late", "state in ('MET', 'CANCELLED') and missed_at is not null"),
            ("is to warn, and nobody was told", "state = 'RUNNING' and warn_at < $2 and warned_at is null"),
        ):
            found = await self._connection.fetchval(
                f"select count(*) from deadlines where city_id = $1 and {condition}"
                + ("" if "$2" in condition else " and $2::timestamptz is not null"),
                *(self._city_id, self._ticks[-1]),
            )
            if found:
                self.account.wrong.append(f"{found} clocks: {what}")

    # Notices

    def _raised(self, ticket: uuid.UUID, events: Sequence[Event]) -> Iterator[Raised]:
        """The notices that the ticket's own events had to raise."""
        lead: int | None = None
        status: str | None = None
        counted: Counter[Any] = Counter()
        history: list[tuple[datetime, str | None, int | None]] = []
        reminders: dict[str, tuple[datetime, int]] = {}
        answered: dict[str, datetime] = {}
        for event in events:
            data, type_ = event["data"], event["type"]
            if type_ == "PROGRESSED":  # in the other city
                continue
            lead = data.get("lead") or lead
            trigger: str | None = None
            whose: Any = None
            match type_:
                case "DEADLINE_MISSED" if data["deadlineKind"] == "HANDLING":
                    trigger = "OVERDUE"
                case "DEADLINE_MISSED" if data["deadlineKind"] == "ACKNOWLEDGEMENT":
                    trigger, whose = "NOT_ACKNOWLEDGED", lead
                case "RETURNED":
                    trigger = "RETURNED"
                case "FOLLOWED_UP" if data.get("justified") and data["satisfaction"] in LOW:
                    trigger = "UNSATISFIED"
                case "ABSORBED" if status in IN_HAND:
                    trigger = "REPEATED_WHILE_OPEN"
                case "NOTICE_ISSUED" if data["noticeLevel"] == 1:
                    reminders[data["notice"]] = (event["at"], self._addressees[uuid.UUID(data["notice"])])
                case "NOTICE_REPLIED" | "NOTICE_WITHDRAWN":
                    answered.setdefault(data["notice"], event["at"])
            if trigger is not None:
                counted[trigger, whose] += 1
                if lead is not None and counted[trigger, whose] % TIMES.get(trigger, 1) == 0:
                    yield Raised(ticket, trigger, lead)
            status = data.get("toStatus", status)
            history.append((event["at"], status, lead))
        for notice, (issued, addressee) in reminders.items():
            looked_at = self._tick_after(self._hours.close_of(issued, REPLY_DAYS))
            if looked_at is None or answered.get(notice, looked_at) < looked_at:
                continue
            _, stood, had = [each for each in history if each[0] < looked_at][-1]
            if stood in IN_HAND and had == addressee:
                yield Raised(ticket, "REMINDER_UNANSWERED", addressee)

    def _improper(
        self,
        failed: Sequence[tuple[datetime, uuid.UUID, int]],
        leads: Mapping[uuid.UUID, Sequence[tuple[datetime, int]]],
    ) -> Iterator[Raised]:
        """Handlings that the check of quality found wanting are counted by department."""
        for at, ticket, lead in failed:
            looked_at = self._tick_after(at)
            if looked_at is None:
                continue
            same = sum(_lead_at(leads[other], looked_at) == lead for earlier, other, _ in failed if earlier <= at)
            if same % TIMES["IMPROPER_CLOSING_REQUESTED"] == 0:
                yield Raised(ticket, "IMPROPER_CLOSING_REQUESTED", lead)

    async def _notices(self, expected: Counter[Raised]) -> None:
        found: Counter[Raised] = Counter()
        for row in await self._connection.fetch(
            "select ticket_id, trigger, addressee_id, status, level, cause from supervision_notices where city_id = $1",
            self._city_id,
        ):
            self.account.notices[row["status"]] += 1
            if row["cause"] is None:
                self.account.by_hand[row["trigger"]] += 1
            else:
                found[Raised(row["ticket_id"], row["trigger"], row["addressee_id"])] += 1
                self.account.raised[row["trigger"]] += 1
        self.account.compare("notice", expected, found)
        self.account.notifications += await self._connection.fetchval(
            "select count(*) from notifications where city_id = $1", self._city_id
        )

    # Tasks and reports

    async def _tasks(self) -> None:
        """Each date that was missed was told of once, at the first morning after it."""
        expected: Counter[tuple[uuid.UUID, datetime, datetime]] = Counter()
        found: Counter[tuple[uuid.UUID, datetime, datetime]] = Counter()
        async for task, events in self._timelines("rectification"):
            status: str | None = None
            due_at: datetime | None = None
            since: datetime | None = None
            told: set[datetime] = set()
            for event in [*events, {"type": "THE END", "at": self._ticks[-1] + timedelta(days=1), "data": {}}]:
                at, data = event["at"], event["data"]
                if status in RUNNING and due_at is not None and since is not None and due_at not in told:
                    place = bisect_right(self._mornings, max(due_at, since))
                    if place < len(self._mornings) and self._mornings[place] < at:
                        expected[task, due_at, self._mornings[place]] += 1
                        told.add(due_at)
                if event["type"] == "OVERDUE":
                    found[task, datetime.fromisoformat(data["dueAt"]), at] += 1
                    continue
                if "dueAt" in data:
                    due_at = datetime.fromisoformat(data["dueAt"])
                status, since = data.get("toStatus", status), at
        self.account.compare("overdue task", expected, found)
        self.account.overdue_tasks += found.total()
        for row in await self._connection.fetch(
            "select id, source, status, due_at, due_from, closed_at from rectification_tasks where city_id = $1",
            self._city_id,
        ):
            self.account.sources[row["source"]] += 1
            self.account.tasks[row["status"]] += 1
            hours = self._hours_at(row["closed_at"])
            if row["due_from"] and row["due_at"] != hours.close_of(row["due_from"], TASK_DAYS[row["source"]]):
                self.account.wrong.append(f"task due at another time: {row}")

    async def _reports(self) -> None:
        """A draft for every period that is over and everybody who owes it; what was not there when due, chased once."""
        rows = await self._connection.fetch(_REPORTS, self._city_id)
        counties = await self._connection.fetchval(
            "select count(*) from tenants where city_id = $1 and kind = 'COUNTY'", self._city_id
        )
        today = self._mornings[-1].astimezone(ZONE).date()
        expected: Counter[tuple[str, date]] = Counter()
        begins = self._founded.replace(day=1)
        while begins < today:
            after = (begins.replace(day=1) + timedelta(days=32)).replace(day=1)
            if after <= today:
                expected["MONTH", begins] = 1
                if after.month % 3 == 1:
                    expected["QUARTER", _months_back(after, 3)] = 1 + counties
            begins = after
        self.account.compare("report", expected, Counter((row["every"], row["begins_on"]) for row in rows))
        chased = Counter(
            dict(
                await self._connection.fetch(
                    "select subject_id, count(*) from events where city_id = $1 and topic = 'report'"
                    " and type = 'CHASED' group by subject_id",
                    self._city_id,
                )
            )
        )
        owed: Counter[uuid.UUID] = Counter()
        for row in rows:
            self.account.reports[row["status"]] += 1
            day = row["ends_before"] + timedelta(days=REPORT_DAY - 1)
            if row["due_at"] != self._hours_at(row["handed_in"]).close_on(day):
                self.account.wrong.append(f"report due at another time: {row}")
            looked_at = bisect_right(self._mornings, row["due_at"])
            handed_in = row["handed_in"] or datetime.max.replace(tzinfo=UTC)
            if looked_at < len(self._mornings) and handed_in > self._mornings[looked_at]:
                owed[row["id"]] = 1
        self.account.compare("chased report", owed, chased)
        self.account.late_reports += chased.total()

    def _hours_at(self, ended: datetime | None) -> Hours:
        """Working time as it was known when something ended that moved until then."""
        return self._before if ended is not None and ended < self._changed_at else self._hours

    # Transfers

    def _offers(self, ticket: uuid.UUID, events: Sequence[Event]) -> None:
        """What the ticket's own events tell of its being passed on."""
        for event in events:
            if event["type"] == "TRANSFERRED":
                self._offered.setdefault(ticket, []).append(_Offer(event["at"]))
            elif event["type"] in ("TRANSFER_ACCEPTED", "TRANSFER_DECLINED", "TRANSFER_WITHDRAWN"):
                self._offered[ticket][-1] = self._offered[ticket][-1]._replace(
                    status=event["type"].removeprefix("TRANSFER_"), decided_at=event["at"]
                )

    async def _transfers(self) -> None:
        """Both sides' rows of every offer, and what was told of it; and that each public step came across, in order."""
        expected: Counter[Any] = Counter()
        for ticket, offers in self._offered.items():
            for offer in offers:
                self.account.transfers[offer.status] += 1
                due = self._hours_at(offer.decided_at).close_of(offer.at, DECISION_DAYS)
                given = self._hours.between(offer.at, due)
                warned = self._undecided(offer, self._hours.after(offer.at, given * 4 // 5))
                missed = self._undecided(offer, due)
                expected["SENT", ticket, offer.status, offer.at, due, missed, missed, 0, int(missed is not None)] += 1
                in_time = warned is not None and warned <= due
                found = *(ticket, offer.status, offer.at, due, warned, missed), int(in_time), int(missed is not None)
                expected["RECEIVED", *found] += 1
                self.account.late_transfers += missed is not None
        rows = await self._connection.fetch(_TRANSFERS, self._city_id)
        self.account.compare("transfer", expected, Counter(tuple(row) for row in rows))
        for row in await self._connection.fetch(_TOLD_ACROSS, self._city_id):
            self.account.relayed += len(row["told"])
            if row["told"] != row["happened"] or row["elsewhere"] != row["status"]:
                self.account.wrong.append(f"not told across as it happened: {row}")

    def _undecided(self, offer: _Offer, moment: datetime) -> datetime | None:
        """The tick after that moment, if nobody had decided by then."""
        at = self._tick_after(moment)
        return None if at is None or (offer.decided_at or at) < at else at

    # The integrity ledger

    async def _integrity(self) -> None:
        """What the events say that was paid and taken back is what each entry, and its instalments, come to."""
        rows = {row["id"]: row for row in await self._connection.fetch(_ENTRIES, self._city_id)}
        expected: Counter[Any] = Counter()
        async for entry, events in self._timelines("integrity"):
            paid, amount, status = Decimal(0), None, "OPENED"
            for event in events:
                data = event["data"]
                match event["type"]:
                    case "OPENED":
                        amount = Decimal(data["amount"]) if "amount" in data else None
                    case "INSTALMENT_RECORDED":
                        paid += Decimal(data["amount"])
                        status = "CLEARED" if paid == amount else "CONFIRMED"
                    case "INSTALMENT_REVERSED":
                        paid -= Decimal(data["amount"])
                        status = "CONFIRMED"
                    case other:
                        status = other
            expected[entry, status, amount, paid, paid, len(events)] += 1
        self.account.compare("entry", expected, Counter(tuple(row) for row in rows.values()))
        for row in rows.values():
            self.account.entries[row["status"]] += 1
            self.account.cleared += row["cleared"]
            self.account.owed += row["amount"] or 0


class _Offer(NamedTuple):
    """A ticket that was passed on, and how that ended."""

    at: datetime
    status: str = "OFFERED"
    decided_at: datetime | None = None


class _Clock:
    """A clock from its beginning, and everything that moved it."""

    def __init__(self, kind: str, round_: int, started: datetime, days: int, hours: Hours) -> None:
        self.kind, self.round, self._started, self._days, self._hours = kind, round_, started, days, hours
        self._pauses: list[tuple[datetime, datetime]] = []
        self._paused: datetime | None = None
        self._segments = [(started, *self._moments(), True)]

    def change(self, type_: str, at: datetime, data: Mapping[str, Any]) -> bool:
        """A pause, its end, or more days; whether that moved it."""
        before = self._segments[-1][1:3]
        if type_ == "SUSPENDED":
            if before[0] >= at:  # what is overdue stays so
                self._paused = at
                self._segments.append((at, *before, False))
            return False
        if type_ == "RESUMED":
            if self._paused is None:
                return False
            self._pauses.append((self._paused, at))
            self._paused = None
        elif data["approved"]:
            self._days += data["workingDays"]
        else:
            return False
        self._segments.append((at, *self._moments(), self._paused is None))
        return self._segments[-1][1:3] != before

    def recompute(self, ticket: uuid.UUID, hours: Hours, at: datetime) -> Iterator[Moved]:
        """Another calendar, which is told where it moves it."""
        self._hours = hours
        before = self._segments[-1][1]
        due, warn = self._moments()
        self._segments.append((at, due, warn, self._segments[-1][3]))
        if due != before:
            yield Moved(ticket, self.kind, self.round, before, due, at)

    def _moments(self) -> tuple[datetime, datetime]:
        """When it is due, and when it warns."""
        hours, started = self._hours, self._started
        due = hours.close_of(started, self._days)
        counted = hours.counted_from(started)
        due = hours.after(due, sum(hours.between(max(counted, since), until) for since, until in self._pauses))
        given = hours.between(started, due) - sum(hours.between(*each) for each in self._pauses)
        warn = hours.after(started, given * 4 // 5)
        for since, until in self._pauses:
            if since < warn:
                warn = hours.after(warn, hours.between(since, until))
        return due, warn

    def fired(self, taking: _Taking, ticket: uuid.UUID, ended: datetime | None) -> Iterator[Fired]:
        """What had to be told of it until it ended (None: it goes on), each at the next tick."""
        told: set[tuple[str, datetime]] = set()
        untils = [segment[0] for segment in self._segments[1:]]
        for (since, due, warn, running), until in zip(self._segments, [*untils, ended], strict=True):
            last = until is ended and len(untils) + 1 == len(self._segments)
            for type_, moment in (("DEADLINE_WARNED", warn), ("DEADLINE_MISSED", due)):
                at = taking._tick_after(max(since, moment))
                if not running or at is None or (type_, moment) in told:
                    continue
                late = type_ == "DEADLINE_MISSED" and last and ended is not None and due < ended < at
                if until is not None and at > until and not late:
                    continue
                told.add((type_, moment))
                yield Fired(ticket, type_, self.kind, self.round, due, at)


def _told(ticket: uuid.UUID, events: Sequence[Event]) -> Iterator[Fired]:
    for event in events:
        if event["type"] in ("DEADLINE_WARNED", "DEADLINE_MISSED"):
            data = event["data"]
            due_at = datetime.fromisoformat(data["dueAt"])
            yield Fired(ticket, event["type"], data["deadlineKind"], data["deadlineRound"], due_at, event["at"])


def _moved(ticket: uuid.UUID, events: Sequence[Event]) -> Iterator[Moved]:
    for event in events:
        if event["type"] == "DEADLINE_MOVED":
            data = event["data"]
            before, due_at = (datetime.fromisoformat(data[key]) for key in ("previousDueAt", "dueAt"))
            yield Moved(ticket, data["deadlineKind"], data["deadlineRound"], before, due_at, event["at"])


def _lead_at(leads: Sequence[tuple[datetime, int]], at: datetime) -> int:
    return [lead for since, lead in leads if since <= at][-1]


def _months_back(day: date, months: int) -> date:
    for _ in range(months):
        day = (day - timedelta(days=1)).replace(day=1)
    return day


_EVENTS = (
    "select subject_id, type, at, data::text as data from events where city_id = $1 and topic = $2"
    " order by subject_id, seq"
)
_TRANSFERS = (
    "select t.direction, s.ticket_id, t.status, t.offered_at, t.due_at, t.warned_at, t.missed_at,"
    " count(n) filter (where n.kind = 'TRANSFER_DUE')::int, count(n) filter (where n.kind = 'TRANSFER_OVERDUE')::int"
    " from ticket_transfers s join ticket_transfers t on t.id = s.id"
    " left join notifications n on n.city_id = t.city_id and n.transfer_id = t.id"
    " where s.city_id = $1 and s.direction = 'SENT' group by t.city_id, t.id, s.ticket_id"
)
_TOLD_ACROSS = (
    "select o.id, o.elsewhere, h.status,"
    " array(select e.data->>'step' from events e where e.city_id = o.city_id and e.subject_id = o.id"
    " and e.type = 'PROGRESSED' order by e.seq) as told,"
    " array(select e.type from events e where e.city_id = h.city_id and e.subject_id = h.id"
    " and e.visibility = 'PUBLIC' and e.type not in ('SUBMITTED', 'TRANSFER_CHASED') and e.seq > 2 order by e.seq)"
    " as happened"
    " from tickets o join ticket_transfers s on s.city_id = o.city_id and s.ticket_id = o.id and s.direction = 'SENT'"
    " join ticket_transfers r on r.id = s.id and r.direction = 'RECEIVED'"
    " join tickets h on h.city_id = r.city_id and h.id = r.ticket_id where o.city_id = $1 and s.status = 'ACCEPTED'"
)
_ENTRIES = (
    "select e.id, e.status, e.amount, e.cleared, coalesce(sum(i.amount), 0),"
    " (select count(*) from notifications n where n.city_id = e.city_id and n.entry_id = e.id)"
    " from integrity_entries e left join integrity_instalments i on i.city_id = e.city_id and i.entry_id = e.id"
    " where e.city_id = $1 group by e.city_id, e.id"
)
_REPORTS = (
    "select r.id, r.every, r.begins_on, r.ends_before, r.due_at, r.status,"
    " (select min(e.at) from events e where e.city_id = r.city_id and e.subject_id = r.id and e.type = 'SUBMITTED')"
    " as handed_in from reports r where r.city_id = $1"
)
