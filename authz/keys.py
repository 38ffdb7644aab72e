"""The Ed25519 key that signs tokens. Where its text lies, and how it is made, is the settings' business."""

from __future__ import annotations

import json

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey


class UnusableKey(Exception):
    """The configured signing key cannot sign. Raised at start; the message says why and never quotes the key."""


def signing_key(text: str) -> OKPKey:
    """The private Ed25519 key in a JSON Web Key or PEM (`Settings.signing_key_text()`), with a `kid`.

    Without a `kid` of its own it is named by its thumbprint (RFC 7638), the same in every process.
    Raises `UnusableKey`.
    """
    text = text.strip()
    try:
        key = OKPKey.import_key(json.loads(text) if text.startswith("{") else text)
        private, name = key.private_key, key.kid or key.thumbprint()
    except (JoseError, UnsupportedAlgorithm, ValueError, TypeError, KeyError, RecursionError) as problem:
        raise UnusableKey(f"expected an Ed25519 key as JWK or PEM ({type(problem).__name__})") from None
    if not isinstance(private, Ed25519PrivateKey):
        kind = "public" if private is None else "private"
        raise UnusableKey(f"expected a private Ed25519 key, got a {kind} {key.curve_name} key")
    # Only the name is kept of what the document says beside the key: its `alg` or `key_ops` would narrow its use.
    return OKPKey.import_key(private, {"kid": name})
