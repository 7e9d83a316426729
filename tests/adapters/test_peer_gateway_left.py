"""Towards a peer: progress, listings, what is left for it or by it; keys, profiles and the digest of an application."""

import hashlib
import json
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.contract import CallbackRequest
from adapters.normalization.dialect_file import load_dialects
from adapters.peer_keys import UnusableKeys, read_keys
from adapters.peer_words import body_sha256, canonical_application
from adapters.profile import CityProfile, load_profile
from adapters.profile_check import check_examples
from schemas.errors import (
    Internal,
    NotFound,
    PartnerProtocol,
)
from schemas.message import ProgressReport, RemoteFile, Step
from tests.adapters.cities import ROOT, profile_path
from tests.adapters.follow_ups import supplement_to, withdrawal_of
from tests.adapters.messages import MemoryFiles, message_to
from tests.adapters.scripted_peer import (
    CITY,
    REPORTS,
    ScriptedPeer,
    Speaking,
    profile_of,
    speaking,
    taking,
)
from tests.simulators.peer_signing import Key


@pytest.fixture
async def link() -> AsyncIterator[Speaking]:
    async with speaking() as opened:
        yield opened


async def test_progress_page_by_page(link: Speaking) -> None:
    def row(number: int, **changes: Any) -> dict[str, Any]:
        whole = {"report_id": f"r{number}", "application_id": str(uuid4()), "deciding_city": CITY, "step": "ACCEPTED"}
        return whole | {"occurred_at": "2026-11-24T01:02:03Z"} | changes

    rows: list[Any] = [row(1), row(2, step="ARCHIVED", new="word"), row(3, deciding_city="441300"), {"step": 1}, 7]
    link.peer.replies[REPORTS] = (200, {"data": rows, "next": "5"})
    found = await link.adapter.collect(None)
    assert [report.step for report in found.reports] == [Step.ACCEPTED, Step.UNKNOWN]
    assert found.reports[1].partner_code == "ARCHIVED"
    assert [json.loads(one) for one in found.unreadable] == rows[2:]
    assert (found.cursor, found.more) == ("5", True)
    assert link.peer.seen[-1][1] == "/v1/peer/reports?after=0&limit=2"
    link.peer.replies[REPORTS] = (200, {"data": [], "next": None})
    empty = await link.adapter.collect("5")
    assert (empty.reports, empty.cursor, empty.more) == ((), "5", False)
    await link.adapter.acknowledge(empty)
    wrong_pages: list[Any] = [[], {"data": 1, "next": None}, {"data": [], "next": 5}, {"next": "1"}]
    for wrong in wrong_pages:
        link.peer.replies[REPORTS] = (200, wrong)
        with pytest.raises(PartnerProtocol):
            await link.adapter.collect("5")


async def test_a_listing_to_its_end_or_not_at_all(link: Speaking) -> None:
    ids = [str(uuid4()) for _ in range(3)]
    place, day = ("GET", "/v1/peer/listings/2026-11-24"), date(2026, 11, 24)
    pages = [({"data": [{"application_id": one, "step": "ARRIVED"}], "next": one}) for one in ids]
    pages[-1]["next"] = None  # type: ignore[assignment]
    left = iter(pages)
    link.peer.replies[place] = lambda _: (200, next(left))
    assert [str(case.application_id) for case in await link.adapter.listing(day)] == ids
    assert [target.partition("after=")[2] for _, target, _ in link.peer.seen] == [
        "&limit=2",
        f"{ids[0]}&limit=2",
        f"{ids[1]}&limit=2",
    ]
    link.peer.replies[place] = (200, {"data": [{"step": "ARRIVED"}], "next": None})
    with pytest.raises(PartnerProtocol):
        await link.adapter.listing(day)
    link.peer.replies[place] = (200, {"data": [], "next": "x"})
    with pytest.raises(PartnerProtocol):
        await link.adapter.listing(day)


async def test_whether_the_peer_has_a_case(link: Speaking) -> None:
    message, _ = message_to(CITY)
    place = ("GET", f"/v1/peer/applications/{message.application_id}")
    link.peer.replies[place] = (404, {"code": "request.not_found"})
    assert await link.adapter.find(message) is None
    body = message.model_dump_json(exclude_none=True).encode()
    link.peer.replies[place] = (200, link.peer.submitted(body)[1])
    found = await link.adapter.find(message)
    assert found is not None
    assert (found.duplicate, found.receipt is not None) == (True, True)


async def test_a_result_file_spoilt_on_the_way(link: Speaking) -> None:
    remote = RemoteFile(reference=str(uuid4()), name="a.pdf")
    link.peer.replies["GET", "/v1/peer/files"] = (200, b"content")
    assert b"".join([chunk async for chunk in link.adapter.fetch(remote)]) == b"content"
    link.peer.headers["content-digest"] = "sha-256=:AAAA:"
    with pytest.raises(PartnerProtocol):
        await anext(aiter(link.adapter.fetch(RemoteFile(reference="../probe", name="a.pdf"))))
    link.peer.replies["GET", "/v1/peer/files"] = (404, {"code": "request.not_found"})
    with pytest.raises(PartnerProtocol):
        _ = [chunk async for chunk in link.adapter.fetch(remote)]


class MemoryTray:
    """A Tray in memory."""

    def __init__(self) -> None:
        self.left: list[tuple[str, str, str, str, bytes]] = []

    async def reserve(self, city: str, message_id: str, application_id: str, kind: str) -> int:
        raise NotImplementedError

    async def put(self, message_id: str, body: bytes, packet: Any = None) -> None:
        raise NotImplementedError

    async def holds(self, message_id: str) -> bool:
        return message_id in {one[1] for one in self.left}

    async def leave(self, city: str, message_id: str, application_id: str, kind: str, body: bytes) -> int:
        self.left.append((city, message_id, application_id, kind, body))
        return len(self.left)


def a_report(files: tuple[RemoteFile, ...] = ()) -> ProgressReport:
    return ProgressReport.model_validate(
        {
            "report_id": "r1",
            "application_id": str(uuid4()),
            "deciding_city": "445200",
            "step": "DECIDED",
            "outcome": "GRANTED",
            "occurred_at": "2026-11-24T01:02:03Z",
            "files": files,
        }
    )


async def test_what_is_left_for_a_peer_without_a_port() -> None:
    tray, memory = MemoryTray(), MemoryFiles({hashlib.sha256(b"r").hexdigest(): b"r"})
    async with speaking(tray=tray, files=memory, collection=False, delivery="left") as link:
        message, files = message_to(CITY, {"a.pdf": b"hello"})
        assert await link.adapter.deliver(message, files) is not None
        supplement, files = supplement_to(message, {"b.pdf": b"more"})
        await link.adapter.follow_up(supplement, files)
        await link.adapter.follow_up(withdrawal_of(message), files)
        report = a_report()
        await link.adapter.report(report)
        await link.adapter.probe()
        assert [(one[0], one[3]) for one in tray.left] == [
            (CITY, kind) for kind in ("SUBMIT", "SUPPLEMENT", "WITHDRAW", "REPORT")
        ]
        assert ProgressReport.model_validate_json(tray.left[-1][4]) == report
        digest = hashlib.sha256(b"r").hexdigest()
        remote = RemoteFile(reference=str(uuid4()), name="r.pdf", size_bytes=1, sha256=digest)
        assert [chunk async for chunk in link.adapter.fetch(remote)] == [b"r"]
        with pytest.raises(PartnerProtocol):
            _ = [chunk async for chunk in link.adapter.fetch(RemoteFile(reference=str(uuid4()), name="r.pdf"))]
        for asked in (link.adapter.find(message), link.adapter.listing(date(2026, 11, 24))):
            with pytest.raises(PartnerProtocol):
                await asked
        assert link.peer.seen == []
    async with speaking(collection=False, delivery="left") as link:
        with pytest.raises(Internal):
            await link.adapter.report(a_report())
        with pytest.raises(Internal):
            _ = [chunk async for chunk in link.adapter.fetch(remote)]


@pytest.mark.parametrize("collection", [True, False])
async def test_result_files_go_along_where_the_peer_cannot_fetch_them(collection: bool) -> None:
    content = b"result"
    memory = MemoryFiles({hashlib.sha256(content).hexdigest(): content})
    async with speaking(taking(ScriptedPeer()), files=memory, collection=collection) as link:
        link.peer.replies["POST", "/v1/peer/reports"] = (200, {"taken": 1})
        digest = hashlib.sha256(content).hexdigest()
        remote = RemoteFile(reference=str(uuid4()), name="r.pdf", size_bytes=6, sha256=digest)
        await link.adapter.report(a_report((remote,)))
        assert [one[0] for one in link.peer.seen] == (["PUT", "POST"] if collection else ["POST"])
        (told,) = json.loads(link.peer.seen[-1][2])["data"]
        assert told["files"][0]["reference"] == remote.reference


async def test_messages_a_peer_has_left(link: Speaking) -> None:
    message, _ = message_to(CITY, form={"n": 10**30})
    raw = json.loads(message.model_dump_json(exclude_none=True))
    row = {"number": 4, "message_id": str(message.message_id), "kind": "SUBMIT", "message": raw}
    place = ("GET", "/v1/peer/messages")
    link.peer.replies[place] = (200, {"data": [row], "next": "4"})
    (left,) = await link.adapter.messages(3)
    assert (left.number, left.message_id, left.kind) == (4, str(message.message_id), "SUBMIT")
    assert json.loads(left.body) == raw
    assert body_sha256(left.body) == body_sha256(message.model_dump_json(exclude_none=True).encode())
    assert link.peer.seen[-1][1] == "/v1/peer/messages?after=3&limit=2"
    for spoilt in (row | {"message": "x"}, row | {"message_id": "../x"}, {"number": 1}, 7):
        link.peer.replies[place] = (200, {"data": [spoilt], "next": None})
        with pytest.raises(PartnerProtocol):
            await link.adapter.messages(0)
    link.peer.replies["POST", f"/v1/peer/messages/{left.message_id}/taken"] = (200, {"noted": True})
    await link.adapter.answer(left.message_id, b'{"state": "ARRIVED"}')
    assert link.peer.seen[-1][2] == b'{"state": "ARRIVED"}'


async def test_no_callbacks(link: Speaking) -> None:
    with pytest.raises(NotFound):
        link.adapter.read_callback(CallbackRequest("POST", "/", {}, b""))
    assert link.adapter.callback_reply() == {}


def test_profiles_in_which_nobody_could_call() -> None:
    assert profile_of("http://peer", collection=False).peer_gateway is not None
    assert profile_of(None, collection=False, delivery="left").peer_gateway is not None
    for wrong in (
        {"url": "http://peer", "collection": True, "delivery": "left"},
        {"url": "http://peer", "collection": False, "delivery": "left"},
        {"url": None, "collection": False},
        {"url": "http://peer/path"},
    ):
        with pytest.raises(ValidationError):
            profile_of(**wrong)
    with pytest.raises(ValidationError, match="query_first"):
        CityProfile.model_validate(profile_of("http://peer").model_dump() | {"duplicates": "query_first"})


def test_sets_of_keys() -> None:
    one, two = Key.new(), Key.new()
    read = read_keys(json.dumps({"keys": [one.jwk, {"kty": "OKP", "kid": "o", "crv": "Ed25519"}, two.jwk]}), "n")
    assert set(read) == {one.kid, two.kid}
    lacking = {name: value for name, value in one.jwk.items() if name != "x"}
    unusable: list[Any] = ["", "x", [], {}, {"keys": {}}, {"keys": []}, {"keys": [1]}, {"keys": [lacking]}]
    unusable += [{"keys": [one.jwk | {"d": "AA"}]}, {"keys": [one.jwk | {"x": "AA"}]}]
    for text in unusable:
        with pytest.raises(UnusableKeys):
            read_keys(text if isinstance(text, str) else json.dumps(text), "n")


FORM = st.dictionaries(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True),
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    max_size=6,
)


@given(FORM)
def test_the_canonical_application_is_rfc_8785(form: dict[str, Any]) -> None:
    application: dict[str, Any] = {"item_code": "002017900002", "form": form, "materials": [{"copies": 1}]}
    message = json.dumps({"message_id": "x", "application": application}, indent=1).encode()
    assert canonical_application(message) == rfc8785.dumps(application)


def test_whole_numbers_keep_their_digits() -> None:
    message = b'{"application": {"n": 1000000000000000000000000000000}}'
    assert canonical_application(message) == b'{"n":1000000000000000000000000000000}'
    for wrong in (b"{", b"[]", b"{}", b"null"):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
            canonical_application(wrong)


def test_the_profile_in_the_guide_is_whole(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "adding-a-city" / "peer_gateway.md").read_text("utf-8")
    path = tmp_path / "cities" / "350600.yaml"
    path.parent.mkdir()
    path.write_text(guide.split("```yaml\n")[1].split("```")[0], "utf-8")
    profile = load_profile(path, bases=load_dialects(ROOT / "seeds" / "dialects"))
    assert profile.peer_gateway == load_profile(profile_path(CITY)).peer_gateway
    assert check_examples(profile) == []
