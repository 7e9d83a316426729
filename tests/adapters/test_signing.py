"""Vectors computed with sha256sum and openssl, not with our code."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.contract import AdapterContext
from adapters.operations import NationalExchangeAuth, TifAuth
from adapters.signing import national_exchange, sign, tif, verify
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


def test_a_profile_chooses_the_scheme() -> None:
    context = AdapterContext(lambda: NOW, lambda name: f"secret of {name}", lambda: "n0nce")
    for auth in (
        TifAuth(scheme="tif", paasid="p", token="a"),
        NationalExchangeAuth(scheme="national_exchange", service_id="r", sender_id="s", appsecret="b"),
    ):
        assert verify(auth, sign(auth, context), context, tolerance_s=60).nonce
        with pytest.raises(Unauthenticated):
            verify(auth, {}, context, tolerance_s=60)
