"""The one read path: documents to plans, plans to JSON.

Queries are answered without graphql-core: the bytes that PostgreSQL sends are spliced into the response. The payload
of a mutation and the event of a subscription are read by the same compiler.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, cast

import orjson
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLInputType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_named_type,
    type_from_ast,
)
from graphql.execution.values import VariableValues, get_argument_values

from app.kernel.database import Database, Reading, Value
from app.kernel.errors import Forbidden, RequestError, StaleActor, Unauthenticated
from authz.actor import Scope
from authz.lru import Lru
from schema import ids
from schema.context import Viewer
from schema.reader.collect import collect
from schema.reader.compile import Compiler, has_variable
from schema.reader.declare import BY_PREFIX, Located, NodeRoot, NodesRoot, Ref, Relation, Root
from schema.reader.plan import Plan, RootRefusal, Run, shape_of, shaping
from schema.reader.rows import Rows
from schema.variables import Variables
from tenants.tree import TenantTree, TenantTreeCache

PLANS = 1_000
"""Compiled statements that a process remembers."""
LONGEST_REMEMBERED = 8_192
"""Characters. Longer documents are parsed and compiled anew each time, so that what is remembered has its bounds."""


@dataclass(eq=False)
class Prepared:
    """One operation of a document that was parsed, measured and validated."""

    document: DocumentNode
    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    text: str
    variables: Variables
    rows: Rows | None = None
    types: Sequence[tuple[str, GraphQLInputType, bool]] | None = None
    """The variables that shape statements, with their types, and whether they are page sizes."""
    selected: Mapping[str, list[FieldNode]] | None = None
    """The root fields, where they are the same for all variables."""
    fixed: dict[str, Mapping[str, Any] | None] = field(default_factory=dict)
    """The arguments of those root fields; None: they depend on variables."""

    @property
    def operation_type(self) -> Literal["query", "mutation", "subscription"]:
        """What the operation does."""
        return self.operation.operation.value

    @property
    def reads(self) -> bool:
        """Whether it is a query."""
        return self.operation.operation is OperationType.QUERY


@dataclass
class _Root:
    key: str
    nodes: list[FieldNode]
    declared: Root | None
    located: Located | None = None
    scopes: list[Scope | None] = field(default_factory=list)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    handed: dict[str, Any] = field(default_factory=dict)
    error: GraphQLError | None = None


class _StaleTree(Exception):
    def __init__(self, version: int) -> None:
        self.version = version


class Reader:
    """Answers selections of stored types."""

    def __init__(
        self, schema: GraphQLSchema, roots: Mapping[str, Root], database: Database, trees: TenantTreeCache
    ) -> None:
        self._schema = schema
        self._query = cast(GraphQLObjectType, schema.query_type)
        self._roots = roots
        self._database = database
        self._trees = trees
        self._plans: Lru[Hashable, Plan] = Lru(PLANS)

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
                self._locate(prepared, root, variables, viewer, tree)
            except (RequestError, GraphQLError) as refusal:
                root.error = _located_error(root, refusal)
        while True:
            errors = [root.error for root in roots if root.error is not None]
            if any(root.error is not None and self._required(root) for root in roots):
                async with self._reading(viewer, tree):  # a role or a tenant that is new just now counts
                    return None, errors
            live = [
                (root.key, root.nodes, root.declared, None if root.error else root.located, root.scopes)
                for root in roots
            ]
            key = (
                only,
                typed,
                self._shape(prepared, variables),
                viewer.locale,
                tuple((located and (located.shape,), _shapes(scopes)) for _, _, _, located, scopes in live),
            )

            run = Run(viewer, tree, variables, [scope for root in roots for scope in root.scopes])
            run.given = {root.key: root.arguments for root in roots if root.located is not None}
            run.handed = _handed(roots) | await self._worked_out(roots, viewer, tree)
            try:
                plan = self._plan(
                    prepared,
                    key,
                    variables,
                    viewer,
                    tree,
                    partial(_compiled_roots, live),
                    typed=typed,
                )
                values = plan.values(run)
            except RootRefusal as refused:
                failed = next(root for root in roots if root.key == refused.key and root.error is None)
                failed.error = _located_error(failed, refused.refusal)
                continue
            data = cast(bytes, await self._value(plan, values, viewer, tree))
            if plan.patched:
                data = orjson.dumps(plan.patch(orjson.loads(data), run))
            return data, errors

    def selected(self, prepared: Prepared, variables: VariableValues) -> Mapping[str, list[FieldNode]]:
        """The root fields of a query, by response key."""
        if prepared.selected is not None:
            return prepared.selected
        selected = collect(self._schema, prepared.fragments, variables, self._query, [prepared.operation.selection_set])
        if "@" not in prepared.text:  # no directive, so nothing depends on a variable
            prepared.selected = selected
        return selected

    def _collect(self, prepared: Prepared, variables: VariableValues) -> list[_Root]:
        selected = self.selected(prepared, variables)
        return [_Root(key, nodes, self._roots.get(nodes[0].name.value)) for key, nodes in selected.items()]

    def _locate(
        self, prepared: Prepared, root: _Root, variables: VariableValues, viewer: Viewer, tree: TenantTree
    ) -> None:
        declared = root.declared
        if declared is None:  # `__typename`
            return
        if not declared.public and viewer.actor is None:
            raise Unauthenticated("missing")
        if declared.permission is not None and viewer.actor is not None and not viewer.actor.may(declared.permission):
            raise Forbidden(declared.permission.value)
        node = root.nodes[0]
        arguments: Mapping[str, Any]
        if prepared.selected is None:
            arguments = get_argument_values(self._query.fields[node.name.value], node, variables)
        elif (fixed := prepared.fixed.get(root.key)) is not None:
            arguments = fixed
        else:
            arguments = get_argument_values(self._query.fields[node.name.value], node, variables)
            if root.key not in prepared.fixed:
                prepared.fixed[root.key] = None if has_variable(node) else arguments
        root.arguments = arguments
        root.located = declared.locate(arguments, viewer, tree)
        if root.located is None:
            return
        cities = root.located.cities or ((viewer.actor.city_id,) if viewer.actor is not None else ())
        root.scopes = [None if viewer.actor is None else viewer.actor.in_city(city) for city in cities] or [None]
        if isinstance(declared.what, NodeRoot):
            root.handed = {"keys": [[ids.decode(arguments["id"]).key]]}
        elif isinstance(declared.what, NodesRoot):
            found = [ids.decode(text) for text in arguments["ids"]]
            groups = zip(root.located.shape, root.located.cities, strict=True)
            root.handed = {
                "keys": [
                    [one.key for one in found if BY_PREFIX[one.prefix].name == typename and one.city_id in (city, 0)]
                    for typename, city in groups
                ]
            }

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

    def _required(self, root: _Root) -> bool:
        definition = self._query.fields.get(root.nodes[0].name.value)
        return definition is not None and isinstance(definition.type, GraphQLNonNull)

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

        plan = self._plan(prepared, key, variables, viewer, tree, compiled)
        run = Run(viewer, tree, variables, [scope], {"keys0": [ref.key]})
        values = _values(plan, run)
        # What the viewer changed may lie in a city they have no grant in (an operator's): visibility still decides.
        data = await self._value(plan, values, viewer, None, also=ref.city_id)
        return None if data is None else cast("dict[str, Any]", plan.patch(orjson.loads(data), run))

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

        plan = self._plan(prepared, key, variables, viewer, tree, compiled)
        run = Run(viewer, tree, variables, [scope], {"keys0": [ref.key for ref in refs]})
        values = _values(plan, run)
        async with self._reading(viewer, None, also=city_id) as reading:
            rows = await reading.connection.fetch(plan.sql, *values)
        return {Ref(typename, city_id, row[0]): plan.patch(orjson.loads(row[1]), run) for row in rows}

    async def exists(self, prepared: Prepared, ref: Ref, variables: VariableValues, viewer: Viewer) -> bool:
        """Whether the viewer may see the object. Raises StaleActor."""
        return await self.object(prepared, [], ref, variables, viewer, at="") is not None

    # Events, for a subscription

    def plan_events(
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
            return self._plan(prepared, key, variables, viewer, tree, compiled, named=named)
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
        async with self._reading(viewer, None) as reading:
            rows = await reading.connection.fetch(plan.sql, *values)
        if not plan.patched:
            return {row[0]: row[1] for row in rows}
        return {row[0]: orjson.dumps(plan.patch(orjson.loads(row[1]), run)) for row in rows}

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

    def _plan(
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
            compiler = Compiler(
                self._schema,
                prepared.fragments,
                variables,
                locale=viewer.locale,
                tree=tree,
                named=named,
                typed=typed,
            )
            plan = compiled(compiler)
            if len(prepared.text) <= LONGEST_REMEMBERED:
                self._plans.put((prepared, key), plan)
        return plan

    async def _value(
        self, plan: Plan, values: Sequence[Any], viewer: Viewer, tree: TenantTree | None, *, also: int | None = None
    ) -> bytes | None:
        """What a plan that stands alone shows; raises as `_reading`."""
        actor = viewer.actor
        read = await self._database.value(
            plan.sql,
            values,
            cities=_cities(viewer, also),
            user_id=viewer.user_id,
            grants_version=None if actor is None else actor.grants_version,
            tree_version=None if tree is None else tree.version,
        )
        _check_versions(read, viewer, tree)
        return cast("bytes | None", read.data)

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


def _shapes(scopes: Sequence[Scope | None]) -> Hashable:
    return tuple(None if scope is None else scope.shape for scope in scopes)


def _compiled_roots(roots: list[Any], compiler: Compiler) -> Plan:
    return compiler.roots(roots)


def _located_error(root: _Root, refusal: Exception) -> GraphQLError:
    return GraphQLError(str(refusal), root.nodes, path=[root.key], original_error=refusal)


def _handed(roots: Sequence[_Root]) -> dict[str, Any]:
    """The keys that `node` and `nodes` read, under the number of the scope that they are read in."""
    handed: dict[str, Any] = {}
    number = 0
    for root in roots:
        for offset, keys in enumerate(root.handed.get("keys", [])):
            handed[f"keys{number + offset}"] = keys
        number += len(root.scopes)
    return handed


def _values(plan: Plan, run: Run) -> list[Any]:
    try:
        return plan.values(run)
    except RootRefusal as refused:
        raise refused.refusal from refused
