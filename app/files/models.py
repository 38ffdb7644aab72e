"""The tables of the files slice. Contents lie in a `BlobStore`, by city and SHA-256: no two cities share one."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.tables import Base

VISIBILITIES = "visibility in ('PUBLIC', 'INTERNAL')"


class Upload(Base):
    """A file on its way to a ticket: its creator's alone, and gone after `expires_at` unless it was attached.

    While it comes in its bytes lie beside the server; `finished_at` says that they were looked at and stored.
    """

    __tablename__ = "uploads"
    __table_args__ = (
        CheckConstraint("size > 0", name="size"),
        CheckConstraint("num_nonnulls(media_type, sha256, scanned, finished_at) in (0, 4)", name="finished"),
        Index(None, "city_id", "created_by"),
        Index(None, "city_id", "sha256"),
        Index(None, "city_id", "expires_at"),
    )

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    media_type: Mapped[str | None]
    sha256: Mapped[bytes | None]
    scanned: Mapped[bool | None]
    finished_at: Mapped[datetime | None]


class Attachment(Base):
    """A file of a ticket. The row stays for ever; its content until `deleted_at`, which only retention sets.

    `scanned` tells whether a scanner was configured when it came in. `event_id` is the timeline's word about it, which
    also says in which role it was brought.
    """

    __tablename__ = "attachments"
    __table_args__ = (
        CheckConstraint("size > 0", name="size"),
        CheckConstraint("length(sha256) = 32", name="sha256"),
        CheckConstraint(VISIBILITIES, name="visibility"),
        ForeignKeyConstraint(["city_id", "ticket_id"], ["tickets.city_id", "tickets.id"]),
        Index(None, "city_id", "ticket_id"),
        Index(None, "city_id", "sha256"),
    )

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[uuid.UUID]
    event_id: Mapped[uuid.UUID]
    name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[bytes]
    scanned: Mapped[bool]
    visibility: Mapped[str]
    uploaded_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    uploaded_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
