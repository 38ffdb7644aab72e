"""The tenant tree and the published schemes."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.tables import Base, one_of


class TenantKind(StrEnum):
    """What a node of the tree is. `CITY` and `REGION` (and the platform itself) are isolated spaces."""

    PLATFORM = "PLATFORM"
    REGION = "REGION"
    CITY = "CITY"
    COUNTY = "COUNTY"
    DEPARTMENT = "DEPARTMENT"
    TOWNSHIP = "TOWNSHIP"
    VILLAGE = "VILLAGE"


class RankingGroup(StrEnum):
    """Among whom a tenant is ranked; apart from its kind (000_…txt, 二)."""

    COUNTIES = "COUNTIES"
    DEPARTMENTS = "DEPARTMENTS"


class Tenant(Base):
    """A node of the tree. Names are public; the table is read before a city is known.

    `city_id` is the space the tenant belongs to (its own id for a platform, region or city), `county_id` the county
    it is or lies in. `path` is dotted (`guangyuan.cangxi`); compare it with its separator.
    """

    __tablename__ = "tenants"
    __platform__: ClassVar[bool] = True
    __table_args__ = (
        one_of("kind", TenantKind),
        one_of("ranking_group", RankingGroup),
        CheckConstraint("path ~ '^[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)*$'", name="path"),
        Index(None, "city_id", "kind", "path"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("tenants.id"))
    county_id: Mapped[int | None] = mapped_column(ForeignKey("tenants.id"))
    kind: Mapped[str]
    slug: Mapped[str]
    path: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    division_code: Mapped[str | None]
    ranking_group: Mapped[str | None]
    number_prefix: Mapped[str | None]
    position: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[datetime]


class PlatformState(Base):
    """One row: the version of the tenant tree and the current schemes, so that caches know when to reload."""

    __tablename__ = "platform_state"
    __platform__: ClassVar[bool] = True
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tree_version: Mapped[int] = mapped_column(default=0, server_default="0")


class CalendarVersion(Base):
    """A version of the state's working days as the platform has them: immutable, for every city.

    `digest` is the SHA-256 of its days and of the digest of the version before it.
    """

    __tablename__ = "calendars"
    __platform__: ClassVar[bool] = True
    __table_args__ = (CheckConstraint("version >= 1", name="version"),)

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    digest: Mapped[bytes]
    note: Mapped[str | None]
    published_at: Mapped[datetime]
    published_by: Mapped[uuid.UUID | None]


class CalendarDay(Base):
    """A day that a version sets apart from its weekday. Of a year it has all such days, or says nothing of it."""

    __tablename__ = "calendar_days"
    __platform__: ClassVar[bool] = True

    version: Mapped[int] = mapped_column(ForeignKey("calendars.version"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    worked: Mapped[bool]
    name: Mapped[str]
    source: Mapped[str | None]


class SchemeVersion(Base):
    """A published scheme of a city: immutable; what runs keeps the version under which it began.

    `words` are the city's own, out of the document: `statuses` and `categories` by value, and in `stages` the stage
    that each state lies in. `calendar` is that of the document.
    """

    __tablename__ = "schemes"

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    document: Mapped[dict[str, Any]]
    words: Mapped[dict[str, Any]] = mapped_column(Computed("scheme_words(document)", persisted=True))
    calendar: Mapped[dict[str, Any] | None] = mapped_column(Computed("document -> 'calendar'::text", persisted=True))
    digest: Mapped[bytes]
    note: Mapped[str | None]
    published_at: Mapped[datetime]
    published_by: Mapped[uuid.UUID | None]
