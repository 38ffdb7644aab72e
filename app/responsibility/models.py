"""The tables of the responsibility list, and of what dispatches and rulings have taught about it."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.tables import Base, one_of, table_of


class HandlingLevel(StrEnum):
    """At which level a matter is handled (处置层级)."""

    CITY = "CITY"
    COUNTY = "COUNTY"
    TOWNSHIP = "TOWNSHIP"


class ResponsibilityList(Base):
    """A published version of a city's responsibility list. Immutable; the newest is in force."""

    __tablename__ = "responsibility_lists"
    __table_args__ = (CheckConstraint("version >= 1", name="version"),)

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    note: Mapped[str | None]
    digest: Mapped[bytes]
    published_at: Mapped[datetime]
    published_by: Mapped[uuid.UUID | None]


class ResponsibilitySubject(Base):
    """A matter of one version of the list, and who is competent for it. `code` is its name across versions.

    Where the level is below the city, `tenant_id` is the municipal department in charge (业务主管单位).
    """

    __tablename__ = "responsibility_subjects"
    __table_args__ = (
        one_of("level", HandlingLevel),
        UniqueConstraint("city_id", "version", "code"),
        ForeignKeyConstraint(["city_id", "version"], ["responsibility_lists.city_id", "responsibility_lists.version"]),
    )

    city_id: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    code: Mapped[str]
    name: Mapped[str]
    category: Mapped[str]
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    level: Mapped[str]
    legal_basis: Mapped[str | None]
    keywords: Mapped[list[str]]


class ResponsibilityRuling(Base):
    """An arbitration that gave a ticket to another than the list says: the subject was overruled in favour of
    `tenant_id`. The last ruling on a ticket stands."""

    __tablename__ = "responsibility_rulings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["city_id", "subject_id"],
            ["responsibility_subjects.city_id", "responsibility_subjects.id"],
            name="fk_responsibility_rulings_subject",  # by the convention it would be too long
        ),
        Index(None, "city_id", "subject_id"),
    )

    city_id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[uuid.UUID]
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    at: Mapped[datetime]


class ResponsibilityEvidence(Base):
    """What one dispatch or ruling taught about one tenant, not yet added up: only ever inserted, so that no two
    dispatches wait for one another. `terms` are words of the ticket, of which nothing else is kept."""

    __tablename__ = "responsibility_evidence"

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    tickets: Mapped[int]
    weight: Mapped[int]
    terms: Mapped[list[str]]


class ResponsibilityTerm(Base):
    """The evidence added up: in how many tickets of a tenant a word stands, and how much that weighs."""

    __tablename__ = "responsibility_terms"

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    term: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    tickets: Mapped[int]
    weight: Mapped[int]


LISTS = table_of(ResponsibilityList)
SUBJECTS = table_of(ResponsibilitySubject)
RULINGS = table_of(ResponsibilityRuling)
EVIDENCE = table_of(ResponsibilityEvidence)
TERMS = table_of(ResponsibilityTerm)
