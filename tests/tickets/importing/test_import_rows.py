"""A row of an export, cell by cell: what it says, and what is wrong with it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.kernel.errors import InvalidInput
from app.kernel.tabular import TableRow
from app.tickets.importing.mapping import COLUMNS, ImportMapping, Name, Standing, Words, read_mapping
from app.tickets.importing.rows import Record, RowReader
from app.tickets.words import Satisfaction, SecrecyLevel, TicketCategory, TicketChannel
from tenants.schemes.model import Scheme, load_preset
from tests.tickets.importing.export import CLOSED_CALL, OPEN_CALL, table, write

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
COUNTIES = {"苍溪县": "guangyuan.cangxi", "全市": None}


def reader(mapping: ImportMapping | None = None, headings: Mapping[str, str] | None = None) -> RowReader:
    tickets = load_preset("guangyuan").scheme.tickets
    usual = {name: column.headings[0] for name, column in COLUMNS.items()}
    words = Words(mapping or ImportMapping(), tickets, COUNTIES)
    return RowReader(headings or usual, words, tickets, ZoneInfo("Asia/Shanghai"), NOW)


def row(base: Mapping[str, str] = CLOSED_CALL, **changes: str) -> TableRow:
    """A row of the file; changes by our names of the columns."""
    names = {heading: name for name, column in COLUMNS.items() for heading in column.headings}
    return TableRow(7, {names[heading]: value for heading, value in base.items()} | changes)


def record(base: Mapping[str, str] = CLOSED_CALL, **changes: str) -> Record:
    read = reader().read(row(base, **changes))
    assert isinstance(read, Record), read
    return read


def problems(base: Mapping[str, str] = CLOSED_CALL, **changes: str) -> list[tuple[str, str]]:
    read = reader().read(row(base, **changes))
    assert isinstance(read, list), read
    assert {problem.row for problem in read} == {7}
    return [(problem.column, problem.refusal.rule) for problem in read]


def test_what_a_row_says() -> None:
    read = record()
    assert (read.number, read.category, read.county) == ("GD0002", TicketCategory.HELP, "guangyuan.cangxi")
    assert (read.title, read.reporter, read.phone) == ("厂区门口道路积水", "王先生", "13800000000")
    assert (read.secrecy, read.handled_by) == (SecrecyLevel.NORMAL, "市商务局")
    assert read.submitted_at == datetime(2026, 1, 5, 1, 30, tzinfo=UTC)  # half past nine in Shanghai
    answered, followed_up = read.steps
    assert (answered.kind, answered.at, answered.text) == (
        "ANSWERED",
        datetime(2026, 1, 8, 8, 0, tzinfo=UTC),
        "已疏通排水管道。",
    )
    assert (followed_up.kind, followed_up.at, followed_up.satisfaction) == (
        "FOLLOWED_UP",
        answered.at,
        Satisfaction.SATISFIED,
    )


@pytest.mark.parametrize(
    ("status", "satisfaction", "kinds"),
    [
        ("办理中", "", []),
        ("", "", []),
        ("已办结", "", ["ANSWERED"]),
        ("已办结", "未评价", ["ANSWERED"]),
        ("已办结", "不满意", ["ANSWERED", "FOLLOWED_UP"]),
        ("已归档", "", ["ANSWERED", "FOLLOWED_UP"]),
        ("不予受理", "", ["DECLINED"]),
        ("已撤单", "", ["DECLINED"]),
    ],
)
def test_how_far_it_came(status: str, satisfaction: str, kinds: list[str]) -> None:
    assert [step.kind for step in record(status=status, satisfaction=satisfaction).steps] == kinds


def test_who_took_it_back_need_not_say_why() -> None:
    assert record(status="已撤单", reply="").steps[0].text == "已撤单"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-05 09:30:00", (1, 30)),
        ("2026-01-05 09:30:00.123", (1, 30)),
        ("2026/1/5 9:30", (1, 30)),
        ("2026.01.05 09:30", (1, 30)),
        ("2026年1月5日 9时30分", (1, 30)),
        ("2026年1月5日9时30分0秒", (1, 30)),
        ("2026-01-05T09:30:00", (1, 30)),
        ("2026-01-05 23:59", (15, 59)),
    ],
)
def test_how_moments_are_written(text: str, moment: tuple[int, int]) -> None:
    assert record(OPEN_CALL, received_at=text).submitted_at == datetime(2026, 1, 5, *moment, tzinfo=UTC)


def test_a_day_is_its_beginning_by_the_citys_clock() -> None:
    assert record(OPEN_CALL, received_at="2026-01-05").submitted_at == datetime(2026, 1, 4, 16, 0, tzinfo=UTC)


def test_an_ending_on_the_same_day_is_not_before_it() -> None:
    read = record(ended_at="2026-01-05", followed_up_at="2026-01-05")
    assert {step.at for step in read.steps} == {read.submitted_at}


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("received_at", "2026-02-30 09:00", "not_a_time"),  # a day that does not exist
        ("received_at", "2026-13-01", "not_a_time"),
        ("received_at", "2026-01-05 25:00", "not_a_time"),
        ("received_at", "0000-01-01", "not_a_time"),
        ("received_at", "0026-01-05", "not_a_time"),
        ("received_at", "46027.39", "not_a_time"),
        ("received_at", "昨天", "not_a_time"),
        ("received_at", "２０２６-01-05", "not_a_time"),
        ("received_at", "9999-12-31 23:59:59", "in_future"),
        ("received_at", "2026-03-02 09:00:01", "in_future"),
        ("received_at", "", "required"),
        ("ended_at", "2026-01-05 09:29", "out_of_order"),
        ("ended_at", "2026-01-04", "out_of_order"),
        ("ended_at", "", "required"),
        ("followed_up_at", "2026-01-08 15:59", "out_of_order"),
        ("number", "", "empty"),
        ("number", "1" * 61, "too_long"),
        ("number", "1\n2", "characters"),
        ("title", "", "empty"),
        ("title", "水", "too_short"),
        ("title", "水" * 121, "too_long"),
        ("body", "水" * 100_000, "too_long"),
        ("body", "水\x00", "characters"),
        ("category", "表扬", "unknown_word"),
        ("category", "", "required"),
        ("county", "鞍山市", "unknown_word"),
        ("status", "搁置", "unknown_word"),
        ("satisfaction", "五星", "unknown_word"),
        ("confidential", "也许", "unknown_word"),
        ("reply", "", "empty"),
        ("reply", "水" * 10_001, "too_long"),
        ("handled_by", "局" * 5_001, "too_long"),
    ],
)
def test_what_is_wrong_with_a_cell(column: Name, value: str, rule: str) -> None:
    assert problems(**{column: value}) == [(COLUMNS[column].headings[0], rule)]


def test_everything_that_is_wrong_with_a_row_is_said_at_once() -> None:
    assert problems(number="", title="", category="表扬", ended_at="昨天") == [
        ("工单编号", "empty"),
        ("诉求类型", "unknown_word"),
        ("诉求标题", "empty"),
        ("办结时间", "not_a_time"),
    ]


def test_what_a_department_decides_itself_no_hotline_has_answered() -> None:
    document = load_preset("guangyuan").scheme.document()
    document["tickets"]["categories"]["REPORT"]["received_by"] = "COMPETENT_DEPARTMENT"
    tickets = Scheme.model_validate(document).tickets
    words = Words(ImportMapping(), tickets, COUNTIES)
    headings = {name: column.headings[0] for name, column in COLUMNS.items()}
    (problem,) = RowReader(headings, words, tickets, ZoneInfo("Asia/Shanghai"), NOW).read(row(category="举报"))  # type: ignore[misc]
    assert (problem.column, problem.refusal.rule) == ("办理状态", "not_allowed")


def test_a_cell_is_a_text_whatever_a_spreadsheet_would_make_of_it() -> None:
    formula = '=HYPERLINK("http://example.org","领取")'
    read = record(title=formula, reporter="+8613800000000", body="@SUM(A1)")
    assert (read.title, read.reporter, read.body) == (formula, "+8613800000000", "@SUM(A1)")


@pytest.mark.parametrize(("said", "level"), [("是", "CONFIDENTIAL"), ("否", "NORMAL"), ("", "NORMAL")])
def test_who_asked_for_secrecy(said: str, level: str) -> None:
    assert record(confidential=said).secrecy == level


def test_a_mapping_adds_the_citys_own_words(tmp_path: Path) -> None:
    (tmp_path / "mapping.yaml").write_text(
        "platform: 12345\nchannel: FORWARDED\ncolumns: {number: 单号}\ncategories: {表扬: SUGGESTION}\n"
        "statuses: {搁置: OPEN}\nsatisfaction: {五星: VERY_SATISFIED}\ncounties: {苍溪: guangyuan.cangxi}\n"
    )
    mapping = read_mapping(tmp_path / "mapping.yaml")
    assert (mapping.platform, mapping.channel) == ("12345", TicketChannel.FORWARDED)
    read = reader(mapping).read(row(category="表扬", county="苍溪", satisfaction="五星"))
    assert isinstance(read, Record)
    assert (read.category, read.county) == (TicketCategory.SUGGESTION, "guangyuan.cangxi")
    assert read.steps[1].satisfaction is Satisfaction.VERY_SATISFIED
    assert mapping.statuses == {"搁置": Standing.OPEN}
    renamed = [{("单号" if name == "工单编号" else name): value for name, value in OPEN_CALL.items()}]
    (tmp_path / "export.csv").write_bytes(table(renamed, [*renamed[0]]))
    assert mapping.open(tmp_path / "export.csv").headings[Name.NUMBER] == "单号"
    write(tmp_path / "usual.csv", OPEN_CALL)
    with pytest.raises(InvalidInput, match="columns_missing"):
        mapping.open(tmp_path / "usual.csv")


@pytest.mark.parametrize(
    "text",
    [
        "platfrom: 12345",
        "columns: {nummer: 单号}",
        "categories: {表扬: PRAISE}",
        "channel: PIGEON",
        "[1, 2]",
        "a: [",
        "statuses: {搁置: !!python/object/apply:os.getcwd []}",
        b"\xff\xfe\xff",
    ],
)
def test_mappings_that_cannot_be(text: str | bytes, tmp_path: Path) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InvalidInput) as refusal:
        read_mapping(path)
    assert (refusal.value.field, refusal.value.rule) == ("mapping", "syntax")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
def test_the_encodings_of_exports(encoding: str, tmp_path: Path) -> None:
    path = write(tmp_path / "export.csv", OPEN_CALL, encoding=encoding)
    (read,) = ImportMapping().open(path).rows
    assert read.cells["title"] == "厂区门口道路积水"


@pytest.mark.parametrize("without", ["工单编号", "受理时间", "诉求标题", "诉求内容", "诉求类型"])
def test_a_file_without_a_column_that_it_needs(without: str, tmp_path: Path) -> None:
    headings: Any = [heading for heading in OPEN_CALL if heading != without]
    cells = [{heading: value for heading, value in OPEN_CALL.items() if heading != without}]
    (tmp_path / "export.csv").write_bytes(table(cells, headings))
    with pytest.raises(InvalidInput) as refusal:
        ImportMapping().open(tmp_path / "export.csv")
    assert refusal.value.rule == "columns_missing"
    assert refusal.value.data["columns"] == (without,)


def test_either_time_will_do_and_the_receipt_counts(tmp_path: Path) -> None:
    cells = {"来电时间": "2026-01-05 09:00", **OPEN_CALL}
    (tmp_path / "export.csv").write_bytes(table([cells], [*cells]))
    sheet = ImportMapping().open(tmp_path / "export.csv")
    (both,) = sheet.rows
    read = reader(headings=sheet.headings).read(both)
    assert isinstance(read, Record)
    assert read.submitted_at == datetime(2026, 1, 5, 1, 30, tzinfo=UTC)
    read = reader().read(row(OPEN_CALL, received_at="", called_at="2026-01-05 09:00"))
    assert isinstance(read, Record)
    assert read.submitted_at == datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
