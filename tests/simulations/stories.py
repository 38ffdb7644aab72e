"""What the people of the simulated city do (pure): a story yields the next step, and is gone on with once it is done.

The shares of what is late, forgotten, returned, or not satisfying are invented; there is some of everything.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

from app.demo import texts
from app.demo.city import DemoCity
from app.demo.enterprises import DemoEnterprise
from app.demo.logins import enterprise_login
from app.integrity.actions.clear import clear
from app.integrity.actions.confirm import confirm
from app.integrity.actions.dismiss import dismiss
from app.integrity.actions.open_entry import open_entry
from app.integrity.actions.record_instalment import record_instalment
from app.integrity.actions.reverse_instalment import reverse_instalment
from app.integrity.reports.steps import accept_report, submit_report
from app.kernel.tables import new_id
from app.rectification.actions.accept import accept as accept_task
from app.rectification.actions.close import close as close_task
from app.rectification.actions.issue import Draft
from app.rectification.actions.issue import issue as issue_task
from app.rectification.actions.plan import plan
from app.rectification.actions.reject import reject
from app.rectification.actions.reopen import reopen
from app.rectification.actions.submit import submit as submit_task
from app.supervision.actions.close import close as close_notice
from app.supervision.actions.issue import issue as issue_notice
from app.supervision.actions.reply import reply
from app.tickets.actions.accept import accept
from app.tickets.actions.acknowledge import acknowledge
from app.tickets.actions.answer import answer
from app.tickets.actions.arbitrate import arbitrate
from app.tickets.actions.decide_extension import decide_extension
from app.tickets.actions.decline import decline
from app.tickets.actions.dispatch import dispatch
from app.tickets.actions.first_contact import first_contact
from app.tickets.actions.follow_up import follow_up
from app.tickets.actions.merge import merge
from app.tickets.actions.record_quality_check import record_quality_check
from app.tickets.actions.request_extension import request_extension
from app.tickets.actions.resolve import resolve
from app.tickets.actions.resume import resume
from app.tickets.actions.return_ import return_
from app.tickets.actions.submit import Reporter, submit
from app.tickets.actions.suspend import suspend
from app.tickets.actions.withdraw import withdraw
from app.tickets.words import Satisfaction, SecrecyLevel, TicketCategory, TicketChannel
from app.transfers.actions.chase import chase
from app.transfers.actions.decide import decide
from app.transfers.actions.transfer import transfer
from app.transfers.actions.withdraw import withdraw as fetch_back
from tenants.schemes.words import IntegrityKind, RectificationSource, SuspensionReason, TriggerKind

C = TicketCategory
DAY = 8
"""Ticks of a working day."""
CATEGORIES = {C.CONSULTATION: 30, C.HELP: 32, C.COMPLAINT: 18, C.REPORT: 10, C.SUGGESTION: 7, C.BIDDING_COMPLAINT: 3}
LIMITS = {C.CONSULTATION: 3, C.HELP: 5, C.SUGGESTION: 5, C.COMPLAINT: 10, C.REPORT: 10, C.BIDDING_COMPLAINT: 30}
"""Working days for handling (open in 003_…txt; the preset's): what people know of them."""
REASON = "经核实不属于本单位职责,请重新分办。"
REPLY = "已核实并办结,结果已告知反映人。"
LOW = (Satisfaction.UNSATISFIED, Satisfaction.VERY_UNSATISFIED)
TAKEN, SENT_BACK, LATE, FETCHED_BACK = (
    "该事项属对方城市职责,请予办理。",
    "该事项职责不明,请对方城市研判。",
    "该事项涉及跨市协调,请对方城市研究后办理。",
    "先行转办,如核实有误即行撤回。",
)
"""Why a ticket goes to another city, which also tells what becomes of it there."""
PAID_ON = date(2025, 12, 31)
"""Of every instalment: the entries do not say since when something was owed."""
WRONG = "误登,待冲销。"
"""What is said of an instalment that the office will take back."""


@dataclass(frozen=True, slots=True)
class Step:
    """What somebody does so many ticks after the step before; the staff does it on working days.

    `alone`: in a transaction of its own, after the others of its tick. `beside`: in the other city. `unless` is asked
    when its time has come.
    """

    wait: int
    who: str
    verb: Callable[..., Awaitable[Any]]
    given: dict[str, Any] = field(default_factory=dict)
    about: uuid.UUID | None = None
    alone: bool = False
    off_duty: bool = False
    beside: bool = False
    unless: Callable[[], bool] = bool


Story = Generator[Step, bool, None]
"""Gets back whether the step was done."""


@dataclass(frozen=True)
class Town:
    """Who there is."""

    city: DemoCity
    enterprises: Sequence[DemoEnterprise]
    beside: DemoCity

    @property
    def path(self) -> str:
        return self.city.path

    def at(self, role: str) -> str:
        """Somebody of the city itself."""
        return f"{role}@{self.path}"


class Ticket:
    """The life of one ticket, as those concerned lead it."""

    def __init__(self, town: Town, chance: Random, *, like: Ticket | None = None) -> None:
        self.town, self.chance = town, chance
        self.id = new_id()
        self.ended = False
        self.round = 1
        drawn = chance.choices(list(CATEGORIES), list(CATEGORIES.values()))[0]
        self.category: TicketCategory = like.category if like else drawn
        offered = [each for each in texts.SUBJECTS if each.problems(self.category) and self._competent(each)]
        self.subject: texts.Subject = like.subject if like else chance.choice(offered)
        self.words: tuple[str, str] = like.words if like else self._words()
        self.secret = self.category is C.REPORT and like is None and chance.random() < 0.03
        own = chance.random() < 0.6 and not self.secret
        self.reporter = enterprise_login(chance.choice(town.enterprises).credit_code) if own else None
        self.repeats: list[Ticket] = []
        self.competent = self._competent(self.subject)

    def _competent(self, subject: texts.Subject) -> str | None:
        slug = next((each for each in subject.department if each in self.town.city.departments), None)
        return None if slug is None else f"{self.town.path}.{slug}"

    def _words(self) -> tuple[str, str]:
        slots: defaultdict[str, Any] = defaultdict(
            lambda: self.chance.randint(2, 9),
            county=self.chance.choice(self.town.city.counties).name,
            street=self.chance.choice(texts.STREETS),
            place=self.chance.choice(texts.PLACES),
            window=self.chance.choice(texts.WINDOWS),
        )
        title, _, problem = self.chance.choice(self.subject.problems(self.category)).partition("|")
        return title.format_map(slots), f"{problem}。{self.chance.choice(texts.DETAILS)}".format_map(slots)

    # Who

    @property
    def desk(self) -> str:
        return self.town.at("supervision_officer" if self.secret else "intake_agent")

    def handler(self, lead: str) -> str:
        return f"department_lead@{lead}" if self.secret else f"handler@{lead}"

    # When

    def maybe(self, share: float) -> bool:
        return self.chance.random() < share

    def within(self, usual: int, *, late: int, lates: float = 0.06, never: float = 0.015) -> int | None:
        """Ticks that a step takes: up to `usual`, or up to `late`; None: it is forgotten."""
        draw = self.chance.random()
        if draw < never:
            return None
        return self.chance.randint(usual + 1, late) if draw < never + lates else self.chance.randint(1, usual)

    # What

    def story(self) -> Story:
        """From the submission on."""
        yield self.submission()
        taken = yield from self.taking_in()
        if taken is not None:
            yield from self.rounds(taken)

    def repeated(self, earlier: Ticket) -> Story:
        """The same problem once more, which the desk merges while the earlier ticket is open."""
        yield self.submission()
        merging = Step(
            *(
                self.chance.randint(1, DAY),
                self.town.at("intake_agent"),
                merge,
                {"into_ticket_id": earlier.id},
                self.id,
            ),
            alone=True,
            unless=lambda: earlier.ended,
        )
        if (yield merging):
            self.ended = True
            return
        taken = yield from self.taking_in()
        if taken is not None:
            yield from self.rounds(taken)

    def submission(self) -> Step:
        title, body = self.words
        given: dict[str, Any] = {"category": self.category, "title": title, "body": body, "ticket_id": self.id}
        if self.category is C.BIDDING_COMPLAINT:
            given["department"] = self.competent
        if self.maybe(0.3):
            given["county"] = self.chance.choice(self.town.city.counties).path
        if self.secret:
            given |= {"channel": TicketChannel.COMPLAINT_CENTRE, "secrecy": SecrecyLevel.RESTRICTED}
            given["reporter"] = Reporter(name="特约监督员")
            return Step(0, self.town.at("special_monitor"), submit, given)
        if self.reporter is not None:
            return Step(0, self.reporter, submit, {**given, "channel": TicketChannel.WEB}, off_duty=True)
        given |= {"channel": TicketChannel.SERVICE_WINDOW, "reporter": Reporter(name="商户代表", phone="0000-0000000")}
        return Step(0, self.town.at("intake_agent"), submit, given)

    def end(self, step: Step) -> Story:
        yield step
        self.ended = True

    def gives_up(self) -> Step | None:
        """The reporter takes it back, now and then."""
        if self.reporter is None or not self.maybe(0.004):
            return None
        given = {"reason": "问题已自行解决,撤回。"}
        return Step(self.chance.randint(1, 2 * DAY), self.reporter, withdraw, given, self.id, off_duty=True)

    def taking_in(self) -> Generator[Step, bool, str | None]:
        """The department that has it then, "" for whom the dispatcher will name; None where it goes no further."""
        if (step := self.gives_up()) is not None:
            yield from self.end(step)
            return None
        own = self.category is C.BIDDING_COMPLAINT
        wait = self.within(DAY - 1, late=5 * DAY) if not own else self.within(2 * DAY, late=8 * DAY)
        if wait is None:
            return None
        by = self.handler(self.competent or "") if own else self.desk
        if not own and not self.secret and self.maybe(0.06):
            if not (yield from self.elsewhere()):
                return None
            wait = self.chance.randint(1, DAY)
        if self.maybe(0.03):
            basis = {"basis": "该事项已进入诉讼程序,应当通过司法途径解决。"}
            yield from self.end(Step(wait, by, decline, basis, self.id))
            return None
        if self.category is C.CONSULTATION and self.maybe(0.35):
            yield Step(wait, by, answer, {"reply": "所需材料已短信发送,可在网上全程办理。"}, self.id)
            outcome = yield from self.judged(answered=True)
            return "" if outcome == "again" else None
        yield Step(wait, by, accept, {}, self.id)
        return (self.competent or "") if own else ""

    def elsewhere(self) -> Generator[Step, bool, bool]:
        """Passed on to the other city; whether it was fetched back. What is sent back stays where it is."""
        reason = self.chance.choices((TAKEN, SENT_BACK, LATE, FETCHED_BACK), (5, 2, 2, 2))[0]
        given = {"to": self.town.beside.path, "reason": reason}
        yield Step(self.chance.randint(1, DAY), self.desk, transfer, given, self.id, alone=True)
        self.ended = reason != FETCHED_BACK
        if reason == FETCHED_BACK:
            back = {"reason": "经核实仍由本市办理。"}
            yield Step(self.chance.randint(1, 3 * DAY), self.desk, fetch_back, back, self.id, alone=True)
        elif reason == LATE:
            yield Step(4 * DAY, self.desk, chase, {"note": "请尽快研究答复。"}, self.id, alone=True)
        return reason == FETCHED_BACK

    def rounds(self, lead: str) -> Story:
        """Dispatched, handled and followed up, as often as it takes."""
        escalated = False
        while True:
            if not lead:
                dispatched = yield from self.dispatching(escalated)
                if dispatched is None:
                    return
                lead = dispatched
            if not (yield from self.handling(lead)):
                return
            outcome = yield from self.judged()
            if outcome == "again":  # by the follow-up itself, to the same department
                acknowledged = yield from self.acknowledged(lead)
                if acknowledged is None:
                    return
                lead = acknowledged
                escalated = False
            elif outcome == "escalated":
                lead, escalated = "", True
            else:
                return

    def dispatching(self, escalated: bool) -> Generator[Step, bool, str | None]:
        lead = self.choice_of_lead()
        by = "supervision_officer" if self.secret else "office" if escalated else "dispatcher"  # who is named on it
        yield Step(self.chance.randint(1, DAY), self.town.at(by), dispatch, {"lead": lead}, self.id)
        return (yield from self.acknowledged(lead))

    def choice_of_lead(self) -> str:
        if self.maybe(0.12) and not self.secret:
            return self.chance.choice([*self.town.city.departments.values(), *self.town.city.counties]).path
        return str(self.competent)

    def acknowledged(self, lead: str) -> Generator[Step, bool, str | None]:
        """Who has signed for it in the end, after as many disputes as there are; None: nobody ever."""
        disputes = 0
        while True:
            if (step := self.gives_up()) is not None:
                yield from self.end(step)
                return None
            wait = self.within(DAY, late=4 * DAY, lates=0.08, never=0.02)
            if wait is None:
                return None
            if (
                not self.secret
                and disputes < 3
                and self.maybe(0.85 if lead != self.competent and not disputes else 0.03)
            ):
                disputes += 1
                yield Step(wait, self.handler(lead), return_, {"reason": REASON}, self.id)
                lead = self.choice_of_lead() if self.maybe(0.3) else str(self.competent)
                given = {"lead": lead, "reason": "按部门职责清单,由该单位牵头办理。"}
                yield Step(self.chance.randint(1, 4 * DAY), self.town.at("office"), arbitrate, given, self.id)
                continue
            yield Step(wait, self.handler(lead), acknowledge, {}, self.id)
            return lead

    def handling(self, lead: str) -> Generator[Step, bool, bool]:
        """Worked on until the reply; False where that never comes."""
        by, limit = self.handler(lead), LIMITS[self.category] * DAY
        if self.maybe(0.6):
            wait = self.within(DAY, late=3 * DAY, lates=0.1, never=0)
            yield Step(wait or 1, by, first_contact, {}, self.id)
        if self.maybe(0.05) and self.category is not C.BIDDING_COMPLAINT and not self.secret:
            self.repeats.append(Ticket(self.town, self.chance, like=self))
        if self.maybe(0.08):
            days = {"working_days": self.chance.randint(1, 10), "reason": "需会同区县核实,请予延期。"}
            yield Step(self.chance.randint(1, limit), by, request_extension, days, self.id)
            decision = {"approve": self.maybe(0.8), "reason": "情况属实。"}
            office = self.town.at("supervision_officer" if self.secret else "office")
            yield Step(self.chance.randint(1, 2 * DAY), office, decide_extension, decision, self.id)
        if self.maybe(0.3 if self.category is C.BIDDING_COMPLAINT else 0.07):
            reason = self.chance.choice((SuspensionReason.EXPERT_REVIEW, SuspensionReason.INSPECTION))
            yield Step(self.chance.randint(1, limit), by, suspend, {"reason": reason}, self.id)
            if self.maybe(0.05) and self.reporter is not None:
                yield from self.end(Step(3, self.reporter, withdraw, {}, self.id, off_duty=True))
                return False
            yield Step(self.chance.randint(1, 10 * DAY), by, resume, {}, self.id)
        if (step := self.gives_up()) is not None:
            yield from self.end(step)
            return False
        wait = self.within(max(2, limit * 3 // 4), late=2 * limit, lates=0.1, never=0.02)
        if wait is None:
            return False
        decided = {"decision_number": f"广公资诉{self.id}"} if self.category is C.BIDDING_COMPLAINT else {}
        yield Step(wait, by, resolve, {"reply": REPLY, **decided}, self.id)
        return True

    def judged(self, *, answered: bool = False) -> Generator[Step, bool, str]:
        """`closed`, `again`, `escalated`, or `open` where nobody ever asks."""
        verdict = self.chance.choices(tuple(Satisfaction), (36, 38, 10, 10, 6))[0]
        if self.reporter is not None and self.maybe(0.3):
            yield Step(
                *(self.chance.randint(1, 3 * DAY), self.reporter, follow_up, {"satisfaction": verdict}, self.id),
                off_duty=True,
            )
            if verdict not in LOW:
                self.ended = True
                return "closed"
        wait = self.within(3 * DAY, late=8 * DAY, lates=0.05, never=0.02)
        if wait is None:
            return "open"
        justified = (self.maybe(0.7) and self.round < 5) if verdict in LOW else None
        asked = {"satisfaction": verdict, "justified": justified, "note": "已电话回访。"}
        yield Step(wait, self.desk, follow_up, asked, self.id)
        if not justified:
            self.ended = True
            return "closed"
        if self.round >= 2:  # the scheme's rounds (003_…txt, 二(六))
            self.round += 1
            return "escalated"
        self.round += 1
        return "again"


# What else there is to do


def notice(town: Town, chance: Random, id_: uuid.UUID, level: int, addressee: str, restricted: bool) -> Story:
    """A notice is replied to in time, late or never, and closed or not; a listed one may become a task."""
    by = f"department_lead@{addressee}" if restricted else f"handler@{addressee}"
    draw = chance.random()
    if draw < 0.35 and level == 1:
        return
    wait = chance.randint(1, 2 * DAY) if draw < 0.85 else chance.randint(3 * DAY, 8 * DAY)
    yield Step(wait, by, reply, {"reply": "已督促经办人员整改,今后按时办理。"}, id_, alone=True)
    if chance.random() < 0.6 and not (restricted and level == 1):  # the office is not named on it
        whose = town.at({1: "office", 2: "supervision_officer", 3: "working_group"}[level])
        yield Step(chance.randint(1, 5 * DAY), whose, close_notice, {}, id_, alone=True)
    if level == 2 and chance.random() < 0.5 and not restricted:
        yield from task(town, chance, RectificationSource.NOTICE, addressee, notice_id=id_)


def task(
    town: Town, chance: Random, source: RectificationSource, lead: str, *, notice_id: uuid.UUID | None = None
) -> Story:
    """Issued, planned, reported on, handed in (late at times, or never), judged, struck off, looked back at."""
    office, unit, made = town.at("office"), f"handler@{lead}", new_id()
    draft = Draft("办理流程不规范问题整改", "多次退回、反复不满意,需系统整改。", lead, goal="同类问题不再发生。")
    given = {"draft": draft, "source": source, "notice_id": notice_id, "task_id": made}
    yield Step(chance.randint(1, 2 * DAY), office, issue_task, given, alone=True)
    plans = {"measures": "修订内部流程,明确首接负责人。", "cause": "职责边界不清。"}
    yield Step(chance.randint(1, 4 * DAY), unit, plan, plans, made, alone=True)
    while True:
        draw = chance.random()
        if draw < 0.1:
            return
        wait = chance.randint(2 * DAY, 9 * DAY) if draw < 0.7 else chance.randint(15 * DAY, 60 * DAY)
        yield Step(wait, unit, submit_task, {"result": "已完成整改并建立台账。"}, made, alone=True)
        if chance.random() < 0.25:
            yield Step(2, office, reject, {"reason": "佐证材料不足。"}, made, alone=True)
            continue
        yield Step(chance.randint(1, 3 * DAY), office, accept_task, {}, made, alone=True)
        yield Step(chance.randint(1, 3 * DAY), office, close_task, {}, made, alone=True)
        if chance.random() > 0.15:
            return
        yield Step(chance.randint(5 * DAY, 30 * DAY), office, reopen, {"reason": "回头看发现反弹。"}, made, alone=True)


def report(town: Town, chance: Random, id_: uuid.UUID, tenant: str, roles: Sequence[str], to: Sequence[str]) -> Story:
    """A report is handed in in time, late, or never, and mostly accepted."""
    draw = chance.random()
    if draw < 0.1:
        return
    wait = chance.randint(1, 2 * DAY) if draw < 0.7 else chance.randint(6 * DAY, 12 * DAY)
    by = f"{roles[0].lower()}@{tenant}"
    yield Step(wait, by, submit_report, {"summary": "本期运行总体平稳,逾期事项已逐件督办。"}, id_, alone=True)
    if chance.random() < 0.8:
        yield Step(chance.randint(1, 2 * DAY), town.at(to[0].lower()), accept_report, {}, id_, alone=True)


def check(town: Town, chance: Random, sample_id: uuid.UUID, ticket_id: uuid.UUID) -> Story:
    """A drawn ticket is checked."""
    found = {"ticket_id": ticket_id, "passed": chance.random() > 0.12, "findings": "办理记录与答复口径已核对。"}
    yield Step(
        chance.randint(1, 5 * DAY), town.at("supervision_officer"), record_quality_check, found, sample_id, alone=True
    )


def offer(town: Town, chance: Random, id_: uuid.UUID, reason: str) -> Story:
    """The other city decides: mostly in time, and where it had to think long after it was chased."""
    if reason == FETCHED_BACK or chance.random() < 0.1:
        return
    wait = chance.randint(6 * DAY, 9 * DAY) if reason == LATE else chance.randint(1, DAY + 4)
    given = {"accept": reason != SENT_BACK, "reason": "不属于我市管辖。" if reason == SENT_BACK else None}
    yield Step(wait, f"intake_agent@{town.beside.path}", decide, given, id_, alone=True, beside=True)


def guest(town: Town, chance: Random, id_: uuid.UUID) -> Story:
    """What the other city took, it handles: in time, late, or not to the end."""
    path = town.beside.path
    lead = chance.choice(list(town.beside.departments.values())).path
    for share, longest, by, verb, given in (
        (1.0, DAY, f"dispatcher@{path}", dispatch, {"lead": lead}),
        (0.9, 2 * DAY, f"handler@{lead}", acknowledge, {}),
        (0.9, 12 * DAY, f"handler@{lead}", resolve, {"reply": REPLY}),
        (0.9, 5 * DAY, f"intake_agent@{path}", follow_up, {"satisfaction": Satisfaction.SATISFIED}),
    ):
        if chance.random() > share:
            return
        yield Step(chance.randint(1, longest), by, verb, given, id_, alone=True, beside=True)


def entry(town: Town, chance: Random) -> Story:
    """A department owes something: found not to be so, or paid and put right, wholly or in part."""
    office, debtor, made = town.at("office"), chance.choice(list(town.city.departments.values())).path, new_id()
    kind = chance.choice(
        (IntegrityKind.ARREARS, IntegrityKind.OVERDUE_ENFORCEMENT_PAYMENT, IntegrityKind.UNKEPT_PROMISE)
    )
    fen = chance.randint(1_000, 1_000_000_000)
    given = {"kind": kind, "title": "企业反映应付未付或承诺未兑现问题", "debtor": debtor, "entry_id": made}
    if kind is not IntegrityKind.UNKEPT_PROMISE:
        given["amount"] = Decimal(fen) / 100
    if kind is IntegrityKind.ARREARS:
        given["creditor"] = chance.choice(town.enterprises).id
    yield Step(chance.randint(0, 3), office, open_entry, given, alone=True)
    if chance.random() < 0.15:
        yield Step(chance.randint(1, DAY), office, dismiss, {"reason": "经核实已付清。"}, made, alone=True)
        return
    yield Step(chance.randint(1, DAY), office, confirm, {}, made, alone=True)
    if kind is IntegrityKind.UNKEPT_PROMISE:
        if chance.random() < 0.6:
            yield Step(chance.randint(1, 20 * DAY), office, clear, {"note": "承诺已兑现。"}, made, alone=True)
        return
    parts = sorted(chance.sample(range(1, fen), chance.randint(0, 3)))
    for before, after in pairwise((0, *parts, fen)):
        if chance.random() < 0.1:
            return
        paid = {"amount": Decimal(after - before) / 100, "paid_on": PAID_ON}
        if chance.random() < 0.1:
            paid["note"] = WRONG
        yield Step(chance.randint(1, 2 * DAY), f"handler@{debtor}", record_instalment, paid, made, alone=True)


def reversal(town: Town, entry_id: uuid.UUID, instalment: uuid.UUID) -> Story:
    """An instalment that never was is taken back."""
    given = {"instalment_id": instalment, "reason": "误登冲销。"}
    yield Step(2, town.at("office"), reverse_instalment, given, entry_id, alone=True)


def interview(town: Town, chance: Random, number: int) -> Story:
    """The working group calls a department in, each time another, with evidence."""
    addressee = list(town.city.departments.values())[number].path
    trigger = chance.choice((TriggerKind.FALSIFICATION, TriggerKind.IRREGULAR_HANDLING, TriggerKind.DERELICTION))
    given = {
        "trigger": trigger,
        "addressee": addressee,
        "reason": "造成较大社会影响,提请约谈。",
        "evidence": "调阅案卷、录音与系统日志,与答复不符。",
    }
    yield Step(1, town.at("working_group"), issue_notice, given, alone=True)
