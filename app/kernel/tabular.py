"""Tables that people keep: CSV (UTF-8, GB18030 with GBK in it, UTF-16) and Excel, as rows that know their number.

A CSV is read as it goes, however long it is; a workbook is held whole. The numbers are those a spreadsheet shows, so
that a report can be followed in the file. The headings may stand below a title; what a column is called is told by the
caller, with all the names it goes by.
"""

from __future__ import annotations

import codecs
import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, BinaryIO

from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum

from app.kernel.errors import InvalidInput

FIELD = "file"
EXCEL = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""What an .xlsx and an .xls begin with."""
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
SEPARATORS = ",\t;"
HEADING_WITHIN = 20
"""Among so many rows the headings are looked for: exports like to begin with a title and a date."""
LONGEST_CELL = 1_000_000
PROBED, CHUNK = 8_192, 1 << 20
"""Bytes: what tells the kind of a file, and what is looked at in one piece."""

Cells = Sequence[str]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the `headings` it goes by, in any language, the first being its name in messages."""

    headings: tuple[str, ...]
    required: bool = False


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row that is not empty. `cells` has every column of the file that was asked for, without white space at its
    ends; an empty cell is ''."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with its headings found. `headings` tells how the file calls each column; `ignored` are the others.

    `rows` can be gone through once; it raises `InvalidInput` `not_a_table` (with `row`) where a CSV breaks off.
    """

    headings: Mapping[str, str]
    ignored: tuple[str, ...]
    rows: Iterator[TableRow]


@dataclass(frozen=True, slots=True)
class CellProblem:
    """What is wrong with one cell: the spreadsheet's row, the column's heading, and the refusal."""

    row: int
    column: str
    refusal: InvalidInput


def read_table(source: Path | bytes, columns: Mapping[str, Column]) -> Sheet:
    """Find the table of `columns` (by our own names) in a file; its kind is told by its content, not by its name.

    Raises OSError, and `InvalidInput` of the field `file`: `not_a_table` (neither Excel nor text), `unknown_encoding`,
    `columns_missing` (`columns`: the headings that no row has, also of an empty file), `column_twice` (`column`).
    """
    with _opened(source) as file:
        beginning = file.read(PROBED)
        tables = _of_workbook(beginning + file.read()) if beginning.startswith(EXCEL) else [_of_text(source, beginning)]
    fewest: tuple[str, ...] | None = None
    for table in tables:
        numbered = enumerate(table, start=1)
        for number, cells in numbered:
            places, missing = _find(cells, columns)
            if not missing:
                return _sheet(number, cells, places, numbered)
            if fewest is None or len(missing) < len(fewest):
                fewest = missing
            if number >= HEADING_WITHIN:
                break
    required = tuple(column.headings[0] for column in columns.values() if column.required)
    raise InvalidInput(FIELD, "columns_missing", columns=fewest or required)


def _find(cells: Cells, columns: Mapping[str, Column]) -> tuple[dict[str, list[int]], tuple[str, ...]]:
    """Where the columns stand, if this is the row of headings, and the headings of required ones it lacks."""
    present = [_plain(cell) for cell in cells]
    places = {
        name: [place for place, cell in enumerate(present) if cell in {_plain(each) for each in column.headings}]
        for name, column in columns.items()
    }
    missing = tuple(column.headings[0] for name, column in columns.items() if column.required and not places[name])
    return places, missing


def _sheet(number: int, cells: Cells, places: Mapping[str, list[int]], rest: Iterable[tuple[int, Cells]]) -> Sheet:
    for found in places.values():
        if len(found) > 1:
            raise InvalidInput(FIELD, "column_twice", column=cells[found[1]].strip(), row=number)
    place_of = {name: found[0] for name, found in places.items() if found}
    ignored = tuple(cell.strip() for place, cell in enumerate(cells) if cell.strip() and place not in place_of.values())

    def rows() -> Iterator[TableRow]:
        for row, values in rest:
            if any(value.strip() for value in values):
                yield TableRow(
                    row,
                    {name: values[place].strip() if place < len(values) else "" for name, place in place_of.items()},
                )

    return Sheet({name: cells[place].strip() for name, place in place_of.items()}, ignored, rows())


def _plain(heading: str) -> str:
    """A heading without what varies: width, case, white space, the star of what must be filled in."""
    return "".join(unicodedata.normalize("NFKC", heading).casefold().split()).strip("*:")


def _opened(source: Path | bytes) -> BinaryIO:
    return source.open("rb") if isinstance(source, Path) else io.BytesIO(source)


def _of_text(source: Path | bytes, beginning: bytes) -> Iterator[Cells]:
    if beginning.startswith(UTF_16):
        encoding = _encoding_of(source, "utf-16")
    elif b"\x00" in beginning:
        raise InvalidInput(FIELD, "not_a_table")
    else:
        encoding = _encoding_of(source, "utf-8-sig", "gb18030")
    with _opened(source) as file, io.TextIOWrapper(file, encoding, newline="") as text:
        head = text.read(65_536).splitlines()[:HEADING_WITHIN]
    separator = max(SEPARATORS, key=lambda each: max((line.count(each) for line in head), default=0))
    return _of_csv(source, encoding, separator)


def _encoding_of(source: Path | bytes, *encodings: str) -> str:
    """The first of the encodings that all of it is in."""
    for encoding in encodings:
        decoder = codecs.getincrementaldecoder(encoding)()
        with _opened(source) as file:
            try:
                while chunk := file.read(CHUNK):
                    decoder.decode(chunk)
                decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                continue
        return encoding
    raise InvalidInput(FIELD, "unknown_encoding")


def _of_csv(source: Path | bytes, encoding: str, separator: str) -> Iterator[Cells]:
    csv.field_size_limit(LONGEST_CELL)
    with _opened(source) as file, io.TextIOWrapper(file, encoding, newline="") as text:
        # Strict: a quotation mark that is never closed would otherwise swallow the rest of the file in silence.
        reader = csv.reader(text, delimiter=separator, strict=True)
        number = 0
        while True:
            number += 1
            try:
                yield next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise InvalidInput(FIELD, "not_a_table", row=number) from error


def _of_workbook(data: bytes) -> Iterator[Iterator[Cells]]:
    """The visible sheets of a workbook, in order."""
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(data)) as book:
            for sheet in book.sheets_metadata:
                if sheet.visible == SheetVisibleEnum.Visible:
                    cells = book.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False)
                    yield ([_as_text(cell) for cell in row] for row in cells)
    except CalamineError as error:  # damaged, locked by a password, or another kind of archive
        raise InvalidInput(FIELD, "not_a_table") from error


def _as_text(cell: Any) -> str:
    """A cell as it is typed: 3.0 is 3, a date is ISO 8601."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell)
