"""The composition root: settings to a running ASGI application. The only importer of `schema/`."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from types import FrameType

from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from app.jobs import JOBS
from app.kernel import garbage
from app.kernel.clock import SystemClock
from app.kernel.config import Settings, get_settings
from app.kernel.database import Database, database_urls
from app.kernel.events import Sequencer
from app.kernel.pubsub import Wakeups
from app.operations import uploads_of
from app.worker import Context, Worker
from authz.actors import Actors
from authz.keys import signing_key
from authz.policy import load_policy
from authz.tokens import TokenVerifier
from schema.context import Services
from schema.cursors import FeedCursors
from schema.execution import Executor
from schema.files.endpoint import file_routes
from schema.live.hub import Hub
from schema.mutations import Mutations
from schema.reader.reader import Reader
from schema.schema import assemble
from schema.view import PATH, GraphQLView, graphql_routes
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
            return (await trees.get(sequencer.tree_version)).space_ids

        sequencer = Sequencer(database, spaces)
        await stack.enter_async_context(sequencer)
        wakeups = await stack.enter_async_context(Wakeups(database))
        uploads = uploads_of(settings, database)
        assembled = assemble()
        reader = Reader(
            assembled.executable, assembled.roots, database, trees, answer_bytes=settings.limits.answer_bytes
        )
        executor = Executor(
            assembled,
            reader,
            Mutations(database, trees, actors, sequencer, clock, uploads, bulk_items=settings.limits.bulk_items),
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
            uploads=uploads,
            reader=reader,
            executor=executor,
        )


class Application(Starlette):
    """An application that hands `/graphql` straight to its view.

    What Starlette does before (to look for the route, and to catch what the view catches itself) costs a tenth of what
    a small query does.
    """

    view: GraphQLView | None = None
    """There is one while the application serves."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.view is not None and scope["type"] == "http" and scope["path"] == PATH:
            await self.view(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings | None = None) -> Application:
    """The application; everything that needs the running loop is opened in its lifespan."""
    settings = settings or get_settings()

    @asynccontextmanager
    async def lifespan(app: Application) -> AsyncIterator[None]:
        with _ending_with_its_parent():
            async with services_of(settings) as services, Hub(services) as hub, _worker(services):
                app.router.routes.extend([*graphql_routes(services, hub), *file_routes(services)])
                app.view = GraphQLView(services, hub)
                with _on_the_signal_to_stop(hub.stop), garbage.settled():
                    yield

    return Application(lifespan=lifespan)


def _worker(services: Services) -> AbstractAsyncContextManager[object]:
    """The jobs, beside what is served."""
    if not services.settings.worker:
        return nullcontext()
    context = Context(services.database, services.trees, services.sequencer, services.clock, services.settings)
    return Worker(context, JOBS)


@contextmanager
def _ending_with_its_parent() -> Iterator[None]:
    """Have one of several workers stop in order when their parent is gone, whatever killed it.

    It would serve on with nobody to stop it, and keep the port from the server that is started next.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        yield
        return
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.remove_reader(parent.sentinel)
        signal.raise_signal(signal.SIGTERM)

    loop.add_reader(parent.sentinel, stop)
    try:
        yield
    finally:
        loop.remove_reader(parent.sentinel)


@contextmanager
def _on_the_signal_to_stop(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` as soon as the process is told to end, beside what the server does then.

    The server lets open responses end before it closes the application, and a stream ends only when it is told to.
    """
    if threading.current_thread() is not threading.main_thread():  # no signal arrives here
        yield
        return
    loop = asyncio.get_running_loop()
    handlers: dict[int, Callable[[int, FrameType | None], object]] = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        handler = signal.getsignal(number)
        if callable(handler):
            handlers[number] = handler

    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)
        handlers[number](number, frame)

    for each in handlers:
        signal.signal(each, handle)
    try:
        yield
    finally:
        for each, before in handlers.items():
            signal.signal(each, before)
