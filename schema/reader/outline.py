"""What a statement answers in outline, made while it is compiled: how large it may be, and where Python patches it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLOutputType, get_named_type, get_nullable_type, is_list_type

VALUE = 64
"""Bytes that any value is reckoned as: numbers, times, ids, the words of enums."""
TEXT = 32_768
"""Bytes that a text is reckoned as: ten thousand characters of Chinese, the longest that anybody may write."""
DOCUMENT = 1_048_576
"""Bytes that a JSON document is reckoned as."""

Paths = Mapping[str, Any]
"""By column label the paths below, down to what is patched."""


class Outline:
    """The value of one response key. `size`: bytes that it has at most, where each text is as long as may be.

    `patched`: it is put in its place by Python, or its key is.
    """

    __slots__ = ("below", "patched", "size")

    def __init__(self) -> None:
        self.size = VALUE
        self.patched = False
        self.below: dict[str, Outline] = {}

    def paths(self) -> Paths | None:
        """The ways to all that is patched in it; None: nothing is."""
        found = {label: paths for label, inner in self.below.items() if (paths := inner.paths()) is not None}
        return found if found or self.patched else None


def size_of(type_: GraphQLOutputType) -> int:
    """Bytes that a leaf of this type has at most, beyond VALUE."""
    name = get_named_type(type_).name
    if name == "JSON":
        return DOCUMENT
    return TEXT if name == "String" or is_list_type(get_nullable_type(type_)) else 0
