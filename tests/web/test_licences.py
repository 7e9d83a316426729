"""Verifying licences over the API: a token, a file, a batch; what is kept, and who may see it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import new_id, now
from gateway.domain.access import Role
from gateway.trust.snapshot import Purpose
from gateway.usecases import trust_store
from gateway.usecases.trust_parts import Kind, read_part
from gateway.usecases.trust_store import Change, Given
from tests.domain.test_licences import TYPE, identifier
from tests.gateways import Answer, Gateway, running_gateway, settings_for
from tests.trust.office.ofd import Office, Sealing, packed, sealed
from tests.trust.office.tokens import ISSUER, LIST, TokenKey, status_list
from tests.web.conftest import body

ITEM = "002017900002"
PURPOSE = {"item_code": ITEM, "operator": "0017"}
KEY, OFFICE = TokenKey(), Office()
PATH = "/v1/licences/verifications"


def token(**more: Any) -> str:
    seconds = int(now().timestamp())
    base = {"iss": ISSUER, "iat": seconds - 60, "exp": seconds + 3600, "licence_identifier": identifier()}
    return KEY.token(base | more)


def document() -> bytes:
    return packed(sealed(OFFICE, Sealing()))


async def trust(gateway: Gateway, *pieces: tuple[Kind, bytes]) -> str:
    given = Given((Purpose.SIGNER, Purpose.SEALER), source="演示", fetched_at=now())
    read = [(one, given) for kind, content in pieces for one in read_part(kind, content, "演示")]
    async with gateway.services.db.transaction() as tx:
        made = await trust_store.change(tx, Change(read), by="operator", now=now())
    await gateway.services.refresh()
    return made.name


def issuer() -> tuple[Kind, bytes]:
    return Kind.ISSUER, json.dumps({"issuer": ISSUER, "algorithms": ["ES256"], "keys": [KEY.jwk]}).encode()


@pytest.fixture
async def trusting(tmp_path: Path, database_url: str | None) -> AsyncIterator[Gateway]:
    """A gateway that trusts the office of these tests, on each database in turn."""
    async with running_gateway(settings_for(tmp_path, database_url, lanes=False), seeded=False) as running:
        await trust_office(running)
        yield running


async def trust_office(gateway: Gateway) -> None:
    anchor, authority = (Kind.ANCHOR, OFFICE.root.certificate), (Kind.INTERMEDIATE, OFFICE.authority.certificate)
    await trust(gateway, issuer(), anchor, authority)


async def verify(gateway: Gateway, expected: int = 201, **request: Any) -> Any:
    answer = await gateway.call("POST", PATH, json={"purpose": PURPOSE} | request)
    assert answer.status == expected, answer.body
    return answer.body


async def raw(gateway: Gateway, content: bytes, query: str) -> Answer:
    headers = {"Content-Type": "application/octet-stream"}
    return await gateway.call("POST", f"{PATH}?{query}", data=content, headers=headers)


async def test_a_token_is_verified_and_kept(trusting: Gateway) -> None:
    found = await verify(trusting, token=token(), licence_identifier=identifier(), type_code=TYPE)
    assert found["report"]["indication"] == "TOTAL_PASSED"
    assert (found["usable"], found["evidence_grade"], found["findings"]) == (True, "A", [])
    assert found["purpose"]["operator"] == "0017"
    assert found["report"]["trust_generation"] == trusting.services.licences.verifier.snapshot.generation
    kept = await trusting.call("GET", f"{PATH}/{found['verification_id']}")
    assert kept.body == found
    others = [
        await trusting.call("GET", f"{PATH}/{found['verification_id']}", city="441300"),
        await trusting.call("GET", f"{PATH}/{new_id()}"),
        await trusting.call("GET", f"{PATH}/nonsense"),
    ]
    assert [one.status for one in others] == [404, 404, 404]
    auditor = await trusting.call("GET", f"{PATH}/{found['verification_id']}", role=Role.AUDITOR, city="440000")
    assert auditor.status == 200


async def test_a_bad_licence_is_an_answer(trusting: Gateway) -> None:
    first, second, _ = token().split(".")
    forged = await verify(trusting, token=f"{first}.{second}.{'A' * 86}", origin="compared")
    assert forged["report"]["indication"] == "TOTAL_FAILED"
    assert (forged["usable"], forged["evidence_grade"]) == (False, "C")
    stranger = await verify(trusting, token=token(iss="https://stranger.example"), origin="compared")
    assert (stranger["report"]["indication"], stranger["evidence_grade"]) == ("INDETERMINATE", "B")
    assert stranger["message_zh"].startswith("暂无法确认")


async def test_the_wrong_holder_is_a_finding_with_both_masked(trusting: Gateway) -> None:
    other = {"name": "演示申请人", "number": "445200190001010012"}
    text = token(holder_name="演示持有人", holder_number="445200190001010011")
    found = await verify(trusting, token=text, holder=other)
    assert [one["rule"] for one in found["findings"]] == ["holder_name_differs", "holder_number_differs"]
    assert (found["report"]["indication"], found["usable"]) == ("TOTAL_PASSED", False)
    assert found["message_zh"] == "证照真实，但不能用于本次办理：持证主体名称与申请人不一致。"
    told = json.dumps(found, ensure_ascii=False)
    assert not any(secret in told for secret in (*other.values(), "演示持有人", "445200190001010011"))


async def test_a_file_as_the_body_and_by_its_id(trusting: Gateway) -> None:
    sent = await raw(trusting, document(), f"item_code={ITEM}&operator=0017&name=a.ofd")
    assert sent.status == 201, sent.body
    assert (sent.body["report"]["format"], sent.body["report"]["indication"]) == ("ofd", "TOTAL_PASSED")
    again = await verify(trusting, file_id=sent.body["file_id"], holder={"name": "演示"})
    assert again["earlier"]["verification_id"] == sent.body["verification_id"]
    assert again["earlier"]["operator"] == "0017"
    assert [one["rule"] for one in again["findings"]] == ["holder_not_stated"]
    assert again["usable"] is True
    stranger = await trusting.call(
        "POST", PATH, json={"purpose": PURPOSE, "file_id": sent.body["file_id"]}, city="441300"
    )
    assert (stranger.status, stranger.body["code"]) == (422, "request.file_unknown")
    download = await trusting.call("GET", f"/v1/files/{sent.body['file_id']}")
    assert download.status == 200


async def test_what_is_wrong_with_a_request_is_named(gateway: Gateway) -> None:
    unknown = await verify(gateway, 422, file_id=new_id())
    assert unknown["code"] == "request.file_unknown"
    nothing = await verify(gateway, 422)
    assert nothing["code"] == "request.invalid"
    both = await verify(gateway, 422, token="a.b.c", file_id=new_id())
    assert "token" in both["errors"][0]["message_zh"]
    case = await verify(gateway, 404, token="a.b.c", purpose=PURPOSE | {"application_id": new_id()})
    assert case["code"] == "request.not_found"
    for query in ("", "item_code=x", f"item_code={ITEM}&policy=lax", f"item_code={ITEM}&what=1"):
        answer = await raw(gateway, b"x", query)
        assert (answer.status, answer.body["code"]) == (422, "request.invalid"), query
    auditor = await gateway.call("POST", PATH, json={"purpose": PURPOSE, "token": "a.b.c"}, role=Role.AUDITOR)
    assert auditor.status == 403


async def test_a_batch_answers_in_order_and_says_what_could_not_be_had(trusting: Gateway) -> None:
    tokens = [token(n=number) for number in range(4)]
    wanted = [{"token": one} for one in tokens] + [{"file_id": new_id()}]
    found = await verify(trusting, licences=wanted)
    *good, bad = found["data"]
    assert [one["report"]["indication"] for one in good] == ["TOTAL_PASSED"] * 4
    assert len({one["report"]["sha256"] for one in good}) == 4
    assert bad["problem"]["code"] == "request.file_unknown"
    many = await verify(trusting, 422, licences=[{"token": tokens[0]}] * 101)
    assert many["code"] == "request.invalid"


async def test_a_report_stands_with_its_case(gateway: Gateway) -> None:
    await trust_office(gateway)
    whole = body(gateway)
    submitted = await gateway.submit(whole)
    assert submitted.status == 202, submitted.body
    case = submitted.body["application_id"]
    applicant = whole["applicant"]
    number = applicant.get("document_number") or applicant.get("credit_code")
    use = PURPOSE | {"application_id": case}
    right = await verify(gateway, token=token(holder_name=applicant["name"], holder_number=number), purpose=use)
    wrong = await verify(gateway, token=token(holder_name="演示他人"), purpose=use)
    assert (right["findings"], wrong["usable"]) == ([], False)
    first = await gateway.call("GET", f"/v1/applications/{case}/verifications?limit=1")
    rest = await gateway.call("GET", f"/v1/applications/{case}/verifications?after={first.body['next']}")
    assert first.body["data"] + rest.body["data"] == [right, wrong]
    assert rest.body["next"] is None
    stranger = await gateway.call("GET", f"/v1/applications/{case}/verifications", city="350600")
    bad = await gateway.call("GET", f"/v1/applications/{case}/verifications?after=x")
    assert (stranger.status, bad.status) == (404, 422)


async def test_an_earlier_pass_may_stand_in_while_a_list_is_missing(trusting: Gateway) -> None:
    listed = status_list(KEY, [0, 0], exp=int(now().timestamp()) + 3600, iat=int(now().timestamp()) - 60)
    await trust(trusting, (Kind.STATUS_LIST, listed.token.encode()))
    text = token(status={"status_list": {"uri": LIST, "idx": 1}})
    passed = await verify(trusting, token=text, policy="strict")
    assert passed["report"]["indication"] == "TOTAL_PASSED"
    stale = status_list(KEY, [0, 0], exp=int(now().timestamp()) - 1, iat=int(now().timestamp()) - 60)
    await trust(trusting, (Kind.STATUS_LIST, stale.token.encode()))
    open_ = await verify(trusting, token=text, policy="strict")
    assert open_["report"]["sub_indication"] == "TRY_LATER"
    reused = await verify(trusting, token=text, policy="strict", reuse=True)
    assert reused["reused"]["verification_id"] == passed["verification_id"]
    assert reused["report"] == passed["report"]
    twice = await verify(trusting, token=text, policy="strict", reuse=True)
    assert twice["reused"] == reused["reused"]
    revoked = status_list(KEY, [0, 1], exp=int(now().timestamp()) + 3600, iat=int(now().timestamp()) - 60)
    await trust(trusting, (Kind.STATUS_LIST, revoked.token.encode()))
    ended = await verify(trusting, token=text, policy="strict", reuse=True)
    assert (ended["report"]["indication"], ended["reused"]) == ("TOTAL_FAILED", None)


async def test_a_new_generation_counts_at_once_and_the_old_verdict_can_be_made_again(trusting: Gateway) -> None:
    text = token()
    before = await verify(trusting, token=text)
    emptied = {part.sha256 for part in (await trust_store.newest(trusting.services.db)).manifest.parts}  # type: ignore[union-attr]
    async with trusting.services.db.transaction() as tx:
        await trust_store.change(tx, Change(removed=frozenset(emptied)), by="operator", now=now())
    await trusting.services.refresh()
    after = await verify(trusting, token=text)
    assert after["report"]["indication"] == "INDETERMINATE"
    old = await trust_store.generation(trusting.services.db, before["report"]["trust_generation"])
    snapshot = await trust_store.load_snapshot(trusting.services.db, old)
    assert set(snapshot.issuers) == {ISSUER}


async def test_the_event_loop_is_not_blocked(gateway: Gateway) -> None:
    """Large and hostile files go on in threads; the loop's own ticker is hardly late."""
    noise = [packed({"OFD.xml": b"<a/>" * 200_000 + bytes([number])}) for number in range(6)]
    late: list[float] = []

    async def tick(stop: asyncio.Event) -> None:
        while not stop.is_set():
            began = time.perf_counter()
            await asyncio.sleep(0.005)
            late.append(time.perf_counter() - began - 0.005)

    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(tick(stop))
        sent = [group.create_task(raw(gateway, content, f"item_code={ITEM}")) for content in noise]
        answers = [await one for one in sent]
        stop.set()
    assert {one.body["report"]["sub_indication"] for one in answers} == {"FORMAT_FAILURE"}
    assert sorted(late)[int(len(late) * 0.9)] < 0.2, "shared machines are noisy: only a block is told from noise here"


async def test_the_report_on_one_page(trusting: Gateway) -> None:
    sent = await raw(trusting, document(), f"item_code={ITEM}&operator=0017")
    page = await trusting.call("GET", f"{PATH}/{sent.body['verification_id']}/report.pdf")
    assert (page.status, page.headers["Content-Type"]) == (200, "application/pdf")
    assert page.body.startswith(b"%PDF-")
    assert page.body.count(b"/Type /Page\n") == 1
    stranger = await trusting.call("GET", f"{PATH}/{sent.body['verification_id']}/report.pdf", city="441300")
    assert stranger.status == 404


async def test_a_pdf_is_read_in_a_process_of_its_own(trusting: Gateway) -> None:
    good, bad = packed({"a": b"b"}), b"%PDF-1.7\nnothing more"
    answers = [await raw(trusting, content, f"item_code={ITEM}") for content in (bad, good)]
    assert [one.body["report"]["sub_indication"] for one in answers] == ["FORMAT_FAILURE"] * 2
    assert answers[0].body["report"]["format"] == "pdf"
