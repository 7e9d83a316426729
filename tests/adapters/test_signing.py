"""Vectors computed with sha256sum and openssl, not with our code."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import hashes, hmac
from pydantic import ValidationError

from adapters.contract import AdapterContext, CallbackRequest
from adapters.operations import NationalExchangeAuth, RecipeAuth, TifAuth, TifUser
from adapters.signing import SignedRequest, digests_of, national_exchange, recipe, sign, tif, verify
from schemas.errors import Unauthenticated

NOW = datetime(2026, 11, 23, 1, 2, 3, 456_000, UTC)
# printf '1795395723s3cretn0nce1795395723' | sha256sum
TIF_SIGNATURE = "DAF355888C7803A816D483A555D1DEF7793999C08887891F8B64DE4F2BA3A350"
# printf 'tongban-445200kctb-apply1795395723456' | openssl dgst -sha256 -hmac s3cret -binary | base64
EXCHANGE_SIGNATURE = "oDFT6isQQkRmvr8j8ctewM2vCFy2UZ0lNHjhUbzr65s="


def test_tif_headers() -> None:
    assert tif.headers("tongban-445200", "s3cret", "n0nce", now=NOW) == {
        "x-tif-paasid": "tongban-445200",
        "x-tif-timestamp": "1795395723",
        "x-tif-nonce": "n0nce",
        "x-tif-signature": TIF_SIGNATURE,
    }


def test_national_exchange_headers() -> None:
    assert national_exchange.headers("kctb-apply", "tongban-445200", "s3cret", now=NOW) == {
        "gjgxjhpt_rid": "kctb-apply",
        "gjgxjhpt_sid": "tongban-445200",
        "gjgxjhpt_rtime": "1795395723456",
        "gjgxjhpt_sign": EXCHANGE_SIGNATURE,
    }


@pytest.mark.parametrize("off_s", [-180, 0, 179])
def test_tif_is_taken_within_tolerance(off_s: int) -> None:
    given = tif.headers("p", "s3cret", "n", now=NOW)
    signed = tif.verify(
        given, "p", "s3cret", now=NOW.replace(microsecond=0) + timedelta(seconds=off_s), tolerance_s=180
    )
    assert signed.nonce == "n"
    # kept for as long as the time in it would still pass
    assert signed.expires_at >= NOW.replace(microsecond=0) + timedelta(seconds=180)


@pytest.mark.parametrize("off_s", [-181, 182, 100_000])
def test_tif_out_of_tolerance(off_s: int) -> None:
    given = tif.headers("p", "s3cret", "n", now=NOW)
    with pytest.raises(Unauthenticated):
        tif.verify(given, "p", "s3cret", now=NOW + timedelta(seconds=off_s), tolerance_s=180)


@pytest.mark.parametrize(
    "change",
    [
        {"x-tif-signature": "0" * 64},
        {"x-tif-signature": TIF_SIGNATURE.lower()},
        {"x-tif-signature": "签名"},
        {"x-tif-paasid": "other"},
        {"x-tif-nonce": "other"},
        {"x-tif-nonce": ""},
        {"x-tif-timestamp": "1795395724"},
        {"x-tif-timestamp": "１７９５３９５７２３"},
        {"x-tif-timestamp": "9" * 400},
        {"x-tif-timestamp": ""},
    ],
)
def test_tif_changed_headers(change: dict[str, str]) -> None:
    given = tif.headers("p", "s3cret", "n0nce", now=NOW) | change
    with pytest.raises(Unauthenticated):
        tif.verify(given, "p", "s3cret", now=NOW, tolerance_s=180)


def test_tif_without_headers_or_with_unreadable_signed_time() -> None:
    with pytest.raises(Unauthenticated):
        tif.verify({}, "p", "s3cret", now=NOW, tolerance_s=180)
    given = {
        "x-tif-paasid": "p",
        "x-tif-timestamp": "soon",
        "x-tif-nonce": "n",
        "x-tif-signature": tif.signature("soon", "s3cret", "n"),
    }
    with pytest.raises(Unauthenticated):
        tif.verify(given, "p", "s3cret", now=NOW, tolerance_s=180)


def test_national_exchange_verified() -> None:
    given = national_exchange.headers("r", "s", "s3cret", now=NOW)
    signed = national_exchange.verify(given, "r", "s", "s3cret", now=NOW + timedelta(seconds=299), tolerance_s=300)
    assert signed.nonce == given["gjgxjhpt_sign"]
    assert signed.expires_at > NOW + timedelta(seconds=300)


@pytest.mark.parametrize(
    "change", [{"gjgxjhpt_sign": "AAAA"}, {"gjgxjhpt_rid": "x"}, {"gjgxjhpt_sid": "x"}, {"gjgxjhpt_rtime": "1"}]
)
def test_national_exchange_changed_headers(change: dict[str, str]) -> None:
    given = national_exchange.headers("r", "s", "s3cret", now=NOW) | change
    with pytest.raises(Unauthenticated):
        national_exchange.verify(given, "r", "s", "s3cret", now=NOW, tolerance_s=300)


def test_national_exchange_stale() -> None:
    given = national_exchange.headers("r", "s", "s3cret", now=NOW)
    with pytest.raises(Unauthenticated):
        national_exchange.verify(given, "r", "s", "s3cret", now=NOW + timedelta(seconds=301), tolerance_s=300)


def call(headers: dict[str, str], body: bytes = b"", path: str = "/kctb/apply?a=1") -> CallbackRequest:
    return CallbackRequest("POST", path, {name.lower(): value for name, value in headers.items()}, body)


BODY = '{"a":"通办"}'.encode()
CANONICAL = "{method}\n{path}\n{query}\n{timestamp}\n{nonce}\n{body_digest}"
HEADERS = {"X-App": "{app}", "X-Time": "{timestamp}", "X-Nonce": "{nonce}", "Authorization": "SIG v1:{signature}"}
# printf '%s' 'POST\n/kctb/apply\na=1\n1795395723456\nn0nce\n<digest of BODY>' | openssl dgst -sm3 -hmac s3cret
# and openssl dgst -sha256 -hmac s3cret -binary | base64, with real line breaks for \n
HMAC_SM3 = "f674751fd2210cdcdf1db419a7d3de943a683bc7cebd708f3fb540c9cc1b203c"
HMAC_SHA256 = "uhrNllSb9vWmpuqywnHtQ0TB0Ar+3Y5AoXynQRIjx6U="
# printf '20261123090203s3cret' | openssl dgst -sm3
BARE_SM3 = "058b1816a2d1457c336a42cc202577e96810797215b73175ddfc2e13c3061901"
# printf '1795395723s3cretn0nce,u1,info,ext1795395723' | sha256sum
TIF_USER_SIGNATURE = "C79DCD8281FF4F60AF717B9FCADA424EDF36B0C20B83E87873F03BF8B8A49E0B"


def recipe_auth(**changes: Any) -> RecipeAuth:
    given: dict[str, Any] = {
        "scheme": "recipe",
        "secret": "c",
        "mac": "hmac_sm3",
        "canonical": CANONICAL,
        "body_digest": "sm3",
        "headers": HEADERS,
        "values": {"app": "tongban"},
    }
    return RecipeAuth.model_validate(given | changes)


def recipe_headers(auth: RecipeAuth) -> dict[str, str]:
    request = SignedRequest("POST", "/kctb/apply", "a=1", digests_of(BODY))
    return recipe.headers(auth, "s3cret", request, nonce="n0nce", now=NOW)


def test_recipes_against_openssl() -> None:
    assert recipe_headers(recipe_auth()) == {
        "X-App": "tongban",
        "X-Time": "1795395723456",
        "X-Nonce": "n0nce",
        "Authorization": f"SIG v1:{HMAC_SM3}",
    }
    other = recipe_auth(mac="hmac_sha256", body_digest="sha256", encoding="base64")
    assert recipe_headers(other)["Authorization"] == f"SIG v1:{HMAC_SHA256}"
    bare = recipe_auth(
        mac="sm3",
        canonical="{timestamp}{secret}",
        timestamp="compact",
        encoding="hex_upper",
        headers={"T": "{timestamp}", "S": "{signature}"},
        values={},
    )
    assert recipe_headers(bare) == {"T": "20261123090203", "S": BARE_SM3.upper()}


@pytest.mark.parametrize("timestamp", ["s", "ms", "compact"])
def test_a_recipe_reads_what_it_writes(timestamp: str) -> None:
    auth = recipe_auth(timestamp=timestamp)
    context = AdapterContext(lambda: NOW, lambda _name: "s3cret", lambda: "n0nce")
    signed = verify(auth, call(recipe_headers(auth), BODY), context, tolerance_s=60)
    assert signed.nonce == "n0nce"
    assert signed.expires_at >= NOW.replace(microsecond=0) + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("changed", "body", "path"),
    [
        ({}, BODY + b" ", "/kctb/apply?a=1"),
        ({}, BODY, "/kctb/apply?a=2"),
        ({}, BODY, "/kctb/other?a=1"),
        ({"X-Nonce": "n1nce"}, BODY, "/kctb/apply?a=1"),
        ({"X-App": "other"}, BODY, "/kctb/apply?a=1"),
        ({"X-Time": "1795395723457"}, BODY, "/kctb/apply?a=1"),
        ({"X-Time": "soon"}, BODY, "/kctb/apply?a=1"),
        ({"Authorization": HMAC_SM3}, BODY, "/kctb/apply?a=1"),
        ({"Authorization": "SIG v1:" + "0" * 64}, BODY, "/kctb/apply?a=1"),
        ({"Authorization": "SIG v1:" + "0" * 600}, BODY, "/kctb/apply?a=1"),
    ],
)
def test_a_recipe_notices_every_change(changed: dict[str, str], body: bytes, path: str) -> None:
    auth = recipe_auth()
    context = AdapterContext(lambda: NOW, lambda _name: "s3cret", lambda: "n0nce")
    with pytest.raises(Unauthenticated):
        verify(auth, call(recipe_headers(auth) | changed, body, path), context, tolerance_s=60)


@pytest.mark.parametrize("off_s", [-61, 61])
def test_a_stale_recipe(off_s: int) -> None:
    auth = recipe_auth()
    context = AdapterContext(lambda: NOW + timedelta(seconds=off_s), lambda _name: "s3cret", lambda: "n0nce")
    with pytest.raises(Unauthenticated):
        verify(auth, call(recipe_headers(auth), BODY), context, tolerance_s=60)


@pytest.mark.parametrize("text", ["soon", "9" * 400, "99999999999999"])
@pytest.mark.parametrize("timestamp", ["ms", "compact"])
def test_a_signed_time_that_is_none(text: str, timestamp: str) -> None:
    auth = recipe_auth(timestamp=timestamp, canonical="{timestamp}{nonce}")
    secret = hmac.HMAC(b"s3cret", hashes.SM3())
    secret.update(f"{text}n0nce".encode())
    given = {
        "X-App": "tongban",
        "X-Time": text,
        "X-Nonce": "n0nce",
        "Authorization": f"SIG v1:{secret.finalize().hex()}",
    }
    context = AdapterContext(lambda: NOW, lambda _name: "s3cret", lambda: "n0nce")
    with pytest.raises(Unauthenticated):
        verify(auth, call(given, BODY), context, tolerance_s=60)


@pytest.mark.parametrize(
    "changes",
    [
        {"canonical": "{timestamp}{nonce}{whatever}"},
        {"mac": "sm3"},
        {"canonical": "{nonce}"},
        {"headers": {"X-Time": "{timestamp}", "X-Nonce": "{nonce}"}},
        {"headers": {"X-Time": "{timestamp}", "S": "{signature}"}},
        {"headers": HEADERS | {"X": "{body_digest}"}},
        {"values": {"app": "a", "nonce": "b"}},
        {"values": {"app": "a", "method": "b"}},
    ],
)
def test_a_recipe_that_makes_no_sense(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=" / "):
        recipe_auth(**changes)


def test_tif_with_a_user_context() -> None:
    user = TifUser(uid="u1", info="info", ext="ext")
    given = tif.headers("p", "s3cret", "n0nce", now=NOW, user=user)
    assert given["x-tif-signature"] == TIF_USER_SIGNATURE
    assert tif.verify(given, "p", "s3cret", now=NOW, tolerance_s=60).nonce == "n0nce"
    for change in ({"x-tif-uid": "u2"}, {"x-tif-ext": ""}, {"x-tif-uid": "名"}):
        with pytest.raises(Unauthenticated):
            tif.verify(given | change, "p", "s3cret", now=NOW, tolerance_s=60)


def test_a_profile_chooses_the_scheme() -> None:
    context = AdapterContext(lambda: NOW, lambda name: f"secret of {name}", lambda: "n0nce")
    request = SignedRequest("POST", "/kctb/apply", "a=1", digests_of(b""))
    for auth in (
        TifAuth(scheme="tif", paasid="p", token="a"),
        TifAuth(scheme="tif", paasid="p", token="a", user=TifUser(uid="u")),
        NationalExchangeAuth(scheme="national_exchange", service_id="r", sender_id="s", appsecret="b"),
        recipe_auth(),
    ):
        assert verify(auth, call(sign(auth, context, request)), context, tolerance_s=60).nonce
        with pytest.raises(Unauthenticated):
            verify(auth, call({}), context, tolerance_s=60)


def test_the_recipe_of_the_guide_is_one() -> None:
    guide = (Path(__file__).resolve().parents[2] / "docs" / "adding-a-city" / "profile.md").read_text("utf-8")
    block = next(part for part in guide.split("```yaml\n") if "scheme: recipe" in part).split("```")[0]
    auth = RecipeAuth.model_validate(yaml.safe_load(block)["auth"])
    assert recipe_headers(auth)["Authorization"].startswith("SIG ")
