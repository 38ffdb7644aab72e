"""The tables of the supervision slice."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.tables import Base, one_of
from app.supervision.words import NoticeKind, NoticeStatus, NotificationKind
from tenants.schemes.words import TriggerKind


class SupervisionNotice(Base):
    """A notice of one of the three levels, from its issue to its end (003_…txt, 二(七)).

    `trigger` happened `times` times; `cause` names what set off an automatic one, so that nothing sets one off twice.
    `restricted` as its ticket is; `listed` in the month's report (挂牌); `may_refer` and the reply's due time are what
    the scheme said when it was issued. `chased_at`: its missing reply has been looked at. `awaits_task` until the job
    has opened the rectification task that follows from it.
    """

    __tablename__ = "supervision_notices"
    __table_args__ = (
        one_of("kind", NoticeKind),
        one_of("trigger", TriggerKind),
        one_of("status", NoticeStatus),
        CheckConstraint(
            "(level = 1 and kind = 'REMINDER') or (level = 2 and kind = 'RECTIFICATION')"
            " or (level = 3 and kind = 'INTERVIEW')",
            name="level",
        ),
        CheckConstraint("version >= 1 and times >= 1", name="counts"),
        CheckConstraint("level = 3 or ticket_id is not null", name="ticket"),
        CheckConstraint("level < 3 or raised_by is not null", name="by_hand"),
        CheckConstraint("ticket_id is not null or not restricted", name="restricted"),
        CheckConstraint(
            "num_nonnulls(raised_by, raised_by_tenant_id, raised_by_role, reason) in (0, 4)", name="raised_by"
        ),
        CheckConstraint("(raised_by is null) = (cause is not null)", name="cause"),
        CheckConstraint(
            "num_nonnulls(reply, replied_by, replied_at) in (0, 3) and (status <> 'REPLIED' or reply is not null)",
            name="replied",
        ),
        CheckConstraint(
            "num_nonnulls(closed_by, closed_at) = case when status = 'CLOSED' then 2 else 0 end", name="closed"
        ),
        CheckConstraint(
            "num_nonnulls(withdrawal, withdrawn_by, withdrawn_at) = case when status = 'WITHDRAWN' then 3 else 0 end",
            name="withdrawn",
        ),
        CheckConstraint(
            "num_nonnulls(referred_by, referred_at) in (0, 2) and num_nonnulls(outcome, outcome_at) in (0, 2)"
            " and (outcome is null or referred_at is not null) and (may_refer or referred_at is null)",
            name="referred",
        ),
        ForeignKeyConstraint(["city_id", "ticket_id"], ["tickets.city_id", "tickets.id"]),
        UniqueConstraint("city_id", "number"),
        UniqueConstraint("city_id", "cause"),
        # Two supervisors who raise the same notice at once raise one.
        Index(
            "uq_supervision_notices_by_hand",
            *("city_id", "addressee_id", "trigger", "ticket_id"),
            unique=True,
            postgresql_where=text("status = 'ISSUED' and raised_by is not null"),
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_supervision_notices_issued", "city_id", text("issued_at desc"), text("id desc")),
        Index("ix_supervision_notices_addressee", "city_id", "addressee_id", text("issued_at desc"), text("id desc")),
        Index(
            "ix_supervision_notices_county",
            *("city_id", "addressee_county_id", text("issued_at desc"), text("id desc")),
        ),
        Index("ix_supervision_notices_reply_due", "city_id", "reply_due_at", "id"),
        Index(None, "city_id", "ticket_id"),
        Index(None, "city_id", "issued_on"),
        Index(
            "ix_supervision_notices_calendar",
            *("city_id", "calendar_version"),
            postgresql_where=text("status = 'ISSUED'"),
        ),
        Index(
            "ix_supervision_notices_unanswered",
            *("city_id", "reply_due_at"),
            postgresql_where=text("level = 1 and status = 'ISSUED' and chased_at is null"),
        ),
        Index("ix_supervision_notices_awaits_task", "city_id", "issued_at", postgresql_where=text("awaits_task")),
    )

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[str]
    version: Mapped[int]
    scheme_version: Mapped[int]
    level: Mapped[int]
    kind: Mapped[str]
    ticket_id: Mapped[uuid.UUID | None]
    restricted: Mapped[bool]
    addressee_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    addressee_county_id: Mapped[int | None] = mapped_column(ForeignKey("tenants.id"))
    trigger: Mapped[str]
    times: Mapped[int]
    cause: Mapped[str | None]
    reason: Mapped[str | None]
    evidence: Mapped[str | None]
    raised_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    raised_by_tenant_id: Mapped[int | None] = mapped_column(ForeignKey("tenants.id"))
    raised_by_role: Mapped[str | None]
    issued_at: Mapped[datetime]
    issued_on: Mapped[date]
    reply_due_at: Mapped[datetime]
    provisional: Mapped[bool]
    calendar_version: Mapped[int] = mapped_column(server_default="0")
    listed: Mapped[bool]
    may_refer: Mapped[bool]
    status: Mapped[str]
    reply: Mapped[str | None]
    replied_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    replied_at: Mapped[datetime | None]
    closed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    closed_at: Mapped[datetime | None]
    withdrawal: Mapped[str | None]
    withdrawn_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    withdrawn_at: Mapped[datetime | None]
    referred_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    referred_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    outcome_at: Mapped[datetime | None]
    chased_at: Mapped[datetime | None]
    awaits_task: Mapped[bool] = mapped_column(server_default=text("false"))


class SupervisionCursor(Base):
    """Up to which position of a city's log its triggers have been looked at."""

    __tablename__ = "supervision_cursors"

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(BigInteger)


class Notification(Base):
    """Something that the people of a tenant are told: what lies with their tenant is decided when it is read.

    `id` is that of its own event in the log, `subject_id` the subject of that event.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        one_of("kind", NotificationKind),
        CheckConstraint(
            "num_nonnulls(ticket_id, notice_id, transfer_id, aggregate_id, task_id, report_id, entry_id) > 0",
            name="about",
        ),
        ForeignKeyConstraint(["city_id", "ticket_id"], ["tickets.city_id", "tickets.id"]),
        ForeignKeyConstraint(["city_id", "notice_id"], ["supervision_notices.city_id", "supervision_notices.id"]),
        ForeignKeyConstraint(["city_id", "transfer_id"], ["ticket_transfers.city_id", "ticket_transfers.id"]),
        ForeignKeyConstraint(["city_id", "aggregate_id"], ["aggregates.city_id", "aggregates.id"]),
        ForeignKeyConstraint(["city_id", "task_id"], ["rectification_tasks.city_id", "rectification_tasks.id"]),
        ForeignKeyConstraint(["city_id", "report_id"], ["reports.city_id", "reports.id"]),
        ForeignKeyConstraint(["city_id", "entry_id"], ["integrity_entries.city_id", "integrity_entries.id"]),
        Index("ix_notifications_tenant", "city_id", "tenant_id", text("at desc"), text("id desc")),
        Index("ix_notifications_restricted", "city_id", "subject_id", postgresql_where=text("restricted")),
    )

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[uuid.UUID]
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    kind: Mapped[str]
    ticket_id: Mapped[uuid.UUID | None]
    notice_id: Mapped[uuid.UUID | None]
    transfer_id: Mapped[uuid.UUID | None]
    aggregate_id: Mapped[uuid.UUID | None]
    task_id: Mapped[uuid.UUID | None]
    report_id: Mapped[uuid.UUID | None]
    entry_id: Mapped[uuid.UUID | None]
    restricted: Mapped[bool]
    at: Mapped[datetime]


class NotificationMark(Base):
    """Up to which notification, in the order of time, a person has read theirs."""

    __tablename__ = "notification_marks"

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    read_at: Mapped[datetime]
    read_id: Mapped[uuid.UUID]
