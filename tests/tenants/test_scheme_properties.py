"""A scheme survives its document, and no document, however wrong, meets anything but problems with their places."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tenants.schemes.model import Scheme, SchemeProblems, load_preset, validate_yaml
from tenants.schemes.words import CHANNELS, CITY_ROLES

names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=60)
limits = st.fixed_dictionaries(
    {"amount": st.integers(1, 1_000), "unit": st.sampled_from(["OFFICE_HOURS", "WORKING_DAYS"])}
)
shares = st.decimals(0, 1, places=4).map(str)


@st.composite
def weights(draw: st.DrawFn, count: int) -> list[str]:
    """So many weights that sum to 1."""
    cuts = sorted(draw(st.lists(st.integers(0, 10_000), min_size=count - 1, max_size=count - 1)))
    return [str(Decimal(after - before) / 10_000) for before, after in zip([0, *cuts], [*cuts, 10_000], strict=True)]


@st.composite
def office_hours(draw: st.DrawFn) -> list[dict[str, str]]:
    """Up to three spans, one after the other."""
    spans = draw(st.integers(1, 3))
    minutes = sorted(draw(st.lists(st.integers(0, 1_439), min_size=2 * spans, max_size=2 * spans, unique=True)))
    clock = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in minutes]
    return [{"opens": clock[index], "closes": clock[index + 1]} for index in range(0, len(clock), 2)]


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Documents of schemes that differ from Guangyuan's in every part."""
    document = load_preset("guangyuan").scheme.document()
    document["name"] = draw(names)
    document["calendar"]["office_hours"] = draw(office_hours())
    document["calendar"]["closures"] = [
        {"day": str(day), "name": draw(names)} for day in draw(st.lists(st.dates(), max_size=3, unique=True))
    ]
    tickets = document["tickets"]
    tickets["channels"] = draw(st.lists(st.sampled_from(CHANNELS), min_size=1, unique=True))
    tickets["acknowledgement"] = draw(limits)
    tickets["public_in_person"] = draw(st.booleans())
    for category in tickets["categories"].values():
        category["limit"] = draw(limits)
        category["verification"] = draw(st.none() | limits)
    tickets["follow_up"]["share"] = draw(shares)
    document["secrecy"]["restricted_named_roles"] = draw(st.lists(st.sampled_from(CITY_ROLES), min_size=1, unique=True))
    evaluations = document["evaluations"]
    survey, real_time = draw(weights(2))
    evaluations["scoring"] |= {"survey_weight": survey, "real_time_weight": real_time}
    questions = evaluations["questionnaires"][0]["questions"]
    for question, weight in zip(questions, draw(weights(len(questions))), strict=True):
        question["weight"] = weight
    seats = draw(st.lists(st.integers(1, 5_000), min_size=3, max_size=3))
    plain = [category for category in evaluations["panel"]["categories"] if category["city"] is None]
    for category, count in zip(plain, seats, strict=True):
        category["seats"] = count
    evaluations["panel"]["seats"] = sum(category["seats"] for category in evaluations["panel"]["categories"])
    evaluations["draw"]["size"] = draw(st.integers(1, evaluations["panel"]["seats"]))
    document["policies"]["limits"]["decision"] = draw(limits)
    document["rankings"]["evaluation"]["honours"] = draw(st.none() | st.just({
        "recommended_after": 2, "extra_places": False, "barred_after": 4,
    }))  # fmt: skip
    return document


@given(documents())
@settings(deadline=None, max_examples=50)
def test_a_scheme_survives_its_document(document: dict[str, Any]) -> None:
    scheme = Scheme.model_validate(document)
    written = orjson.dumps(scheme.document())
    again = Scheme.model_validate(orjson.loads(written))
    assert again == scheme
    assert orjson.dumps(again.document()) == written


@given(documents())
@settings(deadline=None, max_examples=10)
def test_a_scheme_survives_yaml_and_json(document: dict[str, Any]) -> None:
    scheme = Scheme.model_validate(document)
    assert validate_yaml(yaml.safe_dump(document, allow_unicode=True)) == scheme
    assert validate_yaml(json.dumps(document)) == scheme
    assert validate_yaml(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()) == scheme


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates() | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The paths of every value inside."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in inner for place in places(child, (*path, key)))]


def damaged(value: Any, path: tuple[str | int, ...], replacement: object) -> Any:
    """The value with another at a path; as it is where the path leads nowhere any more."""
    if not path:
        return replacement
    label, *below = path
    if isinstance(value, dict) and label in value:
        return {**value, label: damaged(value[label], tuple(below), replacement)}
    if isinstance(value, list) and isinstance(label, int) and label < len(value):
        return [*value[:label], damaged(value[label], tuple(below), replacement), *value[label + 1 :]]
    return value


DOCUMENT = load_preset("guangyuan").scheme.document()
PLACES = places(DOCUMENT)[1:]


@given(st.lists(st.tuples(st.sampled_from(PLACES), anything), min_size=1, max_size=3))
@settings(deadline=None, max_examples=25)
def test_a_damaged_document_meets_problems_with_their_places(
    damages: list[tuple[tuple[str | int, ...], object]],
) -> None:
    document = DOCUMENT
    for path, replacement in damages:
        document = damaged(document, path, replacement)
    text = yaml.safe_dump(document, allow_unicode=True)
    try:
        scheme = validate_yaml(text, "city.yaml")
    except SchemeProblems as refused:
        problems = refused.problems
    else:
        assert Scheme.model_validate(scheme.document()) == scheme
        return
    assert problems
    for problem in problems:
        assert problem.file == "city.yaml"
        assert 1 <= problem.line <= text.count("\n") + 1
        assert problem.column >= 1


@given(st.text())
@settings(deadline=None, max_examples=50)
def test_any_text_meets_problems(text: str) -> None:
    with pytest.raises(SchemeProblems) as refused:
        validate_yaml(text)
    assert refused.value.problems
