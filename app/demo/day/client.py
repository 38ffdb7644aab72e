"""GraphQL over HTTP, uploads and downloads by the standard library; live streams by `graphql-transport-ws`."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

PATIENCE = 60
"""Seconds that one answer may take."""
ERRORS = "userErrors { code message ... on InvalidInputError { rule } }"
TICKET = "ticket { id number version status }"
FEED = (
    "subscription($within: TenantPath!) { ticketFeed(within: $within)"
    " { node { id type version visibility note ticket { id } } } }"
)


class Unexpected(Exception):
    """The server, or what it says, is not as it should be."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP. `began` and `ended` are seconds of `time.perf_counter`."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    began: float
    ended: float

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            raise Unexpected(f"HTTP {self.status} without JSON: {self.body[:80]!r}") from None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of a mutation: what it shows, or why it was refused (`ILLEGAL_TRANSITION`, `INVALID_INPUT required`…)."""

    payload: Mapping[str, Any] | None
    refusal: str | None
    answer: Answer


def refusal_of(payload: Mapping[str, Any]) -> str | None:
    """Why a mutation, or one item of it, was refused, if it was."""
    for error in payload["userErrors"]:
        return " ".join(filter(None, (error["code"], error.get("rule"))))
    return None


class Client:
    """Asks one server in the name of many people, by their logins. Use as a context manager."""

    def __init__(self, url: str, tokens: Mapping[str, str], *, at_once: int) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname is None:
            raise Unexpected(f"{url} is not the http:// address of the demonstration.")
        self.url = url
        self._host, self._port, self._path = parts.hostname, parts.port or 80, parts.path or "/graphql"
        self._tokens = tokens
        self._pool = ThreadPoolExecutor(at_once)
        self._own = threading.local()
        self._connections: list[http.client.HTTPConnection] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        for connection in self._connections:
            connection.close()

    def bearer(self, login: str) -> str:
        """What the person shows at every door."""
        try:
            return f"Bearer {self._tokens[login]}"
        except KeyError:
            raise Unexpected(f"The demonstration has nobody called {login!r}.") from None

    async def send(
        self, login: str, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request over HTTP."""
        told = {"authorization": self.bearer(login), "accept-language": "en", **(headers or {})}
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._send, method, path, body, told)

    def _send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        began = time.perf_counter()
        for again in (True, False):
            connection: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
            if connection is None:
                connection = http.client.HTTPConnection(self._host, self._port, timeout=PATIENCE)
                self._own.connection = connection
                self._connections.append(connection)
            try:
                connection.request(method, path, body, dict(headers))
                response = connection.getresponse()
                content = response.read()
                told = {name.lower(): value for name, value in response.getheaders()}
                return Answer(response.status, told, content, began, time.perf_counter())
            except ConnectionRefusedError:
                raise Unexpected(f"Nobody serves {self.url}; `yingshang demo` does.") from None
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                # A connection that was idle has been closed: what was asked did not get through.
                if not again or not isinstance(error, ConnectionError):
                    raise Unexpected(f"{self.url} does not answer: {error!r}") from error
        raise AssertionError("either answered or raised")

    async def ask(self, login: str, query: str, **variables: Any) -> Any:
        """The data of a query. Raises Unexpected for a refusal."""
        answer = await self._post(login, query, variables)
        if answer.json.get("errors"):
            raise Unexpected(f"{login} was refused: {answer.json['errors'][0]['message']}")
        return answer.json["data"]

    async def refusal(self, login: str, query: str, **variables: Any) -> str | None:
        """The code with which a query is refused, if it is."""
        errors = (await self._post(login, query, variables)).json.get("errors")
        return str(errors[0]["extensions"]["code"]) if errors else None

    async def verb(
        self, login: str, name: str, given: Mapping[str, Any], *, shows: str = TICKET, file: bytes | None = None
    ) -> Outcome:
        """A mutation; `given` is its input, `file` the content of its `file` (by the GraphQL multipart request)."""
        query = (
            f"mutation($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) {{ {shows} {ERRORS} }} }}"
        )
        answer = await self._post(login, query, {"input": given}, file)
        if "errors" in answer.json:
            return Outcome(None, str(answer.json["errors"][0]["extensions"]["code"]), answer)
        payload = answer.json["data"][name]
        refusal = refusal_of(payload)
        return Outcome(None if refusal else payload, refusal, answer)

    async def _post(self, login: str, query: str, variables: Mapping[str, Any], file: bytes | None = None) -> Answer:
        body = json.dumps({"query": query, "variables": variables}).encode()
        if file is None:
            return await self.send(login, "POST", self._path, body, {"content-type": "application/json"})
        name = variables["input"]["file"]
        edge = "yingshang-day"
        operations = json.dumps({"query": query, "variables": {"input": {**variables["input"], "file": None}}})
        parts = [
            f'--{edge}\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{operations}\r\n',
            f'--{edge}\r\ncontent-disposition: form-data; name="map"\r\n\r\n{{"0": ["variables.input.file"]}}\r\n',
            f'--{edge}\r\ncontent-disposition: form-data; name="0"; filename="{name}"\r\n\r\n',
        ]
        form = "".join(parts).encode() + file + f"\r\n--{edge}--\r\n".encode()
        return await self.send(
            login, "POST", self._path, form, {"content-type": f"multipart/form-data; boundary={edge}"}
        )

    async def upload(self, login: str, name: str, content: bytes) -> str:
        """A resumable upload (tus) that is cut off in the middle, asked how far it came, and gone on with; its id."""
        tus = {"tus-resumable": "1.0.0"}
        offset_stream = {**tus, "content-type": "application/offset+octet-stream"}
        metadata = f"filename {base64.b64encode(name.encode()).decode()}"
        made = await self.send(
            login,
            "POST",
            "/files/uploads",
            headers={**tus, "upload-length": str(len(content)), "upload-metadata": metadata},
        )
        if made.status != 201:
            raise Unexpected(f"an upload was answered with {made.status}: {made.body[:200]!r}")
        at = urlsplit(made.headers["location"]).path
        half = len(content) // 2
        await self.send(login, "PATCH", at, content[:half], {**offset_stream, "upload-offset": "0"})
        came = int((await self.send(login, "HEAD", at, headers=tus)).headers["upload-offset"])
        last = await self.send(login, "PATCH", at, content[came:], {**offset_stream, "upload-offset": str(came)})
        if (came, last.status) != (half, 204):
            raise Unexpected(f"an upload went on from {came} with {last.status}")
        return at.rsplit("/", 1)[1]


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event as a watcher saw it arrive; `at` are seconds of `time.perf_counter`."""

    event: str
    ticket: str
    type: str
    version: int
    visibility: str
    note: str
    at: float


@dataclass
class Watch:
    """A board: everything that one person's feed of a tenant brings. Use as an async context manager."""

    client: Client
    login: str
    within: str
    arrivals: list[Arrival] = field(default_factory=list)
    _task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def of(self, ticket: str) -> list[Arrival]:
        """What came of a ticket, in the order of arrival."""
        return [arrival for arrival in self.arrivals if arrival.ticket == ticket]

    async def until(self, enough: Callable[[], bool], seconds: float) -> bool:
        """Whether there was enough within the time. Raises Unexpected when the stream has ended."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not enough():
                    assert self._task is not None
                    if self._task.done():
                        self._task.result()
                        raise Unexpected(f"The feed of {self.login} was completed.")
                    await asyncio.sleep(0.01)
        return enough()

    async def _run(self) -> None:
        url = "ws" + self.client.url.removeprefix("http")
        protocol = Subprotocol("graphql-transport-ws")
        try:
            async with connect(url, subprotocols=[protocol], compression=None, proxy=None) as socket:
                payload = {"authorization": self.client.bearer(self.login)}
                await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
                await socket.recv()  # connection_ack
                asked = {"query": FEED, "variables": {"within": self.within}}
                await socket.send(json.dumps({"id": "feed", "type": "subscribe", "payload": asked}))
                async for text in socket:
                    self._take(json.loads(text), time.perf_counter())
        except (OSError, WebSocketException) as error:
            raise Unexpected(f"The feed of {self.login} broke off: {error}") from error

    def _take(self, message: Mapping[str, Any], at: float) -> None:
        if message["type"] == "complete":
            raise Unexpected(f"The feed of {self.login} was completed.")
        if message["type"] == "error" or message.get("payload", {}).get("errors"):
            raise Unexpected(f"The feed of {self.login} was refused: {message['payload']}")
        if message["type"] == "next":
            node = message["payload"]["data"]["ticketFeed"]["node"]
            values = (node[name] for name in ("id", "type", "version", "visibility"))
            event, kind, version, visibility = values
            note = node["note"] or ""
            self.arrivals.append(Arrival(event, node["ticket"]["id"], kind, version, visibility, note, at))
