"""What the tests of this folder start from."""

from __future__ import annotations

import asyncpg
import pytest

from app.kernel.database import Database
from tests.factories.world import World
from tests.tickets.town import Town, give_schemes


@pytest.fixture
async def town(database: Database, world: World, admin: asyncpg.Connection) -> Town:
    """Both cities of the world, each under its own scheme, and everybody at their desks."""
    await give_schemes(admin)
    return Town(database, world, admin)
