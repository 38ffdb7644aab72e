"""Migrations build everything from nothing, take it away again, and agree with the models and the snapshot."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import asyncpg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import migrations.env_tables
from app.kernel.database import database_name, with_database
from app.kernel.tables import Base
from app.migrate import alembic_config, current_revision, downgrade, ensure_roles, head_revision, migrate_url
from migrations.catalogue import SNAPSHOT, describe, drift
from tests.conftest import PASSWORD, Server, blocking, execute


async def catalogue(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return await describe(connection)
    finally:
        await connection.close()


async def test_the_catalogue_is_the_committed_one(admin: asyncpg.Connection) -> None:
    """After a change that is meant: run this with YINGSHANG_WRITE_CATALOGUE=1, and read the difference it makes."""
    actual = await describe(admin)
    if os.environ.get("YINGSHANG_WRITE_CATALOGUE"):
        SNAPSHOT.write_text(actual)
    assert drift(actual) == []


async def test_the_models_are_what_the_migrations_make(admin_url: str) -> None:
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(admin_url), poolclass=NullPool
    )
    async with engine.connect() as connection:
        differences = await connection.run_sync(_compare)
    await engine.dispose()
    assert differences == []


def _compare(connection: Connection) -> list[Any]:
    assert migrations.env_tables.MODELS
    context = MigrationContext.configure(
        connection,
        opts={"compare_type": True, "compare_server_default": True, "include_object": _is_a_models_affair},
    )
    return compare_metadata(context, Base.metadata)


def _is_a_models_affair(_item: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
    # The text searches, their functions and their indexes live in the migrations and in the snapshot only.
    return not (kind == "index" and name in ("ix_tickets_text", "ix_enterprises_text"))


def test_down_leaves_nothing_and_up_again_makes_the_same(server: Server, admin_url: str) -> None:
    before = blocking(catalogue(admin_url))
    downgrade(admin_url)
    assert blocking(catalogue(admin_url)) == "\n"
    assert blocking(current_revision(admin_url)) is None
    migrate_url(admin_url)
    assert blocking(catalogue(admin_url)) == before


def test_migrating_again_changes_nothing(admin_url: str) -> None:
    before = blocking(catalogue(admin_url))
    assert migrate_url(admin_url) == head_revision()
    assert blocking(catalogue(admin_url)) == before


def test_what_the_migrations_did_not_do_shows(admin_url: str) -> None:
    async def tamper() -> list[str]:
        connection = await asyncpg.connect(admin_url)
        await connection.execute(
            "alter table tickets drop constraint ck_tickets_status;"
            "grant delete on events to yingshang_app;"
            "alter policy cities on tickets using (true);"
            "create or replace function tenant_gid(id int) returns text language sql return 'TN_'"
        )
        try:
            return drift(await describe(connection))
        finally:
            await connection.close()

    lines = blocking(tamper())
    for part in (
        "-constraint tickets ck_tickets_status",
        "+privilege events yingshang_app DELETE,INSERT,SELECT",
        "+policy tickets cities for * to public using true",
        "+function tenant_gid(integer)",
    ):
        assert any(line.startswith(part) for line in lines), part


async def test_roles_that_were_tampered_with_are_put_right(admin: asyncpg.Connection) -> None:
    # In a transaction that ends undone: roles belong to the whole server, and other tests run on it.
    transaction = admin.transaction()
    await transaction.start()
    try:
        await admin.execute("alter role yingshang_owner login; alter role yingshang_definer nobypassrls")
        await ensure_roles(admin)
        rows = await admin.fetch(
            "select rolname::text, rolcanlogin, rolsuper, rolbypassrls from pg_roles"
            " where rolname like 'yingshang%' order by 1"
        )
    finally:
        await transaction.rollback()
    assert [tuple(row) for row in rows] == [
        ("yingshang_app", True, False, False),
        ("yingshang_definer", False, False, True),
        ("yingshang_owner", False, False, False),
    ]


def test_there_is_one_head(admin_url: str) -> None:
    assert alembic_config(admin_url).get_main_option("script_location")
    assert blocking(current_revision(admin_url)) == head_revision()


def test_a_database_that_is_not_there_is_made_by_several_at_once(server: Server) -> None:
    """Three servers of one deployment that start at the same moment each migrate first."""
    url = with_database(server.admin, f"{server.template}_{os.getpid()}_new")
    password = None if server.embedded else PASSWORD

    code = f"from app.migrate import migrate_url; migrate_url({url!r}, application_password={password!r})"
    processes = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) for _ in range(3)]
    try:
        for process in processes:
            _, errors = process.communicate(timeout=60)
            assert process.returncode == 0, errors
        assert blocking(current_revision(url)) == head_revision()
        assert drift(blocking(catalogue(url))) == []
    finally:
        blocking(execute(server.admin, f'drop database "{database_name(url)}" with (force)'))


def test_the_database_that_is_made_sorts_by_code_point_and_finds_chinese(server: Server, admin_url: str) -> None:
    async def ask() -> tuple[str, str, list[str]]:
        connection = await asyncpg.connect(admin_url)
        try:
            return await connection.fetchrow(
                "select pg_encoding_to_char(encoding)::text, datcollate::text, show_trgm('办理')"
                " from pg_database where datname = current_database()"
            )
        finally:
            await connection.close()

    encoding, collation, trigrams = blocking(ask())
    assert (encoding, collation) == ("UTF8", "C")
    assert trigrams, "a C character type has no letters beyond ASCII"
