"""Note what an auditor reads, before they read it (domain.md, section 1: every read is logged)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import insert

from app.kernel.database import Database
from app.kernel.errors import StaleActor
from app.kernel.tables import ReadLogEntry, new_id
from authz.actor import Actor
from authz.roles import Role


async def log_read(
    database: Database, actor: Actor, *, operation: str, document: str, variables: Mapping[str, Any], now: datetime
) -> None:
    """One entry in every city that the actor audits; nothing for anybody else. Raises StaleActor."""
    if Role.AUDITOR not in actor.roles:
        return
    cities = tuple(sorted({grant.city_id for grant in actor.grants if grant.role is Role.AUDITOR}))
    async with database.session(cities=cities, user_id=actor.user_id) as session:
        if session.info["grants_version"] != actor.grants_version:
            raise StaleActor(actor.user_id)
        entry = {
            "user_id": actor.user_id,
            "at": now,
            "operation": operation,
            "document": document,
            # jsonb takes no NUL; the read that follows will refuse it, and is noted all the same.
            "variables": orjson.loads(orjson.dumps(dict(variables)).replace(b"\\u0000", b"\\ufffd")),
        }
        await session.execute(insert(ReadLogEntry), [{"city_id": city, "id": new_id(), **entry} for city in cities])
