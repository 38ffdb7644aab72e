"""Evaluations: panel, draw, rounds, questionnaires, ratings and scores (domain.md, section 7; 000_…txt)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, Strict

from tenants.schemes.tickets import Level, check_levels
from tenants.schemes.values import (
    Broken,
    Count,
    Flag,
    Model,
    Name,
    Positive,
    Prose,
    Score,
    Share,
    Slug,
    Word,
    repeated,
    unequal,
)
from tenants.schemes.words import (
    AnswerMode,
    DrawTie,
    EvaluatorCategory,
    EvaluatorGroup,
    LevelName,
    MissingPart,
    Period,
    ProgrammeKind,
    RatingCounts,
    RatingDimension,
    WithinCategory,
)


class PanelCategory(Model):
    """A category of the panel. Without origins its seats are the city's as a whole.

    With origins: `city` seats of the city itself and `county` seats of each of `counties`, for each of `groups` where
    there are any.
    """

    category: EvaluatorCategory
    name: Name
    seats: Positive
    renewal_months: Annotated[int, Strict(), Field(ge=1, le=60)]
    groups: tuple[EvaluatorGroup, ...] = ()
    city: Count | None = None
    county: Count | None = None
    counties: tuple[Slug, ...] = ()

    @property
    def by_origin(self) -> bool:
        """Whether the seats are split by where the evaluators come from."""
        return self.city is not None or self.county is not None

    def rules(self) -> Iterator[Broken]:
        yield from repeated("groups", self.groups)
        yield from repeated("counties", self.counties)
        if not self.by_origin:
            if self.groups or self.counties:
                yield Broken(
                    ("city",), "the seats of the city and of each county, since groups or counties are named", "none"
                )
            return
        if bool(self.county) != bool(self.counties):
            yield Broken(
                ("counties",), "the counties that have seats, and their number in county", str(len(self.counties))
            )
        total = max(1, len(self.groups)) * ((self.city or 0) + (self.county or 0) * len(self.counties))
        yield from unequal(("seats",), "the seats by origin", total, self.seats)


class Panel(Model):
    """The evaluator panel (评价主体样本库)."""

    seats: Positive
    categories: Annotated[tuple[PanelCategory, ...], Field(min_length=1)]

    def rules(self) -> Iterator[Broken]:
        yield from repeated("categories", (category.category for category in self.categories), "category")
        total = sum(category.seats for category in self.categories)
        yield from unequal(("seats",), "the seats of the categories", total, self.seats)


class Draw(Model):
    """How a round's evaluators are drawn: at equal proportion from each category, by largest remainder."""

    size: Positive
    tie: DrawTie
    within_category: WithinCategory
    exclude_own_employer: Flag
    """An evaluator who works for a subject is left out at the draw: a secret ballot cannot be checked later."""


class Rounds(Model):
    """The survey rounds (集中评价) of a year."""

    per_year: Annotated[int, Strict(), Field(ge=1, le=12)]
    every_months: Annotated[int, Strict(), Field(ge=1, le=12)]

    def rules(self) -> Iterator[Broken]:
        if self.per_year * self.every_months != 12:
            yield Broken(("every_months",), f"12 months in {self.per_year} rounds", str(self.every_months))


class Question(Model):
    """A question with its weight in the questionnaire."""

    key: Word
    text: Prose
    weight: Share


class Answer(Model):
    """An answer one may tick, and what it is worth."""

    key: Word
    name: Name
    value: Score


class Questionnaire(Model):
    """Questions whose weights sum to 1, and the answers to each."""

    key: Word
    name: Name
    questions: Annotated[tuple[Question, ...], Field(min_length=1)]
    answers: Annotated[tuple[Answer, ...], Field(min_length=2)]
    cannot_judge: Flag
    """Whether "cannot judge" is offered; it is not counted."""

    def rules(self) -> Iterator[Broken]:
        yield from repeated("questions", (question.key for question in self.questions), "key")
        yield from repeated("answers", (answer.key for answer in self.answers), "key")
        total = sum((question.weight for question in self.questions), Decimal(0))
        yield from unequal(("questions",), "the weights of the questions", total, 1)


class Dimension(Model):
    """A dimension of a real-time rating and its weight."""

    dimension: RatingDimension
    name: Name
    weight: Share


class RealTime(Model):
    """Real-time ratings (实时评价): one per receipt, five levels, weighted dimensions."""

    levels: tuple[Level, ...]
    dimensions: Annotated[tuple[Dimension, ...], Field(min_length=1)]
    counts: RatingCounts
    bad_levels: Annotated[tuple[LevelName, ...], Field(min_length=1)]
    """Levels that open a rectification task (its time: `supervision.rectification.days.BAD_RATING`)."""
    follow_up_share: Share
    """Of the bad ratings that left a contact, how many are called back."""

    def rules(self) -> Iterator[Broken]:
        yield from check_levels(self.levels)
        yield from repeated("dimensions", (entry.dimension for entry in self.dimensions), "dimension")
        yield from repeated("bad_levels", self.bad_levels)
        total = sum((entry.weight for entry in self.dimensions), Decimal(0))
        yield from unequal(("dimensions",), "the weights of the dimensions", total, 1)


class CategoryWeight(Model):
    """How much a category's mean counts, where the city weights categories."""

    category: EvaluatorCategory
    weight: Share


class Scoring(Model):
    """The score of a subject in a cycle; decimal, rounded once at the end, half up."""

    survey_weight: Share
    real_time_weight: Share
    without_real_time: MissingPart
    digits: Annotated[int, Strict(), Field(ge=0, le=6)]
    rounding: Literal["HALF_UP"]
    category_weights: tuple[CategoryWeight, ...] = ()

    def rules(self) -> Iterator[Broken]:
        total = self.survey_weight + self.real_time_weight
        yield from unequal(("real_time_weight",), "survey_weight and real_time_weight", total, 1)
        if self.category_weights:
            yield from repeated("category_weights", (entry.category for entry in self.category_weights), "category")
            weights = sum((entry.weight for entry in self.category_weights), Decimal(0))
            yield from unequal(("category_weights",), "the weights of the categories", weights, 1)


class Programme(Model):
    """Another evaluation on the same machinery."""

    kind: ProgrammeKind
    name: Name
    questionnaire: Word
    modes: Annotated[tuple[AnswerMode, ...], Field(min_length=1)]
    every: Period | None = None
    """None: after each piece of business."""


class Evaluations(Model):
    """Everything about evaluations that a city chooses."""

    portal: Name
    module: Name
    panel: Panel
    draw: Draw
    rounds: Rounds
    survey: Word
    """The questionnaire of the survey rounds."""
    questionnaires: Annotated[tuple[Questionnaire, ...], Field(min_length=1)]
    real_time: RealTime
    scoring: Scoring
    minimum_answers: Annotated[int, Strict(), Field(ge=3, le=1_000)]
    """k: results smaller than this are withheld."""
    programmes: tuple[Programme, ...] = ()

    def questionnaire(self, key: str) -> Questionnaire | None:
        """The questionnaire of that key."""
        return next((entry for entry in self.questionnaires if entry.key == key), None)

    def rules(self) -> Iterator[Broken]:
        if self.draw.size > self.panel.seats:
            yield Broken(("draw", "size"), f"at most the {self.panel.seats} seats of the panel", str(self.draw.size))
        yield from repeated("questionnaires", (entry.key for entry in self.questionnaires), "key")
        yield from repeated("programmes", (entry.kind for entry in self.programmes), "kind")
        known = ", ".join(entry.key for entry in self.questionnaires)
        if self.questionnaire(self.survey) is None:
            yield Broken(("survey",), f"a questionnaire of the scheme: {known}", self.survey)
        for index, programme in enumerate(self.programmes):
            if self.questionnaire(programme.questionnaire) is None:
                yield Broken(
                    ("programmes", index, "questionnaire"),
                    f"a questionnaire of the scheme: {known}",
                    programme.questionnaire,
                )
        drawn = {category.category for category in self.panel.categories}
        for index, entry in enumerate(self.scoring.category_weights):
            if entry.category not in drawn:
                yield Broken(
                    ("scoring", "category_weights", index, "category"), "a category of the panel", entry.category
                )
