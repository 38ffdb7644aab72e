"""What is wrong with a scheme document, so that the one who wrote it finds the place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.kernel.errors import InvalidInput

MOST = 100
"""More problems than this are not listed: the document is not a scheme."""


@dataclass(frozen=True, slots=True)
class SchemeProblem:
    """One mistake. `line` and `column` count from 1; line 0: the scheme was no text. `key`: a dotted path."""

    file: str
    line: int
    column: int
    key: str
    expected: str
    got: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else ""
        key = f"{self.key}: " if self.key else ""
        return f"{place}{key}expected {self.expected}, got {self.got}"


class SchemeProblems(InvalidInput):
    """A document is no valid scheme. `problems`, in the order of the lines; `data["problems"]` has their sentences."""

    def __init__(self, problems: Iterable[SchemeProblem], *, field: str = "document") -> None:
        ordered = sorted(set(problems), key=lambda problem: (problem.file, problem.line, problem.column, problem.key))
        self.problems = tuple(ordered[:MOST])
        super().__init__(field, "scheme", problems=[str(problem) for problem in self.problems])

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def dotted(path: Iterable[str | int]) -> str:
    """A path as people write it: `calendar.office_hours[1].opens`."""
    text = ""
    for label in path:
        if isinstance(label, int):
            text += f"[{label}]"
        else:
            text += f".{label}" if text else label
    return text
