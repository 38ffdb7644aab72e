"""The database as the application sees it: pools that log in as `yingshang_app`, and transactions bound to cities.

Every transaction begins with the SQL function `begin_request`: it tells row-level security which cities this request
may touch and returns the versions that say whether a cached actor or tenant tree is still good. A connection outside
such a transaction sees no city at all.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import asyncpg
import orjson
from asyncpg.exceptions import InternalClientError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from app.kernel import embedded
from app.kernel.config import Settings
from app.kernel.errors import TooSlow

OWNER_ROLE = "yingshang_owner"
"""Owns every object; nobody logs in as it."""
APP_ROLE = "yingshang_app"
"""The application's login: owns nothing, bound by row-level security."""
DEFINER_ROLE = "yingshang_definer"
"""Owns the audited text searches, which must look past row-level security to use their index; no login."""

_BEGIN_REQUEST = text("select grants_version, tree_version from begin_request(:cities, :user_id)")
_QUERY_CANCELED = "57014"
_POOL_WAIT_SECONDS = 10.0


class Reading(NamedTuple):
    """An open read-only transaction. `grants_version` is None for a stranger and for a user who is not active."""

    connection: asyncpg.Connection
    grants_version: int | None
    tree_version: int


class Value(NamedTuple):
    """What `Database.value` has read; `data` is None also when the versions are not the expected ones."""

    data: Any
    grants_version: int | None
    tree_version: int


class Database:
    """The application's pools on one database: `engine` writes through SQLAlchemy, `pool` reads and listens.

    `key_pool` reads what comes by its key, objects and events: with one plan for whatever values, since making one
    costs more than such a read takes; and nobody who waits for an event waits behind somebody's large list.
    """

    def __init__(self, engine: AsyncEngine, pool: asyncpg.Pool, key_pool: asyncpg.Pool) -> None:
        self.engine = engine
        self.pool = pool
        self.key_pool = key_pool
        self._reads = _Connections(pool)
        self._by_key = _Connections(key_pool)

    @classmethod
    async def open(cls, url: str, *, pool_size: int = 10, statement_timeout_ms: int = 10_000) -> Database:
        """Connect to `url`, which must log in as `yingshang_app`.

        Each of the three pools holds at most `pool_size` connections. A statement that runs longer than
        `statement_timeout_ms` is stopped. Raises OSError or asyncpg.PostgresError when the server refuses.
        """
        server_settings = {
            "application_name": "yingshang",
            "timezone": "UTC",
            "statement_timeout": str(statement_timeout_ms),
            # A client that stops in the middle must not hold its locks for ever.
            "idle_in_transaction_session_timeout": "60000",
            # Compiling a statement costs more than any of ours takes.
            "jit": "off",
        }

        async def connect() -> asyncpg.Connection:
            connection: asyncpg.Connection = await asyncpg.connect(url, server_settings=server_settings)
            return connection

        def reading_pool(**settings: str) -> asyncpg.Pool:
            pool: asyncpg.Pool = asyncpg.create_pool(
                url,
                min_size=1,
                max_size=pool_size,
                init=_set_codecs,
                connection_class=_PooledConnection,
                # Whoever writes on one of these connections says so.
                server_settings={**server_settings, "default_transaction_read_only": "on", **settings},
                # The reader's statements are long, few and always the same: keep them all prepared.
                statement_cache_size=512,
                max_cacheable_statement_size=65_536,
                max_cached_statement_lifetime=0,
            )
            return pool

        pool = await reading_pool()
        key_pool = await reading_pool(plan_cache_mode="force_generic_plan")
        engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connect,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=_POOL_WAIT_SECONDS,
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
        )
        return cls(engine, pool, key_pool)

    async def close(self) -> None:
        """Close every connection; transactions still open are rolled back."""
        await self.engine.dispose()
        await self._reads.close()
        await self._by_key.close()

    @asynccontextmanager
    async def session(self, *, cities: Sequence[int], user_id: uuid.UUID | None = None) -> AsyncIterator[AsyncSession]:
        """One transaction that may touch `cities`: committed at the end, rolled back on any exception.

        `session.info` holds `grants_version` (None for a stranger or an inactive user) and `tree_version`.
        Raises TooSlow when the database does not answer within the statement limit.
        """
        try:
            async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
                asked = dict(zip(("cities", "user_id"), _request(tuple(cities), user_id), strict=True))
                versions = (await session.execute(_BEGIN_REQUEST, asked)).one()
                session.info["grants_version"] = versions.grants_version
                session.info["tree_version"] = versions.tree_version
                yield session
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == _QUERY_CANCELED:
                raise TooSlow from error
            raise
        except PoolTimeout as error:
            raise TooSlow("pool") from error

    @asynccontextmanager
    async def reading(self, *, cities: Sequence[int], user_id: uuid.UUID | None = None) -> AsyncIterator[Reading]:
        """One read-only transaction that may see `cities`. Raises TooSlow like `session`."""
        async with self.connection() as connection:
            try:
                # Written out, since asyncpg's own transaction object costs as much again as the two statements. What is
                # cancelled here may have begun all the same.
                await connection.execute("begin")
                versions = await connection.fetchrow(
                    "select grants_version, tree_version from begin_request($1, $2)", *_request(tuple(cities), user_id)
                )
                yield Reading(connection, versions["grants_version"], versions["tree_version"])
            finally:
                if not connection.is_closed():
                    await connection.execute("rollback")

    async def value(
        self,
        statement: str,
        values: Sequence[Any],
        *,
        cities: Sequence[int],
        user_id: uuid.UUID | None,
        grants_version: int | None,
        tree_version: int | None,
        by_key: bool = False,
    ) -> Value:
        """One value that may be read of `cities`, in one round trip. `statement`: of `within_request`.

        Nothing is read unless the versions are the expected ones: `grants_version` that of the user, `tree_version`
        not behind the present one (None: whichever). With `by_key` by a connection of that pool. Raises TooSlow like
        `session`.
        """
        connections = self._by_key if by_key else self._reads
        # As `connection` does, without the generator that it is: every query comes this way.
        connection = await connections.take()
        in_order = False
        try:
            with _OURS:
                row = await connection.fetchrow(
                    statement, *values, *_request(tuple(cities), user_id), grants_version, tree_version
                )
            in_order = True
        finally:
            await connections.give(connection, in_order=in_order)
        return Value._make(row)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection of the reading pool, outside of any transaction. Raises TooSlow like `session`."""
        connection = await self._reads.take()
        in_order = False
        try:
            with _OURS:
                yield connection
            in_order = True
        finally:
            await self._reads.give(connection, in_order=in_order)


class _Ours:
    """Says by our own errors what the driver says of a statement that was stopped, or of a server that hangs up."""

    def __enter__(self) -> None: ...

    def __exit__(
        self, exc_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, asyncpg.QueryCanceledError):
            raise TooSlow from error
        if isinstance(error, InternalClientError):  # the server is just saying that it hangs up
            raise ConnectionResetError(str(error)) from error


_OURS = _Ours()


class _Connections:
    """The connections of a pool, kept at hand: the pool's own taking and giving back costs as much as a statement.

    Where somebody waits, or anything went wrong, one goes back to the pool, which knows how to tidy up.
    """

    __slots__ = ("_idle", "_pool", "_waiting")

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._idle: list[asyncpg.Connection] = []
        self._waiting = 0

    async def take(self) -> asyncpg.Connection:
        """A connection, for `give`. Raises TooSlow when all are in use for long."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            await self._pool.release(connection)  # the server hung up meanwhile
        return await self._acquire()

    async def give(self, connection: asyncpg.Connection, *, in_order: bool) -> None:
        """Have it back, `in_order` when nothing went wrong."""
        if in_order and not self._waiting:
            self._idle.append(connection)
        else:
            await self._pool.release(connection)

    async def close(self) -> None:
        """Close all of them."""
        while self._idle:
            await self._pool.release(self._idle.pop())
        await self._pool.close()

    async def _acquire(self) -> asyncpg.Connection:
        self._waiting += 1
        try:
            # The pool's own timeout would make a task of every wait.
            async with asyncio.timeout(_POOL_WAIT_SECONDS):
                connection: asyncpg.Connection = await self._pool.acquire()
                return connection
        except TimeoutError as error:
            raise TooSlow("pool") from error
        finally:
            self._waiting -= 1


def within_request(sql: str, parameters: int) -> str:
    """A select of one value with `parameters` parameters as a request of its own, for `Database.value`.

    The function's row comes before what is selected beside it, so the value is read under the settings that it makes;
    they end with the statement. Were it ever read before, it would find no city.
    """
    cities, user, grants, tree = (f"${parameters + number}" for number in (1, 2, 3, 4))
    return (
        f"select case when r.grants_version is not distinct from {grants}::int"  # noqa: S608 - every value is bound
        f" and r.tree_version <= coalesce({tree}::int, r.tree_version) then ({sql}) end,"
        f" r.grants_version, r.tree_version from begin_request({cities}, {user}) r"
    )


@lru_cache(maxsize=1_024)
def _request(cities: tuple[int, ...], user_id: uuid.UUID | None) -> tuple[str, str | None]:
    """What `begin_request` takes."""
    return ",".join(str(int(city)) for city in cities), None if user_id is None else str(user_id)


class _PooledConnection(asyncpg.Connection):
    """A connection of the reading pool: nothing of a request outlives its transaction, so little is reset after it."""

    def get_reset_query(self) -> str:
        # Who was cancelled between the preparing of a statement and its execution has left a transaction open of which
        # the client's side knows nothing; any simple statement ends it.
        return "select"


async def _set_codecs(connection: asyncpg.Connection) -> None:
    """`json` comes back as the bytes the server sent, ready to be spliced into an answer; `jsonb` as Python values."""
    await connection.set_type_codec("json", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary")
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode_jsonb, decoder=_decode_jsonb, format="binary"
    )


def _encode_jsonb(value: Any) -> bytes:
    return b"\x01" + orjson.dumps(value)  # the one version of the wire format there is


def _decode_jsonb(data: bytes) -> Any:
    return orjson.loads(data[1:])


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """Where to log in. `admin` is None on a server that was only given the application's login."""

    admin: str | None
    application: str


def database_urls(settings: Settings) -> DatabaseUrls:
    """The logins these settings mean; starts the embedded server when it is the one. Blocks while it starts.

    Raises `embedded.EmbeddedServerError`.
    """
    if settings.embedded:
        embedded.start(settings.postgres_dir)
        return DatabaseUrls(
            admin=embedded.url(settings.postgres_dir, database=embedded.DATABASE),
            application=embedded.url(settings.postgres_dir, user=APP_ROLE, database=embedded.DATABASE),
        )
    if settings.app_database_url is not None:
        return DatabaseUrls(admin=settings.database_url, application=settings.app_database_url)
    assert settings.database_url is not None
    return DatabaseUrls(
        admin=settings.database_url,
        application=with_login(settings.database_url, APP_ROLE, settings.application_password()),
    )


def with_login(url: str, user: str, password: str | None = None) -> str:
    """The same server and database under another login."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    login = quote(user, safe="") + ("" if password is None else ":" + quote(password, safe=""))
    return urlunsplit(parts._replace(netloc=f"{login}@{host}"))


def with_database(url: str, name: str) -> str:
    """The same server and login, another database."""
    return urlunsplit(urlsplit(url)._replace(path="/" + quote(name, safe="")))


def database_name(url: str) -> str:
    """The database that a URL names."""
    return unquote(urlsplit(url).path.lstrip("/")) or "postgres"
