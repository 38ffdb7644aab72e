"""A retry is answered and not applied again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import uuid
from datetime import UTC, datetime

import asyncpg
import pytest
from sqlalchemy import text

from app.kernel.database import Database
from app.kernel.errors import DomainError, IdempotencyMismatch, InvalidInput
from app.kernel.idempotency import claim, digest_of
from app.kernel.tables import new_id
from tests.factories.world import World

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class Refused(DomainError):
    """Some business refusal."""


async def mutate(
    database: Database,
    world: World,
    *,
    content: str = "one",
    key: str = "key-1",
    city_id: int | None = None,
    actor_id: uuid.UUID | None = None,
    mutation: str = "ticketSubmit",
    seconds: float = 0.0,
    refuse: bool = False,
) -> uuid.UUID:
    """A mutation whose effect is one more `x` on every enterprise's address; returns its subject."""
    city = city_id or world.guangyuan.id
    actor = actor_id or world.user("intake_agent@guangyuan")
    subject_id = new_id()
    async with database.session(cities=(city,), user_id=actor) as session:
        done = await claim(
            session,
            city_id=city,
            actor_id=actor,
            mutation=mutation,
            key=key,
            digest=digest_of({"content": content}),
            subject_id=subject_id,
            now=NOW,
        )
        if done is not None:
            return done
        await session.execute(text("update enterprises set address = coalesce(address, '') || 'x'"))
        await asyncio.sleep(seconds)
        if refuse:
            raise Refused
    return subject_id


async def effects(admin: asyncpg.Connection, city_id: int) -> int:
    address = await admin.fetchval("select address from enterprises where city_id = $1 limit 1", city_id)
    return len(address or "")


async def test_a_retry_finds_the_first_subject(world: World, database: Database, admin: asyncpg.Connection) -> None:
    first = await mutate(database, world)
    assert await mutate(database, world) == first
    assert await mutate(database, world, key="  key-1 ") == first
    assert await effects(admin, world.guangyuan.id) == 1


async def test_concurrent_twins_have_one_effect(world: World, database: Database, admin: asyncpg.Connection) -> None:
    subjects = await asyncio.gather(*(mutate(database, world, seconds=0.3) for _ in range(5)))
    assert len(set(subjects)) == 1
    assert await effects(admin, world.guangyuan.id) == 1


async def test_other_content_is_refused(world: World, database: Database, admin: asyncpg.Connection) -> None:
    first = await mutate(database, world)
    with pytest.raises(IdempotencyMismatch):
        await mutate(database, world, content="two")
    assert await mutate(database, world) == first
    assert await effects(admin, world.guangyuan.id) == 1


async def test_a_concurrent_twin_with_other_content_is_refused(world: World, database: Database) -> None:
    first = asyncio.create_task(mutate(database, world, seconds=0.4))
    await asyncio.sleep(0.2)
    with pytest.raises(IdempotencyMismatch):
        await mutate(database, world, content="two")
    await first


async def test_refusals_are_not_stored(world: World, database: Database, admin: asyncpg.Connection) -> None:
    with pytest.raises(Refused):
        await mutate(database, world, refuse=True)
    assert await admin.fetchval("select count(*) from idempotency_keys") == 0
    await mutate(database, world, content="put right")
    assert await effects(admin, world.guangyuan.id) == 1


async def test_a_twin_takes_over_from_one_that_is_refused(
    world: World, database: Database, admin: asyncpg.Connection
) -> None:
    refused = asyncio.create_task(mutate(database, world, seconds=0.4, refuse=True))
    await asyncio.sleep(0.2)
    subject = await mutate(database, world)
    with contextlib.suppress(Refused):
        await refused
    assert await mutate(database, world) == subject
    assert await effects(admin, world.guangyuan.id) == 1


async def test_actor_city_and_mutation_have_keys_of_their_own(
    world: World, database: Database, admin: asyncpg.Connection
) -> None:
    subjects = [
        await mutate(database, world),
        await mutate(database, world, content="two", actor_id=world.user("dispatcher@guangyuan")),
        await mutate(database, world, content="three", mutation="roleGrant"),
        await mutate(database, world, content="four", city_id=world.anshan.id),
        await mutate(database, world, content="five", key="key-2"),
    ]
    assert len(set(subjects)) == 5
    assert await effects(admin, world.guangyuan.id) == 4
    assert await effects(admin, world.anshan.id) == 1


@pytest.mark.parametrize(
    ("key", "rule"), [("", "empty"), ("  ", "empty"), ("k" * 201, "too_long"), ("a\x00", "characters")]
)
async def test_keys_that_cannot_be(world: World, database: Database, key: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await mutate(database, world, key=key)
    assert (refusal.value.field, refusal.value.rule) == ("idempotencyKey", rule)


def test_the_digest_is_of_the_content() -> None:
    assert digest_of({"a": 1, "b": [None, "企"]}) == digest_of({"b": [None, "企"], "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": "1"})
    assert digest_of({"a": [1, 2]}) != digest_of({"a": [2, 1]})


CLAIM_AND_HANG = """
import asyncio, sys, uuid
from datetime import UTC, datetime
from sqlalchemy import text
from app.kernel.database import Database
from app.kernel.idempotency import claim, digest_of

async def main():
    database = await Database.open(sys.argv[1], pool_size=1)
    city_id, actor_id = int(sys.argv[2]), uuid.UUID(sys.argv[3])
    async with database.session(cities=(city_id,), user_id=actor_id) as session:
        assert await claim(session, city_id=city_id, actor_id=actor_id, mutation="ticketSubmit", key="key-1",
                           digest=digest_of({"content": "one"}), subject_id=uuid.uuid4(),
                           now=datetime(2026, 3, 2, tzinfo=UTC)) is None
        await session.execute(text("update enterprises set address = coalesce(address, '') || 'x'"))
        print("claimed", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_a_retry_after_a_kill_before_the_commit_is_applied(
    world: World, database: Database, application_url: str, admin: asyncpg.Connection
) -> None:
    actor_id = world.user("intake_agent@guangyuan")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CLAIM_AND_HANG, application_url, str(world.guangyuan.id), str(actor_id)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 30) == b"claimed\n"
    os.kill(process.pid, signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL
    subject = await asyncio.wait_for(mutate(database, world), 15)
    assert await effects(admin, world.guangyuan.id) == 1
    assert await mutate(database, world) == subject
