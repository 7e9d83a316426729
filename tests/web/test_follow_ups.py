"""Supplements and withdrawals: who may give them when, once per key, and what waits for the deciding city."""

from typing import Any

import pytest

from gateway.clock import new_id, now
from gateway.domain.access import Role
from gateway.storage import outbox
from gateway.storage.sql import SQL
from gateway.usecases.take_progress import take_progress
from schemas.message import FollowUp, MessageKind, ProgressReport, Step
from tests.gateways import Answer, Gateway
from tests.web.conftest import body, rows
from tests.web.test_applications import problem
from tests.web.test_operations import inbound_case, step

NOTE = "演示：补交缴存证明"


async def outbound_case(gateway: Gateway, *steps: Step) -> str:
    """A case of 441300 about which that city has reported `steps`."""
    answer = await gateway.submit(body(gateway))
    application_id = str(answer.body["application_id"])
    for one in steps:
        report = ProgressReport(
            report_id=new_id(),
            application_id=answer.body["application_id"],
            deciding_city="441300",
            step=one,
            occurred_at=now(),
            reason="演示",
        )
        async with gateway.services.db.transaction() as tx:
            await take_progress(tx, report, new_id=new_id(), now=now())
    return application_id


async def give(gateway: Gateway, application_id: str, what: str = "supplements", **how: Any) -> Answer:
    key, sent = how.pop("key", new_id()), how.pop("json")
    return await gateway.call(
        "POST", f"/v1/applications/{application_id}/{what}", json=sent, headers={"Idempotency-Key": key}, **how
    )


async def materials(gateway: Gateway, code: str = "M01", **how: Any) -> list[dict[str, object]]:
    uploaded = await gateway.upload(b"%PDF supplement " + code.encode(), **how)
    return [{"material_code": code, "files": [uploaded.body["file_id"]]}]


async def events(gateway: Gateway, application_id: str) -> list[dict[str, Any]]:
    listed = (await gateway.call("GET", f"/v1/applications/{application_id}/events")).body
    assert listed["chain"]["broken_at"] is None
    return list(listed["data"])


async def test_a_supplement_is_noted_once_and_waits_for_the_city(either_gateway: Gateway) -> None:
    gateway = either_gateway
    application_id = await outbound_case(gateway, Step.ARRIVED, Step.SUPPLEMENT_ASKED)
    sent = {"materials": await materials(gateway), "note": NOTE}
    first = await give(gateway, application_id, json=sent, key="k1")
    assert (first.status, first.body["state"]) == (202, "ARRIVED")
    again = await give(gateway, application_id, json=sent, key="k1")
    assert (again.status, again.body) == (202, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"
    problem(
        await give(gateway, application_id, json=sent | {"note": "x"}, key="k1"), 409, "request.idempotency_mismatch"
    )
    kinds = [event["type"] for event in await events(gateway, application_id)]
    assert kinds[-1] == "SUPPLEMENT_GIVEN"
    assert kinds.count("SUPPLEMENT_GIVEN") == 1
    waiting = [entry for entry in await outbox.page(gateway.services.db, None, "", 10) if entry.kind == "SUPPLEMENT"]
    assert [entry.message_id for entry in waiting] == [first.body["message_id"]]
    message = await gateway.services.load_message(waiting[0])
    assert isinstance(message, FollowUp)
    assert (message.kind, message.reason, message.deciding_city) == (MessageKind.SUPPLEMENT, NOTE, "441300")
    assert [(one.material_code, one.file.name) for one in message.files] == [("M01", "a.pdf")]
    listed = (await gateway.call("GET", f"/v1/applications/{application_id}/files")).body["data"]
    assert [file["role"] for file in listed] == ["supplement"]


async def test_the_applicants_words_stay_out_of_the_chain(gateway: Gateway) -> None:
    application_id = await outbound_case(gateway, Step.ARRIVED)
    await give(gateway, application_id, "withdrawal", json={"reason": "演示：陈某不再需要"})
    last = (await events(gateway, application_id))[-1]
    assert last["type"] == "WITHDRAWN"
    assert last["side"] == "applicant"
    assert set(last["data"]) == {"by", "message_id", "reason_sha256"}


@pytest.mark.parametrize("steps", [(), (Step.ARRIVED,), (Step.ARRIVED, Step.ACCEPTED)])
async def test_a_withdrawal_before_the_decision(gateway: Gateway, steps: tuple[Step, ...]) -> None:
    application_id = await outbound_case(gateway, *steps)
    answer = await give(gateway, application_id, "withdrawal", json={"reason": "不再需要"})
    assert (answer.status, answer.body["state"]) == (202, "WITHDRAWN")
    entries = await outbox.page(gateway.services.db, None, "", 10)
    assert sorted(entry.kind for entry in entries) == ["SUBMIT", "WITHDRAW"]
    async with gateway.services.db.transaction() as tx:
        claimed = await outbox.claim(tx, "me", "441300", 2**50, 10)
    assert [entry.kind for entry in claimed] == ["SUBMIT"]  # the application first
    second = await give(gateway, application_id, "withdrawal", json={"reason": "再次"})
    assert problem(second, 409, "request.step_not_allowed")["allowed"] == []


async def test_when_nothing_was_asked_or_it_is_too_late(gateway: Gateway) -> None:
    application_id = await outbound_case(gateway, Step.ARRIVED, Step.ACCEPTED)
    sent = {"materials": await materials(gateway)}
    before = await rows(gateway)
    refused = problem(await give(gateway, application_id, json=sent), 409, "request.step_not_allowed")
    assert refused["allowed"] == ["WITHDRAWN"]
    decided = await outbound_case(gateway, Step.ARRIVED, Step.ACCEPTED, Step.DECIDED)
    problem(await give(gateway, decided, "withdrawal", json={"reason": "太晚"}), 409, "request.step_not_allowed")
    assert (await rows(gateway))["events"] == before["events"] + 5


async def test_what_is_wrong_is_named_and_nothing_is_stored(gateway: Gateway) -> None:
    application_id = await outbound_case(gateway, Step.ARRIVED, Step.SUPPLEMENT_ASKED)
    before = await rows(gateway)
    problem(await give(gateway, application_id, json={"materials": []}), 422, "request.invalid")
    problem(await give(gateway, application_id, "withdrawal", json={}), 422, "request.invalid")
    unknown = [{"material_code": "M01", "files": ["0193a000-0000-7000-8000-000000000009"]}]
    problem(await give(gateway, application_id, json={"materials": unknown}), 422, "request.file_unknown")
    foreign = await materials(gateway, role=Role.PARTNER, city="441300")
    problem(await give(gateway, application_id, json={"materials": foreign}), 422, "request.file_unknown")
    path = f"/v1/applications/{application_id}/supplements"
    problem(await gateway.call("POST", path, json={"materials": unknown}), 400, "request.idempotency_key_missing")
    after = await rows(gateway)
    assert (after["events"], after["outbox"], after["progress"]) == (
        before["events"],
        before["outbox"],
        before["progress"],
    )
    counted = await gateway.services.db.fetch_one(SQL("SELECT COUNT(*) FROM follow_ups"))
    assert counted == (0,)


async def test_only_the_collecting_city_gives_them(gateway: Gateway) -> None:
    application_id = await outbound_case(gateway, Step.ARRIVED)
    sent = {"reason": "不再需要"}
    problem(
        await give(gateway, application_id, "withdrawal", json=sent, role=Role.PARTNER, city="441300"),
        403,
        "request.forbidden",
    )
    problem(
        await give(gateway, application_id, "withdrawal", json=sent, role=Role.PARTNER, city="441500"),
        404,
        "request.not_found",
    )
    problem(await give(gateway, application_id, "withdrawal", json=sent, role=Role.ADMIN), 403, "request.forbidden")
    problem(await give(gateway, "nothing", "withdrawal", json=sent), 404, "request.not_found")


async def test_a_partner_supplements_a_case_that_our_city_decides(gateway: Gateway) -> None:
    application_id = await inbound_case(gateway)
    await step(gateway, application_id, step="SUPPLEMENT_ASKED", reason="缺少一份材料")
    partner: dict[str, Any] = {"role": Role.PARTNER, "city": "441300"}
    sent = {"materials": await materials(gateway, **partner)}
    answer = await give(gateway, application_id, json=sent, **partner)
    assert (answer.status, answer.body["state"]) == (202, "ARRIVED")
    seen = (await gateway.call("GET", f"/v1/files/{sent['materials'][0]['files'][0]}", role=Role.OFFICER)).status  # type: ignore[index]
    assert seen == 200
    assert (await step(gateway, application_id, step="ACCEPTED")).body["state"] == "ACCEPTED"
    assert (await rows(gateway))["outbox"] == 0
