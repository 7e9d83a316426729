"""Three cities behind one hub, through a whole gateway: each has its own lane, none can touch another's cases."""

import asyncio
import hashlib
import hmac
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.clock import new_id, now
from gateway.domain.access import Role
from gateway.storage.sql import SQL
from schemas.errors import PartnerProtocol, PartnerUnavailable
from tests.adapters.hub_world import BEHIND, HUB, INBOUND_SECRET, HubWorld, hub_world
from tests.adapters.messages import message_to
from tests.gateways import Answer
from tests.journeys.world import until

_STRAYS = SQL("SELECT COUNT(*) FROM strays WHERE city = ?")


async def ended(world: HubWorld, refs: list[str]) -> None:
    async def all_ended() -> bool:
        return all([(await world.case(ref))["ended"] for ref in refs])

    await until(all_ended, within_s=30, what="every case has ended")


def breakers(world: HubWorld) -> dict[str, str]:
    return {city: lane.breaker.state for city, lane in world.gateway.services.worker.lanes.items()}


async def strays(world: HubWorld) -> int:
    async with world.gateway.services.db.transaction() as tx:
        row = await tx.fetch_one(_STRAYS, HUB)
    return int(row[0]) if row else 0


async def test_cases_to_all_three_come_back_with_their_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str | None
) -> None:
    async with hub_world(tmp_path, monkeypatch, database_url) as world:
        sent = {await world.hand_in(city, n, files=1): city for city in BEHIND for n in range(3)}
        await ended(world, list(sent))
        booked = world.bookings()
        for ref, city in sent.items():
            case = await world.case(ref)
            assert (case["state"], case["outcome"], case["deciding_city"]) == ("DECIDED", "GRANTED", city)
            assert booked[ref] == [case["case_number"]]
            assert case["case_number"].startswith(f"{city}-")

        async def all_here() -> bool:
            listed = [(await world.gateway.call("GET", f"/v1/applications/{ref}/files")).body["data"] for ref in sent]
            return all(sum(file["role"] == "result" for file in files) == 1 for files in listed)

        await until(all_here, within_s=10, what="the results are here")
        assert world.rows("select count(distinct our_ref || sha256) from files_in") == [(len(sent),)]
        assert await strays(world) == 0


async def test_a_city_down_behind_the_hub_holds_up_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with hub_world(tmp_path, monkeypatch) as world:
        await world.control(areas_down="441400")
        down = [await world.hand_in("441400", n) for n in range(6)]

        async def open_breaker() -> bool:
            return breakers(world)["441400"] != "closed"

        await until(open_breaker, within_s=10, what="the breaker of the city that is down has opened")
        up = [await world.hand_in(city, n) for city in ("440500", "441500") for n in range(6)]
        await ended(world, up)
        states = breakers(world)
        assert states["441400"] != "closed"
        assert {city for city, state in states.items() if state != "closed"} == {"441400"}
        assert {(await world.case(ref))["state"] for ref in down} == {"SUBMITTED"}
        await world.control(areas_down="")
        await ended(world, down)
        assert {len(numbers) for numbers in world.bookings().values()} == {1}
        assert world.bookings().keys() == {*up, *down}


async def test_a_city_that_hangs_leaves_the_others_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hub_world(tmp_path, monkeypatch, timeout_s="20") as world:
        await world.control(areas_slow="441400")
        stuck = [await world.hand_in("441400", n) for n in range(12)]
        began = time.monotonic()
        quick = [await world.hand_in(city, n) for city in ("440500", "441500") for n in range(6)]
        await ended(world, quick)
        assert time.monotonic() - began < 15
        assert world.gateway.services.worker.lanes["441400"].breaker.state == "closed", "nothing has failed yet"
        assert len(stuck) == 12


async def test_the_places_of_a_hub_are_shared_by_its_cities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with hub_world(tmp_path, monkeypatch, pace="silent") as world:
        await world.control(slow_before_s=0.8)
        places = {city: lane_places(world, city) for city in BEHIND}
        assert places == dict.fromkeys(BEHIND, 4), "a city holds at most half of the hub's places"
        for n in range(6):
            for city in BEHIND:
                await world.hand_in(city, n)

        async def all_came() -> bool:
            return len(world.rows("select 1 from deliveries")) == 18

        await until(all_came, within_s=15, what="everything was delivered")
        times = sorted(at for (at,) in world.rows("select at from deliveries"))
        assert max(sum(at <= other < at + 0.75 for other in times) for at in times) <= 8


def lane_places(world: HubWorld, city: str) -> int:
    return world.gateway.services.adapters[city].profile.limits.in_flight


async def test_a_hub_that_goes_down_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with hub_world(tmp_path, monkeypatch) as world:
        await world.control(down=True)
        refs = [await world.hand_in(city, n) for city in BEHIND for n in range(3)]
        await asyncio.sleep(1)
        assert world.bookings() == {}
        await world.control(down=False)
        await ended(world, refs)
        assert {ref: len(numbers) for ref, numbers in world.bookings().items()} == dict.fromkeys(refs, 1)


async def test_the_same_message_twice_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with hub_world(tmp_path, monkeypatch) as world:
        await world.control(cut_count=3, cut_after_booking=True)
        refs = [await world.hand_in(city, key=f"k{city}") for city in BEHIND]
        await ended(world, refs)
        assert [await world.hand_in(city, key=f"k{city}") for city in BEHIND] == refs
        assert {ref: len(numbers) for ref, numbers in world.bookings().items()} == dict.fromkeys(refs, 1)
        assert len(world.rows("select 1 from deliveries")) == 6


@pytest.mark.parametrize("told", ["441500", "441300", HUB, "nowhere"])
async def test_a_report_that_names_another_city_touches_no_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    async with hub_world(tmp_path, monkeypatch) as world:
        await world.control(mislabel=told)
        ref = await world.hand_in("440500")

        async def kept_aside() -> bool:
            return await strays(world) == 3

        await until(kept_aside, within_s=15, what="the reports are kept for a person")
        case = await world.case(ref)
        assert (case["state"], case["needs_review"]) == ("PUSHED", False)
        await world.control(mislabel="")
        other = await world.hand_in("440500", 1)
        await ended(world, [other])


async def call_back(world: HubWorld, city: str, row: dict[str, Any]) -> Answer:
    body, nonce, at = orjson.dumps(row), new_id(), str(int(now().timestamp()))
    text = f"{at}|{nonce}|{hashlib.sha256(body).hexdigest()}"
    mac = hmac.new(INBOUND_SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    headers = {"X-Hub-Time": at, "X-Hub-Nonce": nonce, "X-Hub-Sign": mac}
    return await world.gateway.call("POST", f"/v1/callbacks/{city}", data=body, token="", headers=headers)


async def test_callbacks_come_to_the_hub_and_only_for_the_city_of_the_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hub_world(tmp_path, monkeypatch, pace="silent") as world:
        ref = await world.hand_in("440500")

        async def pushed() -> bool:
            return bool((await world.case(ref))["state"] == "PUSHED")

        await until(pushed, within_s=10, what="the case is pushed")
        row = {"bizNo": ref, "area": "440500", "node": "20", "nodeNo": 2, "time": int(now().timestamp() * 1000)}
        for wrong in ("441500", "441300", HUB):
            refused = await call_back(world, HUB, row | {"area": wrong})
            assert (refused.status, refused.body["code"]) == (404, "request.not_found")
        assert (await call_back(world, "440500", row)).status == 404, "the city behind the hub does not call"
        unread = await call_back(world, HUB, {**row, "area": None})
        assert (unread.status, unread.body["code"]) == (422, "request.invalid")
        assert (await world.case(ref))["state"] == "PUSHED"
        taken = await call_back(world, HUB, row)
        assert (taken.status, taken.body) == (200, {"rtn": "0"})
        assert (await world.case(ref))["state"] == "ACCEPTED"


async def test_a_withdrawal_goes_through_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with hub_world(tmp_path, monkeypatch) as world:
        await world.control(outcome="asks")
        ref = await world.hand_in("441500")

        async def asked() -> bool:
            return bool((await world.case(ref))["state"] == "SUPPLEMENT")

        await until(asked, within_s=10, what="a supplement is asked for")
        path = f"/v1/applications/{ref}/withdrawal"
        answer = await world.gateway.call(
            "POST", path, json={"reason": "不再需要"}, role=Role.CLERK, headers={"Idempotency-Key": new_id()}
        )
        assert answer.status == 202, answer.body

        async def booked() -> bool:
            return world.rows("select our_ref, kind from follow_ups") == [(ref, "WITHDRAW")]

        await until(booked, within_s=10, what="the hub has the withdrawal")
        assert (await world.case(ref))["state"] == "WITHDRAWN"


async def test_a_city_behind_the_hub_asks_what_the_hub_can_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hub_world(tmp_path, monkeypatch) as world:
        city = world.gateway.services.adapters["441400"]
        await city.probe()
        with pytest.raises(PartnerProtocol):  # the platform has no such question
            await city.find(message_to("441400")[0])
        await world.control(down=True)
        with pytest.raises(PartnerUnavailable):
            await city.probe()
