"""Adding tenants and publishing schemes."""

from __future__ import annotations

import uuid

import strawberry

from app.kernel.errors import Conflict, NotFound
from app.kernel.unit_of_work import UnitOfWork
from authz.actor import Actor
from authz.permissions import Permission
from schema.mutations import Values, Verb, expected_version, optional_input, retry_key
from schema.scalars import TenantPath
from tenants.actions.create_tenant import create_tenant
from tenants.models import RankingGroup, TenantKind
from tenants.schemes.model import validate_yaml
from tenants.schemes.store import current_scheme, publish_scheme
from tenants.tree import TenantTree


@strawberry.input(description="A new tenant. Cities and regions are made from a preset by the platform's operator.")
class TenantCreateInput:
    parent: TenantPath = strawberry.field(description="The tenant that it stands below.")
    slug: str = strawberry.field(description="The last part of its path: lower-case letters, digits, underscores.")
    kind: TenantKind = strawberry.field(description="What it is; which kinds may stand below which is fixed.")
    name: str = strawberry.field(description="The official (Chinese) name.")
    division_code: str | None = optional_input("Administrative division code (GB/T 2260).")
    ranking_group: RankingGroup | None = optional_input("Among whom it is ranked.")
    idempotency_key: str | None = retry_key()


@strawberry.input(description="Publish a scheme as the city's next version.")
class SchemePublishInput:
    city: TenantPath = strawberry.field(description="The city (or region).")
    document: str = strawberry.field(
        description="The whole scheme as YAML (of which JSON is a part). `Scheme.document` shows the one in force."
    )
    note: str | None = optional_input("Why it is published.")
    expected_version: int | None = expected_version()
    idempotency_key: str | None = retry_key()


def _city_of(field: str, permission: Permission, values: Values, actor: Actor, tree: TenantTree) -> int:
    """The city of the tenant in `field`, if the actor's permission reaches all of it."""
    node = tree.by_path(values[field])
    if node is None or not actor.reach(permission, node.city_id).whole_city:
        raise NotFound(field=field, kind="Tenant")
    return node.city_id


async def _create(uow: UnitOfWork, _actor: Actor, _subject: uuid.UUID, values: Values) -> int:
    return await create_tenant(uow.session, parent_path=values.pop("parent"), now=uow.now, **values)


async def _publish(uow: UnitOfWork, actor: Actor, _subject: uuid.UUID, values: Values) -> int:
    scheme = validate_yaml(values["document"])
    version, current = await current_scheme(uow.session, uow.city_id)
    expected = values.get("expected_version")
    if expected is not None and expected != version:
        raise Conflict(expected_version=expected, current_version=version)
    if scheme == current:  # said again, or by a retry without a key: nothing to put in force
        return version
    return await publish_scheme(
        uow.session, uow.city_id, scheme, note=values.get("note"), published_by=actor.user_id, now=uow.now
    )


VERBS = (
    Verb(
        name="tenantCreate",
        input=TenantCreateInput,
        description="Add a county, department, township or village to a city.",
        permissions=(Permission.TENANT_CREATE,),
        shows="Tenant",
        city=lambda values, actor, tree: _city_of("parent", Permission.TENANT_CREATE, values, actor, tree),
        act=_create,
    ),
    Verb(
        name="schemePublish",
        input=SchemePublishInput,
        description="Put a scheme in force; what is running keeps the version under which it began.",
        permissions=(Permission.SCHEME_PUBLISH,),
        shows="Scheme",
        city=lambda values, actor, tree: _city_of("city", Permission.SCHEME_PUBLISH, values, actor, tree),
        act=_publish,
    ),
)
