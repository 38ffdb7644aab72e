"""Runs the revisions as `yingshang_owner`, so that every object belongs to it and not to whoever migrates."""

from __future__ import annotations

import asyncio

import asyncpg
from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import app.enterprises.models as _enterprises
import app.tickets.models as _tickets
import authz.models as _grants
import tenants.models as _tenants
from app.kernel.config import get_settings
from app.kernel.database import OWNER_ROLE, database_urls
from app.kernel.tables import Base

TABLES_OF = (_enterprises, _grants, _tenants, _tickets)
"""Imported for their tables: a new slice's `models` joins them here."""


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=True)
    connection.execute(text(f"set role {OWNER_ROLE}"))
    connection.commit()
    with context.begin_transaction():
        context.run_migrations()


async def main(url: str) -> None:
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url), poolclass=NullPool
    )
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


url = context.config.attributes.get("admin_url") or database_urls(get_settings()).admin
if url is None:
    raise SystemExit("Migrations need the administrator's login: set DATABASE_URL.")
asyncio.run(main(url))
