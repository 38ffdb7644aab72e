"""The doctor finds what was broken on purpose, says it, and says nothing when nothing is wrong."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from app import doctor
from app.doctor import Finding, examine
from app.kernel.config import Settings
from app.kernel.database import with_database, with_login
from tests.conftest import Server, blocking, execute

NAMES = [
    "secrets",
    "signing key",
    "port",
    "server",
    "version",
    "clock",
    "text search",
    "login",
    "role yingshang_owner",
    "role yingshang_app",
    "role yingshang_definer",
    "migrations",
    "row-level security",
    "definer functions",
    "catalogue",
    "calendar",
]


@pytest.fixture
def settings(admin_url: str, application_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=admin_url, app_database_url=application_url, data_dir=tmp_path, port=free_port())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def wrong(settings: Settings) -> dict[str, Finding]:
    return {finding.name: finding for finding in await examine(settings) if not finding.ok}


async def test_a_healthy_database_has_nothing_wrong(settings: Settings) -> None:
    findings = await examine(settings)
    assert [finding.name for finding in findings] == NAMES
    assert [finding for finding in findings if not finding.ok or finding.do] == []
    assert all(finding.says.endswith(".") for finding in findings)


async def test_the_applications_login_is_enough(settings: Settings) -> None:
    assert await wrong(settings.model_copy(update={"database_url": None})) == {}


@pytest.mark.parametrize(
    ("breakage", "name", "says"),
    [
        ("alter table tickets disable row level security", "row-level security", "tickets is not protected"),
        ("alter table events no force row level security", "row-level security", "events is not protected"),
        ("drop policy cities on enterprises", "row-level security", "enterprises has no policy"),
        ("create policy extra on tickets using (true)", "row-level security", "tickets has a policy that does not ask"),
        ("create table stray (city_id int, secret text)", "row-level security", "stray is not protected"),
        ("drop table read_log", "row-level security", "read_log is missing"),
        ("alter table schemes owner to current_user", "row-level security", "schemes belongs to"),
        (
            "create function peek() returns bigint language sql security definer return (select count(*) from tickets)",
            "definer functions",
            "peek()",
        ),
        (
            "create schema hidden; create function hidden.peek() returns int language sql security definer return 1",
            "definer functions",
            "hidden.peek()",
        ),
        ("drop function search_tickets(text)", "definer functions", "search_tickets(text) is missing"),
        ("alter function search_tickets(text) owner to current_user", "definer functions", "belongs to"),
        ("alter function search_tickets(text) reset search_path", "definer functions", "no fixed search path"),
        ("update alembic_version set version_num = '2020_01_01_old'", "migrations", "2020_01_01_old"),
        ("drop table alembic_version", "migrations", "never migrated"),
        ("grant delete on events to yingshang_app", "catalogue", "+privilege events yingshang_app DELETE"),
        ("alter table tickets drop constraint ck_tickets_status", "catalogue", "-constraint tickets ck_tickets_status"),
        ("drop index ix_tickets_status", "catalogue", "-index CREATE INDEX ix_tickets_status"),
        ("drop extension pg_trgm cascade", "text search", "pg_trgm is missing"),
    ],
)
async def test_what_was_broken_is_found(
    settings: Settings, admin: asyncpg.Connection, breakage: str, name: str, says: str
) -> None:
    await admin.execute(breakage)
    found = await wrong(settings)
    assert says in found[name].says
    assert found[name].do


async def test_roles_with_other_attributes_are_found(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    # Roles belong to the whole server, where other tests run: so what is expected of them is changed, not the roles.
    expected = doctor.ROLES | {"yingshang_app": doctor.ROLES["yingshang_app"].replace("nobypassrls", "bypassrls")}
    monkeypatch.setattr(doctor, "ROLES", expected | {"yingshang_nobody": "nologin"})
    found = await wrong(settings)
    assert "nobypassrls" in found["role yingshang_app"].says
    assert "is missing" in found["role yingshang_nobody"].says


async def test_a_login_above_row_level_security_is_found(settings: Settings, admin_url: str) -> None:
    found = await wrong(settings.model_copy(update={"app_database_url": admin_url}))
    assert "above row-level security" in found["login"].says


async def test_a_login_that_owns_tables_or_may_become_the_owner_is_found(
    settings: Settings, server: Server, admin_url: str, admin: asyncpg.Connection
) -> None:
    role = f"{server.template}_login"
    await admin.execute(f"create role {role} login password 'p'")
    theirs = settings.model_copy(update={"app_database_url": with_login(admin_url, role, "p")})
    try:
        await admin.execute(f"grant yingshang_owner to {role}")
        assert "may act as yingshang_owner" in (await wrong(theirs))["login"].says
        await admin.execute(f"revoke yingshang_owner from {role}; create schema s authorization {role};")
        await admin.execute(f"create table s.t (); alter table s.t owner to {role}")
        assert "owns 1 tables" in (await wrong(theirs))["login"].says
    finally:
        await admin.execute(f"drop owned by {role}; drop role {role}")


async def test_a_database_that_does_not_answer_is_found(settings: Settings, server: Server) -> None:
    missing = with_database(server.admin, "no_such_database")
    found = await wrong(settings.model_copy(update={"database_url": missing, "app_database_url": missing}))
    assert "missing" in found["server"].says
    assert "yingshang migrate" in found["server"].do
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/x"
    found = await wrong(settings.model_copy(update={"database_url": nowhere, "app_database_url": nowhere}))
    assert "does not answer" in found["server"].says


async def test_an_application_that_cannot_log_in_is_found(settings: Settings, admin_url: str) -> None:
    theirs = with_login(admin_url, "yingshang_no_such_role", "x")
    found = await wrong(settings.model_copy(update={"app_database_url": theirs}))
    assert "cannot log in" in found["login"].says


def test_a_laptop_without_a_database_is_told_to_migrate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    found = blocking(wrong(Settings(data_dir=tmp_path, port=free_port())))
    assert list(found) == ["server"]
    assert "yingshang migrate" in found["server"].do
    assert list(tmp_path.iterdir()) == []  # looking changes nothing


async def test_clocks_that_differ_are_found(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    class Late:
        def now(self) -> datetime:
            return datetime.now(UTC) - timedelta(seconds=30)

    monkeypatch.setattr(doctor, "SystemClock", Late)
    assert "differ by 30." in (await wrong(settings))["clock"].says


async def test_an_old_server_is_found(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "OLDEST_VERSION", 99)
    assert "99 or newer" in (await wrong(settings))["version"].do


async def test_a_character_type_without_chinese_is_found(settings: Settings, server: Server) -> None:
    name = f"{server.template}_ascii"
    await execute(server.admin, f"create database {name} template template0 lc_collate 'C' lc_ctype 'C'")
    try:
        url = with_database(server.admin, name)
        await execute(url, "create extension pg_trgm")
        found = await wrong(settings.model_copy(update={"database_url": url, "app_database_url": url}))
        assert "no letters beyond ASCII" in found["text search"].says
    finally:
        await execute(server.admin, f"drop database {name} with (force)")


# The machine


async def test_secrets_that_others_may_read_are_found(settings: Settings) -> None:
    settings.signing_key_text()
    assert await wrong(settings) == {}
    key = settings.secrets_dir / "signing-key.json"
    key.chmod(0o640)
    assert str(key) in (await wrong(settings))["secrets"].says
    key.chmod(0o600)
    settings.secrets_dir.chmod(0o755)
    assert str(settings.secrets_dir) in (await wrong(settings))["secrets"].says


async def test_a_key_of_this_machine_is_not_for_a_network(settings: Settings, tmp_path: Path) -> None:
    public = settings.model_copy(update={"host": "0.0.0.0"})
    assert "open to a network" in (await wrong(public))["signing key"].says
    file = tmp_path / "key"
    assert "cannot be read" in (await wrong(public.model_copy(update={"signing_key": str(file)})))["signing key"].says
    file.write_text("{}")
    assert "signing key" not in await wrong(public.model_copy(update={"signing_key": str(file)}))


@contextlib.contextmanager
def answering(body: object) -> Iterator[int]:
    """A server on loopback that answers every POST with `body`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            answer = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    try:
        yield listening.server_address[1]
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


async def test_a_port_is_free_ours_or_anothers(settings: Settings) -> None:
    ours = {"data": {"tenants": {"totalCount": 3}}}
    for body, ok in ((ours, True), ({"data": None}, False), (["hello"], False)):
        with answering(body) as port:
            findings = await examine(settings.model_copy(update={"port": port}))
        (finding,) = [finding for finding in findings if finding.name == "port"]
        assert finding.ok is ok, body
        assert ("serving" in finding.says) is ok
    (finding,) = [finding for finding in await examine(settings) if finding.name == "port"]
    assert finding == replace(finding, ok=True, says=f"127.0.0.1:{settings.port} is free.", do="")
    elsewhere = settings.model_copy(update={"host": "192.0.2.1"})
    assert "cannot be listened on" in (await wrong(elsewhere))["port"].says
