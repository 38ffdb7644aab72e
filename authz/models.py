"""Users and their grants."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.tables import Base, one_of
from authz.roles import Role


class User(Base):
    """A person or service that signs in. `city_id` is the space the login belongs to.

    Read before a city is known, by the user's own id (row-level security: own row, or rows of the request's cities).
    `grants_version` rises with every grant and revocation; a cached actor with another version is reloaded.
    """

    __tablename__ = "users"
    __platform__: ClassVar[bool] = True
    __table_args__ = (Index(None, "city_id", "login"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    login: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    demo: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    grants_version: Mapped[int] = mapped_column(default=1, server_default="1")
    created_at: Mapped[datetime]


class Grant(Base):
    """A role of a user in a tenant; it reaches the tenant's subtree, or for an enterprise's user that enterprise."""

    __tablename__ = "grants"
    __platform__: ClassVar[bool] = True
    __table_args__ = (
        one_of("role", Role),
        CheckConstraint("(role = 'ENTERPRISE_USER') = (enterprise_id is not null)", name="enterprise"),
        ForeignKeyConstraint(["city_id", "enterprise_id"], ["enterprises.city_id", "enterprises.id"]),
        Index(
            "uq_grants_role",
            "user_id",
            "tenant_id",
            "role",
            "enterprise_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index(None, "city_id", "tenant_id", "role"),
    )

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    role: Mapped[str]
    enterprise_id: Mapped[uuid.UUID | None]
    granted_at: Mapped[datetime]
    granted_by: Mapped[uuid.UUID | None]
