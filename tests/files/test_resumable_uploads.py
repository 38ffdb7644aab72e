"""Uploads that are continued: the tus protocol, and who may."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.kernel.tables import new_id
from app.tickets.attachments import Swept, sweep_files
from schema import ids
from tests.factories.world import World
from tests.files.conftest import AGENT, HANDLER, NEIGHBOUR, TUS, Counter, metadata, opened
from tests.files.samples import DOCX, EXE, FALSE, PDF, PNG, pdf

LONG = pdf(400_000)


async def test_an_upload_in_pieces(counter: Counter) -> None:
    begun = await counter.begin(counter.enterprise, "C:\\证据\\合同.pdf", len(LONG))
    assert begun.status_code == 201
    assert begun.headers["tus-resumable"] == "1.0.0"
    expires = parsedate_to_datetime(begun.headers["upload-expires"])
    assert timedelta(hours=23) < expires - datetime.now(UTC) < timedelta(hours=25)  # the scheme says 24
    location = begun.headers["location"]
    for start in range(0, len(LONG), 150_000):
        asked = await counter.request(counter.enterprise, "HEAD", location, TUS)
        assert (asked.status_code, asked.headers["upload-offset"]) == (200, str(start))
        assert asked.headers["upload-length"] == str(len(LONG))
        assert asked.headers["cache-control"] == "no-store"
        done = await counter.patch(counter.enterprise, location, start, LONG[start : start + 150_000])
        assert (done.status_code, done.headers["upload-offset"]) == (204, str(min(start + 150_000, len(LONG))))
    assert counter.staged() == []
    digest = hashlib.sha256(LONG).hexdigest()
    assert counter.stored() == [f"10/{digest[:2]}/{digest}"]
    ticket = await counter.submit()
    payload = await counter.verb(
        *(counter.enterprise, "ticketAttach", "attachments { name sha256 mediaType }"),
        ticketId=ticket,
        uploadId=location.rpartition("/")[2],
    )
    shown = {"name": "合同.pdf", "sha256": digest, "mediaType": "application/pdf"}
    assert payload["ticket"]["attachments"] == [shown]


async def test_a_ticket_is_submitted_with_its_files(counter: Counter) -> None:
    uploads = [await counter.uploaded(counter.enterprise, name, content) for name, content in FILES]
    ticket = await counter.submit(attachments=uploads, secrecy="CONFIDENTIAL", category="REPORT")
    shown = await counter.attachments(AGENT, ticket)
    assert [(each["name"], each["visibility"]) for each in shown] == [(name, "PUBLIC") for name, _ in FILES]
    again = await counter.verb(counter.enterprise, "ticketAttach", ticketId=ticket, uploadId=uploads[0])
    assert [error["code"] for error in again["userErrors"]] == ["NOT_FOUND"]  # an upload is attached once


FILES = [("一.pdf", PDF), ("二.docx", DOCX), ("三.png", PNG)]
SUBMISSION = {"category": "HELP", "channel": "WEB", "title": "厂区门口积水", "body": "积水三天。"}


async def test_a_ticket_is_not_submitted_without_one_of_its_files(counter: Counter, admin: asyncpg.Connection) -> None:
    mine = await counter.uploaded(counter.enterprise, "a.pdf", PDF)
    theirs = await counter.uploaded(counter.rival, "b.pdf", pdf(301))
    begun = await counter.begin(counter.enterprise, "c.pdf", 500)
    unfinished = begun.headers["location"].rpartition("/")[2]
    elsewhere = ids.encode("UP", 1000, new_id())
    for bad, code, rule in (
        (theirs, "NOT_FOUND", None),
        (unfinished, "INVALID_INPUT", "incomplete"),
        (elsewhere, "NOT_FOUND", None),
        (mine, "NOT_FOUND", None),  # the same twice
    ):
        payload = await counter.verb(counter.enterprise, "ticketSubmit", **SUBMISSION, attachments=[mine, bad])
        (error,) = payload["userErrors"]
        assert (error["code"], error.get("rule"), error["path"]) == (code, rule, ["input", "attachments", "1"])
    assert await admin.fetchval("select count(*) from tickets") == 0
    payload = await counter.verb(counter.enterprise, "ticketSubmit", **SUBMISSION, attachments=[mine])
    assert payload["userErrors"] == []  # it waited unharmed


async def test_an_upload_that_is_cut_off_goes_on(counter: Counter) -> None:
    location = (await counter.begin(counter.enterprise, "a.pdf", len(LONG))).headers["location"]

    await counter.patch_cut_off(counter.enterprise, location, LONG[:100_000], LONG[100_000:130_000])
    asked = await counter.request(counter.enterprise, "HEAD", location, TUS)
    offset = int(asked.headers["upload-offset"])
    assert offset == 130_000
    done = await counter.patch(counter.enterprise, location, offset, LONG[offset:])
    assert done.status_code == 204
    assert hashlib.sha256(LONG).hexdigest() in counter.stored()[0]


async def test_only_the_answer_was_lost(counter: Counter) -> None:
    """All bytes came, and the process died before it looked at them: whoever asks has it looked at."""
    location = (await counter.begin(counter.enterprise, "a.pdf", len(PDF))).headers["location"]
    (staged,) = counter.staged()
    write(counter.folder / "files" / "uploads" / staged, PDF)
    asked = await counter.request(counter.enterprise, "HEAD", location, TUS)
    assert (asked.status_code, asked.headers["upload-offset"]) == (200, str(len(PDF)))
    assert (len(counter.stored()), counter.staged()) == (1, [])
    again = await counter.patch(counter.enterprise, location, len(PDF), b"")
    assert (again.status_code, again.headers["upload-offset"]) == (204, str(len(PDF)))
    assert (await counter.patch(counter.enterprise, location, 5, b"x")).status_code == 409


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


async def test_two_gigabytes_are_refused_at_the_start(counter: Counter) -> None:
    refused = await counter.begin(counter.enterprise, "a.pdf", 2 * 2**30)
    assert refused.status_code == 413
    assert refused.json()["errors"][0]["extensions"] == {"code": "INVALID_INPUT", "rule": "file_too_large"}
    assert refused.headers["tus-resumable"] == "1.0.0"


async def test_a_lie_about_the_length(counter: Counter) -> None:
    location = (await counter.begin(counter.enterprise, "a.pdf", 1_000)).headers["location"]
    assert (await counter.patch(counter.enterprise, location, 0, PDF)).status_code == 204
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 200
            yield b"x" * 200

    for content in (b"x" * 2_000, endless()):
        refused = await counter.patch(counter.enterprise, location, len(PDF), content)
        assert refused.status_code == 413
    assert sent <= 1_200
    asked = await counter.request(counter.enterprise, "HEAD", location, TUS)
    assert asked.headers["upload-offset"] == str(len(PDF))  # nothing of it stays


async def test_the_wrong_place_and_the_right_one(counter: Counter) -> None:
    location = (await counter.begin(counter.enterprise, "a.pdf", len(PDF))).headers["location"]
    assert (await counter.patch(counter.enterprise, location, 0, PDF[:100])).status_code == 204
    for offset in (0, 99, 101, 10**17):
        refused = await counter.patch(counter.enterprise, location, offset, PDF[100:150])
        assert refused.status_code in (409, 413)
    assert (await counter.patch(counter.enterprise, location, 100, PDF[100:])).status_code == 204


async def test_two_at_once_do_not_mix(counter: Counter) -> None:
    location = (await counter.begin(counter.enterprise, "a.pdf", len(PDF))).headers["location"]
    reading, going_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield PDF[:100]
        reading.set()
        await going_on.wait()
        yield PDF[100:]

    first = asyncio.create_task(counter.patch(counter.enterprise, location, 0, slowly()))
    await reading.wait()
    second = await counter.patch(counter.enterprise, location, 100, PDF[100:])
    going_on.set()
    assert second.status_code == 423
    assert (await first).status_code == 204
    assert hashlib.sha256(PDF).hexdigest() in counter.stored()[0]


async def test_checksums(counter: Counter) -> None:
    location = (await counter.begin(counter.enterprise, "a.pdf", len(PDF))).headers["location"]
    for algorithm in ("sha1", "sha256"):
        wrong = f"{algorithm} {base64.b64encode(hashlib.new(algorithm, b'other').digest()).decode()}"
        refused = await counter.patch(counter.enterprise, location, 0, PDF[:100], upload_checksum=wrong)
        assert refused.status_code == 460
    asked = await counter.request(counter.enterprise, "HEAD", location, TUS)
    assert asked.headers["upload-offset"] == "0"
    for bad in ("md5 AAAA", "sha256", "sha1 !"):
        assert (await counter.patch(counter.enterprise, location, 0, PDF, upload_checksum=bad)).status_code in (
            400,
            460,
        )
    right = f"sha1 {base64.b64encode(hashlib.sha1(PDF).digest()).decode()}"
    assert (await counter.patch(counter.enterprise, location, 0, PDF, upload_checksum=right)).status_code == 204


@pytest.mark.parametrize("case", FALSE)
async def test_a_file_that_is_not_what_it_says(counter: Counter, case: str) -> None:
    name, content = FALSE[case]
    location = (await counter.begin(counter.enterprise, name, len(content))).headers["location"]
    refused = await counter.patch(counter.enterprise, location, 0, content)
    assert (refused.status_code, refused.json()["errors"][0]["extensions"]["rule"]) == (415, "not_what_it_says")
    assert counter.stored() == counter.staged() == []
    assert (await counter.request(counter.enterprise, "HEAD", location, TUS)).status_code == 404


@pytest.mark.parametrize(
    ("name", "size", "status"),
    [("a.exe", len(EXE), 415), ("a", 5, 422), ("../..", 5, 422), ("a.pdf", 0, 422), ("a.pdf\x00.exe", 5, 415)],
)
async def test_bad_beginnings(counter: Counter, name: str, size: int, status: int) -> None:
    refused = await counter.begin(counter.enterprise, name, size)
    assert refused.status_code == status
    assert counter.staged() == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"upload-length": "-1"},
        {"upload-length": "1" * 30},
        {"upload-length": "١٢"},
        {"upload-length": "5", "upload-metadata": "filename !!"},
        {"upload-length": "5", "upload-metadata": "filename " + base64.b64encode(b"\xff\xfe").decode()},
        {"upload-length": "5", "upload-metadata": "filename " + "A" * 5_000},
        {"upload-defer-length": "1", "upload-metadata": metadata(filename="a.pdf")},
    ],
)
async def test_bad_headers(counter: Counter, headers: dict[str, str]) -> None:
    raw: Any = [(key.encode(), value.encode()) for key, value in {**TUS, **counter.bearer(AGENT), **headers}.items()]
    refused = await counter.http.post("/files/uploads", headers=raw)
    assert refused.status_code == 400


async def test_another_version_of_the_protocol(counter: Counter) -> None:
    refused = await counter.request(AGENT, "POST", "/files/uploads", {"upload-length": "5"})
    assert (refused.status_code, refused.headers["tus-version"]) == (412, "1.0.0")
    told = await counter.request(None, "OPTIONS", "/files/uploads")
    assert told.status_code == 204
    assert told.headers["tus-extension"] == "creation,expiration,checksum,termination"
    location = (await counter.begin(AGENT, "a.pdf", 5)).headers["location"]
    for method, status in (("PUT", 405), ("GET", 405)):
        assert (await counter.request(AGENT, method, location, TUS)).status_code == status
    wrong = await counter.request(AGENT, "PATCH", location, {**TUS, "upload-offset": "0"}, b"x")
    assert wrong.status_code == 415


async def test_whose_upload_it_is(counter: Counter) -> None:
    """Another enterprise, a colleague, another city and nobody are told the same as about no upload at all."""
    location = (await counter.begin(counter.enterprise, "a.pdf", len(PDF))).headers["location"]
    missing = f"/files/uploads/{ids.encode('UP', 10, new_id())}"
    for login in (counter.rival, AGENT, HANDLER, NEIGHBOUR):
        for method in ("HEAD", "DELETE"):
            answers = [await counter.request(login, method, each, TUS) for each in (location, missing)]
            assert [each.status_code for each in answers] == [404, 404], (login, method)
            assert answers[0].content == answers[1].content
        answers = [await counter.patch(login, each, 0, PDF) for each in (location, missing)]
        assert [each.status_code for each in answers] == [404, 404], login
        assert answers[0].json() == answers[1].json()
    assert (await counter.request(None, "HEAD", location, TUS)).status_code == 401
    assert (await counter.patch(counter.enterprise, location, 0, PDF)).status_code == 204
    ticket = await counter.submit()
    for login in (AGENT, NEIGHBOUR):
        upload = location.rpartition("/")[2]
        payload = await counter.verb(login, "ticketAttach", ticketId=ticket, uploadId=upload)
        assert [error["code"] for error in payload["userErrors"]] == ["NOT_FOUND"]


@pytest.mark.parametrize("given", ["x", "UP_AAAA", "T_AAAAAgGiAOlppXY-pkL_l32HU3Q", "UP_%00", "..%2f..%2fetc%2fpasswd"])
async def test_ids_that_are_none(counter: Counter, given: str) -> None:
    for method in ("HEAD", "DELETE"):
        assert (await counter.request(AGENT, method, f"/files/uploads/{given}", TUS)).status_code == 404
    assert (await counter.patch(AGENT, f"/files/uploads/{given}", 0, PDF)).status_code == 404


async def test_an_upload_is_no_node(counter: Counter) -> None:
    upload = await counter.uploaded(AGENT, "a.pdf", PDF)
    answer = await counter.ask(AGENT, "query($id: ID!) { node(id: $id) { id } }", id=upload)
    assert answer["errors"][0]["extensions"]["rule"] == "malformed_id"


@pytest.mark.parametrize("login", ["auditor@guangyuan", "city_administrator@guangyuan", "platform_operator@platform"])
async def test_who_has_nothing_to_attach_uploads_nothing(counter: Counter, login: str) -> None:
    refused = await counter.begin(login, "a.pdf", 5)
    assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (403, "FORBIDDEN")
    assert (await counter.begin(None, "a.pdf", 5)).status_code == 401


async def test_the_city_of_an_upload(counter: Counter) -> None:
    assert (await counter.begin(AGENT, "a.pdf", 5, within="guangyuan.commerce")).status_code == 201
    answers = [await counter.begin(AGENT, "a.pdf", 5, within=path) for path in ("anshan", "nowhere")]
    assert [each.status_code for each in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()


async def test_so_many_at_a_time(place: World, application_url: str, tmp_path: Path) -> None:
    async with opened(place, application_url, tmp_path, pending_uploads=2) as counter:
        first = await counter.begin(AGENT, "a.pdf", 5)
        assert (await counter.begin(AGENT, "a.pdf", 5)).status_code == 201
        assert (await counter.begin(AGENT, "a.pdf", 5)).status_code == 429
        assert (await counter.begin(HANDLER, "a.pdf", 5)).status_code == 201
        assert (await counter.request(AGENT, "DELETE", first.headers["location"], TUS)).status_code == 204
        assert (await counter.begin(AGENT, "a.pdf", 5)).status_code == 201
        assert len(counter.staged()) == 3


async def test_what_expired_is_gone_and_swept(counter: Counter, admin: asyncpg.Connection) -> None:
    begun = await counter.begin(AGENT, "a.pdf", len(PDF))
    location = begun.headers["location"]
    await counter.patch(AGENT, location, 0, PDF[:100])
    finished = await counter.uploaded(AGENT, "b.pdf", PDF)
    ticket = await counter.submit()
    await admin.execute("update uploads set expires_at = now()")
    for answer in (
        await counter.request(AGENT, "HEAD", location, TUS),
        await counter.patch(AGENT, location, 100, PDF[100:]),
    ):
        assert answer.status_code == 410
    payload = await counter.verb(AGENT, "ticketAttach", ticketId=ticket, uploadId=finished)
    assert [error["code"] for error in payload["userErrors"]] == ["NOT_FOUND"]
    kept = await counter.begin(AGENT, "c.pdf", len(PDF))
    swept = await sweep_files(counter.services.uploads, 10, now=datetime.now(UTC))
    assert swept == Swept(uploads=2)
    assert counter.stored() == []
    assert len(counter.staged()) == 1
    assert (await counter.request(AGENT, "HEAD", location, TUS)).status_code == 404
    assert (await counter.request(AGENT, "HEAD", kept.headers["location"], TUS)).status_code == 200


async def test_what_a_crash_left_is_swept(counter: Counter) -> None:
    await counter.begin(AGENT, "a.pdf", 5)
    stray = counter.folder / "files" / "uploads" / "10" / str(new_id())
    write(stray, b"left")
    uploads = counter.services.uploads
    now = datetime.now(UTC)
    assert await sweep_files(uploads, 10, now=now) == Swept()  # it may be one whose row nobody sees yet
    os.utime(stray, times=(0, 0))
    assert await sweep_files(uploads, 10, now=now) == Swept(strays=1)
    assert len(counter.staged()) == 1


async def test_a_page_of_another_origin(place: World, application_url: str, tmp_path: Path) -> None:
    async with opened(place, application_url, tmp_path) as counter:
        origin = {"origin": "https://evil.example"}
        asked = await counter.request(None, "OPTIONS", "/files/uploads", origin)
        assert "access-control-allow-methods" not in asked.headers
        begun = await counter.request(AGENT, "HEAD", "/files/uploads", {**TUS, **origin})
        assert "access-control-allow-origin" not in begun.headers


async def test_a_person_whose_grants_are_gone(counter: Counter, admin: asyncpg.Connection) -> None:
    location = (await counter.begin(AGENT, "a.pdf", len(PDF))).headers["location"]
    await admin.execute("update users set active = false, grants_version = grants_version + 1 where login = $1", AGENT)
    refused: httpx.Response = await counter.patch(AGENT, location, 0, PDF)
    assert refused.status_code == 401
    assert counter.stored() == []
