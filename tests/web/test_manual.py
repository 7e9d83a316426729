"""手工办理接口: a case waits in the worklist, a person takes its packet and registers what happens."""

import asyncio
import hashlib
import io
import itertools
import json
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import now
from gateway.domain.access import Role
from schemas.agreement import Mode
from tests.gateways import Answer, Gateway
from tests.web.conftest import body
from tests.web.manual_desk import CITY, handed_in, later, left, new_id, open_desk, registered
from tests.web.test_applications import problem

RESULT = b"%PDF-1.4 result\n%%EOF\n"


@pytest.fixture
async def desk(tmp_path: Path, database_url: str | None) -> AsyncIterator[Gateway]:
    async with open_desk(tmp_path, database_url) as opened:
        yield opened


@pytest.fixture
async def sqlite_desk(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with open_desk(tmp_path, None) as opened:
        yield opened


async def events(desk: Gateway, packet: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await desk.call("GET", f"/v1/applications/{packet['application_id']}/events")
    assert answer.body["chain"]["broken_at"] is None
    return list(answer.body["data"])


async def case(desk: Gateway, packet: dict[str, Any]) -> dict[str, Any]:
    return dict((await desk.call("GET", f"/v1/applications/{packet['application_id']}")).body)


async def waiting(desk: Gateway, query: str = "") -> list[str]:
    answer = await desk.call("GET", f"/v1/manual?{query}")
    return [one["message_id"] for one in answer.body["data"]]


def pointers(answer: Answer) -> list[str]:
    return [one["pointer"] for one in problem(answer, 422, "request.invalid")["errors"]]


async def test_a_case_from_the_packet_to_its_result(desk: Gateway) -> None:
    packet = await handed_in(desk, files=(b"hello",))
    assert packet["packet"] == f"445200-{CITY}-000001"
    assert (packet["kind"], packet["state"], packet["taken_by"]) == ("SUBMIT", "PUSHED", None)
    message_id = packet["message_id"]
    said = await registered(desk, message_id, step="ARRIVED", case_number="GZ001")
    assert said.status == 200
    assert (said.body["state"], said.body["case_number"], said.body["taken_by"]) == ("ARRIVED", "GZ001", "clerk-445200")
    assert await waiting(desk) == []
    assert (await registered(desk, message_id, step="ACCEPTED")).body["state"] == "ACCEPTED"
    file = (await desk.upload(RESULT, "结果.pdf")).body
    done = await registered(desk, message_id, step="DECIDED", outcome="GRANTED", files=[file["file_id"]])
    assert done.body["state"] == "DECIDED"
    found = await case(desk, packet)
    assert (found["state"], found["outcome"], found["needs_review"]) == ("DECIDED", "GRANTED", False)
    listed = (await desk.call("GET", f"/v1/applications/{packet['application_id']}/files")).body["data"]
    assert [one["sha256"] for one in listed if one["role"] == "result"] == [hashlib.sha256(RESULT).hexdigest()]
    chain = await events(desk, packet)
    told = [event for event in chain if event["type"] in ("ARRIVED", "ACCEPTED", "DECIDED")]
    assert [(event["side"], event["data"]["by"]) for event in told] == [("deciding", "clerk-445200")] * 3
    (stored,) = [event for event in chain if event["type"] == "FILE_STORED"]
    assert stored["data"]["sha256"] == hashlib.sha256(RESULT).hexdigest()


async def test_the_packet_and_its_text_are_fetched_by_number_or_by_message(sqlite_desk: Gateway) -> None:
    packet = await handed_in(sqlite_desk, files=(b"hello",))
    answer = await sqlite_desk.call("GET", f"/v1/manual/{packet['packet']}/packet")
    archive = zipfile.ZipFile(io.BytesIO(answer.body))
    manifest = json.loads(archive.read("manifest.json"))
    assert archive.read(manifest["files"][0]["entry"]) == b"hello"
    for name in (packet["message_id"], packet["packet"]):
        answer = await sqlite_desk.call("GET", f"/v1/manual/{name}/packet")
        assert answer.status == 200
        assert hashlib.sha256(answer.body).hexdigest() == packet["packet_sha256"]
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{packet["packet"]}.zip"'
        assert answer.headers["Cache-Control"] == "no-store"
        text = await sqlite_desk.call("GET", f"/v1/manual/{name}/text")
        assert text.body.decode("utf-8-sig").startswith("跨城通办办件封面")
        assert packet["packet"] in text.body.decode()
        shown = await sqlite_desk.call("GET", f"/v1/manual/{name}")
        assert shown.body["message_id"] == packet["message_id"]
    for name in (new_id(), f"445200-{CITY}-000999", f"441300-{CITY}-000001", "445200-441300-000001"):
        for page in ("", "/packet", "/text"):
            problem(await sqlite_desk.call("GET", f"/v1/manual/{name}{page}"), 404, "request.not_found")


async def test_the_worklist_in_pages_and_by_state(desk: Gateway) -> None:
    packets = [await handed_in(desk) for _ in range(3)]
    ids = [one["message_id"] for one in packets]
    assert await waiting(desk) == ids
    assert [one["packet"][-6:] for one in packets] == ["000001", "000002", "000003"]
    await registered(desk, ids[1], step="ARRIVED")
    assert await waiting(desk, f"city={CITY}") == [ids[0], ids[2]]
    assert await waiting(desk, "state=taken") == [ids[1]]
    first = (await desk.call("GET", "/v1/manual?state=all&limit=2")).body
    assert [one["message_id"] for one in first["data"]] == ids[:2]
    second = (await desk.call("GET", f"/v1/manual?state=all&limit=2&after={first['next']}")).body
    assert ([one["message_id"] for one in second["data"]], second["next"]) == (ids[2:], None)
    for query in ("state=done", "city=441300", "limit=0"):
        assert pointers(await desk.call("GET", f"/v1/manual?{query}")) == [f"/{query.split('=')[0]}"]


async def test_who_may(sqlite_desk: Gateway) -> None:
    packet = await handed_in(sqlite_desk)
    path = f"/v1/manual/{packet['message_id']}"
    readers = {Role.CLERK, Role.ADMIN, Role.AUDITOR}
    for role in Role:
        for page in ("/v1/manual", path, f"{path}/packet", f"{path}/text"):
            status = (await sqlite_desk.call("GET", page, role=role)).status
            assert status == (200 if role in readers else 403), (role, page)
    for role in set(Role) - {Role.CLERK, Role.ADMIN}:
        refused = await registered(sqlite_desk, packet["message_id"], step="ARRIVED", role=role)
        problem(refused, 403, "request.forbidden")
    elsewhere = sqlite_desk.token(Role.CLERK, "441300")
    for method, page in (("GET", "/v1/manual"), ("GET", path), ("GET", f"{path}/text")):
        problem(await sqlite_desk.call(method, page, token=elsewhere), 404, "request.not_found")
    foreign = await sqlite_desk.call("POST", f"{path}/steps", json={"occurred_at": later(0)}, token=elsewhere)
    problem(foreign, 404, "request.not_found")
    assert (await registered(sqlite_desk, packet["message_id"], step="ARRIVED", role=Role.ADMIN)).status == 200


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({}, ["/step"]),
        ({"reason": "无步骤"}, ["/step", "/step"]),
        ({"step": "PUSHED"}, ["/step"]),
        ({"step": "UNKNOWN"}, ["/step"]),
        ({"step": "DECIDED"}, ["/outcome"]),
        ({"step": "ACCEPTED", "outcome": "GRANTED"}, ["/outcome"]),
        ({"step": "DECIDED", "outcome": "REFUSED"}, ["/reason"]),
        ({"step": "REJECTED"}, ["/reason"]),
        ({"step": "SUPPLEMENT_ASKED"}, ["/reason"]),
        ({"step": "RETURNED"}, ["/reason"]),
        ({"step": "FORWARDED"}, ["/reason"]),
        ({"step": "ARRIVED", "occurred_at": "2999-01-01T00:00:00Z"}, ["/occurred_at"]),
        ({"step": "ARRIVED", "occurred_at": "2026-11-23T09:00:00"}, ["/occurred_at"]),
        ({"step": "ARRIVED", "occurred_at": "2020-01-01T09:00:00+08:00"}, ["/occurred_at"]),
        ({"parcel": {"carrier": "EMS", "number": "1", "direction": "up"}}, ["/parcel/number", "/parcel/direction"]),
    ],
)
async def test_a_wrong_registration_names_its_fields_and_keeps_nothing(
    sqlite_desk: Gateway, said: dict[str, Any], wanted: list[str]
) -> None:
    packet = await handed_in(sqlite_desk)
    assert pointers(await registered(sqlite_desk, packet["message_id"], key="k1", **said)) == wanted
    assert await waiting(sqlite_desk) == [packet["message_id"]]
    assert (await registered(sqlite_desk, packet["message_id"], key="k1", step="ARRIVED")).status == 200


async def test_a_step_within_the_minute_of_receipt_is_taken(sqlite_desk: Gateway) -> None:
    packet = await handed_in(sqlite_desk)
    received = datetime.fromisoformat((await case(sqlite_desk, packet))["received_at"])
    minute = received.astimezone(UTC).replace(second=0, microsecond=0)
    said = await registered(sqlite_desk, packet["message_id"], step="ARRIVED", occurred_at=minute.isoformat())
    assert said.body["state"] == "ARRIVED"
    ahead = await registered(sqlite_desk, packet["message_id"], step="ACCEPTED", occurred_at=later(200))
    assert ahead.body["state"] == "ACCEPTED"


async def test_an_impossible_step_is_refused_at_once(desk: Gateway) -> None:
    packet = await handed_in(desk)
    refused = await registered(desk, packet["message_id"], step="DECIDED", outcome="GRANTED")
    document = problem(refused, 409, "request.step_not_allowed")
    assert "ARRIVED" in document["allowed"]
    assert "PUSHED" not in document["allowed"]
    assert [event["type"] for event in await events(desk, packet)].count("DECIDED") == 0
    assert not (await case(desk, packet))["needs_review"]
    assert await waiting(desk) == [packet["message_id"]]


async def test_a_step_that_was_forgotten_is_registered_later(desk: Gateway) -> None:
    packet = await handed_in(desk)
    first = later(0)
    await registered(desk, packet["message_id"], step="ACCEPTED", occurred_at=later(30))
    said = await registered(desk, packet["message_id"], step="ARRIVED", occurred_at=first, case_number="GZ9")
    assert (said.body["state"], said.body["case_number"]) == ("ACCEPTED", "GZ9")
    assert not (await case(desk, packet))["needs_review"]


async def test_the_same_registration_again_changes_nothing(desk: Gateway) -> None:
    packet = await handed_in(desk)
    said: dict[str, Any] = {"step": "ARRIVED", "occurred_at": later(0), "case_number": "GZ1"}
    first = await registered(desk, packet["message_id"], key="once", **said)
    assert "Idempotent-Replayed" not in first.headers
    again = await registered(desk, packet["message_id"], key="once", **said)
    assert (again.status, again.headers["Idempotent-Replayed"], again.body) == (200, "true", first.body)
    other = await registered(desk, packet["message_id"], key="once", **said | {"case_number": "GZ2"})
    problem(other, 409, "request.idempotency_mismatch")
    without = await registered(desk, packet["message_id"], **said)
    assert (without.status, without.headers["Idempotent-Replayed"]) == (200, "true")
    other_packet = await handed_in(desk)
    problem(await registered(desk, other_packet["message_id"], key="once", **said), 409, "request.idempotency_mismatch")
    assert [event["type"] for event in await events(desk, packet)].count("ARRIVED") == 1
    bad_key = await registered(desk, packet["message_id"], key="a b", **said)
    problem(bad_key, 400, "request.idempotency_key_missing")


async def test_many_at_once_register_one_step(desk: Gateway) -> None:
    packet = await handed_in(desk)
    said: dict[str, Any] = {"step": "ARRIVED", "occurred_at": later(0)}
    answers = await asyncio.gather(*(registered(desk, packet["message_id"], key="k", **said) for _ in range(8)))
    assert [one.status for one in answers] == [200] * 8
    assert [("Idempotent-Replayed" in one.headers) for one in answers].count(False) == 1
    assert [event["type"] for event in await events(desk, packet)].count("ARRIVED") == 1


async def test_parcels_both_ways(desk: Gateway) -> None:
    packet = await handed_in(desk)
    out = {"carrier": "邮政EMS", "number": "EE123456789CN", "direction": "to_deciding"}
    said = await registered(desk, packet["message_id"], parcel=out)
    assert (said.body["state"], said.body["taken_by"]) == ("PUSHED", "clerk-445200")
    again = await registered(desk, packet["message_id"], parcel=out)
    assert again.headers["Idempotent-Replayed"] == "true"
    back = out | {"number": "EE987654321CN", "direction": "to_collecting"}
    both = await registered(desk, packet["message_id"], step="ARRIVED", parcel=back)
    assert both.body["state"] == "ARRIVED"
    shown = (await desk.call("GET", f"/v1/manual/{packet['packet']}")).body["parcels"]
    assert [(one["number"], one["direction"]) for one in shown] == [
        ("EE123456789CN", "to_deciding"),
        ("EE987654321CN", "to_collecting"),
    ]
    assert {(one["registered_by"], one["message_id"]) for one in shown} == {("clerk-445200", packet["message_id"])}


async def test_files_must_be_the_callers_own(desk: Gateway) -> None:
    packet = await handed_in(desk)
    await registered(desk, packet["message_id"], step="ACCEPTED")
    theirs = (await desk.upload(RESULT, role=Role.OFFICER)).body["file_id"]
    said: dict[str, Any]
    for file_id in (theirs, new_id()):
        said = {"step": "DECIDED", "outcome": "COMPLETED", "files": [file_id]}
        document = problem(await registered(desk, packet["message_id"], **said), 422, "request.file_unknown")
        assert [one["pointer"] for one in document["errors"]] == ["/files"]
    assert (await case(desk, packet))["state"] == "ACCEPTED"
    mine = (await desk.upload(RESULT)).body["file_id"]
    said = {"step": "DECIDED", "outcome": "COMPLETED", "files": [mine, mine]}
    assert (await registered(desk, packet["message_id"], role=Role.ADMIN, **said)).body["state"] == "DECIDED"
    assert [event["type"] for event in await events(desk, packet)].count("FILE_STORED") == 1


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        (["REJECTED"], "REJECTED"),
        (["ARRIVED", "RETURNED"], "RETURNED"),
        (["ARRIVED", "FORWARDED"], "FORWARDED"),
        (["ARRIVED", "FORWARDED", "ARRIVED", "ACCEPTED"], "ACCEPTED"),
        (["ARRIVED", "ACCEPTED", "SPECIAL_STARTED", "SPECIAL_ENDED"], "ACCEPTED"),
        (["ARRIVED", "WITHDRAWN"], "WITHDRAWN"),
    ],
)
async def test_every_way_a_case_can_go(sqlite_desk: Gateway, steps: list[str], state: str) -> None:
    packet = await handed_in(sqlite_desk)
    reason: dict[str, Any] = {}
    for number, step in enumerate(steps):
        reason = {"reason": "演示：应由另一机构办理"} if step in {"REJECTED", "RETURNED", "FORWARDED"} else {}
        said = await registered(sqlite_desk, packet["message_id"], step=step, occurred_at=later(number), **reason)
        assert said.status == 200, said.body
    assert (await case(sqlite_desk, packet))["state"] == state
    if reason:
        progress = (await sqlite_desk.call("GET", f"/v1/applications/{packet['application_id']}/progress")).body
        assert progress["data"][-1]["reason"] == "演示：应由另一机构办理"
        assert all("演示：应由" not in json.dumps(one, ensure_ascii=False) for one in await events(sqlite_desk, packet))


async def test_a_supplement_and_a_withdrawal_are_packets_of_their_own(desk: Gateway) -> None:
    packet = await handed_in(desk)
    path = f"/v1/applications/{packet['application_id']}"
    await registered(desk, packet["message_id"], step="ARRIVED")
    await registered(desk, packet["message_id"], step="SUPPLEMENT_ASKED", reason="请补交")
    given = {"materials": [{"material_code": "M09", "source": "paper"}], "note": "补一份"}
    answer = await desk.call("POST", f"{path}/supplements", json=given, headers={"Idempotency-Key": "s1"})
    assert answer.status == 202, answer.body
    supplement = await left(desk, packet["application_id"], "SUPPLEMENT")
    assert supplement["packet"] == f"445200-{CITY}-000002"
    text = (await desk.call("GET", f"/v1/manual/{supplement['packet']}/text")).body.decode("utf-8-sig")
    assert text.startswith("补正材料函")
    assert "M09" in text
    confirmed = await registered(desk, supplement["message_id"], step="SUPPLEMENT_GIVEN")
    assert (confirmed.status, confirmed.body["state"]) == (200, "ARRIVED")
    back = {"reason": "不办了"}
    answer = await desk.call("POST", f"{path}/withdrawal", json=back, headers={"Idempotency-Key": "w1"})
    assert answer.status == 202, answer.body
    withdrawal = await left(desk, packet["application_id"], "WITHDRAW")
    confirmed = await registered(desk, withdrawal["message_id"], step="WITHDRAWN")
    assert (confirmed.status, confirmed.body["state"]) == (200, "WITHDRAWN")
    found = await case(desk, packet)
    assert (found["state"], found["needs_review"]) == ("WITHDRAWN", False)


async def test_online_cases_too(sqlite_desk: Gateway) -> None:
    whole = body(sqlite_desk, city=CITY, code="002017900001", as_mode=Mode.ONLINE)
    taken = await sqlite_desk.submit(whole)
    assert taken.status == 202, taken.body
    packet = await left(sqlite_desk, taken.body["application_id"])
    text = (await sqlite_desk.call("GET", f"/v1/manual/{packet['message_id']}/text")).body.decode("utf-8-sig")
    assert "办理方式：全程网办" in text


async def test_in_whatever_order_a_course_is_registered_it_ends_the_same(sqlite_desk: Gateway) -> None:
    """What is refused because something before it is missing is taken once that is there."""
    course: list[dict[str, Any]] = [
        {"step": "ARRIVED", "case_number": "GZ1"},
        {"step": "SUPPLEMENT_ASKED", "reason": "请补交"},
        {"step": "ACCEPTED"},
        {"step": "DECIDED", "outcome": "GRANTED"},
    ]
    for order in itertools.permutations(range(4)):
        packet = await handed_in(sqlite_desk)
        begun = now() + timedelta(seconds=1)
        left_over = [course[n] | {"occurred_at": (begun + timedelta(seconds=n)).isoformat()} for n in order]
        for _ in range(4):
            answers = [await registered(sqlite_desk, packet["message_id"], **said) for said in left_over]
            assert {one.status for one in answers} <= {200, 409}
            left_over = [said for said, one in zip(left_over, answers, strict=True) if one.status == 409]
        assert left_over == []
        found = await case(sqlite_desk, packet)
        assert (found["state"], found["outcome"], found["case_number"]) == ("DECIDED", "GRANTED", "GZ1"), order
        assert not found["needs_review"], order


async def test_what_the_city_did_before_our_withdrawal_reached_it_is_kept_for_a_person(desk: Gateway) -> None:
    packet = await handed_in(desk)
    await registered(desk, packet["message_id"], step="ACCEPTED")
    path = f"/v1/applications/{packet['application_id']}/withdrawal"
    answer = await desk.call("POST", path, json={"reason": "不办了"}, headers={"Idempotency-Key": "w"})
    assert answer.status == 202, answer.body
    file = (await desk.upload(RESULT, "结果.pdf")).body["file_id"]
    said = await registered(desk, packet["message_id"], step="DECIDED", outcome="GRANTED", files=[file])
    assert said.status == 200
    found = await case(desk, packet)
    assert (found["state"], found["needs_review"]) == ("WITHDRAWN", True)
    assert {"DECIDED", "FILE_STORED"} <= {event["type"] for event in await events(desk, packet)}
