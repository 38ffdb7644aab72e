"""The published schemes of each city: read, and added to, never changed."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from datetime import datetime

import orjson
from sqlalchemy import func, insert, select

from app.kernel.errors import InvalidInput, NotFound
from tenants.models import TenantKind
from tenants.schemes.model import Scheme, broken_references
from tenants.schemes.older import completed
from tenants.schemes.problems import SchemeProblem, SchemeProblems, dotted
from tenants.tree import SCHEME_LOCK, SCHEMES, TENANTS, Transaction, bump_tree_version, lock

_parsed: dict[bytes, Scheme] = {}
_MOST_PARSED = 1_000


async def current_scheme(transaction: Transaction, city_id: int) -> tuple[int, Scheme]:
    """The scheme in force in a city and its version. Raises `NotFound` where none was published."""
    row = (
        await transaction.execute(
            select(SCHEMES.c.version, SCHEMES.c.digest)
            .where(SCHEMES.c.city_id == city_id)
            .order_by(SCHEMES.c.version.desc())
            .limit(1)
        )
    ).one_or_none()
    if row is None:
        raise NotFound(kind="Scheme")
    return row.version, await _parse(transaction, city_id, row.version, row.digest)


async def scheme_at(transaction: Transaction, city_id: int, version: int) -> Scheme:
    """One version of a city's scheme: what began under it keeps it. Raises `NotFound`."""
    digest = await transaction.scalar(
        select(SCHEMES.c.digest).where(SCHEMES.c.city_id == city_id, SCHEMES.c.version == version)
    )
    if digest is None:
        raise NotFound(kind="Scheme")
    return await _parse(transaction, city_id, version, digest)


async def publish_scheme(
    transaction: Transaction,
    city_id: int,
    scheme: Scheme,
    *,
    note: str | None,
    published_by: uuid.UUID | None,
    now: datetime,
) -> int:
    """Put a scheme in force as the city's next version; what is running keeps its own. Returns the version.

    Raises `SchemeProblems` when it speaks of counties, departments or group sizes that the city does not have, and
    `InvalidInput` when it changes the prefix of the city's ticket numbers. The transaction must see the city.
    """
    await lock(transaction, SCHEME_LOCK, city_id)
    await _check_city(transaction, city_id, scheme)
    version = 1 + (
        await transaction.scalar(
            select(func.coalesce(func.max(SCHEMES.c.version), 0)).where(SCHEMES.c.city_id == city_id)
        )
        or 0
    )
    document = scheme.document()
    await transaction.execute(
        insert(SCHEMES).values(
            city_id=city_id,
            version=version,
            name=scheme.name,
            document=document,
            digest=hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).digest(),
            note=note,
            published_at=now,
            published_by=published_by,
        )
    )
    await bump_tree_version(transaction)
    return version


async def _check_city(transaction: Transaction, city_id: int, scheme: Scheme) -> None:
    rows = (
        await transaction.execute(
            select(
                TENANTS.c.id,
                TENANTS.c.parent_id,
                TENANTS.c.kind,
                TENANTS.c.slug,
                TENANTS.c.ranking_group,
                TENANTS.c.number_prefix,
            ).where(TENANTS.c.city_id == city_id)
        )
    ).all()
    prefix = next((row.number_prefix for row in rows if row.id == city_id), None)
    if scheme.tickets.number_prefix != prefix:
        raise InvalidInput("tickets.number_prefix", "number_prefix", prefix=prefix)
    below = [row for row in rows if row.parent_id == city_id]
    broken = broken_references(
        scheme,
        counties={row.slug for row in below if row.kind == TenantKind.COUNTY},
        departments={row.slug for row in below if row.kind == TenantKind.DEPARTMENT},
        groups=Counter(row.ranking_group for row in rows if row.ranking_group is not None),
    )
    problems = [SchemeProblem("", 0, 0, dotted(rule.path), rule.expected, rule.got) for rule in broken]
    if problems:
        raise SchemeProblems(problems)


async def _parse(transaction: Transaction, city_id: int, version: int, digest: bytes) -> Scheme:
    """The model of a stored version: read and validated once per process, since versions never change."""
    scheme = _parsed.get(digest)
    if scheme is None:
        document = await transaction.scalar(
            select(SCHEMES.c.document).where(SCHEMES.c.city_id == city_id, SCHEMES.c.version == version)
        )
        assert document is not None, "its digest was read just now, and nothing is taken back"
        scheme = Scheme.model_validate(completed(document))
        if len(_parsed) >= _MOST_PARSED:
            _parsed.clear()
        _parsed[digest] = scheme
    return scheme
