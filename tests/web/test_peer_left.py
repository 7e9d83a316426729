"""What peers report and what is left for them: nothing is lost, nothing is theirs that is not; listings and items."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.peer_words import body_sha256
from gateway.clock import new_id, now
from gateway.domain.access import Role
from gateway.domain.days import beijing_day
from tests.gateways import Gateway
from tests.journeys.peer_world import (
    A,
    B,
    application_to,
    case,
    step,
)
from tests.simulators.peer_signing import Key
from tests.web.conftest import rows
from tests.web.peer_caller import SUBMIT, Peer, PeerAnswer, hand_in, peer_of, problem


@pytest.fixture
async def peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Peer]:
    """On SQLite."""
    async with peer_of(tmp_path, None, monkeypatch) as running:
        yield running


@pytest.fixture
async def either_peer(tmp_path: Path, database_url: str | None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Peer]:
    """On each database in turn."""
    async with peer_of(tmp_path, database_url, monkeypatch) as running:
        yield running


async def reports(peer: Peer, after: str = "0", limit: int = 200) -> PeerAnswer:
    answer = await peer.call("GET", f"/v1/peer/reports?after={after}&limit={limit}")
    assert answer.status == 200, answer.body
    return answer


async def until_reported(peer: Peer, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(20):
        while len(found := (await reports(peer)).body["data"]) < count:
            await asyncio.sleep(0.05)
    return list(found)


async def test_what_happens_is_left_to_be_fetched(either_peer: Peer) -> None:
    peer = either_peer
    message, _ = await hand_in(peer)
    ref = message["application_id"]
    assert [one["step"] for one in await until_reported(peer, 1)] == ["ARRIVED"]
    await step(peer.gateway, A, ref, {"step": "ACCEPTED"})
    file = (await peer.gateway.upload(b"%PDF result", role=Role.OFFICER, city=A)).body
    await step(peer.gateway, A, ref, {"step": "DECIDED", "outcome": "GRANTED", "files": [file["file_id"]]})
    found = await until_reported(peer, 3)
    assert [one["step"] for one in found] == ["ARRIVED", "ACCEPTED", "DECIDED"]
    assert {one["application_id"] for one in found} == {ref}
    (told,) = found[-1]["files"]
    assert (await peer.call("GET", f"/v1/peer/files/{told['reference']}")).raw == b"%PDF result"
    pages, after = [], "0"
    while (page := (await reports(peer, after, 1)).body)["data"]:
        pages += page["data"]
        after = page["next"]
    assert pages == found
    assert page["next"] is None


async def test_no_report_is_lost_when_many_are_written_at_once(either_peer: Peer) -> None:
    peer = either_peer
    refs = [peer.message() for _ in range(30)]
    async with asyncio.TaskGroup() as group:
        for one in refs:
            group.create_task(peer.call("POST", SUBMIT, one))
    seen: list[str] = []
    after = "0"
    async with asyncio.timeout(30):
        while len(seen) < len(refs):
            page = (await reports(peer, after, 7)).body
            seen += [one["application_id"] for one in page["data"]]
            after = page["next"] or after
            await asyncio.sleep(0.01)
    assert sorted(seen) == sorted(one["application_id"] for one in refs)
    assert (await reports(peer, after)).body == {"data": [], "next": None}


async def collected_here(gateway: Gateway) -> str:
    answer = await gateway.submit(application_to(B, A, []), city=A)
    assert answer.status == 202, answer.body
    return str(answer.body["application_id"])


def report(ref: str, kind: str = "ACCEPTED", **changes: Any) -> dict[str, Any]:
    whole = {"report_id": f"{ref}:{kind}", "application_id": ref, "deciding_city": B, "step": kind}
    return whole | {"occurred_at": now().isoformat()} | changes


async def test_a_peer_reports_on_its_own_cases_only(peer: Peer) -> None:
    ref = await collected_here(peer.gateway)
    other = await peer.gateway.submit(application_to("441500", A, []), city=A)
    before = await rows(peer.gateway)
    for wrong in (new_id(), other.body["application_id"]):
        body = {"data": [report(ref), report(wrong)]}
        problem(await peer.call("POST", "/v1/peer/reports", body), 404, "request.not_found")
    wrong_rows: list[Any] = [[], 1, [report(ref, deciding_city="441500")], [{"step": 1}]]
    for data in wrong_rows:
        body = {"data": data}
        problem(await peer.call("POST", "/v1/peer/reports", body), 422, "request.invalid")
    for raw in (b"[", b"[]", b"{}", b"null"):
        problem(await peer.call("POST", "/v1/peer/reports", raw), 400, "request.malformed")
    assert (await rows(peer.gateway))["progress"] == before["progress"]
    answer = await peer.call("POST", "/v1/peer/reports", {"data": [report(ref), report(ref, "ARCHIVED")]})
    assert (answer.status, answer.body, answer.signed) == (200, {"taken": 2}, True)
    found = await case(peer.gateway, A, ref)
    assert found is not None
    assert found["needs_review"]  # the second word is of no version we know


async def test_a_result_file_must_have_been_brought_by_the_peer_itself(peer: Peer) -> None:
    """Its digest alone would give the peer any file that is here."""
    ref = await collected_here(peer.gateway)
    secret = b"%PDF somebody else's"
    others = (await peer.gateway.upload(secret, city=A)).body
    told = {"reference": others["file_id"], "name": "x.pdf", "size_bytes": len(secret), "sha256": others["sha256"]}
    body = {"data": [report(ref), report(ref, "DECIDED", outcome="GRANTED", files=[told])]}
    problem(await peer.call("POST", "/v1/peer/reports", body), 422, "request.file_unknown")
    number, _ = await peer.bring(b"%PDF mine")
    lying = told | {"reference": number}
    body["data"][-1] = report(ref, "DECIDED", outcome="GRANTED", files=[lying])
    problem(await peer.call("POST", "/v1/peer/reports", body), 422, "request.file_unknown")
    honest = {"reference": number, "name": "x.pdf", "size_bytes": 9, "sha256": hashlib.sha256(b"%PDF mine").hexdigest()}
    body["data"][-1] = report(ref, "DECIDED", outcome="GRANTED", files=[honest])
    assert (await peer.call("POST", "/v1/peer/reports", body)).status == 200


async def waiting(peer: Peer) -> list[dict[str, Any]]:
    async with asyncio.timeout(20):
        while not (found := (await peer.call("GET", "/v1/peer/messages")).body["data"]):
            await asyncio.sleep(0.05)
    return list(found)


def receipt_for(peer: Peer, message: dict[str, Any], **changes: Any) -> dict[str, Any]:
    digest = body_sha256(json.dumps(message).encode())
    claims = {"iss": B, "sub": message["application_id"], "iat": 1, "body_sha256": digest, "caller": f"{A}:gateway"}
    jws = peer.key.jws(claims | changes, "tongban-receipt+jws")
    body = {"application_id": message["application_id"], "body_sha256": digest, "jws": jws}
    return {"receipt": body | {"accepted_at": now().isoformat()}}


async def test_a_left_message_is_answered_by_a_receipt_for_it(either_peer: Peer) -> None:
    peer = either_peer
    ref = await collected_here(peer.gateway)
    (left,) = await waiting(peer)
    assert (left["kind"], left["message"]["application_id"], left["number"]) == ("SUBMIT", ref, 1)
    target = f"/v1/peer/messages/{left['message_id']}/taken"
    message = left["message"]
    wrong = [
        {"state": "ARRIVED"},
        receipt_for(peer, message, sub=new_id()),
        receipt_for(peer, message, iss=A),
        receipt_for(peer, message, body_sha256="0" * 64),
        receipt_for(peer, message, caller="441500:gateway"),
        receipt_for(Peer(peer.gateway, Key.new()), message),
    ]
    for answer in wrong:
        assert problem(await peer.call("POST", target, answer), 422, "request.invalid")["errors"]
    assert len(await waiting(peer)) == 1
    assert (await peer.call("POST", f"/v1/peer/messages/{uuid4()}/taken", wrong[0])).status == 404
    first = await peer.call("POST", target, receipt_for(peer, message))
    assert (first.status, "idempotent-replayed" in first.headers) == (200, False)
    again = await peer.call("POST", target, receipt_for(peer, message))
    assert (again.status, again.headers["idempotent-replayed"]) == (200, "true")
    assert (await peer.call("GET", "/v1/peer/messages")).body == {"data": [], "next": None}


async def test_a_refused_message_comes_back(peer: Peer) -> None:
    ref = await collected_here(peer.gateway)
    (left,) = await waiting(peer)
    refused = {"refused": {"code": "request.item_unknown", "detail": "No such item.", "detail_zh": "没有该事项。"}}
    answer = await peer.call("POST", f"/v1/peer/messages/{left['message_id']}/taken", refused)
    assert answer.status == 200
    found = await case(peer.gateway, A, ref)
    assert found is not None
    assert found["state"] == "RETURNED"


async def test_a_peer_sees_no_case_of_others(peer: Peer) -> None:
    own = await collected_here(peer.gateway)  # B decides it, but did not hand it in
    other = (await peer.gateway.submit(application_to("441500", A, []), city=A)).body["application_id"]
    for ref in (own, other, new_id(), "x"):
        problem(await peer.call("GET", f"{SUBMIT}/{ref}"), 404, "request.not_found")


async def test_the_listing_of_a_day(either_peer: Peer) -> None:
    peer = either_peer
    messages = [peer.message() for _ in range(3)]
    for one in messages:
        assert (await peer.call("POST", SUBMIT, one)).status == 202
    await step(peer.gateway, A, messages[0]["application_id"], {"step": "SUPPLEMENT_ASKED", "reason": "请补交"})
    today, listed, after = beijing_day(now()), [], ""
    while True:
        page = (await peer.call("GET", f"/v1/peer/listings/{today}?after={after}&limit=2")).body
        listed += page["data"]
        if page["next"] is None:
            break
        after = page["next"]
    wanted = [
        {"application_id": one["application_id"], "step": "SUPPLEMENT_ASKED" if number == 0 else "ARRIVED"}
        for number, one in enumerate(messages)
    ]
    assert sorted(listed, key=lambda one: UUID(one["application_id"])) == wanted
    assert (await peer.call("GET", "/v1/peer/listings/2026-01-01")).body["data"] == []
    for day in ("yesterday", "0001-01-01", "9999-12-31"):
        for place in ("listings", "digests"):
            problem(await peer.call("GET", f"/v1/peer/{place}/{day}"), 422, "request.invalid")


async def test_the_items_of_our_own_city(peer: Peer) -> None:
    found, after = [], ""
    while True:
        page = (await peer.call("GET", f"/v1/peer/items?limit=3&after={after}")).body
        found += page["data"]
        if page["next"] is None:
            break
        after = page["next"]
    assert {item["city"] for item in found} == {A}
    assert len({item["item_code"] for item in found}) == len(found) == 8
