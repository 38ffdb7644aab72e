"""Real servers on this test's own database, and one that gentle tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.conftest import Server, blocking
from tests.e2e.serving import Place, Serving
from tests.factories.world import World, make_world
from tests.schema.conftest import use_presets


async def _settled(admin_url: str) -> World:
    world = await make_world(admin_url)
    connection = await asyncpg.connect(admin_url)
    try:
        await use_presets(connection)
    finally:
        await connection.close()
    return world


def settle(server: Server, admin_url: str, data_dir: Path) -> Place:
    """Two cities with their real schemes in an empty, migrated database."""
    return Place(admin_url, server.application_url(admin_url), data_dir, blocking(_settled(admin_url)))


@pytest.fixture
def place(server: Server, admin_url: str, tmp_path: Path) -> Place:
    """A machine of this test's own."""
    return settle(server, admin_url, tmp_path)


@pytest.fixture
def serving(place: Place) -> Iterator[Serving]:
    """A server of this test's own, which it may kill."""
    with Serving(place) as serving:
        yield serving


@pytest.fixture(scope="session")
def shared(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server for tests that leave it running, and its people as they are."""
    with server.clone() as admin_url, Serving(settle(server, admin_url, tmp_path_factory.mktemp("shared"))) as serving:
        yield serving
