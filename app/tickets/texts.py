"""The texts of a ticket, as long as the city's scheme allows."""

from __future__ import annotations

from app.kernel.texts import clean_optional_text, clean_text
from tenants.schemes.values import TextLength


def check_text(field: str, value: str, length: TextLength) -> str:
    """A text that must be there; `InvalidInput` as in `kernel.texts`."""
    return clean_text(field, value, at_least=max(length.min, 1), at_most=length.max)


def check_optional_text(field: str, value: str | None, length: TextLength) -> str | None:
    """A text that may be left out, and is not too short for being short."""
    return clean_optional_text(field, value, at_most=length.max)
