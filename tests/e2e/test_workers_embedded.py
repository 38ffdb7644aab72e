"""Workers on the PostgreSQL that comes with the program: all attach to the one, and it stays when they go."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.kernel import embedded
from app.kernel.config import Settings
from tests.e2e.client import Http
from tests.e2e.serving import PATIENCE, PROGRAM, Place, Serving
from tests.factories.world import World


@pytest.fixture
def machine() -> Iterator[Place]:
    """A machine with nothing but the program and a database that it has just made for itself."""
    with tempfile.TemporaryDirectory(prefix="yingshang-embedded-") as name:  # its user must pass the parents
        folder = Path(name)
        folder.chmod(0o755)
        place = _Bare("", "", folder, World(None, None, {}, {}))  # type: ignore[arg-type]
        command = [PROGRAM, "migrate"]
        subprocess.run(command, env=place.environment, check=True, capture_output=True, timeout=3 * PATIENCE)
        yield place
        embedded.stop(Settings(data_dir=folder).postgres_dir)


class _Bare(Place):
    @property
    def environment(self) -> dict[str, str]:
        told = super().environment
        del told["YINGSHANG_APP_DATABASE_URL"]
        return told


async def test_workers_share_the_embedded_server(machine: Place) -> None:
    postgres = Settings(data_dir=machine.data_dir).postgres_dir
    embedded.stop(postgres)  # who serves starts it, before there are workers
    with Serving(machine, workers=2) as serving:
        started = embedded.running_pid(postgres)
        workers = serving.worker_processes()
        assert len(workers) == 2
        assert started not in [None, *(worker.pid for worker in workers)]
        seen: set[int] = set()
        while len(seen) < 2:
            async with Http(serving.url) as http:
                seen.add(serving.worker_of(http.local_port(await http.post("{ __typename }"))))
        assert serving.stop() == 0
        assert psutil.wait_procs(workers, PATIENCE)[1] == []
    assert embedded.running_pid(postgres) == started, "a stop of the server would cut off others who use it"
