"""What every measurement shares: the row of the table, CPU per request, servers as processes, and a lean HTTP client.

CPU and ratios, not wall times: what else the machine does changes those hardly. All contenders of a row are asked in
turns within one run; the first round warms up, the median of the others counts.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

import asyncpg
import httptools
import psutil

from app.kernel.config import Settings
from app.kernel.database import DatabaseUrls
from authz.keys import signing_key
from authz.tokens import TokenIssuer

PROGRAM = Path(sys.executable).with_name("yingshang")
CONNECTIONS = 8
PATIENCE = 90.0
"""Seconds that a server may take to start."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table and of `bench.json`; None where something was not measured or has nothing to compare with.

    The unit stands in `row`. `ratio` is ours against the floor, against the peer, or against `target` itself where
    that is absolute: `row` says which.
    """

    row: str
    ours: float | None = None
    floor: float | None = None
    peer: float | None = None
    ratio: float | None = None
    target: float | None = None
    met: bool | None = None


def against_floor(name: str, ours: float, floor: float, target: float | None) -> Row:
    """Ours may be so many times the floor; None: it is told, and there is no target."""
    ratio = ours / floor
    met = None if target is None else ratio <= target
    return Row(name, short(ours), short(floor), None, short(ratio), target, met)


def against_peer(name: str, ours: float, peer: float | None, target: float) -> Row:
    """Ours may be so much of the peer's; without a peer the row says what ours is."""
    if peer is None:
        return Row(name, ours=short(ours), target=short(target))
    ratio = ours / peer
    return Row(name, short(ours), None, short(peer), short(ratio), short(target), ratio <= target)


def against_target(name: str, ours: float, target: float) -> Row:
    """Ours may be so much, in the unit of the row."""
    return Row(name, ours=short(ours), ratio=short(ours / target), target=target, met=ours <= target)


def short(value: float) -> float:
    """Four digits: more would be noise."""
    return float(f"{value:.4g}")


def table_of(rows: Sequence[Row]) -> str:
    """The rows as people read them, the columns in line."""
    heads = ("row", "ours", "floor", "peer", "ratio", "target", "met")
    lines = [heads, *(tuple(_shown(getattr(row, head)) for head in heads) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(heads))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return f"{value:,.4g}" if isinstance(value, float) and abs(value) < 10_000 else str(value)


def json_of(rows: Sequence[Row]) -> str:
    """The text of `bench.json`."""
    return json.dumps([asdict(row) for row in rows], indent=1, ensure_ascii=False) + "\n"


def say(line: str) -> None:
    """Tell who waits what goes on; the table itself comes last and on the other stream."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201


# --- CPU ---------------------------------------------------------------------------------------------------------


def cpu_seconds(process: psutil.Process) -> float:
    """What the process has computed so far. Linux counts it by the nanosecond, others by the hundredth of a second."""
    try:
        tasks = list(Path(f"/proc/{process.pid}/task").iterdir())
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    except (OSError, ValueError, IndexError):
        times = process.cpu_times()
        return float(times.user + times.system)


def family_cpu_seconds(parent: psutil.Process) -> float:
    """A process with its children, ended ones included: PostgreSQL and its backends, a server and its workers."""
    ended = parent.cpu_times()
    used = cpu_seconds(parent) + float(ended.children_user + ended.children_system)
    for child in parent.children():
        with suppress(psutil.NoSuchProcess):
            used += cpu_seconds(child)
    return used


def memory_bytes(process: psutil.Process) -> int:
    """What the process alone keeps in memory (unique set size)."""
    return int(process.memory_full_info().uss)


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU milliseconds of one request: of the server, and of the database."""

    server: float
    database: float

    @property
    def total(self) -> float:
        return self.server + self.database


Ask = Callable[[int], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Contender:
    """Who is asked: `ask` takes the number of the request; `process` is who answers (a family when it has workers)."""

    ask: Ask
    process: psutil.Process
    connections: int = CONNECTIONS


async def cost_of(contender: Contender, postgres: psutil.Process, requests: int) -> Cost:
    """The mean cost of so many requests."""
    numbers = iter(range(requests))

    async def work() -> None:
        for number in numbers:
            await contender.ask(number)

    server, database = family_cpu_seconds(contender.process), family_cpu_seconds(postgres)
    await asyncio.gather(*(work() for _ in range(contender.connections)))
    server, database = family_cpu_seconds(contender.process) - server, family_cpu_seconds(postgres) - database
    return Cost(server * 1_000 / requests, database * 1_000 / requests)


async def compare(
    contenders: Mapping[str, Contender], bench: Bench, requests: int, *, rounds: int | None = None
) -> dict[str, Cost]:
    """The median cost of each, asked in turns, `rounds` times (`bench.rounds`) after a warm-up."""
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for _ in range((rounds or bench.rounds) + 1):
        for name, contender in contenders.items():
            costs[name].append(await cost_of(contender, bench.postgres, requests))
    return {
        name: Cost(
            statistics.median(cost.server for cost in measured[1:]),
            statistics.median(cost.database for cost in measured[1:]),
        )
        for name, measured in costs.items()
    }


# --- servers -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Served:
    """A server that is running, at `url` (no path)."""

    url: str
    port: int
    process: psutil.Process


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str | Path], port: int, *, folder: Path | None = None, **environment: str
) -> Iterator[Served]:
    """A command that listens on the port of the loopback, until the end of the block; stopped by its own id.

    What it says is shown only if it does not start, or if the block ends with an exception.
    """
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            yield _listening(process, port)
        except BaseException:
            log.seek(0)
            say(log.read().decode(errors="replace")[-4_000:])
            raise
        finally:
            _end(process)


def _listening(process: subprocess.Popen[bytes], port: int) -> Served:
    deadline = time.monotonic() + PATIENCE
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return Served(f"http://127.0.0.1:{port}", port, psutil.Process(process.pid))
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} does not listen on port {port}")
        time.sleep(0.05)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# --- the bench ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class City:
    """A loaded city. `tickets` is how many it has."""

    id: int
    path: str
    tickets: int


@dataclass
class Bench:
    """What a module of measurements is handed. `cities` has the large one first."""

    settings: Settings
    urls: DatabaseUrls
    cities: list[City]
    postgres: psutil.Process
    now: datetime
    quick: bool = False
    rounds: int = 5
    node: Path | None = None
    """Node 22 or newer, where there is one; None leaves the peers out."""
    folder: Path = Path()
    """Where a measurement may write; removed at the end."""
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def large(self) -> City:
        return self.cities[0]

    def requests(self, count: int) -> int:
        """So many requests a round, or an eighth of them in the quick version."""
        return min(count, max(8, count // 8)) if self.quick else count

    async def admin(self) -> asyncpg.Connection:
        """A connection as the superuser, past row-level security; the caller closes it."""
        connection: asyncpg.Connection = await asyncpg.connect(self.urls.admin)
        return connection

    async def token(self, login: str) -> str:
        """What `login` signs in with (`dispatcher@guangyuan`), for all of the run."""
        if login not in self.tokens:
            admin = await self.admin()
            try:
                user = await admin.fetchval("select id from users where login = $1", login)
            finally:
                await admin.close()
            issuer = TokenIssuer(signing_key(self.settings.signing_key_text()))
            self.tokens[login] = issuer.issue(user, now=self.now, lifetime=timedelta(hours=6))
        return self.tokens[login]

    @contextmanager
    def ours(self, *, workers: int = 1, **environment: str) -> Iterator[Served]:
        """The product as it is delivered: `yingshang serve`."""
        port = free_port()
        command = [PROGRAM, "serve", "--port", str(port), "--workers", str(workers)]
        with running(command, port, **self.environment, **environment) as served:
            yield served

    @contextmanager
    def bare(self, factory: str, **environment: str) -> Iterator[Served]:
        """An ASGI application with the same server options: the floor."""
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", factory, "--factory", "--port", str(port), "--loop", "uvloop"]
        command += ["--http", "httptools", "--no-access-log", "--no-server-header", "--log-level", "warning"]
        with running(command, port, **self.environment, **environment) as served:
            yield served

    @property
    def environment(self) -> dict[str, str]:
        """What a server of ours is told here. What is due by itself is measured by itself (`sweep`)."""
        return {"YINGSHANG_DATA_DIR": str(self.settings.data_dir), "YINGSHANG_WORKER": "false"}


# --- Node --------------------------------------------------------------------------------------------------------


def find_node(folder: Path, package: Path) -> Path | None:
    """Node 22 or newer: the machine's own, or the one that npm's package `node` brings into `folder`; None if neither.

    `package` holds the `package.json` that names the version.
    """
    own = shutil.which("node")
    if own is not None and _is_new(Path(own)):
        return Path(own)
    try:
        brought = install(package, folder / "node") / "node_modules" / "node" / "bin" / "node"
    except (OSError, subprocess.SubprocessError) as error:
        say(f"Without Node 22 or newer: {error}")
        return None
    return brought if brought.exists() and _is_new(brought) else None


def _is_new(node: Path) -> bool:
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    return int(said.strip().lstrip("v").split(".")[0]) >= 22


def install(sources: Path, folder: Path, node: Path | None = None) -> Path:
    """Copy a peer's sources to `folder` and install there what its `package.json` names, by npm. Returns `folder`.

    Raises OSError without npm, and `subprocess.SubprocessError` when it fails or takes longer than five minutes.
    """
    shutil.copytree(sources, folder, dirs_exist_ok=True)
    path = os.environ.get("PATH", "")
    if node is not None:
        path = f"{node.parent}{os.pathsep}{path}"
    command = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, check=True, timeout=300, stdout=subprocess.DEVNULL
    )
    return folder


# --- HTTP --------------------------------------------------------------------------------------------------------


class Http:
    """One kept-alive connection to a server of the loopback; a library for HTTP would cost more than what it measures.

    Use as an async context manager, by one task at a time.
    """

    def __init__(self, served: Served) -> None:
        self._served = served

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._served.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
        """The body of the answer. Raises RuntimeError unless it is 200, and for a GraphQL answer with errors."""
        if self._reader.at_eof():  # a server drops whom it has not heard of for some seconds
            await self.__aexit__()
            await self.__aenter__()
        lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", "content-type: application/json"]
        lines += [f"content-length: {len(body)}", *(f"{name}: {value}" for name, value in (headers or {}).items())]
        self._writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        answer = _Answer()
        parser = httptools.HttpResponseParser(answer)
        while not answer.complete:
            data = await self._reader.read(262_144)
            if not data:
                raise RuntimeError("the server closed the connection")
            parser.feed_data(data)
        text = b"".join(answer.parts)
        if parser.get_status_code() != 200 or b'"errors":' in text:
            raise RuntimeError(text.decode(errors="replace")[:2_000])
        return text


class _Answer:
    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.complete = False

    def on_body(self, body: bytes) -> None:
        self.parts.append(body)

    def on_message_complete(self) -> None:
        self.complete = True


class Clients:
    """Several connections to one server, lent to whoever asks next. Use as an async context manager."""

    def __init__(self, served: Served, connections: int = CONNECTIONS) -> None:
        self._served = served
        self._all = [Http(served) for _ in range(connections)]
        self._idle = list(self._all)

    async def __aenter__(self) -> Self:
        for http in self._all:
            await http.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        for http in self._all:
            await http.__aexit__()

    async def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
        """As `Http.post`, over a connection that is idle; there must be one."""
        http = self._idle.pop()
        try:
            return await http.post(path, body, headers)
        finally:
            self._idle.append(http)

    async def graphql(
        self, token: str | None, query: str, variables: Mapping[str, object] | None = None, path: str = "/graphql"
    ) -> bytes:
        """The answer to a GraphQL request."""
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        return await self.post(path, body, None if token is None else {"authorization": f"Bearer {token}"})
