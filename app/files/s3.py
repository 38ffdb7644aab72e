"""Contents in a bucket of an S3-compatible service; needs the extra `s3`."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any, BinaryIO

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from app.files.storage import CHUNK, Blob, BlobDamaged, sha256_of
from app.kernel.config import S3

_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})


class S3Store:
    """Objects named as on disk, behind `settings.prefix`. The bucket exists, and is not public."""

    def __init__(self, settings: S3) -> None:
        self._bucket = settings.bucket
        self._prefix = settings.prefix
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=settings.endpoint,
            region_name=settings.region,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key.get_secret_value(),
            config=Config(
                connect_timeout=5,
                read_timeout=60,
                retries={"max_attempts": 3, "mode": "standard"},
                s3={"addressing_style": "path"},
                # The checksum that matters goes along anyway; the trailers of others not every service understands.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    async def put(self, blob: Blob, source: BinaryIO) -> None:
        """See `BlobStore`."""

        def put() -> None:
            if sha256_of(source) != blob.sha256:
                raise BlobDamaged(blob.path)
            source.seek(0)
            self._client.put_object(
                **self._key(blob),
                Body=source,
                ContentLength=blob.size,
                ContentType="application/octet-stream",
                ChecksumSHA256=base64.b64encode(blob.sha256).decode(),
            )

        try:
            await asyncio.to_thread(put)
        except ClientError as error:
            raise OSError(str(error)) from error

    async def read(self, blob: Blob, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """See `BlobStore`."""
        left = blob.size - start if length is None else length
        if left <= 0:
            return
        try:
            answer = await asyncio.to_thread(
                self._client.get_object, **self._key(blob), Range=f"bytes={start}-{start + left - 1}"
            )
        except ClientError as error:
            if _code(error) in _MISSING:
                raise FileNotFoundError(blob.path) from error
            raise OSError(str(error)) from error
        body = answer["Body"]
        try:
            while left > 0:
                chunk = await asyncio.to_thread(body.read, min(CHUNK, left))
                if not chunk:
                    raise BlobDamaged(blob.path)
                left -= len(chunk)
                yield chunk
        finally:
            body.close()

    async def delete(self, blob: Blob) -> None:
        """See `BlobStore`."""
        await asyncio.to_thread(self._client.delete_object, **self._key(blob))

    async def exists(self, blob: Blob) -> bool:
        """See `BlobStore`."""
        try:
            await asyncio.to_thread(self._client.head_object, **self._key(blob))
        except ClientError as error:
            if _code(error) in _MISSING:
                return False
            raise OSError(str(error)) from error
        return True

    def _key(self, blob: Blob) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}{blob.path}"}


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
