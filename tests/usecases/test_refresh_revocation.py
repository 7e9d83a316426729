"""Fetching licences, revocation and status lists from an issuing office in a process of its own."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.licence_source import LicenceSourceProfile, LicenceWanted
from adapters.licence_source_rest import RestLicenceSource
from gateway.clock import now
from gateway.storage.database import Database
from gateway.trust.judging import Judging
from gateway.trust.policy import POLICIES
from gateway.trust.snapshot import Purpose
from gateway.trust.verify import verify
from gateway.usecases import trust_store
from gateway.usecases.fetch_licence import LicenceSources
from gateway.usecases.refresh_revocation import Answer, Unusable, http_get, is_due, refresh
from gateway.usecases.trust_parts import Kind, read_part
from gateway.usecases.trust_store import Change, Given
from schemas.errors import NotFound, PartnerProtocol, PartnerRefused, PartnerUnavailable
from schemas.verification import Indication, SubIndication
from tests.domain.test_licences import identifier
from tests.licence_offices import office_process

STATED = {"holder_name": "演示持有人", "holder_number": "445200190001010011", "valid_until": "2099-12-31"}


@dataclass
class Office:
    """The running office and a session."""

    url: str
    session: aiohttp.ClientSession
    number: int = 0

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        async with self.session.request(method, self.url + path, json=body) as response:
            return await response.json()

    async def issue(self, kind: str) -> str:
        self.number += 1
        text = identifier(serial=f"DEMO{self.number:04d}")
        await self.ask("POST", "/_licences", {"identifier": text, "kind": kind, "stated": STATED})
        return text

    async def revoke(self, text: str) -> None:
        await self.ask("POST", "/_revoke", {"identifier": text})

    def source(self, **changes: Any) -> RestLicenceSource:
        words = {"code": "office", "name": "演示", "base_url": self.url, "token": "office.token", "timeout_s": 5.0}
        return RestLicenceSource(
            LicenceSourceProfile.model_validate(words | changes), {"office.token": "t"}.__getitem__, now
        )

    async def trust(self, db: Database) -> None:
        offered = await self.ask("GET", "/_trust")
        given = Given((Purpose.SIGNER, Purpose.SEALER), source="演示机关")
        pieces = [
            (piece, given)
            for kind, name in ((Kind.ANCHOR, "anchor"), (Kind.INTERMEDIATE, "intermediate"), (Kind.SEALER, "sealer"))
            for piece in read_part(kind, base64.b64decode(offered[name]), name)
        ]
        pieces += [(one, given) for one in read_part(Kind.ISSUER, json.dumps(offered["issuer"]).encode(), "issuer")]
        listed = (await http_get(offered["crl_url"], None)).content
        assert listed is not None
        watched = Given(source="演示机关", address=offered["crl_url"])
        pieces += [(one, watched) for one in read_part(Kind.CRL, listed, "crl")]
        async with db.transaction() as tx:
            await trust_store.change(tx, Change(pieces), by="operator", now=now())


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with office_process(tmp_path, token="t") as url, aiohttp.ClientSession() as session:
        yield Office(url, session)


def wanted(text: str, **changes: Any) -> LicenceWanted:
    words = {"item_code": "002017900002", "operator": "0017", "case_number": None, "request_id": "r-1"} | changes
    return LicenceWanted(text, **words)


async def verdict(db: Database, content: bytes, policy: str = "strict") -> tuple[Indication, SubIndication | None]:
    snapshot = await trust_store.load_snapshot(db, await trust_store.newest(db))
    report = verify(content, Judging(snapshot, POLICIES[policy], now()))
    return report.indication, report.sub_indication


PASSED = (Indication.TOTAL_PASSED, None)


async def test_what_the_office_issues_passes_until_it_is_revoked(db: Database, office: Office) -> None:
    await office.trust(db)
    assert await is_due(db, 3600, now())
    source = office.source()
    contents, texts = {}, {}
    for kind in ("ofd", "jws", "sd_jwt"):
        texts[kind] = await office.issue(kind)
        contents[kind] = (await source.fetch(wanted(texts[kind]))).content
    told = await refresh(db, http_get, by="job", now=now)
    assert {one.outcome for one in told} == {"new"}
    assert not await is_due(db, 3600, now())
    assert await verdict(db, contents["ofd"], "window") == PASSED
    assert [await verdict(db, contents[kind]) for kind in ("jws", "sd_jwt")] == [PASSED] * 2
    await office.revoke(texts["jws"])
    await office.ask("POST", "/_revoke", {"seal": True})
    assert {one.outcome for one in await refresh(db, http_get, by="job", now=now)} == {"new"}
    assert await verdict(db, contents["jws"]) == (Indication.TOTAL_FAILED, SubIndication.REVOKED)
    assert await verdict(db, contents["sd_jwt"]) == PASSED
    assert await verdict(db, contents["ofd"], "window") == (Indication.INDETERMINATE, SubIndication.REVOKED_NO_POE)
    await source.close()


async def test_an_unchanged_status_list_lives_on(db: Database, office: Office) -> None:
    await office.trust(db)
    await refresh(db, http_get, by="job", now=now)
    first = await trust_store.newest(db)
    told = await refresh(db, http_get, by="job", now=now)
    second = await trust_store.newest(db)
    assert {one.outcome for one in told} == {"same"}
    assert first is not None
    assert second is not None
    assert second.number == first.number + 1, "its time to live began anew"


async def test_lists_that_are_no_good_leave_the_old_ones(db: Database, office: Office) -> None:
    await office.trust(db)
    await refresh(db, http_get, by="job", now=now)
    before = await trust_store.newest(db)
    stranger = (await office.ask("GET", "/_trust"))["anchor"]

    async def garbage(_address: str, _etag: str | None) -> Answer:
        return Answer(base64.b64decode(stranger))

    async def nothing(_address: str, _etag: str | None) -> Answer:
        raise Unusable("not reached")

    for get, outcome in ((garbage, "not a usable list"), (nothing, "not reached")):
        told = await refresh(db, get, by="job", now=now)
        assert {one.outcome for one in told} == {outcome}
    after = await trust_store.newest(db)
    assert after == before


async def test_lists_of_another_office_are_not_taken(db: Database, office: Office, tmp_path: Path) -> None:
    await office.trust(db)
    (tmp_path / "other").mkdir()
    async with office_process(tmp_path / "other", token="t") as other:

        async def elsewhere(address: str, _etag: str | None) -> Answer:
            return await http_get(address.replace(office.url, other), None)

        told = await refresh(db, elsewhere, by="job", now=now)
    outcomes = {one.address.removeprefix(office.url): one.outcome for one in told}
    assert outcomes == {
        "/crl.der": "not signed by an authority we know",
        "/status/1": "another list than the one asked for",
    }


async def test_an_empty_store_has_nothing_to_refresh(db: Database) -> None:
    assert await refresh(db, http_get, by="job", now=now) == []
    assert not await is_due(db, 0, now())


async def test_addresses_that_do_not_answer(office: Office) -> None:
    for address in (f"{office.url}/nothing", "http://127.0.0.1:9/crl", "http://[bad"):
        with pytest.raises(Unusable):
            await http_get(address, None)


async def test_what_a_source_says_no_to(office: Office) -> None:
    source = office.source()
    text = await office.issue("jws")
    got = await source.fetch(wanted(text))
    assert (got.name, got.stated["holder_name"], got.stated["licence_status"]) == ("licence.jws", "演示持有人", "valid")
    assert (await office.ask("GET", "/_asked"))[-1]["purpose"]["operator"] == "0017"
    with pytest.raises(PartnerRefused):
        await source.fetch(wanted(identifier(serial="UNKNOWN1")))
    with pytest.raises(PartnerRefused):
        await source.fetch(wanted(text, item_code=""))
    await source.close()
    refused: list[tuple[dict[str, Any], type[Exception]]] = [
        ({"token": "office.other"}, PartnerProtocol),
        ({"base_url": "http://127.0.0.1:9"}, PartnerUnavailable),
        ({"base_url": f"{office.url}/nowhere"}, PartnerRefused),
    ]
    for changes, error in refused:
        other = office.source(**changes)
        with pytest.raises(error):
            await other.fetch(wanted(text))
        await other.close()


async def test_which_office_is_asked(office: Office) -> None:
    text = await office.issue("jws")
    base = {"code": "a", "name": "演示", "base_url": office.url, "token": "office.token"}
    elsewhere = LicenceSourceProfile.model_validate(base | {"issuers": ["110000"]})
    here = LicenceSourceProfile.model_validate(base | {"code": "b", "issuers": ["445200"]})
    sources = LicenceSources({"a": elsewhere, "b": here}, {"b": office.source()})
    assert (await sources.fetch(wanted(text))).name == "licence.jws"
    with pytest.raises(PartnerRefused):
        await sources.fetch(wanted(identifier(serial="UNKNOWN1")))
    with pytest.raises(NotFound):
        await LicenceSources({"a": elsewhere}, {}).fetch(wanted(text))
    await sources.close()
