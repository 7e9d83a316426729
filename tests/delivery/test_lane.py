"""A lane hands out what may go, oldest first, and never more than its city takes at once."""

import asyncio
import contextvars
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.delivery.breaker import Breaker
from gateway.delivery.places import Places
from schemas.errors import PartnerAmbiguous, PartnerRefused, PartnerUnavailable
from tests.delivery.lanes import ACK, Answer, Bench, City, bench, running

DOWN = PartnerAmbiguous("lost", "不明")
NO = PartnerRefused("no", "否")


def of_city(lines: list[Any]) -> list[str]:
    return [line["event"] for line in lines if line["event"].startswith("city.")]


async def test_oldest_first_and_never_more_than_the_city_takes_at_once() -> None:
    one = bench(City(in_flight=3, gate=asyncio.Semaphore(0)))
    one.add(4)  # before the lane runs
    assert one.city.log == []
    async with running(one):
        one.add(6)
        await asyncio.sleep(0.01)
        assert one.city.log == [0, 1, 2]
        assert one.gauge("tongban_lane_depth") == 7
        assert one.gauge("tongban_lane_in_flight") == 3
        for _ in range(10):
            assert one.city.gate is not None
            one.city.gate.release()
            await asyncio.sleep(0.002)
        await one.ended(10)
        assert one.city.log == list(range(10))
        assert one.city.most_at_once == 3
        assert one.gauge("tongban_lane_in_flight") == 0


async def test_only_as_many_wait_in_memory_as_there_is_room_for() -> None:
    one = bench(City(in_flight=1))
    async with running(one):
        one.add(1)
        assert sum(one.lane.reserve() for _ in range(500)) == 100
        assert one.lane.room == 0
        one.lane.hand_over(None, None, "me")
        assert one.lane.room == 1
        assert one.lane.reserve()
        assert not one.lane.reserve()


async def test_stop_finishes_what_is_in_flight_and_starts_nothing() -> None:
    one = bench(City(in_flight=2))
    run = asyncio.ensure_future(one.lane.run())
    await asyncio.sleep(0)
    one.add(5)
    await asyncio.sleep(0.01)
    one.lane.stop()
    assert not one.lane.reserve()
    one.add(1)
    await asyncio.sleep(0.01)
    assert not run.done()
    one.city.open.set()
    await run
    assert one.city.log == [0, 1]
    assert [unit.what for unit in one.completions.done] == ["delivered", "delivered"]


async def test_a_crash_ends_the_lane_and_sends_nothing_more() -> None:
    one = bench(City(in_flight=2, gate=asyncio.Semaphore(1)))
    one.completions.crash = True
    one.add(9)
    with pytest.raises(ExceptionGroup) as crashed:
        await one.lane.run()
    assert crashed.group_contains(RuntimeError, match="database is gone")
    assert one.city.log[:2] == [0, 1]
    assert len(one.city.log) <= 3, "the one place that became free may have been used before the crash"


async def test_a_message_is_not_sent_in_the_context_of_the_request_that_brought_it() -> None:
    request: contextvars.ContextVar[str] = contextvars.ContextVar("request", default="none")
    one = bench(City(seen=request.get))
    one.city.open.set()
    async with running(one):
        request.set("somebody's")
        one.add(2)
        await one.ended(2)
    assert one.city.contexts == ["none", "none"]


async def test_down_and_recovery_are_each_said_once_and_stored() -> None:
    answers: list[Answer] = [*[DOWN] * 6, NO, *[ACK] * 20]
    one = bench(City(in_flight=4, answer=lambda _: answers.pop(0)))
    one.city.open.set()
    with capture_logs() as lines:
        async with running(one):
            one.add(4)
            await one.ended(4)
            assert one.gauge("tongban_breaker_open") == 1
            one.add(9)
            await one.until(lambda: one.lane.breaker.state == "closed")
            await one.ended(13)
    assert of_city(lines) == ["city.down", "city.recovered"]
    assert one.saved == ["open", "closed"]
    assert one.gauge("tongban_breaker_open") == 0
    down = next(line for line in lines if line["event"] == "city.down")
    assert (down["city"], down["code"]) == ("441300", "partner.ambiguous")


async def test_while_it_is_half_open_one_message_is_under_way() -> None:
    one = bench(City(in_flight=8, answer=lambda number: DOWN if number < 8 else ACK))
    one.city.open.set()
    async with running(one):
        one.add(8)
        await one.ended(8)
        one.city.open.clear()
        one.add(20)
        await one.until(lambda: one.lane.breaker.state == "half_open")
        await asyncio.sleep(0.15)
        assert one.city.log[8:] == [8], "and no other while it is"
        assert one.gauge("tongban_breaker_open") == 1
        one.city.open.set()
        await one.ended(28)
        assert one.gauge("tongban_breaker_open") == 0


@pytest.mark.parametrize("how", ["another owner", "lease lapsed"])
async def test_a_probe_that_is_not_ours_any_more_gives_way_to_the_next(how: str) -> None:
    breaker = Breaker(1, first_pause_s=0.05)
    one = bench(City(in_flight=4), breaker)
    one.city.open.set()
    breaker.failed(one.lane._tools.now_ms())
    async with running(one):
        if how == "another owner":
            one.add(1, owner="before the lapse")
        else:
            one.lease.good = False
            one.add(1)
            await one.until(lambda: one.gauge("tongban_lane_depth") == 0)
            await asyncio.sleep(0.01)
            one.lease.good = True
        one.add(1)
        await one.ended(1)
        assert one.city.log == [1]
        assert breaker.state == "closed"


async def test_a_refusal_is_an_answer_and_a_busy_city_is_not_down() -> None:
    later = PartnerUnavailable("later", "稍后", retry_after_s=0.6)
    answers: list[Answer] = [*[DOWN, NO] * 4, *[later] * 3, *[ACK] * 3]
    one = bench(City(in_flight=3, answer=lambda _: answers.pop(0)), Breaker(2, first_pause_s=0.05))
    one.city.open.set()
    with capture_logs() as lines:
        async with running(one):
            for count in range(1, 9):
                one.add(1)
                await one.ended(count)
            one.add(3)
            await one.ended(11)
            busy_since = asyncio.get_running_loop().time()
            one.add(3)
            await asyncio.sleep(0.1)
            assert len(one.city.log) == 11, "nothing is sent as long as it asks for patience"
            assert one.gauge("tongban_breaker_open") == 0
            await one.ended(14)
            assert asyncio.get_running_loop().time() - busy_since > 0.4
    assert of_city(lines) == ["city.busy"]
    assert [unit.what for unit in one.completions.done[:8]] == ["deferred", "held"] * 4
    assert [unit.tries for unit in one.completions.done[8:11]] == [0, 0, 0]
    assert one.saved == []


def hub(*codes: str, count: int) -> list[Bench]:
    places = Places(count)
    return [bench(City(code=code, in_flight=4, gate=asyncio.Semaphore(0)), places=places) for code in codes]


async def test_the_cities_of_a_hub_share_its_places_in_turn() -> None:
    first, second = hub("441300", "441500", count=2)
    async with running(first, second):
        first.add(6)
        second.add(3)
        await asyncio.sleep(0.01)
        assert (first.city.log, second.city.log) == ([0, 1], [])
        order = []
        for _ in range(7):
            before = len(first.city.log), len(second.city.log)
            (first.city if first.city.at_once else second.city).gate.release()  # type: ignore[union-attr]
            await asyncio.sleep(0.005)
            order += [1] * (len(first.city.log) - before[0]) + [2] * (len(second.city.log) - before[1])
        assert order[:3] == [2, 1, 2] or order[:3] == [1, 2, 1], "each in its turn"
        assert first.city.at_once + second.city.at_once <= 2
        for one in (first, second):
            for _ in range(9):
                one.city.gate.release()  # type: ignore[union-attr]
        await first.ended(6)
        await second.ended(3)


async def test_a_city_behind_a_hub_that_is_down_leaves_its_places_to_the_others() -> None:
    first, second = hub("441300", "441500", count=2)
    first.lane.breaker.threshold = 1
    async with running(first, second):
        first.lane.breaker.failed(first.lane._tools.now_ms() + 60_000)
        first.add(5)
        second.add(5)
        await asyncio.sleep(0.01)
        assert (first.city.log, second.city.log) == ([], [0, 1])
        for _ in range(5):
            second.city.gate.release()  # type: ignore[union-attr]
        await second.ended(5)
        first.lane.stop()
        first.city.gate.release()  # type: ignore[union-attr]
