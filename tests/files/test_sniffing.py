"""What a file says it is, and what it is."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.files.names import extension_of
from app.files.sniffing import KINDS, check_content, claimed_kind, sniff
from app.kernel.errors import InvalidInput
from tenants.schemes.words import FileKind
from tests.files.samples import FALSE, GENUINE, zipped


def checked(folder: Path, name: str, content: bytes) -> FileKind:
    path = folder / "sample"
    path.write_bytes(content)
    kind = claimed_kind("file", name, tuple(FileKind))
    with path.open("rb") as file:
        check_content("file", file, kind)
    return kind


@pytest.mark.parametrize("name", GENUINE)
def test_the_genuine(tmp_path: Path, name: str) -> None:
    assert extension_of(name) in KINDS[checked(tmp_path, name, GENUINE[name])][1]


@pytest.mark.parametrize("case", FALSE)
def test_the_false(tmp_path: Path, case: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked(tmp_path, *FALSE[case])
    assert caught.value.rule == "not_what_it_says"


def test_every_kind_has_a_sample() -> None:
    assert {extension_of(name) for name in GENUINE} == {each for _, known in KINDS.values() for each in known}
    assert set(KINDS) == set(FileKind)


def test_only_what_the_city_takes() -> None:
    for name, allowed in (("a.exe", tuple(FileKind)), ("a.zip", tuple(FileKind)), ("a.mp4", (FileKind.PDF,))):
        with pytest.raises(InvalidInput) as caught:
            claimed_kind("file", name, allowed)
        assert caught.value.rule == "file_kind"
    assert caught.value.data["allowed"] == ["pdf"]


def test_an_archive_that_claims_more_entries_than_anybody_needs(tmp_path: Path) -> None:
    made = bytearray(zipped("[Content_Types].xml", "word/document.xml"))
    at = made.rfind(b"PK\x05\x06")
    made[at + 8 : at + 12] = struct.pack("<HH", 60_000, 60_000)
    with pytest.raises(InvalidInput):
        checked(tmp_path, "a.docx", bytes(made))


def test_a_text_longer_than_one_chunk(tmp_path: Path) -> None:
    assert checked(tmp_path, "长文.txt", ("积水" * 400_000).encode()) is FileKind.TEXT
    with pytest.raises(InvalidInput):
        checked(tmp_path, "长文.txt", ("积水" * 400_000).encode() + b"\x00")


@given(
    content=st.binary(min_size=1, max_size=3_000), head=st.sampled_from([b"", b"PK\x03\x04", b"%PDF-", b"\xff\xd8\xff"])
)
def test_whatever_comes_is_sniffed_without_a_fault(
    content: bytes, head: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "noise"
    path.write_bytes(head + content)
    with path.open("rb") as file:
        assert len(sniff(file)) in (0, 1, 2)
