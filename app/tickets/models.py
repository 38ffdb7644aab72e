"""The tables of the tickets slice."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import BIT, BitString
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.tables import Base, one_of
from app.responsibility.models import ResponsibilitySubject
from app.tickets.similarity import BITS
from app.tickets.words import (
    Malice,
    QualityStatus,
    Satisfaction,
    SecrecyLevel,
    TicketCategory,
    TicketChannel,
    TicketStatus,
)
from tenants.schemes.words import CoordinationLevel, QualityConcern, SuspensionReason


class Ticket(Base):
    """A problem reported by an enterprise or a person, and where it stands.

    `county_id` is where the matter lies, `lead_id` the tenant that handles it and `lead_county_id` the county of that
    tenant (none for a municipal department). `version` rises with every verb that changes it, not with comments.
    `contacted_at` to `referred` are what is pending in the present round; `repeat_of_id` is an earlier ticket about the
    same problem, `merged_into_id` the one that goes on for both, which has `absorbed` others; `due_at` and the two
    after it are what lists and statistics ask of its clocks (`clocks.Shown`); `low_satisfaction_at` enters it in the
    ledger of low satisfaction; `own_receipt` and `has_office` are what the scheme said of its category and of the city
    when it came in; `elsewhere` is where a transferred ticket stands with the other side, once that has accepted
    it; `tally` is what statistics count of it and `submitted_day` on
    which day it came in by China's clock, both worked out by the database (`tally`).
    """

    __tablename__ = "tickets"
    __table_args__ = (
        one_of("category", TicketCategory),
        one_of("channel", TicketChannel),
        one_of("status", TicketStatus),
        one_of("secrecy", SecrecyLevel),
        one_of("satisfaction", Satisfaction),
        one_of("suspension_reason", SuspensionReason),
        one_of("coordination", CoordinationLevel),
        one_of("malice", Malice),
        one_of("elsewhere", TicketStatus),
        CheckConstraint("(suspended_at is null) = (suspension_reason is null)", name="suspension"),
        CheckConstraint("extension_days > 0 and extensions >= 0", name="extensions"),
        CheckConstraint("repeat_of_id <> id", name="repeat_of"),
        CheckConstraint("merged_into_id <> id", name="merged_into"),
        CheckConstraint("version >= 1 and round >= 1", name="counts"),
        CheckConstraint("(origin_platform is null) = (origin_number is null)", name="origin"),
        UniqueConstraint("city_id", "number"),
        Index("ix_tickets_origin", "city_id", "origin_number", postgresql_where=text("origin_number is not null")),
        # A restricted ticket takes no number from anybody: that a number is taken would tell that it is there.
        Index(
            "uq_tickets_origin",
            *("city_id", "origin_number", "origin_platform"),
            unique=True,
            postgresql_where=text("secrecy <> 'RESTRICTED' and origin_number is not null"),
        ),
        ForeignKeyConstraint(["city_id", "enterprise_id"], ["enterprises.city_id", "enterprises.id"]),
        ForeignKeyConstraint(["city_id", "subject_id"], [ResponsibilitySubject.city_id, ResponsibilitySubject.id]),
        ForeignKeyConstraint(["city_id", "repeat_of_id"], ["tickets.city_id", "tickets.id"]),
        Index("ix_tickets_repeat_of", "city_id", "repeat_of_id", postgresql_where=text("repeat_of_id is not null")),
        ForeignKeyConstraint(["city_id", "merged_into_id"], ["tickets.city_id", "tickets.id"]),
        Index(
            "ix_tickets_merged_into", "city_id", "merged_into_id", postgresql_where=text("merged_into_id is not null")
        ),
        Index(
            "ix_tickets_low_satisfaction",
            *("city_id", text("submitted_at desc"), text("id desc")),
            postgresql_where=text("low_satisfaction_at is not null"),
        ),
        # What only few tickets are.
        Index(
            "ix_tickets_secret",
            *("city_id", "secrecy", text("submitted_at desc"), text("id desc")),
            postgresql_where=text("secrecy <> 'NORMAL'"),
        ),
        Index(
            "ix_tickets_pending",
            *("city_id", text("submitted_at desc"), text("id desc")),
            postgresql_where=text(
                "suspended_at is not null or extension_days is not null or coordination is not null or referred"
                " or malice is not null"
            ),
        ),
        Index("ix_tickets_due", "city_id", "due_at", "id"),
        # With `submitted_at`, what a month is counted by.
        Index("ix_tickets_resolved", "city_id", "resolved_at", postgresql_where=text("resolved_at is not null")),
        Index("ix_tickets_closed", "city_id", "closed_at", postgresql_where=text("status = 'CLOSED'")),
        # What statistics count, without going to the tickets: the equal ones of a day are one entry.
        Index(
            "ix_tickets_tally",
            *("city_id", "submitted_day", "tally", "lead_id", "county_id", "lead_county_id"),
            postgresql_where=text("secrecy <> 'RESTRICTED'"),
        ),
        # Of those that wait for something (`tally.WAITS`), by when.
        Index(
            "ix_tickets_waiting",
            *("city_id", "submitted_at"),
            postgresql_include=[
                *("tally", "due_at", "acknowledge_due_at", "resolve_due_at"),
                *("county_id", "lead_id", "lead_county_id"),
            ],
            postgresql_where=text("secrecy <> 'RESTRICTED' and (tally & '4194304'::bigint) <> '0'::bigint"),
        ),
        Index("ix_tickets_city", "city_id", text("submitted_at desc"), text("id desc")),
        Index("ix_tickets_status", "city_id", "status", text("submitted_at desc"), text("id desc")),
        Index("ix_tickets_county", "city_id", "county_id", text("submitted_at desc"), text("id desc")),
        Index("ix_tickets_lead", "city_id", "lead_id", text("submitted_at desc"), text("id desc")),
        Index("ix_tickets_lead_county", "city_id", "lead_county_id", text("submitted_at desc"), text("id desc")),
        Index("ix_tickets_enterprise", "city_id", "enterprise_id", text("submitted_at desc"), text("id desc")),
        Index("ix_tickets_submitter", "city_id", "submitter_id", text("submitted_at desc"), text("id desc")),
    )

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[str]
    version: Mapped[int]
    scheme_version: Mapped[int]
    category: Mapped[str]
    channel: Mapped[str]
    title: Mapped[str]
    body: Mapped[str]
    status: Mapped[str]
    round: Mapped[int]
    secrecy: Mapped[str]
    county_id: Mapped[int | None] = mapped_column(ForeignKey("tenants.id"))
    enterprise_id: Mapped[uuid.UUID | None]
    subject_id: Mapped[uuid.UUID | None]
    reporter_name: Mapped[str | None]
    reporter_phone: Mapped[str | None]
    reporter_anonymous: Mapped[bool]
    submitter_id: Mapped[uuid.UUID]
    lead_id: Mapped[int | None] = mapped_column(ForeignKey("tenants.id"))
    lead_county_id: Mapped[int | None] = mapped_column(ForeignKey("tenants.id"))
    submitted_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    dispatched_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    satisfaction: Mapped[str | None]
    resolution: Mapped[str | None]
    contacted_at: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]
    suspension_reason: Mapped[str | None]
    extension_days: Mapped[int | None]
    extensions: Mapped[int] = mapped_column(server_default="0")
    coordination: Mapped[str | None]
    referred: Mapped[bool] = mapped_column(server_default=text("false"))
    malice: Mapped[str | None]
    due_at: Mapped[datetime] = mapped_column(server_default="9999-12-31 00:00:00+00")
    acknowledge_due_at: Mapped[datetime | None]
    resolve_due_at: Mapped[datetime | None]
    repeat_of_id: Mapped[uuid.UUID | None]
    merged_into_id: Mapped[uuid.UUID | None]
    absorbed: Mapped[bool] = mapped_column(server_default=text("false"))
    low_satisfaction_at: Mapped[datetime | None]
    own_receipt: Mapped[bool] = mapped_column(server_default=text("false"))
    has_office: Mapped[bool] = mapped_column(server_default=text("true"))
    decision_number: Mapped[str | None]
    decision_published_at: Mapped[datetime | None]
    origin_platform: Mapped[str | None]
    origin_number: Mapped[str | None]
    elsewhere: Mapped[str | None]
    tally: Mapped[int] = mapped_column(
        BigInteger,
        Computed(
            "ticket_tally(scheme_version, status, category, channel, satisfaction, round, closed_at, due_at,"
            " acknowledged_at, acknowledge_due_at, resolved_at, resolve_due_at, merged_into_id)",
            persisted=True,
        ),
        deferred=True,
    )
    submitted_day: Mapped[date] = mapped_column(
        Computed("(timezone('08:00:00'::interval, submitted_at))::date", persisted=True), deferred=True
    )


class TicketSignature(Base):
    """The signature of a ticket's text (`similarity`), from which likely duplicates are found.

    Apart from the ticket, since every step writes the ticket anew; `submitted_at` is the ticket's own.
    """

    __tablename__ = "ticket_signatures"
    __table_args__ = (
        ForeignKeyConstraint(["city_id", "ticket_id"], ["tickets.city_id", "tickets.id"]),
        Index(
            "ix_ticket_signatures_submitted",
            *("city_id", "submitted_at"),
            postgresql_include=["ticket_id", "bits"],
        ),
    )

    city_id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    submitted_at: Mapped[datetime]
    bits: Mapped[BitString] = mapped_column(BIT(BITS))


class PublishedDecision(Base):
    """A decision that had to be made public (001_…txt, first plan, 15), as everybody reads it: a copy, so that
    nothing of its ticket is reached from it. A later decision on the same ticket takes its place."""

    __tablename__ = "published_decisions"
    __table_args__ = (
        ForeignKeyConstraint(["city_id", "ticket_id"], ["tickets.city_id", "tickets.id"]),
        UniqueConstraint("city_id", "ticket_id"),
        Index("ix_published_decisions_published", "city_id", text("published_at desc"), text("id desc")),
    )

    city_id: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[uuid.UUID]
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    scheme_version: Mapped[int]
    category: Mapped[str]
    number: Mapped[str]
    text: Mapped[str]
    published_at: Mapped[datetime]


class TicketCoHandler(Base):
    """A tenant that helps the lead with a ticket, and what it reported once its part was done."""

    __tablename__ = "ticket_co_handlers"
    __table_args__ = (
        ForeignKeyConstraint(["city_id", "ticket_id"], ["tickets.city_id", "tickets.id"]),
        Index(None, "city_id", "tenant_id", "ticket_id"),
    )

    city_id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    report: Mapped[str | None]
    reported_at: Mapped[datetime | None]


class TicketNamedPerson(Base):
    """A person who may see a restricted ticket."""

    __tablename__ = "ticket_named_persons"
    __table_args__ = (
        ForeignKeyConstraint(["city_id", "ticket_id"], ["tickets.city_id", "tickets.id"]),
        Index(None, "city_id", "user_id", "ticket_id"),
    )

    city_id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    named_at: Mapped[datetime]


class QualitySample(Base):
    """Handled tickets drawn at random for a check of their handling (003_…txt, 二(六)): `size` out of `population`.

    `seed` is what the draw was made from, so that it can be repeated: the tickets come in the order of the SHA-256 of
    seed and ticket id.
    """

    __tablename__ = "quality_samples"
    __table_args__ = (
        CheckConstraint("size >= 0 and size <= population and resolved_from < resolved_before", name="counts"),
        Index("ix_quality_samples_drawn", "city_id", text("drawn_at desc"), text("id desc")),
    )

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    scheme_version: Mapped[int]
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    resolved_from: Mapped[datetime]
    resolved_before: Mapped[datetime]
    population: Mapped[int]
    size: Mapped[int]
    seed: Mapped[bytes]
    drawn_at: Mapped[datetime]
    drawn_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))


class QualityCheck(Base):
    """A ticket of a sample, and what the check found."""

    __tablename__ = "quality_checks"
    __table_args__ = (
        ForeignKeyConstraint(["city_id", "sample_id"], ["quality_samples.city_id", "quality_samples.id"]),
        ForeignKeyConstraint(["city_id", "ticket_id"], ["tickets.city_id", "tickets.id"]),
        CheckConstraint("(checked_at is null) = (passed is null)", name="checked"),
        Index(None, "city_id", "ticket_id"),
    )

    city_id: Mapped[int] = mapped_column(primary_key=True)
    sample_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    passed: Mapped[bool | None]
    findings: Mapped[str | None]
    checked_at: Mapped[datetime | None]
    checked_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))


class QualityEntry(Base):
    """A handling in the ledger of handling quality (003_…txt, 二(六)): a round of a ticket, and what was wrong with it.

    `tenant_id` is the city or county whose office keeps it, `lead_id` the department that handled the ticket then (none
    where the desk answered). `awaits_task` until the job has opened the rectification task that follows from it.
    """

    __tablename__ = "quality_entries"
    __table_args__ = (
        one_of("kind", QualityConcern),
        one_of("status", QualityStatus),
        CheckConstraint("version >= 1 and round >= 1", name="counts"),
        CheckConstraint(
            "num_nonnulls(handed_over_at, handed_over_by) in (0, 2)"
            " and (status <> 'HANDED_OVER' or handed_over_at is not null)"
            " and (status <> 'OPEN' or handed_over_at is null)",
            name="handed_over",
        ),
        CheckConstraint(
            "num_nonnulls(closed_at, closed_by, outcome) = case when status = 'CLOSED' then 3 else 0 end", name="closed"
        ),
        CheckConstraint("lead_id is not null or not awaits_task", name="task"),
        ForeignKeyConstraint(["city_id", "ticket_id"], ["tickets.city_id", "tickets.id"]),
        # A round enters the ledger once for each concern, whatever runs at once.
        UniqueConstraint("city_id", "ticket_id", "kind", "round"),
        Index("ix_quality_entries_opened", "city_id", text("opened_at desc"), text("id desc")),
        Index("ix_quality_entries_tenant", "city_id", "tenant_id", text("opened_at desc"), text("id desc")),
        Index("ix_quality_entries_lead", "city_id", "lead_id", text("opened_at desc"), text("id desc")),
        Index("ix_quality_entries_status", "city_id", "status", text("opened_at desc"), text("id desc")),
        Index("ix_quality_entries_kind", "city_id", "kind", text("opened_at desc"), text("id desc")),
        Index("ix_quality_entries_awaits_task", "city_id", "opened_at", postgresql_where=text("awaits_task")),
    )

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    scheme_version: Mapped[int]
    kind: Mapped[str]
    status: Mapped[str]
    ticket_id: Mapped[uuid.UUID]
    round: Mapped[int]
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    lead_id: Mapped[int | None] = mapped_column(ForeignKey("tenants.id"))
    opened_at: Mapped[datetime]
    awaits_task: Mapped[bool]
    note: Mapped[str | None]
    handed_over_at: Mapped[datetime | None]
    handed_over_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    outcome: Mapped[str | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
