"""The tables of the tickets slice."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.tables import Base, one_of
from app.tickets.words import Satisfaction, SecrecyLevel, TicketCategory, TicketChannel, TicketStatus


class Ticket(Base):
    """A problem reported by an enterprise or a person, and where it stands.

    `county_id` is where the matter lies, `lead_id` the tenant that handles it and `lead_county_id` the county of that
    tenant (none for a municipal department). `version` rises with every verb that changes it, not with comments.
    """

    __tablename__ = "tickets"
    __table_args__ = (
        one_of("category", TicketCategory),
        one_of("channel", TicketChannel),
        one_of("status", TicketStatus),
        one_of("secrecy", SecrecyLevel),
        one_of("satisfaction", Satisfaction),
        CheckConstraint("version >= 1 and round >= 1", name="counts"),
        UniqueConstraint("city_id", "number"),
        ForeignKeyConstraint(["city_id", "enterprise_id"], ["enterprises.city_id", "enterprises.id"]),
        Index("ix_tickets_city", "city_id", text("submitted_at desc"), text("id desc")),
        Index("ix_tickets_status", "city_id", "status", text("submitted_at desc"), text("id desc")),
        Index("ix_tickets_county", "city_id", "county_id", "status", text("submitted_at desc"), text("id desc")),
        Index("ix_tickets_lead", "city_id", "lead_id", "status", text("submitted_at desc"), text("id desc")),
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


class TicketCoHandler(Base):
    """A tenant that helps the lead with a ticket."""

    __tablename__ = "ticket_co_handlers"
    __table_args__ = (
        ForeignKeyConstraint(["city_id", "ticket_id"], ["tickets.city_id", "tickets.id"]),
        Index(None, "city_id", "tenant_id", "ticket_id"),
    )

    city_id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)


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
