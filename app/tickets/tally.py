"""What statistics count of a ticket, in one number: `tickets.tally`, which the database works out (`ticket_tally`).

The tickets of a year have a few hundred different tallies. So a city's are counted by tally, from one index and without
going to the tickets, and only these counts are looked into. It holds facts of the row: what a ticket is, not how many
there are. What depends on the moment (a step past due) is added when they are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Text,
    and_,
    case,
    cast,
    func,
    literal_column,
    or_,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.kernel.tables import Row
from app.tickets.words import Satisfaction, TicketCategory, TicketChannel, TicketStatus


@dataclass(frozen=True, slots=True)
class Word:
    """Some bits that number a word of `words` from 1; 0 is none."""

    words: type[StrEnum]
    shift: int
    bits: int

    @property
    def mask(self) -> int:
        """The bits."""
        return (1 << self.bits) - 1 << self.shift


STATUS: Final = Word(TicketStatus, 0, 4)
CATEGORY: Final = Word(TicketCategory, 4, 3)
CHANNEL: Final = Word(TicketChannel, 7, 4)
SATISFACTION: Final = Word(Satisfaction, 11, 3)
OPEN: Final = 1 << 14
AGAIN: Final = 1 << 15
"""In its second round, or a later one."""
ACKNOWLEDGED: Final = 1 << 16
"""Of those that had to be, by some time; so with RESOLVED."""
ACKNOWLEDGED_IN_TIME: Final = 1 << 17
RESOLVED: Final = 1 << 18
RESOLVED_IN_TIME: Final = 1 << 19
ACKNOWLEDGE_AWAITED: Final = 1 << 20
RESOLVE_AWAITED: Final = 1 << 21
WAITS: Final = 1 << 22
"""Something of it has a time by which it is due: without, nothing of it can be late."""
MERGED: Final = 1 << 23
OVERDUE: Final = 1 << 24
"""Now, as the two after it: not part of the column."""
ACKNOWLEDGE_LATE: Final = 1 << 25
RESOLVE_LATE: Final = 1 << 26
SCHEME_SHIFT: Final = 32
"""Above it stands the version of the scheme."""

_EIGHT_HOURS: ColumnElement[Any] = literal_column("interval '8 hours'")

_ALWAYS = (
    (-1 << SCHEME_SHIFT)
    | (STATUS.mask | SATISFACTION.mask | OPEN | AGAIN | MERGED)
    | (ACKNOWLEDGED | ACKNOWLEDGED_IN_TIME | RESOLVED | RESOLVED_IN_TIME)
)


def tally_now(t: Row, now: ColumnElement[Any], *and_of: Word) -> ColumnElement[int]:
    """The tally by which tickets are counted: with what of them is late `now`, and of category and channel only what
    is asked for, so that there are few of them."""
    same = tally_settled(t.c.tally, *and_of)
    late = same
    for flag, is_late in (
        (OVERDUE, t.c.due_at < now),
        (ACKNOWLEDGE_LATE, and_(holds(t.c.tally, ACKNOWLEDGE_AWAITED), t.c.acknowledge_due_at < now)),
        (RESOLVE_LATE, and_(holds(t.c.tally, RESOLVE_AWAITED), t.c.resolve_due_at < now)),
    ):
        late = late.bitwise_or(case((is_late, _number(flag)), else_=_number(0)))
    return case((holds(t.c.tally, WAITS), late), else_=same)


def tally_settled(tally: ColumnElement[int], *and_of: Word) -> ColumnElement[int]:
    """As `tally_now`, of tickets that wait for nothing, whenever it is asked."""
    kept = _ALWAYS
    for word in and_of:
        kept |= word.mask
    return tally.bitwise_and(_number(kept))


def day_of(moment: ColumnElement[Any]) -> ColumnElement[Any]:
    """The day in which it lies by China's clock, as `tickets.submitted_day` has it."""
    return cast(func.timezone(_EIGHT_HOURS, moment), Date())


def day_begins(day: ColumnElement[Any]) -> ColumnElement[Any]:
    """The first moment of such a day."""
    return func.timezone(_EIGHT_HOURS, cast(day, DateTime()), type_=DateTime(timezone=True))


def whole_days_begin(moment: ColumnElement[Any]) -> ColumnElement[Any]:
    """The first such day that does not begin before the moment."""
    return cast(func.timezone(_EIGHT_HOURS, moment) + literal_column("interval '1 day - 1 microsecond'"), Date())


def holds(tally: ColumnElement[int], flags: int) -> ColumnElement[bool]:
    """Whether it has any of the flags."""
    return tally.bitwise_and(_number(flags)) != _number(0)


def is_one_of(tally: ColumnElement[int], word: Word, *values: StrEnum) -> ColumnElement[bool]:
    """Whether its word is one of the values."""
    places = list(word.words)
    return or_(
        *(tally.bitwise_and(_number(word.mask)) == _number(places.index(value) + 1 << word.shift) for value in values)
    )


def word_of(tally: ColumnElement[int], word: Word) -> ColumnElement[str]:
    """Its word, or null."""
    words: ColumnElement[Any] = literal_column(f"('{{{','.join(word.words)}}}'::text[])", ARRAY(Text()))
    place = tally.bitwise_rshift(literal_column(str(word.shift), Integer())).bitwise_and(_number((1 << word.bits) - 1))
    return words[place]


def scheme_of(tally: ColumnElement[int]) -> ColumnElement[int]:
    """The version of its scheme."""
    return tally.bitwise_rshift(literal_column(str(SCHEME_SHIFT), Integer()))


def _number(value: int) -> ColumnElement[int]:
    return literal_column(f"'{value}'::bigint", BigInteger())
