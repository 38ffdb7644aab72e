"""The tables of the aggregates: what a city has released of its months, in its own space and in its region's."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.aggregates.words import AggregateMeasure
from app.kernel.tables import Base, one_of
from app.tickets.words import TicketCategory


class Aggregate(Base):
    """What the city `of_city_id` has released of a month, in one version; never changed (domain.md, section 1).

    Each version is there twice, with the same id and content: in the space of the city and in that of its region, so
    that nobody reads across. `month` is the first day of the city's month. A version after the first has its `reason`.
    `minimum_cell` and `scheme_version` are what the city's scheme said; `digest` is the SHA-256 of the content.
    `released_by` is known in the city's own space alone, and nobody where the worker released it.
    """

    __tablename__ = "aggregates"
    __table_args__ = (
        CheckConstraint("version >= 1 and (version = 1) = (reason is null)", name="version"),
        CheckConstraint("extract(day from month) = 1::numeric", name="month"),
        CheckConstraint("minimum_cell >= 3", name="minimum_cell"),
        CheckConstraint("released_by is null or (city_id = of_city_id and not automatic)", name="released_by"),
        UniqueConstraint("city_id", "of_city_id", "month", "version"),
        Index("ix_aggregates_month", "city_id", text("month desc"), text("id desc")),
        Index("ix_aggregates_released", "city_id", text("released_at desc"), text("id desc")),
    )

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    of_city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    month: Mapped[date]
    version: Mapped[int]
    scheme_version: Mapped[int]
    minimum_cell: Mapped[int]
    automatic: Mapped[bool]
    reason: Mapped[str | None]
    digest: Mapped[bytes]
    released_at: Mapped[datetime]
    released_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))


class AggregateCell(Base):
    """One number of it: of a measure, in all or of one category or level of notices.

    `denominator` is of how many, where the measure is a part of a whole. What is withheld has no numbers.
    """

    __tablename__ = "aggregate_cells"
    __table_args__ = (
        one_of("measure", AggregateMeasure),
        one_of("category", TicketCategory),
        CheckConstraint("level is null or (level between 1 and 3 and measure = 'NOTICES')", name="level"),
        CheckConstraint("category is null or measure <> 'NOTICES'", name="part"),
        CheckConstraint("numerator >= 0 and numerator <= coalesce(denominator, numerator)", name="counts"),
        CheckConstraint("not withheld or num_nonnulls(numerator, denominator) = 0", name="withheld"),
        CheckConstraint("withheld or numerator is not null", name="shown"),
        CheckConstraint(
            "withheld or (denominator is null) = (measure in ('NOTICES', 'RECEIVED', 'RESOLVED'))", name="rate"
        ),
        ForeignKeyConstraint(["city_id", "aggregate_id"], ["aggregates.city_id", "aggregates.id"]),
    )

    city_id: Mapped[int] = mapped_column(primary_key=True)
    aggregate_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    measure: Mapped[str]
    category: Mapped[str | None]
    level: Mapped[int | None]
    numerator: Mapped[int | None]
    denominator: Mapped[int | None]
    withheld: Mapped[bool]
