"""Every refusal that the code can raise has a sentence of its own, in both languages, with its data filled in."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.kernel import errors
from app.kernel.errors import (
    BadInput,
    Conflict,
    DomainError,
    Forbidden,
    IdempotencyMismatch,
    IllegalTransition,
    InvalidInput,
    NotFound,
    NotResponsible,
    RequestError,
    ResyncRequired,
    Unauthenticated,
)
from schema.context import Locale
from schema.http import BadRequest
from schema.messages import SENTENCES, WORDS, message

ROOT = Path(__file__).parents[2]
KINDS: dict[str, tuple[type[Exception], int]] = {
    # the class, and which positional argument is the rule
    **{kind.__name__: (kind, 0) for kind in RequestError.__subclasses__() if kind.__module__ == errors.__name__},
    "BadRequest": (BadRequest, 1),
    "InvalidInput": (InvalidInput, 1),
}


def raised_rules() -> Iterator[tuple[str, str]]:
    """Every `Kind("rule", …)` that stands in the code, found by reading it."""
    for package in ("app", "authz", "schema", "tenants"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS:
                    kind, place = KINDS[node.func.id]
                    if len(node.args) > place:
                        for rule in literals(node.args[place]):
                            yield kind.code, rule  # type: ignore[attr-defined]


def literals(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from literals(node.body)
        yield from literals(node.orelse)


def test_every_rule_in_the_code_has_a_sentence() -> None:
    rules = set(raised_rules())
    assert ("BAD_USER_INPUT", "malformed_id") in rules  # the search finds what there is
    assert ("INVALID_INPUT", "too_long") in rules
    without = {
        f"{code}.{rule}"
        for code, rule in rules
        # what these say does not depend on the rule
        if code not in {"FORBIDDEN", "RESYNC_REQUIRED", "TIMEOUT"} and f"{code}.{rule}" not in SENTENCES
        if (code, rule) != ("UNAUTHENTICATED", "missing")
    }
    assert sorted(without) == []


def named(refusal: str, keyword: str) -> Iterator[str]:
    """Every `refusal(keyword="…")` that stands in the code."""
    for package in ("app", "authz", "schema", "tenants"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == refusal:
                    yield from (
                        each for given in node.keywords if given.arg == keyword for each in literals(given.value)
                    )


def test_what_is_not_there_has_a_name() -> None:
    kinds = set(named("NotFound", "kind"))
    assert {"Ticket", "QualitySample", "ReleasedAggregate"} <= kinds  # the search finds what there is
    assert sorted(kinds - WORDS.keys()) == []
    refusal = NotFound(kind="ReleasedAggregate")
    assert message(refusal, "zh-CN") == "没有找到该发布的汇总数据。"


def test_a_step_that_is_somebody_elses_has_a_name() -> None:
    steps = set(named("NotResponsible", "action"))
    assert {"QUALITY_CHECK", "TICKET_SUBMIT"} <= steps  # the search finds what there is
    assert sorted(steps - WORDS.keys()) == []


def test_every_kind_of_refusal_has_a_sentence() -> None:
    kinds = [*DomainError.__subclasses__(), *RequestError.__subclasses__()]
    assert all(kind.code in SENTENCES for kind in kinds)


@pytest.mark.parametrize("key", SENTENCES)
def test_both_languages_say_the_same(key: str) -> None:
    chinese, english = SENTENCES[key]
    assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese)
    assert not any("\u4e00" <= letter <= "\u9fff" for letter in english)

    def named(text: str) -> set[str]:
        return {name.removesuffix("_zh") for _, name, _, _ in string.Formatter().parse(text) if name}

    assert named(english) - {"role"} <= named(chinese) | {"role"}


@pytest.mark.parametrize(
    ("error", "chinese", "english"),
    [
        (NotFound(kind="Ticket"), "没有找到该工单。", "There is no such ticket."),
        (
            IllegalTransition(current="CLOSED", action="ACKNOWLEDGE", allowed=()),
            "当前状态为“已归档”,不能“签收”,也没有其他可以进行的操作。",
            "It is closed; neither “acknowledge” nor anything else is possible from there.",
        ),
        (
            IllegalTransition(current="IN_PROGRESS", action="ACCEPT", allowed=("RESOLVE", "COMMENT")),
            "当前状态为“办理中”,不能“受理”。可以进行的操作:办结、备注。",
            "It is in progress; “accept” is not possible from there. Possible: resolve, comment.",
        ),
        (NotResponsible(action="RESOLVE"), "“办结”这一步不由您的单位办理。", "The step “resolve” is not yours"),
        (NotResponsible(action="NOTICE_ISSUE"), "“签发督办文书”这一步", "“issue a supervision notice”"),
        (
            Conflict(expected_version=3, current_version=5),
            "当前版本为 5,您依据的是版本 3",
            "at version 5, you acted on version 3",
        ),
        (IdempotencyMismatch("k1"), "幂等键“k1”", "idempotency key “k1”"),
        (InvalidInput("title", "too_long", limit=100), "“title”不能超过 100 个字符。", "longer than 100 characters"),
        (InvalidInput("title", "a rule of tomorrow"), "“title”的内容不符合要求。", "“title” is not acceptable"),
        (BadInput("page_size", largest=100, argument="first", given=0), "“first”必须在 1 至 100", "between 1 and 100"),
        (BadInput("malformed_id", id="x" * 5000), "x" * 200 + "”", "x" * 200 + "”"),
        (BadInput("document_limit", limit="depth", allowed=15), "嵌套层数最多 15", "at most 15 for depth"),
        (Unauthenticated("expired"), "登录已过期", "has expired"),
        (Unauthenticated("missing"), "请先登录", "sign in"),
        (Forbidden("ticket:dispatch"), "没有进行此操作的权限", "None of your roles"),
        (ResyncRequired("too_old"), "重新读取", "Read afresh"),
        (BadInput("page_size"), "“…”必须在 1 至 … 之间。", "between 1 and …"),  # data forgotten: still a sentence
    ],
)
def test_sentences(error: DomainError | RequestError, chinese: str, english: str) -> None:
    languages: tuple[Locale, Locale] = ("zh-CN", "en")
    said = [message(error, locale) for locale in languages]
    assert chinese in said[0]
    assert english in said[1]


def test_braces_in_what_was_given_are_only_text() -> None:
    assert "{limit}{0.__class__}" in message(IdempotencyMismatch("{limit}{0.__class__}"), "en")


@pytest.mark.parametrize("word", WORDS)
def test_words_are_in_both_languages(word: str) -> None:
    chinese, english = WORDS[word]
    assert chinese
    assert english
