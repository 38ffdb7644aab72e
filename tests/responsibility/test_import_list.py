"""A responsibility list out of a spreadsheet: what is read, and what is told of every cell that is wrong."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
import xlsxwriter

from app import operations
from app.kernel.errors import InvalidInput
from app.responsibility.drafts import Competent
from app.responsibility.importing import read_list
from app.responsibility.models import HandlingLevel
from tests.factories.world import World

NOW = datetime(2026, 11, 22, tzinfo=UTC)
HEADINGS = "编号,事项名称,职责分类,业务主管单位,处置层级,适用法律法规,关键词"
GOOD = (
    f"{HEADINGS}\n"
    "A1,食品经营许可,市场准入,商务局,市级,《食品安全法》第三十五条,食品 餐饮、许可证\n"
    "A2,建筑垃圾处置,城市管理,guangyuan.housing,县（区）级,,渣土;建筑垃圾\n"
)
BAD = GOOD + (
    "A2,重复,城市管理,财政局,市级,,\n,没有编号,城市管理,财政局,市级,,\nA4,单位不对,城市管理,水利部,省级,,水\n"
)


def find(text: str) -> Competent | None:
    known = {"商务局": 1, "财政局": 2, "guangyuan.housing": 3}
    return Competent(known[text], "DEPARTMENT") if text in known else None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_a_list_in_every_encoding(encoding: str) -> None:
    read = read_list(GOOD.encode(encoding), find)
    assert read.problems == ()
    first, second = read.drafts
    assert (first.code, first.name, first.category, first.tenant_id) == ("A1", "食品经营许可", "市场准入", 1)
    assert (first.level, first.legal_basis) == (HandlingLevel.CITY, "《食品安全法》第三十五条")
    assert first.keywords == ("食品", "餐饮", "许可证")
    assert (second.level, second.legal_basis, second.keywords) == (HandlingLevel.COUNTY, None, ("渣土", "建筑垃圾"))


def test_a_list_from_excel_with_other_headings_and_a_title() -> None:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for row, cells in enumerate(
            [
                ["广元市部门职责清单"],
                ["序号", "事项", "类别", "责任单位", "层级", "备注"],
                [1, "用电", "要素", "商务局", "乡镇"],
            ]
        ):
            sheet.write_row(row, 0, cells)
    read = read_list(file.getvalue(), find)
    (draft,) = read.drafts
    assert (draft.code, draft.level, draft.keywords) == ("1", HandlingLevel.TOWNSHIP, ())
    assert read.ignored == ("备注",)


def test_every_cell_that_is_wrong_is_told_with_its_row_and_heading() -> None:
    read = read_list(BAD.encode("gbk"), find)
    assert [draft.code for draft in read.drafts] == ["A1", "A2"]
    assert [(each.row, each.column, each.refusal.rule) for each in read.problems] == [
        (4, "编号", "code_twice"),
        (5, "编号", "empty"),
        (6, "业务主管单位", "unknown_tenant"),
        (6, "处置层级", "unknown_level"),
        (6, "关键词", "too_short"),
    ]
    assert operations.told_of_cells(read.problems) == [
        "第 4 行,“编号”:编号“A2”重复。",
        "第 5 行,“编号”:“编号”不能为空。",
        "第 6 行,“业务主管单位”:没有找到单位“水利部”。",
        "第 6 行,“处置层级”:处置层级应为“市级”“县(区)级”或“乡镇(街道)级”。",
        "第 6 行,“关键词”:“关键词”不能少于 2 个字符。",
    ]


def test_a_file_without_the_columns() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_list("编号,名字\nA1,x\n".encode(), find)
    assert (refused.value.rule, refused.value.data["columns"]) == (
        "columns_missing",
        ("事项", "职责分类", "业务主管单位", "处置层级"),
    )


# Into the database


async def versions(admin: asyncpg.Connection) -> list[tuple[int, int]]:
    rows = await admin.fetch(
        "select l.version, count(s.id) as subjects from responsibility_lists l"
        " left join responsibility_subjects s using (city_id, version) group by l.version order by 1"
    )
    return [(row["version"], row["subjects"]) for row in rows]


async def test_the_import_publishes_all_or_nothing_and_the_same_only_once(
    application_url: str, world: World, admin: asyncpg.Connection, tmp_path: Path
) -> None:
    file = tmp_path / "清单.csv"

    async def load(text: str, *, skip_bad: bool = False) -> tuple[int, bool, int]:
        file.write_bytes(text.encode("gbk"))
        read, version, published = await operations.import_responsibility(
            application_url, file, city="guangyuan", note=None, skip_bad=skip_bad, now=NOW
        )
        return version, published, len(read.problems)

    assert await load(BAD.replace("guangyuan.housing", "住房和城乡建设局")) == (0, False, 5)
    assert await versions(admin) == []
    assert await load(GOOD) == (1, True, 0)
    assert await load(GOOD) == (1, False, 0)
    assert await load(BAD, skip_bad=True) == (1, False, 5)  # without the bad rows it is the list in force
    assert await load(GOOD.replace("食品经营许可", "食品许可")) == (2, True, 0)
    assert await versions(admin) == [(1, 2), (2, 2)]
    with pytest.raises(operations.Refused, match="no city"):
        await operations.import_responsibility(
            application_url, file, city="guangyuan.cangxi", note=None, skip_bad=False, now=NOW
        )


async def test_a_neighbours_department_is_unknown(application_url: str, world: World, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(GOOD.replace("商务局", "anshan.commerce"), "utf-8")
    read, version, published = await operations.import_responsibility(
        application_url, file, city="guangyuan", note=None, skip_bad=False, now=NOW
    )
    assert (version, published) == (0, False)
    assert [(each.row, each.refusal.rule) for each in read.problems] == [(2, "unknown_tenant")]
