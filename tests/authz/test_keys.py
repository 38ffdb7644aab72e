"""The signing key: which texts are one, and that all processes of a machine agree on it."""

from __future__ import annotations

import json
import stat
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from joserfc.jwk import OKPKey

from app.kernel.config import Settings
from app.kernel.secrets import new_signing_key
from authz.keys import UnusableKey, signing_key
from authz.tokens import TokenIssuer, TokenVerifier

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def works(first: OKPKey, second: OKPKey) -> bool:
    token = TokenIssuer(first).issue(uuid.UUID(int=1), now=NOW, lifetime=timedelta(hours=1))
    return TokenVerifier(second).verify(token, NOW).user_id == uuid.UUID(int=1)


def test_a_jwk_keeps_its_name() -> None:
    text = new_signing_key()
    assert signing_key(text).kid == json.loads(text)["kid"]
    assert works(signing_key(text), signing_key(text))


def test_a_pem_is_named_by_its_thumbprint_in_every_process() -> None:
    pem = OKPKey.generate_key("Ed25519").as_pem(private=True).decode()
    first, second = signing_key(pem), signing_key("\n" + pem + "\n")
    assert first.kid
    assert first.kid == second.kid
    assert works(first, second)


def test_a_jwk_that_says_eddsa_is_the_same_key() -> None:
    jwk = json.loads(new_signing_key()) | {"alg": "EdDSA", "use": "sig", "key_ops": ["sign"]}
    assert works(signing_key(json.dumps(jwk)), signing_key(json.dumps(jwk)))


def encrypted_pem() -> str:
    private = OKPKey.generate_key("Ed25519").private_key
    assert private is not None
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")).decode()


def rsa_pem() -> str:
    return generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{}",
        "nonsense",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        '{"kty":"oct","k":"AAAA"}',
        '{"kty":"OKP","crv":"Ed25519","x":"","d":""}',
        '{"kty":"OKP","crv":"Ed25519","x":5}',
        "[" * 100_000,
        '{"a":' * 100_000,
        rsa_pem(),
        encrypted_pem(),
        OKPKey.generate_key("Ed25519").as_pem(private=False).decode(),
        OKPKey.generate_key("Ed448").as_pem(private=True).decode(),
        OKPKey.generate_key("X25519").as_pem(private=True).decode(),
        json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=False)),
    ],
    ids=range(16),
)
def test_what_cannot_sign_is_refused_in_words_that_do_not_quote_it(text: str) -> None:
    with pytest.raises(UnusableKey) as refused:
        signing_key(text)
    assert "Ed25519" in str(refused.value)
    assert len(str(refused.value)) < 120
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_the_kept_key_is_the_owners_only(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", signing_key=None)
    signing_key(settings.signing_key_text())
    file = settings.secrets_dir / "signing-key.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in file.parent.iterdir()] == [file.name], "no draft is left behind"


def test_those_who_start_at_once_agree(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, signing_key=None)
    together = Barrier(8)

    def start(_: int) -> str:
        together.wait()
        return settings.signing_key_text()

    with ThreadPoolExecutor(8) as threads:
        texts = set(threads.map(start, range(8)))
    assert len(texts) == 1
    signing_key(texts.pop())


def test_a_configured_key_may_be_a_path(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(OKPKey.generate_key("Ed25519").as_pem(private=True))
    by_path = Settings(data_dir=tmp_path, signing_key=str(file))
    by_value = Settings(data_dir=tmp_path, signing_key=file.read_text())
    assert works(signing_key(by_path.signing_key_text()), signing_key(by_value.signing_key_text()))
    assert not (tmp_path / "secrets").exists()
