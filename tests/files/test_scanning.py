"""The operator's scan command decides, and no answer is no consent."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from app.files.scanning import CommandScanner
from app.kernel.errors import InvalidInput, TooSlow


def scanner(code: str, seconds: float = 30.0) -> CommandScanner:
    """A scanner that runs Python code with the file's path as its argument."""
    return CommandScanner(f'{sys.executable} -c "{code}"', seconds)


async def test_clean_and_infected(tmp_path: Path) -> None:
    says = scanner("import sys; sys.exit(b'EICAR' in open(sys.argv[1], 'rb').read())")
    file = tmp_path / "一份 文件 $(id).pdf"  # one argument, whatever is in it
    file.write_bytes(b"harmless")
    await says.scan("file", file)
    file.write_bytes(b"... EICAR ...")
    with pytest.raises(InvalidInput) as caught:
        await says.scan("file", file)
    assert (caught.value.field, caught.value.rule) == ("file", "infected")


@pytest.mark.parametrize("code", ["import sys; sys.exit(2)", "import os; os.abort()"])
async def test_a_scanner_that_fails_lets_nothing_through(tmp_path: Path, code: str) -> None:
    with pytest.raises(TooSlow):
        await scanner(code).scan("file", tmp_path)


async def test_a_scanner_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TooSlow):
        await CommandScanner("/no/such/scanner", 1.0).scan("file", tmp_path)


async def test_a_scanner_that_hangs_is_ended(tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(TooSlow):
        await scanner("import time; time.sleep(60)", 0.3).scan("file", tmp_path)
    assert time.monotonic() - begun < 30
