"""What every part of the schema room is handed: who asks, and the parts that answer."""

from __future__ import annotations

import uuid
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from app.files.uploads import Uploads
    from app.kernel.clock import Clock
    from app.kernel.config import Settings
    from app.kernel.database import Database
    from app.kernel.events import FeedEvent, Sequencer
    from app.kernel.pubsub import Wakeups
    from authz.actor import Actor
    from authz.actors import Actors
    from authz.tokens import TokenVerifier
    from schema.cursors import FeedCursors
    from tenants.tree import TenantTreeCache

Locale = Literal["zh-CN", "en"]
"""The languages that labels and messages come in; the first is the default."""


class Viewer(NamedTuple):
    """Who asks (nobody signed in: `actor` is None), in which language, and when."""

    actor: Actor | None
    locale: Locale
    now: datetime

    @property
    def user_id(self) -> uuid.UUID | None:
        """The signed-in person's id."""
        return None if self.actor is None else self.actor.user_id

    def at(self, now: datetime) -> Viewer:
        """The same viewer at another moment: what a stream reads with, long after it was opened."""
        return self._replace(now=now)

    def acting_as(self, actor: Actor) -> Viewer:
        """The same viewer with grants that were read again."""
        return self._replace(actor=actor)


class Prepared(Protocol):
    """One operation of a document that was parsed, measured by the guard and validated."""

    @property
    def operation_type(self) -> Literal["query", "mutation", "subscription"]: ...


class Subscription(Protocol):
    """One live stream, authorised for the viewer it was prepared for."""

    @property
    def topic(self) -> str:
        """The topic of the events it shows (`Event.topic`)."""

    @property
    def topic_city(self) -> int:
        """The city whose log it follows."""

    @property
    def subject_id(self) -> uuid.UUID | None:
        """The one object it follows; None: every object of the topic."""

    @property
    def group_key(self) -> Hashable:
        """Equal for subscriptions that get the same payload for every event that is not restricted.

        They differ in `after` alone: once live, one is as good as the other.
        """

    @property
    def after(self) -> int | None:
        """The position of the cursor it continues from; None: from now on."""

    async def read(
        self, events: Sequence[FeedEvent], viewer: Viewer, *, include_restricted: bool
    ) -> Sequence[bytes | None]:
        """One `{"data":{…}}` per event, None where this viewer may not see it.

        Raises StaleActor when the viewer's grants have changed since they were read.
        """


class Executor(Protocol):
    """Answers operations. What it refuses before execution it raises: `InvalidRequest`, a RequestError, StaleActor."""

    async def prepare(self, query: str, operation_name: str | None, *, viewer: Viewer) -> Prepared:
        """Parse, measure, validate and choose the operation. Raises `schema.errors.InvalidRequest`, RateLimited."""

    async def execute(self, prepared: Any, variables: Mapping[str, Any] | None, viewer: Viewer) -> bytes:
        """The JSON response with its `data` entry. StaleActor is raised only while nothing has been committed."""

    async def prepare_subscription(
        self, prepared: Any, variables: Mapping[str, Any] | None, viewer: Viewer
    ) -> Subscription:
        """Coerce the variables and authorise the viewer. Raises like `execute`, and ResyncRequired."""


@dataclass(frozen=True)
class Services:
    """The parts of one process, put together by `app.main`."""

    settings: Settings
    clock: Clock
    database: Database
    trees: TenantTreeCache
    actors: Actors
    verifier: TokenVerifier
    cursors: FeedCursors
    sequencer: Sequencer
    wakeups: Wakeups
    uploads: Uploads
    reader: Any
    executor: Executor
