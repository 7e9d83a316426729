"""赣州 with a clerk who works its packets: a process of its own that has nothing of ours but an address and a token."""

import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.cli.processes import Parties, robot_clerks
from gateway.domain.access import Role
from tests.gateways import Gateway
from tests.web.manual_desk import CITY, handed_in, left, open_desk

PATIENCE_S = 30


@dataclass
class Office:
    """The gateway, and the city's own books."""

    gateway: Gateway
    parties: Parties

    async def told(self, **settings: Any) -> None:
        url = f"{self.parties.urls[CITY]}/_control"
        async with aiohttp.ClientSession() as session, session.post(url, json=settings) as answer:
            assert answer.status == 200, await answer.text()

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.parties.books(CITY)}?mode=ro", uri=True, timeout=10)) as db:
            return list(db.execute(sql, values))

    async def until(self, application_id: str, *states: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                case = (await self.gateway.call("GET", f"/v1/applications/{application_id}")).body
                if case["state"] in states:
                    return dict(case)
                await asyncio.sleep(0.05)

    async def progress(self, application_id: str) -> list[dict[str, Any]]:
        return list((await self.gateway.call("GET", f"/v1/applications/{application_id}/progress")).body["data"])


@asynccontextmanager
async def working(folder: Path, gateway: Gateway) -> AsyncIterator[Office]:
    parties = Parties(folder)
    token = gateway.token(Role.CLERK, caller="robot")
    async with robot_clerks(parties, gateway.url, token, pace="0.02"):
        yield Office(gateway, parties)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with open_desk(tmp_path, None) as gateway, working(tmp_path, gateway) as opened:
        yield opened


async def test_a_case_is_booked_once_and_its_result_comes_back(office: Office) -> None:
    packet = await handed_in(office.gateway, files=(b"hello",))
    our_ref = packet["application_id"]
    case = await office.until(our_ref, "DECIDED")
    ((number, mode),) = office.rows("select case_number, mode from bookings where our_ref = ?", our_ref)
    assert (case["case_number"], mode, case["outcome"]) == (number, "1", "GRANTED")
    assert office.rows("select name, sha256 from files_in") == [("材料.pdf", hashlib.sha256(b"hello").hexdigest())]
    files = (await office.gateway.call("GET", f"/v1/applications/{our_ref}/files")).body["data"]
    results = [one["sha256"] for one in files if one["role"] == "result"]
    assert [(digest,) for digest in results] == office.rows("select sha256 from files_out")
    assert (await office.gateway.call("GET", f"/v1/manual/{packet['packet']}")).body["taken_by"] == "robot"


async def test_what_is_registered_twice_happened_once(office: Office) -> None:
    await office.told(repeat=1)
    packets = [await handed_in(office.gateway) for _ in range(3)]
    for packet in packets:
        await office.until(packet["application_id"], "DECIDED")
        steps = [report["step"] for report in await office.progress(packet["application_id"])]
        assert steps == ["ARRIVED", "ACCEPTED", "DECIDED"]
    assert len(office.rows("select * from bookings")) == 3


@pytest.mark.parametrize(
    ("outcome", "state", "steps"),
    [
        ("refused", "DECIDED", ["ARRIVED", "ACCEPTED", "DECIDED"]),
        ("returned", "RETURNED", ["ARRIVED", "ACCEPTED", "RETURNED"]),
        ("rejected", "REJECTED", ["ARRIVED", "REJECTED"]),
        ("supplement", "DECIDED", ["ARRIVED", "SUPPLEMENT_ASKED", "SUPPLEMENT_GIVEN", "ACCEPTED", "DECIDED"]),
        ("forwarded", "DECIDED", ["ARRIVED", "FORWARDED", "ARRIVED", "ACCEPTED", "DECIDED"]),
    ],
)
async def test_every_way_a_case_can_go(office: Office, outcome: str, state: str, steps: list[str]) -> None:
    await office.told(outcome=outcome)
    packet = await handed_in(office.gateway)
    case = await office.until(packet["application_id"], state)
    assert not case["needs_review"]
    progress = await office.progress(packet["application_id"])
    assert [report["step"] for report in progress] == steps
    told = office.rows("select step from steps where our_ref = ? order by rowid", packet["application_id"])
    assert [step for (step,) in told] == steps
    asked = [
        report for report in progress if report["step"] in ("SUPPLEMENT_ASKED", "FORWARDED", "REJECTED", "RETURNED")
    ]
    assert all(report["reason"] for report in asked)


async def test_a_refusal_before_anything_is_booked(office: Office) -> None:
    await office.told(refuse_count=1)
    packet = await handed_in(office.gateway)
    await office.until(packet["application_id"], "REJECTED")
    assert office.rows("select * from bookings") == []


async def test_a_supplement_goes_there_as_a_second_packet(office: Office) -> None:
    await office.told(outcome="asks")
    packet = await handed_in(office.gateway)
    our_ref = packet["application_id"]
    await office.until(our_ref, "SUPPLEMENT")
    file = (await office.gateway.upload(b"%PDF-1.4 more", "补.pdf")).body["file_id"]
    given = {"materials": [{"material_code": "M09", "files": [file]}]}
    path = f"/v1/applications/{our_ref}/supplements"
    answer = await office.gateway.call("POST", path, json=given, headers={"Idempotency-Key": "s"})
    assert answer.status == 202, answer.body
    case = await office.until(our_ref, "DECIDED")
    assert not case["needs_review"]
    assert office.rows("select our_ref, kind, files from follow_ups") == [(our_ref, "SUPPLEMENT", 1)]
    assert office.rows("select name from files_in where our_ref = ?", our_ref) == [("补.pdf",)]


async def test_a_withdrawal_ends_the_walk(office: Office) -> None:
    await office.told(outcome="asks")
    packet = await handed_in(office.gateway)
    our_ref = packet["application_id"]
    await office.until(our_ref, "SUPPLEMENT")
    path = f"/v1/applications/{our_ref}/withdrawal"
    answer = await office.gateway.call("POST", path, json={"reason": "不办了"}, headers={"Idempotency-Key": "w"})
    assert answer.status == 202, answer.body
    withdrawal = await left(office.gateway, our_ref, "WITHDRAW")
    async with asyncio.timeout(PATIENCE_S):
        while not (await office.gateway.call("GET", f"/v1/manual/{withdrawal['message_id']}")).body["taken_by"]:
            await asyncio.sleep(0.05)
    case = await office.until(our_ref, "WITHDRAWN")
    assert not case["needs_review"]
    assert office.rows("select kind from follow_ups") == [("WITHDRAW",)]


async def test_the_clerk_begins_where_it_stopped(tmp_path: Path) -> None:
    async with open_desk(tmp_path, None) as gateway:
        async with working(tmp_path, gateway) as office:
            first = await handed_in(gateway)
            await office.until(first["application_id"], "DECIDED")
        second = await handed_in(gateway)
        async with working(tmp_path, gateway) as office:
            await office.until(second["application_id"], "DECIDED")
            assert len(office.rows("select * from bookings")) == 2
            assert len(office.rows("select * from deliveries")) == 2
