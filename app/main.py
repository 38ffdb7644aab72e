"""The composition root: settings to a running ASGI application. The only importer of `schema/`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.applications import Starlette

from app.kernel.clock import SystemClock
from app.kernel.config import Settings, get_settings
from app.kernel.database import Database, database_urls
from app.kernel.events import Sequencer
from app.kernel.pubsub import Wakeups
from authz.actors import Actors
from authz.keys import signing_key
from authz.policy import load_policy
from authz.tokens import TokenVerifier
from schema.context import Services
from schema.cursors import FeedCursors
from schema.execution import Executor
from schema.live.hub import Hub
from schema.mutations import Mutations
from schema.reader.reader import Reader
from schema.schema import assemble
from schema.view import graphql_routes
from tenants.tree import TenantTreeCache


@asynccontextmanager
async def services_of(settings: Settings) -> AsyncIterator[Services]:
    """The parts of one process, opened and closed together. Raises OSError and asyncpg.PostgresError."""
    async with AsyncExitStack() as stack:
        urls = await asyncio.to_thread(database_urls, settings)
        database = await Database.open(
            urls.application,
            pool_size=settings.pool_size,
            statement_timeout_ms=settings.statement_timeout_ms,
        )
        stack.push_async_callback(database.close)
        clock = SystemClock()
        key_text = settings.signing_key_text()
        verifier = TokenVerifier(signing_key(key_text))
        trees = TenantTreeCache(database)
        actors = Actors(database, load_policy(), verifier)
        cursors = FeedCursors(key_text.encode())

        async def spaces() -> tuple[int, ...]:
            async with database.reading(cities=()) as reading:
                return (await trees.get(reading.tree_version)).space_ids

        sequencer = await stack.enter_async_context(Sequencer(database, spaces))
        wakeups = await stack.enter_async_context(Wakeups(database))
        assembled = assemble()
        reader = Reader(assembled.executable, assembled.roots, database, trees)
        executor = Executor(
            assembled,
            reader,
            Mutations(database, trees, actors, sequencer, clock),
            database=database,
            trees=trees,
            cursors=cursors,
            limits=settings.limits,
        )
        yield Services(
            settings=settings,
            clock=clock,
            database=database,
            trees=trees,
            actors=actors,
            verifier=verifier,
            cursors=cursors,
            sequencer=sequencer,
            wakeups=wakeups,
            reader=reader,
            executor=executor,
        )


def create_app(settings: Settings | None = None) -> Starlette:
    """The application; everything that needs the running loop is opened in its lifespan."""
    settings = settings or get_settings()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with services_of(settings) as services, Hub(services) as hub:
            app.router.routes.extend(graphql_routes(services, hub))
            yield

    return Starlette(lifespan=lifespan)
