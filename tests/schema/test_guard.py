"""The guard: what a document may ask for, and that refusing it costs no more than reading it."""

from __future__ import annotations

import pytest
from graphql import GraphQLError, build_schema, get_introspection_query, parse, validate

from app.kernel.config import Limits
from schema.errors import format_error
from schema.guard import check, parse_within
from tests.effort import effort

LIMITS = Limits()


def refusal(query: str, limits: Limits = LIMITS) -> dict[str, object]:
    """The extensions of the error that the guard raises."""
    with pytest.raises(GraphQLError) as caught:
        parse_within(query, limits)
    return format_error(caught.value, "en")["extensions"]


def test_what_a_frontend_asks_is_let_through() -> None:
    parse_within(
        "query Q($n: Int) { a { ...F ...F b: c @include(if: true) { ... on T { d } } } }"
        "fragment F on A { id x(n: $n) }",
        LIMITS,
    )
    parse_within(get_introspection_query(specified_by_url=True, input_value_deprecation=True), LIMITS)


@pytest.mark.parametrize(
    ("limit", "largest", "too_large"),
    [
        ("depth", "{a" * 15 + "}" * 15, "{a" * 16 + "}" * 16),
        (
            "aliases",
            "{" + "".join(f"a{i}:a " for i in range(50)) + "}",
            "{" + "".join(f"a{i}:a " for i in range(51)) + "}",
        ),
        (
            "definitions",
            "".join(f"query Q{i}{{a}}" for i in range(30)),
            "".join(f"query Q{i}{{a}}" for i in range(31)),
        ),
        (
            "fields",
            "{" + "".join(f"f{i} " for i in range(1000)) + "}",
            "{" + "".join(f"f{i} " for i in range(1001)) + "}",
        ),
        ("repeats", "{" + "a " * 30 + "}", "{" + "a " * 31 + "}"),
        ("directives", "{a" + "@d" * 50 + "}", "{a" + "@d" * 51 + "}"),
    ],
)
def test_each_limit_holds_exactly(limit: str, largest: str, too_large: str) -> None:
    parse_within(largest, LIMITS)
    told = refusal(too_large)
    assert told == {
        "limit": limit,
        "allowed": getattr(LIMITS, limit),
        "code": "BAD_USER_INPUT",
        "rule": "document_limit",
    }


def test_depth_counts_fields_through_fragments() -> None:
    inner = "fragment F on T {b{c{d}}}"
    assert parse_within("{a{...F}}" + inner, LIMITS.model_copy(update={"depth": 4}))
    assert refusal("{a{...F}}" + inner, LIMITS.model_copy(update={"depth": 3}))["limit"] == "depth"
    assert refusal("{" + "...{" * 61 + "a" + "}" * 61 + "}")["limit"] == "depth"


def test_aliases_are_counted_at_every_spread_of_their_fragment() -> None:
    ten = "fragment F on T {" + "".join(f"x{i}:a " for i in range(10)) + "}"
    five_times = "{" + "".join(f"p{i}{{...F}} " for i in range(5)) + "}"
    six_times = "{" + "".join(f"p{i}{{...F}} " for i in range(6)) + "}"
    assert parse_within(five_times + ten, LIMITS)
    assert refusal(six_times + ten)["limit"] == "aliases"


def test_directives_count_on_operations_variables_spreads_and_fragments() -> None:
    limits = LIMITS.model_copy(update={"directives": 4})
    query = "query ($v: Int @d) @d {...F @d} fragment F on T @d {a}"
    assert parse_within(query, limits)
    assert refusal(query.replace("{a}", "{a @d}"), limits)["limit"] == "directives"


def test_a_fragment_bomb_is_refused_at_once() -> None:
    bomb = "{...F0}" + "".join(f"fragment F{i} on Query{{...F{i + 1} ...F{i + 1}}}" for i in range(28))
    bomb += "fragment F28 on Query{hello}"
    assert len(bomb) < 1500
    assert refusal(bomb)["limit"] in {"fields", "depth"}
    # Spread out it has 2^29 fields.
    assert effort(lambda: refusal(bomb)) < 100 * len(bomb)


def test_a_bomb_without_any_field_is_refused_too() -> None:
    bomb = "{...F0}" + "".join(f"fragment F{i} on Query{{...F{i + 1} ...F{i + 1}}}" for i in range(27))
    assert refusal(bomb + "fragment F27 on Query{...{...{__typename}}}")["limit"] in {"fields", "depth"}


def test_unused_fragments_are_held_to_the_limits() -> None:
    assert refusal("{a} fragment F on T {" + "a " * 31 + "}")["limit"] == "repeats"


@pytest.mark.parametrize(
    "cycle",
    [
        "{...A} fragment A on Query{...A}",
        "{...A} fragment A on Query{...B a} fragment B on Query{...C} fragment C on Query{b ...A}",
        "{a} fragment A on Query{...B} fragment B on Query{...A}",
        "{...F0}" + "".join(f"fragment F{i} on Query{{{' '.join(f'...F{j}' for j in range(29))}}}" for i in range(29)),
    ],
)
def test_fragments_within_themselves_are_refused(cycle: str) -> None:
    assert refusal(cycle)["code"] == "BAD_REQUEST"
    assert effort(lambda: refusal(cycle)) < 100 * len(cycle)


def test_ten_thousand_fragments() -> None:
    query = "{...F0}" + "".join(f"fragment F{i} on Query{{hello}}" for i in range(10_000))
    assert refusal(query)["limit"] == "tokens"
    document = parse(query)

    def measure() -> None:
        with pytest.raises(GraphQLError, match="definitions"):
            check(document, LIMITS)

    assert effort(measure) < 1_000


@pytest.mark.parametrize(
    "text", ["{" + "hello " * 170_000 + "}", "#\n" * 500_000 + "{a}", "{a(x:[" + "1 " * 500_000 + "])}"]
)
def test_a_megabyte_of_document_is_not_parsed_to_its_end(text: str) -> None:
    assert refusal(text)["limit"] == "tokens"
    assert effort(lambda: refusal(text)) < 100 * LIMITS.tokens


@pytest.mark.parametrize("text", ["{a" * 5_000 + "}" * 5_000, "{a(x:" + "[" * 5_000 + "]" * 5_000 + ")}"])
def test_deep_nesting_is_refused_and_no_stack_overflows(text: str) -> None:
    assert refusal(text, LIMITS.model_copy(update={"tokens": 100_000}))["limit"] == "depth"


def test_a_syntax_error_stays_one() -> None:
    with pytest.raises(GraphQLError, match="Syntax Error") as caught:
        parse_within("{", LIMITS)
    assert format_error(caught.value, "en")["extensions"] == {"code": "BAD_REQUEST"}


def test_what_passes_validates_quickly() -> None:
    """The costliest document the limits let through: graphql-core compares fields of one name with one another."""
    schema = build_schema("type Query { a: A b(x: Int): Int } type A { a: A b(x: Int): Int }")
    paths = "".join("a{" * 10 + "b " * 2 + "}" * 10 for _ in range(15))
    for query in ("{" + paths + "}", "{" + "a{" + "b " * 30 + "} " + "}"):
        document = parse_within(query, LIMITS)
        assert effort(lambda document=document: validate(schema, document)) < 250_000
