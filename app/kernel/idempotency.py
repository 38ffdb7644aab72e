"""Retries are safe: a mutation that was confirmed under a key is answered again and never applied again."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel.errors import IdempotencyMismatch
from app.kernel.events import canonical_json
from app.kernel.tables import IdempotencyKey, table_of
from app.kernel.texts import clean_text

KEYS = table_of(IdempotencyKey)
KEY_LENGTH = 200

_CLAIM = insert(KEYS).on_conflict_do_nothing().returning(KEYS.c.subject_id)


def digest_of(content: object) -> bytes:
    """The digest that tells whether two inputs are the same (texts, integers, booleans, lists and objects of them)."""
    return hashlib.sha256(canonical_json(content)).digest()


async def claim(
    session: AsyncSession,
    *,
    city_id: int,
    actor_id: uuid.UUID,
    mutation: str,
    key: str,
    digest: bytes,
    subject_id: uuid.UUID,
    now: datetime,
) -> uuid.UUID | None:
    """Take the key for this mutation: None when it is ours, else the subject that it already stands for.

    The first write of the transaction, so that a concurrent twin waits here for our commit and then finds the key
    taken, or for our refusal, which undoes the key with everything else. Raises `IdempotencyMismatch` when the key
    stands for another input, and `InvalidInput` for a key that is empty or longer than 200 characters.
    """
    key = clean_text("idempotencyKey", key, at_most=KEY_LENGTH)
    values = {
        "city_id": city_id,
        "actor_id": actor_id,
        "mutation": mutation,
        "key": key,
        "digest": digest,
        "subject_id": subject_id,
        "at": now,
    }
    if await session.scalar(_CLAIM, values) is not None:
        return None
    stored = (
        await session.execute(
            select(KEYS.c.digest, KEYS.c.subject_id).where(
                KEYS.c.city_id == city_id,
                KEYS.c.actor_id == actor_id,
                KEYS.c.mutation == mutation,
                KEYS.c.key == key,
            )
        )
    ).one()
    if stored.digest != digest:
        raise IdempotencyMismatch(key)
    subject: uuid.UUID = stored.subject_id
    return subject


async def settle(
    session: AsyncSession, *, city_id: int, actor_id: uuid.UUID, mutation: str, key: str, subject_id: uuid.UUID
) -> None:
    """Let a key that was just claimed stand for what the mutation made, when that was not known beforehand."""
    await session.execute(
        update(KEYS)
        .where(
            KEYS.c.city_id == city_id,
            KEYS.c.actor_id == actor_id,
            KEYS.c.mutation == mutation,
            KEYS.c.key == key.strip(),
        )
        .values(subject_id=subject_id)
    )
