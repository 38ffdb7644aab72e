"""What every table shares: the metadata with its naming conventions, the base class, and the kernel's own tables."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar, Protocol, cast

import uuid_utils
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The one declarative base. A class marked `__platform__ = True` is read before a city is known: see `doctor`."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        int: Integer,
        datetime: DateTime(timezone=True),
        uuid.UUID: Uuid,
        bytes: LargeBinary,
        dict[str, Any]: JSONB,
        list[str]: ARRAY(Text),
    }


class Row(Protocol):
    """Where the columns of a row come from: a table, an alias, or a row of an enclosing statement."""

    @property
    def c(self) -> Any: ...


def table_of(model: type[Base]) -> Table:
    """The Core table of a model."""
    return cast(Table, model.__table__)


def new_id() -> uuid.UUID:
    """A fresh UUIDv7: ordered by time, unique across processes and cities."""
    return uuid.UUID(bytes=uuid_utils.uuid7().bytes)


def one_of(column: str, values: type[Any]) -> CheckConstraint:
    """A CHECK that a text column holds a member of a StrEnum (text, since enum operators are not leakproof)."""
    listed = ", ".join(f"'{member.value}'" for member in values)
    return CheckConstraint(f"{column} in ({listed})", name=column)


class Event(Base):
    """One thing that happened to one object: the timeline, the outbox and the live feed all read this log.

    `ordinal` is handed out at insert and is private; `position` is given by the sequencer after commit and is what
    cursors are made of (per city, without gaps). `seq` counts the events of one subject from 1; `hash` covers the
    row and the `prev_hash` of the one before, so that an altered past shows. `restricted` events are for named persons.
    """

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("city_id", "subject_id", "seq"),
        UniqueConstraint("city_id", "position"),
        Index("ix_events_unsequenced", "city_id", "ordinal", postgresql_where=text("position is null")),
        CheckConstraint("visibility in ('PUBLIC', 'INTERNAL')", name="visibility"),
    )

    city_id: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    position: Mapped[int | None] = mapped_column(BigInteger)
    topic: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    seq: Mapped[int]
    version: Mapped[int]
    type: Mapped[str]
    at: Mapped[datetime]
    actor_id: Mapped[uuid.UUID | None]
    actor_tenant_id: Mapped[int | None]
    actor_role: Mapped[str | None]
    visibility: Mapped[str]
    restricted: Mapped[bool]
    data: Mapped[dict[str, Any]]
    prev_hash: Mapped[bytes | None]
    hash: Mapped[bytes]


class EventHead(Base):
    """The last position the sequencer has given in a city. One row per city, made when the city is provisioned."""

    __tablename__ = "event_heads"

    city_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")


class IdempotencyKey(Base):
    """A confirmed mutation, remembered under the caller's key so that a retry is answered and not applied again."""

    __tablename__ = "idempotency_keys"

    city_id: Mapped[int] = mapped_column(primary_key=True)
    actor_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    mutation: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes]
    subject_id: Mapped[uuid.UUID]
    at: Mapped[datetime]


class ReadLogEntry(Base):
    """A read by an auditor: who asked what, when. Written before the answer leaves."""

    __tablename__ = "read_log"
    __table_args__ = (Index(None, "city_id", "user_id", "at"),)

    city_id: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID]
    at: Mapped[datetime]
    operation: Mapped[str]
    document: Mapped[str]
    variables: Mapped[dict[str, Any]]
