"""A file name is a claim by whoever sent it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.files.names import LONGEST_BYTES, clean_name, extension_of
from app.kernel.errors import InvalidInput


@pytest.mark.parametrize(
    ("given_name", "cleaned"),
    [
        ("企业营业执照（副本）.pdf", "企业营业执照（副本）.pdf"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\me\\合同.docx", "合同.docx"),
        ("/etc/cron.d/job.txt", "job.txt"),
        ("..\\..\\boot.pdf", "boot.pdf"),
        ("a\x00b.pdf", "ab.pdf"),
        ("a\r\nSet-Cookie: x.pdf", "aSet-Cookie_ x.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),  # shown as invoiceexe.pdf
        ("a\u200bb\ufeff.pdf", "ab.pdf"),
        ('a<b>:"c|d?*.pdf', "a_b___c_d__.pdf"),
        ("CON.pdf", "_CON.pdf"),
        ("lpt1.tar.pdf", "_lpt1.tar.pdf"),
        ("con .pdf", "_con.pdf"),
        (".hidden.pdf", "hidden.pdf"),
        ("report.pdf. . .", "report.pdf"),
        ("  two   words .pdf", "two words.pdf"),
        ("e\u0301tude.pdf", "étude.pdf"),
        ("🏭现场.JPG", "🏭现场.JPG"),
    ],
)
def test_cleaned(given_name: str, cleaned: str) -> None:
    assert clean_name("file", given_name) == cleaned


@pytest.mark.parametrize(
    "name", ["", ".", "..", "/", "pdf", ".pdf", "a.", "a/", "附件", "a.附件", "a.b c", "\x00.pdf", "..."]
)
def test_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        clean_name("file", name)
    assert (caught.value.field, caught.value.rule) == ("file", "file_name")


def test_a_long_name_keeps_its_extension_and_whole_characters() -> None:
    cleaned = clean_name("file", "很" * 500 + ".pdf")
    assert cleaned.endswith("很.pdf")
    assert LONGEST_BYTES - 3 < len(cleaned.encode()) <= LONGEST_BYTES


@given(st.text(max_size=300), st.sampled_from(["", ".pdf", ".txt", ".PDF"]))
def test_whatever_comes(stem: str, extension: str) -> None:
    try:
        cleaned = clean_name("file", stem + extension)
    except InvalidInput:
        return
    assert clean_name("file", cleaned) == cleaned
    assert not set(cleaned) & set('/\\<>:"|?*\x00')
    assert cleaned[0] not in ". "
    assert len(cleaned.encode()) <= LONGEST_BYTES
    assert all(unicodedata.category(each) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for each in cleaned)
    assert extension_of(cleaned).isalnum()
