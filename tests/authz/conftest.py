"""What the tests of this folder start from."""

from __future__ import annotations

import pytest

from app.kernel.database import Database
from tests.authz.desk import Desk
from tests.factories.world import World


@pytest.fixture
def desk(database: Database, world: World) -> Desk:
    """A process of the product on this test's two cities."""
    return Desk(database, world)
