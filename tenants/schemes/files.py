"""Attachments: how large, how many, of what kind, and how long they are kept. The sources have no such numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, Strict

from tenants.schemes.values import Broken, Model, repeated
from tenants.schemes.words import FileKind

MOST_FILES = 100
"""What no city can raise its limit for one ticket above: a ticket shows all of them at once."""


class Files(Model):
    """What a city takes as attachments of its tickets."""

    max_bytes: Annotated[int, Strict(), Field(ge=1_024, le=1_073_741_824)]
    """The largest file, in bytes."""
    per_ticket: Annotated[int, Strict(), Field(ge=1, le=MOST_FILES)]
    """How many files one ticket may have."""
    kinds: Annotated[tuple[FileKind, ...], Field(min_length=1)]
    retention_days: Annotated[int, Strict(), Field(ge=365, le=36_500)]
    """Calendar days that the content is kept after its ticket came to its end: a year at least."""
    upload_hours: Annotated[int, Strict(), Field(ge=1, le=720)]
    """Hours after which an upload that was not attached to a ticket is thrown away."""

    def rules(self) -> Iterator[Broken]:
        yield from repeated("kinds", self.kinds)
