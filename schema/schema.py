"""Puts the schema together: the types that the slices declare, their SDL, and the schema that executes.

Strawberry turns the declarations into SDL, the contract (`schema.graphql`). What executes is a plain graphql-core
schema built from that SDL: it takes the reader's rows as they are, where Strawberry's own insists on its classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import strawberry
from graphql import GraphQLScalarType, GraphQLSchema, build_schema
from strawberry.printer import print_schema
from strawberry.schema.config import StrawberryConfig
from strawberry.types.base import get_object_definition

import schema.aggregates.mutations
import schema.authz.mutations
import schema.integrity.mutations
import schema.rectification.mutations
import schema.reports.mutations
import schema.responsibility.mutations
import schema.supervision.mutations
import schema.tenants.mutations
import schema.tickets.mutations
import schema.transfers.mutations
from schema.aggregates.queries import AggregateQueries
from schema.aggregates.statistics import AggregateStatisticsQueries
from schema.aggregates.types import ReleasedAggregate
from schema.authz.types import RoleGrant
from schema.decisions.queries import DecisionQueries
from schema.enterprises.queries import EnterpriseQueries
from schema.integrity.queries import IntegrityQueries
from schema.integrity.totals import IntegrityTotalsQueries
from schema.integrity.types import IntegrityEntry
from schema.mutations import Bulk, Verb, mutation_type
from schema.quality.queries import QualityQueries
from schema.quality.statistics import QualityStatisticsQueries
from schema.quality.types import QualityEntry, QualitySample
from schema.reader.declare import SHOWN, STORED, Root
from schema.rectification.queries import RectificationQueries
from schema.rectification.statistics import RectificationStatisticsQueries
from schema.rectification.types import Inspection, RectificationTask, WorkPlan
from schema.relay import RelayQueries
from schema.reports.queries import ReportQueries
from schema.reports.types import Report
from schema.responsibility.queries import ResponsibilityQueries
from schema.responsibility.types import ResponsibilityList
from schema.scalars import PARSERS, SCALARS
from schema.supervision.queries import SupervisionQueries
from schema.supervision.statistics import SupervisionStatisticsQueries
from schema.supervision.subscriptions import STREAMS as SUPERVISION_STREAMS
from schema.supervision.subscriptions import SupervisionSubscriptions
from schema.supervision.types import Notification, SupervisionNotice
from schema.tenants.queries import TenantQueries
from schema.tenants.types import Scheme, Tenant
from schema.tickets.duplicates import DuplicateQueries
from schema.tickets.queries import TicketQueries
from schema.tickets.statistics import TicketStatisticsQueries
from schema.tickets.subscriptions import STREAMS as TICKET_STREAMS
from schema.tickets.subscriptions import Stream, TicketSubscriptions
from schema.tickets.types import Ticket
from schema.transfers.queries import TransferQueries
from schema.transfers.types import TicketTransfer
from schema.user_errors import TYPES

SDL_FILE = Path(__file__).with_name("schema.graphql")

VERBS: Mapping[str, Verb | Bulk] = {
    verb.name: verb
    for verb in (
        *schema.tickets.mutations.VERBS,
        *schema.transfers.mutations.VERBS,
        *schema.aggregates.mutations.VERBS,
        *schema.integrity.mutations.VERBS,
        *schema.reports.mutations.VERBS,
        *schema.supervision.mutations.VERBS,
        *schema.responsibility.mutations.VERBS,
        *schema.rectification.mutations.VERBS,
        *schema.tenants.mutations.VERBS,
        *schema.authz.mutations.VERBS,
    )
}
STREAMS: Mapping[str, Stream] = {**TICKET_STREAMS, **SUPERVISION_STREAMS}
_SHOWN: Mapping[str, type[Any]] = {
    "Ticket": Ticket,
    "TicketTransfer": TicketTransfer,
    "Tenant": Tenant,
    "Scheme": Scheme,
    "IntegrityEntry": IntegrityEntry,
    "Report": Report,
    "ResponsibilityList": ResponsibilityList,
    "RoleGrant": RoleGrant,
    "QualityEntry": QualityEntry,
    "QualitySample": QualitySample,
    "SupervisionNotice": SupervisionNotice,
    "Notification": Notification,
    "ReleasedAggregate": ReleasedAggregate,
    "RectificationTask": RectificationTask,
    "WorkPlan": WorkPlan,
    "Inspection": Inspection,
}


@strawberry.type(
    description="Everything that can be read. What the viewer may not see is answered like what is not there."
)
class Query(
    TicketQueries,
    TicketStatisticsQueries,
    TransferQueries,
    DuplicateQueries,
    DecisionQueries,
    QualityQueries,
    QualityStatisticsQueries,
    SupervisionQueries,
    SupervisionStatisticsQueries,
    IntegrityQueries,
    IntegrityTotalsQueries,
    ReportQueries,
    AggregateQueries,
    AggregateStatisticsQueries,
    ResponsibilityQueries,
    RectificationQueries,
    RectificationStatisticsQueries,
    EnterpriseQueries,
    TenantQueries,
    RelayQueries,
):
    pass


@strawberry.type(
    description="Live streams. Each event carries a `cursor`; subscribe again with `after` to miss nothing."
)
class Subscription(TicketSubscriptions, SupervisionSubscriptions):
    pass


Mutation = mutation_type({name: (verb, _SHOWN[verb.shows]) for name, verb in VERBS.items()})


@dataclass(frozen=True)
class Assembled:
    """The contract, the schema that executes it, and how the reader answers each field of `Query`."""

    sdl: str
    executable: GraphQLSchema
    roots: Mapping[str, Root]


@lru_cache(maxsize=1)
def assemble() -> Assembled:
    """Build the schema, and tell the reader what each stored type shows."""
    declared = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=list(TYPES.values()),
        config=StrawberryConfig(scalar_map=dict(SCALARS)),
    )
    converter = declared.config.name_converter
    roots: dict[str, Root] = {}
    for definition in declared.schema_converter.type_map.values():
        origin = getattr(definition.definition, "origin", None)
        if origin is None or get_object_definition(origin) is None:
            continue
        for field in get_object_definition(origin, strict=True).fields:
            shown = field.metadata.get(SHOWN)
            if isinstance(shown, Root):
                roots[converter.from_field(field)] = shown
            elif shown is not None:
                STORED[origin.__name__].fields[converter.from_field(field)] = shown
    text = print_schema(declared) + "\n"
    executable = build_schema(text)
    for name, parse in PARSERS.items():
        scalar = executable.type_map[name]
        assert isinstance(scalar, GraphQLScalarType)
        scalar.coerce_input_value = parse  # variables, and by `parse_literal` what is written in the document
    return Assembled(text, executable, roots)


def sdl() -> str:
    """The schema as SDL, as `schema.graphql` must have it."""
    return assemble().sdl
