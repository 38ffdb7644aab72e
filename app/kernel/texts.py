"""What a text from outside must be before it is stored."""

from __future__ import annotations

from app.kernel.errors import InvalidInput


def clean_text(field: str, value: str, *, at_most: int, at_least: int = 1) -> str:
    """The text without white space at its ends, `at_least` to `at_most` characters long.

    Refuses with `InvalidInput`: `characters` (NUL, which PostgreSQL cannot store, or half of a surrogate pair, which
    is no character), `empty`, `too_short` and `too_long` (both with `limit`).
    """
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidInput(field, "characters")
    text = value.strip()
    if not text:
        raise InvalidInput(field, "empty")
    if len(text) < at_least:
        raise InvalidInput(field, "too_short", limit=at_least)
    if len(text) > at_most:
        raise InvalidInput(field, "too_long", limit=at_most)
    return text


def clean_optional_text(field: str, value: str | None, *, at_most: int) -> str | None:
    """As `clean_text`, but nothing (or only white space) is nothing."""
    if value is None or (not value.strip() and "\x00" not in value):
        return None
    return clean_text(field, value, at_most=at_most)
