"""The schema's own scalars: how Strawberry names them, and how the executing schema reads their values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, BinaryIO, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from app.kernel.errors import BadInput

TenantPath = NewType("TenantPath", str)
Cursor = NewType("Cursor", str)
UnifiedSocialCreditCode = NewType("UnifiedSocialCreditCode", str)
FileUpload = NewType("FileUpload", object)
JsonDocument = NewType("JsonDocument", object)

SCALARS: Mapping[object, ScalarDefinition] = {
    TenantPath: strawberry.scalar(
        name="TenantPath",
        description="A tenant's place in the tree, dotted from the city down: `city`, `city.finance`.",
    ),
    Cursor: strawberry.scalar(
        name="Cursor",
        description="A place in a list or in a live feed. Opaque: pass back what you were given, to the same field.",
    ),
    UnifiedSocialCreditCode: strawberry.scalar(
        name="UnifiedSocialCreditCode",
        description="A unified social credit code: 18 characters with a check character (GB 32100-2015).",
        specified_by_url="https://openstd.samr.gov.cn/bzgk/gb/newGbInfo?hcno=24691C25985C1073D3A7C85629378AC0",
    ),
    FileUpload: strawberry.scalar(
        name="Upload",
        description="A file of a multipart request: in the request's JSON it is null, its `map` says which part it is.",
        specified_by_url="https://github.com/jaydenseric/graphql-multipart-request-spec",
    ),
    JsonDocument: strawberry.scalar(name="JSON", description="A JSON document, exactly as it was published."),
    Decimal: strawberry.scalar(name="Decimal", description="An exact decimal number, as a string: `0.9500`."),
    date: strawberry.scalar(name="Date", description="A day of the city's own calendar: `2026-11-22`."),
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment with its offset (RFC 3339), answered in UTC: `2026-11-22T01:30:00+00:00`.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
    ),
}


@dataclass(frozen=True, eq=False)
class ReceivedFile:
    """A file of a multipart request: its name as it was given, and its bytes until the request is over."""

    name: str
    size: int
    sha256: bytes
    source: BinaryIO

    @property
    def content(self) -> dict[str, str]:
        """What tells it from another file, for the digest of a repeated request."""
        return {"name": self.name, "sha256": self.sha256.hex()}


_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)\Z", re.ASCII | re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_DECIMAL = re.compile(r"-?\d{1,20}(\.\d{1,10})?\Z", re.ASCII)
_PATH = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*\Z")


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise GraphQLError(f"{name} must be a string.")
    return value


def _tenant_path(value: Any) -> str:
    text = _text(value, "TenantPath")
    if len(text) > 200 or not _PATH.match(text):
        raise BadInput("malformed_path", path=text[:80])
    return text


def _cursor(value: Any) -> str:
    text = _text(value, "Cursor")
    if not text or len(text) > 1000 or not text.isascii():
        raise BadInput("malformed_cursor")
    return text


def _moment(value: Any) -> datetime:
    text = _text(value, "DateTime")
    if not _RFC_3339.match(text):
        raise BadInput("malformed_time", time=text[:80])
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):  # the 31st of February; a year that UTC does not have
        raise BadInput("malformed_time", time=text[:80]) from None


def _day(value: Any) -> date:
    text = _text(value, "Date")
    if not _DAY.match(text):
        raise BadInput("malformed_date", date=text[:80])
    try:
        return date.fromisoformat(text)
    except ValueError:  # the 31st of February
        raise BadInput("malformed_date", date=text[:80]) from None


def _decimal(value: Any) -> str:
    """As text: what a repeated request is told by must be JSON, and the verb makes the number of it."""
    text = _text(value, "Decimal")
    if not _DECIMAL.match(text):
        raise BadInput("malformed_decimal", number=text[:80])
    return text


def _file(value: Any) -> ReceivedFile:
    if not isinstance(value, ReceivedFile):
        raise BadInput("no_file")
    return value


PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "TenantPath": _tenant_path,
    "Upload": _file,
    "Cursor": _cursor,
    "UnifiedSocialCreditCode": lambda value: _text(value, "UnifiedSocialCreditCode"),
    "Date": _day,
    "Decimal": _decimal,
    "DateTime": _moment,
}
"""How an input of each scalar is read; outputs are JSON already."""


LONGEST_SEARCH = 100


def plain(value: str, _call: object) -> str:
    """A text as the database takes it. Raises BadInput `characters` for NUL and lone surrogates."""
    if "\x00" in value or (not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value)):
        raise BadInput("characters")
    return value


def searched(value: str, call: object) -> str:
    """A text to search for. Raises BadInput `search_length` unless it has 1 to 100 characters."""
    text = plain(value, call).strip()
    if not 1 <= len(text) <= LONGEST_SEARCH:
        raise BadInput("search_length", largest=LONGEST_SEARCH)
    return text
