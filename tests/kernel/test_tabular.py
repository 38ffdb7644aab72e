"""Tables in every way that people keep them, and files that are none."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from app.kernel.errors import InvalidInput
from app.kernel.tabular import Column, Sheet, read_table

COLUMNS = {
    "code": Column(("编号", "code"), required=True),
    "name": Column(("事项名称", "名称", "name"), required=True),
    "basis": Column(("法律依据", "legal basis")),
}
ROWS = [
    ["编号", "事项名称", "法律依据"],
    ["A-1", "食品经营许可", "《食品安全法》第三十五条,第三十六条"],
    ["A-2", "电价", ""],
]


def csv_of(rows: list[list[str]], separator: str = ",") -> str:
    return "".join(separator.join(f'"{cell}"' if separator in cell else cell for cell in row) + "\r\n" for row in rows)


def workbook(*sheets: list[list[Any]], hidden: int | None = None) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        dates = book.add_format({"num_format": "yyyy-mm-dd"})
        for place, rows in enumerate(sheets):
            sheet = book.add_worksheet()
            if place == hidden:
                sheet.hide()
            for row, cells in enumerate(rows):
                for column, cell in enumerate(cells):
                    if isinstance(cell, date):
                        sheet.write_datetime(row, column, cell, dates)  # type: ignore[arg-type]
                    else:
                        sheet.write(row, column, cell)
        book.get_worksheet_by_name(f"Sheet{len(sheets)}").activate()
    return file.getvalue()


def told(sheet: Sheet) -> list[tuple[int, dict[str, str]]]:
    return [(row.number, dict(row.cells)) for row in sheet.rows]


def refused(source: bytes | Path) -> InvalidInput:
    with pytest.raises(InvalidInput) as refusal:
        told(read_table(source, COLUMNS))
    assert refusal.value.field == "file"
    return refusal.value


EXPECTED = [
    (2, {"code": "A-1", "name": "食品经营许可", "basis": "《食品安全法》第三十五条,第三十六条"}),
    (3, {"code": "A-2", "name": "电价", "basis": ""}),
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_text_in_every_encoding_and_with_every_separator(encoding: str, separator: str) -> None:
    assert told(read_table(csv_of(ROWS, separator).encode(encoding), COLUMNS)) == EXPECTED


def test_excel() -> None:
    assert told(read_table(workbook(ROWS), COLUMNS)) == EXPECTED


def test_a_file_is_told_by_its_content_and_not_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(workbook(ROWS))
    assert told(read_table(path, COLUMNS)) == EXPECTED


def test_headings_by_any_name_below_a_title_and_rows_numbered_as_in_the_spreadsheet() -> None:
    rows = [["广元市部门职责清单"], ["", "导出时间 2026"], ["备注", "Name *", " ＣＯＤＥ"], [], ["x", "电价", "A-2"]]
    for source in (csv_of(rows).encode(), workbook(rows)):
        sheet = read_table(source, COLUMNS)
        assert sheet.headings == {"code": "ＣＯＤＥ", "name": "Name *"}
        assert sheet.ignored == ("备注",)
        assert told(sheet) == [(5, {"code": "A-2", "name": "电价"})]


def test_a_quoted_line_break_is_one_row() -> None:
    text = '编号,名称\nA-1,"两\n行"\nA-2,电价\n'
    assert told(read_table(text.encode(), COLUMNS)) == [
        (2, {"code": "A-1", "name": "两\n行"}),
        (3, {"code": "A-2", "name": "电价"}),
    ]


def test_short_rows_are_filled_up() -> None:
    assert told(read_table("编号,名称,法律依据\nA-1\n".encode(), COLUMNS)) == [
        (2, {"code": "A-1", "name": "", "basis": ""})
    ]


def test_numbers_dates_and_truth_of_excel_read_as_typed() -> None:
    rows = [["编号", "名称", "法律依据"], [12345678901, 2.5, date(2026, 3, 1)], [True, 3.0, ""]]
    assert [row.cells for row in read_table(workbook(rows), COLUMNS).rows] == [
        {"code": "12345678901", "name": "2.5", "basis": "2026-03-01"},
        {"code": "TRUE", "name": "3", "basis": ""},
    ]


def test_the_sheet_with_the_headings_is_taken_and_never_a_hidden_one() -> None:
    assert told(read_table(workbook([["说明"], ["请填写第二张表"]], ROWS), COLUMNS)) == EXPECTED
    assert refused(workbook(ROWS, [["空表"]], hidden=0)).rule == "columns_missing"


def test_missing_columns_are_named() -> None:
    assert refused("编号,电话\nA-1,139\n".encode()).data["columns"] == ("事项名称",)
    assert refused(b"").data["columns"] == ("编号", "事项名称")


def test_a_column_that_is_there_twice() -> None:
    refusal = refused("编号,名称,事项名称\nA-1,x,y\n".encode())
    assert (refusal.rule, refusal.data["column"]) == ("column_twice", "事项名称")


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not_a_table"),
        (workbook(ROWS)[:200], "not_a_table"),
        (b"PK\x03\x04 an archive that is none", "not_a_table"),
        (b"\xff\x00\xff", "not_a_table"),
        ("编号,名称\n".encode() + b"\x81", "unknown_encoding"),
    ],
)
def test_what_is_no_table(source: bytes, rule: str) -> None:
    assert refused(source).rule == rule


def test_a_quotation_mark_never_closed_swallows_nothing() -> None:
    refusal = refused('编号,名称\nA-1,电价\nA-2,"水价\nA-3,气价\n'.encode())
    assert (refusal.rule, refusal.data["row"]) == ("not_a_table", 3)
