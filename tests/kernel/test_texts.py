"""What a text must be before it is stored."""

from __future__ import annotations

import pytest

from app.kernel.errors import InvalidInput
from app.kernel.texts import clean_optional_text, clean_text


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("", "empty"),
        (" \t\n\u3000 ", "empty"),
        ("a\x00b", "characters"),
        ("\x00", "characters"),
        ("a\ud800", "characters"),
        ("\udfff\ud800", "characters"),
        ("ab", "too_short"),
        ("abcdefghi", "too_long"),
        ("企" * 100_000, "too_long"),
    ],
)
def test_refused(value: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        clean_text("title", value, at_least=3, at_most=8)
    assert (refusal.value.field, refusal.value.rule) == ("title", rule)
    assert refusal.value.data.get("limit") == {"too_short": 3, "too_long": 8}.get(rule)


def test_taken_without_white_space_around() -> None:
    assert clean_text("title", "  拖欠 账款\n", at_least=3, at_most=5) == "拖欠 账款"
    assert clean_text("title", "🏭🏭", at_most=2) == "🏭🏭"


def test_an_optional_text_may_be_nothing() -> None:
    assert clean_optional_text("note", None, at_most=8) is None
    assert clean_optional_text("note", " \n", at_most=8) is None
    assert clean_optional_text("note", " a ", at_most=8) == "a"
    for value in ("\x00", "\ud800", "abcdefghi"):
        with pytest.raises(InvalidInput):
            clean_optional_text("note", value, at_most=8)
