"""A responsibility list out of a spreadsheet: every row checked, every cell that is wrong told. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from app.kernel.errors import InvalidInput
from app.kernel.tabular import CellProblem, Column, read_table
from app.responsibility.drafts import Competent, Draft, codes_twice, draft_of
from app.responsibility.models import HandlingLevel
from tenants.tree import TenantTree

COLUMNS: Mapping[str, Column] = MappingProxyType(
    {
        "code": Column(("编号", "事项编号", "序号", "code"), required=True),
        "name": Column(("事项", "事项名称", "职责事项", "name"), required=True),
        "category": Column(("职责分类", "类别", "分类", "category"), required=True),
        "department": Column(("业务主管单位", "主管单位", "责任单位", "承办单位", "department"), required=True),
        "level": Column(("处置层级", "层级", "level"), required=True),
        "legal_basis": Column(("适用法律法规", "法律法规", "法律依据", "依据", "legal basis")),
        "keywords": Column(("关键词", "关键字", "keywords")),
    }
)
"""The columns (003_…txt, 二(四)) and what cities call them."""

_LEVEL_WORDS = {
    HandlingLevel.CITY: ("市级", "市", "市本级", "city"),
    HandlingLevel.COUNTY: ("县级", "区县级", "县区级", "县(区)级", "县", "区县", "county"),
    HandlingLevel.TOWNSHIP: (
        *("乡镇级", "乡镇", "街道", "镇街", "镇街级"),
        *("乡镇(街道)级", "乡镇街道级", "township"),
    ),
}
LEVELS: Mapping[str, HandlingLevel] = MappingProxyType(
    {word: level for level, words in _LEVEL_WORDS.items() for word in words}
)
"""What cities call the levels."""
_FIELD_OF = {"legalBasis": "legal_basis"}
_BETWEEN_WORDS = re.compile(r"[\s,、;，；/|]+")


@dataclass(frozen=True, slots=True)
class Read:
    """What a file holds: subjects that may be published, what is wrong with the others, and what was not looked at."""

    drafts: tuple[Draft, ...]
    problems: tuple[CellProblem, ...]
    ignored: tuple[str, ...]


def read_list(source: Path | bytes, find: Callable[[str], Competent | None]) -> Read:
    """Read and check a list. Raises OSError and `InvalidInput` as `read_table` does.

    Of rows with one code the first counts; the later ones are problems.
    """
    sheet = read_table(source, COLUMNS)
    drafts: list[tuple[int, Draft]] = []
    problems: list[tuple[int, InvalidInput]] = []
    for row in sheet.rows:
        cell = row.cells
        draft, wrong = draft_of(
            find,
            code=cell["code"],
            name=cell["name"],
            category=cell["category"],
            department=cell["department"],
            level=LEVELS.get("".join(cell["level"].translate(_NARROW).casefold().split())),
            legal_basis=cell.get("legal_basis"),
            keywords=[word for word in _BETWEEN_WORDS.split(cell.get("keywords", "")) if word],
        )
        problems += [(row.number, problem) for problem in wrong]
        if draft is not None:
            drafts.append((row.number, draft))
    twice = codes_twice(drafts)
    later = {number for number, _ in twice}
    return Read(
        tuple(draft for number, draft in drafts if number not in later),
        tuple(_in_its_cell(number, problem, sheet.headings) for number, problem in sorted(problems + twice, key=_row)),
        sheet.ignored,
    )


def by_name(tree: TenantTree, city_id: int) -> Callable[[str], Competent | None]:
    """Finds a tenant of the city by its path or its official name; a municipal one before a county's of that name."""
    named = {
        node.name: node
        for node in sorted(tree.nodes, key=lambda node: node.county_id is None)  # the last one stays
        if node.city_id == city_id
    }

    def find(text: str) -> Competent | None:
        node = tree.by_path(text) or named.get(text)
        return None if node is None or node.city_id != city_id else Competent(node.id, node.kind)

    return find


_NARROW = str.maketrans("（）", "()")


def _row(problem: tuple[int, InvalidInput]) -> int:
    return problem[0]


def _in_its_cell(number: int, problem: InvalidInput, headings: Mapping[str, str]) -> CellProblem:
    """The problem under the heading that the file has."""
    field = problem.field or ""
    name = _FIELD_OF.get(field, field)
    heading = headings.get(name) or COLUMNS[name].headings[0]
    data = {key: value for key, value in problem.data.items() if key != "rule"}
    return CellProblem(number, heading, InvalidInput(heading, problem.rule, **data))


def rows_of(problems: Iterable[CellProblem]) -> int:
    """How many rows have a problem."""
    return len({problem.row for problem in problems})
