"""What `yingshang serve` refuses to do, as a process that is started and ends (tests/test_cli.py has the variants)."""

from __future__ import annotations

import subprocess

import asyncpg

from app.kernel.secrets import new_signing_key
from tests.e2e.serving import PATIENCE, PROGRAM, Place, Serving, free_port


def refused(place: Place, *arguments: str, **environment: str) -> str:
    """What it says instead of serving: one plain sentence or two, and the exit code 1."""
    done = subprocess.run(
        [PROGRAM, "serve", *arguments],
        env={**place.environment, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1, done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    return done.stderr


def test_the_port_is_taken(shared: Serving) -> None:
    said = refused(shared.place, "--port", str(shared.port), "--workers", "2")
    assert f"Cannot listen on 127.0.0.1:{shared.port}" in said
    assert "--port" in said


def test_the_network_with_a_generated_key(place: Place) -> None:
    place.issuer()  # even one that is kept: this machine made it
    assert "YINGSHANG_SIGNING_KEY" in refused(place, "--host", "0.0.0.0", "--port", str(free_port()))


async def test_the_network_with_logins_of_the_demonstration(place: Place, admin: asyncpg.Connection) -> None:
    await admin.execute("update users set demo = true where login = 'dispatcher@guangyuan'")
    said = refused(place, "--host", "0.0.0.0", "--port", str(free_port()), YINGSHANG_SIGNING_KEY=new_signing_key())
    assert "logins of the demonstration" in said
