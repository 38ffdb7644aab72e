"""How alike two problems are told, pure.

What is compared are *pairs*: two neighbouring characters of a word, after compatibility forms (full-width letters),
case and punctuation are gone. In a language without spaces that is nearly a word, and a word of two characters counts
like any other. Pairs of what nearly every ticket says (`COMMON`) do not count; those of the title, where somebody said
in a few words what it is about, count threefold.

Each pair sets one of 1,024 bits, one of the title three; these bits are a text's *signature*. Two texts are as
*similar* as the share of their bits that both have (Jaccard): 0, nothing in common, to 1, the same. That is what the
database counts too (`app.tickets.duplicates`), at a quarter of a microsecond a ticket. With the 50 to 150 pairs of an
ordinary ticket an accidental bit adds a few hundredths.
"""

from __future__ import annotations

import re
import struct
from decimal import Decimal
from unicodedata import is_normalized, normalize

BITS = 1_024
READ = 500
"""Characters that are looked at: a longer text says in these what it is about, and more would fill the signature."""

COMMON = """
尊敬的各位领导 您好 你好 你们好 大家好 感谢 谢谢 多谢 此致敬礼 麻烦您 打扰了
恳请 请求 敬请 请予 希望 盼望 为盼 贵单位 贵部门 有关部门 相关部门 有关单位 相关单位 上级部门 主管部门 职能部门
能够 可以 尽快 及时 早日 予以 给予 帮助 帮忙 协助 协调 解决 处理 核实 核查 调查 答复 回复 明确答复 告知 重视
来电人 反映人 反映情况 反映如下 问题 市民 群众 企业 我公司 本公司 我单位 本单位 我企业 本企业 我们 本人
位于 注册在 登记 主要从事 经营 现有职工 从业人员 一家 已有 没有
现在 目前 至今 一直 已经 多次 此前 曾于 同样 如下 以及 因为 所以 但是 如果 进行 相关材料 有关材料 工作人员
要求 咨询 投诉 举报 建议 求助
"""
"""Courtesies, and what reporters say of themselves and of their wish, whatever it is about."""

_GAPS = re.compile(r"\W+")
_SHIFT = 32 - (BITS - 1).bit_length()
# Odd, so that what they multiply is spread over the highest of 32 bits, each in another way.
_BODY, *_TITLE = 0x9E3779B1, 0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35


def signature_of(title: str, body: str) -> str:
    """The signature of a ticket's text as PostgreSQL writes a `bit(1024)`: 1,024 times `0` or `1`.

    A text without a pair has no bit and is similar to nothing.
    """
    bits = bytearray(b"0") * BITS
    for pair in _pairs_of(body[:READ]) - _COMMON_PAIRS:
        bits[pair * _BODY >> _SHIFT & BITS - 1] = 49
    for pair in _pairs_of(title[:READ]) - _COMMON_PAIRS:
        for factor in _TITLE:
            bits[pair * factor >> _SHIFT & BITS - 1] = 49
    return bits.decode()


def similarity(one: str, other: str) -> Decimal:
    """How similar two signatures are, 0 to 1."""
    a, b = int(one, 2), int(other, 2)
    either = (a | b).bit_count()
    return Decimal((a & b).bit_count()) / either if either else Decimal(0)


def _pairs_of(text: str) -> frozenset[int]:
    """The pairs of a text, each as its two UTF-16 units in one number."""
    text = _GAPS.sub(" ", text)
    if not is_normalized("NFKC", text):
        text = _GAPS.sub(" ", normalize("NFKC", text))
    found: set[int] = set()
    for word in text.casefold().split():
        units = word.encode("utf-16-le")
        pairs = len(units) // 2 - 1
        if pairs > 0:
            found.update(struct.unpack_from(f"<{(pairs + 1) // 2}I", units))
            found.update(struct.unpack_from(f"<{pairs // 2}I", units, 2))
    return frozenset(found)


_COMMON_PAIRS = _pairs_of(COMMON)
