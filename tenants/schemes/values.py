"""What the parts of a scheme are made of: the base model, exact numbers, texts, times and time limits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, time
from decimal import Decimal
from typing import Annotated, Any, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    Strict,
    model_validator,
)
from pydantic_core import PydanticCustomError

from tenants.schemes.words import TimeUnit


class Broken(NamedTuple):
    """A rule that a value breaks: where it is, below the model that states the rule, and what was expected and got."""

    path: tuple[str | int, ...]
    expected: str
    got: str


class Model(BaseModel):
    """A part of a scheme: immutable, without unknown keys. A part states what ties its values together in `rules`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def rules(self) -> Iterator[Broken]:
        """The rules this part breaks; checked once all its values are of the right kind."""
        return iter(())

    @model_validator(mode="after")
    def _check_rules(self) -> Self:
        broken = tuple(self.rules())
        if broken:
            summary = "; ".join(f"{'.'.join(map(str, rule.path))}: expected {rule.expected}" for rule in broken)
            raise PydanticCustomError("rules", "{summary}", {"summary": summary, "broken": broken})
        return self


def repeated(name: str, values: Iterable[Any], *below: str) -> Iterator[Broken]:
    """The values of a list that were there before; `below` is the key inside each element."""
    seen: Counter[Any] = Counter()
    for index, value in enumerate(values):
        seen[value] += 1
        if seen[value] == 2:
            yield Broken((name, index, *below), "each only once", f"{value} again")


def unequal(path: tuple[str | int, ...], what: str, total: Decimal | int, expected: Decimal | int) -> Iterator[Broken]:
    """A sum that should be another."""
    if total != expected:
        yield Broken(path, f"{what} to sum to {expected}", str(total))


_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,10})?")
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:00)?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _exact(value: Any) -> Any:
    """Take a number without ever going through binary floating point."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = Decimal(value)
    if not isinstance(value, Decimal):
        raise PydanticCustomError("exact", "a decimal number")
    return value


def _clock_time(value: Any) -> Any:
    if isinstance(value, time) or (isinstance(value, str) and _CLOCK.fullmatch(value)):
        return value
    raise PydanticCustomError("clock_time", "a time of day such as 09:00")


def _day(value: Any) -> Any:
    if isinstance(value, date) or (isinstance(value, str) and _DAY.fullmatch(value)):
        return value
    raise PydanticCustomError("day", "a day such as 2026-10-01")


def _writable(value: str) -> str:
    if _UNWRITABLE.search(value):
        raise PydanticCustomError("writable", "a text without control characters")
    if value != value.strip():
        raise PydanticCustomError("stripped", "a text without spaces at its ends")
    return value


def _one_line(value: str) -> str:
    if "\n" in value or "\t" in value:
        raise PydanticCustomError("one_line", "a text on one line")
    return _writable(value)


Exact = Annotated[Decimal, BeforeValidator(_exact), Field(max_digits=20)]
Share = Annotated[Exact, Field(ge=0, le=1)]
"""A part of the whole, 0 to 1."""
ProperShare = Annotated[Exact, Field(gt=0, lt=1)]
"""A part of the whole that is neither nothing nor all of it."""
Score = Annotated[Exact, Field(ge=0, le=100)]
Points = Annotated[Exact, Field(ge=-10, le=10)]
"""Yearly performance points."""
Count = Annotated[int, Strict(), Field(ge=0, le=1_000_000)]
Positive = Annotated[int, Strict(), Field(ge=1, le=1_000_000)]
Flag = Annotated[bool, Strict()]
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_one_line)]
Prose = Annotated[str, Field(min_length=1, max_length=5_000), AfterValidator(_writable)]
Slug = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z][a-z0-9_]*$")]
"""One label of a tenant path."""
Word = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Z][A-Z0-9_]*$")]
"""A name that code and frontends say, upper case."""
ClockTime = Annotated[
    time,
    BeforeValidator(_clock_time),
    PlainSerializer(lambda value: value.strftime("%H:%M"), return_type=str, when_used="json"),
]
Day = Annotated[date, BeforeValidator(_day)]


class TimeLimit(Model):
    """So much working time; "1 hour" is an office hour, "10 working days" end at the close of the 10th."""

    amount: Annotated[int, Strict(), Field(ge=1, le=1_000)]
    unit: TimeUnit


class TextLength(Model):
    """How long a text may be, in characters."""

    min: Count
    max: Annotated[int, Strict(), Field(ge=1, le=100_000)]

    def rules(self) -> Iterator[Broken]:
        if self.min > self.max:
            yield Broken(("min",), f"at most the max, {self.max}", str(self.min))
