"""Sign-in tokens: JSON Web Tokens signed with EdDSA over Ed25519.

The header says `Ed25519`, the fully specified name of that algorithm (RFC 9864, which retires the ambiguous `EdDSA`).
It is the only algorithm taken: what the token itself proposes is never followed.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from app.kernel.errors import Unauthenticated
from app.kernel.tables import new_id
from authz.lru import Lru

ALGORITHM = "Ed25519"
ISSUER = AUDIENCE = "yingshang"
MAX_TOKEN_CHARACTERS = 4096
CLOCK_SKEW = timedelta(seconds=60)
"""How far ahead the clock of the machine that issued a token may be."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says: who, since when, until when (aware UTC), and which token it is."""

    user_id: uuid.UUID
    issued_at: datetime
    expires_at: datetime
    token_id: uuid.UUID


class TokenIssuer:
    """Signs tokens with the private key."""

    def __init__(self, key: OKPKey) -> None:
        self._key = key
        self._header = {"alg": ALGORITHM, "kid": key.kid}

    def issue(self, user_id: uuid.UUID, *, now: datetime, lifetime: timedelta) -> str:
        """A token for the user, valid for `lifetime` from `now`, counted in whole seconds."""
        issued_at = int(now.timestamp())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "iat": issued_at,
            "exp": issued_at + int(lifetime.total_seconds()),
            "jti": str(new_id()),
        }
        return jwt.encode(self._header, claims, self._key, algorithms=[ALGORITHM])


class TokenVerifier:
    """Verifies tokens with the public half of the key. Verified ones are remembered until they expire: a
    verification costs 0.2 ms, and a browser sends the same token all day."""

    def __init__(self, key: OKPKey, *, remembered: int = 10_000) -> None:
        self._key = OKPKey.import_key(key.public_key)
        self._verified: Lru[str, Claims] = Lru(remembered)

    def verify(self, token: str, now: datetime) -> Claims:
        """The claims of a token that we signed and that has not expired.

        Raises `Unauthenticated("expired")`, or `Unauthenticated("invalid")` for everything else that is wrong with it.
        """
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise Unauthenticated("invalid")
        claims = self._verified.get(token)
        if claims is None:
            claims = self._read(token)
            if claims.issued_at > now + CLOCK_SKEW:
                raise Unauthenticated("invalid")
            if claims.expires_at > now:
                self._verified.put(token, claims)
        if claims.expires_at <= now:
            self._verified.drop(token)
            raise Unauthenticated("expired")
        return claims

    def _read(self, token: str) -> Claims:
        try:
            said = jwt.decode(token, self._key, algorithms=[ALGORITHM]).claims
            if said["iss"] != ISSUER or said["aud"] != AUDIENCE:
                raise Unauthenticated("invalid")
            return Claims(
                user_id=uuid.UUID(said["sub"]),
                issued_at=_moment(said["iat"]),
                expires_at=_moment(said["exp"]),
                token_id=uuid.UUID(said["jti"]),
            )
        # The header is read before the signature is checked, so anybody can send what trips a decoder:
        # deep nesting (RecursionError), surrogates, numbers for texts, missing claims.
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError, RecursionError):
            raise Unauthenticated("invalid") from None


def _moment(seconds: Any) -> datetime:
    if type(seconds) is not int:
        raise TypeError("seconds")
    return datetime.fromtimestamp(seconds, UTC)
