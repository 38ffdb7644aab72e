"""A scheme that was published before a rule was known."""

from __future__ import annotations

import copy
import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import orjson
import pytest

from app.kernel.database import Database
from tenants.provisioning import provision_city
from tenants.schemes.model import Scheme, SchemeProblems, load_preset, validate_yaml
from tenants.schemes.older import ADDED, completed
from tenants.schemes.store import scheme_at


def document() -> dict[str, Any]:
    return load_preset("guangyuan").scheme.document()


def without(path: tuple[str, ...]) -> dict[str, Any]:
    lacking = document()
    target = lacking
    for label in path[:-1]:
        target = target[label]
    del target[path[-1]]
    return lacking


@pytest.mark.parametrize("path", ADDED)
def test_what_it_lacks_is_taken_from_the_part(path: tuple[str, ...]) -> None:
    lacking = without(path)
    before = copy.deepcopy(lacking)
    with pytest.raises(ValueError, match=path[-1]):
        Scheme.model_validate(lacking)
    assert Scheme.model_validate(completed(lacking)) == load_preset("guangyuan").scheme
    assert lacking == before, "what was published stays as it was"


def test_what_it_says_itself_stands() -> None:
    own = document()
    own["tickets"]["warn_at_share"] = "0.5"
    assert completed(own) == own


async def test_a_stored_one_is_read(database: Database, admin: asyncpg.Connection) -> None:
    async with database.session(cities=()) as session:
        city_id = await provision_city(session, "guangyuan", now=datetime(2026, 3, 2, tzinfo=UTC))
    text = orjson.dumps(without(("tickets", "warn_at_share")), option=orjson.OPT_SORT_KEYS)
    await admin.execute(
        "update schemes set document = $1::text::jsonb, digest = $2 where version = 1 and city_id = $3",
        *(text.decode(), hashlib.sha256(text).digest(), city_id),
    )
    async with database.session(cities=(city_id,)) as session:
        scheme = await scheme_at(session, city_id, 1)
    assert scheme.tickets.warn_at_share == Decimal("0.8")


@pytest.mark.parametrize(
    ("share", "expected"), [("0", "more than 0"), ("1", "less than 1"), ("-0.1", "more than 0"), ("80", "less than 1")]
)
def test_a_clock_warns_neither_at_once_nor_when_it_is_too_late(share: str, expected: str) -> None:
    own = document()
    own["tickets"]["warn_at_share"] = "the share"
    whole = orjson.dumps(own).decode()
    assert validate_yaml(whole.replace('"the share"', "0.75")).tickets.warn_at_share == Decimal("0.75")
    with pytest.raises(SchemeProblems) as refused:
        validate_yaml(whole.replace('"the share"', share))
    (problem,) = refused.value.problems
    assert (problem.key, problem.expected, problem.got) == ("tickets.warn_at_share", expected, share)
