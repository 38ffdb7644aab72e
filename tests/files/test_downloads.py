"""Who gets the content of an attachment, and how."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import asyncpg
import pytest

from app.kernel.tables import new_id
from schema import ids
from tests.factories.world import World
from tests.files.bucket import bucket
from tests.files.conftest import AGENT, HANDLER, NEIGHBOUR, Counter, opened
from tests.files.samples import PDF, PNG, pdf

LONG = pdf(700_000)
OFFICE = "office@guangyuan"
AUDITOR = "auditor@guangyuan"
SUPERVISION = "supervision_officer@guangyuan"


async def test_a_file_comes_back_as_it_went_in(counter: Counter) -> None:
    ticket = await counter.submit()
    made = await counter.attached(counter.enterprise, ticket, "合同 (终稿)'s.pdf", LONG)
    for login in (counter.enterprise, AGENT, OFFICE):
        got = await counter.request(login, "GET", made["url"])
        assert (got.status_code, got.content) == (200, LONG)
    headers = got.headers
    assert headers["content-type"] == "application/pdf"
    assert headers["content-length"] == str(len(LONG))
    assert headers["etag"] == f'"{hashlib.sha256(LONG).hexdigest()}"'
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    plain, _, extended = headers["content-disposition"].partition("; filename*=UTF-8''")
    assert plain == 'attachment; filename="__ (__)\'s.pdf"'
    assert unquote(extended) == "合同 (终稿)'s.pdf"
    assert extended.isascii()
    assert not set(extended) & set(" ()'\"")
    head = await counter.request(AGENT, "HEAD", made["url"])
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(LONG)))


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", LONG[:1]),
        ("bytes=100-199", LONG[100:200]),
        ("bytes=699990-", LONG[699_990:]),
        ("bytes=-7", LONG[-7:]),
        ("bytes=-9999999", LONG),
        ("bytes=5-99999999", LONG[5:]),
    ],
)
async def test_a_range(counter: Counter, asked: str, part: bytes) -> None:
    ticket = await counter.submit()
    made = await counter.attached(counter.enterprise, ticket, "a.pdf", LONG)
    got = await counter.request(AGENT, "GET", made["url"], {"range": asked})
    assert (got.status_code, got.content) == (206, part)
    first = len(LONG) - len(part) if not LONG.startswith(part) or asked.startswith("bytes=-") else 0
    if asked == "bytes=100-199":
        first = 100
    assert got.headers["content-range"] == f"bytes {first}-{first + len(part) - 1}/{len(LONG)}"


async def test_ranges_that_are_not_kept_to(counter: Counter) -> None:
    ticket = await counter.submit()
    made = await counter.attached(counter.enterprise, ticket, "a.pdf", PDF)
    for asked in ("bytes=0-1,5-6", "lines=1-2", "bytes=", "bytes=9-3", "bytes=a-b", "bytes=-", "bytes=1"):
        got = await counter.request(AGENT, "GET", made["url"], {"range": asked})
        assert (got.status_code, got.content) == (200, PDF), asked
    for asked in ("bytes=300-", "bytes=999-1000", "bytes=-0"):
        got = await counter.request(AGENT, "GET", made["url"], {"range": asked})
        assert (got.status_code, got.headers["content-range"]) == (416, "bytes */300"), asked
    etag = (await counter.request(AGENT, "HEAD", made["url"])).headers["etag"]
    for condition, status in ((etag, 206), ('"other"', 200)):
        got = await counter.request(AGENT, "GET", made["url"], {"range": "bytes=0-1", "if-range": condition})
        assert got.status_code == status


async def test_what_the_client_has_is_not_sent_again(counter: Counter) -> None:
    ticket = await counter.submit()
    made = await counter.attached(counter.enterprise, ticket, "a.pdf", PDF)
    etag = (await counter.request(AGENT, "HEAD", made["url"])).headers["etag"]
    got = await counter.request(AGENT, "GET", made["url"], {"if-none-match": f'"x", {etag}'})
    assert (got.status_code, got.content) == (304, b"")
    got = await counter.request(NEIGHBOUR, "GET", made["url"], {"if-none-match": etag})
    assert got.status_code == 404  # a right guess tells nothing


async def test_not_there_and_not_theirs_are_one_answer(counter: Counter) -> None:
    ticket = await counter.submit()
    made = await counter.attached(counter.enterprise, ticket, "a.pdf", PDF)
    missing = f"/files/{ids.encode('A', 10, new_id())}"
    for login in (NEIGHBOUR, counter.rival, HANDLER, "city_administrator@guangyuan", "platform_operator@platform"):
        answers = [await counter.request(login, "GET", each) for each in (made["url"], missing)]
        assert [each.status_code for each in answers] == [404, 404], login
        assert answers[0].json() == answers[1].json()
    for given in ("x", "A_AAAA", ticket, made["id"] + "A", "..%2f..%2fetc%2fpasswd"):
        assert (await counter.request(AGENT, "GET", f"/files/{given}")).status_code == 404, given
    nobody = await counter.request(None, "GET", made["url"])
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")
    assert (await counter.request(AGENT, "POST", made["url"])).status_code == 405
    assert (await counter.request(AGENT, "DELETE", made["url"])).status_code == 405  # retention alone deletes


async def test_an_internal_file_is_for_the_staff(counter: Counter) -> None:
    ticket = await counter.at_work()
    made = await counter.attached(HANDLER, ticket, "内部.pdf", PDF, visibility="INTERNAL")
    for login, status in ((HANDLER, 200), (AGENT, 200), (AUDITOR, 200), (counter.enterprise, 404), (NEIGHBOUR, 404)):
        assert (await counter.request(login, "GET", made["url"])).status_code == status, login


async def test_a_restricted_ticket_s_file_is_for_those_who_are_named(counter: Counter) -> None:
    given = {"category": "REPORT", "secrecy": "RESTRICTED", "reporter": {"anonymous": True}}
    ticket = await counter.submit(AGENT, **given)
    made = await counter.attached(AGENT, ticket, "举报.pdf", PDF)
    for login, status in (
        (AGENT, 200),
        (SUPERVISION, 200),
        (AUDITOR, 200),
        (OFFICE, 404),
        ("dispatcher@guangyuan", 404),
    ):
        assert (await counter.request(login, "GET", made["url"])).status_code == status, login
        seen = await counter.attachments(login, ticket)
        assert (seen is not None) is (status == 200), login


async def test_who_brought_it_does_not_tell_who_reported(counter: Counter) -> None:
    ticket = await counter.at_work(category="REPORT", secrecy="CONFIDENTIAL")
    made = await counter.attached(counter.enterprise, ticket, "举报材料.png", PNG)
    await counter.attached(HANDLER, ticket, "核查.pdf", PDF)
    for login, known in ((AGENT, True), (SUPERVISION, True), (HANDLER, False), (OFFICE, False)):
        theirs, ours = await counter.attachments(login, ticket)
        assert (theirs["uploader"] is not None) is known, login
        assert theirs["name"] == "举报材料.png"
        assert ours["uploader"]["role"] == "HANDLER"
        node = await counter.ask(
            login, "query($id: ID!) { node(id: $id) { ... on Attachment { uploader { role } } } }", id=made["id"]
        )
        assert (node["data"]["node"]["uploader"] is not None) is known, login
        assert (await counter.request(login, "GET", made["url"])).status_code == 200
    mine = (await counter.attachments(counter.enterprise, ticket))[0]
    assert mine["uploader"] == {"role": "ENTERPRISE_USER", "name": "enterprise"}


async def test_an_auditors_read_is_noted(counter: Counter, admin: asyncpg.Connection) -> None:
    ticket = await counter.submit()
    made = await counter.attached(counter.enterprise, ticket, "a.pdf", PDF)
    before = datetime.now(UTC)
    assert (await counter.request(AUDITOR, "GET", made["url"])).status_code == 200
    assert (await counter.request(AGENT, "GET", made["url"])).status_code == 200
    (noted,) = await admin.fetch("select * from read_log where operation = 'download'")
    assert (noted["user_id"], noted["document"]) == (counter.world.user(AUDITOR), made["url"])
    assert noted["at"] >= before


async def test_a_content_that_is_missing_is_a_fault_and_told_as_one(counter: Counter) -> None:
    ticket = await counter.submit()
    made = await counter.attached(counter.enterprise, ticket, "a.pdf", PDF)
    remove(counter.folder / "files" / "blobs" / counter.stored()[0])
    got = await counter.request(AGENT, "GET", made["url"])
    assert got.status_code == 500
    assert got.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "content-disposition" not in got.headers


def remove(path: Path) -> None:
    path.unlink()


async def test_the_same_from_a_bucket(place: World, application_url: str, tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    with bucket(tmp_path / "bucket") as s3:
        async with opened(place, application_url, tmp_path, s3=s3) as counter:
            ticket = await counter.submit()
            made = await counter.attached(counter.enterprise, ticket, "a.pdf", LONG)
            assert counter.stored() == counter.staged() == []
            got = await counter.request(AGENT, "GET", made["url"])
            assert (got.status_code, got.content) == (200, LONG)
            got = await counter.request(AGENT, "GET", made["url"], {"range": "bytes=9-99"})
            assert (got.status_code, got.content) == (206, LONG[9:100])
            assert (await counter.request(NEIGHBOUR, "GET", made["url"])).status_code == 404
