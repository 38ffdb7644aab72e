"""Global ids: opaque to clients, `<prefix>_<base64url>`; they carry type and city (the SQL twin is `global_id`).

A ticket is `T_` + base64url(city as 4 bytes big-endian + the UUID's 16 bytes), without padding; a tenant, being
platform-wide, is `TN_` + base64url(its id as 4 bytes); a scheme version `S_` + base64url(city and version as 4 bytes).
"""

from __future__ import annotations

import base64
import binascii
import struct
import uuid
from dataclasses import dataclass
from functools import lru_cache

from app.kernel.errors import BadInput

TENANT = "TN"
SCHEME = "S"
VERSIONED = frozenset({SCHEME, "RL"})
"""Known by city and version."""
UPLOAD = "UP"
"""An upload on its way to a ticket: nothing that `node` shows."""
PUBLISHED_DECISION = "PD"
WITH_UUID = frozenset(
    {
        "A",
        "AG",
        "E",
        "G",
        "IE",
        "II",
        "IN",
        "NO",
        PUBLISHED_DECISION,
        "QE",
        "QS",
        "RO",
        "RS",
        "RT",
        "SN",
        "T",
        "TE",
        "TT",
        "U",
        "WP",
    }
)


@dataclass(frozen=True, slots=True)
class GlobalId:
    """A decoded global id. `key` is the UUID, for a tenant its number, for a scheme its version."""

    prefix: str
    city_id: int
    key: uuid.UUID | int


def _text(prefix: str, raw: bytes) -> str:
    return f"{prefix}_{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}"


def encode(prefix: str, city_id: int, key: uuid.UUID | int) -> str:
    """The global id of an object."""
    if prefix == TENANT:
        return _text(prefix, struct.pack(">i", key))
    if isinstance(key, int):
        return _text(prefix, struct.pack(">ii", city_id, key))
    return _text(prefix, struct.pack(">i", city_id) + key.bytes)


@lru_cache(maxsize=1_024)  # a request reads each of its ids several times
def decode(text: str, *, also: str = "") -> GlobalId:
    """Read a global id, of `also` too, which is no node's prefix. Raises `BadInput("malformed_id")`."""
    prefix, _, body = text.partition("_")
    try:
        raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadInput("malformed_id", id=text[:80]) from None
    if (prefix in WITH_UUID or (also and prefix == also)) and len(raw) == 20:
        found = GlobalId(prefix, struct.unpack(">i", raw[:4])[0], uuid.UUID(bytes=raw[4:]))
    elif prefix == TENANT and len(raw) == 4:
        found = GlobalId(prefix, 0, struct.unpack(">i", raw)[0])
    elif prefix in VERSIONED and len(raw) == 8:
        found = GlobalId(prefix, *struct.unpack(">ii", raw))
    else:
        raise BadInput("malformed_id", id=text[:80])
    if encode(found.prefix, found.city_id, found.key) != text:  # one id, one spelling
        raise BadInput("malformed_id", id=text[:80])
    return found


def decode_as(text: str, prefix: str) -> GlobalId:
    """Read a global id that must be of one type. Raises `BadInput` `malformed_id` or `wrong_type_of_id`."""
    found = decode(text, also=UPLOAD if prefix == UPLOAD else "")
    if found.prefix != prefix:
        raise BadInput("wrong_type_of_id", id=text[:80])
    return found
