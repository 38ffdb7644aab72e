"""What counts as alike: rewrites do, courtesies and a common self-introduction do not."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tickets.similarity import BITS, READ, signature_of, similarity
from tenants.schemes.model import load_preset

LEAST = load_preset("guangyuan").scheme.tickets.duplicates.similarity
TITLE = "营业执照变更一直没有结果"
BODY = "变更申请提交三周,系统一直显示审核中,窗口说要等上级系统,请帮助核实。"


def alike(one: tuple[str, str], other: tuple[str, str]) -> Decimal:
    return similarity(signature_of(*one), signature_of(*other))


@pytest.mark.parametrize(
    ("title", "body"),
    [
        ("营业执照变更没有结果", "三周前提交了变更申请,系统显示审核中,窗口让我等上级系统。"),
        ("营业执照变更一直没有结果", "尊敬的领导您好!我公司位于利州区。变更申请已提交三个星期,至今还是审核中。谢谢!"),
        ("变更营业执照三周没有结果", "变更申请提交三周,系统一直显示审核中。"),
        ("营业执照变更,一直没有结果!", "变更申请提交三周;系统一直显示“审核中”;窗口说要等上级系统。"),
        ("营业执照变更一直没有结果", "变更申请提交三周，系统一直显示审核中，窗口说要等上级系统，请帮助核实。"),
    ],
)
def test_the_same_problem_in_other_words_is_found(title: str, body: str) -> None:
    assert alike((TITLE, BODY), (title, body)) >= LEAST


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("营业执照变更一直没有结果", "厂区门口道路积水"),
        ("技改补贴兑现一拖再拖", "快递末端网点备案"),
    ],
)
def test_courtesies_and_a_self_introduction_are_not_enough(one: str, other: str) -> None:
    said = "尊敬的领导您好,我公司位于利州区,主要从事食品加工,现有职工28人。希望有关部门尽快协调解决,给予明确答复,谢谢!"
    assert alike((one, said + "变更申请审核中。"), (other, said + "货车无法进出。")) < LEAST
    assert alike(("", said), ("", said.replace("利州区", "苍溪县"))) < 1


def test_a_word_of_two_characters_counts() -> None:
    assert alike(("停电", "停电"), ("停电", "昨夜")) > LEAST
    assert alike(("停电", "昨夜"), ("停水", "今晨")) == 0


def test_what_says_nothing_is_like_nothing() -> None:
    for empty in ("", "!?。,", "a b c 路", "您好,谢谢!"):
        assert signature_of(empty, empty) == "0" * BITS
        assert alike((empty, empty), (empty, empty)) == 0


def test_forms_of_the_same_letters_are_the_same() -> None:
    assert signature_of("ＥＰＲ报表１２", "（系统）") == signature_of("epr报表12", "(系统)")


def test_the_title_weighs_more_than_the_body() -> None:
    assert alike(("技改补贴兑现", "车间扩建"), ("技改补贴兑现", "产线更新")) > alike(
        ("车间扩建", "技改补贴兑现"), ("产线更新", "技改补贴兑现")
    )


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    long = "".join(chr(0x4E00 + 7 * place) for place in range(READ))
    assert signature_of("很长", long) == signature_of("很长", long + "此外还有一件别的事情")
    other = "".join(chr(0x4E00 + 11 * place) for place in range(READ))
    assert alike(("很长", long), ("太久", other)) < LEAST, "a full signature still tells two texts apart"


TEXTS = st.text(max_size=80)


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_it_is_a_measure(title: str, body: str, other_title: str, other_body: str) -> None:
    one, other = signature_of(title, body), signature_of(other_title, other_body)
    assert len(one) == BITS
    assert set(one) <= {"0", "1"}
    assert similarity(one, other) == similarity(other, one)
    assert 0 <= similarity(one, other) <= 1
    assert similarity(one, one) in (0, 1)
