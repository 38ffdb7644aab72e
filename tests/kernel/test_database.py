"""The two pools and their transactions."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import uuid
from typing import Any

import asyncpg
import pytest
from asyncpg.exceptions import InternalClientError
from sqlalchemy import text

from app.kernel.database import Database, database_name, with_database, with_login, within_request
from app.kernel.errors import TooSlow
from tests.conftest import Server
from tests.factories.world import World


async def test_a_transaction_tells_the_versions_of_its_user_and_of_the_tree(database: Database, world: World) -> None:
    handler = world.user("handler@guangyuan.commerce")
    async with database.session(cities=(world.guangyuan.id,), user_id=handler) as session:
        assert session.info == {"grants_version": 1, "tree_version": 1}
    async with database.reading(cities=(world.guangyuan.id,), user_id=handler) as reading:
        assert (reading.grants_version, reading.tree_version) == (1, 1)


async def test_a_stranger_and_an_inactive_user_have_no_grants_version(
    database: Database, world: World, admin: asyncpg.Connection
) -> None:
    handler = world.user("handler@guangyuan.commerce")
    await admin.execute("update users set active = false where id = $1", handler)
    for user_id in (handler, uuid.uuid4(), None):
        async with database.reading(cities=(world.guangyuan.id,), user_id=user_id) as reading:
            assert reading.grants_version is None
        async with database.session(cities=(world.guangyuan.id,), user_id=user_id) as session:
            assert session.info["grants_version"] is None


async def test_a_session_commits_at_its_end_and_rolls_back_on_an_exception(
    database: Database, world: World, admin: asyncpg.Connection
) -> None:
    rename = text("update enterprises set name = :name where city_id = :city_id and id = :id")
    enterprise = world.guangyuan.enterprise
    row = {"city_id": enterprise.city_id, "id": enterprise.id}

    async def name() -> str:
        return await admin.fetchval("select name from enterprises where id = $1", enterprise.id)

    async def rename_and_fail() -> None:
        async with database.session(cities=(enterprise.city_id,)) as session:
            await session.execute(rename, row | {"name": "不该留下"})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await rename_and_fail()
    assert await name() == enterprise.name
    async with database.session(cities=(enterprise.city_id,)) as session:
        await session.execute(rename, row | {"name": "新名字"})
    assert await name() == "新名字"


async def test_reading_cannot_write(database: Database, world: World) -> None:
    async with database.reading(cities=(world.guangyuan.id,)) as reading:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await reading.connection.execute("update enterprises set name = 'x'")


async def test_reading_after_a_failed_one_works_on_the_same_connection(application_url: str, world: World) -> None:
    database = await Database.open(application_url, pool_size=1)
    try:
        with pytest.raises(asyncpg.UndefinedTableError):
            async with database.reading(cities=(world.guangyuan.id,)) as reading:
                await reading.connection.fetch("select * from no_such_table")
        async with database.reading(cities=(world.guangyuan.id,)) as reading:
            assert await reading.connection.fetchval("select count(*) from enterprises") == 2
    finally:
        await database.close()


async def test_a_cancelled_reader_gives_its_connection_back(application_url: str, world: World) -> None:
    database = await Database.open(application_url, pool_size=1)
    try:

        async def sleep() -> None:
            async with database.reading(cities=(world.guangyuan.id,)) as reading:
                await reading.connection.execute("select pg_sleep(30)")

        task = asyncio.create_task(sleep())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(10), database.reading(cities=(world.guangyuan.id,)) as reading:
            assert await reading.connection.fetchval("select count(*) from enterprises") == 2
    finally:
        await database.close()


async def test_what_takes_too_long_is_too_slow(application_url: str) -> None:
    database = await Database.open(application_url, pool_size=1, statement_timeout_ms=50)
    try:
        with pytest.raises(TooSlow):
            async with database.reading(cities=()) as reading:
                await reading.connection.execute("select pg_sleep(5)")
        with pytest.raises(TooSlow):
            async with database.session(cities=()) as session:
                await session.execute(text("select pg_sleep(5)"))
        async with database.reading(cities=()) as reading:
            assert await reading.connection.fetchval("select 1") == 1
    finally:
        await database.close()


async def test_waiting_for_a_connection_ends(application_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.kernel.database._POOL_WAIT_SECONDS", 0.05)
    database = await Database.open(application_url, pool_size=1)

    async def read() -> None:
        async with database.reading(cities=()):
            raise AssertionError("there is no second connection")

    async def write() -> None:
        async with database.session(cities=()):
            raise AssertionError("there is no second connection")

    try:
        async with database.reading(cities=()):
            with pytest.raises(TooSlow):
                await read()
        async with database.session(cities=()):
            with pytest.raises(TooSlow):
                await write()
    finally:
        await database.close()


async def test_json_comes_as_the_servers_bytes_and_jsonb_as_values(database: Database) -> None:
    async with database.reading(cities=()) as reading:
        row = await reading.connection.fetchrow(
            """select '{"标题": 1.0}'::json as raw, '{"a": [1, null]}'::jsonb as value, $1::jsonb as sent""",
            {"b": "乙"},
        )
    assert row["raw"] == '{"标题": 1.0}'.encode()
    assert row["value"] == {"a": [1, None]}
    assert row["sent"] == {"b": "乙"}


async def test_both_pools_log_in_as_the_application_and_speak_utc(database: Database) -> None:
    who = "select session_user::text, current_setting('TimeZone'), current_setting('statement_timeout')"
    async with database.reading(cities=()) as reading:
        assert tuple(await reading.connection.fetchrow(who)) == ("yingshang_app", "UTC", "20s")
    async with database.session(cities=()) as session:
        assert tuple((await session.execute(text(who))).one()) == ("yingshang_app", "UTC", "20s")


async def test_global_ids_are_what_python_makes_of_them(database: Database) -> None:
    key = uuid.UUID("018f3c2e-7a5b-7d4f-bfff-fe00ff10aa55")
    expected = base64.urlsafe_b64encode((70_001).to_bytes(4, "big") + key.bytes).rstrip(b"=").decode()
    async with database.reading(cities=()) as reading:
        assert await reading.connection.fetchval("select global_id('T', 70001, $1)", key) == f"T_{expected}"
        assert await reading.connection.fetchval("select tenant_gid(70001)") == "TN_AAERcQ"


async def test_clones_are_apart(server: Server, admin_url: str, admin: asyncpg.Connection) -> None:
    await admin.execute("update platform_state set tree_version = 99")
    with server.clone() as other_url:
        assert other_url != admin_url
        other = await asyncpg.connect(other_url)
        assert await other.fetchval("select tree_version from platform_state") == 0
        await other.close()


def test_urls_change_login_and_database_and_nothing_else() -> None:
    url = "postgresql://root:secret@db.example:5433/yingshang?sslmode=require"
    assert with_login(url, "a", "p@:/") == "postgresql://a:p%40%3A%2F@db.example:5433/yingshang?sslmode=require"
    assert with_database(url, "b") == "postgresql://root:secret@db.example:5433/b?sslmode=require"
    assert database_name(url) == "yingshang"
    socket = "postgresql://postgres@/yingshang?host=%2Ftmp%2Fx&port=5432"
    assert with_login(socket, "yingshang_app") == "postgresql://yingshang_app@/yingshang?host=%2Ftmp%2Fx&port=5432"


async def test_who_is_cancelled_before_a_prepared_statement_is_executed_leaves_nothing(application_url: str) -> None:
    """Preparing opens a transaction that only the execution would end; the next to come must not be in it."""
    database = await Database.open(application_url, pool_size=1)
    try:
        for number in range(3):
            with contextlib.suppress(asyncio.CancelledError):
                async with database.connection() as connection:
                    await connection.prepare(f"select count(*), {number} from tenants")
                    raise asyncio.CancelledError
            async with database.connection() as connection:
                await connection.execute("begin read write")
                await connection.execute("rollback")
    finally:
        await database.close()


async def test_a_connection_that_ends_just_then_is_one_that_is_lost(
    application_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's good-bye is not read to its end when the next statement comes: who retries must know it."""

    async def ending(*_: object, **__: object) -> None:
        raise InternalClientError("cannot switch to state 12; another operation (2) is in progress")

    database = await Database.open(application_url, pool_size=1)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(asyncpg.Connection, "fetchrow", ending)
            with pytest.raises(ConnectionResetError):
                await database.value("select 1", (), cities=(), user_id=None, grants_version=None, tree_version=None)
            with pytest.raises(ConnectionResetError):
                async with database.connection() as connection:
                    await connection.fetchrow("select 1")
        async with database.connection() as connection:
            assert await connection.fetchval("select 1") == 1
    finally:
        await database.close()


async def test_what_comes_by_its_key_has_one_plan(application_url: str, world: World) -> None:
    database = await Database.open(application_url, pool_size=1)
    try:
        asked = within_request(
            "select concat_ws(' ', current_setting('plan_cache_mode'), current_setting('transaction_read_only'))", 0
        )
        anybody: dict[str, Any] = {
            "cities": (world.guangyuan.id,),
            "user_id": None,
            "grants_version": None,
            "tree_version": None,
        }
        async with database.connection():  # the only one of the reading pool
            assert (await database.value(asked, (), **anybody, by_key=True)).data == "force_generic_plan on"
        assert (await database.value(asked, (), **anybody)).data == "auto on"
    finally:
        await database.close()
