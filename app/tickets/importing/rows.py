"""A row of an export: what is to be submitted and what became of it there, or the problems of its cells. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from app.kernel.errors import InvalidInput
from app.kernel.tabular import CellProblem, TableRow
from app.tickets.channels import NUMBER_LENGTH, plain_number
from app.tickets.importing.mapping import COLUMNS, Name, Standing, Words
from app.tickets.texts import check_optional_text, check_text
from app.tickets.words import Satisfaction, SecrecyLevel, TicketCategory, TicketEventType
from tenants.schemes.tickets import Tickets
from tenants.schemes.words import Receiver

T = TypeVar("T")
N = Name
E = TicketEventType
YES = frozenset({"是", "保密", "Y", "YES", "TRUE", "1"})
NO = frozenset({"", "否", "不保密", "公开", "N", "NO", "FALSE", "0"})

_MOMENT = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?"
    r"(?:\s*T?\s*(\d{1,2})\s*[:时]\s*(\d{1,2})\s*(?:[:分]\s*(\d{1,2})?(?:\.\d+)?\s*秒?)?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Step:
    """What happened to it on the other platform: the kind of event, when, and what was said."""

    kind: TicketEventType
    at: datetime
    text: str | None = None
    satisfaction: Satisfaction | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A row that can be taken in. The enterprise is still what the file calls it; `steps` begin after submission."""

    row: TableRow
    number: str
    submitted_at: datetime
    category: TicketCategory
    title: str
    body: str
    county: str | None
    credit_code: str
    enterprise: str
    reporter: str
    phone: str
    secrecy: SecrecyLevel
    handled_by: str | None
    steps: tuple[Step, ...]


class RowReader:
    """Reads the rows of one file for one city: its words, its rules, its time zone."""

    def __init__(
        self, headings: Mapping[str, str], words: Words, rules: Tickets, zone: ZoneInfo, now: datetime
    ) -> None:
        self._headings = headings
        self._words = words
        self._rules = rules
        self._zone = zone
        self._now = now

    def read(self, row: TableRow) -> Record | list[CellProblem]:
        """The row's record, or everything that is wrong with its cells."""
        cells = _Cells(row, self._headings)
        texts = self._rules.texts
        number = cells.check(N.NUMBER, lambda value: plain_number("number", value, at_most=NUMBER_LENGTH))
        received = N.RECEIVED_AT if cells[N.RECEIVED_AT] else N.CALLED_AT if cells[N.CALLED_AT] else self._first_time()
        submitted = cells.check(received, lambda value: self._moment(value, after=None))
        category = cells.check(N.CATEGORY, lambda value: _known(value, self._words.categories))
        title = cells.check(N.TITLE, lambda value: check_text("title", value, texts.title))
        body = cells.check(N.BODY, lambda value: check_text("body", value, texts.body))
        county = cells.check(N.COUNTY, lambda value: _known(value, self._words.counties) if value else None)
        secrecy = cells.check(N.CONFIDENTIAL, _secrecy)
        handled_by = cells.check(N.HANDLED_BY, lambda value: check_optional_text("handledBy", value, texts.note))
        steps = self._steps(cells, category, submitted)
        if cells.problems or number is None or submitted is None or category is None:
            return cells.problems
        assert title is not None
        assert body is not None
        assert secrecy is not None
        return Record(
            row=row,
            number=number,
            submitted_at=submitted,
            category=category,
            title=title,
            body=body,
            county=county,
            credit_code=cells[N.CREDIT_CODE].upper(),
            enterprise=cells[N.ENTERPRISE],
            reporter=cells[N.REPORTER] or cells[N.CALLER],
            phone=cells[N.PHONE] or cells[N.CALLER_PHONE],
            secrecy=secrecy,
            handled_by=handled_by,
            steps=steps,
        )

    def _first_time(self) -> Name:
        return N.RECEIVED_AT if N.RECEIVED_AT in self._headings else N.CALLED_AT

    def _steps(self, cells: _Cells, category: TicketCategory | None, submitted: datetime | None) -> tuple[Step, ...]:
        """What of its life the other platform tells. A verdict alone tells that it was closed."""
        standing = cells.check(N.STATUS, lambda value: _known(value, self._words.standings) if value else Standing.OPEN)
        level = cells.check(N.SATISFACTION, lambda value: _known(value, self._words.levels) if value else None)
        if standing is None or standing is Standing.OPEN or submitted is None:
            return ()
        rule = self._rules.category(category) if category else None
        if rule is not None and rule.received_by is Receiver.COMPETENT_DEPARTMENT:
            cells.refuse(N.STATUS, InvalidInput("status", "not_allowed"))  # it takes that department's own decision
            return ()
        ended = cells.check(N.ENDED_AT, lambda value: self._moment(value, after=submitted))
        if ended is None:
            return ()
        texts = self._rules.texts
        if standing is Standing.DECLINED:
            basis = cells.check(N.REPLY, lambda value: check_text("reply", value or cells[N.STATUS], texts.reason))
            return (Step(E.DECLINED, ended, basis),)
        reply = cells.check(N.REPLY, lambda value: check_text("reply", value, texts.reply))
        steps = [Step(E.ANSWERED, ended, reply)]
        if standing is Standing.CLOSED or level is not None:
            asked = cells.check(N.FOLLOWED_UP_AT, lambda value: self._moment(value, after=ended) if value else ended)
            if asked is not None:
                steps.append(Step(E.FOLLOWED_UP, asked, satisfaction=level))
        return tuple(steps)

    def _moment(self, value: str, *, after: datetime | None) -> datetime:
        """A moment by the city's clock. A day alone is its beginning, or `after` if that is later on the same day."""
        if not value:
            raise InvalidInput("time", "required")
        found = _MOMENT.fullmatch(value)
        if found is None:
            raise InvalidInput("time", "not_a_time")
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
        try:
            moment = datetime(year, month, day, hour, minute, second, tzinfo=self._zone)
            if after is not None and found[4] is None and moment.date() == after.astimezone(self._zone).date():
                return after
            future, early = moment > self._now, after is not None and moment < after
            if moment.timestamp() < 0:
                raise ValueError("before there were hotlines")
        except (ValueError, OverflowError) as error:  # the 31st of February; the year 0
            raise InvalidInput("time", "not_a_time") from error
        if future:
            raise InvalidInput("time", "in_future")
        if early:
            raise InvalidInput("time", "out_of_order")
        return moment.astimezone(UTC)


class _Cells:
    """The cells of one row, and what is wrong with them."""

    def __init__(self, row: TableRow, headings: Mapping[str, str]) -> None:
        self._row = row
        self._headings = headings
        self.problems: list[CellProblem] = []

    def __getitem__(self, name: Name) -> str:
        return self._row.cells.get(name, "")

    def check(self, name: Name, read: Callable[[str], T]) -> T | None:
        try:
            return read(self[name])
        except InvalidInput as refusal:
            self.refuse(name, refusal)
            return None

    def refuse(self, name: Name, refusal: InvalidInput) -> None:
        self.problems.append(CellProblem(self._row.number, heading(self._headings, name), refusal))


def heading(headings: Mapping[str, str], name: Name) -> str:
    """What the file calls a column, or what it usually is called where the file has none."""
    return headings.get(name) or COLUMNS[name].headings[0]


def _known(value: str, words: Mapping[str, T]) -> T:
    if not value:
        raise InvalidInput("value", "required")
    try:
        return words[value]
    except KeyError:
        raise InvalidInput("value", "unknown_word", value=value) from None


def _secrecy(value: str) -> SecrecyLevel:
    if value.upper() in YES:
        return SecrecyLevel.CONFIDENTIAL
    if value.upper() in NO:
        return SecrecyLevel.NORMAL
    raise InvalidInput("value", "unknown_word", value=value)
