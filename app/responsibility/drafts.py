"""A subject of the responsibility list as somebody proposes it: checked, before it is published. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from app.kernel.errors import InvalidInput
from app.kernel.texts import clean_optional_text, clean_text
from app.responsibility.models import HandlingLevel
from authz.roles import GRANTABLE_AT, Role

MOST_SUBJECTS = 5_000
CODE_LENGTH = 40
NAME_LENGTH = 200
CATEGORY_LENGTH = 100
LEGAL_BASIS_LENGTH = 2_000
MOST_KEYWORDS = 50
KEYWORD_LENGTHS = (2, 40)
"""A keyword of one character would stand in nearly every text."""


@dataclass(frozen=True, slots=True)
class Competent:
    """A tenant as a draft names it."""

    id: int
    kind: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A subject that may be published."""

    code: str
    name: str
    category: str
    tenant_id: int
    level: HandlingLevel
    legal_basis: str | None
    keywords: tuple[str, ...]


def draft_of(
    find: Callable[[str], Competent | None],
    *,
    code: str,
    name: str,
    category: str,
    department: str,
    level: HandlingLevel | None,
    legal_basis: str | None = None,
    keywords: Sequence[str] = (),
) -> tuple[Draft | None, list[InvalidInput]]:
    """The draft, or everything that is wrong with it. `find` knows the city's tenants.

    The refusals' fields are `code`, `name`, `category`, `department` (`unknown_tenant`, `not_handling`), `level`
    (`unknown_level`: None was given), `legalBasis` and `keywords`; those of texts as in `kernel.texts`.
    """
    problems: list[InvalidInput] = []

    def checked(field: str, value: str, at_most: int) -> str:
        try:
            return clean_text(field, value, at_most=at_most)
        except InvalidInput as problem:
            problems.append(problem)
            return ""

    code = checked("code", code, CODE_LENGTH)
    name = checked("name", name, NAME_LENGTH)
    category = checked("category", category, CATEGORY_LENGTH)
    competent = None
    if checked("department", department, NAME_LENGTH):
        competent = find(department.strip())
        if competent is None:
            problems.append(InvalidInput("department", "unknown_tenant", tenant=department.strip()))
        elif competent.kind not in GRANTABLE_AT[Role.HANDLER]:
            problems.append(InvalidInput("department", "not_handling", tenant=department.strip()))
    if level is None:
        problems.append(InvalidInput("level", "unknown_level"))
    try:
        legal_basis = clean_optional_text("legalBasis", legal_basis, at_most=LEGAL_BASIS_LENGTH)
        shortest, longest = KEYWORD_LENGTHS
        words = [clean_text("keywords", word, at_least=shortest, at_most=longest).casefold() for word in keywords]
        if len(words) > MOST_KEYWORDS:
            raise InvalidInput("keywords", "too_many", limit=MOST_KEYWORDS)
    except InvalidInput as problem:
        problems.append(problem)
    if problems or competent is None or level is None:
        return None, problems
    return Draft(code, name, category, competent.id, level, legal_basis, tuple(dict.fromkeys(words))), []


def codes_twice(drafts: Iterable[tuple[int, Draft]]) -> list[tuple[int, InvalidInput]]:
    """The places whose code stands at an earlier place already."""
    seen: set[str] = set()
    twice = []
    for place, draft in drafts:
        if draft.code in seen:
            twice.append((place, InvalidInput("code", "code_twice", code=draft.code)))
        seen.add(draft.code)
    return twice
