"""The tables of the deadlines slice."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.deadlines.words import DeadlineKind, DeadlineState
from app.kernel.tables import Base, one_of
from tenants.schemes.words import SuspensionReason, TimeUnit


class Deadline(Base):
    """The clock of one step of a subject (a ticket): when it began, how long it may take, and how it ended.

    The limit (`amount` of `unit`, and `extension_days` that were granted) is the one of the scheme's version under
    which the clock began. `due_at` is worked out from it, the calendar and the suspensions; `provisional` while the
    holidays of one of its years are not published.
    """

    __tablename__ = "deadlines"
    __table_args__ = (
        one_of("kind", DeadlineKind),
        one_of("unit", TimeUnit),
        one_of("state", DeadlineState),
        CheckConstraint("round >= 1 and amount >= 1 and extension_days >= 0", name="counts"),
        CheckConstraint("(ended_at is null) = (state in ('RUNNING', 'SUSPENDED'))", name="ended"),
        CheckConstraint("ended_at >= started_at and due_at >= started_at", name="order"),
        Index(None, "city_id", "subject_id", "started_at"),
        Index(
            "uq_deadlines_running",
            *("city_id", "subject_id", "kind"),
            unique=True,
            postgresql_where=text("ended_at is null"),
        ),
    )

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    round: Mapped[int]
    scheme_version: Mapped[int]
    amount: Mapped[int]
    unit: Mapped[str]
    extension_days: Mapped[int] = mapped_column(server_default="0")
    started_at: Mapped[datetime]
    due_at: Mapped[datetime]
    provisional: Mapped[bool]
    state: Mapped[str]
    ended_at: Mapped[datetime | None]


class DeadlineSuspension(Base):
    """A stretch of time that a clock does not count, and why; `to_at` is null while it lasts."""

    __tablename__ = "deadline_suspensions"
    __table_args__ = (
        one_of("reason", SuspensionReason),
        CheckConstraint("to_at >= from_at", name="order"),
        ForeignKeyConstraint(["city_id", "deadline_id"], ["deadlines.city_id", "deadlines.id"]),
        Index(None, "city_id", "deadline_id", "from_at"),
        Index(
            "uq_deadline_suspensions_lasting",
            *("city_id", "deadline_id"),
            unique=True,
            postgresql_where=text("to_at is null"),
        ),
    )

    city_id: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    deadline_id: Mapped[uuid.UUID]
    from_at: Mapped[datetime]
    to_at: Mapped[datetime | None]
    reason: Mapped[str]
