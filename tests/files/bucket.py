"""A real S3-compatible server on the loopback, with a bucket in it; it checks the signature of every request."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
from pydantic import SecretStr

from app.kernel.config import S3
from tests.e2e.serving import free_port

PROGRAM = Path(sys.executable).with_name("nanio")
PATIENCE = 60.0


@contextlib.contextmanager
def bucket(folder: Path) -> Iterator[S3]:
    """Serve until left; `folder / "attachments"` is the bucket as it lies on the server's disk."""
    port = free_port()
    settings = S3(
        endpoint=f"http://127.0.0.1:{port}",
        bucket="attachments",
        access_key="yingshang",
        secret_key=SecretStr("only-for-tests"),
        prefix="test/",
    )
    environment = {
        "PATH": os.environ["PATH"],
        "NANIO_ACCESS_KEY": settings.access_key,
        "NANIO_SECRET_KEY": settings.secret_key.get_secret_value(),
    }
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [PROGRAM, "serve", "--host", "127.0.0.1", "--port", str(port), "--data-dir", str(folder)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert process.poll() is None, (folder / "server.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        client = boto3.client(
            "s3",
            endpoint_url=settings.endpoint,
            region_name=settings.region,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key.get_secret_value(),
        )
        client.create_bucket(Bucket=settings.bucket)
        client.close()
        yield settings
    finally:
        process.terminate()
        process.wait(PATIENCE)
