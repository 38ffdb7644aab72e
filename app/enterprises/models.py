"""The enterprise registry's table."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.tables import Base, one_of


class EnterpriseKind(StrEnum):
    """How an enterprise counts: above-scale (四上), micro, small or medium, or an individual business."""

    ABOVE_SCALE = "ABOVE_SCALE"
    MSME = "MSME"
    INDIVIDUAL = "INDIVIDUAL"


class Enterprise(Base):
    """An enterprise of a city. `attributes` are free facts that policies are matched against."""

    __tablename__ = "enterprises"
    __table_args__ = (
        one_of("kind", EnterpriseKind),
        CheckConstraint("length(credit_code) = 18", name="credit_code"),
        UniqueConstraint("city_id", "credit_code"),
        Index(None, "city_id", "name", "id"),
        Index(None, "city_id", "county_id", "name", "id"),
    )

    city_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    credit_code: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]
    industry_code: Mapped[str]
    county_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    address: Mapped[str | None]
    contact_name: Mapped[str | None]
    contact_phone: Mapped[str | None]
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    created_at: Mapped[datetime]
