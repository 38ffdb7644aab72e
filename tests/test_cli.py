"""The command line, in process and, where a process matters, as one."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app import cli
from app.kernel.config import get_settings
from app.kernel.secrets import new_signing_key
from authz.keys import signing_key
from authz.tokens import TokenVerifier
from tests.conftest import Server
from tests.factories.world import make_world

TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+\n")


@pytest.fixture
def environment(
    admin_url: str, application_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pytest.MonkeyPatch]:
    """The settings of a machine whose database is this test's own."""
    settle(monkeypatch, admin_url, application_url, tmp_path)
    yield monkeypatch
    get_settings.cache_clear()


def settle(patch: pytest.MonkeyPatch, admin_url: str, application_url: str, data_dir: Path) -> None:
    patch.setenv("DATABASE_URL", admin_url)
    patch.setenv("YINGSHANG_APP_DATABASE_URL", application_url)
    patch.setenv("YINGSHANG_DATABASE_PASSWORD", "only-for-tests")
    patch.setenv("YINGSHANG_DATA_DIR", str(data_dir))
    patch.delenv("YINGSHANG_SIGNING_KEY", raising=False)
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def loaded(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A template with a small demonstration in it, and what loading it printed."""

    async def make(admin_url: str) -> str:
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as printed:
            settle(patch, admin_url, server.application_url(admin_url), tmp_path_factory.mktemp("loaded"))
            command = ["demo", "--no-serve", "--enterprises", "25", "--tickets", "40", "--port", "8765"]
            assert await asyncio.to_thread(cli.run, command) == 0
        get_settings.cache_clear()
        return printed.getvalue()

    template, printed = server.told("command_demo", make)
    return template, printed


@pytest.fixture
def template(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("loaded")[0] if "demo" in request.fixturenames else None


@pytest.fixture
def demo(environment: pytest.MonkeyPatch, loaded: tuple[str, str]) -> str:
    """What loading the demonstration printed that is in this test's database."""
    return loaded[1]


def set_key(environment: pytest.MonkeyPatch) -> str:
    key = new_signing_key()
    environment.setenv("YINGSHANG_SIGNING_KEY", key)
    get_settings.cache_clear()
    return key


def test_token_prints_a_token_and_nothing_else(
    admin_url: str, environment: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    world = asyncio.run(make_world(admin_url))
    key = set_key(environment)
    assert cli.run(["token", "--user", "dispatcher@guangyuan", "--hours", "2"]) == 0
    printed = capfd.readouterr()
    assert TOKEN.fullmatch(printed.out)
    assert printed.err == ""
    now = datetime.now(UTC)
    claims = TokenVerifier(signing_key(key)).verify(printed.out.strip(), now)
    assert claims.user_id == world.user("dispatcher@guangyuan")
    assert (claims.expires_at - claims.issued_at).total_seconds() == 7_200


@pytest.mark.parametrize("login", ["nobody@guangyuan", "NUL\x00", "", "' or true --"])
def test_token_of_nobody(login: str, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["token", "--user", login]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "no active user" in printed.err


def test_demo_prints_the_url_three_tokens_and_six_things(demo: str) -> None:
    assert "http://127.0.0.1:8765/graphql" in demo
    tokens = dict(re.findall(r"^export (\w+)=(eyJ\S+)$", demo, re.MULTILINE))
    assert set(tokens) == {"ENTERPRISE", "DISPATCHER", "HANDLER"}
    assert [line[:2] for line in demo.splitlines() if re.match(r"\d\. ", line)] == [f"{n}." for n in range(1, 7)]
    bodies = re.findall(r"-d '(.*?)'(?=$|; echo| \|)", demo, re.MULTILINE)
    assert len(bodies) == 8
    for body in bodies:
        assert json.loads(body.replace("'$TICKET'", "T_x"))["query"]


def test_demo_again_says_so(demo: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["demo", "--no-serve", "--enterprises", "25", "--tickets", "40"]) == 0
    assert capsys.readouterr().out.count("all there already") == 4  # the region itself has no tickets


def test_list_logins(demo: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["demo", "--list-logins"]) == 0
    printed = capsys.readouterr().out
    for login, name in (
        ("intake_agent@guangyuan ", "受理专席(广元市)"),
        ("handler@guangyuan.finance ", "经办人员(市财政局)"),
        ("supervision_officer@anshan ", "督查督办专责组(鞍山市)"),
        ("platform_operator@platform ", "平台运维员(平台)"),
    ):
        assert re.search(rf"^  {re.escape(login)} +{re.escape(name)}$", printed, re.MULTILINE)
    assert (
        len(re.findall(r"^  enterprise@\w{18} ", printed, re.MULTILINE)) == 44
    )  # 20 each, and all 2 of the two small ones
    assert printed.count("… and 5 more enterprises") == 2


def test_list_logins_without_a_demonstration(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["demo", "--list-logins"]) == 1
    assert "not loaded" in capsys.readouterr().err


def served(environment: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """Instead of serving, remember that it would have been: a server that should not start must not in a test."""
    calls: list[dict[str, object]] = []
    environment.setattr(cli.operations, "run_server", lambda settings, **how: calls.append(how))
    return calls


def test_serve_refuses_the_network_with_a_generated_key(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = served(environment)
    assert cli.run(["serve", "--host", "0.0.0.0", "--port", "0"]) == 2
    for host in ("0.0.0.0", "::"):
        assert cli.run(["serve", "--host", host, "--port", str(free_port())]) == 1
        assert "YINGSHANG_SIGNING_KEY" in capsys.readouterr().err
    assert calls == []


def test_serve_refuses_the_network_with_demo_logins(
    demo: str, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_key(environment)
    calls = served(environment)
    assert cli.run(["serve", "--host", "0.0.0.0", "--port", str(free_port())]) == 1
    assert "logins of the demonstration" in capsys.readouterr().err
    assert calls == []


def test_serve_takes_the_network_with_a_key_and_no_demonstration(environment: pytest.MonkeyPatch) -> None:
    set_key(environment)
    calls = served(environment)
    port = free_port()
    assert cli.run(["serve", "--host", "0.0.0.0", "--port", str(port), "--workers", "2"]) == 0
    assert calls == [{"host": "0.0.0.0", "port": port, "workers": 2}]


def test_serve_on_loopback_needs_nothing(environment: pytest.MonkeyPatch) -> None:
    calls = served(environment)
    for host in ("127.0.0.1", "localhost"):
        assert cli.run(["serve", "--host", host, "--port", str(free_port())]) == 0
    assert len(calls) == 2


def test_serve_says_that_the_port_is_taken(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    calls = served(environment)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert cli.run(["serve", "--port", str(port)]) == 1
    assert f"127.0.0.1:{port}" in capsys.readouterr().err
    assert calls == []


def test_an_unmigrated_database_is_named(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["migrate", "down", "--yes"]) == 0
    for command in (["serve", "--port", str(free_port())], ["token", "--user", "a"], ["tenant", "list"]):
        assert cli.run(command) == 1
        assert "yingshang migrate" in capsys.readouterr().err
    assert cli.run(["migrate", "check"]) == 1
    assert cli.run(["migrate"]) == 0
    assert cli.run(["migrate", "check"]) == 0


def test_an_unreachable_database_is_named(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    environment.setenv("YINGSHANG_APP_DATABASE_URL", f"postgresql://yingshang_app@127.0.0.1:{free_port()}/x")
    get_settings.cache_clear()
    assert cli.run(["token", "--user", "a"]) == 1
    assert "cannot be reached" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["nonsense", "postgresql://[::1", "mysql://x/y"])
def test_an_unusable_url_is_named(
    url: str, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("YINGSHANG_APP_DATABASE_URL", url)
    get_settings.cache_clear()
    assert cli.run(["token", "--user", "a"]) == 1
    assert "URL" in capsys.readouterr().err


def test_an_unusable_key_is_named(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for key, told in (("{}", "YINGSHANG_SIGNING_KEY"), ("/no/such/file", "/no/such/file")):
        environment.setenv("YINGSHANG_SIGNING_KEY", key)
        get_settings.cache_clear()
        assert cli.run(["serve", "--port", str(free_port())]) == 1
        assert told in capsys.readouterr().err


def test_wrong_settings_are_named(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    environment.setenv("YINGSHANG_PORT", "many")
    get_settings.cache_clear()
    assert cli.run(["serve"]) == 1
    assert "port" in capsys.readouterr().err


def test_doctor_tells_what_is_well_and_what_is_wrong(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("YINGSHANG_PORT", str(free_port()))
    get_settings.cache_clear()
    assert cli.run(["doctor"]) == 0
    assert "WRONG" not in capsys.readouterr().out
    assert cli.run(["migrate", "down", "--yes"]) == 0
    assert cli.run(["doctor"]) == 1
    printed = capsys.readouterr()
    assert "WRONG migrations: The database was never migrated.\n      Run `yingshang migrate`." in printed.out
    assert "are wrong" in printed.err


def test_tenants_are_made_and_listed(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["tenant", "create", "--preset", "anshan"]) == 0
    assert cli.run(["tenant", "create", "--preset", "anshan"]) == 0
    assert cli.run(["tenant", "create", "--preset", "guangyuan", "--slug", "elsewhere"]) == 0
    assert cli.run(["tenant", "create", "--preset", "nowhere"]) == 1
    assert "anshan, guangxi, guangyuan" in capsys.readouterr().err
    assert cli.run(["tenant", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["anshan", "elsewhere"]


def test_the_embedded_server_is_not_touched_beside_an_external_one(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("start", "stop", "url"):
        assert cli.run(["db", command]) == 1
        assert "DATABASE_URL is set" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["token"], ["migrate", "sideways"], ["serve", "--port", "70000"], ["nothing"]])
def test_a_mistyped_command_is_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_going_down_asks_first(environment: pytest.MonkeyPatch) -> None:
    environment.setattr(sys, "stdin", io.StringIO())
    assert cli.run(["migrate", "down"]) == 1
    assert cli.run(["migrate", "check"]) == 0


def test_the_entry_point_survives_a_terminal_without_chinese(demo: str, environment: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-m", "app.cli", "demo", "--list-logins"]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "intake_agent@guangyuan" in done.stdout


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
