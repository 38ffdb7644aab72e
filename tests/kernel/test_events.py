"""The chain: its canonical text, and what of an altered past it shows."""

from __future__ import annotations

import hashlib
import json
import uuid
from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.events import canonical_json, chain_hash, first_broken

TEXT = st.text(st.characters(exclude_categories=("Cs",)))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_canonical_json_is_what_python_says_too(value: object) -> None:
    ours = canonical_json(value)
    assert ours == json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert json.loads(ours) == value


@pytest.mark.parametrize("value", [1.5, {"a": [1, 2.0]}, [{"b": float("nan")}]])
def test_floats_have_no_canonical_form(value: object) -> None:
    with pytest.raises(TypeError):
        canonical_json(value)


EVENT: dict[str, Any] = {
    "city_id": 10,
    "id": uuid.UUID("0198f000-0000-7000-8000-000000000001"),
    "topic": "ticket",
    "subject_id": uuid.UUID("0198f000-0000-7000-8000-000000000002"),
    "seq": 2,
    "version": 2,
    "type": "DECLINED",
    "at": datetime(2026, 1, 31, 8, 0, 0, 5, tzinfo=UTC),
    "actor_id": uuid.UUID("0198f000-0000-7000-8000-000000000003"),
    "actor_tenant_id": 10,
    "actor_role": "INTAKE_AGENT",
    "visibility": "PUBLIC",
    "restricted": False,
    "data": {"toStatus": "DECLINED", "fromStatus": "SUBMITTED", "note": "不属于受理范围\n"},
    "prev_hash": bytes(32),
}


def test_the_hashed_text_is_as_documented() -> None:
    document = (
        '{"actorId":"0198f000-0000-7000-8000-000000000003","actorRole":"INTAKE_AGENT","actorTenantId":10,'
        '"at":"2026-01-31T08:00:00.000005Z","cityId":10,'
        '"data":{"fromStatus":"SUBMITTED","note":"不属于受理范围\\n","toStatus":"DECLINED"},'
        '"id":"0198f000-0000-7000-8000-000000000001",'
        f'"previous":"{"00" * 32}","restricted":false,"seq":2,'
        '"subjectId":"0198f000-0000-7000-8000-000000000002","topic":"ticket","type":"DECLINED","version":2,'
        '"visibility":"PUBLIC"}'
    )
    assert chain_hash(EVENT) == hashlib.sha256(document.encode()).digest()


def test_the_zone_of_the_time_does_not_matter() -> None:
    beijing = EVENT["at"].astimezone(timezone(timedelta(hours=8)))
    assert chain_hash(EVENT | {"at": beijing}) == chain_hash(EVENT)


def chain(length: int) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    previous: bytes | None = None
    for seq in range(1, length + 1):
        event = deepcopy(EVENT) | {"seq": seq, "version": seq, "id": uuid.uuid4(), "prev_hash": previous}
        previous = event["hash"] = chain_hash(event)
        events.append(event)
    return events


def test_a_whole_chain_is_whole() -> None:
    assert first_broken(chain(5)) is None
    assert first_broken([]) is None


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", uuid.UUID(int=7)),
        ("city_id", 11),
        ("topic", "user"),
        ("subject_id", uuid.UUID(int=7)),
        ("version", 9),
        ("type", "ACCEPTED"),
        ("at", EVENT["at"] + timedelta(microseconds=1)),
        ("actor_id", None),
        ("actor_tenant_id", None),
        ("actor_role", "OFFICE"),
        ("visibility", "INTERNAL"),
        ("restricted", True),
        ("data", {"toStatus": "DECLINED"}),
        ("prev_hash", bytes(31) + b"x"),
        ("hash", bytes(32)),
    ],
)
def test_every_altered_column_shows(column: str, value: object) -> None:
    events = chain(5)
    assert events[2][column] != value
    events[2][column] = value
    assert first_broken(events) == 3


def test_a_lost_or_added_event_shows() -> None:
    events = chain(5)
    assert first_broken(events[:2] + events[3:]) == 3
    assert first_broken(events[1:]) == 1
    assert first_broken([*events[:2], events[1], *events[2:]]) == 3
    rewritten = deepcopy(events)
    rewritten[1]["type"] = "ACCEPTED"
    rewritten[1]["hash"] = chain_hash(rewritten[1])
    assert first_broken(rewritten) == 3, "who alters one must alter all that follow"
