"""Every word of the domain has its label in both languages, in Python and in SQL, and its description in the schema."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import asyncpg
import pytest
from graphql import GraphQLEnumType, GraphQLObjectType
from sqlalchemy import literal_column

from app.tickets.lifecycle import PERMISSIONS
from app.tickets.words import TicketStatus
from schema.labels import LABELS, TicketAction, label, label_sql
from schema.schema import assemble

SCHEMA = assemble().executable
WITHOUT_LABELS = {
    "AggregateDimension",
    *("IntegrityDimension", "IntegrityOrderField"),
    *("ErrorCode", "OrderDirection", "Permission", "TicketDimension", "TicketOrderField"),
    *("SupervisionDimension", "SupervisionNoticeOrderField", "TicketTransferOrderField"),
    *("QualityDimension", "RectificationDimension", "RectificationTaskOrderField"),
}
"""What programs say to one another."""


def is_chinese(text: str) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


def test_every_enum_of_the_schema_has_labels_or_none_on_purpose() -> None:
    enums = {name for name, type_ in SCHEMA.type_map.items() if isinstance(type_, GraphQLEnumType) and name[0] != "_"}
    assert enums == {enum.__name__ for enum in LABELS} | WITHOUT_LABELS


@pytest.mark.parametrize("enum", LABELS, ids=lambda enum: enum.__name__)
def test_every_value_has_both(enum: type[StrEnum]) -> None:
    shown: Any = SCHEMA.type_map[enum.__name__]
    assert set(LABELS[enum]) == {member.name for member in enum} == set(shown.values)
    for name, (chinese, english, *_) in LABELS[enum].items():
        assert is_chinese(chinese), name
        assert english.strip(), name
        assert not is_chinese(english), name
        assert label(enum, name, "zh-CN") == chinese
        assert label(enum, name, "en") == english
        assert chinese in shown.values[name].description  # the word as officials say it, for whoever builds the page
    for column in (0, 1):
        assert len({labels[column] for labels in LABELS[enum].values()}) == len(enum)  # no two look alike


async def test_sql_says_the_same(admin: asyncpg.Connection) -> None:
    for enum in LABELS:
        for locale in ("zh-CN", "en"):
            said = label_sql(enum, literal_column("value"), locale)
            values = [*(member.value for member in enum), "SOMETHING ELSE"]
            rows = await admin.fetch(f"select value, {said} from unnest($1::text[]) as given(value)", values)
            expected = {member.value: label(enum, member.name, locale) for member in enum}
            assert {row[0]: row[1] for row in rows} == {**expected, "SOMETHING ELSE": None}


def test_values_are_stored_under_their_names() -> None:
    """The API shows names, the database holds values: they are one."""
    assert all(member.name == member.value for enum in LABELS for member in enum)


def test_every_label_field_has_its_enum_beside_it() -> None:
    found = 0
    for type_ in SCHEMA.type_map.values():
        if isinstance(type_, GraphQLObjectType):
            for name in type_.fields:
                if name.endswith("Label"):
                    found += 1
                    assert str(type_.fields[name].type).rstrip("!") == "String"
                    assert name.removesuffix("Label") in type_.fields
    assert found >= 6


def test_actions_are_the_verbs_that_the_lifecycle_offers() -> None:
    assert {action.name for action in TicketAction} == {action.name for action in PERMISSIONS}
    assert {status.name for status in TicketStatus} == set(LABELS[TicketStatus])
