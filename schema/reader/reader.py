"""The one read path: documents to plans, plans to JSON.

Queries are answered without graphql-core: the bytes that PostgreSQL sends are spliced into the response. The payload
of a mutation and the event of a subscription are read by the same compiler.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import asyncpg
import orjson
from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLInputType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    type_from_ast,
)
from graphql.execution.values import VariableValues

from app.kernel.database import Database, Reading, Value, within_request
from app.kernel.errors import BadInput, Forbidden, RequestError, StaleActor, Unauthenticated
from authz.actor import Scope
from authz.lru import Lru
from schema import ids
from schema.aside import Aside
from schema.context import Viewer
from schema.reader.as_json import says_too_many_bytes
from schema.reader.collect import collect
from schema.reader.compile import Compiler
from schema.reader.declare import BY_PREFIX, Located, NodeRoot, NodesRoot, Ref, Relation, Root
from schema.reader.plan import Plan, RootRefusal, Run, shape_of, shaping
from schema.reader.prepared import Prepared, RootField
from tenants.tree import TenantTree, TenantTreeCache

TOO_LARGE = "answer_too_large"
PLANS = 1_000
"""Compiled statements that a process remembers."""
LONGEST_REMEMBERED = 8_192
"""Characters. Longer documents are parsed and compiled anew each time, so that what is remembered has its bounds."""


class _Root:
    """A root field in one request."""

    __slots__ = ("arguments", "declared", "error", "field", "handed", "key", "located", "nodes", "scopes")

    def __init__(self, field: RootField) -> None:
        self.field = field
        self.key = field.key
        self.nodes = field.nodes
        self.declared = field.declared
        self.located: Located | None = None
        self.scopes: list[Scope | None] = []
        self.arguments: Mapping[str, Any] = _NONE
        self.handed: Sequence[Any] = ()
        """Of `node` and `nodes` the keys to read, for each of `scopes`."""
        self.error: GraphQLError | None = None


_NONE: Mapping[str, Any] = {}


_AS_ONE = "select row(array_agg(found.key), array_agg(found.data::text)) from ({}) found(key, data)"
"""The rows (key, data) of a plan as one value, column by column."""


class _StaleTree(Exception):
    def __init__(self, version: int) -> None:
        self.version = version


class Reader:
    """Answers selections of stored types."""

    def __init__(
        self,
        schema: GraphQLSchema,
        roots: Mapping[str, Root],
        database: Database,
        trees: TenantTreeCache,
        *,
        answer_bytes: int,
    ) -> None:
        self._schema = schema
        self._query = cast(GraphQLObjectType, schema.query_type)
        self._roots = roots
        self._database = database
        self._trees = trees
        self._answer_bytes = answer_bytes
        self._plans: Lru[Hashable, Plan] = Lru(PLANS)
        self.aside = Aside()

    # Queries

    async def query(
        self,
        prepared: Prepared,
        variables: VariableValues,
        viewer: Viewer,
        *,
        only: str | None = None,
        typed: bool = False,
    ) -> tuple[bytes | None, list[GraphQLError]]:
        """The JSON of `data` (None: a root that cannot be null failed), and the errors. Raises StaleActor.

        For graphql-core: `only` one root, its objects `typed` (`plan.TYPE`).
        """
        tree = await self._trees.get()
        while True:
            try:
                return await self._answer(prepared, variables, viewer, tree, only=only, typed=typed)
            except _StaleTree as stale:
                tree = await self._trees.get(stale.version)

    async def _answer(
        self,
        prepared: Prepared,
        variables: VariableValues,
        viewer: Viewer,
        tree: TenantTree,
        *,
        only: str | None,
        typed: bool,
    ) -> tuple[bytes | None, list[GraphQLError]]:
        roots = [root for root in self._collect(prepared, variables) if only in (None, root.key)]
        for root in roots:
            try:
                self._locate(root, variables, viewer, tree)
            except (RequestError, GraphQLError) as refusal:
                root.error = _located_error(root, refusal)
        while True:
            errors = [root.error for root in roots if root.error is not None]
            if errors and any(root.error is not None and root.field.required for root in roots):
                async with self._reading(viewer, tree):  # a role or a tenant that is new just now counts
                    return None, errors
            places = tuple([_place(root) for root in roots])
            key = (only, typed, self._shape(prepared, variables), viewer.locale, places)
            run = Run(viewer, tree, variables, [scope for root in roots for scope in root.scopes])
            run.given = {root.key: root.arguments for root in roots if root.located is not None}
            run.handed = _handed(roots) | await self._worked_out(roots, viewer, tree)
            try:
                plan = await self._plan(
                    prepared,
                    key,
                    variables,
                    viewer,
                    tree,
                    partial(_compiled_roots, roots),
                    typed=typed,
                )
                values = plan.values(run)
            except RootRefusal as refused:
                failed = next(root for root in roots if root.key == refused.key and root.error is None)
                failed.error = _located_error(failed, refused.refusal)
                continue
            data = await self._value(plan, values, viewer, tree)
            if plan.patched:
                assert data is not None, "roots give an object"
                data = orjson.dumps(self._patched(plan, data, run))
            return data, errors

    def selected(self, prepared: Prepared, variables: VariableValues) -> Sequence[RootField]:
        """The root fields of a query."""
        if prepared.roots is not None:
            return prepared.roots
        selected = collect(self._schema, prepared.fragments, variables, self._query, [prepared.operation.selection_set])
        roots = [
            RootField(key, nodes, self._query, self._roots.get(nodes[0].name.value)) for key, nodes in selected.items()
        ]
        if "@" not in prepared.text:  # no directive, so nothing depends on a variable
            prepared.roots = roots
        return roots

    def _collect(self, prepared: Prepared, variables: VariableValues) -> list[_Root]:
        return [_Root(field) for field in self.selected(prepared, variables)]

    def _locate(self, root: _Root, variables: VariableValues, viewer: Viewer, tree: TenantTree) -> None:
        declared, read = root.declared, root.field.arguments
        if declared is None or read is None:  # `__typename`
            return
        if not declared.public and viewer.actor is None:
            raise Unauthenticated("missing")
        if declared.permission is not None and viewer.actor is not None and not viewer.actor.may(declared.permission):
            raise Forbidden(declared.permission.value)
        actor = viewer.actor
        arguments = root.arguments = read.read(variables)
        located = root.located = declared.locate(arguments, viewer, tree)
        if located is None:
            return
        if actor is None:
            root.scopes = [None] * (len(located.cities) or 1)
        else:
            root.scopes = [Scope(actor, city) for city in located.cities or (actor.city_id,)]
        if isinstance(declared.what, NodeRoot):
            root.handed = [[ids.decode(arguments["id"]).key]]
        elif isinstance(declared.what, NodesRoot):
            found = [ids.decode(text) for text in arguments["ids"]]
            root.handed = [
                [one.key for one in found if BY_PREFIX[one.prefix].name == typename and one.city_id in (city, 0)]
                for typename, city in zip(located.shape, located.cities, strict=True)
            ]

    async def _worked_out(self, roots: Sequence[_Root], viewer: Viewer, tree: TenantTree) -> dict[str, list[Any]]:
        """What the roots that are worked out in Python hand to the statement: the rows of all of them together."""
        rows: dict[str, list[Any]] = {}
        actor = viewer.actor
        for root in roots:
            prepare = None if root.declared is None or root.error else root.declared.prepare
            if actor is None or prepare is None or root.located is None:
                continue
            async with self._database.session(cities=actor.cities, user_id=viewer.user_id) as session:
                if session.info["grants_version"] != actor.grants_version:
                    raise StaleActor(actor.user_id)
                if session.info["tree_version"] > tree.version:
                    raise _StaleTree(session.info["tree_version"])
                for name, found in (await prepare(session, root.arguments, viewer, tree)).items():
                    rows.setdefault(name, []).extend(found)
        return rows

    # One object, for a payload

    async def object(
        self,
        prepared: Prepared,
        nodes: list[FieldNode],
        ref: Ref,
        variables: VariableValues,
        viewer: Viewer,
        *,
        at: str,
    ) -> dict[str, Any] | None:
        """The object as plain data by response key, or None when the viewer may not see it. `at` is its response path.

        Raises StaleActor.
        """
        assert viewer.actor is not None
        scope = viewer.actor.in_city(ref.city_id)
        tree = await self._trees.get()
        key = ("object", at, ref.typename, self._shape(prepared, variables), viewer.locale, scope.shape)

        def compiled(compiler: Compiler) -> Plan:
            return compiler.one(ref.typename, nodes, scope)

        plan = await self._plan(prepared, key, variables, viewer, tree, compiled)
        run = Run(viewer, tree, variables, [scope], {"keys0": [ref.key]})
        values = _values(plan, run)
        # What the viewer changed may lie in a city they have no grant in (an operator's): visibility still decides.
        data = await self._value(plan, values, viewer, None, also=ref.city_id)
        return None if data is None else self._patched(plan, data, run)

    async def objects(
        self,
        prepared: Prepared,
        nodes: list[FieldNode],
        refs: Sequence[Ref],
        variables: VariableValues,
        viewer: Viewer,
        *,
        at: str,
    ) -> dict[Ref, dict[str, Any]]:
        """As `object`, of one type and city, in one statement; what the viewer may not see is missing.

        Raises StaleActor.
        """
        assert viewer.actor is not None
        typename, city_id = refs[0].typename, refs[0].city_id
        scope = viewer.actor.in_city(city_id)
        tree = await self._trees.get()
        key = ("objects", at, typename, self._shape(prepared, variables), viewer.locale, scope.shape)

        def compiled(compiler: Compiler) -> Plan:
            return compiler.many(typename, nodes, scope)

        plan = await self._plan(prepared, key, variables, viewer, tree, compiled)
        run = Run(viewer, tree, variables, [scope], {"keys0": [ref.key for ref in refs]})
        values = _values(plan, run)
        rows = await self._rows(plan, values, viewer, also=city_id)
        return {Ref(typename, city_id, key): self._patched(plan, data, run) for key, data in rows}

    async def exists(self, prepared: Prepared, ref: Ref, variables: VariableValues, viewer: Viewer) -> bool:
        """Whether the viewer may see the object. Raises StaleActor."""
        return await self.object(prepared, [], ref, variables, viewer, at="") is not None

    # Events, for a subscription

    async def plan_events(
        self,
        prepared: Prepared,
        nodes: list[FieldNode],
        response_key: str,
        field: GraphQLField,
        relation: Relation,
        scope: Scope,
        variables: VariableValues,
        viewer: Viewer,
        tree: TenantTree,
        *,
        located: Any,
        named: bool,
    ) -> Plan:
        """The plan that reads events for this scope; with `named=False` what a group shares."""
        key = ("events", located, named, self._shape(prepared, variables), viewer.locale, scope.shape)
        edge = cast(GraphQLObjectType, get_named_type(field.type)).name

        def compiled(compiler: Compiler) -> Plan:
            return compiler.events(edge, nodes, response_key, scope, relation, located=located)

        try:
            return await self._plan(prepared, key, variables, viewer, tree, compiled, named=named)
        except RootRefusal as refused:
            raise refused.refusal from refused

    async def events(
        self,
        plan: Plan,
        scope: Scope,
        variables: VariableValues,
        viewer: Viewer,
        event_ids: Sequence[uuid.UUID],
        cursors: Sequence[str],
    ) -> dict[uuid.UUID, bytes]:
        """The `data` of each event that the scope may see. Raises StaleActor."""
        run = Run(
            viewer, await self._trees.get(), variables, [scope], {"ids": list(event_ids), "cursors": list(cursors)}
        )
        values = _values(plan, run)
        try:
            rows = await self._rows(plan, values, viewer)
        except BadInput as refusal:
            # How many are read at a time is our affair: one that is not too large by itself is shown.
            if refusal.rule != TOO_LARGE or len(event_ids) == 1:
                raise
            found: dict[uuid.UUID, bytes] = {}
            for event_id, cursor in zip(event_ids, cursors, strict=True):
                found |= await self.events(plan, scope, variables, viewer, [event_id], [cursor])
            return found
        if not plan.patched:
            return dict(rows)
        return {key: orjson.dumps(self._patched(plan, data, run)) for key, data in rows}

    # Helpers

    def _shape(self, prepared: Prepared, variables: VariableValues) -> Hashable:
        if prepared.types is None:
            matter = shaping(prepared.operation, prepared.fragments)
            declared = (
                (definition.variable.name.value, cast(GraphQLInputType, type_from_ast(self._schema, definition.type)))
                for definition in prepared.operation.variable_definitions or ()
            )
            prepared.types = [(name, type_, matter[name]) for name, type_ in declared if name in matter]
        coerced = variables.coerced
        return tuple(
            (name, shape_of(coerced[name], type_, sized=sized))
            for name, type_, sized in prepared.types
            if name in coerced
        )

    async def _plan(
        self,
        prepared: Prepared,
        key: Hashable,
        variables: VariableValues,
        viewer: Viewer,
        tree: TenantTree,
        compiled: Callable[[Compiler], Plan],
        *,
        named: bool = True,
        typed: bool = False,
    ) -> Plan:
        plan = self._plans.get((prepared, key))
        if plan is None:
            compiler = partial(
                Compiler,
                self._schema,
                prepared.fragments,
                variables,
                locale=viewer.locale,
                tree=tree,
                named=named,
                typed=typed,
            )
            work = partial(self._compile, compiler, compiled)
            plan = await self.aside.once((prepared, key), viewer.user_id, work)
            if len(prepared.text) <= LONGEST_REMEMBERED:
                self._plans.put((prepared, key), plan)
        return plan

    def _compile(self, compiler: Callable[..., Compiler], compiled: Callable[[Compiler], Plan]) -> Plan:
        """The plan. Bytes are counted only where there could be too many, since counting takes its time."""
        free = compiler()
        plan = compiled(free)
        if free.outline.size <= self._answer_bytes:
            return plan
        return compiled(compiler(most_bytes=self._answer_bytes))

    async def _value(
        self, plan: Plan, values: Sequence[Any], viewer: Viewer, tree: TenantTree | None, *, also: int | None = None
    ) -> bytes | None:
        """What a plan that stands alone shows; raises as `_reading`."""
        actor = viewer.actor
        try:
            read = await self._database.value(
                plan.sql,
                values,
                cities=_cities(viewer, also),
                user_id=viewer.user_id,
                grants_version=None if actor is None else actor.grants_version,
                tree_version=None if tree is None else tree.version,
                by_key=plan.by_key,
            )
        except asyncpg.InvalidTextRepresentationError as error:
            raise self._refusal(error) from error
        _check_versions(read, viewer, tree)
        data: bytes | None = read.data
        if data is not None and len(data) > self._answer_bytes:
            raise self._too_large()
        return data

    async def _rows(
        self, plan: Plan, values: Sequence[Any], viewer: Viewer, *, also: int | None = None
    ) -> list[tuple[Any, bytes]]:
        """The (key, data) that a plan shows, by one round trip; raises as `_reading`."""
        actor = viewer.actor
        try:
            read = await self._database.value(
                within_request(_AS_ONE.format(plan.sql), len(values)),
                values,
                cities=_cities(viewer, also),
                user_id=viewer.user_id,
                grants_version=None if actor is None else actor.grants_version,
                tree_version=None,
                by_key=plan.by_key,
            )
        except asyncpg.InvalidTextRepresentationError as error:
            raise self._refusal(error) from error
        _check_versions(read, viewer, None)
        keys, texts = read.data
        rows = [(key, text.encode()) for key, text in zip(keys or (), texts or (), strict=True)]
        if sum(len(data) for _, data in rows) > self._answer_bytes:
            raise self._too_large()
        return rows

    def _patched(self, plan: Plan, data: bytes, run: Run) -> dict[str, Any]:
        patched = cast("dict[str, Any]", plan.patch(orjson.loads(data), run))
        if run.added_bytes > self._answer_bytes:
            raise self._too_large()
        return patched

    def _refusal(self, error: asyncpg.InvalidTextRepresentationError) -> Exception:
        return self._too_large() if says_too_many_bytes(error) else error

    def _too_large(self) -> BadInput:
        return BadInput(TOO_LARGE, allowed=self._answer_bytes)

    @asynccontextmanager
    async def _reading(
        self, viewer: Viewer, tree: TenantTree | None, *, also: int | None = None
    ) -> AsyncIterator[Reading]:
        """A read of the viewer's cities; StaleActor or _StaleTree when what was compiled for has moved on."""
        async with self._database.reading(cities=_cities(viewer, also), user_id=viewer.user_id) as reading:
            _check_versions(reading, viewer, tree)
            yield reading


def _cities(viewer: Viewer, also: int | None) -> tuple[int, ...]:
    if viewer.actor is None:
        return ()
    return viewer.actor.cities if also is None else (*viewer.actor.cities, also)


def _check_versions(read: Reading | Value, viewer: Viewer, tree: TenantTree | None) -> None:
    if viewer.actor is not None and read.grants_version != viewer.actor.grants_version:
        raise StaleActor(viewer.actor.user_id)
    if tree is not None and read.tree_version > tree.version:
        raise _StaleTree(read.tree_version)


def _place(root: _Root) -> Hashable:
    """What of a root's place, and of its scopes, shapes the statement."""
    located = None if root.located is None or root.error is not None else (root.located.shape,)
    return located, tuple([None if scope is None else scope.shape for scope in root.scopes])


def _compiled_roots(roots: Sequence[_Root], compiler: Compiler) -> Plan:
    return compiler.roots(
        (root.key, root.nodes, root.declared, None if root.error else root.located, root.scopes) for root in roots
    )


def _located_error(root: _Root, refusal: Exception) -> GraphQLError:
    return GraphQLError(str(refusal), root.nodes, path=[root.key], original_error=refusal)


def _handed(roots: Sequence[_Root]) -> dict[str, Any]:
    """The keys that `node` and `nodes` read, under the number of the scope that they are read in."""
    handed: dict[str, Any] = {}
    number = 0
    for root in roots:
        for offset, keys in enumerate(root.handed):
            handed[f"keys{number + offset}"] = keys
        number += len(root.scopes)
    return handed


def _values(plan: Plan, run: Run) -> list[Any]:
    try:
        return plan.values(run)
    except RootRefusal as refused:
        raise refused.refusal from refused
