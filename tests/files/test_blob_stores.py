"""One contract, two stores: a disk, and a bucket of a real S3-compatible server."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.files.disk import DiskStore
from app.files.s3 import S3Store
from app.files.storage import CHUNK, Blob, BlobDamaged, BlobStore
from app.kernel.config import S3
from tests.files.bucket import bucket

CONTENT = os.urandom(CHUNK + 12_345)


def blob_of(content: bytes, city_id: int = 10) -> Blob:
    return Blob(city_id, hashlib.sha256(content).digest(), len(content))


async def everything(store: BlobStore, blob: Blob, *part: int) -> bytes:
    return b"".join([chunk async for chunk in store.read(blob, *part)])


def below(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


def files_below(folder: Path, pattern: str = "*") -> list[Path]:
    return [path for path in folder.rglob(pattern) if path.is_file()]


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with bucket(tmp_path_factory.mktemp("bucket")) as settings:
        yield settings


@pytest.fixture(params=["disk", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "disk":
        return DiskStore(tmp_path / "blobs")
    return S3Store(request.getfixturevalue("s3"))


async def test_what_is_put_is_there(store: BlobStore) -> None:
    blob = blob_of(CONTENT)
    assert not await store.exists(blob)
    for _ in range(2):  # again, as after a lost answer
        await store.put(blob, io.BytesIO(CONTENT))
        assert await store.exists(blob)
        assert await everything(store, blob) == CONTENT
    await store.delete(blob)
    await store.delete(blob)
    assert not await store.exists(blob)
    with pytest.raises(FileNotFoundError):
        await everything(store, blob)


@pytest.mark.parametrize(("start", "length"), [(0, 1), (1, 10), (CHUNK - 1, 2), (len(CONTENT) - 5, 5), (7, CHUNK + 9)])
async def test_a_part_of_it(store: BlobStore, start: int, length: int) -> None:
    blob = blob_of(CONTENT)
    await store.put(blob, io.BytesIO(CONTENT))
    assert await everything(store, blob, start, length) == CONTENT[start : start + length]
    await store.delete(blob)


async def test_other_bytes_than_the_name_says_are_not_stored(store: BlobStore) -> None:
    blob = blob_of(CONTENT)
    with pytest.raises(BlobDamaged):
        await store.put(blob, io.BytesIO(CONTENT[:-1] + b"?"))
    assert not await store.exists(blob)


async def test_no_city_shares_a_content_with_another(store: BlobStore) -> None:
    here, there = blob_of(CONTENT, 10), blob_of(CONTENT, 1000)
    await store.put(here, io.BytesIO(CONTENT))
    assert not await store.exists(there)
    await store.put(there, io.BytesIO(CONTENT))
    await store.delete(here)
    assert await everything(store, there) == CONTENT
    await store.delete(there)


async def test_several_at_once(store: BlobStore) -> None:
    contents = [os.urandom(50_000) for _ in range(4)] * 2  # each of them twice
    await asyncio.gather(*(store.put(blob_of(each), io.BytesIO(each)) for each in contents))
    for each in contents:
        assert await everything(store, blob_of(each)) == each


async def test_only_the_programs_own_user_reads_the_disk(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        store = DiskStore(tmp_path / "files" / "blobs")
        await store.put(blob_of(CONTENT), io.BytesIO(CONTENT))
    finally:
        os.umask(previous)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in below(tmp_path / "files")}
    assert all(mode == (0o600 if path.is_file() else 0o700) for path, mode in modes.items()), modes
    assert [path.name for path in files_below(tmp_path)] == [hashlib.sha256(CONTENT).hexdigest()]


async def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > CHUNK:
                raise OSError("the line is cut")
            return super().read(size)

    store = DiskStore(tmp_path)
    with pytest.raises(OSError, match="cut"):
        await store.put(blob_of(CONTENT), Breaking(CONTENT * 2))
    assert files_below(tmp_path) == []


async def test_a_content_that_was_cut_short_on_the_disk_is_no_content(tmp_path: Path) -> None:
    store, blob = DiskStore(tmp_path), blob_of(CONTENT)
    await store.put(blob, io.BytesIO(CONTENT))
    os.truncate(tmp_path / blob.path, 100)
    with pytest.raises(BlobDamaged):
        await everything(store, blob)


async def test_the_wrong_secret_opens_no_bucket(s3: S3) -> None:
    store = S3Store(s3.model_copy(update={"secret_key": SecretStr("guessed")}))
    with pytest.raises(OSError, match="Signature"):
        await store.put(blob_of(CONTENT), io.BytesIO(CONTENT))


async def test_a_bucket_lies_where_it_is_told(s3: S3, tmp_path_factory: pytest.TempPathFactory) -> None:
    store, content = S3Store(s3), b"one of a kind"
    await store.put(blob_of(content), io.BytesIO(content))
    found = files_below(tmp_path_factory.getbasetemp(), hashlib.sha256(content).hexdigest())
    assert [path.read_bytes() for path in found] == [content]
    assert "attachments/test/10/" in found[0].as_posix()
