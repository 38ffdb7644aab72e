"""The committed contract: what `schema.graphql` says, and that it keeps to the conventions of api.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    build_schema,
    get_named_type,
    is_introspection_type,
    is_specified_directive,
    is_specified_scalar_type,
)

from schema.mutations import Bulk
from schema.schema import SDL_FILE, VERBS, sdl

SCHEMA = build_schema(SDL_FILE.read_text())
TYPES: dict[str, GraphQLNamedType] = {
    name: type_
    for name, type_ in SCHEMA.type_map.items()
    if not is_introspection_type(type_) and not is_specified_scalar_type(type_)
}
CAMEL = re.compile(r"[a-z][a-zA-Z0-9]*\Z")
UPPER = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*\Z")
PASCAL = re.compile(r"([A-Z][a-zA-Z0-9]*)\Z")
PAGE = {"first": "Int", "after": "Cursor"}
BACKWARDS = {"last": "Int", "before": "Cursor"}


def objects() -> Iterator[tuple[str, GraphQLObjectType | GraphQLInterfaceType]]:
    for name, type_ in TYPES.items():
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            yield name, type_


def fields_of(name: str) -> dict[str, GraphQLField]:
    type_: Any = SCHEMA.type_map[name]
    fields: dict[str, GraphQLField] = type_.fields
    return fields


def described() -> Iterator[tuple[str, str | None]]:
    """Every definition that a reader of the schema meets, and its description."""
    for name, type_ in TYPES.items():
        yield name, type_.description
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            for field_name, field in type_.fields.items():
                yield f"{name}.{field_name}", field.description
                for argument_name, argument in field.args.items():
                    yield f"{name}.{field_name}({argument_name}:)", argument.description
        if isinstance(type_, GraphQLInputObjectType):
            for field_name, given in type_.fields.items():
                yield f"{name}.{field_name}", given.description
        if isinstance(type_, GraphQLEnumType):
            for value_name, value in type_.values.items():
                yield f"{name}.{value_name}", value.description
    for directive in SCHEMA.directives:
        if not is_specified_directive(directive):
            yield f"@{directive.name}", directive.description


def test_the_committed_schema_is_what_the_code_declares() -> None:
    assert sdl() == SDL_FILE.read_text(), (
        "The schema has changed. If that is meant: "
        "python -c \"from schema.schema import sdl; print(sdl(), end='')\" > schema/schema.graphql"
    )


def test_everything_is_described() -> None:
    found = dict(described())
    assert len(found) > 400  # the walk finds what there is
    assert not [where for where, text in found.items() if not text or len(text.strip()) < 3]


def test_descriptions_are_sentences() -> None:
    assert not [where for where, text in described() if text and not text.rstrip().endswith((".", "…", "`", ")"))]


def test_names_are_spelled_alike() -> None:
    wrong: list[str] = [name for name in TYPES if not PASCAL.match(name)]
    for name, type_ in TYPES.items():
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            for field_name, field in type_.fields.items():
                wrong += [f"{name}.{each}" for each in (field_name, *field.args) if not CAMEL.match(each)]
        if isinstance(type_, GraphQLInputObjectType):
            wrong += [f"{name}.{each}" for each in type_.fields if not CAMEL.match(each)]
        if isinstance(type_, GraphQLEnumType):
            wrong += [f"{name}.{each}" for each in type_.values if not UPPER.match(each)]
    assert not wrong


def test_nothing_is_left_over() -> None:
    """Every type can be reached from a root: what is not is a leftover that nobody can use."""
    reached: set[str] = set()
    waiting = [SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type]
    while waiting:
        type_: Any = waiting.pop()
        if type_.name in reached:
            continue
        reached.add(type_.name)
        if isinstance(type_, GraphQLInterfaceType):
            waiting += SCHEMA.get_possible_types(type_)
        if isinstance(type_, GraphQLObjectType):
            waiting += type_.interfaces
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for field in type_.fields.values():
                waiting.append(get_named_type(field.type))
                waiting += [get_named_type(argument.type) for argument in getattr(field, "args", {}).values()]
    assert set(TYPES) <= reached


# Relay


def test_node() -> None:
    assert {name: str(field.type) for name, field in fields_of("Node").items()} == {"id": "ID!"}
    node: Any = SCHEMA.type_map["Node"]
    with_id = {name for name, type_ in objects() if "id" in type_.fields and name not in ("Node", "Query")}
    assert {type_.name for type_ in SCHEMA.get_possible_types(node)} == with_id


CONNECTIONS = sorted(name.removesuffix("Connection") for name in TYPES if name.endswith("Connection"))


def test_there_are_connections() -> None:
    assert [
        *("Enterprise", "Inspection", "IntegrityEntry", "IntegrityEvent", "IntegrityInstalment"),
        *("Notification", "PublishedDecision", "QualityCheck", "QualityEntry", "QualityEvent", "QualitySample"),
        *("RectificationEvent", "RectificationProgress", "RectificationTask", "ReleasedAggregate", "Report"),
        *("ReportEvent", "ResponsibilitySubject", "SupervisionNotice", "Tenant", "Ticket"),
        *("TicketEvent", "TicketTransfer"),
    ] == CONNECTIONS
    assert {name.removesuffix("Edge") for name in TYPES if name.endswith("Edge")} == set(CONNECTIONS)


@pytest.mark.parametrize("node", CONNECTIONS)
def test_connections_are_relays(node: str) -> None:
    shapes = {
        f"{node}Connection": {"edges": f"[{node}Edge!]!", "pageInfo": "PageInfo!", "totalCount": "Int!"},
        f"{node}Edge": {"cursor": "Cursor!", "node": f"{node}!"},
    }
    for name, shape in shapes.items():
        assert {field_name: str(field.type) for field_name, field in fields_of(name).items()} == shape


def test_page_info() -> None:
    assert {name: str(field.type) for name, field in fields_of("PageInfo").items()} == {
        "hasNextPage": "Boolean!",
        "hasPreviousPage": "Boolean!",
        "startCursor": "Cursor",
        "endCursor": "Cursor",
    }


def test_every_list_of_many_is_paged() -> None:
    """A field that answers a connection takes `first` and `after`; backwards is both or neither."""
    paged: set[str] = set()
    for name, type_ in objects():
        for field_name, field in type_.fields.items():
            if not get_named_type(field.type).name.endswith("Connection"):
                continue
            paged.add(get_named_type(field.type).name.removesuffix("Connection"))
            arguments = {argument: str(given.type) for argument, given in field.args.items()}
            assert str(field.type).endswith("!"), f"{name}.{field_name}"
            assert PAGE.items() <= arguments.items(), f"{name}.{field_name}"
            backwards = BACKWARDS.keys() & arguments.keys()
            assert backwards in (set(), set(BACKWARDS)), f"{name}.{field_name}"
            assert {each: arguments[each] for each in backwards} == {each: BACKWARDS[each] for each in backwards}
    assert paged == set(CONNECTIONS)


# Mutations


def test_every_verb_is_a_mutation() -> None:
    assert set(fields_of("Mutation")) == set(VERBS)


@pytest.mark.parametrize("name", list(fields_of("Mutation")))
def test_mutations_are_alike(name: str) -> None:
    field = fields_of("Mutation")[name]
    pascal = name[0].upper() + name[1:]
    assert {argument: str(given.type) for argument, given in field.args.items()} == {"input": f"{pascal}Input!"}
    assert str(field.type) == f"{pascal}Payload!"
    payload = {shown: str(given.type) for shown, given in fields_of(f"{pascal}Payload").items()}
    assert payload.pop("userErrors") == "[UserError!]!"
    if isinstance(VERBS[name], Bulk):
        assert payload == {"results": f"[{pascal}Result!]!"}
        return
    ((shown, shown_type),) = payload.items()
    assert not shown_type.endswith("!")  # null when refused
    if shown_type == "ID":  # of what was removed only the id is left
        assert shown.endswith("Id")
    else:
        assert shown == shown_type[0].lower() + shown_type[1:]
    given: Any = SCHEMA.type_map[f"{pascal}Input"]
    assert str(given.fields["idempotencyKey"].type) == "String"
    if (name.startswith(("ticket", "quality")) and "ticketId" in given.fields) or name == "schemePublish":
        assert str(given.fields["expectedVersion"].type) == "Int"


def test_user_errors_are_typed() -> None:
    shape = {"code": "ErrorCode!", "message": "String!", "path": "[String!]"}
    interface: Any = SCHEMA.type_map["UserError"]
    assert {name: str(field.type) for name, field in interface.fields.items()} == shape
    kinds = SCHEMA.get_possible_types(interface)
    codes: Any = SCHEMA.type_map["ErrorCode"]
    assert {re.sub(r"(?<!^)(?=[A-Z])", "_", kind.name.removesuffix("Error")).upper() for kind in kinds} == set(
        codes.values
    )


# The core contract (api.md), as far as it exists by now

CORE: dict[str, dict[str, str]] = {
    "Query": {
        "node": "(id: ID!): Node",
        "nodes": "(ids: [ID!]!): [Node]!",
        "viewer": ": Viewer!",
        "tenant": "(path: TenantPath!): Tenant",
        "tenants": "(within: TenantPath, kind: TenantKind, first: Int, after: Cursor): TenantConnection!",
        "scheme": "(city: TenantPath!, version: Int): Scheme",
        "enterprise": "(id: ID, creditCode: UnifiedSocialCreditCode): Enterprise",
        "enterprises": (
            "(within: TenantPath, filter: EnterpriseFilter, first: Int, after: Cursor): EnterpriseConnection!"
        ),
        "ticket": "(id: ID!): Ticket",
        "ticketByNumber": "(number: String!): Ticket",
        "tickets": (
            "(within: TenantPath, filter: TicketFilter, orderBy: TicketOrder, first: Int, after: Cursor, last: Int, "
            "before: Cursor): TicketConnection!"
        ),
    },
    "Subscription": {
        "ticketEvents": "(id: ID!, after: Cursor): TicketEventEdge!",
        "ticketFeed": "(within: TenantPath!, filter: TicketFilter, after: Cursor): TicketEventEdge!",
    },
    "Ticket": {
        "id": ": ID!",
        "number": ": String!",
        "version": ": Int!",
        "category": ": TicketCategory!",
        "channel": ": TicketChannel!",
        "title": ": String!",
        "body": ": String!",
        "status": ": TicketStatus!",
        "statusLabel": ": String!",
        "round": ": Int!",
        "secrecy": ": SecrecyLevel!",
        "city": ": Tenant!",
        "county": ": Tenant",
        "enterprise": ": Enterprise",
        "reporter": ": Reporter",
        "lead": ": Tenant",
        "coHandlers": ": [Tenant!]!",
        "submittedAt": ": DateTime!",
        "acceptedAt": ": DateTime",
        "dispatchedAt": ": DateTime",
        "acknowledgedAt": ": DateTime",
        "resolvedAt": ": DateTime",
        "closedAt": ": DateTime",
        "satisfaction": ": Satisfaction",
        "resolution": ": String",
        "timeline": "(first: Int, after: Cursor, last: Int, before: Cursor): TicketEventConnection!",
        "allowedActions": ": [TicketAction!]!",
    },
    "TicketEvent": {
        "id": ": ID!",
        "type": ": TicketEventType!",
        "at": ": DateTime!",
        "actor": ": Actor",
        "fromStatus": ": TicketStatus",
        "toStatus": ": TicketStatus",
        "note": ": String",
        "visibility": ": Visibility!",
        "ticket": ": Ticket!",
    },
}

INPUTS: dict[str, str] = {
    "ticketSubmit": (
        "category! channel! title! body! county enterpriseId reporter department secrecy subject origin attachments "
        "idempotencyKey"
    ),
    "ticketAccept": "ticketId!",
    "ticketDecline": "ticketId! basis! emergencyNumber repeatOf",
    "ticketAnswer": "ticketId! reply!",
    "ticketDispatch": "ticketId! lead! coHandlers note subject",
    "ticketAcknowledge": "ticketId!",
    "ticketReturn": "ticketId! reason!",
    "ticketArbitrate": "ticketId! lead! coHandlers reason!",
    "ticketComment": "ticketId! body! visibility!",
    "ticketResolve": "ticketId! reply! decisionNumber",
    "ticketFollowUp": "ticketId! satisfaction! justified note answers",
    "ticketExtensionRequest": "ticketId! workingDays! reason!",
    "ticketExtensionDecide": "ticketId! approve! reason",
    "ticketSuspend": "ticketId! reason! note",
    "ticketResume": "ticketId!",
    "ticketTerminate": "ticketId! basis! handledBy",
    "ticketMerge": "ticketId! intoTicketId!",
    "ticketTransfer": "ticketId! to! reason!",
    "ticketTransferChase": "ticketId! note!",
    "ticketTransferDecide": "transferId! accept! reason",
    "ticketTransferWithdraw": "ticketId! reason!",
    "ticketBulkDispatch": "items!",
    "ticketWithdraw": "ticketId! reason",
}
"""The fields of each input, `!` where they must be given, as api.md lists them."""


@pytest.mark.parametrize("type_name", CORE)
def test_the_core_contract_stands(type_name: str) -> None:
    printed: dict[str, str] = {}
    for name, field in fields_of(type_name).items():
        arguments = ", ".join(f"{argument}: {given.type}" for argument, given in field.args.items())
        printed[name] = f"({arguments}): {field.type}" if arguments else f": {field.type}"
    assert {name: printed.get(name) for name in CORE[type_name]} == CORE[type_name]


@pytest.mark.parametrize("name", INPUTS)
def test_the_inputs_of_the_core_contract_stand(name: str) -> None:
    given: Any = SCHEMA.type_map[name[0].upper() + name[1:] + "Input"]
    found = {f"{field}{'!' if str(of.type).endswith('!') else ''}" for field, of in given.fields.items()}
    assert set(INPUTS[name].split()) == found - {"expectedVersion"} - (
        set() if "idempotencyKey" in INPUTS[name] else {"idempotencyKey"}
    )


def test_the_schemas_own_scalars() -> None:
    assert {"Cursor", "DateTime", "TenantPath", "UnifiedSocialCreditCode"} <= set(TYPES)
