"""Publishing a responsibility list."""

from __future__ import annotations

import uuid

import strawberry

from app.kernel.errors import InvalidInput, NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.responsibility.drafts import Competent, codes_twice, draft_of
from app.responsibility.models import HandlingLevel
from app.responsibility.store import publish
from authz.actor import Actor
from authz.permissions import Permission
from schema.mutations import Values, Verb, expected_version, optional_input, retry_key
from schema.scalars import TenantPath
from tenants.tree import TenantTree


@strawberry.input(description="A subject of a responsibility list that is to be published.")
class ResponsibilitySubjectInput:
    code: str = strawberry.field(description="Its code, unique in the list: what makes it the same across versions.")
    name: str = strawberry.field(description="The matter.")
    category: str = strawberry.field(description="The class of duty (职责分类).")
    department: TenantPath = strawberry.field(description="The competent department (业务主管单位).")
    level: HandlingLevel = strawberry.field(description="At which level it is handled (处置层级).")
    legal_basis: str | None = optional_input("The laws and regulations that apply (适用法律法规).")
    keywords: list[str] | None = optional_input("Words by which a text is known to speak of it; at most 50.")


@strawberry.input(description="Publish a whole responsibility list as the city's next version.")
class ResponsibilityPublishInput:
    city: TenantPath = strawberry.field(description="The city (or region).")
    subjects: list[ResponsibilitySubjectInput] = strawberry.field(
        description="All of them, at most 5,000: what is left out is no longer in the list."
    )
    note: str | None = optional_input("Why it is published.")
    expected_version: int | None = expected_version()
    idempotency_key: str | None = retry_key()


def _city_of(values: Values, actor: Actor, tree: TenantTree) -> int:
    """The city itself, if the actor's permission reaches all of it."""
    node = tree.by_path(values["city"])
    if (
        node is None
        or node.id != node.city_id
        or not actor.reach(Permission.RESPONSIBILITY_PUBLISH, node.city_id).whole_city
    ):
        raise NotFound(field="city", kind="Tenant")
    return node.city_id


async def _publish(uow: UnitOfWork, actor: Actor, _subject: uuid.UUID, values: Values) -> int:
    def find(path: str) -> Competent | None:
        node = uow.tree.by_path(path)
        return None if node is None or node.city_id != uow.city_id else Competent(node.id, node.kind)

    drafts = []
    problems: list[tuple[int, InvalidInput]] = []
    for place, given in enumerate(values["subjects"]):
        draft, wrong = draft_of(find, **given)
        problems += [(place, problem) for problem in wrong]
        if draft is not None:
            drafts.append((place, draft))
    problems += codes_twice(drafts)
    if problems:
        place, first = min(problems, key=lambda problem: problem[0])
        data = {key: value for key, value in first.data.items() if key != "rule"}
        raise InvalidInput(f"subjects.{place}.{first.field}", first.rule, **data)
    return await publish(
        uow.session,
        uow.city_id,
        [draft for _, draft in drafts],
        note=values.get("note"),
        expected_version=values.get("expected_version"),
        published_by=actor.user_id,
        now=uow.now,
    )


VERBS = (
    Verb(
        name="responsibilityPublish",
        input=ResponsibilityPublishInput,
        description="Put a responsibility list in force; the same content as the one in force changes nothing.",
        permissions=(Permission.RESPONSIBILITY_PUBLISH,),
        shows="ResponsibilityList",
        city=_city_of,
        act=_publish,
    ),
)
