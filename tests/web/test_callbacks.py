"""Callbacks: authenticated, never twice, only on the city's own cases; a refused one stores nothing."""

import hashlib
import json
from typing import Any

import pytest

from gateway.clock import new_id, now
from tests.gateways import Answer, Gateway
from tests.web.conftest import body, rows
from tests.web.test_applications import problem

TOKEN = "inbound-token"
CITY = "441300"


def tif(
    *, nonce: str | None = None, token: str = TOKEN, at: int | None = None, paasid: str = "huizhou-kctb"
) -> dict[str, str]:
    """TIF headers as 惠州 makes them, from the published formula."""
    stamp = str(int(now().timestamp()) if at is None else at)
    once = nonce or new_id()
    digest = hashlib.sha256(f"{stamp}{token}{once}{stamp}".encode()).hexdigest().upper()
    return {
        "Content-Type": "application/json",
        "x-tif-paasid": paasid,
        "x-tif-timestamp": stamp,
        "x-tif-nonce": once,
        "x-tif-signature": digest,
    }


def message(application_id: str, kind: str = "1", number: int = 1, **changes: Any) -> dict[str, Any]:
    whole = {
        "BWLX": kind,
        "YSBLSH": application_id,
        "SBLSH": "12441300DEMY00023B3002017900002202611240001",
        "XH": number,
        "SJ": int(now().timestamp() * 1000),
        "BSLYY": None,
    }
    extra: dict[str, dict[str, Any]] = {
        "1": {"YSLZTDM": "1"},
        "2": {"SLZTDM": "1"},
        "4": {"BJJGDM": "6", "BJJGMS": "办结", "BJJGFJ": []},
    }
    return whole | extra.get(kind, {}) | changes


async def call(gateway: Gateway, content: object, headers: dict[str, str] | None = None, city: str = CITY) -> Answer:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return await gateway.call("POST", f"/v1/callbacks/{city}", data=raw, headers=headers or tif(), token="")


@pytest.fixture
async def case(gateway: Gateway) -> str:
    return str((await gateway.submit(body(gateway))).body["application_id"])


async def state(gateway: Gateway, application_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await gateway.call("GET", f"/v1/applications/{application_id}")).body
    return found


async def test_progress_in_any_order_repeated_or_late(gateway: Gateway, case: str) -> None:
    arrived, accepted, decided = (message(case, kind, n) for n, kind in enumerate(("1", "2", "4"), 1))
    answer = await call(gateway, decided)
    assert (answer.status, answer.body["code"]) == (200, "00")
    assert (await state(gateway, case))["needs_review"]
    for content in (arrived, arrived, accepted, decided, accepted):
        assert (await call(gateway, content)).status == 200
    found = await state(gateway, case)
    assert (found["state"], found["needs_review"], found["outcome"]) == ("DECIDED", False, "COMPLETED")
    events = (await gateway.call("GET", f"/v1/applications/{case}/events")).body
    assert [e["type"] for e in events["data"]] == ["SUBMITTED", "RECEIVED", "DECIDED", "ARRIVED", "ACCEPTED"]
    assert events["chain"]["broken_at"] is None


async def test_wrong_signature_stale_time_and_replay_are_401_and_store_nothing(gateway: Gateway, case: str) -> None:
    before = await rows(gateway)
    seconds = int(now().timestamp())
    replayed = tif()
    bad = [
        tif(token="wrong"),
        tif(at=seconds - 600),
        tif(at=seconds + 600),
        tif(paasid="stranger"),
        {k: v for k, v in tif().items() if k != "x-tif-nonce"},
        tif() | {"x-tif-signature": ""},
        tif() | {"x-tif-timestamp": "soon"},
    ]
    for headers in bad:
        problem(await call(gateway, message(case), headers), 401, "request.unauthenticated")
    assert await rows(gateway) == before
    assert (await call(gateway, message(case), replayed)).status == 200
    after = await rows(gateway)
    problem(await call(gateway, message(case, "2", 2), replayed), 401, "request.unauthenticated")
    assert await rows(gateway) == after


async def test_a_city_reports_only_on_its_own_cases(gateway: Gateway) -> None:
    other = await gateway.submit(body(gateway, city="441500"))
    before = await rows(gateway)
    for application_id in (other.body["application_id"], new_id()):
        problem(await call(gateway, message(application_id)), 404, "request.not_found")
    assert await rows(gateway) == before
    for city in ("441500", "445200", "000001"):
        problem(await call(gateway, message(new_id()), city=city), 404, "request.not_found")


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", "{'陈'}".encode("gb18030"), b'{"BWLX": "1"}', b"[" * 10000])
async def test_unreadable_callbacks_are_4xx(gateway: Gateway, raw: bytes) -> None:
    before = await rows(gateway)
    answer = await call(gateway, raw)
    assert answer.status in {400, 422}, answer.body
    assert await rows(gateway) == before


async def test_an_unknown_code_is_kept_for_a_person(gateway: Gateway, case: str) -> None:
    assert (await call(gateway, message(case, "1", 1))).status == 200
    assert (await call(gateway, message(case, "77", 2))).status == 200
    found = await state(gateway, case)
    assert (found["state"], found["needs_review"]) == ("ARRIVED", True)
    progress = (await gateway.call("GET", f"/v1/applications/{case}/progress")).body["data"]
    assert [(p["step"], p["partner_code"], p["set_aside"]) for p in progress][-1] == ("UNKNOWN", "77", True)
