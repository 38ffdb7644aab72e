"""The people of the day and what they do: every step is remembered, to be compared with what others saw of it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.demo import texts
from app.demo.day.client import TICKET, Client, Outcome, Unexpected

INTERNAL: Final = "〔内部〕"
"""Begins what only the staff may read: a reporter's stream that holds it anywhere leaks."""
SEED: Final = 510_800
PROBLEMS: Final = {
    "CONSULTATION": "ask",
    "HELP": "help",
    "COMPLAINT": "complain",
    "SUGGESTION": "suggest",
    "REPORT": "report",
    "BIDDING_COMPLAINT": "bid",
}
"""Categories, and where `texts` keeps their problems."""
EVENTS: Final = {
    "ticketAccept": "ACCEPTED",
    "ticketAcknowledge": "ACKNOWLEDGED",
    "ticketAnswer": "ANSWERED",
    "ticketArbitrate": "ARBITRATED",
    "ticketAttach": "ATTACHED",
    "ticketComment": "COMMENTED",
    "ticketCoordinationDecide": "COORDINATION_DECIDED",
    "ticketCoordinationRequest": "COORDINATION_REQUESTED",
    "ticketDecline": "DECLINED",
    "ticketDispatch": "DISPATCHED",
    "ticketExtensionDecide": "EXTENSION_DECIDED",
    "ticketExtensionRequest": "EXTENSION_REQUESTED",
    "ticketFirstContact": "FIRST_CONTACTED",
    "ticketFollowUp": "FOLLOWED_UP",
    "ticketMaliceAppeal": "MALICE_APPEALED",
    "ticketMaliceDecide": "MALICE_DECIDED",
    "ticketMaliceFind": "MALICE_FOUND",
    "ticketMerge": "MERGED",
    "ticketPartReport": "PART_REPORTED",
    "ticketRefer": "REFERRED",
    "ticketResolve": "RESOLVED",
    "ticketResume": "RESUMED",
    "ticketReturn": "RETURNED",
    "ticketSuspend": "SUSPENDED",
    "ticketTerminate": "TERMINATED",
    "ticketTransfer": "TRANSFERRED",
    "ticketTransferWithdraw": "TRANSFER_WITHDRAWN",
    "ticketWithdraw": "WITHDRAWN",
}
"""What each verb leaves on the timeline; the reporter's own follow-up is RATED."""


@dataclass(frozen=True, slots=True)
class Step:
    """An event that must have happened, and when its verb was sent and answered."""

    event: str
    began: float
    ended: float


@dataclass
class Desk:
    """Everything of the day: who works, and what was done. `stamp` tells this day from others."""

    client: Client
    city: str
    neighbouring: str
    enterprises: list[str]
    stamp: str
    rules: Mapping[str, Any] = field(default_factory=dict)
    """`tickets` of the city's scheme."""
    enterprise_ids: list[str] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    latencies: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Seconds, of each verb."""
    refusals: Counter[str] = field(default_factory=Counter)
    suggested: list[bool] = field(default_factory=list)
    """Of each suggestion that was followed: whether it names whom the demonstration holds competent."""
    checked: list[str] = field(default_factory=list)
    neighbours_ticket: str = ""

    def neighbour(self, role: str) -> str:
        """Somebody of the other city."""
        return f"{role}@{self.neighbouring}"

    async def verb(
        self, login: str, name: str, given: Mapping[str, Any], *, shows: str = TICKET, file: bytes | None = None
    ) -> Any:
        """A mutation that must succeed; its payload."""
        return (await self.done(login, name, given, shows=shows, file=file)).payload

    async def done(
        self, login: str, name: str, given: Mapping[str, Any], *, shows: str = TICKET, file: bytes | None = None
    ) -> Outcome:
        """A mutation that must succeed, timed."""
        outcome = await self.client.verb(login, name, given, shows=shows, file=file)
        if outcome.refusal is not None:
            raise Unexpected(f"{name} by {login} was refused: {outcome.refusal}")
        self.latencies[name].append(outcome.answer.ended - outcome.answer.began)
        return outcome

    async def refuse(
        self, login: str, name: str, given: Mapping[str, Any], expected: str, *, shows: str = TICKET,
        file: bytes | None = None,
    ) -> None:  # fmt: skip
        """A mutation that must be refused just so."""
        refusal = (await self.client.verb(login, name, given, shows=shows, file=file)).refusal
        if refusal != expected:
            raise Unexpected(f"{name} by {login} must be refused with {expected}, and was answered {refusal}")
        self.refusals[expected] += 1

    async def not_there(self, login: str, path: str) -> None:
        """A file that this person must not get."""
        status = (await self.client.send(login, "GET", path)).status
        if status != 404:
            raise Unexpected(f"{login} got {status} for {path}")
        self.refusals["HTTP 404"] += 1


@dataclass
class Turn:
    """One walk on a way. `number` counts the tickets of the day; the next one gets it."""

    desk: Desk
    way: str
    number: int

    @property
    def city(self) -> str:
        return self.desk.city

    def enterprise_login(self) -> str:
        """The enterprise that reports the next ticket."""
        return self.desk.enterprises[self.number % len(self.desk.enterprises)]

    async def submit(self, *, ends: str, like: Case | None = None, **given: Any) -> Case:
        """A ticket by the next channel and of the next category, unless given, or another enterprise's in the words of
        one. `ends`: where the way leaves it."""
        reporter, values, department = self._submission(like, given)
        values["idempotencyKey"] = f"day-{self.desk.stamp}-{self.number}"
        outcome = await self.desk.done(reporter, "ticketSubmit", values)
        assert outcome.payload is not None
        step = Step("SUBMITTED", outcome.answer.began, outcome.answer.ended)
        case = Case(self.desk, self.way, self.number, reporter, values, department, ends, outcome.payload["ticket"])
        case.steps.append(step)
        case.steps += [Step("ATTACHED", step.began, step.ended)] * len(values.get("attachments", ()))
        self.desk.cases.append(case)
        self.number += 1
        return case

    async def not_submitted(self, expected: str, **given: Any) -> None:
        """A submission that must be refused just so."""
        reporter, values, _ = self._submission(None, given)
        await self.desk.refuse(reporter, "ticketSubmit", values, expected)

    async def expect_same_answer(self, case: Case) -> None:
        """A retry is the same ticket; other content under its key is refused."""
        again = (await self.desk.client.verb(case.reporter, "ticketSubmit", case.submission)).payload
        if again is None or again["ticket"]["id"] != case.id:
            raise Unexpected(f"a retry made another ticket than {case.number}")
        other = {**case.submission, "title": "另一件事"}
        await self.desk.refuse(case.reporter, "ticketSubmit", other, "IDEMPOTENCY_MISMATCH")

    def _submission(self, like: Case | None, given: dict[str, Any]) -> tuple[str, dict[str, Any], str]:
        """Who reports, the input, and the department that the demonstration holds competent."""
        if like is not None:
            values = {key: value for key, value in like.submission.items() if key != "idempotencyKey"}
            return self.enterprise_login(), values, like.competent
        by, given = given.pop("by", None), dict(given)
        rules = self.desk.rules
        open_to = {name: rules["channel_rules"][name]["submitters"] for name in rules["channels"]}
        ways_in = [(channel, role) for channel, roles in open_to.items() for role in roles]
        if "channel" in given:
            ways_in = [(given["channel"], by)]
        elif by is not None:
            ways_in = [(channel, role) for channel, role in ways_in if role == by]
        channel, role = ways_in[self.number % len(ways_in)]
        ordinary = [name for name, rule in rules["categories"].items() if rule["received_by"] == "DESK"]
        category = given.pop("category", ordinary[self.number % len(ordinary)])
        title, body, department = self._text(category)
        values = {"category": category, "channel": channel, "title": title, "body": body, **given}
        if role == "ENTERPRISE_USER":
            return self.enterprise_login(), values, department
        if rules["channel_rules"][channel].get("origin") == "REQUIRED":
            values.setdefault("origin", {"platform": "智桂通", "number": f"R-{self.desk.stamp}-{self.number}"})
        if "reporter" not in values and (role == "STEWARD" or self.number % 2):
            ids = self.desk.enterprise_ids
            values["enterpriseId"] = ids[self.number % len(ids)]
        elif "reporter" not in values:
            values["reporter"] = {"name": "商户代表", "phone": "0839-0000000"}
        return f"{role.lower()}@{self.city}", values, department

    def _text(self, category: str) -> tuple[str, str, str]:
        """Title, body, and who is competent: the same for the same number on every day."""
        chance = random.Random(SEED + self.number)  # noqa: S311 - nothing secret is drawn
        subjects = [each for each in texts.SUBJECTS if getattr(each, PROBLEMS[category])]
        subject = chance.choice(subjects)
        slots: defaultdict[str, Any] = defaultdict(
            lambda: chance.randint(2, 9),
            county="利州区",
            street=chance.choice(texts.STREETS),
            place=chance.choice(texts.PLACES),
            window=chance.choice(texts.WINDOWS),
        )
        title, _, problem = chance.choice(getattr(subject, PROBLEMS[category])).partition("|")
        body = f"{problem}。{chance.choice(texts.DETAILS)}(编号{self.desk.stamp}-{self.number})"
        return title.format_map(slots), body.format_map(slots), f"{self.city}.{subject.department[0]}"


@dataclass
class Case:
    """A ticket of the day, as its people know it."""

    desk: Desk
    way: str
    place: int
    reporter: str
    submission: dict[str, Any]
    competent: str
    ends: str
    ticket: dict[str, Any]
    lead: str = ""
    co_handlers: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    absorbed: list[Case] = field(default_factory=list)
    merged: bool = False

    def __post_init__(self) -> None:
        self.lead = self.submission.get("department", "")

    @property
    def id(self) -> str:
        return str(self.ticket["id"])

    @property
    def number(self) -> str:
        return str(self.ticket["number"])

    @property
    def version(self) -> int:
        return int(self.ticket["version"])

    @property
    def restricted(self) -> bool:
        return self.submission.get("secrecy") == "RESTRICTED"

    def person(self, who: str) -> str:
        """The login: the ticket's `reporter`, somebody of its lead, somebody of the city, or a login as it is."""
        if who == "reporter":
            return self.reporter
        if who in ("handler", "department_lead"):
            return f"{who}@{self.lead}"
        return who if "@" in who else f"{who}@{self.desk.city}"

    async def do(self, who: str, verb: str, **given: Any) -> None:
        """A verb that must succeed."""
        await self._did(who, verb, self._input(given), None)

    async def merge(self, into: Case) -> None:
        """The desk merges it; what was merged into it before goes on with the other."""
        handed, self.absorbed = self.absorbed, []
        outcome = await self._did("intake_agent", "ticketMerge", self._input({"intoTicketId": into.id}), None)
        into.remember("ABSORBED", outcome)
        for other in handed:
            other.progress(outcome)
        into.absorbed += [self, *handed]
        self.merged = True

    async def attach(self, who: str, name: str, content: bytes, **given: Any) -> None:
        """Attach a file by a multipart request."""
        await self._did(who, "ticketAttach", self._input({"file": name, **given}), content)

    async def refused(self, who: str, verb: str, expected: str, **given: Any) -> None:
        """A verb that must be refused just so: a code, and the rule of an INVALID_INPUT."""
        await self.desk.refuse(self.person(who), verb, {**self._input({}), **given}, expected)

    async def not_attached(self, who: str, name: str, content: bytes, expected: str) -> None:
        """A file that must be refused just so."""
        await self.desk.refuse(self.person(who), "ticketAttach", self._input({"file": name}), expected, file=content)

    async def seen_by(self, who: str) -> bool:
        """Whether somebody can look at it."""
        found = await self.desk.client.ask(
            self.person(who), "query($id: ID!) { ticket(id: $id) { number } }", id=self.id
        )
        return found["ticket"] is not None

    async def suggested(self, by: str) -> str:
        """The department that is suggested first; who is competent where nobody is."""
        query = "query($id: ID!) { dispatchSuggestions(ticketId: $id) { department { path } reasons { text } } }"
        found = (await self.desk.client.ask(self.person(by), query, id=self.id))["dispatchSuggestions"]
        if not found:
            return self.competent
        first = found[0]
        if not first["reasons"]:
            raise Unexpected(f"{first['department']['path']} is suggested without a reason")
        self.desk.suggested.append(first["department"]["path"] == self.competent)
        return str(first["department"]["path"])

    def others(self, lead: str, *slugs: str) -> list[str]:
        """The city's departments of these slugs, another one instead of the lead."""
        paths = [f"{self.desk.city}.{slug}" for slug in slugs]
        return [f"{self.desk.city}.justice" if path == lead else path for path in paths]

    def _input(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"ticketId": self.id, "expectedVersion": self.version, **given}

    async def _did(self, who: str, verb: str, given: dict[str, Any], file: bytes | None) -> Outcome:
        login = self.person(who)
        key = f"day-{self.desk.stamp}-{self.place}-{len(self.steps)}"
        outcome = await self.desk.done(login, verb, {**given, "idempotencyKey": key}, file=file)
        assert outcome.payload is not None
        before, self.ticket = self.ticket, outcome.payload["ticket"]
        event = "RATED" if verb == "ticketFollowUp" and who == "reporter" else EVENTS[verb]
        self.remember(event, outcome)
        if "lead" in given:
            self.lead, self.co_handlers = given["lead"], given.get("coHandlers", [])
        if self.ticket["status"] != before["status"]:
            for other in self.absorbed:
                other.progress(outcome)
        return outcome

    def progress(self, outcome: Outcome, event: str = "PROGRESSED") -> None:
        """What it was merged into, or the other side of its transfer, has gone on, which its reporter is told."""
        self.ticket["version"] += 1
        self.remember(event, outcome)

    async def caught_up(self) -> None:
        """Wait until the worker has told all that happened with the other side of its transfer."""
        query = "query($id: ID!) { ticket(id: $id) { version } }"
        for _ in range(60):
            found = await self.desk.client.ask(self.person("intake_agent"), query, id=self.id)
            if found["ticket"]["version"] == self.version:
                return
            await asyncio.sleep(0.5)
        raise Unexpected(f"{self.number} does not follow the other side of its transfer")

    def remember(self, event: str, outcome: Outcome) -> None:
        """That this must now be on the timeline."""
        self.steps.append(Step(event, outcome.answer.began, outcome.answer.ended))
