"""What is withheld of a table of counts, so that nobody learns of a handful of tickets (pure).

A table has parts that add up to a total, in one column or in several at once. A part with a count that is small in any
column, from 1 to under k, is withheld whole; zeros are shown. Since a total would give a lone gap away, in every column
with a small count one part that is not small is withheld too, the first of those that could be, whatever it counts: to
choose it by its size would tell its size. Where even that leaves a small count less than free, the total is withheld.

What is shown depends on which parts are small and on sums that are shown, never on the small counts themselves: who
knows this text, and everything that is shown, can put every number from 1 to k - 1 where one was small. A test tries
all tables there are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple


class Withheld(NamedTuple):
    """What of a table is not shown: parts by their places, and whether the total."""

    parts: frozenset[int]
    total: bool


NOTHING = Withheld(frozenset(), False)


def withheld(parts: Sequence[Sequence[int]], k: int, *, before: Collection[int] = ()) -> Withheld:
    """What is withheld of the parts' counts, column by column; `before`: what an earlier version of the table
    withheld, which stays so, or the difference of the two would tell it. `k` is at least 3."""
    assert k >= 3, "with two nothing could be hidden: what is small would be one"
    small = {place for place, counts in enumerate(parts) if any(0 < count < k for count in counts)}
    if not small:
        return NOTHING if not before else Withheld(frozenset(before), total=len(before) == 1)
    columns = range(len(parts[0]))
    hidden = small | set(before)
    for column in columns:
        if any(0 < parts[place][column] < k for place in small):
            cover = (p for p, counts in enumerate(parts) if p not in small and counts[column] >= k)
            hidden |= set(list(cover)[:1])
    free = all(_free([parts[place][column] for place in hidden], k) for column in columns)
    return Withheld(frozenset(hidden), total=not free)


def _free(counts: Sequence[int], k: int) -> bool:
    """Whether the sum of the withheld counts of a column leaves each small one among them any value it could have."""
    small = [count for count in counts if 0 < count < k]
    large = sum(count >= k for count in counts)
    if not small:
        return True
    if large:
        return sum(counts) > len(small) * (k - 1) + large * k
    return len(small) + k - 2 <= sum(small) <= (len(small) - 1) * (k - 1) + 1
