"""The tables of the integrity slice."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Numeric,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.integrity.words import IntegrityStatus, ReportStatus
from app.kernel.tables import Base, one_of
from tenants.schemes.words import IntegrityKind, Period


class IntegrityEntry(Base):
    """An entry of the ledger of the government's own broken promises (政务失信台账; 004_…txt, 四).

    Amounts are yuan. `debtor_id` owes it, to the enterprise `creditor_id`; of a blacklisted intermediary only its name
    is there, in `organisation`, and where it was found. `county_id` is the debtor's county, or where it was found.
    `opened_on` is the city's local day of `opened_at`; `remaining` is null where there is no amount, and `owed` the
    same in fen, 0 there, so that a list can be sorted by it. `restrictions` are what the scheme says of confirmed
    arrears to a small enterprise.
    """

    __tablename__ = "integrity_entries"
    __table_args__ = (
        one_of("kind", IntegrityKind),
        one_of("status", IntegrityStatus),
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("(debtor_id is null) = (kind = 'BLACKLISTED_INTERMEDIARY')", name="debtor"),
        CheckConstraint("(organisation is null) = (kind <> 'BLACKLISTED_INTERMEDIARY')", name="organisation"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("cleared >= 0 and cleared <= coalesce(amount, 0)", name="cleared"),
        CheckConstraint("amount is null or (cleared = amount) = (status = 'CLEARED')", name="settled"),
        ForeignKeyConstraint(["city_id", "creditor_id"], ["enterprises.city_id", "enterprises.id"]),
        ForeignKeyConstraint(["city_id", "ticket_id"], ["tickets.city_id", "tickets.id"]),
        Index(
            "uq_integrity_entries_ticket",
            *("city_id", "ticket_id"),
            unique=True,
            postgresql_where=text("ticket_id is not null"),
        ),
        Index("ix_integrity_entries_city", "city_id", text("opened_at desc"), text("id desc")),
        Index("ix_integrity_entries_status", "city_id", "status", text("opened_at desc"), text("id desc")),
        Index("ix_integrity_entries_county", "city_id", "county_id", text("opened_at desc"), text("id desc")),
        Index("ix_integrity_entries_debtor", "city_id", "debtor_id", text("opened_at desc"), text("id desc")),
        Index("ix_integrity_entries_creditor", "city_id", "creditor_id", text("opened_at desc"), text("id desc")),
        Index("ix_integrity_entries_owed", "city_id", "owed", "id"),
        Index("ix_integrity_entries_opened_on", "city_id", "opened_on"),
    )

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    scheme_version: Mapped[int]
    kind: Mapped[str]
    status: Mapped[str]
    title: Mapped[str]
    debtor_id: Mapped[int | None] = mapped_column(ForeignKey("tenants.id"))
    county_id: Mapped[int | None] = mapped_column(ForeignKey("tenants.id"))
    organisation: Mapped[str | None]
    creditor_id: Mapped[uuid.UUID | None]
    ticket_id: Mapped[uuid.UUID | None]
    since: Mapped[date | None]
    amount: Mapped[Decimal | None] = mapped_column(Numeric(18, 2))
    cleared: Mapped[Decimal] = mapped_column(Numeric(18, 2), server_default="0")
    remaining: Mapped[Decimal | None] = mapped_column(
        Numeric(18, 2), Computed("amount - cleared", persisted=True), deferred=True
    )
    owed: Mapped[int] = mapped_column(
        BigInteger,
        Computed("(coalesce(amount - cleared, 0::numeric) * 100::numeric)::bigint", persisted=True),
        deferred=True,
    )
    restrictions: Mapped[list[str]] = mapped_column(server_default=text("'{}'::text[]"))
    opened_on: Mapped[date]
    opened_at: Mapped[datetime]
    opened_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    confirmed_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


class IntegrityInstalment(Base):
    """What was paid of an entry, in yuan, on which day of the city; never changed.

    One that was wrong is taken back by a further row of the same amount below zero, which names it in `reverses_id`:
    its `paid_on` is the day on which it was taken back, so that what was reported of an earlier month stands.
    """

    __tablename__ = "integrity_instalments"
    __table_args__ = (
        CheckConstraint("amount <> 0 and (amount < 0) = (reverses_id is not null)", name="amount"),
        ForeignKeyConstraint(["city_id", "entry_id"], ["integrity_entries.city_id", "integrity_entries.id"]),
        ForeignKeyConstraint(
            ["city_id", "entry_id", "reverses_id"],
            ["integrity_instalments.city_id", "integrity_instalments.entry_id", "integrity_instalments.id"],
            name="fk_integrity_instalments_reverses",
        ),
        UniqueConstraint("city_id", "entry_id", "id"),
        Index(
            "uq_integrity_instalments_reverses",
            *("city_id", "reverses_id"),
            unique=True,
            postgresql_where=text("reverses_id is not null"),
        ),
        Index(None, "city_id", "entry_id", "recorded_at", "id"),
        Index(None, "city_id", "paid_on"),
    )

    city_id: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    entry_id: Mapped[uuid.UUID]
    amount: Mapped[Decimal] = mapped_column(Numeric(18, 2))
    paid_on: Mapped[date]
    note: Mapped[str | None]
    reverses_id: Mapped[uuid.UUID | None]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))


class Report(Base):
    """The duty of a tenant to report on a period, and the report (003_…txt, 二(八), 四(一)).

    The period lasts from the day `begins_on` to before `ends_before`. What is owed is kept as the scheme said it when
    the draft was made: `obligation` is its name there, `from_roles` who of the tenant hands it in, `to_roles` who
    accepts it. `content` is worked out anew at every submission and stands from then on. `late` when it was not handed
    in when it was due; `warned_at` once it was told that it soon is, `chased_at` once it was told that it was not.
    """

    __tablename__ = "reports"
    __table_args__ = (
        one_of("every", Period),
        one_of("status", ReportStatus),
        CheckConstraint("version >= 1 and begins_on < ends_before", name="counts"),
        CheckConstraint("(submitted_at is null) = (status = 'DUE')", name="submitted"),
        CheckConstraint("(submitted_at is null) = (summary is null)", name="summary"),
        UniqueConstraint("city_id", "obligation", "tenant_id", "begins_on"),
        Index("ix_reports_city", "city_id", text("due_at desc"), text("id desc")),
        Index("ix_reports_status", "city_id", "status", text("due_at desc"), text("id desc")),
        Index("ix_reports_county", "city_id", "county_id", text("due_at desc"), text("id desc")),
        Index("ix_reports_tenant", "city_id", "tenant_id", text("due_at desc"), text("id desc")),
        Index(
            "ix_reports_calendar",
            *("city_id", "calendar_version"),
            postgresql_where=text("status in ('DUE', 'RETURNED')"),
        ),
        Index(
            "ix_reports_to_warn",
            *("city_id", "warn_at"),
            postgresql_where=text("warned_at is null and chased_at is null and status in ('DUE', 'RETURNED')"),
        ),
        Index(
            "ix_reports_waiting",
            *("city_id", "due_at"),
            postgresql_where=text("chased_at is null and status in ('DUE', 'RETURNED')"),
        ),
    )

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    scheme_version: Mapped[int]
    obligation: Mapped[str]
    every: Mapped[str]
    begins_on: Mapped[date]
    ends_before: Mapped[date]
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    county_id: Mapped[int | None] = mapped_column(ForeignKey("tenants.id"))
    from_roles: Mapped[list[str]]
    to_roles: Mapped[list[str]]
    copied_to: Mapped[list[str]]
    status: Mapped[str]
    late: Mapped[bool] = mapped_column(server_default=text("false"))
    due_at: Mapped[datetime]
    provisional: Mapped[bool] = mapped_column(server_default=text("false"))
    calendar_version: Mapped[int] = mapped_column(server_default="0")
    warn_at: Mapped[datetime | None]
    warned_at: Mapped[datetime | None]
    content: Mapped[dict[str, Any]]
    summary: Mapped[str | None]
    drafted_at: Mapped[datetime]
    chased_at: Mapped[datetime | None]
    submitted_at: Mapped[datetime | None]
    submitted_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]
    decision: Mapped[str | None]
