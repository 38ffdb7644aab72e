"""`yingshang serve` as its own process on a free port of the loopback: started, killed by its own id, started again."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from app.kernel.config import Settings
from authz.keys import signing_key
from authz.tokens import TokenIssuer
from tests.factories.world import World

PROGRAM = Path(sys.executable).with_name("yingshang")
PATIENCE = 90.0
"""Seconds that a process may take to start, and to stop, on a machine with much else to do."""
BELOW_EPHEMERAL = range(20_000, 32_000)
"""Ports that no outgoing connection takes while a killed server is being started again."""


@dataclass(frozen=True)
class Place:
    """A machine to serve on: a database with the two cities in it, and a folder for its secrets."""

    admin_url: str
    application_url: str
    data_dir: Path
    world: World
    settings: Mapping[str, str] = field(default_factory=dict)
    """What the program is told besides."""

    @property
    def environment(self) -> dict[str, str]:
        """What the program is told here, and nothing of what it would be told where the tests run."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("YINGSHANG_", "DATABASE_"))}
        return {
            **kept,
            "YINGSHANG_APP_DATABASE_URL": self.application_url,
            "YINGSHANG_DATA_DIR": str(self.data_dir),
            "YINGSHANG_POOL_SIZE": "8",
            # Only notifications wake the streams: the poll under them would hide that one was lost.
            "YINGSHANG_LIMITS__LIVE_POLL_SECONDS": "3600",
            "PYTHONUNBUFFERED": "1",
            **self.settings,
        }

    def issuer(self) -> TokenIssuer:
        """Signs with the key that the server of this place finds, or makes, in its folder."""
        return TokenIssuer(signing_key(Settings(data_dir=self.data_dir, signing_key=None).signing_key_text()))

    def token(self, login: str, *, lifetime: timedelta = timedelta(hours=1), age: timedelta = timedelta()) -> str:
        """A token of a person of the world, issued `age` ago."""
        return self.issuer().issue(self.world.user(login), now=datetime.now(UTC) - age, lifetime=lifetime)


def free_port(ports: range = BELOW_EPHEMERAL) -> int:
    """A port that nobody listens on."""
    while True:
        port = random.choice(ports)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class Serving:
    """A server of a place; `workers` processes behind one port. Use as a context manager, which ends what is left."""

    def __init__(self, place: Place, *, workers: int = 1) -> None:
        self.place = place
        self.workers = workers
        self.port = free_port()
        self.log = place.data_dir / f"serve-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._started: list[psutil.Process] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start, and wait until every worker serves."""
        arguments = ["serve", "--port", str(self.port), "--workers", str(self.workers)]
        begins_at = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [PROGRAM, *arguments], env=self.place.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE
        while True:
            said = self.log.read_bytes()[begins_at:].decode(errors="replace")
            if said.count("Application startup complete") >= self.workers and self.answers():
                self._started += self.worker_processes()
                return
            assert self.running, f"the server ended at its start:\n{said}"
            assert time.monotonic() < deadline, f"the server does not start:\n{said}"
            time.sleep(0.03)

    def worker_processes(self) -> list[psutil.Process]:
        """The processes that serve: the started one, or the workers it has started."""
        parent = psutil.Process(self.pid)
        if self.workers == 1:
            return [parent]
        workers = []
        for child in parent.children():
            with suppress(psutil.NoSuchProcess):  # killed, and not yet missed by its parent
                if "spawn_main" in " ".join(child.cmdline()):
                    workers.append(child)
        return workers

    def worker_of(self, local_port: int) -> int:
        """The id of the worker that has the other end of a connection of ours."""
        for worker in self.worker_processes():
            for connection in worker.net_connections("tcp"):
                if connection.raddr and connection.raddr.port == local_port:
                    return worker.pid
        raise AssertionError(f"no worker has a connection from port {local_port}")

    def kill(self) -> None:
        """`kill -9`: no farewell, nothing flushed."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """As an operator would; the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(how)
        return self._process.wait(PATIENCE)

    def answers(self) -> bool:
        """Whether anybody takes connections at the port."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def __enter__(self) -> Serving:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.running:
            self.kill()
        for process in self._started:  # each of them one of ours: psutil tells an id that was given again
            with suppress(psutil.NoSuchProcess):
                process.kill()
