"""Two whole gateways: a case goes from one to the other, is decided there, and its result returns with the file."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import now
from gateway.domain.access import Role
from gateway.domain.days import beijing_day
from gateway.storage.sql import SQL
from gateway.usecases.fetch_catalogue import fetch, fetched
from gateway.usecases.normalise_file import dialect_of
from schemas.errors import SourceUnreadable
from tests.gateways import Gateway
from tests.journeys.peer_world import (
    A,
    B,
    Pair,
    Side,
    application_to,
    case,
    items,
    kinds,
    make_sides,
    pair,
    peer_secrets,
    state_is,
    step,
    until,
    write_profiles,
)

CONTENT = b"%PDF-1.4 " + bytes(range(256)) * 3000
RESULT = b"%PDF-1.4 result " + b"r" * 5000


@pytest.fixture
def sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Side, Side]:
    both = make_sides(tmp_path)
    for name, value in peer_secrets(*both).items():
        monkeypatch.setenv(name, value)
    return both


def each_calls(a: Side, b: Side) -> None:
    write_profiles(a, b, called=True)
    write_profiles(b, a, called=True)


def only_a_calls(a: Side, b: Side) -> None:
    """A has no open port: B leaves everything for it."""
    write_profiles(a, b, called=False)
    write_profiles(b, a, called=True, calls=False)


async def hand_in(gateway: Gateway, collecting: str, deciding: str) -> str:
    uploaded = await gateway.upload(CONTENT, name="身份证 𠮷.pdf", city=collecting)
    answer = await gateway.submit(application_to(deciding, collecting, [uploaded.body["file_id"]]), city=collecting)
    assert answer.status == 202, answer.body
    return str(answer.body["application_id"])


async def decide(gateway: Gateway, city: str, application_id: str) -> str:
    """Accepted and granted, with a result file; the case's number."""
    accepted = await step(gateway, city, application_id, {"step": "ACCEPTED"})
    file = await gateway.upload(RESULT, name="结果.pdf", role=Role.OFFICER, city=city)
    action = {"step": "DECIDED", "outcome": "GRANTED", "files": [file.body["file_id"]]}
    await step(gateway, city, application_id, action)
    return str(accepted["case_number"])


async def returned(gateway: Gateway, collecting: str, application_id: str, number: str) -> None:
    """The collecting city has the decision and the result file, whole."""
    await state_is(gateway, collecting, application_id, "DECIDED")

    async def stored() -> bool:
        return "FILE_STORED" in await kinds(gateway, collecting, application_id)

    await until(stored, what="the result file is here")
    found = await case(gateway, collecting, application_id)
    assert found is not None
    assert (found["outcome"], found["case_number"], found["needs_review"]) == ("GRANTED", number, False)
    listed = (await gateway.call("GET", f"/v1/applications/{application_id}/files", city=collecting)).body["data"]
    (result,) = [file for file in listed if file["role"] == "result"]
    assert (result["name"], result["sha256"]) == ("结果.pdf", hashlib.sha256(RESULT).hexdigest())
    chain = await kinds(gateway, collecting, application_id)
    assert sorted(chain) == sorted(["SUBMITTED", "RECEIVED", "PUSHED", "ARRIVED", "ACCEPTED", "DECIDED", "FILE_STORED"])


async def whole_journey(both: Pair, collecting: str, deciding: str) -> None:
    sender, receiver = both.of(collecting), both.of(deciding)
    ref = await hand_in(sender, collecting, deciding)
    await state_is(receiver, deciding, ref, "ARRIVED")
    files = (await receiver.call("GET", f"/v1/applications/{ref}/files", city=deciding)).body["data"]
    assert {file["sha256"] for file in files} == {hashlib.sha256(CONTENT).hexdigest()}
    await state_is(sender, collecting, ref, "ARRIVED")
    number = await decide(receiver, deciding, ref)
    await returned(sender, collecting, ref, number)


async def test_a_case_goes_over_and_its_result_returns(sides: tuple[Side, Side], database_url: str | None) -> None:
    each_calls(*sides)
    async with pair(sides, {A: database_url}) as both:
        await whole_journey(both, A, B)
        await whole_journey(both, B, A)
        pushed = await both.a.services.db.fetch(SQL("SELECT data FROM events WHERE type = 'PUSHED'"))
        assert all(b'"receipt":"' in bytes(row[0]) for row in pushed)


async def test_a_gateway_without_an_open_port_fetches_and_brings(
    sides: tuple[Side, Side], database_url: str | None
) -> None:
    only_a_calls(*sides)
    async with pair(sides, {B: database_url}) as both:
        await whole_journey(both, A, B)
        await whole_journey(both, B, A)
        rows = await both.b.services.db.fetch(
            SQL("SELECT kind, taken_at_ms IS NOT NULL, receipt IS NOT NULL FROM tray ORDER BY number")
        )
        kinds_left = [(row[0], bool(row[2])) for row in rows]
        assert kinds_left.count(("SUBMIT", True)) == 1
        assert [kind for kind, _ in kinds_left].count("REPORT") == 3
        assert both.b.services.adapters[A].profile.transport == "peer_gateway"


@pytest.mark.parametrize("reach", [each_calls, only_a_calls])
@pytest.mark.parametrize(("collecting", "deciding"), [(A, B), (B, A)])
async def test_a_supplement_and_a_withdrawal_follow(
    sides: tuple[Side, Side], reach: Any, collecting: str, deciding: str
) -> None:
    reach(*sides)
    async with pair(sides) as both:
        sender, receiver = both.of(collecting), both.of(deciding)
        ref = await hand_in(sender, collecting, deciding)
        await state_is(receiver, deciding, ref, "ARRIVED")
        await step(receiver, deciding, ref, {"step": "SUPPLEMENT_ASKED", "reason": "请补交身份证复印件"})
        await state_is(sender, collecting, ref, "SUPPLEMENT")
        file = await sender.upload(b"%PDF-1.4 more", name="补正.pdf", city=collecting)
        body = {"materials": [{"material_code": "S01", "files": [file.body["file_id"]]}], "note": "已补齐"}
        path = f"/v1/applications/{ref}"
        key = {"Idempotency-Key": "supplement-1"}
        given = await sender.call("POST", f"{path}/supplements", json=body, headers=key, city=collecting)
        assert given.status == 202, given.body
        await state_is(receiver, deciding, ref, "ARRIVED")
        files = (await receiver.call("GET", f"{path}/files", city=deciding)).body["data"]
        assert hashlib.sha256(b"%PDF-1.4 more").hexdigest() in {one["sha256"] for one in files}
        key = {"Idempotency-Key": "withdrawal-1"}
        gone = await sender.call(
            "POST", f"{path}/withdrawal", json={"reason": "不再需要"}, headers=key, city=collecting
        )
        assert gone.status == 202, gone.body
        await state_is(receiver, deciding, ref, "WITHDRAWN")
        found = await case(sender, collecting, ref)
        assert found is not None
        assert (found["state"], found["needs_review"]) == ("WITHDRAWN", False)


@pytest.mark.parametrize("reach", [each_calls, only_a_calls])
async def test_what_the_peer_does_not_take_comes_back_with_its_reason(sides: tuple[Side, Side], reach: Any) -> None:
    """B's own catalogue no longer has the item that A still offers."""
    reach(*sides)
    collecting, deciding = (A, B) if reach is each_calls else (B, A)
    async with pair(sides) as both:
        sender, receiver = both.of(collecting), both.of(deciding)
        async with receiver.services.db.transaction() as tx:
            await tx.execute(SQL("DELETE FROM items WHERE city = ?"), deciding)
        receiver.services.catalogue.items._held.clear()
        ref = await hand_in(sender, collecting, deciding)
        if reach is each_calls:

            async def held() -> bool:
                found = (await sender.call("GET", "/v1/outbox?state=held", role=Role.ADMIN, city=collecting)).body
                return [one["last_code"] for one in found["data"]] == ["partner.refused"]

            await until(held, what="the message waits for a person")
        else:
            await state_is(sender, collecting, ref, "RETURNED")
            progress = (await sender.call("GET", f"/v1/applications/{ref}/progress", city=collecting)).body["data"]
            assert (progress[-1]["partner_code"], "没有事项" in progress[-1]["reason"]) == (
                "request.item_unknown",
                True,
            )
        assert await case(receiver, deciding, ref) is None


async def test_the_peers_items_become_ours(sides: tuple[Side, Side]) -> None:
    each_calls(*sides)
    async with pair(sides) as both:
        profile = both.a.services.profiles[B]
        dialect = dialect_of(profile, beijing_day(now()))
        context = both.a.services.peers.context
        with tempfile.TemporaryFile() as spool:
            assert await fetch(profile, dialect, context, spool) == 8
            results = list(fetched(spool, dialect))
        offered = {code: item for (city, code), item in items().items() if city == B}
        read = {one.normalized.item.item_code: one.normalized.item for one in results if one.normalized.item}
        assert read.keys() == offered.keys()
        assert [read[code].name for code in offered] == [item.name for item in offered.values()]
        left = both.a.services.profiles[B].model_copy(
            update={"peer_gateway": profile.peer_gateway.model_copy(update={"url": None})}  # type: ignore[union-attr]
        )
        with tempfile.TemporaryFile() as spool, pytest.raises(SourceUnreadable):
            await fetch(left, dialect, context, spool)
