"""Supervision, rectification, the integrity ledger and the duties to report (domain.md, section 6; 003_…txt)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field, Strict

from tenants.schemes.values import Broken, Flag, Model, Name, Positive, TimeLimit, repeated
from tenants.schemes.words import (
    DocumentKind,
    IntegrityKind,
    Period,
    RectificationSource,
    RoleName,
    TriggerKind,
)

TRIGGERS_BY_LEVEL: Mapping[int, frozenset[TriggerKind]] = {
    1: frozenset({TriggerKind.NOT_ACKNOWLEDGED, TriggerKind.OVERDUE, TriggerKind.REPEATED_WHILE_OPEN}),
    2: frozenset(
        {
            TriggerKind.RETURNED,
            TriggerKind.UNSATISFIED,
            TriggerKind.IMPROPER_CLOSING_REQUESTED,
            TriggerKind.REMINDER_UNANSWERED,
        }
    ),
    3: frozenset(
        {
            TriggerKind.FALSIFICATION,
            TriggerKind.IRREGULAR_HANDLING,
            TriggerKind.DERELICTION,
            TriggerKind.BREACH_OF_RULES,
            TriggerKind.RETALIATION,
        }
    ),
}
NOTICE_BY_LEVEL: Mapping[int, DocumentKind] = {
    1: DocumentKind.REMINDER,
    2: DocumentKind.RECTIFICATION,
    3: DocumentKind.INTERVIEW,
}


class Trigger(Model):
    """A condition that sets off a notice when it has happened `times` times."""

    kind: TriggerKind
    times: Positive = 1


class SupervisionLevel(Model):
    """One of the three levels: its notice, who raises it, what sets it off, and by when it is answered."""

    level: Annotated[int, Strict(), Field(ge=1, le=3)]
    name: Name
    notice: DocumentKind
    raised_by: Annotated[tuple[RoleName, ...], Field(min_length=1)]
    automatic: Flag
    by_hand: Flag
    triggers: Annotated[tuple[Trigger, ...], Field(min_length=1)]
    reply_within: TimeLimit
    monthly_report: Flag = False
    """Its notices are listed in the monthly report."""
    evidence_required: Flag = False
    referral_to_discipline: Flag = False
    """It may be referred to discipline inspection; date and outcome are recorded."""

    def rules(self) -> Iterator[Broken]:
        if self.notice is not NOTICE_BY_LEVEL[self.level]:
            yield Broken(("notice",), f"{NOTICE_BY_LEVEL[self.level]}, the notice of level {self.level}", self.notice)
        for index, trigger in enumerate(self.triggers):
            allowed = TRIGGERS_BY_LEVEL[self.level]
            if trigger.kind not in allowed:
                listed = ", ".join(sorted(allowed))
                yield Broken(("triggers", index, "kind"), f"a trigger of level {self.level}: {listed}", trigger.kind)
        yield from repeated("triggers", (trigger.kind for trigger in self.triggers), "kind")
        if not (self.automatic or self.by_hand):
            yield Broken(("by_hand",), "true where the level is not automatic", "false")
        if self.level == 3 and self.automatic:
            yield Broken(("automatic",), "false: an interview is called by hand, with evidence", "true")


class OpenedBy(Model):
    """What opens a rectification task by itself, once for its cause; its time is that of its source."""

    notice_levels: tuple[Annotated[int, Strict(), Field(ge=1, le=3)], ...]
    """The levels whose notices do (source NOTICE)."""
    low_satisfaction: Flag
    """Whether a low verdict of a follow-up does that was found justified (source BAD_RATING)."""
    common_problem_tickets: Positive | None
    """So many tickets of a subject in the period of an accepted report do (source PROBLEM_LIST); null: none do."""

    def rules(self) -> Iterator[Broken]:
        yield from repeated("notice_levels", map(str, self.notice_levels))


class Rectification(Model):
    """Rectification tasks: time by source, in working days, and the look back (回头看) after closing."""

    days: Mapping[RectificationSource, Positive]
    opened_by: OpenedBy
    progress_every: Period
    look_back_days: Positive

    def rules(self) -> Iterator[Broken]:
        missing = [source for source in RectificationSource if source not in self.days]
        if missing:
            yield Broken(("days",), "working days for every source", f"none for {', '.join(missing)}")


class IntegrityEntryKind(Model):
    """A kind of entry of the integrity ledger; `money` where it has an amount and instalments."""

    kind: IntegrityKind
    name: Name
    money: Flag


class Integrity(Model):
    """The ledger of broken promises of the government itself."""

    kinds: Annotated[tuple[IntegrityEntryKind, ...], Field(min_length=1)]
    opened_by_arrears_complaint: Flag
    arrears_restrictions: tuple[Name, ...]
    """What confirmed arrears to a small enterprise restrict (002_…txt, 三(三))."""

    def rules(self) -> Iterator[Broken]:
        yield from repeated("kinds", (entry.kind for entry in self.kinds), "kind")
        yield from repeated("arrears_restrictions", self.arrears_restrictions)


REPORTING_ROLES = ("DEPARTMENT_LEAD", "OFFICE", "SUPERVISION_OFFICER", "WORKING_GROUP")
RECEIVING_ROLES = ("LEADING_GROUP", "OFFICE", "SUPERVISION_OFFICER", "WORKING_GROUP")
"""Who can hand in a report, and who can judge it (`authz/policy.csv`; a test keeps both equal)."""


class ReportObligation(Model):
    """Who reports what to whom. `due_day` is a day of the month after the period, or of the quarter's first month."""

    name: Name
    from_roles: Annotated[tuple[RoleName, ...], Field(min_length=1)]
    to_roles: Annotated[tuple[RoleName, ...], Field(min_length=1)]
    copied_to: tuple[Name, ...] = ()
    every: Period
    due_day: Annotated[int, Strict(), Field(ge=1, le=28)]
    from_levels: Annotated[tuple[Literal["CITY", "COUNTY", "DEPARTMENT"], ...], Field(min_length=1)] = ("CITY",)
    """Whose duty it is: the city's (a region's) own, and that of every county or department where these are named."""
    most_listed: Positive = 10
    """How many problems, departments and notices the draft lists at most."""

    def rules(self) -> Iterator[Broken]:
        for name, roles, able in (
            ("from_roles", self.from_roles, REPORTING_ROLES),
            ("to_roles", self.to_roles, RECEIVING_ROLES),
        ):
            yield from repeated(name, roles)
            for index, role in enumerate(roles):
                if role not in able:
                    yield Broken((name, index), f"a role that may do so: {', '.join(able)}", role)
        yield from repeated("from_levels", self.from_levels)


class Supervision(Model):
    """The three levels, rectification, integrity and reports."""

    levels: tuple[SupervisionLevel, ...]
    rectification: Rectification
    integrity: Integrity
    reports: tuple[ReportObligation, ...]

    def rules(self) -> Iterator[Broken]:
        levels = tuple(level.level for level in self.levels)
        if levels != (1, 2, 3):
            yield Broken(("levels",), "the three levels 1, 2, 3 in this order", ", ".join(map(str, levels)) or "none")
        yield from repeated("reports", (report.name for report in self.reports), "name")
