"""Secrets this machine makes for itself: files of mode 0600 beside, never inside, the database's folder."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """The text of the secret file at `path`, made on first use.

    The file appears whole and with its mode, or not at all, and of several processes that make it at once one wins,
    so that all of them go on with the same secret.
    """
    with contextlib.suppress(FileNotFoundError):
        return path.read_text()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    return path.read_text()


def new_password() -> str:
    """A password nobody needs to type."""
    return secrets.token_urlsafe(32)


def new_signing_key() -> str:
    """A fresh Ed25519 key as a JSON Web Key (RFC 8037)."""
    key = Ed25519PrivateKey.generate()
    return json.dumps(
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "kid": secrets.token_hex(8),
            "x": _base64url(key.public_key().public_bytes_raw()),
            "d": _base64url(key.private_bytes_raw()),
        }
    )


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
