"""POST /v1/applications: idempotent, signed, and clear about every fault; a refusal stores nothing."""

import asyncio
import hashlib
import json
from datetime import date
from typing import Any

import pytest

from gateway.clock import new_id
from gateway.domain.access import Role
from gateway.evidence.keys import create_key
from gateway.evidence.receipts import read_receipt
from schemas.agreement import Mode
from tests.gateways import Answer, Gateway
from tests.web.conftest import body, rows, seeded


def problem(answer: Answer, status: int, code: str) -> dict[str, Any]:
    """The problem document, checked for what every one has."""
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    document: dict[str, Any] = answer.body
    assert document["code"] == code
    assert document["status"] == status
    assert document["instance"] == f"urn:request:{answer.headers['X-Request-ID']}"
    for member in ("type", "title", "title_zh", "detail", "detail_zh"):
        assert document[member]
    assert any("\u4e00" <= char <= "\u9fff" for char in document["detail_zh"])
    return document


async def test_taken_with_a_receipt_that_verifies(either_gateway: Gateway) -> None:
    raw = json.dumps(body(either_gateway)).encode()
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    answer = await either_gateway.call("POST", "/v1/applications", data=raw, headers=headers)
    assert answer.status == 202
    claims = read_receipt(answer.body["receipt"]["jws"], either_gateway.services.ring)
    assert claims["sub"] == answer.body["application_id"]
    assert claims["body_sha256"] == hashlib.sha256(raw).hexdigest() == answer.body["receipt"]["body_sha256"]
    assert claims["caller"] == "clerk-445200"
    shown = await either_gateway.call("GET", answer.headers["Location"])
    assert shown.body["state"] == "RECEIVED"
    assert shown.body["case_number"] is None
    assert shown.body["next_steps"] == ["PUSHED", "ARRIVED", "WITHDRAWN"]
    events = await either_gateway.call("GET", answer.headers["Location"] + "/events")
    assert [event["type"] for event in events.body["data"]] == ["SUBMITTED", "RECEIVED"]
    assert events.body["chain"]["broken_at"] is None


async def test_same_key_same_body_same_receipt_other_body_409(either_gateway: Gateway) -> None:
    whole = body(either_gateway)
    first = await either_gateway.submit(whole, key="k")
    again = await either_gateway.submit(whole, key="k")
    assert again.status == 202
    assert again.body["receipt"] == first.body["receipt"]
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await either_gateway.submit(whole | {"caller_reference": "x"}, key="k")
    document = problem(other, 409, "request.idempotency_mismatch")
    assert document["application_id"] == first.body["application_id"]
    counted = await rows(either_gateway)
    assert (counted["applications"], counted["receipts"], counted["idempotency"]) == (1, 1, 1)


async def test_many_at_once_with_one_key_are_one_case(either_gateway: Gateway) -> None:
    whole = body(either_gateway)
    answers = await asyncio.gather(*(either_gateway.submit(whole, key="k") for _ in range(20)))
    assert {answer.status for answer in answers} == {202}
    assert len({answer.body["receipt"]["jws"] for answer in answers}) == 1
    assert (await rows(either_gateway))["applications"] == 1


async def test_the_key_belongs_to_its_caller(gateway: Gateway) -> None:
    whole = body(gateway)
    one = await gateway.submit(whole, key="k", token=gateway.token(caller="window-1"))
    two = await gateway.submit(whole, key="k", token=gateway.token(caller="window-2"))
    assert one.body["application_id"] != two.body["application_id"]


async def test_a_bad_application_spoils_no_neighbour(either_gateway: Gateway) -> None:
    good, bad = body(either_gateway), body(either_gateway, deciding_city="999999")
    answers = await asyncio.gather(*(either_gateway.submit(bad if n % 3 == 0 else good) for n in range(30)))
    assert [answer.status for answer in answers] == [422 if n % 3 == 0 else 202 for n in range(30)]
    assert (await rows(either_gateway))["applications"] == 20


async def test_what_was_taken_stays_taken_when_the_agreement_ends(gateway: Gateway) -> None:
    whole = body(gateway)
    first = await gateway.submit(whole, key="k")
    catalogue = gateway.services.catalogue
    ended = {
        pair: tuple(a.model_copy(update={"valid_until": date(2026, 1, 2)}) for a in agreements)
        for pair, agreements in catalogue.by_pair.items()
    }
    from dataclasses import replace

    gateway.services.catalogue = replace(catalogue, by_pair=ended)
    problem(await gateway.submit(whole, key="new"), 422, "request.agreement_expired")
    assert (await gateway.submit(whole, key="k")).body["receipt"] == first.body["receipt"]


REFUSALS: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("unknown item", {"item_code": "999999999999"}, 422, "request.item_unknown", "/item_code"),
    (
        "no agreement this way",
        {"collecting_city": "445200", "deciding_city": "445200"},
        422,
        "request.agreement_missing",
        "",
    ),
    ("joint mode", {"mode": "JOINT"}, 422, "request.mode_not_available", "/mode"),
    ("delegated mode", {"mode": "DELEGATED"}, 422, "request.mode_not_available", "/mode"),
    ("no materials", {"materials": []}, 422, "request.materials_incomplete", "/materials"),
    ("no identity check", {"identity_check": None}, 422, "request.materials_incomplete", "/identity_check"),
    ("bad division", {"deciding_city": "44130"}, 422, "request.invalid", "/deciding_city"),
    ("zero division", {"applicant_division": "000000"}, 422, "request.invalid", "/applicant_division"),
    ("unknown field", {"colour": "red"}, 422, "request.invalid", "/colour"),
    ("unknown mode", {"mode": "MAGIC"}, 422, "request.invalid", "/mode"),
    ("fraction in the form", {"form": {"amount": 1.5}}, 422, "request.invalid", "/form/amount"),
    (
        "naive time",
        {"consent": {"at": "2026-03-02T09:00:00", "text_version": "v"}},
        422,
        "request.invalid",
        "/consent/at",
    ),
    (
        "bad check digit",
        {"applicant": {"kind": "person", "name": "陈", "document_number": "445202189901010015"}},
        422,
        "request.invalid",
        "/applicant",
    ),
    ("unknown file", {"materials": [{"material_code": "M01", "files": [new_id()]}]}, 422, "", ""),
]


@pytest.mark.parametrize(("what", "changes", "status", "code", "pointer"), REFUSALS, ids=[r[0] for r in REFUSALS])
async def test_refusals_name_the_field_and_store_nothing(
    gateway: Gateway, what: str, changes: dict[str, Any], status: int, code: str, pointer: str
) -> None:
    before = await rows(gateway)
    answer = await gateway.submit(body(gateway, **changes))
    assert answer.status == status, (what, answer.body)
    if code:
        document = problem(answer, status, code)
        if pointer:
            pointers = [error["pointer"] for error in document["errors"]]
            assert any(found.startswith(pointer) for found in pointers), pointers
            assert all(error["message"] and error["message_zh"] for error in document["errors"])
    assert "陈" not in json.dumps(answer.body, ensure_ascii=False)
    assert await rows(gateway) == before


RAW: list[tuple[str, bytes, dict[str, str], int, str]] = [
    ("not json", b"{", {}, 400, "request.malformed"),
    ("not utf-8", '{"item_code": "陈"}'.encode("gb18030"), {}, 400, "request.malformed"),
    ("lone surrogate", b'{"item_code": "\\ud800"}', {}, 400, "request.malformed"),
    ("deep nesting", b"[" * 100_000, {}, 400, "request.malformed"),
    ("deep object", b'{"form":' * 5000 + b"1" + b"}" * 5000, {}, 400, "request.malformed"),
    ("an array", b"[]", {}, 422, "request.invalid"),
    ("null", b"null", {}, 422, "request.invalid"),
    ("empty", b"", {}, 400, "request.malformed"),
    ("too large", b'{"x": "' + b"a" * 300_000 + b'"}', {}, 413, "request.too_large"),
    ("xml", b"<a/>", {"Content-Type": "application/xml"}, 415, "request.unsupported_media"),
    ("gbk", b"{}", {"Content-Type": "application/json; charset=gbk"}, 415, "request.unsupported_media"),
    ("no key", b"{}", {"Idempotency-Key": ""}, 400, "request.idempotency_key_missing"),
    ("long key", b"{}", {"Idempotency-Key": "k" * 201}, 400, "request.idempotency_key_missing"),
]


@pytest.mark.parametrize(("what", "raw", "headers", "status", "code"), RAW, ids=[r[0] for r in RAW])
async def test_raw_bodies_are_4xx_and_store_nothing(
    gateway: Gateway, what: str, raw: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    before = await rows(gateway)
    sent = {"Content-Type": "application/json", "Idempotency-Key": "k"} | headers
    problem(await gateway.call("POST", "/v1/applications", data=raw, headers=sent), status, code)
    assert await rows(gateway) == before


async def test_only_the_collecting_city_submits_and_only_the_two_cities_see(gateway: Gateway) -> None:
    whole = body(gateway)
    for role, city in ((Role.PARTNER, "441300"), (Role.ADMIN, "445200"), (Role.AUDITOR, "445200")):
        problem(await gateway.submit(whole, role=role, city=city), 403, "request.forbidden")
    taken = await gateway.submit(whole)
    path = f"/v1/applications/{taken.body['application_id']}"
    for tail in ("", "/events", "/files", "/progress", "/attempts"):
        assert (await gateway.call("GET", path + tail, role=Role.PARTNER, city="441300")).status == 200
        assert (await gateway.call("GET", path + tail, role=Role.AUDITOR)).status == 200
        problem(await gateway.call("GET", path + tail, role=Role.PARTNER, city="441400"), 404, "request.not_found")
    problem(await gateway.call("GET", "/v1/applications/nonsense"), 404, "request.not_found")


async def test_a_licence_may_stand_in_and_online_needs_no_identity_check(gateway: Gateway) -> None:
    whole = body(gateway, code="002017900001", as_mode=Mode.ONLINE)
    licence = "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.U"
    whole["materials"][0] = {"material_code": "M01", "source": "licence", "licence_identifier": licence}
    answer = await gateway.submit(whole)
    assert answer.status == 202, answer.body
    assert answer.body["state"] == "SUBMITTED"


async def test_old_receipts_verify_after_rotation(gateway: Gateway) -> None:
    first = await gateway.submit(body(gateway))
    old_token = gateway.token()
    create_key(gateway.services.settings.keys)
    await gateway.services.refresh()
    assert (await gateway.call("GET", "/v1/cities", token=old_token)).status == 200
    second = await gateway.submit(body(gateway))
    for answer in (first, second):
        claims = read_receipt(answer.body["receipt"]["jws"], gateway.services.ring)
        assert claims["sub"] == answer.body["application_id"]
    keys = (await gateway.call("GET", "/.well-known/jwks.json", token="")).body["keys"]
    assert len(keys) == 2


async def test_the_window_is_warned_of_what_the_other_city_asks_more(either_gateway: Gateway) -> None:
    assert seeded()["441500", "002017900007"].material("M90") is not None  # a contract that 揭阳 does not ask for
    warned = await either_gateway.submit(body(either_gateway, "441500", "002017900007"), key="more")
    assert warned.status == 202, warned.body
    (hint,) = [one for one in warned.body["warnings"] if "贷款合同复印件" in one["message_zh"]]
    assert (hint["code"], hint["pointer"]) == ("materials_differ", "/materials")
    again = await either_gateway.submit(body(either_gateway, "441500", "002017900007"), key="once-more")
    assert again.body["warnings"] == warned.body["warnings"]
    alike = await either_gateway.submit(body(either_gateway), key="alike")
    assert alike.status == 202, alike.body
    assert alike.body["warnings"] == []
