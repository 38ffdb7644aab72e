"""Tickets: what is taken in, how long each step may take, and who may see what (domain.md, section 5; 003_…txt)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field

from tenants.schemes.values import (
    Broken,
    Flag,
    Model,
    Name,
    Positive,
    ProperShare,
    Score,
    Share,
    TextLength,
    TimeLimit,
    repeated,
)
from tenants.schemes.words import (
    LEVELS,
    CategoryName,
    ChannelName,
    CoordinationLevel,
    FollowUpQuestion,
    LevelName,
    OriginRule,
    QualityConcern,
    Receiver,
    RoleName,
    StatusName,
    SuspensionReason,
)

MOST_STAGES = 30
"""There are fewer states that a ticket can be in."""


class Category(Model):
    """A kind of ticket. `verification` and `limit` are for deciding to accept, and for handling."""

    name: Name
    limit: TimeLimit
    verification: TimeLimit | None = None
    """The acceptance decision, where it differs from the city's `verification`."""
    answer_at_once: Flag = False
    """The desk should answer on the spot; `limit` counts only when it cannot."""
    received_by: Receiver = Receiver.DESK
    written_decision: Flag = False
    publish_decision: Flag = False
    """A decision that must be public is published."""
    excluded_time: tuple[SuspensionReason, ...] = ()
    """Time that this category's limit does not count, beside the city's own suspensions."""

    def rules(self) -> Iterator[Broken]:
        yield from repeated("excluded_time", self.excluded_time)
        if self.publish_decision and not self.written_decision:
            yield Broken(("publish_decision",), "false where there is no written decision", "true")


class ChannelRule(Model):
    """Who of the `submitters` reports by a channel, and whether it brings the number of another platform along."""

    submitters: Annotated[tuple[RoleName, ...], Field(min_length=1)]
    origin: OriginRule = OriginRule.NONE

    def rules(self) -> Iterator[Broken]:
        yield from repeated("submitters", self.submitters)


class Texts(Model):
    """How long the texts of a ticket may be."""

    title: TextLength
    body: TextLength
    reply: TextLength
    reason: TextLength
    """Reasons and bases: why declined, returned, arbitrated, withdrawn."""
    note: TextLength


class Level(Model):
    """A level of satisfaction and what it is worth."""

    level: LevelName
    name: Name
    value: Score


def check_levels(levels: tuple[Level, ...]) -> Iterator[Broken]:
    """Five levels, from the best to the worst, none worth more than the one before it."""
    if tuple(level.level for level in levels) != LEVELS:
        yield Broken(("levels",), f"the five levels {', '.join(LEVELS)}", ", ".join(level.level for level in levels))
        return
    for index in range(1, len(levels)):
        if levels[index].value > levels[index - 1].value:
            yield Broken(
                ("levels", index, "value"),
                f"at most {levels[index - 1].value}, the value of the level before it",
                str(levels[index].value),
            )


class FollowUp(Model):
    """The call after the reply: within `limit`, for `share` of the handled tickets."""

    limit: TimeLimit
    share: Share
    satisfaction_target: Share
    levels: tuple[Level, ...]
    low_levels: Annotated[tuple[LevelName, ...], Field(min_length=1)]
    """Which levels count as unsatisfied: they may reopen a ticket and enter the ledger of low satisfaction."""
    questions: tuple[FollowUpQuestion, ...]
    rounds: Positive
    """Rounds of handling before an unsatisfied reporter's ticket goes one level up: 2, one second dispatch."""
    quality_sample: Share
    """The share of handled tickets that supervision draws for a quality check."""
    ledger: tuple[QualityConcern, ...]
    """What enters a handling in the ledger of handling quality; the office keeps it and hands it to supervision."""

    def rules(self) -> Iterator[Broken]:
        yield from repeated("ledger", self.ledger)
        yield from check_levels(self.levels)
        yield from repeated("low_levels", self.low_levels)
        yield from repeated("questions", self.questions)


class Extension(Model):
    """How much more time a department may ask for: at most so many working days at once, so often in a round."""

    working_days: Positive
    times: Positive


class Duplicates(Model):
    """When a ticket at intake counts as a likely duplicate of one no older than `within_days` calendar days."""

    similarity: Share
    within_days: Positive


class Stage(Model):
    """A stretch of the way as the city calls it to its enterprises, and the states it takes in."""

    name: Name
    statuses: tuple[StatusName, ...]
    follow_up: Flag = False
    """The stage is the follow-up or the rating: it has no state of its own."""


class Tickets(Model):
    """Everything about tickets that a city chooses."""

    number_prefix: Annotated[str, Field(pattern=r"^[A-Z]{2,8}$")]
    """Begins every ticket number; no two cities of a deployment share one, and a city never changes it."""
    texts: Texts
    channels: Annotated[tuple[ChannelName, ...], Field(min_length=1)]
    channel_rules: Mapping[ChannelName, ChannelRule] = {}
    """A channel without a rule is open to all submitters and brings no number along."""
    submitters: Annotated[tuple[RoleName, ...], Field(min_length=1)]
    public_in_person: Flag
    """Whether the desk registers a person without an enterprise."""
    verification: TimeLimit
    acknowledgement: TimeLimit
    first_contact: TimeLimit
    warn_at_share: ProperShare
    """How much of a step's working time has passed when its clock warns."""
    categories: Annotated[Mapping[CategoryName, Category], Field(min_length=1)]
    suspension_reasons: tuple[SuspensionReason, ...]
    extension: Extension
    has_office: Flag
    """Whether an office arbitrates, extends and terminates; without one the dispatcher does."""
    coordination: tuple[CoordinationLevel, ...]
    follow_up: FollowUp
    duplicates: Duplicates
    emergency_numbers: Annotated[Mapping[Name, Name], Field(min_length=1)]
    """Number to service: urgent matters are declined to these."""
    status_names: Mapping[StatusName, Name] = {}
    """The city's own words for states; a state without one has the product's label."""
    stages: Annotated[tuple[Stage, ...], Field(min_length=1, max_length=MOST_STAGES)]

    def category(self, name: str) -> Category | None:
        """The rules of a category, or None where the city does not take it."""
        return self.categories.get(name)

    def verification_of(self, name: str) -> TimeLimit:
        """The limit of the acceptance decision for a category."""
        category = self.category(name)
        return (category and category.verification) or self.verification

    def rules(self) -> Iterator[Broken]:
        yield from repeated("channels", self.channels)
        yield from repeated("submitters", self.submitters)
        yield from repeated("suspension_reasons", self.suspension_reasons)
        yield from repeated("coordination", self.coordination)
        yield from repeated("stages", (stage.name for stage in self.stages), "name")
        staged: set[str] = set()
        for index, stage in enumerate(self.stages):
            for place, status in enumerate(stage.statuses):
                if status in staged:
                    yield Broken(("stages", index, "statuses", place), "a state in one stage only", f"{status} again")
                staged.add(status)


class Secrecy(Model):
    """Who is named to a restricted ticket, who of a department handles it, and who sees a confidential reporter."""

    restricted_named_roles: Annotated[tuple[RoleName, ...], Field(min_length=1)]
    restricted_handler_roles: Annotated[tuple[RoleName, ...], Field(min_length=1)]
    confidential_reader_roles: Annotated[tuple[RoleName, ...], Field(min_length=1)]

    def rules(self) -> Iterator[Broken]:
        yield from repeated("restricted_named_roles", self.restricted_named_roles)
        yield from repeated("restricted_handler_roles", self.restricted_handler_roles)
        yield from repeated("confidential_reader_roles", self.confidential_reader_roles)
