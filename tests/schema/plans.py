"""Statements as the reader compiles them, without running them: for people that are made up, or for a shape alone."""

from __future__ import annotations

import random
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

from graphql import FragmentDefinitionNode, GraphQLError, OperationDefinitionNode, parse
from graphql.execution.values import get_variable_values

from app.kernel.clock import SystemClock
from app.kernel.config import Limits
from app.kernel.errors import RequestError
from app.kernel.tables import new_id
from authz.actor import Actor, ActorGrant, Reach, Scope
from authz.permissions import Permission
from authz.policy import load_policy
from authz.roles import GRANTABLE_AT, Role
from schema import ids
from schema.context import Viewer
from schema.reader.compile import Compiler
from schema.reader.declare import BY_PREFIX
from schema.reader.plan import Plan, RootRefusal
from schema.reader.prepared import Prepared
from schema.reader.reader import Reader
from schema.schema import assemble
from schema.variables import Variables
from tenants.models import TenantKind
from tenants.tree import TenantNode, TenantTree
from tests.schema.both import SCHEMA
from tests.schema.ledger import LED_TO

LETTERS = {"y": "counties", "t": "tenants", "l": "leads", "h": "helps", "e": "enterprises"}
FLAGS = {"c": "whole_city", "o": "own", "n": "named"}


def _tree() -> TenantTree:
    nodes = [_node(1, 1, None, None, TenantKind.PLATFORM, "platform")]
    for city, slug in ((10, "guangyuan"), (1000, "anshan")):
        nodes.append(_node(city, city, 1, None, TenantKind.CITY, slug))
        for number in (1, 2):
            county = city + number
            nodes.append(_node(county, city, city, county, TenantKind.COUNTY, f"{slug}.y{number}"))
            for kind, below in ((TenantKind.DEPARTMENT, 10), (TenantKind.TOWNSHIP, 20)):
                path = f"{slug}.y{number}.{kind.lower()}"
                nodes.append(_node(county + below, city, county, county, kind, path))
        nodes += [_node(city + n, city, city, None, TenantKind.DEPARTMENT, f"{slug}.d{n}") for n in range(30, 34)]
    return TenantTree(1, nodes)


def _node(id_: int, city: int, parent: int | None, county: int | None, kind: TenantKind, path: str) -> TenantNode:
    return TenantNode(
        id_,
        city,
        parent,
        county,
        kind,
        path.rpartition(".")[2],
        path,
        path,
        None,
        None,
        None,
        1 if id_ == city else None,
    )


TREE = _tree()


def pools(draw: random.Random) -> dict[str, list[Any]]:
    """Values to ask with (`Writer`): of both cities, of nothing that is there."""
    made = random.Random(draw.random())

    def some(prefix: str, city: int) -> str:
        if prefix == ids.TENANT:
            return ids.encode(prefix, 0, made.choice(TREE.nodes).id)
        return ids.encode(
            prefix, city, made.randint(1, 9) if prefix in ids.VERSIONED else UUID(int=made.getrandbits(128))
        )

    found = {prefix: [some(prefix, city) for city in (10, 10, 10, 1000)] for prefix in sorted(BY_PREFIX)}
    every = [each for ids_ in found.values() for each in ids_]
    paths = [node.path for node in TREE.nodes]
    texts = ["用电", "a", "山泉", "%"]
    cursors = [
        (zlib.crc32(order).to_bytes(4, "big") + sent).hex()
        for order, sent in (
            (b"submitted_at-id", UUID(int=7).bytes + bytes(8)),
            (b"seq+", bytes([0, 0, 0, 4])),
            (b"path+id", bytes([0, 0, 0, 7]) + b"x"),
        )
    ]
    return {
        "id": [*every, *found["T"] * 8, *found["E"] * 3],
        "ids": every,
        "ticketId": found["T"],
        **dict.fromkeys(("enterpriseId", "creditorId"), found["E"]),
        "after": cursors,
        "before": cursors,
        **dict.fromkeys(("within", "tenant", "path", "department", "county", "addressee", "debtor"), paths),
        "city": ["guangyuan", "anshan"],
        "month": ["2026-01", "2026-11"],
        **{key: ["2026-01", "2026-11"] for key in ("fromMonth", "toMonth")},
        "version": [1, 2, 3, 4],
        "number": ["GY-1", "AS-2", "x"],
        "creditCode": ["91510824000000001X", "91510824000000002X"],
        **{key: ["2026-01-01T00:00:00Z"] for key in ("issuedFrom", "issuedBefore", "dueFrom", "dueBefore")},
        **{key: ["2026-01-01T00:00:00Z"] for key in ("enteredFrom", "enteredBefore")},
        **{name: [ids.encode(prefix, 10, UUID(int=5))] for name, prefix in LED_TO.items()},
        "year": [2026, 2027],
        "submittedFrom": ["2020-01-01T00:00:00Z", "2026-01-01T08:00:00+08:00"],
        "submittedBefore": ["2021-01-01T00:00:00Z", "2090-01-01T00:00:00Z"],
        **{key: ["2020-01-01", "2021-01-01"] for key in ("from", "openedFrom")},
        **{key: ["2100-01-01", "2101-12-01"] for key in ("to", "openedBefore")},
        "obligation": ["SUPERVISION_MONTHLY", "nothing"],
        **dict.fromkeys(("title", "body", "search", "text"), texts),
    }


class BlindActor:
    """What a shape tells of an actor. Whatever else is asked fails."""

    def __init__(self, permitted: Mapping[Permission, bool]) -> None:
        self._permitted = permitted

    def may(self, permission: Permission) -> bool:
        return self._permitted[permission]


class BlindScope:
    """What a shape tells of a scope (`Scope.shape`): how many ids a reach has, none of them."""

    def __init__(self, shape: Any) -> None:
        pairs = list(zip(Permission, shape, strict=True))
        self.actor = BlindActor({permission: may for permission, (_, may) in pairs})
        self._reaches = {permission: self._reach(letters) for permission, (letters, _) in pairs}

    @staticmethod
    def _reach(letters: str) -> Reach:
        reach: Any = {name: letter in letters for letter, name in FLAGS.items()}
        for letter, name in LETTERS.items():
            reach[name] = (object(),) * letters.count(letter)
        return Reach(city_id=cast(int, object()), **reach)

    def reach(self, permission: Permission) -> Reach:
        return self._reaches[permission]


@lru_cache(maxsize=8)
def prepared_of(text: str) -> Prepared:
    """A document's one operation."""
    document = parse(text)
    (operation,) = (each for each in document.definitions if isinstance(each, OperationDefinitionNode))
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    return Prepared(document, operation, fragments, text, Variables(SCHEMA, operation))


def reader() -> Reader:
    """A reader that has no database: it compiles, and reads nothing."""
    return Reader(SCHEMA, assemble().roots, cast(Any, None), cast(Any, None), answer_bytes=Limits().answer_bytes)


class Located:
    """The roots of a query, located for a viewer; what is refused answers null."""

    def __init__(self, text: str, variables: Mapping[str, Any], viewer: Viewer) -> None:
        self.prepared = prepared_of(text)
        coerced = get_variable_values(SCHEMA, self.prepared.operation.variable_definitions or (), dict(variables))
        assert not isinstance(coerced, list), coerced
        self.variables = coerced
        self.viewer = viewer
        self.reader = reader()
        self.roots = self.reader._collect(self.prepared, coerced)
        for root in self.roots:
            try:
                self.reader._locate(root, coerced, viewer, TREE)
            except (RequestError, GraphQLError):
                root.located = None

    @property
    def key(self) -> Any:
        """The key of the plan, apart from the document."""
        located = tuple((root.located and (root.located.shape,), _shapes(root.scopes)) for root in self.roots)
        return self.reader._shape(self.prepared, self.variables), self.viewer.locale, located

    def compiler(self) -> Compiler:
        return Compiler(
            SCHEMA, self.prepared.fragments, self.variables, locale=self.viewer.locale, tree=cast(Any, None)
        )

    def plan(self, *, blind: bool = False) -> Plan | None:
        """The statement; None where an argument somewhere cannot be read."""
        live = [
            (root.key, root.nodes, root.declared, root.located, _blind(root.scopes) if blind else root.scopes)
            for root in self.roots
        ]
        try:
            return self.compiler().roots(live)
        except RootRefusal:
            return None


def _shapes(scopes: list[Scope | None]) -> Any:
    return tuple(None if scope is None else scope.shape for scope in scopes)


def _blind(scopes: list[Scope | None]) -> list[Scope | None]:
    return [None if scope is None else cast(Scope, BlindScope(scope.shape)) for scope in scopes]


def anybody(draw: random.Random) -> Viewer:
    """Someone with up to five roles where such roles make sense, mostly in one city; now and then a stranger."""
    if draw.random() < 0.05:
        return Viewer(None, draw.choice(("zh-CN", "en")), SystemClock().now())
    cities = [node.id for node in TREE.nodes if node.kind == TenantKind.CITY]
    home = draw.choice(cities)
    grants = []
    for _ in range(draw.randint(0, 5)):
        role = draw.choice(list(Role))
        city = draw.choice(cities) if draw.random() < 0.2 else home
        places = [node for node in TREE.nodes if node.city_id == city and node.kind in GRANTABLE_AT[role]]
        if not places:
            continue
        node = draw.choice(places)
        enterprise = new_id() if role is Role.ENTERPRISE_USER else None
        grants.append(ActorGrant(role, city, node.id, node.kind, node.county_id, enterprise))
    actor = Actor(new_id(), "somebody", "某人", home, 1, tuple(grants), load_policy())
    return Viewer(actor, draw.choice(("zh-CN", "en")), SystemClock().now())
