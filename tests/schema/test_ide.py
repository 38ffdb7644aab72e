"""The IDE page: its examples are operations of the real schema."""

from __future__ import annotations

import json
import re
from importlib import resources

import pytest
from graphql import parse, validate

from app.kernel.config import Limits
from schema.guard import check
from schema.schema import assemble

PAGE = resources.files("schema").joinpath("ide.html").read_text(encoding="utf-8")
EXAMPLES = json.loads(re.search(r'id="example-operations">(.*?)</script>', PAGE, re.DOTALL)[1])  # type: ignore[index]
INTROSPECTION = re.search(r'const introspection = "(.*?)";', PAGE)[1]  # type: ignore[index]


@pytest.mark.parametrize("query", [example["query"] for example in EXAMPLES] + [INTROSPECTION])
def test_what_the_page_asks_is_valid_and_within_the_limits(query: str) -> None:
    document = parse(query)
    assert validate(assemble().executable, document) == []
    check(document, Limits())


def test_there_is_an_example_of_each_kind() -> None:
    kinds = {parse(example["query"]).definitions[0].operation.value for example in EXAMPLES}  # type: ignore[attr-defined]
    assert kinds == {"query", "mutation", "subscription"}
