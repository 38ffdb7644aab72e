"""The cursors of live streams: opaque, exact, of one stream only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.errors import BadInput
from schema.cursors import FeedCursors

CURSORS = FeedCursors(b"secret")
STREAM = "ticketEvents:018f0c6e-0000-7000-8000-000000000001"


@given(st.integers(0, 2**63 - 1), st.integers(1, 2**31 - 1))
def test_what_is_written_is_read(position: int, city_id: int) -> None:
    text = CURSORS.encode(position, city_id, STREAM)
    assert len(text) == 22
    assert CURSORS.decode(text, city_id, STREAM) == position
    assert FeedCursors(b"secret").encode(position, city_id, STREAM) == text  # every process writes the same


def test_a_cursor_does_not_tell_how_much_happened_between() -> None:
    cursors = [CURSORS.encode(position, 10, STREAM) for position in range(200)]
    assert len(set(cursors)) == 200
    assert sorted(cursors) != cursors
    assert len({text[:4] for text in cursors}) > 190  # nothing of the position shows in a prefix


@pytest.mark.parametrize(
    ("city_id", "stream"), [(11, STREAM), (10, "ticketFeed"), (10, STREAM[:-1] + "2"), (-10, STREAM)]
)
def test_another_streams_cursor_is_refused(city_id: int, stream: str) -> None:
    with pytest.raises(BadInput) as caught:
        CURSORS.decode(CURSORS.encode(7, 10, STREAM), city_id, stream)
    assert caught.value.rule == "foreign_cursor"


def test_another_keys_cursor_is_refused() -> None:
    with pytest.raises(BadInput):
        FeedCursors(b"another secret").decode(CURSORS.encode(7, 10, STREAM), 10, STREAM)


@pytest.mark.parametrize(
    "text", ["", "7", "A" * 21, "A" * 23, "é" * 22, "*" * 22, "A" * 100_000, "\ud800" * 22, " " * 22]
)
def test_malformed(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        CURSORS.decode(text, 10, STREAM)
    assert caught.value.rule == "malformed_cursor"


def test_one_place_has_one_spelling() -> None:
    text = CURSORS.encode(7, 10, STREAM)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(text[-1])
    for twin in (text[:-1] + alphabet[last ^ 1], text + "=", text.replace("-", "+").replace("_", "/") + " "):
        with pytest.raises(BadInput):
            CURSORS.decode(twin, 10, STREAM)


@given(st.text(max_size=40))
def test_no_text_is_more_than_refused(text: str) -> None:
    with pytest.raises(BadInput):
        CURSORS.decode(text, 10, STREAM)
