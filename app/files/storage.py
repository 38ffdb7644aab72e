"""Where contents lie: the port that `disk` and `s3` implement."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO, Protocol

CHUNK = 262_144
"""Bytes that are held in memory of a content, whatever its size."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A content of a city, named by its SHA-256: what is stored under the name is that or is not there."""

    city_id: int
    sha256: bytes
    size: int

    @property
    def path(self) -> str:
        """Its place: `<city>/<two digits>/<SHA-256>`, so that no folder grows too large."""
        digest = self.sha256.hex()
        return f"{self.city_id}/{digest[:2]}/{digest}"


def sha256_of(source: BinaryIO) -> bytes:
    """The SHA-256 of all of it. Blocks."""
    digest = sha256()
    source.seek(0)
    while chunk := source.read(CHUNK):
        digest.update(chunk)
    return digest.digest()


class BlobDamaged(Exception):
    """What was to be stored is not what its name says, or what is stored ends too early."""


class BlobStore(Protocol):
    """Contents by their name. Every method may be called for a content that is there already, or no longer."""

    async def put(self, blob: Blob, source: BinaryIO) -> None:
        """Store the bytes of `source` from its beginning: whole, or not at all. Raises BlobDamaged and OSError."""

    def read(self, blob: Blob, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start`, in chunks. Raises FileNotFoundError before the first, and BlobDamaged."""

    async def delete(self, blob: Blob) -> None:
        """Remove it."""

    async def exists(self, blob: Blob) -> bool:
        """Whether it is there."""
