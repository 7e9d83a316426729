"""JWS licences: what passes, every refusal by its reason, and Wycheproof's vectors."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trust.checks import verdict
from gateway.trust.jws import ASYMMETRIC, TokenError, base64url, take_apart, verify_jws
from gateway.trust.strict_json import JsonError, strict_object
from gateway.trust.tokens import verify_token
from gateway.trust.verify import sniff, verify
from schemas.verification import Indication, LicenceFormat
from schemas.verification import SubIndication as Sub
from tests.trust.office.tokens import NOW_S, TokenKey, as_json, b64, claims, judging

KEY = TokenKey()
PASSED = (Indication.TOTAL_PASSED, None)


def judged(text: str, **how: Any) -> tuple[Indication, Sub | None]:
    return verdict(verify_token(text.encode(), judging(KEY, **how)).checks)


def failed(sub: Sub) -> tuple[Indication, Sub]:
    return Indication.TOTAL_FAILED, sub


def doubt(sub: Sub) -> tuple[Indication, Sub]:
    return Indication.INDETERMINATE, sub


def test_a_good_token_passes_and_pyjwt_agrees() -> None:
    text = KEY.token(claims(name="演示"))
    report = verify(text.encode(), judging(KEY))
    assert (report.indication, report.format) == (Indication.TOTAL_PASSED, LicenceFormat.JWS)
    assert report.signatures[0].signer == claims()["iss"]
    key = jwt.PyJWK(KEY.jwk, algorithm="ES256").key
    assert jwt.decode(text, key, algorithms=["ES256"], options={"verify_exp": False})["name"] == "演示"
    facts = verify_token(text.encode(), judging(KEY)).facts
    assert facts["name"] == "演示"


HEADER = {"alg": "ES256", "typ": "JWT", "kid": "k1"}
BAD_FORMS = {
    "four segments": lambda: KEY.token(claims()) + ".AA",
    "two segments": lambda: KEY.token(claims()).rpartition(".")[0],
    "no signature": lambda: KEY.token(claims()).rpartition(".")[0] + ".",
    "padding": lambda: KEY.token(claims()) + "=",
    "white space": lambda: KEY.token(claims()).replace(".", ". ", 1),
    "loose last bits": lambda: _loosened(KEY.token(claims())),
    "a name twice in the header": lambda: KEY.sign('{"alg":"none","alg":"ES256","kid":"k1"}', claims()),
    "a name twice in the payload": lambda: KEY.sign(HEADER, as_json(claims())[:-1] + ',"exp":9999999999}'),
    "no number": lambda: KEY.sign(HEADER, as_json(claims())[:-1] + ',"x":NaN}'),
    "payload no object": lambda: KEY.sign(HEADER, "[]"),
    "payload no UTF-8": lambda: KEY.sign(HEADER, b"\xff"),
    "header no object": lambda: KEY.sign("[1]", claims()),
    "deep": lambda: KEY.sign(HEADER, as_json(claims())[:-1] + ',"x":' + "[" * 40 + "]" * 40 + "}"),
    "crit": lambda: KEY.token(claims(), crit=["exp"]),
    "b64": lambda: KEY.token(claims(), b64=False),
    "zip": lambda: KEY.token(claims(), zip="DEF"),
    "alg no text": lambda: KEY.token(claims(), alg=["ES256"]),
    "kid no text": lambda: KEY.token(claims(), kid=1),
    "another type": lambda: KEY.token(claims(), typ="at+jwt"),
    "exp as text": lambda: KEY.token(claims(exp=str(NOW_S + 60))),
    "exp as true": lambda: KEY.token(claims(exp=True)),
    "exp as fraction": lambda: KEY.token(claims(exp=NOW_S + 60.5)),
    "exp without bound": lambda: KEY.token(claims(exp=10**18)),
    "nbf as text": lambda: KEY.token(claims(nbf="0")),
    "no exp": lambda: KEY.token(claims(exp=None)),
    "no iat": lambda: KEY.token(claims(iat=None)),
}


def _loosened(text: str) -> str:
    """The same bytes with the unused bits of the last character set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) | 1]


@pytest.mark.parametrize("name", BAD_FORMS)
def test_what_is_not_well_formed_fails(name: str) -> None:
    assert judged(BAD_FORMS[name]()) == failed(Sub.FORMAT_FAILURE)


@pytest.mark.parametrize("alg", ["none", "nOnE", "HS256", "ES384", "RS256", "ES256K"])
def test_algorithms_the_issuer_may_not_use(alg: str) -> None:
    assert judged(KEY.token(claims(), alg=alg)) == failed(Sub.CRYPTO_CONSTRAINTS_FAILURE)


def test_an_algorithm_that_is_allowed_but_does_not_fit_the_key() -> None:
    text = KEY.token(claims(), alg="HS256")
    assert judged(text, algorithms=frozenset({"ES256", "HS256"})) == failed(Sub.CRYPTO_CONSTRAINTS_FAILURE)


def test_who_signed_it() -> None:
    other = TokenKey()
    assert judged(other.token(claims())) == failed(Sub.SIG_CRYPTO_FAILURE)
    assert judged(other.token(claims(), jwk=other.jwk)) == failed(Sub.SIG_CRYPTO_FAILURE)
    assert judged(KEY.token(claims(), kid="k9")) == doubt(Sub.NO_SIGNING_CERTIFICATE_FOUND)
    assert judged(KEY.token(claims(iss="https://stranger.example"))) == doubt(Sub.NO_CERTIFICATE_CHAIN_FOUND)
    assert judged(KEY.token(claims(iss=["https://office.example"]))) == doubt(Sub.NO_CERTIFICATE_CHAIN_FOUND)
    text = KEY.token(claims(), kid=None)
    assert judged(text.replace("x", "x")) == failed(Sub.FORMAT_FAILURE), "kid null is no text"


def test_any_change_of_the_signed_text_fails() -> None:
    first, second, third = KEY.token(claims()).split(".")
    altered = b64(as_json(claims(exp=NOW_S + 10**6)))
    assert judged(f"{first}.{altered}.{third}") == failed(Sub.SIG_CRYPTO_FAILURE)
    assert judged(f"{first}.{second}.{third[:-4]}AAAA") == failed(Sub.SIG_CRYPTO_FAILURE)


def test_when_it_holds() -> None:
    assert judged(KEY.token(claims(exp=NOW_S))) == doubt(Sub.EXPIRED)
    assert judged(KEY.token(claims(exp=NOW_S + 1))) == PASSED
    assert judged(KEY.token(claims(nbf=NOW_S + 301))) == doubt(Sub.NOT_YET_VALID)
    assert judged(KEY.token(claims(nbf=NOW_S + 299))) == PASSED
    assert judged(KEY.token(claims(iat=NOW_S + 301))) == doubt(Sub.NOT_YET_VALID)


@pytest.mark.parametrize(
    "change",
    [{"use": "enc"}, {"key_ops": ["sign"]}, {"alg": "ES384"}, {"crv": "P-384"}, {"kty": "RSA"}, {"x": "AA"}, {"y": 5}],
)
def test_keys_that_are_not_for_this(change: dict[str, Any]) -> None:
    with pytest.raises(TokenError) as caught:
        verify_jws(take_apart(KEY.token(claims())), KEY.jwk | change, ASYMMETRIC)
    assert caught.value.sub is Sub.CRYPTO_CONSTRAINTS_FAILURE


@given(st.binary(max_size=60))
def test_base64url_has_one_right_form(raw: bytes) -> None:
    assert base64url(b64(raw)) == raw
    for wrong in (b64(raw) + "=", b64(raw) + "A" if len(raw) % 3 == 0 else b64(raw) + "/"):
        with pytest.raises(TokenError):
            base64url(wrong)


@given(st.text(max_size=200))
def test_any_text_gets_a_report(text: str) -> None:
    content = ("ey" + text).encode()
    assert verify(content, judging(KEY)).indication is not Indication.TOTAL_PASSED
    assert verify_token(content, judging(KEY)).checks


def test_strict_json() -> None:
    assert strict_object(b'{"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}
    for wrong in (b"", b"[]", b'{"a":1,"a":1}', b'{"a":Infinity}', b"\xff", b'{"a":' + b"[" * 200_000):
        with pytest.raises(JsonError):
            strict_object(wrong)


def test_formats_by_their_first_bytes() -> None:
    assert sniff(b"PK\x03\x04") is LicenceFormat.OFD
    assert sniff(b"%PDF-1.7") is LicenceFormat.PDF
    assert sniff(b"eyJ.a.b~") is LicenceFormat.SD_JWT
    for other in (b"", b"hello", b"ey\xff", b"ey hello"):
        assert sniff(other) is LicenceFormat.UNKNOWN
        assert verify(other, judging(KEY)).sub_indication is Sub.FORMAT_FAILURE


VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors"
EVERY = frozenset({f"{kind}{bits}" for kind in ("HS", "RS", "PS", "ES") for bits in (256, 384, 512)} | {"EdDSA"})
BESIDES = {
    **dict.fromkeys((346, 347, 350, 351), "the key names another algorithm than the token: refused, as elsewhere here"),
    **dict.fromkeys((367, 370), "called invalid for its padding, but the text as published has none and is right"),
    **dict.fromkeys((372, 373), "called valid with a character that base64url does not have"),
}
"""Vectors whose published answer contradicts the others or RFC 7515, and why ours differs."""


def vectors(name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    path = VECTORS / name
    if not path.is_file():
        pytest.skip(f"NOT CHECKED: {name} is not beside this checkout ({VECTORS})")
    groups = json.loads(path.read_text())["testGroups"]
    return [(group.get("public") or group.get("private"), test) for group in groups for test in group["tests"]]


def holds(text: Any, key: dict[str, Any]) -> bool:
    try:
        verify_jws(take_apart(text if isinstance(text, str) else json.dumps(text)), key, EVERY)
    except TokenError:
        return False
    return True


def test_wycheproofs_signatures() -> None:
    found = vectors("wycheproof_json_web_signature_test.json")
    assert len(found) == 401
    differing = {test["tcId"] for key, test in found if holds(test["jws"], key) is not (test["result"] == "valid")}
    assert differing == set(BESIDES)
    by_number = {test["tcId"]: test["jws"] for _, test in found}
    assert by_number[372].replace("?", "") == by_number[367] == by_number[370]


def test_wycheproofs_keys() -> None:
    """One key at a time: a token's key is found by its number before, so the sets' own cases do not arise."""
    found = vectors("wycheproof_json_web_key_test.json")
    for keys, test in found:
        held = (
            [key for key in keys["keys"] if key.get("kid") == take_apart(test["jws"]).key_id]
            if "keys" in keys
            else [keys]
        )
        if set(test["flags"]) & {"MixedKeySet", "DuplicateKid"} or "Roca" in test["comment"]:
            continue
        assert any(holds(test["jws"], key) for key in held) is (test["result"] == "valid"), test["comment"]
