"""The scheme (工作方案) of a city, and the presets it starts from (domain.md, section 2).

`load_preset` and `validate_yaml` read YAML and say of every mistake its file, line, key and what was expected. A
document may `include` parts (`presets/parts/`): what it says itself goes before what a part says.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from app.kernel.errors import InvalidInput
from tenants.models import RankingGroup, TenantKind
from tenants.schemes.calendar import Calendar
from tenants.schemes.cross_city import CrossCity
from tenants.schemes.documents import Template, check_templates
from tenants.schemes.enterprises import Enterprises
from tenants.schemes.evaluations import Evaluations
from tenants.schemes.files import Files
from tenants.schemes.policies import Policies
from tenants.schemes.problems import SchemeProblem, SchemeProblems, dotted
from tenants.schemes.rankings import Rankings
from tenants.schemes.source import Item, Source, read_source
from tenants.schemes.supervision import Supervision
from tenants.schemes.tickets import Secrecy, Tickets
from tenants.schemes.values import Broken, Model, Name, Prose, Slug, repeated

__all__ = [
    "PresetDocument",
    "Scheme",
    "SchemeProblem",
    "SchemeProblems",
    "TenantEntry",
    "broken_references",
    "load_preset",
    "preset_names",
    "validate_yaml",
]


class Scheme(Model):
    """Every rule of a city that is a number, a list or a choice. Immutable; publishing makes a new version."""

    name: Name
    sources: tuple[Prose, ...]
    """The documents it puts into practice."""
    calendar: Calendar
    enterprises: Enterprises
    tickets: Tickets
    secrecy: Secrecy
    files: Files
    supervision: Supervision
    evaluations: Evaluations
    policies: Policies
    cross_city: CrossCity
    rankings: Rankings
    templates: tuple[Template, ...]

    def rules(self) -> Iterator[Broken]:
        yield from check_templates(self.templates)
        if self.evaluations.questionnaire(self.policies.satisfaction_questionnaire) is None:
            known = ", ".join(entry.key for entry in self.evaluations.questionnaires)
            yield Broken(
                ("policies", "satisfaction_questionnaire"),
                f"a questionnaire of the scheme: {known}",
                self.policies.satisfaction_questionnaire,
            )
        appointed = self.enterprises.special_monitors.seats
        for index, category in enumerate(self.evaluations.panel.categories):
            if category.category == "SPECIAL_MONITOR" and category.seats > appointed:
                yield Broken(
                    ("evaluations", "panel", "categories", index, "seats"),
                    f"at most the {appointed} special monitors of the city",
                    str(category.seats),
                )

    def document(self) -> dict[str, Any]:
        """The scheme as JSON values: decimals as texts, times as `09:00`. `Scheme.model_validate` reads it back."""
        return self.model_dump(mode="json")


def broken_references(
    scheme: Scheme, *, counties: Collection[str], departments: Collection[str], groups: Mapping[str, int]
) -> Iterator[Broken]:
    """What a scheme says of tenants that a city does not have. The tenants by slug; `groups`: members per group."""
    for index, category in enumerate(scheme.evaluations.panel.categories):
        for place, slug in enumerate(category.counties):
            if slug not in counties:
                yield Broken(
                    ("evaluations", "panel", "categories", index, "counties", place),
                    "a county of the city" + _hint(slug, counties),
                    slug,
                )
    for index, cell in enumerate(scheme.enterprises.grid):
        if cell.agency is not None and cell.agency not in departments:
            yield Broken(
                ("enterprises", "grid", index, "agency"),
                "a department of the city" + _hint(cell.agency, departments),
                cell.agency,
            )
    for index, group in enumerate(scheme.rankings.evaluation.groups):
        size = groups.get(group.group, 0)
        if group.members != size:
            yield Broken(
                ("rankings", "evaluation", "groups", index, "members"),
                f"the {size} tenants of that group",
                str(group.members),
            )


class CityEntry(Model):
    """The city (or region) that a preset makes."""

    slug: Slug
    kind: TenantKind
    name: Name
    division_code: Annotated[str, Field(pattern=r"^[0-9]{6}$")]
    region: Slug | None = None
    """The region that a city lies in: the slug of one that is made before it. None: no region has a part in it."""

    def rules(self) -> Iterator[Broken]:
        if self.kind not in (TenantKind.CITY, TenantKind.REGION):
            yield Broken(("kind",), "CITY or REGION", self.kind)
        if self.region is not None and self.kind is not TenantKind.CITY:
            yield Broken(("region",), "no region above a region", self.region)


class TenantEntry(Model):
    """A tenant right below the city."""

    slug: Slug
    kind: TenantKind
    name: Name
    division_code: Annotated[str, Field(pattern=r"^[0-9]{6}$")] | None = None
    ranking_group: RankingGroup | None = None

    def rules(self) -> Iterator[Broken]:
        if self.kind not in (TenantKind.COUNTY, TenantKind.DEPARTMENT):
            yield Broken(("kind",), "COUNTY or DEPARTMENT", self.kind)


class PresetDocument(Model):
    """A city to begin with: its tenants and its first scheme."""

    city: CityEntry
    tenants: tuple[TenantEntry, ...]
    scheme: Scheme

    def rules(self) -> Iterator[Broken]:
        yield from repeated("tenants", (entry.slug for entry in self.tenants), "slug")
        yield from repeated("tenants", (entry.name for entry in self.tenants), "name")
        codes = [entry.division_code for entry in self.tenants if entry.division_code]
        if len(codes) != len(set(codes)):
            yield Broken(("tenants",), "each division code once", "one twice")
        by_kind: dict[TenantKind, set[str]] = {TenantKind.COUNTY: set(), TenantKind.DEPARTMENT: set()}
        groups: dict[str, int] = {}
        for entry in self.tenants:
            by_kind[entry.kind].add(entry.slug)
            if entry.ranking_group is not None:
                groups[entry.ranking_group] = groups.get(entry.ranking_group, 0) + 1
        for broken in broken_references(
            self.scheme,
            counties=by_kind[TenantKind.COUNTY],
            departments=by_kind[TenantKind.DEPARTMENT],
            groups=groups,
        ):
            yield broken._replace(path=("scheme", *broken.path))


_PRESETS = files("tenants.schemes") / "presets"
_M = TypeVar("_M", bound=Model)


def preset_names() -> tuple[str, ...]:
    """The presets that are shipped."""
    return tuple(sorted(entry.name[:-5] for entry in _PRESETS.iterdir() if entry.name.endswith(".yaml")))


@cache
def load_preset(name: str) -> PresetDocument:
    """A shipped preset. Raises `InvalidInput` for an unknown name, `SchemeProblems` for a document that is wrong."""
    if name not in preset_names():
        raise InvalidInput("preset", "unknown_preset", preset=name, known=list(preset_names()))
    file = f"{name}.yaml"
    return _read(PresetDocument, (_PRESETS / file).read_text(encoding="utf-8"), file, ("scheme",))


def validate_yaml(text: str, filename: str = "scheme.yaml") -> Scheme:
    """A scheme from YAML. Raises `SchemeProblems` with every mistake: file, line, column, key, expected, got."""
    return _read(Scheme, text, filename, ())


def _read(model: type[_M], text: str, filename: str, scheme_path: tuple[str, ...]) -> _M:
    source = read_source(text, filename)
    if source.root is None:
        raise SchemeProblems(source.problems)
    _include_parts(source, source.root, scheme_path)
    try:
        read = model.model_validate(source.root.plain())
    except ValidationError as wrong:
        for error in wrong.errors(include_url=False):
            _explain(source, source.root, model, error)
    if source.problems:
        raise SchemeProblems(source.problems)
    return read


def _include_parts(source: Source, root: Item, scheme_path: tuple[str, ...]) -> None:
    """Lay the scheme over the parts that it includes, and take the key `include` out."""
    scheme, _, taken = root.nearest(scheme_path)
    if taken < len(scheme_path) or not isinstance(scheme.value, dict) or "include" not in scheme.value:
        return
    place, listed = scheme.keys.pop("include"), scheme.value.pop("include")
    if not isinstance(listed.value, list):
        source.report(place, (*scheme_path, "include"), "a list of parts", listed.describe())
        return
    known = sorted(entry.name[:-5] for entry in (_PRESETS / "parts").iterdir() if entry.name.endswith(".yaml"))
    for index, item in enumerate(listed.value):
        path: tuple[str | int, ...] = (*scheme_path, "include", index)
        if not isinstance(item.value, str) or item.value not in known:
            source.report(item.place, path, f"a part: {', '.join(known)}", item.describe())
            continue
        file = f"parts/{item.value}.yaml"
        part = read_source((_PRESETS / file).read_text(encoding="utf-8"), file)
        source.problems += part.problems
        if part.root is not None:
            whole = scheme.laid_over(part.root)
            scheme.value, scheme.keys = whole.value, whole.keys


def _explain(source: Source, root: Item, model: type[Model], error: ErrorDetails) -> None:
    """Turn one of pydantic's errors into problems with their places."""
    path = error["loc"]
    # pydantic's mark for "the key itself"; a document may have a key of that name.
    of_key = bool(path) and path[-1] == "[key]" and root.nearest(path)[2] < len(path)
    if of_key:
        path = path[:-1]
    if source.is_marred(path):
        return
    context: dict[str, Any] = error.get("ctx", {})
    if error["type"] == "rules":
        for broken in context["broken"]:
            whole = (*path, *broken.path)
            if not source.is_marred(whole):
                _, place, _ = root.nearest(whole)
                source.problems.append(
                    SchemeProblem(place.file, place.line, place.column, dotted(whole), broken.expected, broken.got)
                )
        return
    item, place, taken = root.nearest(path)
    if error["type"] == "missing" or taken < len(path):
        source.report(place, path, "this key", "nothing")
    elif error["type"] == "extra_forbidden":
        known = _keys_at(model, path[:-1])
        expected = f"one of the keys {', '.join(known)}{_hint(str(path[-1]), known)}"
        source.report(place, path, expected, f"the unknown key {path[-1]!r}")
    elif of_key:
        source.report(place, path, _expected(error, str(path[-1])), f"the key {path[-1]!r}")
    else:
        source.report(item.place, path, _expected(error, str(item.value)), item.describe())


_EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "mapping_type": "a mapping",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "too_short": "at least {min_length} entries",
    "too_long": "at most {max_length} entries",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "a text of the form {pattern}",
    "enum": "one of {expected}",
    "literal_error": "{expected}",
}


def _expected(error: ErrorDetails, got: str) -> str:
    """What was expected, in plain words; for a word out of a list, with the nearest one."""
    context = error.get("ctx", {})
    pattern = _EXPECTED.get(error["type"])
    text = pattern.format_map(context) if pattern else error["msg"]
    words = context.get("values") or re.findall(r"'([^']*)'", str(context.get("expected", "")))
    return text + _hint(got, words)


def _hint(got: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(got[:60], known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _keys_at(model: type[Model], path: Sequence[str | int]) -> list[str]:
    """The keys that a model takes at a path: read off its JSON schema, which resolves every nesting alike."""
    schema = _json_schema(model)
    definitions: dict[str, Any] = schema["$defs"]
    here: dict[str, Any] = schema
    for label in path:
        if isinstance(label, int):
            here = here["items"]
        else:
            here = here.get("properties", {}).get(label) or here["additionalProperties"]
        for option in here.get("anyOf", ()):
            if option.get("type") != "null":
                here = option
        if "$ref" in here:
            here = definitions[here["$ref"].rpartition("/")[2]]
    return list(here["properties"])


@cache
def _json_schema(model: type[Model]) -> dict[str, Any]:
    return model.model_json_schema()
