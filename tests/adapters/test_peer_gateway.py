"""The adapter towards a peer: it believes an answer only if the peer signed it for this call, a receipt if it fits."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from adapters.peer_words import spoken_by_both
from schemas.errors import (
    CrossCityError,
    Internal,
    PartnerAmbiguous,
    PartnerProtocol,
    PartnerRefused,
    PartnerUnavailable,
)
from schemas.message import RemoteFile
from tests.adapters.messages import message_to
from tests.adapters.scripted_peer import APPLICATIONS, CITY, FILES, REPORTS, Speaking, speaking, taking
from tests.simulators.peer_signing import Key


@pytest.fixture
async def link() -> AsyncIterator[Speaking]:
    async with speaking() as opened:
        yield opened


async def test_files_first_then_the_application_and_its_receipt(link: Speaking) -> None:
    taking(link.peer)
    message, files = message_to(CITY, {"身份证 𠮷&=?.pdf": b"hello"}, form={"n": 10**30, "empty": None})
    found = await link.adapter.deliver(message, files)
    assert (found.duplicate, found.case_number) == (False, None)
    assert found.receipt is not None
    (put, target, content), (post, path, body) = link.peer.seen
    file_id = message.files[0].file.file_id
    assert (put, content) == ("PUT", b"hello")
    assert target == f"/v1/peer/files/{file_id}?name=%E8%BA%AB%E4%BB%BD%E8%AF%81%20%F0%A0%AE%B7%26%3D%3F.pdf"
    assert (post, path) == ("POST", "/v1/peer/applications")
    said = json.loads(body)
    assert said["application"]["form"] == {"n": 10**30, "empty": None}
    assert said["message_id"] == str(message.message_id)
    link.peer.headers["idempotent-replayed"] = "true"
    assert (await link.adapter.deliver(message, files)).duplicate


@pytest.mark.parametrize("signing", [None, Key.new()])
async def test_an_answer_that_the_peer_has_not_signed_is_for_a_person(link: Speaking, signing: Key | None) -> None:
    taking(link.peer).signing = signing
    message, files = message_to(CITY)
    with pytest.raises(PartnerProtocol, match="not signed by this peer"):
        await link.adapter.deliver(message, files)
    link.peer.replies["GET", "/v1/peer/files"] = (200, b"content")
    with pytest.raises(PartnerProtocol, match="not signed by this peer"):
        _ = [chunk async for chunk in link.adapter.fetch(RemoteFile(reference=str(uuid4()), name="a.pdf"))]
    with pytest.raises(PartnerProtocol, match="not signed by this peer"):
        link.peer.replies[REPORTS] = (200, {"data": [], "next": None})
        await link.adapter.collect(None)


@pytest.mark.parametrize(
    ("status", "wanted"),
    [(502, PartnerAmbiguous), (503, PartnerUnavailable), (429, PartnerUnavailable), (401, PartnerProtocol)],
)
async def test_what_something_in_between_may_say_unsigned(
    link: Speaking, status: int, wanted: type[CrossCityError]
) -> None:
    link.peer.signing = None
    link.peer.replies[APPLICATIONS] = (status, b"<html>")
    message, files = message_to(CITY)
    with pytest.raises(wanted):
        await link.adapter.deliver(message, files)


@pytest.mark.parametrize(
    ("code", "status", "wanted"),
    [
        ("request.item_unknown", 422, PartnerRefused),
        ("request.agreement_missing", 422, PartnerRefused),
        ("request.agreement_expired", 422, PartnerRefused),
        ("request.materials_incomplete", 422, PartnerRefused),
        ("request.mode_not_available", 422, PartnerRefused),
        ("request.step_not_allowed", 409, PartnerRefused),
        ("request.file_unknown", 422, PartnerProtocol),
        ("request.idempotency_mismatch", 409, PartnerProtocol),
        ("request.invalid", 422, PartnerProtocol),
        ("never.heard_of", 418, PartnerProtocol),
        (None, 404, PartnerProtocol),
    ],
)
async def test_what_a_problem_of_the_peer_means(
    link: Speaking, code: str | None, status: int, wanted: type[CrossCityError]
) -> None:
    link.peer.replies[APPLICATIONS] = (status, {"code": code, "detail_zh": "对方的话"} if code else b"[]")
    message, files = message_to(CITY)
    with pytest.raises(wanted) as caught:
        await link.adapter.deliver(message, files)
    assert caught.value.facts.get("partner_code") == code
    assert "对方的话" not in caught.value.detail_zh


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "441300"},
        {"sub": str(uuid4())},
        {"body_sha256": "0" * 64},
        {"caller": "441300:gateway"},
        {"iat": None},
    ],
)
async def test_a_receipt_for_something_else_is_none(link: Speaking, claims: dict[str, Any]) -> None:
    link.peer.replies[APPLICATIONS] = lambda body: link.peer.submitted(body, **claims)
    message, files = message_to(CITY)
    with pytest.raises(PartnerProtocol, match="receipt"):
        await link.adapter.deliver(message, files)


async def test_a_receipt_by_another_key_or_of_another_kind_is_none(link: Speaking) -> None:
    message, files = message_to(CITY)
    right = link.peer.own
    link.peer.replies[APPLICATIONS] = link.peer.submitted
    link.peer.own = Key.new()
    with pytest.raises(PartnerProtocol, match="receipt"):
        await link.adapter.deliver(message, files)
    link.peer.own = right
    await link.adapter.deliver(message, files)
    for spoil in (lambda jws: jws[:-4] + "AAAA", lambda jws: "x", lambda jws: jws.rpartition(".")[0] + "."):

        def spoilt(body: bytes, spoil: Any = spoil) -> tuple[int, Any]:
            status, answer = link.peer.submitted(body)
            answer["receipt"]["jws"] = spoil(answer["receipt"]["jws"])
            return status, answer

        link.peer.replies[APPLICATIONS] = spoilt
        with pytest.raises(PartnerProtocol, match="receipt"):
            await link.adapter.deliver(message, files)
    link.peer.replies[APPLICATIONS] = (202, {"state": "ARRIVED"})
    with pytest.raises(PartnerAmbiguous):
        await link.adapter.deliver(message, files)
    link.peer.replies[APPLICATIONS] = (202, b"{")
    with pytest.raises(PartnerAmbiguous):
        await link.adapter.deliver(message, files)


async def test_versions_without_a_common_one(link: Speaking) -> None:
    message, files = message_to(CITY)
    link.peer.description["versions"] = ["2", "3"]
    with pytest.raises(PartnerProtocol, match=r"here 1, there 2, 3\."):
        await link.adapter.deliver(message, files)
    with pytest.raises(PartnerProtocol, match="there 2, 3"):
        await link.adapter.probe()
    assert link.peer.seen == []
    link.peer.description["versions"] = ["1", "2"]
    link.peer.replies[APPLICATIONS] = (406, {"code": "request.version_not_spoken", "versions": ["7"]})
    with pytest.raises(PartnerProtocol, match=r"here 1, there 7\.") as caught:
        await link.adapter.deliver(message, files)
    assert caught.value.facts == {"versions": ["1"], "partner_versions": ["7"]}
    assert spoken_by_both(["0", "1", "2"]) == "1"
    assert spoken_by_both({"1": 1}) is None


@pytest.mark.parametrize("description", [{"city": "441300", "versions": ["1"]}, {}, []])
async def test_a_gateway_of_another_city(link: Speaking, description: Any) -> None:
    link.peer.description = description
    message, files = message_to(CITY)
    with pytest.raises(PartnerProtocol, match="not this city's"):
        await link.adapter.deliver(message, files)


async def test_without_the_peers_keys_nothing_is_sent(link: Speaking) -> None:
    taking(link.peer)
    message, files = message_to(CITY)
    text = link.secrets.pop(f"{CITY}.peer_keys")
    with pytest.raises(PartnerUnavailable, match="peer_keys"):
        await link.adapter.deliver(message, files)
    link.secrets[f"{CITY}.peer_keys"] = "{}"
    with pytest.raises(PartnerProtocol, match="peer_keys"):
        await link.adapter.deliver(message, files)
    assert link.peer.seen == []
    link.secrets[f"{CITY}.peer_keys"] = text
    assert (await link.adapter.deliver(message, files)).receipt


async def test_an_upload_that_arrives_spoilt_is_sent_again_later(link: Speaking) -> None:
    taking(link.peer).replies[FILES] = (201, {"sha256": "0" * 64})
    message, files = message_to(CITY, {"a.pdf": b"hello"})
    with pytest.raises(PartnerUnavailable):
        await link.adapter.deliver(message, files)
    link.peer.replies[FILES] = (200, [])
    with pytest.raises(PartnerUnavailable):
        await link.adapter.deliver(message, files)
    files.contents = dict.fromkeys(files.contents, b"hell")
    with pytest.raises(Internal):
        await link.adapter.deliver(message, files)
