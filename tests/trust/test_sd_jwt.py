"""SD-JWT licences and status lists: what is disclosed is what was signed, by whom it is shown, and whether it lives."""

import hashlib
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from gateway.trust.checks import verdict
from gateway.trust.tokens import verify_token
from schemas.verification import CheckStatus, Indication
from schemas.verification import SubIndication as Sub
from tests.trust.office.tokens import (
    LIST,
    NOW,
    NOW_S,
    TokenKey,
    b64,
    claims,
    disclosure,
    judging,
    status_list,
)

KEY, HOLDER = TokenKey(), TokenKey("h1")
PASSED = (Indication.TOTAL_PASSED, None)
NAME, NAME_DIGEST = disclosure("name", "演示持有人")
CITY, CITY_DIGEST = disclosure("city", "揭阳")
ELEMENT, ELEMENT_DIGEST = disclosure("第二项")


def failed(sub: Sub) -> tuple[Indication, Sub]:
    return Indication.TOTAL_FAILED, sub


def issued(**more: Any) -> str:
    whole = {"_sd": [NAME_DIGEST, b64(bytes(32))], "_sd_alg": "sha-256"} | more
    return KEY.token(claims(**whole), typ="dc+sd-jwt")


def look(text: str, **how: Any) -> tuple[tuple[Indication, Sub | None], dict[str, Any]]:
    judged = verify_token(text.encode(), judging(KEY, **how))
    return verdict(judged.checks), dict(judged.facts)


def shown(*disclosures: str, **more: Any) -> str:
    return "~".join([issued(**more), *disclosures, ""])


def proved(text: str, key: TokenKey = HOLDER, **changes: Any) -> str:
    digest = b64(hashlib.sha256(text.encode()).digest())
    payload = {"iat": NOW_S - 5, "aud": "https://window.example", "nonce": "n1", "sd_hash": digest} | changes
    return text + key.token(payload, typ=changes.pop("typ", "kb+jwt"))


BOUND = {"cnf": {"jwk": HOLDER.jwk}}


def test_what_is_disclosed_stands_in_its_place() -> None:
    assert look(shown(NAME))[0] == PASSED
    assert look(shown(NAME))[1]["name"] == "演示持有人"
    hidden = look(shown())
    assert hidden[0] == PASSED
    assert "name" not in hidden[1]
    nested = {"address": {"_sd": [CITY_DIGEST], "street": "演示街"}, "list": ["一", {"...": ELEMENT_DIGEST}]}
    verdict_, facts = look(shown(NAME, CITY, ELEMENT, **nested))
    assert verdict_ == PASSED
    assert (facts["address"], facts["list"]) == ({"street": "演示街", "city": "揭阳"}, ["一", "第二项"])
    assert look(shown(NAME, **nested))[1]["list"] == ["一"]
    assert "_sd" not in str(facts)


def test_a_disclosure_within_a_disclosure() -> None:
    outer, outer_digest = disclosure("address", {"_sd": [CITY_DIGEST]})
    text = KEY.token(claims(_sd=[outer_digest]), typ="dc+sd-jwt") + f"~{outer}~{CITY}~"
    assert look(text)[1]["address"] == {"city": "揭阳"}


FORGED, _ = disclosure("name", "冒名者")
CLASH, CLASH_DIGEST = disclosure("vct", "另一种")
ISSUER_HIDDEN, ISSUER_DIGEST = disclosure("iss", "https://stranger.example")
RESERVED, RESERVED_DIGEST = disclosure("_sd", [])
SHORT = b64('["salt"]')
NO_SALT, NO_SALT_DIGEST = b64('[1,"name","x"]'), b64(hashlib.sha256(b64('[1,"name","x"]').encode()).digest())
TWICE = b64('["salt","name",{"a":1,"a":2}]')
SHAPES: dict[str, tuple[Callable[[], str], Sub]] = {
    "not signed": (lambda: shown(FORGED), Sub.HASH_FAILURE),
    "an element nothing refers to": (lambda: shown(ELEMENT), Sub.HASH_FAILURE),
    "twice": (lambda: shown(NAME, NAME), Sub.FORMAT_FAILURE),
    "empty": (lambda: shown("", NAME), Sub.FORMAT_FAILURE),
    "no JSON": (lambda: shown(b64("hello")), Sub.FORMAT_FAILURE),
    "too short": (lambda: shown(SHORT), Sub.FORMAT_FAILURE),
    "salt no text": (lambda: shown(NO_SALT, nested={"_sd": [NO_SALT_DIGEST]}), Sub.FORMAT_FAILURE),
    "a name twice inside": (lambda: shown(TWICE), Sub.FORMAT_FAILURE),
    "loose base64": (lambda: shown(NAME + "="), Sub.FORMAT_FAILURE),
    "a name that is there already": (lambda: shown(CLASH, x={"_sd": [CLASH_DIGEST], "vct": 1}), Sub.FORMAT_FAILURE),
    "a claim that may not be hidden": (
        lambda: KEY.token(claims(_sd=[ISSUER_DIGEST]), typ="dc+sd-jwt") + f"~{ISSUER_HIDDEN}~",
        Sub.FORMAT_FAILURE,
    ),
    "a reserved name": (lambda: shown(RESERVED, x={"_sd": [RESERVED_DIGEST]}), Sub.FORMAT_FAILURE),
    "a digest in two places": (lambda: shown(NAME, x={"_sd": [NAME_DIGEST]}), Sub.FORMAT_FAILURE),
    "a member in an array": (lambda: shown(CITY, x=[{"...": CITY_DIGEST}]), Sub.FORMAT_FAILURE),
    "an element in an object": (lambda: shown(ELEMENT, x={"_sd": [ELEMENT_DIGEST]}), Sub.FORMAT_FAILURE),
    "_sd no list": (lambda: shown(x={"_sd": "a"}), Sub.FORMAT_FAILURE),
    "a stray mark": (lambda: shown(x={"...": "a", "b": 1}), Sub.FORMAT_FAILURE),
    "digest no text": (lambda: shown(x={"_sd": [1]}), Sub.FORMAT_FAILURE),
    "a weak digest": (lambda: shown(_sd_alg="md5"), Sub.CRYPTO_CONSTRAINTS_FAILURE),
    "too many": (lambda: shown(*[f"{NAME}{n}" for n in range(300)]), Sub.FORMAT_FAILURE),
    "another type": (lambda: KEY.token(claims()) + "~", Sub.FORMAT_FAILURE),
}


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_refused(name: str) -> None:
    make, sub = SHAPES[name]
    assert look(make())[0] == failed(sub)


def test_the_holders_proof() -> None:
    text = shown(NAME, **BOUND)
    judged = verify_token(proved(text).encode(), judging(KEY))
    assert verdict(judged.checks) == PASSED
    assert [one.status for one in judged.checks if one.name == "holder_proof"] == [CheckStatus.PASS]
    without = verify_token(text.encode(), judging(KEY))
    assert [one.status for one in without.checks if one.name == "holder_proof"] == [CheckStatus.SKIPPED]


def test_proofs_that_prove_nothing() -> None:
    text = shown(NAME, **BOUND)
    assert look(proved(text, KEY))[0] == failed(Sub.SIG_CRYPTO_FAILURE)
    assert look(proved(text, sd_hash="x"))[0] == failed(Sub.HASH_FAILURE)
    assert look(proved(shown(NAME)))[0] == failed(Sub.SIG_CONSTRAINTS_FAILURE)
    assert look(proved(text, nonce=1))[0] == failed(Sub.FORMAT_FAILURE)
    assert look(proved(text, iat=NOW_S + 1000))[0] == (Indication.INDETERMINATE, Sub.NOT_YET_VALID)
    assert look(proved(text, iat=None))[0] == failed(Sub.FORMAT_FAILURE)
    assert look(text + HOLDER.token({"iat": NOW_S}, typ="JWT"))[0] == failed(Sub.FORMAT_FAILURE)
    assert look(text + HOLDER.sign({"alg": "ES256", "typ": "kb+jwt"}, "[]"))[0] == failed(Sub.FORMAT_FAILURE)
    moved = proved(text).rpartition("~")[2]
    assert look(shown(**BOUND) + moved)[0] == failed(Sub.HASH_FAILURE), "the proof of another presentation"


def with_status(index: Any, uri: Any = LIST) -> str:
    return KEY.token(claims(status={"status_list": {"idx": index, "uri": uri}}))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_statuses_of_every_width(bits: int) -> None:
    values = [0, 1, 0, 0, 1, 0, 0, 0, (1 << bits) - 1]
    listed = status_list(KEY, values, bits=bits)
    for index, value in enumerate(values):
        told = look(with_status(index), lists=[listed])[0]
        assert told == (PASSED if value == 0 else failed(Sub.REVOKED)), index
    outside = look(with_status(16 // bits + 80), lists=[listed])[0]
    assert outside == (Indication.INDETERMINATE, Sub.TRY_LATER)


def test_without_a_list_the_policy_decides() -> None:
    assert look(with_status(0))[0] == PASSED
    assert look(with_status(0), policy="strict")[0] == (Indication.INDETERMINATE, Sub.TRY_LATER)
    assert look(with_status(0), policy="archive")[0] == PASSED
    for wrong in (with_status("0"), with_status(-1), with_status(True), with_status(0, 5)):
        assert look(wrong)[0] == failed(Sub.FORMAT_FAILURE)
    assert look(KEY.token(claims(status={"status_list": []})))[0] == failed(Sub.FORMAT_FAILURE)
    assert look(KEY.token(claims(status="x")))[0] == PASSED


BOMB = b64(zlib.compress(bytes(20_000_000)))
LISTS: dict[str, dict[str, Any]] = {
    "another list": {"sub": "https://office.example/status/2"},
    "stale": {"exp": NOW_S - 1},
    "exp no number": {"exp": "x"},
    "bits": {"status_list": {"bits": 3}},
    "no list": {"status_list": {"lst": 5}},
    "no zlib": {"status_list": {"lst": b64(b"hello")}},
    "a bomb": {"status_list": {"lst": BOMB}},
    "cut short": {"status_list": {"lst": b64(zlib.compress(bytes(100))[:-3])}},
    "a stranger's": {"iss": "https://stranger.example"},
}


@pytest.mark.parametrize("name", LISTS)
def test_lists_that_cannot_be_used_leave_it_open(name: str) -> None:
    listed = status_list(KEY, [0] * 16, **LISTS[name])
    assert look(with_status(0), lists=[listed])[0] == (Indication.INDETERMINATE, Sub.TRY_LATER)


def test_lists_by_their_signature_type_and_age() -> None:
    unsure = (Indication.INDETERMINATE, Sub.TRY_LATER)
    assert look(with_status(0), lists=[status_list(TokenKey(), [0] * 8)])[0] == unsure
    good = status_list(KEY, [0] * 8, ttl=60)
    assert look(with_status(0), lists=[good])[0] == PASSED
    old = type(good)(good.uri, good.token, NOW - timedelta(seconds=61))
    assert look(with_status(0), lists=[old])[0] == unsure
    typed = type(good)(LIST, KEY.token(claims()), NOW)
    assert look(with_status(0), lists=[typed])[0] == unsure
    no_json = type(good)(LIST, KEY.sign({"alg": "ES256", "typ": "statuslist+jwt"}, "[]"), NOW)
    assert look(with_status(0), lists=[no_json])[0] == unsure
