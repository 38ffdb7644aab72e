"""Answers operations: queries by the reader alone, the rest by graphql-core with the reader's rows in it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import orjson
from graphql import (
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    execute,
    get_operation_ast,
    validate,
)
from graphql.execution.values import VariableValues, get_argument_values

from app.kernel.config import Limits
from app.kernel.database import Database
from app.kernel.errors import BadInput, Forbidden, ResyncRequired, StaleActor, Unauthenticated
from app.kernel.events import FeedEvent, current_position
from authz.actions.log_read import log_read
from authz.actor import Actor
from authz.lru import Lru
from authz.permissions import Permission
from authz.roles import Role
from schema.context import Viewer
from schema.cursors import FeedCursors
from schema.errors import InvalidRequest, format_error
from schema.guard import parse_within
from schema.mutations import Bulk, Mutations, OneOf, Verb, check_current
from schema.reader.collect import collect
from schema.reader.declare import STORED, VALUES, Ref, Relation
from schema.reader.plan import TYPE, Plan
from schema.reader.prepared import Prepared
from schema.reader.reader import LONGEST_REMEMBERED, Reader
from schema.reader.rows import RowMeter
from schema.schema import STREAMS, VERBS, Assembled
from schema.tickets.subscriptions import Followed
from schema.variables import Variables
from tenants.tree import TenantTreeCache

DOCUMENTS = 500
_READ = STORED.keys() | VALUES | {"PageInfo"}
"""Types whose objects come from the reader, by their response keys; so do edges and connections."""


@dataclass
class _Execution:
    """What the resolvers of one operation share. The viewer changes when a mutation finds their grants changed."""

    prepared: Prepared
    variables: VariableValues
    viewer: Viewer


class Executor:
    """The schema of this process, bound to its database."""

    def __init__(
        self,
        assembled: Assembled,
        reader: Reader,
        mutations: Mutations,
        *,
        database: Database,
        trees: TenantTreeCache,
        cursors: FeedCursors,
        limits: Limits,
    ) -> None:
        self._schema = assembled.executable
        self._reader = reader
        self._mutations = mutations
        self._database = database
        self._trees = trees
        self._cursors = cursors
        self._limits = limits
        bulks = frozenset(name for name, verb in VERBS.items() if isinstance(verb, Bulk))
        self._meter = RowMeter(
            self._schema,
            assembled.roots,
            rows=limits.rows,
            tables=limits.tables,
            bulks=bulks,
            bulk_items=limits.bulk_items,
        )
        self._documents: Lru[tuple[str, str | None], Prepared] = Lru(DOCUMENTS)

    # Documents

    async def prepare(self, query: str, operation_name: str | None, *, viewer: Viewer) -> Prepared:
        """Parse, measure, validate and choose the operation; remembered. Raises InvalidRequest, RateLimited."""
        key = query, operation_name
        prepared = self._documents.get(key)
        if prepared is None:
            prepared = await self._reader.aside.once(key, viewer.user_id, partial(self._prepare, *key))
            if len(query) <= LONGEST_REMEMBERED:
                self._documents.put(key, prepared)
        return prepared

    def _prepare(self, query: str, operation_name: str | None) -> Prepared:
        try:
            document = parse_within(query, self._limits)
        except GraphQLError as error:
            raise InvalidRequest([error]) from error
        errors = validate(self._schema, document, hide_suggestions=True)
        if errors:
            raise InvalidRequest(errors)
        operation = get_operation_ast(document, operation_name)
        if operation is None:
            raise InvalidRequest([GraphQLError(_which_operation(operation_name))])
        fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        prepared = Prepared(document, operation, fragments, query, Variables(self._schema, operation))
        self._meter.measure(prepared)
        return prepared

    # Queries and mutations

    async def execute(self, prepared: Prepared, variables: Mapping[str, Any] | None, viewer: Viewer) -> bytes:
        """The whole JSON response. Raises InvalidRequest for the variables, and StaleActor while nothing is done."""
        coerced = self._coerce(prepared, variables)
        if viewer.actor is not None and Role.AUDITOR in viewer.actor.roles:
            await self._log_read(prepared, viewer.actor, variables, viewer)
        if prepared.operation_type == "query" and not await self._introspects(prepared, coerced, viewer):
            data, errors = await self._reader.query(prepared, coerced, viewer)
            if data is not None and not errors:
                return b'{"data":%b}' % data
            listed = orjson.dumps([format_error(error, viewer.locale) for error in errors])
            return b'{"data":' + (data or b"null") + b',"errors":' + listed + b"}"
        result = execute(
            self._schema,
            prepared.document,
            context_value=_Execution(prepared, coerced, viewer),
            variable_values=dict(variables or {}),
            operation_name=prepared.operation.name.value if prepared.operation.name else None,
            field_resolver=self._resolve,
            type_resolver=_type_of,
        )
        if not isinstance(result, ExecutionResult):
            result = await result
        response: dict[str, Any] = {"data": result.data}
        if result.errors:
            response["errors"] = [format_error(error, viewer.locale) for error in result.errors]
        return orjson.dumps(response)

    def _coerce(self, prepared: Prepared, variables: Mapping[str, Any] | None) -> VariableValues:
        coerced = prepared.variables.coerce(variables or {})
        if isinstance(coerced, list):
            raise InvalidRequest(coerced, "BAD_USER_INPUT")
        try:
            self._meter.check(prepared, coerced)
        except GraphQLError as error:
            raise InvalidRequest([error]) from error
        return coerced

    async def _introspects(self, prepared: Prepared, variables: VariableValues, viewer: Viewer) -> bool:
        """Whether the operation asks for the schema. Raises Unauthenticated or Forbidden for whom that is not shown."""
        if not any(root.introspects for root in self._reader.selected(prepared, variables)):
            return False
        if viewer.actor is None:
            raise Unauthenticated("missing")
        if not viewer.actor.may(Permission.SCHEMA_INTROSPECT):
            await check_current(self._database, viewer.actor)
            raise Forbidden(Permission.SCHEMA_INTROSPECT.value)
        return True

    async def _log_read(
        self, prepared: Prepared, actor: Actor, variables: Mapping[str, Any] | None, viewer: Viewer
    ) -> None:
        if prepared.operation_type == "mutation":
            return
        name = prepared.operation.name
        await log_read(
            self._database,
            actor,
            operation=name.value if name else prepared.operation_type,
            document=prepared.text,
            variables=variables or {},
            now=viewer.now,
        )

    async def _resolve_verb(self, execution: _Execution, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        verb = VERBS[name]
        run = self._mutations.run_bulk(verb, given, execution.viewer) if isinstance(verb, Bulk) else None
        execution.viewer, payload = await (run or self._mutations.run(cast(Verb, verb), given, execution.viewer))
        return payload

    def _resolve(self, source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        """Every field outside of introspection: verbs, what they show, and what the reader has read."""
        execution = cast(_Execution, info.context)
        parent = info.parent_type
        if parent is self._schema.mutation_type:
            return self._resolve_verb(execution, info.field_name, arguments["input"])
        if parent is self._schema.query_type:  # beside an introspection
            return self._read_root(execution, info)
        if parent.name in _READ or parent.name.endswith(("Edge", "Connection")):
            return source[info.path.key]
        value = source.get(info.field_name)
        if isinstance(value, OneOf):
            return self._read_one_of(execution, info, value)
        return self._read_payload(execution, info, value) if isinstance(value, Ref) else value

    async def _read_root(self, execution: _Execution, info: GraphQLResolveInfo[Any]) -> Any:
        key = str(info.path.key)
        data, errors = await self._reader.query(
            execution.prepared, execution.variables, execution.viewer, only=key, typed=True
        )
        for error in errors:
            raise error.original_error or error
        return None if data is None else orjson.loads(data)[key]

    async def _read_payload(self, execution: _Execution, info: GraphQLResolveInfo[Any], ref: Ref) -> Any:
        """What a verb changed, read under the rights the viewer has now."""
        at = ".".join(str(step) for step in info.path.as_list())
        return await self._read_now(execution, info, partial(self._reader.object, ref=ref, at=at))

    async def _read_one_of(self, execution: _Execution, info: GraphQLResolveInfo[Any], one: OneOf) -> Any:
        """As `_read_payload`, for all that were changed together by whoever comes first."""
        at = ".".join(step for step in info.path.as_list() if isinstance(step, str))
        key = at, one.ref.city_id
        read = one.together.read.get(key)
        if read is None:
            refs = [ref for ref in one.together.refs if ref.city_id == one.ref.city_id]
            several = partial(self._reader.objects, refs=refs, at=at)
            read = one.together.read[key] = asyncio.ensure_future(self._read_now(execution, info, several))
        return (await read).get(one.ref)

    async def _read_now(
        self, execution: _Execution, info: GraphQLResolveInfo[Any], read: Callable[..., Awaitable[Any]]
    ) -> Any:
        for _ in range(3):
            try:
                return await read(
                    prepared=execution.prepared,
                    nodes=info.field_nodes,
                    variables=execution.variables,
                    viewer=execution.viewer,
                )
            except StaleActor:  # the change is committed: it is told, whoever changed the grants meanwhile
                execution.viewer = await self._mutations.current(execution.viewer)
        raise Unauthenticated("revoked")

    # Subscriptions

    async def prepare_subscription(
        self, prepared: Prepared, variables: Mapping[str, Any] | None, viewer: Viewer
    ) -> Subscription:
        """Authorise the viewer for a stream. Raises InvalidRequest, Unauthenticated, Forbidden, BadInput,
        ResyncRequired (a cursor ahead of the log, as after a restore) and StaleActor."""
        coerced = self._coerce(prepared, variables)
        root_type = cast(GraphQLObjectType, self._schema.subscription_type)
        selected = collect(self._schema, prepared.fragments, coerced, root_type, [prepared.operation.selection_set])
        ((response_key, nodes),) = selected.items()
        name = nodes[0].name.value
        if viewer.actor is None:
            raise Unauthenticated("missing")
        stream = STREAMS[name]
        if not viewer.actor.may(stream.permission):
            await check_current(self._database, viewer.actor)
            raise Forbidden(stream.permission.value)
        tree = await self._trees.get()
        arguments = get_argument_values(root_type.fields[name], nodes[0], coerced)
        try:
            followed: Followed = stream.locate(arguments, viewer, tree)
        except BadInput:
            newest = await check_current(self._database, viewer.actor)
            if newest <= tree.version:
                raise
            tree = await self._trees.get(newest)
            followed = stream.locate(arguments, viewer, tree)
        scope = viewer.actor.in_city(followed.city_id)
        if followed.subject_id is not None:
            await self._must_exist(prepared, coerced, viewer, followed)
        after = None
        if arguments.get("after") is not None:
            after = self._cursors.decode(arguments["after"], followed.city_id, followed.name)
        await self._check_start(viewer, followed.city_id, after)
        await self._log_read(prepared, viewer.actor, variables, viewer)
        relation = Relation(stream.target, stream.on)

        async def plan(named: bool) -> Plan:
            return await self._reader.plan_events(
                prepared,
                nodes,
                response_key,
                root_type.fields[name],
                relation,
                scope,
                coerced,
                viewer,
                tree,
                located=followed.shape,
                named=named,
            )

        without_after = {key: value for key, value in coerced.coerced.items() if value != arguments.get("after")}
        shared = await plan(named=False)
        key: Hashable = (
            prepared.text,
            prepared.operation.name and prepared.operation.name.value,
            orjson.dumps(without_after, default=str, option=orjson.OPT_SORT_KEYS).decode(),  # the bytes keep 4 KiB
            viewer.locale,
            scope.reaches,
            viewer.user_id if shared.personal else None,
        )
        return Subscription(
            topic=stream.topic,
            topic_city=followed.city_id,
            subject_id=followed.subject_id,
            group_key=key,
            after=after,
            _executor=self,
            _followed=followed,
            _variables=coerced,
            _shared=shared,
            _named=await plan(named=True),
        )

    async def _must_exist(
        self, prepared: Prepared, variables: VariableValues, viewer: Viewer, followed: Followed
    ) -> None:
        ref = Ref("Ticket", followed.city_id, cast(uuid.UUID, followed.subject_id))
        if not await self._reader.exists(prepared, ref, variables, viewer):
            raise BadInput("no_such_object", kind=ref.typename)

    async def _check_start(self, viewer: Viewer, city_id: int, after: int | None) -> None:
        actor = cast(Actor, viewer.actor)
        async with self._database.reading(cities=(city_id,), user_id=actor.user_id) as reading:
            if reading.grants_version != actor.grants_version:
                raise StaleActor(actor.user_id)
            if after is not None and after > await current_position(reading.connection, city_id):
                raise ResyncRequired("ahead")

    async def read_events(
        self, subscription: Subscription, events: Sequence[FeedEvent], viewer: Viewer, *, include_restricted: bool
    ) -> list[bytes | None]:
        """See `schema.context.Subscription.read`."""
        followed = subscription._followed
        actor = cast(Actor, viewer.actor)
        plan = subscription._named if include_restricted else subscription._shared
        found = await self._reader.events(
            plan,
            actor.in_city(followed.city_id),
            subscription._variables,
            viewer,
            [event.id for event in events],
            [self._cursors.encode(event.position, followed.city_id, followed.name) for event in events],
        )
        return [b'{"data":' + found[event.id] + b"}" if event.id in found else None for event in events]


@dataclass(frozen=True, slots=True)
class Subscription:
    """One live stream, authorised for the viewer it was prepared for (`schema.context.Subscription`)."""

    topic: str
    topic_city: int
    subject_id: uuid.UUID | None
    group_key: Hashable
    after: int | None
    _executor: Executor
    _followed: Followed
    _variables: VariableValues
    _shared: Plan
    _named: Plan

    async def read(
        self, events: Sequence[FeedEvent], viewer: Viewer, *, include_restricted: bool
    ) -> Sequence[bytes | None]:
        """One `{"data":{…}}` per event, None where this viewer may not see it. Raises StaleActor."""
        return await self._executor.read_events(self, events, viewer, include_restricted=include_restricted)


def _type_of(value: Mapping[str, Any], _info: object, _abstract: object) -> str:
    """The type of what an interface stands for: the reader's rows and user errors say it."""
    return cast(str, value.get(TYPE) or value["__typename"])


def _which_operation(name: str | None) -> str:
    if name is None:
        return "The document has several operations: say which one by `operationName`."
    return f"The document has no operation named {name[:80]!r}."
