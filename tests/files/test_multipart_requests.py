"""Files that come with the operation: the GraphQL multipart request."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.e2e.client import STRICT
from tests.factories.world import World
from tests.files.conftest import AGENT, HANDLER, NEIGHBOUR, Counter, opened
from tests.files.samples import DOCX, EXE, FALSE, PDF, PNG, pdf


async def test_a_file_is_attached(counter: Counter, admin: asyncpg.Connection) -> None:
    ticket = await counter.submit()
    payload = await counter.attach(counter.enterprise, ticket, "../../证据/现场.png", PNG)
    assert payload["userErrors"] == []
    assert payload["ticket"]["version"] == 1  # like a comment, it changes nothing
    (shown,) = payload["ticket"]["attachments"]
    digest = hashlib.sha256(PNG).hexdigest()
    assert {
        key: shown[key] for key in ("name", "mediaType", "size", "sha256", "visibility", "scanned", "deletedAt")
    } == {
        "name": "现场.png",
        "mediaType": "image/png",
        "size": len(PNG),
        "sha256": digest,
        "visibility": "PUBLIC",
        "scanned": False,
        "deletedAt": None,
    }
    assert shown["url"] == f"/files/{shown['id']}"
    assert shown["uploader"]["role"] == "ENTERPRISE_USER"
    assert counter.stored() == [f"10/{digest[:2]}/{digest}"]
    assert counter.staged() == []
    assert await admin.fetchval("select count(*) from uploads") == 0


async def test_the_timeline_tells_of_it(counter: Counter) -> None:
    ticket = await counter.submit()
    made = await counter.attached(counter.enterprise, ticket, "现场.png", PNG)
    answer = await counter.ask(
        counter.enterprise,
        "query($id: ID!) { ticket(id: $id) { timeline { edges { node { type typeLabel version visibility "
        "attachment { id name sha256 } actor { role } } } } } }",
        id=ticket,
    )
    submitted, attached = [edge["node"] for edge in answer["data"]["ticket"]["timeline"]["edges"]]
    assert submitted["attachment"] is None
    assert attached == {
        "type": "ATTACHED",
        "typeLabel": "A file attached",
        "version": 1,
        "visibility": "PUBLIC",
        "attachment": {"id": made["id"], "name": "现场.png", "sha256": made["sha256"]},
        "actor": {"role": "ENTERPRISE_USER"},
    }


async def test_the_chain_of_events_vouches_for_the_content(counter: Counter, admin: asyncpg.Connection) -> None:
    ticket = await counter.submit()
    made = await counter.attached(counter.enterprise, ticket, "现场.png", PNG)
    data = json.loads(await admin.fetchval("select data from events where type = 'ATTACHED'"))
    assert data["sha256"] == made["sha256"] == hashlib.sha256(PNG).hexdigest()


async def test_the_reporter_sees_no_internal_file(counter: Counter) -> None:
    ticket = await counter.at_work()
    await counter.attached(HANDLER, ticket, "对外.pdf", PDF)
    internal = await counter.attached(HANDLER, ticket, "内部.pdf", pdf(301), visibility="INTERNAL")
    assert [each["name"] for each in await counter.attachments(HANDLER, ticket)] == ["对外.pdf", "内部.pdf"]
    assert [each["name"] for each in await counter.attachments(counter.enterprise, ticket)] == ["对外.pdf"]
    for login, seen in ((HANDLER, True), (AGENT, True), (counter.enterprise, False), (NEIGHBOUR, False)):
        node = (await counter.ask(login, "query($id: ID!) { node(id: $id) { id } }", id=internal["id"]))["data"]["node"]
        assert (node is not None) is seen, login
    payload = await counter.attach(counter.enterprise, ticket, "a.pdf", PDF, visibility="INTERNAL")
    assert [error["code"] for error in payload["userErrors"]] == ["NOT_RESPONSIBLE"]


async def test_what_is_not_theirs_is_not_there(counter: Counter, admin: asyncpg.Connection) -> None:
    ticket = await counter.submit()
    for login in (NEIGHBOUR, counter.rival, HANDLER):  # another city, another enterprise, not dispatched to them
        payload = await counter.attach(login, ticket, "a.pdf", PDF)
        assert payload["ticket"] is None
        assert [error["code"] for error in payload["userErrors"]] == ["NOT_FOUND"], login
    assert counter.stored() == counter.staged() == []
    assert await admin.fetchval("select count(*) from uploads") == 0


@pytest.mark.parametrize("login", ["auditor@guangyuan", "city_administrator@guangyuan", "leading_group@guangyuan"])
async def test_the_wrong_role_is_refused(counter: Counter, login: str) -> None:
    ticket = await counter.submit()
    answer = (await counter.form(login, "a.pdf", PDF, ticketId=ticket)).json()
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert counter.stored() == counter.staged() == []


async def test_who_has_a_note_attaches_internally_only(counter: Counter) -> None:
    ticket = await counter.submit()
    payload = await counter.attach("office@guangyuan", ticket, "a.pdf", PDF)
    assert [error["code"] for error in payload["userErrors"]] == ["NOT_RESPONSIBLE"]
    await counter.attached("office@guangyuan", ticket, "a.pdf", PDF, visibility="INTERNAL")
    answer = await counter.ask("office@guangyuan", "query($id: ID!) { ticket(id: $id) { allowedActions } }", id=ticket)
    assert "ATTACH" in answer["data"]["ticket"]["allowedActions"]


async def test_a_closed_ticket_takes_no_more(counter: Counter) -> None:
    ticket = await counter.submit()
    await counter.verb(counter.enterprise, "ticketWithdraw", ticketId=ticket)
    payload = await counter.attach(counter.enterprise, ticket, "a.pdf", PDF)
    assert [error["code"] for error in payload["userErrors"]] == ["ILLEGAL_TRANSITION"]
    assert counter.stored() == []


@pytest.mark.parametrize("case", FALSE)
async def test_a_file_that_is_not_what_it_says(counter: Counter, case: str) -> None:
    ticket = await counter.submit()
    payload = await counter.attach(counter.enterprise, ticket, *FALSE[case])
    (error,) = payload["userErrors"]
    assert (error["rule"], error["path"]) == ("not_what_it_says", ["input", "file"])
    assert counter.stored() == counter.staged() == []


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("program.exe", EXE, "file_kind"),
        ("archive.zip", DOCX, "file_kind"),
        ("page.html", b"<html></html>", "file_kind"),
        ("noextension", PDF, "file_name"),
        ("..", PDF, "file_name"),
        ("empty.pdf", b"", "empty_file"),
    ],
)
async def test_bad_files(counter: Counter, name: str, content: bytes, rule: str) -> None:
    ticket = await counter.submit()
    payload = await counter.attach(counter.enterprise, ticket, name, content)
    assert [error["rule"] for error in payload["userErrors"]] == [rule]
    assert counter.stored() == counter.staged() == []


async def test_larger_than_the_scheme_takes(counter: Counter, admin: asyncpg.Connection) -> None:
    ticket = await counter.submit()
    await limit(admin, max_bytes=1024)
    payload = await counter.attach(counter.enterprise, ticket, "a.pdf", pdf(1025))
    assert [(error["rule"], error["limit"]) for error in payload["userErrors"]] == [("file_too_large", 1024)]
    await counter.attached(counter.enterprise, ticket, "a.pdf", pdf(1024))


async def test_more_than_a_ticket_takes(counter: Counter, admin: asyncpg.Connection) -> None:
    await limit(admin, per_ticket=2)
    ticket = await counter.submit()
    for size in (300, 301):
        await counter.attached(counter.enterprise, ticket, "a.pdf", pdf(size))
    payload = await counter.attach(counter.enterprise, ticket, "a.pdf", pdf(302))
    assert [(error["rule"], error["limit"]) for error in payload["userErrors"]] == [("too_many_files", 2)]
    assert len(counter.stored()) == 2


async def limit(admin: asyncpg.Connection, **rules: Any) -> None:
    """Change the files section of Guangyuan's scheme, for what was not read yet."""
    await admin.execute(
        "update schemes set document = jsonb_set(document, '{files}', (document->'files') || $1::text::jsonb),"
        " digest = $2 where city_id = 10",
        json.dumps(rules),
        hashlib.sha256(json.dumps(rules).encode()).digest(),
    )


async def test_the_same_content_twice_is_stored_once(counter: Counter) -> None:
    ticket, other = await counter.submit(), await counter.submit(counter.rival)
    await counter.attached(counter.enterprise, ticket, "一.pdf", PDF)
    await counter.attached(counter.enterprise, ticket, "二.pdf", PDF)
    await counter.attached(counter.rival, other, "三.pdf", PDF)
    assert len(counter.stored()) == 1
    assert [each["name"] for each in await counter.attachments(AGENT, ticket)] == ["一.pdf", "二.pdf"]


async def test_a_retry_is_answered_and_not_attached_again(counter: Counter) -> None:
    ticket = await counter.submit()
    for _ in range(2):
        payload = await counter.attach(counter.enterprise, ticket, "a.pdf", PDF, idempotencyKey="once")
        assert len(payload["ticket"]["attachments"]) == 1
    for name, content in (("a.pdf", pdf(999)), ("b.pdf", PDF)):
        payload = await counter.attach(counter.enterprise, ticket, name, content, idempotencyKey="once")
        assert [error["code"] for error in payload["userErrors"]] == ["IDEMPOTENCY_MISMATCH"]
    assert len(counter.stored()) == 1
    assert counter.staged() == []


async def test_file_and_upload_exclude_each_other(counter: Counter) -> None:
    ticket = await counter.submit()
    upload = await counter.uploaded(counter.enterprise, "a.pdf", PDF)
    payload = await counter.attach(counter.enterprise, ticket, "b.pdf", pdf(301), uploadId=upload)
    assert [error["rule"] for error in payload["userErrors"]] == ["file_or_upload"]
    payload = await counter.verb(counter.enterprise, "ticketAttach", ticketId=ticket)
    assert [error["rule"] for error in payload["userErrors"]] == ["required"]


# The request itself


async def test_nobody_signed_in_is_not_listened_to(counter: Counter) -> None:
    ticket = await counter.submit()
    response = await counter.form(
        None, "a.pdf", PDF, ticketId=ticket, headers={"accept": STRICT, "x-graphql-csrf": "1"}
    )
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")
    assert counter.staged() == []


async def endless(sent: list[int]) -> AsyncIterator[bytes]:
    """A form whose file never ends."""
    yield (
        b'--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{"query":"mutation { a }"}\r\n'
        b'--x\r\nContent-Disposition: form-data; name="map"\r\n\r\n{"0":["variables.input.file"]}\r\n'
        b'--x\r\nContent-Disposition: form-data; name="0"; filename="a.pdf"\r\n\r\n'
    )
    while True:
        sent.append(65_536)
        yield b"x" * 65_536


async def test_two_gigabytes_are_refused_by_their_length_alone(counter: Counter) -> None:
    sent: list[int] = []
    headers = {"content-type": "multipart/form-data; boundary=x", "content-length": str(2 * 2**30)}
    response = await counter.request(AGENT, "POST", "/graphql", headers, endless(sent))
    assert response.status_code == 413
    assert len(sent) <= 1


async def test_a_lie_about_the_length_is_found_out_on_the_way(counter: Counter) -> None:
    sent: list[int] = []
    headers = {"content-type": "multipart/form-data; boundary=x"}
    response = await counter.request(AGENT, "POST", "/graphql", headers, endless(sent))
    assert response.status_code == 413
    assert sum(sent) <= counter.services.settings.files.form_bytes + 2 * 65_536


def part(name: str, content: str, filename: str | None = None) -> str:
    file = "" if filename is None else f'; filename="{filename}"'
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n{content}\r\n'


OPERATIONS = json.dumps({"query": "mutation { a }", "variables": {"input": {"file": None, "set": "1"}}})


@pytest.mark.parametrize(
    "form",
    [
        "",
        "nonsense",
        part("operations", OPERATIONS),
        part("operations", OPERATIONS) + part("map", "{}") + part("0", "x", "a.pdf"),
        part("operations", OPERATIONS) + part("map", '{"0": ["variables.input.file"]}'),
        part("operations", OPERATIONS) + part("map", '{"0": []}') + part("0", "x", "a.pdf"),
        part("operations", OPERATIONS) + part("map", '{"0": "variables.input.file"}') + part("0", "x", "a.pdf"),
        part("operations", OPERATIONS) + part("map", '{"0": ["variables.input.set"]}') + part("0", "x", "a.pdf"),
        part("operations", OPERATIONS) + part("map", '{"0": ["variables.input.no.way"]}') + part("0", "x", "a.pdf"),
        part("operations", OPERATIONS) + part("map", '{"0": ["query"]}') + part("0", "x", "a.pdf"),
        part("operations", OPERATIONS) + part("map", '{"0": ["variables"]}') + part("0", "x", "a.pdf"),
        part("operations", f"[{OPERATIONS}]") + part("map", '{"0": ["0.variables.file"]}') + part("0", "x", "a.pdf"),
        part("operations", "{") + part("map", "{}"),
        part("operations", '"a"') + part("map", "1"),
        part("operations", "x", "a.json") + part("map", "{}", "b.json"),
        part("operations", OPERATIONS)
        + part("map", '{"0": ["variables.input.file"], "1": ["variables.input.file"]}')
        + part("0", "x", "a.pdf")
        + part("1", "x", "b.pdf"),
        part("operations", '{"query": "{ viewer { user { login } } }", "variables": {"file": null}}')
        + part("map", '{"0": ["variables.file"]}')
        + part("0", "x", "a.pdf"),
    ],
)
async def test_what_is_no_multipart_request(counter: Counter, form: str) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    response = await counter.request(AGENT, "POST", "/graphql", headers, (form + "--x--\r\n").encode())
    assert response.status_code == 400, response.text
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_a_form_without_a_boundary(counter: Counter) -> None:
    for content_type in ("multipart/form-data", "multipart/form-data; boundary="):
        response = await counter.request(AGENT, "POST", "/graphql", {"content-type": content_type}, b"x")
        assert response.status_code == 400


async def test_a_file_is_no_json(counter: Counter) -> None:
    ticket = await counter.submit()
    answer = await counter.ask(
        counter.enterprise,
        "mutation($i: TicketAttachInput!) { ticketAttach(input: $i) { userErrors { code } } }",
        i={"ticketId": ticket, "file": "a.pdf"},
    )
    assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "rule": "no_file"}


async def test_an_infected_file(place: World, application_url: str, tmp_path: Path) -> None:
    finds = "import sys; sys.exit(b'EICAR' in open(sys.argv[1], 'rb').read())"
    async with opened(place, application_url, tmp_path, scan_command=f'{sys.executable} -c "{finds}"') as counter:
        ticket = await counter.submit()
        payload = await counter.attach(counter.enterprise, ticket, "a.txt", b"this is EICAR")
        assert [error["rule"] for error in payload["userErrors"]] == ["infected"]
        assert counter.stored() == counter.staged() == []
        made = await counter.attached(counter.enterprise, ticket, "b.txt", b"this is not")
        assert made["scanned"] is True


async def test_no_file_is_taken_while_the_scanner_is_away(place: World, application_url: str, tmp_path: Path) -> None:
    async with opened(place, application_url, tmp_path, scan_command="/no/such/scanner") as counter:
        ticket = await counter.submit()
        answer = (await counter.form(counter.enterprise, "a.pdf", PDF, ticketId=ticket)).json()
        assert answer["errors"][0]["extensions"]["code"] == "TIMEOUT"
        assert counter.stored() == []
        assert await counter.attachments(AGENT, ticket) == []
