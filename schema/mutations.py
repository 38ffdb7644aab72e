"""A mutation is a declaration: its input, its action, what it shows. One runner carries out all of them.

The runner asks for a role, opens one transaction, claims the idempotency key, runs the action, commits, and has the
payload read by the reader like everything else. A business refusal becomes `userErrors` and undoes the transaction.
"""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, cast

import strawberry
from sqlalchemy import Integer
from strawberry.types.base import StrawberryList, StrawberryOptional, get_object_definition
from strawberry.types.enum import StrawberryEnumDefinition

from app.files.uploads import Uploads
from app.kernel.clock import Clock
from app.kernel.database import Database
from app.kernel.errors import DomainError, Forbidden, InvalidInput, StaleActor, Unauthenticated
from app.kernel.idempotency import KEY_LENGTH, claim, digest_of, settle
from app.kernel.tables import new_id
from app.kernel.texts import clean_text
from app.kernel.unit_of_work import UnitOfWork, Wakeable, unit_of_work
from authz.actor import Actor
from authz.actors import Actors
from authz.permissions import Permission
from schema import ids
from schema.context import Viewer
from schema.reader.declare import STORED, Ref
from schema.scalars import ReceivedFile
from schema.user_errors import UserError, user_error
from tenants.tree import TenantTree, TenantTreeCache

ID_OF = "id_of"
ATTEMPTS = 3
"""How often a mutation begins anew when the viewer's grants change just then; nothing was done before."""


Values = dict[str, Any]
"""A mutation's input, as keyword arguments: ids decoded, enums as members, what was not given or null left out."""


@dataclass(frozen=True)
class Verb:
    """A mutation: `act` changes something in the city that `city` finds, and gives the key of what to show.

    `subject` is what the idempotency key stands for from the start: what the verb changes, or the key of what it makes.
    """

    name: str
    input: type[Any]
    description: str
    permissions: tuple[Permission, ...]
    shows: str
    city: Callable[[Values, Actor, TenantTree], int]
    act: Callable[[UnitOfWork, Actor, uuid.UUID, Values], Awaitable[uuid.UUID | int]]
    subject: Callable[[Values], uuid.UUID] = field(default=lambda _values: new_id())
    removes: bool = False

    @property
    def payload_field(self) -> str:
        """The payload's field that shows the result; of what was removed only the id is left."""
        name = self.shows[0].lower() + self.shows[1:]
        return f"{name}Id" if self.removes else name


@dataclass(frozen=True)
class Bulk:
    """A mutation that does one verb to many: `items` of its input, each as the verb's own, by itself and in order."""

    name: str
    input: type[Any]
    description: str
    each: Verb

    @property
    def permissions(self) -> tuple[Permission, ...]:
        """As for one."""
        return self.each.permissions

    @property
    def shows(self) -> str:
        """As one does."""
        return self.each.shows


class Together:
    """What the items of a bulk changed, to be read in one go for each place of the selection that shows it."""

    def __init__(self) -> None:
        self.refs: list[Ref] = []
        self.read: dict[Hashable, Awaitable[Mapping[Ref, Any]]] = {}

    def take(self, ref: Ref) -> OneOf:
        """One more of them."""
        self.refs.append(ref)
        return OneOf(ref, self)


@dataclass(frozen=True)
class OneOf:
    """One of what is read together."""

    ref: Ref
    together: Together


def id_input(prefix: str, description: str, *, optional: bool = False) -> Any:
    """An input field that is the global id of one type."""
    metadata = {ID_OF: prefix}
    if optional:
        return strawberry.field(default=strawberry.UNSET, description=description, metadata=metadata)
    return strawberry.field(description=description, metadata=metadata)


def optional_input(description: str) -> Any:
    """An input field that may be left out."""
    return strawberry.field(default=strawberry.UNSET, description=description)


def retry_key() -> Any:
    """The input field `idempotencyKey`."""
    return optional_input(
        "A key of your own (1–200 characters): a repeat with the same key and content is answered again and not "
        "applied again; other content under the same key is refused."
    )


def expected_version() -> Any:
    """The input field `expectedVersion`."""
    return optional_input("The version you act on; when the object has moved on, the mutation is refused.")


def values_of(input_type: type[Any], given: Mapping[str, Any]) -> Values:
    """The coerced input as keyword arguments. Raises BadInput for an id that is malformed or of another type."""
    values: Values = {}
    for declared in get_object_definition(input_type, strict=True).fields:
        name = camel(declared.python_name)
        if given.get(name) is None:
            continue
        prefix = declared.metadata.get(ID_OF)
        if prefix is not None and isinstance(given[name], list):
            values[declared.python_name] = [ids.decode_as(each, prefix) for each in given[name]]
        elif prefix is not None:
            values[declared.python_name] = ids.decode_as(given[name], prefix)
        else:
            values[declared.python_name] = _converted(given[name], declared.type)
    return values


def _converted(value: Any, type_: Any) -> Any:
    if isinstance(type_, StrawberryOptional):
        return _converted(value, type_.of_type)
    if isinstance(type_, StrawberryList):
        return [_converted(item, type_.of_type) for item in value]
    if isinstance(type_, StrawberryEnumDefinition):
        return type_.wrapped_cls[value]
    if get_object_definition(type_) is not None:
        return values_of(type_, value)
    return value


def camel(name: str) -> str:
    """The GraphQL name of a Python name."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def payload_type(verb: Verb, shown: type[Any]) -> type[Any]:
    """`<Verb>Payload { <object>: <Type>, userErrors: [UserError!]! }`."""
    name = verb.name[0].upper() + verb.name[1:] + "Payload"
    namespace = {
        "__annotations__": {
            verb.payload_field: (strawberry.ID if verb.removes else shown) | None,
            "user_errors": list[UserError],
        },
        verb.payload_field: strawberry.field(
            name=verb.payload_field, description="What the mutation changed; null when it was refused."
        ),
        "user_errors": strawberry.field(description="Why it was refused; empty when it was not."),
    }
    return cast("type[Any]", strawberry.type(type(name, (), namespace), description=f"The outcome of `{verb.name}`."))


def bulk_payload_type(bulk: Bulk, shown: type[Any]) -> type[Any]:
    """`<Bulk>Payload { results: [<Bulk>Result!]!, userErrors: [UserError!]! }`, a result as a payload of one."""
    name = bulk.name[0].upper() + bulk.name[1:]
    what = bulk.each.payload_field
    result = {
        "__annotations__": {f"{what}_id": strawberry.ID, what: shown | None, "user_errors": list[UserError]},
        f"{what}_id": strawberry.field(name=f"{what}Id", description="The id that was given."),
        what: strawberry.field(name=what, description="What was changed; null when it was refused."),
        "user_errors": strawberry.field(description="Why it was refused; empty when it was not."),
    }
    made = strawberry.type(type(f"{name}Result", (), result), description=f"The outcome of one item of `{bulk.name}`.")
    payload = {
        "__annotations__": {"results": list[made], "user_errors": list[UserError]},  # type: ignore[valid-type]
        "results": strawberry.field(description="A result for each item, in the order given."),
        "user_errors": strawberry.field(description="Why nothing was done at all; empty when the items were tried."),
    }
    described = f"The outcome of `{bulk.name}`."
    return cast("type[Any]", strawberry.type(type(f"{name}Payload", (), payload), description=described))


def mutation_type(verbs: Mapping[str, tuple[Verb | Bulk, type[Any]]]) -> type[Any]:
    """The `Mutation` type of all the verbs."""
    namespace: dict[str, Any] = {}
    for name, (verb, shown) in verbs.items():
        payload = bulk_payload_type(verb, shown) if isinstance(verb, Bulk) else payload_type(verb, shown)

        def arguments(input: Any) -> Any:  # noqa: A002
            raise AssertionError("the executing schema has its own resolvers")

        described = strawberry.argument(description=get_object_definition(verb.input, strict=True).description)
        arguments.__annotations__ = {"input": Annotated[verb.input, described], "return": payload}
        namespace[name] = strawberry.field(resolver=arguments, name=name, description=verb.description)
    return cast(
        "type[Any]",
        strawberry.type(
            type("Mutation", (), namespace),
            description="One mutation per business verb. What the caller can resolve is in `userErrors`.",
        ),
    )


async def check_current(database: Database, actor: Actor) -> int:
    """Raise StaleActor when the actor's grants have changed, and give the tree's version: before refusing by what this
    process knows, since no transaction looked."""
    async with database.reading(cities=(), user_id=actor.user_id) as reading:
        if reading.grants_version != actor.grants_version:
            raise StaleActor(actor.user_id)
        return reading.tree_version


class Mutations:
    """Carries out verbs."""

    def __init__(
        self,
        database: Database,
        trees: TenantTreeCache,
        actors: Actors,
        sequencer: Wakeable,
        clock: Clock,
        uploads: Uploads,
        *,
        bulk_items: int,
    ) -> None:
        self._database = database
        self._trees = trees
        self._actors = actors
        self._sequencer = sequencer
        self._clock = clock
        self._uploads = uploads
        self._bulk_items = bulk_items

    async def run(self, verb: Verb, given: Mapping[str, Any], viewer: Viewer) -> tuple[Viewer, dict[str, Any]]:
        """The viewer as of the change, and the payload, its object as a `Ref`.

        Raises RequestError: Unauthenticated, Forbidden, BadInput, TooSlow.
        """
        if viewer.actor is None:
            raise Unauthenticated("missing")
        return await self._run(verb, values_of(verb.input, given), given, viewer)

    async def run_bulk(self, bulk: Bulk, given: Mapping[str, Any], viewer: Viewer) -> tuple[Viewer, dict[str, Any]]:
        """As `run`, for each item by itself, in the order given; the objects of all are read together.

        An item is remembered under the caller's key and its place, so that a retry applies none twice and goes on where
        the one before broke off. An item that cannot be read refuses all of them before anything is done.
        """
        if viewer.actor is None:
            raise Unauthenticated("missing")
        await self._check_role(bulk.each, viewer.actor)
        values = values_of(bulk.input, given)
        items = values["items"]
        try:
            key = values.get("idempotency_key")
            if key is not None:
                key = clean_text("idempotencyKey", key, at_most=KEY_LENGTH)
            if len(items) > self._bulk_items:
                raise InvalidInput("items", "too_many", limit=self._bulk_items)
        except DomainError as refusal:
            return viewer, {"results": [], "userErrors": [user_error(refusal, viewer.locale)]}
        results = []
        together = Together()
        what = bulk.each.payload_field
        for place, (item, said) in enumerate(zip(items, given["items"], strict=True)):
            if key is not None and "idempotency_key" not in item:
                item["idempotency_key"] = hashlib.sha256(f"{bulk.name} {place} {key}".encode()).hexdigest()
            viewer, payload = await self._run(bulk.each, item, said, viewer)
            for error in payload["userErrors"]:
                if error["path"] is not None:
                    error["path"][1:1] = ["items", str(place)]
            ref = payload[what]
            results.append({**payload, what: ref and together.take(ref), f"{what}Id": said[f"{what}Id"]})
        return viewer, {"results": results, "userErrors": []}

    async def _run(
        self, verb: Verb, values: Values, given: Mapping[str, Any], viewer: Viewer
    ) -> tuple[Viewer, dict[str, Any]]:
        for _ in range(ATTEMPTS):
            actor = viewer.actor
            assert actor is not None
            try:
                ref = await self._attempt(verb, dict(values), given, actor)
                shown = ids.encode(cast(str, STORED[verb.shows].prefix), ref.city_id, ref.key) if verb.removes else ref
                return viewer, {verb.payload_field: shown, "userErrors": []}
            except DomainError as refusal:
                return viewer, {verb.payload_field: None, "userErrors": [user_error(refusal, viewer.locale)]}
            except StaleActor:
                viewer = await self.current(viewer)
        raise Unauthenticated("revoked")

    async def current(self, viewer: Viewer) -> Viewer:
        """The viewer with the grants they have now. Raises Unauthenticated("revoked")."""
        assert viewer.actor is not None
        self._actors.forget(viewer.actor.user_id)
        return viewer.acting_as(await self._actors.load(viewer.actor.user_id))

    async def _city_of(self, verb: Verb, values: Values, actor: Actor) -> int:
        """Where the verb is done. A role or a tenant that is new just now counts."""
        await self._check_role(verb, actor)
        tree = await self._trees.get()
        try:
            return verb.city(values, actor, tree)
        except DomainError:
            newest = await check_current(self._database, actor)
            if newest <= tree.version:
                raise
        return verb.city(values, actor, await self._trees.get(newest))

    async def _check_role(self, verb: Verb, actor: Actor) -> None:
        if not any(actor.may(permission) for permission in verb.permissions):
            await check_current(self._database, actor)
            raise Forbidden(verb.permissions[0].value)

    async def _attempt(self, verb: Verb, values: Values, given: Mapping[str, Any], actor: Actor) -> Ref:
        city_id = await self._city_of(verb, values, actor)
        subject = verb.subject(values)
        key = values.pop("idempotency_key", None)
        now = self._clock.now()
        opened = unit_of_work(
            self._database,
            city_id=city_id,
            user_id=actor.user_id,
            grants_version=actor.grants_version,
            now=now,
            sequencer=self._sequencer,
            trees=self._trees,
        )
        async with self._received(values, actor, city_id, now), opened as uow:
            if key is not None:
                done = await claim(
                    uow.session,
                    city_id=city_id,
                    actor_id=actor.user_id,
                    mutation=verb.name,
                    key=key,
                    digest=digest_of(
                        {
                            name: value.content if isinstance(value, ReceivedFile) else value
                            for name, value in given.items()
                            if name != "idempotencyKey"
                        }
                    ),
                    subject_id=subject,
                    now=now,
                )
                if done is not None:
                    return Ref(verb.shows, city_id, done.int if _numbered(verb) else done)
            made = await verb.act(uow, actor, subject, values)
            stands_for = uuid.UUID(int=made) if isinstance(made, int) else made
            if key is not None and stands_for != subject:
                await settle(
                    uow.session,
                    city_id=city_id,
                    actor_id=actor.user_id,
                    mutation=verb.name,
                    key=key,
                    subject_id=stands_for,
                )
            return Ref(verb.shows, city_id, made)

    @asynccontextmanager
    async def _received(self, values: Values, actor: Actor, city_id: int, now: datetime) -> AsyncIterator[None]:
        """Have the input's file be a finished upload before the transaction begins; thrown away unless it was attached.

        Raises as `Uploads.receive`.
        """
        file = values.pop("file", None)
        if file is None:
            yield
            return
        if "upload_id" in values:
            raise InvalidInput("file", "file_or_upload")
        upload = await self._uploads.receive(
            actor, city_id, name=file.name, size=file.size, source=file.source, now=now
        )
        values["upload_id"] = ids.GlobalId(ids.UPLOAD, city_id, upload.id)
        try:
            yield
        finally:
            with contextlib.suppress(StaleActor):  # then it waits for the sweep
                await self._uploads.discard(actor, upload)


def _numbered(verb: Verb) -> bool:
    return isinstance(STORED[verb.shows].key_type, Integer)
