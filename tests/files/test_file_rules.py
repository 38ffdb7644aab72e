"""The scheme's section on files: every number is the city's, within reason."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tenants.schemes.files import Files
from tenants.schemes.model import load_preset, preset_names
from tenants.schemes.words import FileKind

RULES: dict[str, Any] = {
    "max_bytes": 20_971_520,
    "per_ticket": 20,
    "kinds": ["PDF", "JPEG"],
    "retention_days": 365,
    "upload_hours": 24,
}


def test_the_presets_take_what_can_be_told_by_its_content() -> None:
    for name in preset_names():
        files = load_preset(name).scheme.files
        assert set(files.kinds) == set(FileKind)
        assert files.retention_days >= 365
        assert Files.model_validate(files.model_dump(mode="json")) == files


@pytest.mark.parametrize(
    "wrong",
    [
        {"retention_days": 364},  # a year at least
        {"max_bytes": 0},
        {"max_bytes": 2**31},  # GraphQL counts no further
        {"per_ticket": 0},
        {"per_ticket": 101},  # a ticket shows them all
        {"kinds": []},
        {"kinds": ["PDF", "PDF"]},
        {"kinds": ["EXE"]},
        {"upload_hours": 0},
        {"upload_hours": "24"},
        {"unknown": 1},
    ],
)
def test_rules_that_are_refused(wrong: dict[str, Any]) -> None:
    Files.model_validate(RULES)
    with pytest.raises(ValidationError):
        Files.model_validate(RULES | wrong)
