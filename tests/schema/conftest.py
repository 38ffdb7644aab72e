"""The schema on a fresh database with the two cities of the world, asked as any of their people."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from app.kernel.clock import Clock, SystemClock
from app.kernel.config import Settings
from app.main import services_of
from schema.context import Services, Viewer
from schema.errors import InvalidRequest, format_error
from schema.viewers import with_current_grants
from tenants.schemes.model import load_preset
from tests.factories.world import World


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
            prepared = executor.prepare(query, None, viewer=viewer)
            body = await with_current_grants(
                self.services, viewer, lambda current: executor.execute(prepared, variables, current)
            )
        except InvalidRequest as invalid:
            return {"errors": [format_error(error, locale) for error in invalid.errors]}
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
        await connection.execute(
            "update schemes s set document = $2 from tenants t where t.id = s.city_id and t.path = $1",
            slug,
            orjson.dumps(load_preset(slug).scheme.document()).decode(),
        )


@pytest.fixture
async def api(world: World, admin: asyncpg.Connection, application_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """The schema of one process on this test's database."""
    await use_presets(admin)
    settings = Settings(app_database_url=application_url, data_dir=tmp_path, pool_size=5)
    async with services_of(settings) as services:
        yield Api(services, world, SystemClock())
