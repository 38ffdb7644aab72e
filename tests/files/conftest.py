"""The whole application but for the server: GraphQL, uploads and downloads, asked over HTTP as any of the people."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette

from app.kernel.config import Files, Settings
from app.main import services_of
from authz.keys import signing_key
from authz.tokens import TokenIssuer
from schema.context import Services
from schema.files.endpoint import file_routes
from schema.live.hub import Hub
from schema.view import graphql_routes
from tests.factories.world import World
from tests.schema.conftest import use_presets

AGENT = "intake_agent@guangyuan"
DISPATCHER = "dispatcher@guangyuan"
HANDLER = "handler@guangyuan.commerce"
NEIGHBOUR = "intake_agent@anshan"
TUS = {"tus-resumable": "1.0.0"}
STREAM = {**TUS, "content-type": "application/offset+octet-stream"}
ATTACHMENT = "id name mediaType size sha256 scanned visibility uploadedAt deletedAt url uploader { role name }"


def metadata(**values: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())


@dataclass
class Counter:
    """Where files are brought to."""

    services: Services
    world: World
    http: httpx.AsyncClient
    folder: Path
    app: Starlette

    @property
    def enterprise(self) -> str:
        return self.world.guangyuan.enterprise.login

    @property
    def rival(self) -> str:
        return self.world.guangyuan.enterprises[1].login

    def bearer(self, login: str) -> dict[str, str]:
        issuer = TokenIssuer(signing_key(self.services.settings.signing_key_text()))
        token = issuer.issue(self.world.user(login), now=datetime.now(UTC), lifetime=timedelta(hours=1))
        return {"authorization": f"Bearer {token}", "accept-language": "en"}

    async def request(
        self, login: str | None, method: str, path: str, headers: Mapping[str, str] | None = None, content: Any = None
    ) -> httpx.Response:
        given = {**({} if login is None else self.bearer(login)), **(headers or {})}
        return await self.http.request(method, path, headers=given, content=content)

    # GraphQL

    async def ask(self, login: str | None, query: str, **variables: Any) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        response = await self.request(login, "POST", "/graphql", {"content-type": "application/json"}, body)
        return response.json()

    async def verb(self, login: str, name: str, selection: str = "id", **given: Any) -> Any:
        """A mutation's payload; fails on top-level errors."""
        answer = await self.ask(login, mutation(name, selection), input=given)
        assert "errors" not in answer, answer
        return answer["data"][name]

    async def submit(self, login: str | None = None, **given: Any) -> str:
        """A new ticket's id."""
        content = {"category": "HELP", "channel": "WEB", "title": "厂区门口道路积水", "body": "积水三天,货车无法进出。"}
        payload = await self.verb(login or self.enterprise, "ticketSubmit", **{**content, **given})
        assert payload["userErrors"] == [], payload
        ticket: str = payload["ticket"]["id"]
        return ticket

    async def at_work(self, **given: Any) -> str:
        """A ticket that commerce is handling."""
        ticket = await self.submit(**given)
        for login, verb, more in (
            (AGENT, "ticketAccept", {}),
            (DISPATCHER, "ticketDispatch", {"lead": "guangyuan.commerce"}),
            (HANDLER, "ticketAcknowledge", {}),
        ):
            assert (await self.verb(login, verb, ticketId=ticket, **more))["userErrors"] == []
        return ticket

    async def attachments(self, login: str, ticket: str, selection: str = ATTACHMENT) -> Any:
        """What somebody sees; None where they see no ticket."""
        answer = await self.ask(
            login, f"query($id: ID!) {{ ticket(id: $id) {{ attachments {{ {selection} }} }} }}", id=ticket
        )
        shown = answer["data"]["ticket"]
        return None if shown is None else shown["attachments"]

    # Multipart

    async def form(
        self,
        login: str | None,
        name: str,
        content: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        selection: str = f"id version attachments {{ {ATTACHMENT} }}",
        **given: Any,
    ) -> httpx.Response:
        """`ticketAttach` by a multipart request."""
        operations = {
            "query": mutation("ticketAttach", selection),
            "variables": {"input": {"file": None, **given}},
        }
        form = {"operations": json.dumps(operations), "map": json.dumps({"0": ["variables.input.file"]})}
        signed_in = {} if login is None else self.bearer(login)
        return await self.http.post(
            "/graphql",
            data=form,
            files={"0": (name, content, "application/octet-stream")},
            headers={**signed_in, **(headers or {})},
        )

    async def attach(self, login: str, ticket: str, name: str, content: bytes, **given: Any) -> Any:
        """The payload of `ticketAttach`; fails on top-level errors."""
        answer = (await self.form(login, name, content, ticketId=ticket, **given)).json()
        assert "errors" not in answer, answer
        return answer["data"]["ticketAttach"]

    async def attached(self, login: str, ticket: str, name: str, content: bytes, **given: Any) -> Any:
        """The attachment that was made."""
        payload = await self.attach(login, ticket, name, content, **given)
        assert payload["userErrors"] == [], payload
        return payload["ticket"]["attachments"][-1]

    # Resumable uploads

    async def begin(self, login: str | None, name: str, size: int, **more: str) -> httpx.Response:
        headers = {**TUS, "upload-length": str(size), "upload-metadata": metadata(filename=name, **more)}
        return await self.request(login, "POST", "/files/uploads", headers)

    async def patch(self, login: str | None, location: str, offset: int, content: Any, **more: str) -> httpx.Response:
        headers = {
            **STREAM,
            "upload-offset": str(offset),
            **{key.replace("_", "-"): each for key, each in more.items()},
        }
        return await self.request(login, "PATCH", location, headers, content)

    async def patch_cut_off(self, login: str, location: str, *chunks: bytes) -> None:
        """A PATCH from the beginning, whose client is gone after these chunks."""
        messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
        messages.append({"type": "http.disconnect"})
        headers = {**self.bearer(login), **STREAM, "upload-offset": "0"}

        async def receive() -> Any:
            return messages.pop(0)

        async def send(message: Any) -> None:
            assert message["type"] != "http.response.start" or message["status"] == 400

        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": "PATCH", "path": location, "query_string": b"", "headers": raw}
        await self.app(scope, receive, send)

    async def uploaded(self, login: str, name: str, content: bytes) -> str:
        """The id of a finished upload."""
        begun = await self.begin(login, name, len(content))
        assert begun.status_code == 201, begun.text
        location = begun.headers["location"]
        done = await self.patch(login, location, 0, content)
        assert done.status_code == 204, done.text
        return str(location).rpartition("/")[2]

    def stored(self) -> list[str]:
        """The contents on the disk: `<city>/<two digits>/<SHA-256>`."""
        blobs = self.folder / "files" / "blobs"
        return sorted(str(path.relative_to(blobs)) for path in blobs.rglob("*") if path.is_file())

    def staged(self) -> list[str]:
        """What is still coming in."""
        uploads = self.folder / "files" / "uploads"
        return sorted(str(path.relative_to(uploads)) for path in uploads.rglob("*") if path.is_file())


def mutation(name: str, selection: str) -> str:
    type_name = name[0].upper() + name[1:] + "Input"
    return (
        f"mutation($input: {type_name}!) {{ {name}(input: $input) {{ ticket {{ {selection} }} userErrors "
        "{ __typename code message path ... on InvalidInputError { rule limit } } } }"
    )


@asynccontextmanager
async def opened(world: World, application_url: str, folder: Path, **files: Any) -> AsyncIterator[Counter]:
    settings = Settings(app_database_url=application_url, data_dir=folder, pool_size=5, files=Files(**files))
    async with services_of(settings) as services, Hub(services) as hub:
        app = Starlette(routes=[*graphql_routes(services, hub), *file_routes(services)])
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            yield Counter(services, world, http, folder, app)


@pytest.fixture
async def place(world: World, admin: asyncpg.Connection) -> World:
    """The world under its real schemes."""
    await use_presets(admin)
    return world


@pytest.fixture
async def counter(place: World, application_url: str, tmp_path: Path) -> AsyncIterator[Counter]:
    """The application on this test's own database and folder."""
    async with opened(place, application_url, tmp_path) as counter:
        yield counter
