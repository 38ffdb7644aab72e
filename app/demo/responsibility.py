"""The demonstration's responsibility lists, and what the lives of its tickets have taught: as the verbs would have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from app.demo.city import DemoCity
from app.demo.duties import DUTIES
from app.demo.tickets import TICKET_COLUMNS, DemoTicket
from app.responsibility.drafts import Draft
from app.responsibility.evidence import ALL_WORDS
from app.responsibility.models import HandlingLevel
from app.responsibility.suggest import Subject, match_subjects, terms_of

RULING_COLUMNS: Final = ("city_id", "ticket_id", "subject_id", "tenant_id", "at")
TERM_COLUMNS: Final = ("city_id", "term", "tenant_id", "tickets", "weight")
NOTE: Final = "演示用清单"
_ID, _TITLE, _BODY, _COUNTY, _DISPATCHED = map(
    TICKET_COLUMNS.index, ("id", "title", "body", "county_id", "dispatched_at")
)


def drafts_of(city: DemoCity) -> list[Draft]:
    """The list, as far as the city has the departments."""
    drafts = []
    for code, name, category, departments, level, legal_basis, keywords in DUTIES:
        competent = next((city.departments[slug] for slug in departments if slug in city.departments), None)
        if competent is not None:
            words = tuple(keywords.casefold().split())
            drafts.append(Draft(code, name, category, competent.id, HandlingLevel(level), legal_basis, words))
    return drafts


class Taught:
    """Adds up the lessons of many tickets."""

    def __init__(self, city: DemoCity, subjects: Sequence[Subject]) -> None:
        self._city = city
        self._subjects = subjects
        self._tickets: dict[int, Counter[str]] = {}
        self._more: dict[int, Counter[str]] = {}
        """What a word weighs beyond the number of tickets: only rulings make a difference."""
        self._led: Counter[int] = Counter()
        self.rulings: list[tuple[Any, ...]] = []

    def add(self, tickets: Sequence[DemoTicket]) -> None:
        """Learn from these."""
        for ticket in tickets:
            if ticket.lessons:
                terms = terms_of(ticket.row[_TITLE], ticket.row[_BODY])
                for lesson in ticket.lessons:
                    self._led[lesson.tenant_id] += lesson.tickets
                    _count(self._tickets, lesson.tenant_id, terms, lesson.tickets)
                    _count(self._more, lesson.tenant_id, terms, lesson.weight - lesson.tickets)
            if ticket.ruled_for is not None:
                self._rule(ticket, ticket.ruled_for)

    def _rule(self, ticket: DemoTicket, ruled_for: int) -> None:
        matches = match_subjects(ticket.row[_TITLE], ticket.row[_BODY], self._subjects)
        if not matches:
            return
        subject = matches[0].subject
        county = ticket.row[_COUNTY]
        listed = subject.tenant_id if subject.level is HandlingLevel.CITY or county is None else county
        if listed != ruled_for:
            at = ticket.row[_DISPATCHED]
            self.rulings.append((self._city.id, ticket.row[_ID], subject.id, ruled_for, at))

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows of `responsibility_terms`, or what is to be added to those that are there."""
        for tenant, counted in self._tickets.items():
            more = self._more.get(tenant, Counter())
            yield self._city.id, ALL_WORDS, tenant, self._led[tenant], counted.total() + more.total()
            for term in counted.keys() | more.keys():
                yield self._city.id, term, tenant, counted[term], counted[term] + more[term]


def _count(counters: dict[int, Counter[str]], tenant: int, terms: frozenset[str], times: int) -> None:
    counter = counters.setdefault(tenant, Counter())
    if times == 1:
        counter.update(terms)
    elif times:
        counter.update(dict.fromkeys(terms, times))
