"""Files on their way in: begun, continued after every interruption, looked at, stored, and let go of.

The bytes of an upload that still comes in lie in one file, whose length is how far it has come: what a killed server
had written is there when it starts again. A lock on that file keeps two writers apart, in all processes of a machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import uuid
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import delete, exists, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.files.disk import make_private, open_private
from app.files.models import Attachment, Upload
from app.files.names import clean_name
from app.files.scanning import Scanner
from app.files.sniffing import KINDS, check_content, claimed_kind
from app.files.storage import CHUNK, Blob, BlobStore, sha256_of
from app.kernel.config import Files
from app.kernel.database import Database
from app.kernel.errors import Forbidden, InvalidInput, NotFound, RateLimited, StaleActor
from app.kernel.tables import new_id, table_of
from authz.actor import Actor
from authz.permissions import Permission
from tenants.schemes.store import current_scheme

UPLOADS = table_of(Upload)
ATTACHMENTS = table_of(Attachment)
FIELD = "file"
BRINGING = (Permission.TICKET_ATTACH, Permission.TICKET_NOTE, Permission.TICKET_SUBMIT)
"""Who has none of these has nothing to attach a file to."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the bytes of one request must come to; `algorithm` is one of `ALGORITHMS`."""

    algorithm: str
    digest: bytes


ALGORITHMS = ("sha1", "sha256")


@dataclass(frozen=True)
class Uploads:
    """The uploads of all cities, as this process takes them in. `folder` is on a disk that every server shares."""

    database: Database
    store: BlobStore
    folder: Path
    limits: Files
    scanner: Scanner | None = None

    async def begin(self, actor: Actor, city_id: int, *, name: str, size: int, now: datetime) -> Upload:
        """An upload of `size` bytes, for as long as the city's scheme says.

        Raises Forbidden and NotFound (a city that the actor has no part in), RateLimited, and `InvalidInput` for
        `file`: as `clean_name` and `claimed_kind`, `empty_file`, `file_too_large` (with the scheme's `limit`).
        """
        if not any(actor.may(permission) for permission in BRINGING):
            raise Forbidden(Permission.TICKET_ATTACH.value)
        if city_id not in actor.cities:
            raise NotFound(kind="Tenant")
        name = clean_name(FIELD, name)
        async with self._session(actor, city_id) as session:
            rules = (await current_scheme(session, city_id))[1].files
            claimed_kind(FIELD, name, rules.kinds)
            if size == 0:
                raise InvalidInput(FIELD, "empty_file")
            if size > rules.max_bytes:
                raise InvalidInput(FIELD, "file_too_large", limit=rules.max_bytes)
            pending = select(func.count()).select_from(UPLOADS)
            pending = pending.where(
                UPLOADS.c.city_id == city_id, UPLOADS.c.created_by == actor.user_id, UPLOADS.c.expires_at > now
            )
            if (await session.scalar(pending) or 0) >= self.limits.pending_uploads:
                raise RateLimited("uploads", limit=self.limits.pending_uploads)
            upload = Upload(
                city_id=city_id,
                id=new_id(),
                created_by=actor.user_id,
                name=name,
                size=size,
                created_at=now,
                expires_at=now + timedelta(hours=rules.upload_hours),
            )
            session.add(upload)
            await session.flush()
            await asyncio.to_thread(self._make, upload)
            return upload

    async def find(self, actor: Actor, city_id: int, upload_id: uuid.UUID, *, now: datetime) -> Upload:
        """An upload of the actor's own. Raises `NotFound`, and `InvalidInput` `expired`."""
        if city_id not in actor.cities:
            raise NotFound(kind="Upload")
        async with self._session(actor, city_id) as session:
            upload = await session.scalar(select(Upload).filter_by(city_id=city_id, id=upload_id))
        if upload is None or upload.created_by != actor.user_id:
            raise NotFound(kind="Upload")
        if upload.expires_at <= now:
            raise InvalidInput(FIELD, "expired")
        return upload

    async def offset(self, upload: Upload) -> int:
        """How many bytes have come."""
        if upload.finished_at is not None:
            return upload.size
        with contextlib.suppress(FileNotFoundError):
            return (await asyncio.to_thread(self._path(upload).stat)).st_size
        return 0

    async def append(
        self, upload: Upload, offset: int, chunks: AsyncIterable[bytes], checksum: Checksum | None = None
    ) -> int:
        """Write what comes behind the first `offset` bytes; how many there are then.

        When `chunks` ends with an exception, what has come stays (unless a `checksum` was to vouch for it). Refuses
        with `InvalidInput`: `offset` (so far it has not come, or further), `upload_busy` (another request writes it),
        `beyond_length` and `checksum` (nothing of this request stays).
        """
        async with self._opened(upload) as file:
            if await asyncio.to_thread(file.seek, 0, os.SEEK_END) != offset:
                raise InvalidInput(FIELD, "offset")
            digest = None if checksum is None else hashlib.new(checksum.algorithm, usedforsecurity=False)
            end, kept = offset, digest is None
            try:
                async for chunk in chunks:
                    end += len(chunk)
                    if end > upload.size:
                        kept = False
                        raise InvalidInput(FIELD, "beyond_length", limit=upload.size)
                    if digest is not None:
                        digest.update(chunk)
                    await asyncio.to_thread(file.write, chunk)
                if digest is not None and checksum is not None and digest.digest() != checksum.digest:
                    raise InvalidInput(FIELD, "checksum")
                kept = True
            finally:
                await asyncio.to_thread(_settle, file, None if kept else offset)
            return end

    async def finish(self, actor: Actor, upload: Upload, *, now: datetime) -> Upload:
        """Look at an upload that is whole, and store it; one that is not whole yet, or is stored, stays as it is.

        What is refused is gone: `InvalidInput` as in `check_content` and `Scanner`. Raises TooSlow and OSError when it
        cannot be looked at or stored just now; the next request about it tries again.
        """
        if upload.finished_at is not None or await self.offset(upload) < upload.size:
            return upload
        try:
            async with self._opened(upload) as file:
                return await self._finish(actor, upload, file, now)
        except InvalidInput as refusal:
            if refusal.rule != "upload_busy":
                await self.discard(actor, upload)
            raise

    async def receive(
        self, actor: Actor, city_id: int, *, name: str, size: int, source: BinaryIO, now: datetime
    ) -> Upload:
        """A file that has come in one piece, looked at and stored. Raises as `begin` and `finish`."""
        upload = await self.begin(actor, city_id, name=name, size=size, now=now)
        await self.append(upload, 0, _chunks_of(source))
        return await self.finish(actor, upload, now=now)

    async def discard(self, actor: Actor, upload: Upload) -> None:
        """Throw an upload away, unless it was attached or thrown away already. Raises StaleActor."""
        async with self._session(actor, upload.city_id) as session:
            await self.let_go(session, upload)

    async def let_go(self, session: AsyncSession, upload: Upload) -> None:
        """Throw it away within a transaction of its city."""
        gone = delete(UPLOADS).filter_by(city_id=upload.city_id, id=upload.id).returning(UPLOADS.c.sha256)
        row = (await session.execute(gone)).one_or_none()
        if row is not None and row.sha256 is not None:
            await self.release(session, Blob(upload.city_id, row.sha256, upload.size))
        await asyncio.to_thread(self._path(upload).unlink, missing_ok=True)

    async def release(self, session: AsyncSession, blob: Blob) -> None:
        """Delete a content that nothing of its city refers to any more (the transaction has let go of it)."""
        await _lock(session, blob)
        referred = [
            exists().where(table.c.city_id == blob.city_id, table.c.sha256 == blob.sha256, further)
            for table, further in ((UPLOADS, text("true")), (ATTACHMENTS, ATTACHMENTS.c.deleted_at.is_(None)))
        ]
        if not await session.scalar(select(or_(*referred))):
            await self.store.delete(blob)

    async def sweep_folder(self, session: AsyncSession, city_id: int, *, older_than: datetime) -> int:
        """Remove files that no upload of the city waits for: left by a crash. How many."""
        waiting = select(UPLOADS.c.id).where(UPLOADS.c.city_id == city_id, UPLOADS.c.finished_at.is_(None))
        known = {str(each) for each in await session.scalars(waiting)}

        def remove() -> int:
            strays = [
                path
                for path in (self.folder / str(city_id)).glob("*")
                if path.name not in known and path.stat().st_mtime < older_than.timestamp()
            ]
            for path in strays:
                path.unlink(missing_ok=True)
            return len(strays)

        return await asyncio.to_thread(remove)

    @asynccontextmanager
    async def _session(self, actor: Actor, city_id: int) -> AsyncIterator[AsyncSession]:
        async with self.database.session(cities=(city_id,), user_id=actor.user_id) as session:
            if session.info["grants_version"] != actor.grants_version:
                raise StaleActor(actor.user_id)
            yield session

    async def _finish(self, actor: Actor, upload: Upload, file: BinaryIO, now: datetime) -> Upload:
        async with self._session(actor, upload.city_id) as session:
            rules = (await current_scheme(session, upload.city_id))[1].files
        kind = claimed_kind(FIELD, upload.name, rules.kinds)
        await asyncio.to_thread(check_content, FIELD, file, kind)
        if self.scanner is not None:
            await self.scanner.scan(FIELD, self._path(upload))
        blob = Blob(upload.city_id, await asyncio.to_thread(sha256_of, file), upload.size)
        await self.store.put(blob, file)  # may take its time, and no transaction waits for it
        async with self._session(actor, upload.city_id) as session:
            await _lock(session, blob)
            if not await self.store.exists(blob):  # released meanwhile by the last that referred to it
                await self.store.put(blob, file)
            finished = (
                update(Upload)
                .where(Upload.city_id == upload.city_id, Upload.id == upload.id)
                .values(
                    sha256=blob.sha256,
                    media_type=KINDS[kind][0],
                    scanned=self.scanner is not None,
                    finished_at=now,
                )
                .returning(Upload)
            )
            stored = await session.scalar(finished)
            if stored is None:  # thrown away meanwhile
                await self.release(session, blob)
        await asyncio.to_thread(self._path(upload).unlink, missing_ok=True)
        if stored is None:
            raise NotFound(kind="Upload")
        return stored

    def _path(self, upload: Upload) -> Path:
        return self.folder / str(upload.city_id) / str(upload.id)

    def _make(self, upload: Upload) -> None:
        make_private(self._path(upload).parent)
        open_private(self._path(upload)).close()

    @asynccontextmanager
    async def _opened(self, upload: Upload) -> AsyncIterator[BinaryIO]:
        """The file as it comes in, this request's alone. Raises `NotFound`, and `InvalidInput` `upload_busy`."""
        try:
            file = await asyncio.to_thread(self._path(upload).open, "r+b")
        except FileNotFoundError:
            raise NotFound(kind="Upload") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield file
        except BlockingIOError:
            raise InvalidInput(FIELD, "upload_busy") from None
        finally:
            file.close()


async def _lock(session: AsyncSession, blob: Blob) -> None:
    """Let those who store a content and those who delete it take turns, until the end of the transaction."""
    key = int.from_bytes(hashlib.sha256(blob.path.encode()).digest()[:8], signed=True)
    await session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": key})


def _settle(file: BinaryIO, length: int | None) -> None:
    """Have what came survive a crash of the machine; cut back to `length` first, if one is given."""
    file.flush()
    if length is not None:
        file.truncate(length)
    os.fsync(file.fileno())


async def _chunks_of(source: BinaryIO) -> AsyncIterator[bytes]:
    await asyncio.to_thread(source.seek, 0)
    while chunk := await asyncio.to_thread(source.read, CHUNK):
        yield chunk
