"""Making a city: its tenants, the head of its event log and its first scheme, from a preset.

It is an operator's act (`yingshang tenant create`), and running it again changes nothing that is there.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import product
from string import ascii_uppercase

from sqlalchemy import Select, func, insert, select

from app.kernel.errors import InvalidInput
from app.kernel.tables import EventHead, table_of
from tenants.models import TenantKind
from tenants.schemes.model import PresetDocument, load_preset
from tenants.schemes.store import publish_scheme
from tenants.tree import PLATFORM_STATE, SCHEMES, TENANT_LOCK, TENANTS, Transaction, bump_tree_version, lock

PLATFORM_ID = 1
PLATFORM_PATH = "platform"
SLUG = re.compile(r"[a-z][a-z0-9_]{0,39}")

_EVENT_HEADS = table_of(EventHead)


async def ensure_platform(transaction: Transaction, *, now: datetime) -> int:
    """The platform's own tenant and space, made when it is missing. Returns its id, 1."""
    await lock(transaction, TENANT_LOCK)
    async with touching(transaction, PLATFORM_ID):
        if await _missing(transaction, select(PLATFORM_STATE.c.id)):
            await transaction.execute(insert(PLATFORM_STATE).values(id=1, tree_version=0))
        if await _missing(transaction, select(TENANTS.c.id).where(TENANTS.c.id == PLATFORM_ID)):
            await transaction.execute(
                insert(TENANTS).values(
                    id=PLATFORM_ID,
                    city_id=PLATFORM_ID,
                    kind=TenantKind.PLATFORM,
                    slug=PLATFORM_PATH,
                    path=PLATFORM_PATH,
                    name="平台",
                    position=0,
                    created_at=now,
                )
            )
            await bump_tree_version(transaction)
        await _ensure_event_head(transaction, PLATFORM_ID)
    return PLATFORM_ID


async def provision_city(
    transaction: Transaction, preset_name: str, *, now: datetime, slug: str | None = None, region: str | None = None
) -> int:
    """A city (or region) as a preset describes it; what is there already is left as it is. Returns its id.

    `slug` makes it under another path; ticket numbers then begin with the preset's prefix and a letter more, if the
    prefix is another city's. `region` is the path of the region above it where that is not the preset's own word; a
    city of a region is a space of its own all the same, with a path of one label.
    Raises `InvalidInput` for an unknown preset (`unknown_preset`), a malformed slug (`syntax`) or one that stands for
    another tenant (`taken`, also a city of another region), a region that is not there (`no_such_region`) or has none
    above it (`not_for_regions`), and `SchemeProblems` for a preset that is wrong.
    """
    preset = load_preset(preset_name)
    slug = preset.city.slug if slug is None else slug
    if not SLUG.fullmatch(slug):
        raise InvalidInput("slug", "syntax")
    await ensure_platform(transaction, now=now)
    above = await _region_above(transaction, preset, region)
    city_id = await _ensure_city(transaction, preset, slug, above, now)
    async with touching(transaction, city_id):
        grown = await _ensure_tenants(transaction, preset, city_id, slug, now)
        await _ensure_event_head(transaction, city_id)
        await _ensure_scheme(transaction, preset, city_id, now)
        if grown:
            # Last, after the scheme's own lock: publishing takes the two in that order.
            await bump_tree_version(transaction)
    return city_id


@asynccontextmanager
async def touching(transaction: Transaction, city_id: int) -> AsyncIterator[None]:
    """Let row-level security see one city more, for as long as the block runs."""
    before = await transaction.scalar(select(func.coalesce(func.current_setting("app.cities", True), "")))
    cities = {int(city) for city in str(before).split(",") if city} | {city_id}
    await _set_cities(transaction, ",".join(map(str, sorted(cities))))
    yield
    # Not in a `finally`: after an error the transaction takes no more statements, and its settings end with it.
    await _set_cities(transaction, str(before))


async def next_tenant_id(transaction: Transaction) -> int:
    """The id of the next tenant. The caller holds `TENANT_LOCK`."""
    last = await transaction.scalar(select(func.coalesce(func.max(TENANTS.c.id), 0)))
    return int(last or 0) + 1


async def _set_cities(transaction: Transaction, cities: str) -> None:
    await transaction.execute(select(func.set_config("app.cities", cities, True)))


async def _missing(transaction: Transaction, found: Select[tuple[int]]) -> bool:
    return await transaction.scalar(found.limit(1)) is None


async def _region_above(transaction: Transaction, preset: PresetDocument, region: str | None) -> int:
    """The tenant right above the city: its region, or the platform."""
    if region is not None and preset.city.kind is TenantKind.REGION:
        raise InvalidInput("region", "not_for_regions")
    path = preset.city.region if region is None else region
    if path is None:
        return PLATFORM_ID
    found = await transaction.scalar(
        select(TENANTS.c.id).where(TENANTS.c.path == path, TENANTS.c.kind == TenantKind.REGION.value)
    )
    if found is None:
        raise InvalidInput("region", "no_such_region", region=path)
    return int(found)


async def _ensure_city(transaction: Transaction, preset: PresetDocument, slug: str, above: int, now: datetime) -> int:
    there = (await transaction.execute(select(TENANTS).where(TENANTS.c.path == slug))).one_or_none()
    if there is not None:
        wanted = (preset.city.kind, preset.city.division_code, above)
        if (there.kind, there.division_code, there.parent_id) != wanted:
            raise InvalidInput("slug", "taken")
        return int(there.id)
    city_id = await next_tenant_id(transaction)
    async with touching(transaction, city_id):
        await transaction.execute(
            insert(TENANTS).values(
                id=city_id,
                city_id=city_id,
                parent_id=above,
                kind=preset.city.kind,
                slug=slug,
                path=slug,
                name=preset.city.name,
                division_code=preset.city.division_code,
                number_prefix=await _free_prefix(transaction, preset.scheme.tickets.number_prefix),
                position=0,
                created_at=now,
            )
        )
    return city_id


async def _free_prefix(transaction: Transaction, wanted: str) -> str:
    """The wanted prefix of ticket numbers, or the first one longer than it that no city has."""
    rows = await transaction.execute(select(TENANTS.c.number_prefix).where(TENANTS.c.number_prefix.is_not(None)))
    taken = set(rows.scalars())
    return next(prefix for prefix in _prefixes(wanted) if prefix not in taken)


def _prefixes(wanted: str) -> Iterator[str]:
    for more in range(9 - len(wanted)):
        for letters in product(ascii_uppercase, repeat=more):
            yield wanted + "".join(letters)


async def _ensure_tenants(
    transaction: Transaction, preset: PresetDocument, city_id: int, slug: str, now: datetime
) -> bool:
    there = set((await transaction.execute(select(TENANTS.c.path).where(TENANTS.c.city_id == city_id))).scalars())
    first_id = await next_tenant_id(transaction)
    missing = [
        (position, entry)
        for position, entry in enumerate(preset.tenants, start=1)
        if f"{slug}.{entry.slug}" not in there
    ]
    if not missing:
        return False
    await transaction.execute(
        insert(TENANTS),
        [
            {
                "id": first_id + offset,
                "city_id": city_id,
                "parent_id": city_id,
                "county_id": first_id + offset if entry.kind is TenantKind.COUNTY else None,
                "kind": entry.kind,
                "slug": entry.slug,
                "path": f"{slug}.{entry.slug}",
                "name": entry.name,
                "division_code": entry.division_code,
                "ranking_group": entry.ranking_group,
                "position": position,
                "created_at": now,
            }
            for offset, (position, entry) in enumerate(missing)
        ],
    )
    return True


async def _ensure_event_head(transaction: Transaction, city_id: int) -> None:
    if await _missing(transaction, select(_EVENT_HEADS.c.city_id).where(_EVENT_HEADS.c.city_id == city_id)):
        await transaction.execute(insert(_EVENT_HEADS).values(city_id=city_id, position=0))


async def _ensure_scheme(transaction: Transaction, preset: PresetDocument, city_id: int, now: datetime) -> None:
    if not await _missing(transaction, select(SCHEMES.c.version).where(SCHEMES.c.city_id == city_id)):
        return
    prefix = await transaction.scalar(select(TENANTS.c.number_prefix).where(TENANTS.c.id == city_id))
    tickets = preset.scheme.tickets.model_copy(update={"number_prefix": prefix})
    scheme = preset.scheme.model_copy(update={"tickets": tickets})
    await publish_scheme(transaction, city_id, scheme, note=None, published_by=None, now=now)
