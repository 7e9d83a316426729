"""免提交: an identifier and a use are given; the licence comes from its office, verified, ready to be handed in."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.domain.access import Role
from gateway.usecases.trust_parts import Kind
from tests.domain.test_licences import TYPE, identifier
from tests.gateways import Gateway, running_gateway, settings_for
from tests.licence_offices import office_process
from tests.web.test_licences import PATH, PURPOSE, trust

HOLDER = {"name": "演示申请人", "number": "445200190001010011"}
STATED = {"holder_name": HOLDER["name"], "holder_number": HOLDER["number"], "valid_until": "2099-12-31"}


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Gateway, str]]:
    """A gateway and an office that it may fetch from and trusts."""
    monkeypatch.setenv("TONGBAN_SECRET_DEMO_OFFICE_TOKEN", "t")
    async with office_process(tmp_path, token="t") as url:
        monkeypatch.setenv("TONGBAN_LICENCES_DEMO_OFFICE_URL", url)
        settings = settings_for(tmp_path / "data", None, lanes=False)
        async with running_gateway(settings, seeded=False) as running:
            offered = await at_office(url, "GET", "/_trust")
            certificates = [
                (kind, base64.b64decode(offered[kind.value])) for kind in (Kind.ANCHOR, Kind.INTERMEDIATE, Kind.SEALER)
            ]
            await trust(running, *certificates, (Kind.ISSUER, json.dumps(offered["issuer"]).encode()))
            yield running, url


async def at_office(url: str, method: str, path: str, body: object = None) -> Any:
    async with aiohttp.ClientSession() as session, session.request(method, url + path, json=body) as response:
        return await response.json()


async def fetch(gateway: Gateway, text: str, **more: Any) -> Any:
    wanted = {"licence_identifier": text, "purpose": PURPOSE, "holder": HOLDER, "type_code": TYPE} | more
    return await gateway.call("POST", PATH, json=wanted)


@pytest.mark.parametrize("kind", ["ofd", "jws", "sd_jwt"])
async def test_fetched_verified_and_ready_to_be_handed_in(served: tuple[Gateway, str], kind: str) -> None:
    gateway, url = served
    text = identifier()
    made = await at_office(url, "POST", "/_licences", {"identifier": text, "kind": kind, "stated": STATED})
    answer = await fetch(gateway, text)
    assert answer.status == 201, answer.body
    found = answer.body
    assert (found["report"]["indication"], found["usable"], found["findings"]) == ("TOTAL_PASSED", True, [])
    assert (found["report"]["format"], found["report"]["sha256"]) == (kind, made["sha256"])
    file = await gateway.call("GET", f"/v1/files/{found['file_id']}")
    assert file.status == 200
    (asked,) = await at_office(url, "GET", "/_asked")
    assert asked["purpose"] == {"item_code": PURPOSE["item_code"], "operator": "0017", "case_number": None}
    wrong = await fetch(gateway, text, holder={"name": "演示他人"})
    assert [one["rule"] for one in wrong.body["findings"]] == ["holder_name_differs"]


async def test_a_revoked_licence_is_fetched_and_said_to_be_revoked(served: tuple[Gateway, str]) -> None:
    gateway, url = served
    text = identifier()
    await at_office(url, "POST", "/_licences", {"identifier": text, "kind": "ofd", "stated": STATED})
    await at_office(url, "POST", "/_revoke", {"identifier": text})
    found = (await fetch(gateway, text)).body
    assert (found["report"]["indication"], found["usable"]) == ("TOTAL_PASSED", False)
    assert found["message_zh"] == "证照真实，但不能用于本次办理：证照状态为吊销。"


async def test_what_cannot_be_fetched(served: tuple[Gateway, str], monkeypatch: pytest.MonkeyPatch) -> None:
    gateway, _ = served
    unknown = await fetch(gateway, identifier(serial="UNKNOWN1"))
    assert (unknown.status, unknown.body["code"]) == (502, "partner.refused")
    malformed = await fetch(gateway, "1.2.156.3005.2.x")
    assert malformed.status == 422
    auditor = await gateway.call("POST", PATH, json={"licence_identifier": identifier()}, role=Role.AUDITOR)
    assert auditor.status == 403
    monkeypatch.delenv("TONGBAN_SECRET_DEMO_OFFICE_TOKEN")
    unset = await fetch(gateway, identifier())
    assert (unset.status, unset.body["code"]) == (502, "partner.protocol")
