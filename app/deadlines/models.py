"""The tables of the deadlines slice."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, Computed, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.deadlines.words import DeadlineKind, DeadlineState
from app.kernel.tables import Base, one_of
from tenants.schemes.words import SuspensionReason, TimeUnit

# A step that ended late before anybody noticed is told of as missed all the same; it warns nobody any more. In the
# words in which PostgreSQL gives it back, so that the two can be compared.
FIRES_AT = (
    "case when missed_at is null and state = 'RUNNING'::text and warned_at is null then coalesce(warn_at, due_at)"
    " when missed_at is null and (state = 'RUNNING'::text or state = 'MISSED'::text) then due_at"
    " else null::timestamp with time zone end"
)


class Deadline(Base):
    """The clock of one step of a subject (a ticket): when it began, how long it may take, and how it ended.

    The limit (`amount` of `unit`, and `extension_days` that were granted) is the one of the scheme's version under
    which the clock began. `due_at` is worked out from it, the calendar and the suspensions; `provisional` while the
    holidays of one of its years are not published. `calendar_version` is the platform's calendar by which it was last
    worked out.

    `warn_at` is when it warns (null: it does not), `warned_at` and `missed_at` when the sweep told of the warning and
    of the miss of this very due time, `fires_at` when it has something to tell next; that one the database works out.
    """

    __tablename__ = "deadlines"
    __table_args__ = (
        one_of("kind", DeadlineKind),
        one_of("unit", TimeUnit),
        one_of("state", DeadlineState),
        CheckConstraint("round >= 1 and amount >= 1 and extension_days >= 0", name="counts"),
        CheckConstraint("(ended_at is null) = (state in ('RUNNING', 'SUSPENDED'))", name="ended"),
        CheckConstraint("ended_at >= started_at and due_at >= started_at", name="order"),
        # Whoever moves a due time forgets what was told of the one before: it would never be told of the new one.
        CheckConstraint("warn_at <= due_at and warned_at >= warn_at and missed_at >= due_at", name="fired"),
        Index(None, "city_id", "subject_id", "started_at"),
        Index(
            "uq_deadlines_running",
            *("city_id", "subject_id", "kind"),
            unique=True,
            postgresql_where=text("ended_at is null"),
        ),
        # What the sweep looks for: as small as what is still to be told.
        Index("ix_deadlines_fires", "city_id", "fires_at", postgresql_where=text("fires_at is not null")),
        # What a month is counted by.
        Index("ix_deadlines_due", "city_id", "due_at"),
        Index("ix_deadlines_called", "city_id", "ended_at", postgresql_where=text("kind = 'FOLLOW_UP'")),
        Index("ix_deadlines_again", "city_id", "started_at", postgresql_where=text("kind = 'HANDLING' and round > 1")),
    )

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    round: Mapped[int]
    scheme_version: Mapped[int]
    calendar_version: Mapped[int] = mapped_column(server_default="0")
    amount: Mapped[int]
    unit: Mapped[str]
    extension_days: Mapped[int] = mapped_column(server_default="0")
    started_at: Mapped[datetime]
    due_at: Mapped[datetime]
    provisional: Mapped[bool]
    state: Mapped[str]
    ended_at: Mapped[datetime | None]
    warn_at: Mapped[datetime | None]
    warned_at: Mapped[datetime | None]
    missed_at: Mapped[datetime | None]
    fires_at: Mapped[datetime | None] = mapped_column(Computed(FIRES_AT, persisted=True), deferred=True)


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
