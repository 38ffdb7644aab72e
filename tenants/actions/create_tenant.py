"""Add a tenant below another: a county, a department, a township, a village."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, insert, select

from app.kernel.errors import InvalidInput, NotFound
from app.kernel.texts import clean_text
from tenants.models import RankingGroup, TenantKind
from tenants.provisioning import SLUG, next_tenant_id
from tenants.tree import TENANT_LOCK, TENANTS, Transaction, bump_tree_version, lock

MAY_STAND_BELOW: Mapping[TenantKind, frozenset[TenantKind]] = {
    TenantKind.COUNTY: frozenset({TenantKind.CITY}),
    TenantKind.DEPARTMENT: frozenset({TenantKind.REGION, TenantKind.CITY, TenantKind.COUNTY}),
    TenantKind.TOWNSHIP: frozenset({TenantKind.COUNTY}),
    TenantKind.VILLAGE: frozenset({TenantKind.TOWNSHIP}),
}
"""Kind → the kinds it may stand below (domain.md, section 1). A city or region is made from a preset instead."""

_PATH = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
_DIVISION_CODE = re.compile(r"[0-9]{6}([0-9]{3}|[0-9]{6})?")
"""GB/T 2260 to the county; three digits more for a township, six for a village."""


async def create_tenant(
    transaction: Transaction,
    *,
    parent_path: str,
    slug: str,
    kind: TenantKind,
    name: str,
    division_code: str | None = None,
    ranking_group: RankingGroup | None = None,
    now: datetime,
) -> int:
    """A new tenant; returns its id. Whoever calls has made sure that the actor may, and that the city is seen.

    Raises `NotFound` for an unknown parent and `InvalidInput`: `needs_preset` (a city or region, which
    `provision_city` makes), `not_below` (that kind does not stand below that parent), `syntax`, `taken`, and what
    `clean_text` says of the name.
    """
    if kind not in MAY_STAND_BELOW:
        raise InvalidInput("kind", "needs_preset", kind=kind)
    if not SLUG.fullmatch(slug):
        raise InvalidInput("slug", "syntax")
    if division_code is not None and not _DIVISION_CODE.fullmatch(division_code):
        raise InvalidInput("divisionCode", "syntax")
    name = clean_text("name", name, at_most=100)
    if not _PATH.fullmatch(parent_path):
        raise NotFound(kind="Tenant")
    # Before the parent is read: two that add the same slug at once must see one another.
    await lock(transaction, TENANT_LOCK)
    parent = (await transaction.execute(select(TENANTS).where(TENANTS.c.path == parent_path))).one_or_none()
    if parent is None:
        raise NotFound(kind="Tenant")
    if parent.kind not in MAY_STAND_BELOW[kind]:
        raise InvalidInput("kind", "not_below", kind=kind, parent=parent.kind, kinds=sorted(MAY_STAND_BELOW[kind]))
    path = f"{parent.path}.{slug}"
    if await transaction.scalar(select(TENANTS.c.id).where(TENANTS.c.path == path)) is not None:
        raise InvalidInput("slug", "taken")
    tenant_id = await next_tenant_id(transaction)
    last = await transaction.scalar(select(func.max(TENANTS.c.position)).where(TENANTS.c.parent_id == parent.id))
    await transaction.execute(
        insert(TENANTS).values(
            id=tenant_id,
            city_id=parent.city_id,
            parent_id=parent.id,
            county_id=tenant_id if kind is TenantKind.COUNTY else parent.county_id,
            kind=kind,
            slug=slug,
            path=path,
            name=name,
            division_code=division_code,
            ranking_group=ranking_group,
            position=(last or 0) + 1,
            created_at=now,
        )
    )
    await bump_tree_version(transaction)
    return tenant_id
