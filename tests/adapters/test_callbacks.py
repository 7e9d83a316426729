"""Callbacks that were not sent by the city's simulator but made by hand, to be wrong in one way each."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from adapters.contract import AdapterContext, CallbackRequest
from adapters.profile import load_profile
from adapters.registry import build_adapter
from adapters.rest import RestAdapter
from adapters.signing import tif
from schemas.errors import Internal, Invalid, Malformed, NotFound, Unauthenticated
from schemas.message import Step
from tests.adapters.cities import profile_path

NOW = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
BODY = {
    "BWLX": "2",
    "YSBLSH": "019a0000-0000-7000-8000-0000000000a1",
    "SBLSH": "N1",
    "XH": 2,
    "SJ": 1795395723456,
    "SLZTDM": "1",
    "BSLYY": None,
}
SECRETS = {"441300.tif_inbound_token": "inbound", "441300.tif_token": "outbound"}


def adapter(code: str = "441300", **secrets: str) -> RestAdapter:
    known = secrets or SECRETS
    context = AdapterContext(lambda: NOW, lambda name: known[name], lambda: "nonce")
    built = build_adapter(load_profile(profile_path(code)), context)
    assert isinstance(built, RestAdapter)
    return built


def call(
    body: Any = BODY, *, token: str = "inbound", at: datetime = NOW, paasid: str = "huizhou-kctb"
) -> CallbackRequest:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    headers = {"content-type": "application/json", **tif.headers(paasid, token, "n1", now=at)}
    return CallbackRequest("POST", "/v1/callbacks/441300", headers, raw)


def test_a_callback_is_read() -> None:
    callback = adapter().read_callback(call())
    assert callback.nonce == "n1"
    assert callback.expires_at > NOW + timedelta(seconds=180)
    (report,) = callback.reports
    assert (report.step, report.partner_sequence, report.case_number) == (Step.ACCEPTED, 2, "N1")
    assert adapter().callback_reply() == {"code": "00", "message": "成功"}


def test_a_noted_callback_has_no_reports_and_is_answered() -> None:
    assert adapter().read_callback(call({**BODY, "BWLX": "3"})).reports == ()


@pytest.mark.parametrize("skew_s", [-179, 179])
def test_clocks_may_differ_within_tolerance(skew_s: int) -> None:
    assert adapter().read_callback(call(at=NOW + timedelta(seconds=skew_s))).reports


@pytest.mark.parametrize("skew_s", [-181, 181])
def test_a_stale_callback(skew_s: int) -> None:
    with pytest.raises(Unauthenticated):
        adapter().read_callback(call(at=NOW + timedelta(seconds=skew_s)))


@pytest.mark.parametrize("wrong", [{"token": "outbound"}, {"token": ""}, {"paasid": "tongban-445200"}])
def test_a_wrong_signature(wrong: dict[str, str]) -> None:
    with pytest.raises(Unauthenticated):
        adapter().read_callback(call(**wrong))  # type: ignore[arg-type]


def test_a_body_is_not_looked_at_before_the_signature() -> None:
    with pytest.raises(Unauthenticated):
        adapter().read_callback(call(b"not json", token="wrong"))


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'"x"', b"\xff", b"1"])
def test_a_body_that_is_no_object(body: bytes) -> None:
    with pytest.raises(Malformed):
        adapter().read_callback(call(body))


@pytest.mark.parametrize("change", [{"YSBLSH": "x"}, {"SJ": None}, {"SJ": "x"}, {"YSBLSH": None}])
def test_a_body_without_case_or_time(change: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        adapter().read_callback(call({**BODY, **change}))
    assert "cannot be" in caught.value.detail or "not" in caught.value.detail


def test_a_city_that_does_not_call() -> None:
    with pytest.raises(NotFound):
        adapter("441500").read_callback(call())


def test_a_secret_that_is_not_configured_is_our_fault() -> None:
    with pytest.raises(Internal, match=r"441300\.tif_inbound_token"):
        adapter(other="x").read_callback(call())
