"""The schema on a fresh database with the two cities of the world, asked as any of their people."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import orjson
import pytest

from app.kernel.clock import Clock, SystemClock
from app.kernel.config import Limits, Settings
from app.kernel.errors import RequestError
from app.main import services_of
from schema.context import Services, Viewer
from schema.errors import InvalidRequest, format_errors
from schema.viewers import with_current_grants
from tenants.schemes.model import load_preset
from tests.conftest import Server
from tests.factories.world import World, make_world

if TYPE_CHECKING:
    from tests.schema.story import Story


@dataclass
class Api:
    """Asks the schema as one of the world's people; nobody signed in for the login None."""

    services: Services
    world: World
    clock: Clock

    async def viewer(self, login: str | None, locale: Any = "en") -> Viewer:
        actor = None if login is None else await self.services.actors.load(self.world.user(login))
        return Viewer(actor, locale, self.clock.now())

    async def ask(self, login: str | None, query: str, *, locale: Any = "en", **variables: Any) -> dict[str, Any]:
        """The whole response, errors included."""
        viewer = await self.viewer(login, locale)
        executor = self.services.executor
        try:
            prepared = await executor.prepare(query, None, viewer=viewer)
            body = await with_current_grants(
                self.services, viewer, lambda current: executor.execute(prepared, variables, current)
            )
        except (InvalidRequest, RequestError) as refusal:
            return {"errors": format_errors(refusal, locale)}
        response: dict[str, Any] = orjson.loads(body)
        return response

    async def data(self, login: str | None, query: str, **variables: Any) -> dict[str, Any]:
        """The response's `data`; fails on any error."""
        response = await self.ask(login, query, **variables)
        assert "errors" not in response, response
        data: dict[str, Any] = response["data"]
        return data

    async def verb(self, login: str, name: str, selection: str = "id number version status", **given: Any) -> Any:
        """A ticket's verb; the ticket it shows. Fails on any refusal."""
        payload = await self.refusable(login, name, selection, **given)
        assert payload["userErrors"] == [], payload
        return payload["ticket"]

    async def refusable(self, login: str, name: str, selection: str = "id", **given: Any) -> dict[str, Any]:
        """A ticket's verb; its payload."""
        type_name = name[0].upper() + name[1:] + "Input"
        document = (
            f"mutation($input: {type_name}!) {{ {name}(input: $input) {{ ticket {{ {selection} }} userErrors "
            "{ __typename code message path ... on IllegalTransitionError { current action allowed } "
            "... on ConflictError { expectedVersion currentVersion } ... on InvalidInputError { rule limit } } } }"
        )
        payload: dict[str, Any] = (await self.data(login, document, input=given))[name]
        return payload

    async def submit(self, login: str | None = None, **given: Any) -> Any:
        """A ticket of Guangyuan's first enterprise, unless told otherwise."""
        login = login or self.world.guangyuan.enterprise.login
        values = {
            "category": "HELP",
            "channel": "WEB",
            "title": "厂房用电报装久拖未决",
            "body": "我公司新厂房六月申请用电报装,至今没有答复,影响投产。",
            **given,
        }
        return await self.verb(login, "ticketSubmit", **values)


async def use_presets(connection: asyncpg.Connection) -> None:
    """Put the real schemes in force in the world's cities."""
    for slug in ("guangyuan", "anshan"):
        document = orjson.dumps(load_preset(slug).scheme.document())
        await connection.execute(
            "update schemes s set document = $2, digest = $3 from tenants t where t.id = s.city_id and t.path = $1",
            slug,
            document.decode(),
            hashlib.sha256(document).digest(),
        )


@asynccontextmanager
async def opened(
    world: World, application_url: str, data_dir: Path, *, limits: Limits | None = None
) -> AsyncIterator[Api]:
    """The schema of one process on a database."""
    settings = Settings(app_database_url=application_url, data_dir=data_dir, pool_size=5, limits=limits or Limits())
    async with services_of(settings) as services:
        yield Api(services, world, SystemClock())


@pytest.fixture
async def api(world: World, admin: asyncpg.Connection, application_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """The schema of one process on this test's database."""
    await use_presets(admin)
    async with opened(world, application_url, tmp_path) as api:
        yield api


@dataclass(frozen=True)
class Told:
    """A database in which the story has been told: copy it, do not connect to it."""

    template: str
    world: World
    story: Story


@pytest.fixture(scope="session")
def told(server: Server) -> Told:
    """The story, told once in a run."""

    async def make(admin_url: str) -> tuple[World, Story]:
        from tests.schema.story import tell

        world = await make_world(admin_url)
        connection = await asyncpg.connect(admin_url)
        await use_presets(connection)
        await connection.close()
        with tempfile.TemporaryDirectory() as folder:
            async with opened(world, server.application_url(admin_url), Path(folder)) as api:
                story = await tell(api)
                await everything_is_numbered(api)
                return world, story

    template, (world, story) = server.told("story", make)
    return Told(template, world, story)


async def everything_is_numbered(api: Api) -> None:
    """Wait until the sequencer has numbered every event that was committed."""
    cities = [city.id for city in api.world.spaces]
    while True:
        async with api.services.database.reading(cities=cities) as reading:
            if not await reading.connection.fetchval("select count(*) from events where position is null"):
                return
        await asyncio.sleep(0.02)


@pytest.fixture
def story_url(server: Server, told: Told) -> Iterator[str]:
    """The superuser's URL of this test's own copy of the story."""
    with server.clone(told.template) as url:
        yield url


@pytest.fixture
async def behind(story_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to this test's copy of the story: looks behind row-level security."""
    connection = await asyncpg.connect(story_url)
    yield connection
    await connection.close()


@pytest.fixture
async def there(server: Server, told: Told, story_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """The schema of one process on this test's copy of the story."""
    world = copy.deepcopy(told.world)  # some tests bring people of their own
    async with opened(world, server.application_url(story_url), tmp_path) as api:
        yield api


@pytest.fixture
def story(told: Told) -> Story:
    """The tickets of the story."""
    return told.story
