"""Tokens: what is taken, and everything that is not."""

from __future__ import annotations

import base64
import hmac
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OKPKey

from app.kernel.errors import Unauthenticated
from app.kernel.secrets import new_signing_key
from authz.keys import signing_key
from authz.tokens import TokenIssuer, TokenVerifier

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
USER = uuid.UUID("0195a000-0000-7000-8000-000000000001")
KEY = signing_key(new_signing_key())
GOOD_CLAIMS = {
    "iss": "yingshang",
    "aud": "yingshang",
    "sub": str(USER),
    "iat": int(NOW.timestamp()),
    "exp": int((NOW + HOUR).timestamp()),
    "jti": "0195a000-0000-7000-8000-000000000002",
}


def b64(data: bytes | str | dict[str, Any]) -> str:
    if isinstance(data, dict):
        data = json.dumps(data)
    if isinstance(data, str):
        data = data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(claims: dict[str, Any], header: dict[str, Any] | None = None, key: OKPKey = KEY) -> str:
    """A token that the key really signed, whatever it says."""
    private: Any = key.private_key
    signing_input = f"{b64({'alg': 'Ed25519', 'typ': 'JWT'} if header is None else header)}.{b64(claims)}"
    return f"{signing_input}.{b64(private.sign(signing_input.encode()))}"


def refusal(token: str, now: datetime = NOW) -> str:
    with pytest.raises(Unauthenticated) as refused:
        TokenVerifier(KEY).verify(token, now)
    return refused.value.rule


def test_a_token_tells_who_and_until_when() -> None:
    token = TokenIssuer(KEY).issue(USER, now=NOW, lifetime=HOUR)
    claims = TokenVerifier(KEY).verify(token, NOW)
    assert (claims.user_id, claims.issued_at, claims.expires_at) == (USER, NOW, NOW + HOUR)
    header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    assert header == {"alg": "Ed25519", "kid": KEY.kid, "typ": "JWT"}


def test_each_token_has_its_own_id() -> None:
    issuer, verifier = TokenIssuer(KEY), TokenVerifier(KEY)
    ids = {verifier.verify(issuer.issue(USER, now=NOW, lifetime=HOUR), NOW).token_id for _ in range(5)}
    assert len(ids) == 5


def test_the_helper_of_these_tests_signs_what_is_taken() -> None:
    assert TokenVerifier(KEY).verify(signed(GOOD_CLAIMS), NOW).user_id == USER


def test_expiry_is_to_the_second_by_the_time_passed_in_and_holds_for_a_remembered_token() -> None:
    verifier = TokenVerifier(KEY)
    token = TokenIssuer(KEY).issue(USER, now=NOW, lifetime=HOUR)
    verifier.verify(token, NOW)
    verifier.verify(token, NOW + HOUR - timedelta(seconds=1))
    for late in (NOW + HOUR, NOW + timedelta(days=1000)):
        with pytest.raises(Unauthenticated, match="expired"):
            verifier.verify(token, late)
    assert refusal(token, NOW + HOUR) == "expired"


def test_a_token_from_the_future_is_refused_beyond_the_skew_of_clocks() -> None:
    token = TokenIssuer(KEY).issue(USER, now=NOW + timedelta(seconds=30), lifetime=HOUR)
    assert TokenVerifier(KEY).verify(token, NOW).user_id == USER
    assert refusal(TokenIssuer(KEY).issue(USER, now=NOW + timedelta(minutes=5), lifetime=HOUR)) == "invalid"


def test_a_token_of_another_key_is_refused() -> None:
    other = signing_key(new_signing_key())
    assert refusal(TokenIssuer(other).issue(USER, now=NOW, lifetime=HOUR)) == "invalid"
    claiming_ours = signed(GOOD_CLAIMS, {"alg": "Ed25519", "kid": KEY.kid}, other)
    assert refusal(claiming_ours) == "invalid"
    bringing_its_own = signed(GOOD_CLAIMS, {"alg": "Ed25519", "jwk": other.as_dict(private=False)}, other)
    assert refusal(bringing_its_own) == "invalid"


def test_a_token_without_a_signature_is_refused() -> None:
    for header in ({"alg": "none"}, {"alg": "None"}, {"alg": "Ed25519"}):
        assert refusal(f"{b64(header)}.{b64(GOOD_CLAIMS)}.") == "invalid"


def test_the_public_key_taken_for_a_shared_secret_is_refused() -> None:
    for secret in (KEY.as_pem(private=False), json.dumps(KEY.as_dict(private=False)).encode()):
        signing_input = f"{b64({'alg': 'HS256'})}.{b64(GOOD_CLAIMS)}"
        forged = b64(hmac.digest(secret, signing_input.encode(), "sha256"))
        assert refusal(f"{signing_input}.{forged}") == "invalid"


@pytest.mark.parametrize("algorithm", ["EdDSA", "Ed448", "HS256", "ES256", "none", "ed25519", ["Ed25519"], {}, None, 1])
def test_no_other_algorithm_is_taken_even_with_a_good_signature(algorithm: Any) -> None:
    assert refusal(signed(GOOD_CLAIMS, {"alg": algorithm})) == "invalid"


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "somebody"},
        {"aud": "somebody"},
        {"aud": ["yingshang"]},
        {"iss": None},
        {"sub": "handler@guangyuan"},
        {"sub": 7},
        {"sub": None},
        {"iat": "now"},
        {"exp": None},
        {"exp": True},
        {"exp": 1e300},
        {"exp": 10**30},
        {"exp": -(10**30)},
        {"exp": GOOD_CLAIMS["exp"] + 0.5},  # type: ignore[operator]
        {"jti": "1"},
    ],
    ids=str,
)
def test_claims_of_the_wrong_kind_are_refused(wrong: dict[str, Any]) -> None:
    assert refusal(signed(GOOD_CLAIMS | wrong)) == "invalid"


@pytest.mark.parametrize("missing", list(GOOD_CLAIMS))
def test_no_claim_may_be_missing(missing: str) -> None:
    assert refusal(signed({name: value for name, value in GOOD_CLAIMS.items() if name != missing})) == "invalid"


@pytest.mark.parametrize("part", [0, 1, 2])
def test_one_changed_character_breaks_it(part: int) -> None:
    token = TokenIssuer(KEY).issue(USER, now=NOW, lifetime=HOUR)
    parts = token.split(".")
    middle = len(parts[part]) // 2
    parts[part] = parts[part][:middle] + ("A" if parts[part][middle] != "A" else "B") + parts[part][middle + 1 :]
    assert refusal(".".join(parts)) == "invalid"


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c.d",
        "!!!.???.===",
        "中文.中文.中文",
        "\ud800.\udfff.x",
        "\x00",
        " ",
        b64("[" * 380) + "." + b64("{}") + "." + b64("x" * 64),  # deep nesting in a header nobody signed
        b64("null") + ".e30.AA",
        b64('"alg"') + ".e30.AA",
        b64(b"\xff\xfe") + ".e30.AA",
        b64({"alg": "Ed25519", "crit": ["b64"], "b64": False}) + ".{}.AA",
        b64({"alg": "Ed25519", "crit": 1}) + ".e30.AA",
    ],
    ids=ascii,
)
def test_what_is_no_token_is_refused(token: str) -> None:
    assert refusal(token) == "invalid"


def test_a_payload_that_is_no_object_is_refused_though_signed() -> None:
    private: Any = KEY.private_key
    for payload in ("[]", "1", "null", '"x"', "[" * 2000, "", "\xff"):
        signing_input = f"{b64({'alg': 'Ed25519'})}.{b64(payload)}"
        assert refusal(f"{signing_input}.{b64(private.sign(signing_input.encode()))}") == "invalid"


def test_a_huge_token_is_refused_though_well_signed() -> None:
    assert TokenVerifier(KEY).verify(signed(GOOD_CLAIMS | {"note": "x" * 2000}), NOW).user_id == USER
    huge = signed(GOOD_CLAIMS | {"note": "x" * 4096})
    assert len(huge) > 4096
    assert refusal(huge) == "invalid"
    assert refusal("a" * 10_000_000) == "invalid"


@given(
    st.text(max_size=200)
    | st.lists(st.binary(max_size=60), min_size=3, max_size=3).map(lambda p: ".".join(map(b64, p)))
)
def test_no_text_does_worse_than_be_refused(token: str) -> None:
    assert refusal(token) == "invalid"


def test_only_good_tokens_are_remembered_and_only_so_many() -> None:
    verifier = TokenVerifier(KEY, remembered=3)
    issuer = TokenIssuer(KEY)
    for _ in range(10):
        verifier.verify(issuer.issue(USER, now=NOW, lifetime=HOUR), NOW)
        with pytest.raises(Unauthenticated):
            verifier.verify("forged", NOW)
    assert len(verifier._verified) == 3


def test_a_remembered_token_is_not_verified_again_until_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = TokenVerifier(KEY)
    token = TokenIssuer(KEY).issue(USER, now=NOW, lifetime=HOUR)
    claims = verifier.verify(token, NOW)
    with monkeypatch.context() as patched:
        patched.setattr(verifier, "_read", lambda _token: pytest.fail("verified again"))
        assert verifier.verify(token, NOW) is claims
    with pytest.raises(Unauthenticated):
        verifier.verify(token, NOW + HOUR)
    assert len(verifier._verified) == 0
