"""Runs the revisions as `yingshang_owner`, so that every object belongs to it and not to whoever migrates."""

from __future__ import annotations

import asyncio

import asyncpg
from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.kernel.config import get_settings
from app.kernel.database import OWNER_ROLE, database_urls
from app.kernel.tables import Base
from migrations.env_tables import MODELS

LOCK = 0x59696E67  # "Ying"


def run(connection: Connection) -> None:
    assert MODELS, "imported for their tables"
    context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=True)
    # One migration at a time: a second one waits here and then finds nothing to do. Held until the connection ends.
    connection.execute(text(f"select pg_advisory_lock({LOCK})"))
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
