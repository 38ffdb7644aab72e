"""Contents on a file system: of this machine, or one that all its servers share."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from app.files.storage import CHUNK, Blob, BlobDamaged


class DiskStore:
    """Files of mode 0600 below `root`, in folders of mode 0700: nobody but the program's own user reads them."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, blob: Blob, source: BinaryIO) -> None:
        """See `BlobStore`: written beside its place, synced, and renamed, so that a crash leaves no half file."""
        await asyncio.to_thread(self._put, blob, source)

    async def read(self, blob: Blob, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """See `BlobStore`."""
        left = blob.size - start if length is None else length
        file = await asyncio.to_thread(self._path(blob).open, "rb")
        try:
            await asyncio.to_thread(file.seek, start)
            while left > 0:
                chunk = await asyncio.to_thread(file.read, min(CHUNK, left))
                if not chunk:
                    raise BlobDamaged(blob.path)
                left -= len(chunk)
                yield chunk
        finally:
            file.close()

    async def delete(self, blob: Blob) -> None:
        """See `BlobStore`."""
        await asyncio.to_thread(self._path(blob).unlink, missing_ok=True)

    async def exists(self, blob: Blob) -> bool:
        """See `BlobStore`."""
        return await asyncio.to_thread(self._path(blob).exists)

    def _path(self, blob: Blob) -> Path:
        return self._root / blob.path

    def _put(self, blob: Blob, source: BinaryIO) -> None:
        path = self._path(blob)
        make_private(path.parent)
        draft = path.with_name(f".{secrets.token_hex(8)}")
        digest = hashlib.sha256()
        source.seek(0)
        try:
            with open_private(draft) as file:
                while chunk := source.read(CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            if digest.digest() != blob.sha256:
                raise BlobDamaged(blob.path)
            draft.replace(path)
            sync_folder(path.parent)
        finally:
            draft.unlink(missing_ok=True)


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for the program's own user only."""
    for each in (*reversed(folder.parents), folder):
        with contextlib.suppress(FileExistsError):
            each.mkdir(mode=0o700)


def open_private(path: Path) -> BinaryIO:
    """Make a file that only the program's own user reads, and open it. Raises FileExistsError."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "r+b")


def sync_folder(folder: Path) -> None:
    """Have the folder's own entries survive a crash of the machine."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
