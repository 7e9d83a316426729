"""What lets a peer in: its signature over this very request, meant for us, new, whole. Nothing else does."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.peer_world import A, make_sides, peer_secrets, started, write_profiles
from tests.simulators.peer_signing import Key, digest_field
from tests.web.conftest import rows
from tests.web.peer_caller import Peer, PeerAnswer

SUBMIT = "/v1/peer/applications"


@pytest.fixture
async def peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Peer]:
    ours, theirs = make_sides(tmp_path)
    key = Key(theirs.ring.private_key)
    for name, value in peer_secrets(theirs).items():
        monkeypatch.setenv(name, value)
    write_profiles(ours, theirs, called=True)
    async with started(ours, None, lanes=False) as gateway:
        yield Peer(gateway, key)


def problem(answer: PeerAnswer, status: int, code: str, *, signed: bool) -> dict[str, Any]:
    assert (answer.status, answer.body["code"]) == (status, code), answer.body
    assert answer.signed is signed
    return dict(answer.body)


async def test_a_signed_call_gets_a_signed_answer(peer: Peer) -> None:
    answer = await peer.call("GET", "/v1/peer/probe")
    assert (answer.status, answer.body, answer.signed) == (200, {"city": "441300", "version": "1"}, True)


async def test_a_bearer_token_opens_nothing_here(peer: Peer) -> None:
    token = peer.gateway.token(city="441300")
    answer = await peer.gateway.call("GET", "/v1/peer/probe", token=token, headers={"Tongban-Version": "1"})
    assert (answer.status, answer.body["code"]) == (401, "request.unauthenticated")


async def test_a_replayed_request_is_refused(peer: Peer) -> None:
    raw = json.dumps(peer.message()).encode()
    headers = peer.signed("POST", SUBMIT, raw)
    assert (await peer.send("POST", SUBMIT, raw, headers)).status == 202
    before = await rows(peer.gateway)
    again = await peer.send("POST", SUBMIT, raw, headers)
    problem(again, 401, "request.unauthenticated", signed=False)
    assert "nonce" in again.body["detail"]
    assert await rows(peer.gateway) == before
    # a nonce is used up by a request that failed for another reason, too
    headers = peer.signed("POST", SUBMIT, b"{}")
    assert (await peer.send("POST", SUBMIT, b"{}", headers)).status == 422
    problem(await peer.send("POST", SUBMIT, b"{}", headers), 401, "request.unauthenticated", signed=False)


@pytest.mark.parametrize("ahead_s", [-301, 301, 3600])
async def test_a_stale_time_is_refused(peer: Peer, ahead_s: int) -> None:
    answer = await peer.call("GET", "/v1/peer/probe", ahead_s=ahead_s)
    assert problem(answer, 401, "request.unauthenticated", signed=False)["tolerance_s"] == 300
    assert (await peer.call("GET", "/v1/peer/probe", ahead_s=ahead_s / abs(ahead_s) * 200)).status == 200


async def test_a_changed_body_stores_nothing(peer: Peer) -> None:
    before = await rows(peer.gateway)
    raw = json.dumps(peer.message()).encode()
    headers = peer.signed("POST", SUBMIT, raw)
    answer = await peer.send("POST", SUBMIT, raw.replace(b"COLLECT", b"ONLINE "), headers)
    problem(answer, 401, "request.unauthenticated", signed=True)
    digest = digest_field(hashlib.sha256(b"{}").digest())
    answer = await peer.send("POST", SUBMIT, b"{}", peer.signed("POST", SUBMIT, raw) | {"content-digest": digest})
    problem(answer, 401, "request.unauthenticated", signed=False)
    after = await rows(peer.gateway)
    assert after | {"nonces": 0} == before | {"nonces": 0}


async def test_a_changed_file_stores_nothing(peer: Peer) -> None:
    target = "/v1/peer/files/019a0000-0000-7000-8000-00000000f001?name=a.pdf"
    headers = peer.signed("PUT", target, b"hello", media_type="application/octet-stream")
    answer = await peer.send("PUT", target, b"jello", headers)
    problem(answer, 401, "request.unauthenticated", signed=True)
    assert (await rows(peer.gateway))["files"] == 0
    kept = [path for path in (peer.gateway.services.settings.data_dir / "files").rglob("*") if path.is_file()]
    assert kept == []


async def test_other_keys_other_cities_other_addresses(peer: Peer) -> None:
    stranger = Peer(peer.gateway, Key.new())
    problem(await stranger.call("GET", "/v1/peer/probe"), 401, "request.unauthenticated", signed=False)
    problem(await peer.call("GET", "/v1/peer/probe", to="350600"), 401, "request.unauthenticated", signed=False)
    headers = peer.signed("GET", "/v1/peer/reports?after=0&limit=5")
    answer = await peer.send("GET", "/v1/peer/reports?after=1&limit=5", b"", headers)
    problem(answer, 401, "request.unauthenticated", signed=False)
    problem(await peer.send("GET", "/v1/peer/messages", b"", headers), 401, "request.unauthenticated", signed=False)
    problem(
        await peer.send("GET", "/v1/peer/probe", b"", {"tongban-version": "1"}),
        401,
        "request.unauthenticated",
        signed=False,
    )


async def test_a_version_that_is_not_spoken(peer: Peer) -> None:
    for version in ("2", "", "1.0"):
        answer = await peer.call("GET", "/v1/peer/probe", version=version)
        assert problem(answer, 406, "request.version_not_spoken", signed=False)["versions"] == ["1"]


async def test_keys_rotate_and_break(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    new, name = Key.new(), "TONGBAN_SECRET_441300_PEER_KEYS"
    rotated = Peer(peer.gateway, new)
    assert (await rotated.call("GET", "/v1/peer/probe")).status == 401
    monkeypatch.setenv(name, json.dumps({"keys": [peer.key.jwk, new.jwk, {"kty": "RSA", "kid": "x", "n": "AQ"}]}))
    for one in (peer, rotated):
        assert (await one.call("GET", "/v1/peer/probe")).signed
    monkeypatch.setenv(name, json.dumps({"keys": [new.jwk]}))
    assert (await peer.call("GET", "/v1/peer/probe")).status == 401
    assert (await rotated.call("GET", "/v1/peer/probe")).status == 200
    private = base64.urlsafe_b64encode(new.private.private_numbers().private_value.to_bytes(32, "big")).decode()
    for text in ("", "[]", '{"keys": []}', '{"keys": [1]}', json.dumps({"keys": [new.jwk | {"d": private}]})):
        monkeypatch.setenv(name, text)
        assert (await rotated.call("GET", "/v1/peer/probe")).status == 401
    monkeypatch.delenv(name)
    assert (await rotated.call("GET", "/v1/peer/probe")).status == 401


async def test_what_is_open_and_what_is_published(peer: Peer) -> None:
    found = (await peer.gateway.call("GET", "/.well-known/tongban", token="")).body
    assert (found["city"], found["versions"], found["software"]) == (A, ["1"], "tongban")
    assert found["catalogue_generation"] == peer.gateway.services.catalogue.generation
    jwks = (await peer.gateway.call("GET", found["jwks"], token="")).body
    assert [key["kid"] for key in jwks["keys"]] == [peer.gateway.services.ring.kid]
    document = (await peer.gateway.call("GET", found["endpoints"]["peer_openapi"], token="")).body
    assert document["paths"][SUBMIT]["post"]["security"] == [{"signature": []}]
    main = (await peer.gateway.call("GET", "/openapi.json", token="")).body
    assert not any(path.startswith("/v1/peer") for path in main["paths"])
    answer = await peer.gateway.call("DELETE", "/v1/peer/reports", token="")
    assert (answer.status, answer.body["code"]) == (405, "request.method_not_allowed")
