"""One server and one migrated template database for the whole run; a fresh clone of it for every test that asks.

The process that was started by hand names the run and cleans up after it; of the workers, the first to need a
database starts the server and builds the template. With DATABASE_URL the tests run on that server instead (a server
for tests: they set the password of `yingshang_app`).
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import fcntl
import gc
import itertools
import os
import pickle
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from app.kernel import embedded
from app.kernel.database import APP_ROLE, Database, with_database, with_login
from app.migrate import create_database, migrate_url
from tests.factories.world import World, make_world

_PREFIX = "yingshang-test-"
_MEMORY = Path("/dev/shm")
_ROOM = 4 << 30
"""Bytes that must be free in memory before a run takes its place there; it fills a quarter of them."""
PASSWORD = "only-for-tests"
_TEST_SERVER = {
    **embedded.SERVER_SETTINGS,
    "max_connections": "300",
    # Nothing of a test survives a crash of the machine, nor has to.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
}


@dataclass
class Server:
    """The server of the run. `admin` is the superuser's URL of its maintenance database, `run` the run's folder."""

    admin: str
    template: str
    embedded: bool
    run: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @contextlib.contextmanager
    def clone(self, template: str | None = None) -> Iterator[str]:
        """A fresh copy of the migrated template, or of a told one, for a test or a module; yields the superuser's URL
        of it."""
        name = f"{self.template}_{os.getpid()}_{next(self._numbers)}"
        blocking(execute(self.admin, self._copy(name, template or self.template)))
        try:
            yield with_database(self.admin, name)
        finally:
            blocking(execute(self.admin, f'drop database if exists "{name}" with (force)'))

    def told(self, name: str, make: Callable[[str], Coroutine[Any, Any, Any]]) -> tuple[str, Any]:
        """A template database that `make` fills, given its superuser's URL, and what `make` returned: once in a run, by
        whichever process needs it first."""
        template = f"{self.template}_{name}"
        kept = self.run / f"{name}.told"
        with (self.run / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                blocking(execute(self.admin, self._copy(template, self.template)))
                kept.write_bytes(pickle.dumps(blocking(make(with_database(self.admin, template)))))
        return template, pickle.loads(kept.read_bytes())

    def _copy(self, name: str, template: str) -> str:
        # File by file costs less than by way of the log; but on a disk the checkpoints that it needs cost more.
        how = "file_copy" if self.run.parent == _MEMORY else "wal_log"
        return f'create database "{name}" template "{template}" strategy {how}'

    def application_url(self, admin_url: str) -> str:
        """The application role's login to the same database."""
        return with_login(admin_url, APP_ROLE, None if self.embedded else PASSWORD)


def blocking(work: Coroutine[Any, Any, Any]) -> Any:
    """Run async work to its end from synchronous code, whether or not a loop runs in this thread."""
    results: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(work))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


_RUN_DIR = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    worker_input = getattr(config, "workerinput", None)
    if worker_input is not None:
        config.stash[_RUN_DIR] = Path(worker_input["yingshang_run"])
        return
    _sweep()
    run = _home() / f"{_PREFIX}{os.getpid()}"
    run.mkdir(mode=0o755, exist_ok=True)
    config.stash[_RUN_DIR] = run


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["yingshang_run"] = str(node.config.stash[_RUN_DIR])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long ones begin first: each worker is given a run of the list, and its share of them stands at its head."""
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    if workers == 1:
        return
    long = [item for item in items if item.get_closest_marker("long")]
    others = iter([item for item in items if not item.get_closest_marker("long")])
    dealt: list[pytest.Item] = []
    for worker in range(workers):
        ends = len(dealt) + (len(items) - len(dealt)) // (workers - worker)
        dealt += long[worker::workers]
        dealt += itertools.islice(others, max(0, ends - len(dealt)))
    items[:] = [*dealt, *others]


def pytest_collection_finish() -> None:
    """What is there by now stays to the end, and to look it all over again and again took a fifth of a run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 50)


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or _RUN_DIR not in config.stash:
        return
    run = config.stash[_RUN_DIR]
    url = os.environ.get("DATABASE_URL")
    if url is not None and (run / "ready").exists():
        with contextlib.suppress(OSError, asyncpg.PostgresError):
            told = [f"{_template(run)}_{kept.stem}" for kept in run.glob("*.told")]
            for name in (_template(run), *told):
                blocking(execute(url, f'drop database if exists "{name}" with (force)'))
    _remove(run)


def _home() -> Path:
    """Where a run keeps its server: in memory where there is room. Nearly every test makes a database and drops it,
    some six hundred files, which takes a disk several times as long as the test itself."""
    with contextlib.suppress(OSError):
        room = min(shutil.disk_usage(_MEMORY).free, psutil.virtual_memory().available)
        if os.access(_MEMORY, os.W_OK) and room >= _ROOM:
            return _MEMORY
    return Path(tempfile.gettempdir())


def _sweep() -> None:
    """Stop the servers and remove the data of earlier runs that were killed."""
    for home in (_MEMORY, Path(tempfile.gettempdir())):
        for run in home.glob(f"{_PREFIX}*"):
            pid = run.name.removeprefix(_PREFIX)
            if pid.isdigit() and not _alive(int(pid)) and run.stat().st_uid == os.getuid():
                _remove(run)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _remove(run: Path) -> None:
    embedded.stop(run / "postgres")
    shutil.rmtree(run, ignore_errors=True)


def _template(run: Path) -> str:
    return run.name.replace("-", "_")


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Server:
    """The server of this run with its migrated template: started and migrated by whoever asks first."""
    run = request.config.stash[_RUN_DIR]
    given = os.environ.get("DATABASE_URL")
    template = _template(run)
    with (run / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        admin = given or embedded.start(run / "postgres", _TEST_SERVER)
        if not (run / "ready").exists():
            blocking(create_database(admin, template))
            password = None if given is None else PASSWORD
            blocking(asyncio.to_thread(migrate_url, with_database(admin, template), application_password=password))
            (run / "ready").touch()
    return Server(admin, template, embedded=given is None, run=run)


@pytest.fixture(scope="session")
def peopled(server: Server) -> tuple[str, World]:
    """A template with the world in it, and the world: copy it, do not connect to it."""
    template, world = server.told("peopled", make_world)
    return template, world


@pytest.fixture
def template(request: pytest.FixtureRequest) -> str | None:
    """What this test's database is a copy of, instead of an empty one: of the world where the test asks for it."""
    return request.getfixturevalue("peopled")[0] if "world" in request.fixturenames else None


@pytest.fixture
def admin_url(server: Server, template: str | None) -> Iterator[str]:
    """The superuser's URL of this test's own database: migrated, a copy of the `template`, dropped afterwards."""
    with server.clone(template) as url:
        yield url


@pytest.fixture
def application_url(server: Server, admin_url: str) -> str:
    """The application role's login to this test's database: what a server process is given."""
    return server.application_url(admin_url)


@pytest.fixture
async def database(application_url: str) -> AsyncIterator[Database]:
    """This test's database, opened as the application."""
    opened = await Database.open(application_url, pool_size=5, statement_timeout_ms=20_000)
    yield opened
    await opened.close()


@pytest.fixture
async def admin(admin_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to this test's database: sets things up and looks behind row-level security."""
    connection = await asyncpg.connect(admin_url)
    yield connection
    await connection.close()


@pytest.fixture
def world(peopled: tuple[str, World], admin_url: str) -> World:
    """Two cities with their people and enterprises in this test's database."""
    return copy.deepcopy(peopled[1])
