"""Makes and changes the database: roles, the database itself, migrations up and down.

Roles are cluster-wide, so they are ensured here, outside the migrations, and never dropped. Everything here logs in
as the administrator and is safe to run again, and by several at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

import migrations
from app.kernel.config import Settings
from app.kernel.database import APP_ROLE, DEFINER_ROLE, OWNER_ROLE, database_name, database_urls, with_database

HEAD = "head"
NOTHING = "base"

_ATTEMPTS = 10

_SCRIPTS = Path(migrations.__file__).parent

ROLES = {
    OWNER_ROLE: "nologin nosuperuser nobypassrls nocreaterole nocreatedb noreplication",
    APP_ROLE: "login nosuperuser nobypassrls nocreaterole nocreatedb noreplication",
    DEFINER_ROLE: "nologin nosuperuser bypassrls nocreaterole nocreatedb noreplication",
}
"""The three roles and their attributes."""


def migrate(settings: Settings) -> str:
    """Bring the database of these settings to the newest revision, making all that is missing; returns that revision.

    Raises asyncpg.PostgresError or OSError when the server refuses, `embedded.EmbeddedServerError` when the embedded
    one does not start, ValueError without an administrator's login.
    """
    admin = admin_url(settings)
    password = None if settings.embedded else settings.application_password()
    return migrate_url(admin, application_password=password)


def migrate_url(admin: str, *, application_password: str | None = None, target: str = HEAD) -> str:
    """`migrate`, by the administrator's URL; `target` is a revision to go up to.

    Any number of processes may do this at once, but only one thread of a process: Alembic's context is global.
    """
    asyncio.run(_prepare(admin, application_password))
    command.upgrade(alembic_config(admin), target)
    return asyncio.run(current_revision(admin)) or ""


def downgrade(admin: str, target: str = NOTHING) -> None:
    """Go down to `target`; to `NOTHING` takes everything away, data included. The roles stay."""
    command.downgrade(alembic_config(admin), target)
    if target == NOTHING:
        asyncio.run(_execute(admin, "drop table if exists alembic_version"))


def admin_url(settings: Settings) -> str:
    """The administrator's URL; starts the embedded server. Raises ValueError when these settings have none."""
    admin = database_urls(settings).admin
    if admin is None:
        raise ValueError("This needs the administrator's login: set DATABASE_URL.")
    return admin


def alembic_config(admin: str) -> Config:
    """The migrations' configuration for the database at `admin`."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["admin_url"] = admin
    return config


def head_revision() -> str:
    """The newest revision this program brings."""
    head = ScriptDirectory(str(_SCRIPTS)).get_current_head()
    assert head is not None
    return head


async def current_revision(admin: str) -> str | None:
    """The revision the database is at; None when it was never migrated."""
    connection = await asyncpg.connect(admin)
    try:
        if await connection.fetchval("select to_regclass('public.alembic_version')") is None:
            return None
        revision: str | None = await connection.fetchval("select version_num from alembic_version")
        return revision
    finally:
        await connection.close()


async def ensure_roles(connection: asyncpg.Connection, application_password: str | None = None) -> None:
    """Make the three roles, or put their attributes right; with a password, set the application's."""
    is_superuser = await connection.fetchval("select rolsuper from pg_roles where rolname = current_user")
    for role, attributes in ROLES.items():
        known = await role_attributes(connection, role)
        if known is None:
            with contextlib.suppress(asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
                # Somebody else may make the same role at the same moment, for another database of the server.
                await connection.execute(f"create role {role} {attributes}")
        elif known != attributes:
            await connection.execute(f"alter role {role} {attributes}")
    if not is_superuser:
        # Only then may the migrations act as the owner, and hand the searches to their role.
        await connection.execute(f"grant {OWNER_ROLE}, {DEFINER_ROLE} to current_user")
    if application_password is not None:
        literal = await connection.fetchval("select quote_literal($1)", application_password)
        await connection.execute(f"alter role {APP_ROLE} password {literal}")


async def role_attributes(connection: asyncpg.Connection, role: str) -> str | None:
    """The attributes of a role as `ROLES` writes them; None when there is no such role."""
    row = await connection.fetchrow(
        "select rolcanlogin as login, rolsuper as superuser, rolbypassrls as bypassrls, rolcreaterole as createrole,"
        " rolcreatedb as createdb, rolreplication as replication from pg_roles where rolname = $1",
        role,
    )
    return None if row is None else " ".join(name if has else f"no{name}" for name, has in row.items())


async def _prepare(admin: str, application_password: str | None) -> None:
    name = database_name(admin)
    try:
        connection = await asyncpg.connect(admin)
    except asyncpg.InvalidCatalogNameError:
        await create_database(with_database(admin, "postgres"), name)
        connection = await asyncpg.connect(admin)
    try:
        for attempt in itertools.count(1):
            try:
                await _let_in(connection, name, application_password)
            except asyncpg.InternalServerError:
                # "tuple concurrently updated": another server of this deployment does the same at this moment.
                if attempt == _ATTEMPTS:
                    raise
                await asyncio.sleep(0.05 * attempt)
            else:
                return
    finally:
        await connection.close()


async def _let_in(connection: asyncpg.Connection, name: str, application_password: str | None) -> None:
    await ensure_roles(connection, application_password)
    quoted = _quoted(name)
    await connection.execute(
        f"grant create, temporary on database {quoted} to {OWNER_ROLE};"
        f"grant temporary on database {quoted} to {APP_ROLE};"
        f"grant usage, create on schema public to {OWNER_ROLE};"
        f"grant usage on schema public to {APP_ROLE}, {DEFINER_ROLE};"
        "revoke create on schema public from public"
    )


async def create_database(maintenance: str, name: str, *, template: str = "template0") -> None:
    """Create a database: UTF-8, sorted by code point (the same on every machine), or a copy of `template`.

    The character type must know Chinese, since a C one has no letters beyond ASCII and so no trigrams for the search.
    """
    connection = await asyncpg.connect(maintenance)
    try:
        if template != "template0":
            await connection.execute(f"create database {_quoted(name)} template {_quoted(template)}")
            return
        for character_type in ("C.UTF-8", "en_US.UTF-8", "C"):
            try:
                await connection.execute(
                    f"create database {_quoted(name)} template template0 encoding 'UTF8'"
                    f" lc_collate 'C' lc_ctype '{character_type}'"
                )
            except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
                return  # somebody else has just made it
            except (asyncpg.WrongObjectTypeError, asyncpg.InvalidParameterValueError):
                continue
            return
    finally:
        await connection.close()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
