"""The endpoints of the peer protocol: one case, one number; the first receipt again; a peer sees its own cases only."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest

from gateway.clock import new_id, now
from gateway.evidence.receipts import read_receipt
from tests.journeys.peer_world import (
    A,
    B,
    case,
    step,
)
from tests.web.conftest import rows
from tests.web.peer_caller import SUBMIT, Peer, hand_in, peer_of, problem


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


async def test_a_case_has_one_number_and_its_receipt_says_so(peer: Peer) -> None:
    message, answer = await hand_in(peer)
    ref, receipt = message["application_id"], answer.body["receipt"]
    assert (answer.body["application_id"], answer.body["state"]) == (ref, "ARRIVED")
    claims = read_receipt(receipt["jws"], peer.gateway.services.ring)
    text = json.dumps(message["application"], ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    wanted = {"iss": A, "sub": ref, "body_sha256": digest, "caller": f"{B}:gateway"}
    assert wanted.items() <= claims.items()
    assert jwt.get_unverified_header(receipt["jws"])["typ"] == "tongban-receipt+jws"
    found = await case(peer.gateway, A, ref)
    assert found is not None
    assert (found["direction"], found["state"]) == ("inbound", "ARRIVED")


async def test_the_same_message_gets_the_first_receipt(either_peer: Peer) -> None:
    peer = either_peer
    message, first = await hand_in(peer)
    before = await rows(peer.gateway)
    second = await peer.call("POST", SUBMIT, message | {"item_name": "改了名称"})
    assert (second.status, second.body["receipt"]) == (202, first.body["receipt"])
    assert second.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    changing = {"nonces": 0, "outbox": 0}
    assert await rows(peer.gateway) | changing == before | changing
    shown = await peer.call("GET", f"{SUBMIT}/{message['application_id']}")
    assert (shown.status, shown.body["receipt"]) == (200, first.body["receipt"])


async def test_a_number_is_used_once(peer: Peer) -> None:
    message, _ = await hand_in(peer)
    other = peer.message()
    changed = message | {"application": other["application"], "files": []}
    problem(await peer.call("POST", SUBMIT, changed), 409, "request.idempotency_mismatch")
    another = other | {"application_id": message["application_id"]}
    problem(await peer.call("POST", SUBMIT, another), 409, "request.idempotency_mismatch")
    moved = message | {"application_id": new_id()}
    problem(await peer.call("POST", SUBMIT, moved), 409, "request.idempotency_mismatch")


async def test_two_messages_for_one_case_at_once_make_one_case(either_peer: Peer) -> None:
    peer = either_peer
    first, second = peer.message(), peer.message()
    second["application_id"] = first["application_id"]
    async with asyncio.TaskGroup() as group:
        answers = [group.create_task(peer.call("POST", SUBMIT, one)) for one in (first, second, first, second)]
    statuses = sorted(task.result().status for task in answers)
    assert statuses == [202, 202, 409, 409]


async def test_only_cases_of_its_city_for_ours(peer: Peer) -> None:
    message = peer.message()
    for name, city in (("collecting_city", "441500"), ("deciding_city", "441500")):
        wrong = message | {"application": message["application"] | {name: city}}
        problem(await peer.call("POST", SUBMIT, wrong), 403, "request.forbidden")
    assert (await rows(peer.gateway))["applications"] == 0


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"item_code": "002017900099"}, 422, "request.item_unknown"),
        ({"mode": "JOINT"}, 422, "request.mode_not_available"),
        ({"materials": []}, 422, "request.materials_incomplete"),
        ({"materials": [{"material_code": "M01", "files": [str(uuid4())]}]}, 422, None),
        ({"unknown": 1}, 422, "request.invalid"),
    ],
)
async def test_a_refused_application_stores_nothing(
    peer: Peer, change: dict[str, Any], status: int, code: str | None
) -> None:
    message = peer.message()
    answer = await peer.call("POST", SUBMIT, message | {"application": message["application"] | change})
    assert answer.status == status, answer.body
    assert answer.body["code"] == code if code else answer.body["code"].startswith("request.")
    assert answer.signed
    assert (await rows(peer.gateway))["applications"] == 0


async def test_files_under_their_own_numbers(either_peer: Peer) -> None:
    peer = either_peer
    content = bytes(range(256)) * 9000
    number, first = await peer.bring(content, "身份证 𠮷&=?.pdf")
    assert (first.status, first.body["name"]) == (201, "身份证 𠮷&=?.pdf")
    assert (first.body["file_id"], first.body["sha256"]) == (number, hashlib.sha256(content).hexdigest())
    _, again = await peer.bring(content, file_id=number)
    assert (again.status, again.body) == (200, first.body)
    _, other = await peer.bring(b"other", file_id=number)
    problem(other, 409, "request.idempotency_mismatch")
    answer = await peer.call("GET", f"/v1/peer/files/{number}")
    problem(answer, 404, "request.not_found")  # of no case yet
    message = peer.message({number: content})
    assert (await peer.call("POST", SUBMIT, message)).status == 202
    answer = await peer.call("GET", f"/v1/peer/files/{number}")
    assert (answer.status, answer.raw, answer.signed) == (200, content, True)
    wrong = peer.message({number: b"another"})
    problem(await peer.call("POST", SUBMIT, wrong), 422, "request.invalid")


@pytest.mark.parametrize("number", ["x", "..", "019a0000"])
async def test_numbers_that_are_none(peer: Peer, number: str) -> None:
    target = f"/v1/peer/files/{number}%20"
    assert (await peer.call("GET", target)).status == 404
    answer = await peer.call("POST", f"/v1/peer/messages/{number}/taken", {"state": "ARRIVED"})
    assert answer.status == 404


async def test_a_file_that_is_too_large(peer: Peer) -> None:
    limit = peer.gateway.services.settings.max_file_bytes
    _, answer = await peer.bring(bytes(limit + 1))
    problem(answer, 413, "request.too_large")
    target = f"/v1/peer/files/{uuid4()}"
    problem(await peer.call("PUT", target, b"x", media_type="application/octet-stream"), 422, "request.invalid")


async def test_thirty_megabytes_pass(peer: Peer) -> None:
    content = bytes(peer.gateway.services.settings.max_file_bytes)
    number, answer = await peer.bring(content)
    assert answer.status == 201
    assert (await peer.call("POST", SUBMIT, peer.message({number: content}))).status == 202
    assert (await peer.call("GET", f"/v1/peer/files/{number}")).raw == content


async def test_follow_ups_of_a_peer(either_peer: Peer) -> None:
    peer = either_peer
    message, _ = await hand_in(peer)
    ref = message["application_id"]
    follow_up = {
        "message_id": str(uuid4()),
        "application_id": ref,
        "kind": "SUPPLEMENT",
        "task_code": message["task_code"],
        "collecting_city": B,
        "deciding_city": A,
        "occurred_at": now().isoformat(),
        "reason": "已补齐",
    }
    target = "/v1/peer/follow-ups"
    problem(await peer.call("POST", target, follow_up), 409, "request.step_not_allowed")
    await step(peer.gateway, A, ref, {"step": "SUPPLEMENT_ASKED", "reason": "请补交"})
    first = await peer.call("POST", target, follow_up)
    assert (first.status, first.body["state"], first.signed) == (202, "ARRIVED", True)
    again = await peer.call("POST", target, follow_up | {"case_number": "now known"})
    assert (again.status, again.headers["idempotent-replayed"]) == (202, "true")
    changed = follow_up | {"reason": "另一个"}
    problem(await peer.call("POST", target, changed), 409, "request.idempotency_mismatch")
    stray = follow_up | {"application_id": new_id(), "message_id": str(uuid4())}
    problem(await peer.call("POST", target, stray), 404, "request.not_found")
    foreign = follow_up | {"collecting_city": "441500", "message_id": str(uuid4())}
    problem(await peer.call("POST", target, foreign), 403, "request.forbidden")
