"""What is withheld of a table: tried on every small table there is, by somebody who knows the rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest

from app.aggregates.guard import NOTHING, Withheld, withheld


def shown(parts: Sequence[Sequence[int]], k: int) -> Any:
    """What an outsider gets of the table."""
    gone = withheld(parts, k)
    total = None if gone.total else tuple(map(sum, zip(*parts, strict=True)))
    return tuple(None if place in gone.parts else tuple(counts) for place, counts in enumerate(parts)), total


def candidates(tables: Sequence[Any], k: int) -> dict[Any, list[Any]]:
    """The tables that give the same answer: what somebody who knows the rule cannot tell apart."""
    alike: dict[Any, list[Any]] = defaultdict(list)
    for table in tables:
        alike[shown(table, k)].append(table)
    return alike


@pytest.mark.parametrize(("k", "parts", "most"), [(3, 2, 12), (3, 3, 10), (3, 4, 6), (4, 3, 12)])
def test_every_small_count_could_be_any_small_count(k: int, parts: int, most: int) -> None:
    tables = [tuple((count,) for count in counts) for counts in product(range(most + 1), repeat=parts)]
    for answer, alike in candidates(tables, k).items():
        if answer[1] is not None and answer[1][0] > most:
            continue  # what would complete the answer lies outside of what is tried
        for place in range(parts):
            small = {table[place][0] for table in alike if 0 < table[place][0] < k}
            assert small in (set(), set(range(1, k))), (answer, place)


def test_every_small_part_of_a_rate_could_be_any() -> None:
    k, most = 3, 6
    tables = list(product(product(range(most + 1), repeat=2), repeat=3))
    for answer, alike in candidates(tables, k).items():
        if answer[1] is not None and max(answer[1]) > most:
            continue
        for place, column in product(range(3), range(2)):
            small = {table[place][column] for table in alike if 0 < table[place][column] < k}
            assert small in (set(), set(range(1, k))), (answer, place, column)


@pytest.mark.parametrize(
    ("counts", "parts", "total"),
    [
        ([0, 0, 0], [], False),
        ([5, 90, 7], [], False),
        ([4, 90, 7], [0, 1], False),
        ([90, 4, 7], [0, 1], False),
        ([4, 0, 0], [0], True),
        ([4, 5, 90], [0, 1], True),
        ([4, 6, 90], [0, 1], False),
        ([1, 1, 0], [0, 1], True),
        ([4, 4, 0], [0, 1], True),
        ([2, 3, 0], [0, 1], False),
        ([0, 3, 90], [1, 2], False),
    ],
)
def test_what_is_withheld(counts: list[int], parts: list[int], total: bool) -> None:
    assert withheld([(count,) for count in counts], 5) == Withheld(frozenset(parts), total)


def test_the_rest_of_a_rate_is_guarded_like_its_part() -> None:
    # 88 of 90 in time: two were late
    assert withheld([(88, 2), (30, 40), (6, 0)], 5) == Withheld(frozenset({0, 1}), False)
    assert withheld([(88, 2), (30, 0), (6, 0)], 5) == Withheld(frozenset({0}), True)


def test_what_an_earlier_version_withheld_stays_so() -> None:
    first = withheld([(2,), (40,), (30,)], 5)
    assert first == Withheld(frozenset({0, 1}), False)
    assert withheld([(6,), (40,), (30,)], 5, before=first.parts) == first
    assert withheld([(6,), (40,), (30,)], 5, before=(0,)) == Withheld(frozenset({0}), True)
    assert withheld([(6,), (40,), (30,)], 5) == NOTHING
