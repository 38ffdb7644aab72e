"""The tables of the transfers slice."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.tables import Base, one_of, table_of
from app.tickets.words import SecrecyLevel, TicketCategory, TicketStatus
from app.transfers.words import TransferDirection, TransferStatus


class TicketTransfer(Base):
    """One side's row of a transfer between two cities, or a city and its region: each side has its own, under one id.

    `peer_id` is the other side, `ticket_id` this side's own ticket; the receiving side has one from its acceptance on.
    What the receiving side is told to decide by (`title` to `credit_code`) stands in its row alone; of a confidential
    ticket without who reported it. `from_status` is where the sender's ticket was, and comes back to.

    `due_at` is when the decision is due in the receiving side's working time, by the version of its scheme that was in
    force at the offer and the platform's calendar of `calendar_version`; `warn_at` when it warns, `warned_at` and
    `missed_at` when the sweep told of them. `chased_at` is when it was last chased, `chases` times; of the receiving
    side, before its decision. `relayed_seq` is up to which event of its own ticket the other side has been told;
    `ended_at`, that there is nothing more to tell.
    """

    __tablename__ = "ticket_transfers"
    __table_args__ = (
        one_of("direction", TransferDirection),
        one_of("status", TransferStatus),
        one_of("category", TicketCategory),
        one_of("secrecy", SecrecyLevel),
        one_of("from_status", TicketStatus),
        CheckConstraint("city_id <> peer_id", name="peer"),
        CheckConstraint("version >= 1 and chases >= 0 and relayed_seq >= 0", name="counts"),
        # A restricted ticket stays where the persons are that it names.
        CheckConstraint("secrecy <> 'RESTRICTED'", name="restricted"),
        CheckConstraint(
            "case direction when 'SENT' then num_nonnulls(ticket_id, from_status, offered_by) = 3"
            " and num_nonnulls(title, body, reporter_name, reporter_phone, enterprise_name, credit_code) = 0"
            " and decided_by is null"
            " else num_nonnulls(title, body) = 2 and num_nonnulls(from_status, offered_by) = 0"
            " and (ticket_id is not null) = (status = 'ACCEPTED')"
            " and (decided_by is not null) = (status in ('ACCEPTED', 'DECLINED')) end",
            name="side",
        ),
        CheckConstraint(
            "secrecy = 'NORMAL' or num_nonnulls(reporter_name, reporter_phone, enterprise_name, credit_code) = 0",
            name="confidential",
        ),
        CheckConstraint("(decided_at is not null) = (status in ('ACCEPTED', 'DECLINED'))", name="decided"),
        CheckConstraint("(withdrawn_at is not null) = (status = 'WITHDRAWN')", name="withdrawn"),
        CheckConstraint("status in ('OFFERED', 'ACCEPTED') or ended_at is not null", name="ended"),
        CheckConstraint("(chased_at is null) = (chases = 0)", name="chased"),
        CheckConstraint("due_at >= offered_at and warn_at <= due_at", name="order"),
        ForeignKeyConstraint(["city_id", "ticket_id"], ["tickets.city_id", "tickets.id"]),
        Index(
            "uq_ticket_transfers_sent",
            *("city_id", "ticket_id"),
            unique=True,
            postgresql_where=text("direction = 'SENT' and status in ('OFFERED', 'ACCEPTED')"),
        ),
        # A number comes to a side once: not twice at the same time, and not back by another way.
        Index(
            "uq_ticket_transfers_received",
            *("city_id", "number"),
            unique=True,
            postgresql_where=text("direction = 'RECEIVED' and status in ('OFFERED', 'ACCEPTED')"),
        ),
        Index(None, "city_id", "ticket_id", "offered_at"),
        Index("ix_ticket_transfers_offered", "city_id", text("offered_at desc"), text("id desc")),
        Index("ix_ticket_transfers_due", "city_id", "due_at", "id"),
        # What is not over, which is what the worker looks at.
        Index("ix_ticket_transfers_live", "city_id", "id", postgresql_where=text("ended_at is null")),
        Index(
            "ix_ticket_transfers_undecided",
            *("city_id", "due_at"),
            postgresql_where=text("status = 'OFFERED' and missed_at is null"),
        ),
        Index(
            "ix_ticket_transfers_calendar",
            *("city_id", "calendar_version"),
            postgresql_where=text("status = 'OFFERED' and direction = 'RECEIVED'"),
        ),
    )

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    direction: Mapped[str]
    peer_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    status: Mapped[str]
    number: Mapped[str]
    ticket_id: Mapped[uuid.UUID | None]
    category: Mapped[str]
    secrecy: Mapped[str]
    title: Mapped[str | None]
    body: Mapped[str | None]
    reporter_name: Mapped[str | None]
    reporter_phone: Mapped[str | None]
    reporter_anonymous: Mapped[bool]
    enterprise_name: Mapped[str | None]
    credit_code: Mapped[str | None]
    from_status: Mapped[str | None]
    reason: Mapped[str]
    offered_at: Mapped[datetime]
    offered_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    due_at: Mapped[datetime]
    provisional: Mapped[bool]
    warn_at: Mapped[datetime]
    warned_at: Mapped[datetime | None]
    missed_at: Mapped[datetime | None]
    answer: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    withdrawn_at: Mapped[datetime | None]
    chased_at: Mapped[datetime | None]
    chases: Mapped[int]
    relayed_seq: Mapped[int]
    ended_at: Mapped[datetime | None]
    calendar_version: Mapped[int] = mapped_column(server_default="0")
    scheme_version: Mapped[int]


TRANSFERS = table_of(TicketTransfer)
