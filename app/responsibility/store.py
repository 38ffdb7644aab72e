"""The published responsibility lists of each city: read, and added to, never changed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel.errors import Conflict, InvalidInput
from app.kernel.idempotency import digest_of
from app.kernel.tables import new_id
from app.kernel.texts import clean_optional_text
from app.responsibility.drafts import MOST_SUBJECTS, Draft
from app.responsibility.models import LISTS, SUBJECTS, HandlingLevel
from app.responsibility.suggest import Subject
from tenants.tree import Transaction, lock

RESPONSIBILITY_LOCK = 7_302_011
NOTE_LENGTH = 1_000

# A published version never changes: what a process has read of it stays true.
_subjects: WeakKeyDictionary[Any, dict[tuple[int, int], tuple[Subject, ...]]] = WeakKeyDictionary()
_MOST_REMEMBERED = 500


async def present_version(session: Transaction, city_id: int) -> int:
    """The version of the list in force; 0 where none was published."""
    newest = select(LISTS.c.version).where(LISTS.c.city_id == city_id).order_by(LISTS.c.version.desc()).limit(1)
    return await session.scalar(newest) or 0


async def subjects_at(session: AsyncSession, city_id: int, version: int) -> tuple[Subject, ...]:
    """The subjects of a version, by code; none of a version that there is not."""
    remembered = _subjects.setdefault(session.get_bind(), {})
    subjects = remembered.get((city_id, version))
    if subjects is None:
        rows = await session.execute(
            select(SUBJECTS).where(SUBJECTS.c.city_id == city_id, SUBJECTS.c.version == version).order_by("code")
        )
        subjects = tuple(
            Subject(
                id=row.id,
                name=row.name,
                tenant_id=row.tenant_id,
                level=HandlingLevel(row.level),
                legal_basis=row.legal_basis,
                keywords=tuple(row.keywords),
            )
            for row in rows
        )
        if subjects:
            if len(remembered) >= _MOST_REMEMBERED:
                remembered.clear()
            remembered[city_id, version] = subjects
    return subjects


async def present_subject(session: AsyncSession, city_id: int, subject_id: uuid.UUID) -> uuid.UUID:
    """The subject of the list in force with the code of the given one, which may be of an earlier version.

    Raises `InvalidInput` `unknown_subject` on `subject`: there is none, or the list no longer has its code.
    """
    given = SUBJECTS.alias("given")
    found: uuid.UUID | None = await session.scalar(
        select(SUBJECTS.c.id)
        .join(given, (given.c.city_id == SUBJECTS.c.city_id) & (given.c.code == SUBJECTS.c.code))
        .where(
            SUBJECTS.c.city_id == city_id,
            SUBJECTS.c.version == await present_version(session, city_id),
            given.c.id == subject_id,
        )
    )
    if found is None:
        raise InvalidInput("subject", "unknown_subject")
    return found


async def publish(
    session: Transaction,
    city_id: int,
    drafts: Sequence[Draft],
    *,
    note: str | None = None,
    expected_version: int | None = None,
    published_by: uuid.UUID | None = None,
    now: datetime,
) -> int:
    """Put a list in force as the city's next version, and tell the version; the same content again changes nothing.

    The drafts' codes are all different. Raises `InvalidInput` on `subjects` (`empty`, `too_many`) and `note`, and
    `Conflict` when the city is not at `expected_version` (0 before the first). The transaction must see the city.
    """
    if not drafts:
        raise InvalidInput("subjects", "empty")
    if len(drafts) > MOST_SUBJECTS:
        raise InvalidInput("subjects", "too_many", limit=MOST_SUBJECTS)
    note = clean_optional_text("note", note, at_most=NOTE_LENGTH)
    await lock(session, RESPONSIBILITY_LOCK, city_id)
    version = await present_version(session, city_id)
    if expected_version is not None and expected_version != version:
        raise Conflict(expected_version=expected_version, current_version=version)
    rows = [asdict(draft) | {"keywords": list(draft.keywords)} for draft in sorted(drafts, key=lambda each: each.code)]
    digest = digest_of(rows)
    in_force = select(LISTS.c.digest).where(LISTS.c.city_id == city_id, LISTS.c.version == version)
    if await session.scalar(in_force) == digest:
        return version
    version += 1
    await session.execute(
        insert(LISTS).values(
            city_id=city_id, version=version, note=note, digest=digest, published_at=now, published_by=published_by
        )
    )
    await session.execute(
        insert(SUBJECTS), [{"city_id": city_id, "id": new_id(), "version": version, **row} for row in rows]
    )
    return version
