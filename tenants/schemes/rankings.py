"""Rankings and what follows from them (domain.md, section 10; 000_…txt, 六; 003_…txt, 二(八))."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, Strict

from tenants.models import RankingGroup
from tenants.schemes.values import (
    Broken,
    Count,
    Exact,
    Flag,
    Model,
    Name,
    Points,
    Positive,
    Score,
    Share,
    repeated,
    unequal,
)
from tenants.schemes.words import ConsequenceKind, Formula, Measure


class RankedGroup(Model):
    """A group ranked by itself: of its `members`, the `first` and the `last` so many have consequences."""

    group: RankingGroup
    name: Name
    members: Positive
    first: Count
    last: Count

    def rules(self) -> Iterator[Broken]:
        if self.first + self.last > self.members:
            yield Broken(
                ("last",),
                f"first and last together at most the {self.members} members of the group",
                f"{self.first} and {self.last}",
            )


class Consequence(Model):
    """What being last in `cycles` cycles in a row leads to."""

    cycles: Annotated[int, Strict(), Field(ge=1, le=12)]
    kind: ConsequenceKind
    name: Name


class YearlyPoints(Model):
    """Performance points of the year for being among the first, or the last, so many times, consecutive or not."""

    times: Annotated[int, Strict(), Field(ge=1, le=12)]
    first: Points
    last: Points


class Honours(Model):
    """Yearly honours (评先): recommended after so many times first in a row, barred after so many times last."""

    recommended_after: Positive
    extra_places: Flag
    barred_after: Positive


class EvaluationRanking(Model):
    """The ranking after each evaluation cycle."""

    groups: Annotated[tuple[RankedGroup, ...], Field(min_length=1)]
    ties: Literal["ALL_TIED"]
    """A tie at a cut-off takes in all the tied."""
    consequences: tuple[Consequence, ...]
    points: tuple[YearlyPoints, ...]
    honours: Honours | None = None
    streak_across_years: Flag

    def group(self, name: str) -> RankedGroup | None:
        """The rules of a ranking group."""
        return next((entry for entry in self.groups if entry.group == name), None)

    def rules(self) -> Iterator[Broken]:
        yield from repeated("groups", (entry.group for entry in self.groups), "group")
        yield from repeated("consequences", (entry.cycles for entry in self.consequences), "cycles")
        for name, numbers in (
            ("consequences", [entry.cycles for entry in self.consequences]),
            ("points", [entry.times for entry in self.points]),
        ):
            if numbers != list(range(1, len(numbers) + 1)):
                yield Broken((name,), "one entry for 1, 2, 3 … in this order", ", ".join(map(str, numbers)))
        for index, entry in enumerate(self.points):
            if entry.first < 0:
                yield Broken(("points", index, "first"), "points added, 0 or more", str(entry.first))
            if entry.last > 0:
                yield Broken(("points", index, "last"), "points taken, 0 or less", str(entry.last))


class Band(Model):
    """From this rate on, a measure is worth `value`."""

    from_rate: Share
    value: Score


class WeightedMeasure(Model):
    """A measure and its weight; with weight 0 it is only shown. `lower_is_better`: returns, redone work."""

    measure: Measure
    name: Name
    weight: Share
    lower_is_better: Flag = False
    bands: tuple[Band, ...] = ()

    def rules(self) -> Iterator[Broken]:
        for index, (lower, higher) in enumerate(pairwise(self.bands), start=1):
            if higher.from_rate <= lower.from_rate:
                yield Broken(("bands", index, "from_rate"), f"more than {lower.from_rate}", str(higher.from_rate))
        if self.bands and self.bands[0].from_rate != 0:
            yield Broken(("bands", 0, "from_rate"), "0, so that every rate has a band", str(self.bands[0].from_rate))


class HandlingRanking(Model):
    """A ranking of handling, month by month; red and black lists name the first and last of each group."""

    formula: Formula
    measures: Annotated[tuple[WeightedMeasure, ...], Field(min_length=1)]
    minimum_handled: Positive
    """A unit with less to handle is listed, but not ranked."""
    red_list: Count
    black_list: Count
    yearly: Flag

    def rules(self) -> Iterator[Broken]:
        yield from repeated("measures", (entry.measure for entry in self.measures), "measure")
        total = sum((entry.weight for entry in self.measures), Decimal(0))
        yield from unequal(("measures",), "the weights of the measures", total, 1)
        if self.formula is Formula.BANDED:
            for index, entry in enumerate(self.measures):
                if entry.weight and not entry.bands:
                    yield Broken(("measures", index, "bands"), "bands, since the formula is BANDED", "none")


class Interval(Model):
    """The advisory interval beside an official rank, and never in its place."""

    shown: Flag
    confidence: Annotated[Exact, Field(gt=0, lt=1)]


class Rankings(Model):
    """Everything about rankings that a city chooses."""

    evaluation: EvaluationRanking
    handling: HandlingRanking
    redemption: HandlingRanking
    interval: Interval

    def rules(self) -> Iterator[Broken]:
        smallest = min(self.evaluation.groups, key=lambda entry: entry.members)
        for name in ("handling", "redemption"):
            lists: HandlingRanking = getattr(self, name)
            if lists.red_list + lists.black_list > smallest.members:
                yield Broken(
                    (name, "black_list"),
                    f"red and black list together at most the {smallest.members} members of {smallest.group}",
                    f"{lists.red_list} and {lists.black_list}",
                )
