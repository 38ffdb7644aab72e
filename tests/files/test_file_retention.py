"""Contents go when the scheme's retention is over, by that alone; what they were stays on the record."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.tickets.attachments import Swept, sweep_files
from schema import ids
from tenants.schemes.model import load_preset
from tests.factories.world import World
from tests.files.conftest import AGENT, NEIGHBOUR, Counter, opened
from tests.files.samples import PDF, pdf

DAYS = load_preset("guangyuan").scheme.files.retention_days


async def ended(counter: Counter, admin: asyncpg.Connection, *contents: bytes) -> tuple[str, datetime]:
    """A withdrawn ticket with these files, and when it came to its end."""
    ticket = await counter.submit()
    for number, content in enumerate(contents):
        await counter.attached(counter.enterprise, ticket, f"{number}.pdf", content)
    await counter.verb(counter.enterprise, "ticketWithdraw", ticketId=ticket)
    key = ids.decode_as(ticket, "T").key
    closed_at = await admin.fetchval("select closed_at from tickets where id = $1", key)
    assert isinstance(key, uuid.UUID)
    return ticket, closed_at


async def test_content_goes_and_the_record_stays(counter: Counter, admin: asyncpg.Connection) -> None:
    ticket, closed_at = await ended(counter, admin, PDF)
    uploads = counter.services.uploads
    (before,) = await counter.attachments(AGENT, ticket)
    over = closed_at + timedelta(days=DAYS)
    assert await sweep_files(uploads, 10, now=over - timedelta(seconds=1)) == Swept()
    assert (await counter.request(AGENT, "GET", before["url"])).status_code == 200
    assert await sweep_files(uploads, 10, now=over) == Swept(attachments=1)
    assert await sweep_files(uploads, 10, now=over) == Swept()
    assert counter.stored() == []
    (after,) = await counter.attachments(AGENT, ticket)
    assert datetime.fromisoformat(after.pop("deletedAt")) == over
    assert after == {key: value for key, value in before.items() if key != "deletedAt"}
    for login, status in ((AGENT, 410), (counter.enterprise, 410), (NEIGHBOUR, 404)):
        assert (await counter.request(login, "GET", before["url"])).status_code == status


async def test_what_another_ticket_still_has_stays(counter: Counter, admin: asyncpg.Connection) -> None:
    _, closed_at = await ended(counter, admin, PDF, pdf(301))
    going_on = await counter.submit()
    kept = await counter.attached(counter.enterprise, going_on, "a.pdf", PDF)
    waiting = await counter.uploaded(AGENT, "b.pdf", pdf(301))
    uploads = counter.services.uploads
    await admin.execute("update uploads set expires_at = 'infinity'")
    assert await sweep_files(uploads, 10, now=closed_at + timedelta(days=DAYS)) == Swept(attachments=2)
    assert len(counter.stored()) == 2
    assert (await counter.request(AGENT, "GET", kept["url"])).content == PDF
    payload = await counter.verb(AGENT, "ticketAttach", "attachments { url }", ticketId=going_on, uploadId=waiting)
    assert (await counter.request(AGENT, "GET", payload["ticket"]["attachments"][-1]["url"])).content == pdf(301)


async def test_a_ticket_that_goes_on_keeps_its_files(counter: Counter) -> None:
    ticket = await counter.submit()
    await counter.attached(counter.enterprise, ticket, "a.pdf", PDF)
    assert await sweep_files(counter.services.uploads, 10, now=datetime.now(UTC) + timedelta(days=9_000)) == Swept()
    assert len(counter.stored()) == 1


async def test_the_neighbour_keeps_its_own(counter: Counter, admin: asyncpg.Connection) -> None:
    _, closed_at = await ended(counter, admin, PDF)
    enterprise = counter.world.anshan.enterprise.login
    ticket = await counter.submit(enterprise)
    theirs = await counter.attached(enterprise, ticket, "a.pdf", PDF)
    assert len(counter.stored()) == 2  # the same content, and no city shares it
    await counter.verb(enterprise, "ticketWithdraw", ticketId=ticket)
    assert await sweep_files(counter.services.uploads, 10, now=closed_at + timedelta(days=DAYS)) == Swept(attachments=1)
    assert [path.partition("/")[0] for path in counter.stored()] == ["1000"]
    assert (await counter.request(NEIGHBOUR, "GET", theirs["url"])).content == PDF


async def test_the_application_cannot_forge_the_record(counter: Counter, admin: asyncpg.Connection) -> None:
    await ended(counter, admin, PDF)
    for statement in (
        "delete from attachments",
        "update attachments set sha256 = '\\x00'",
        "update attachments set name = 'b.pdf'",
        "update uploads set created_by = created_by",
    ):
        async with counter.services.database.connection() as connection, connection.transaction():
            await connection.execute("set transaction read write")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


async def test_the_command(
    place: World,
    application_url: str,
    admin: asyncpg.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with opened(place, application_url, tmp_path) as counter:
        await ended(counter, admin, PDF, pdf(301))
        await counter.begin(AGENT, "c.pdf", 5)
        await admin.execute("update tickets set closed_at = now() - $1::int * interval '1 day'", DAYS)
        await admin.execute("update uploads set expires_at = now()")
        monkeypatch.setenv("YINGSHANG_APP_DATABASE_URL", application_url)
        monkeypatch.setenv("YINGSHANG_DATA_DIR", str(tmp_path))
        said = await in_a_thread("files", "sweep")
        assert "guangyuan: 1 uploads, 2 attachments, 0 stray files" in said
        assert counter.stored() == counter.staged() == []


async def in_a_thread(*arguments: str) -> str:
    import asyncio

    from app.kernel.config import get_settings

    get_settings.cache_clear()
    try:
        result = await asyncio.to_thread(CliRunner().invoke, app, list(arguments))
    finally:
        get_settings.cache_clear()
    assert result.exit_code == 0, result.output
    return result.output
