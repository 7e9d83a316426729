"""Lanes seen from outside: what one city's trouble does to it and to nobody else, and what an operator sees of it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.access import Role
from tests.journeys.world import UNSAFE, Client, World, client, kill, open_world, until

pytestmark = pytest.mark.slow

BAD, GOOD = "441300", "441500"
PLAYED = {BAD: "huizhou", GOOD: "shanwei"}


@asynccontextmanager
async def started(
    folder: Path, cities: Mapping[str, str] = PLAYED, **settings: str
) -> AsyncIterator[tuple[World, Client]]:
    extra = {f"TONGBAN_{name}": value for name, value in settings.items()}
    async with (
        open_world(folder, None, pace="silent", extra=extra, cities=cities) as world,
        world.gateway() as (_, url),
        client(world, url) as one,
    ):
        yield world, one


async def gauge(one: Client, name: str, **labels: str) -> float | None:
    """A value of /metrics; None where it is not shown."""
    async with one.session.get(f"{one.url}/metrics") as response:
        text = await response.text()
    pairs = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    wanted = f"{name}{{{pairs}}} "
    return next((float(line.removeprefix(wanted)) for line in text.splitlines() if line.startswith(wanted)), None)


async def breaker(one: Client, city: str = BAD) -> tuple[str, float | None]:
    """(what /v1/cities says, what /metrics says)."""
    cities = {found["code"]: found for found in (await one.get("/v1/cities"))["data"]}
    return cities[city]["breaker"], await gauge(one, "tongban_breaker_open", city=city)


def said(world: World, event: str) -> list[dict[str, Any]]:
    """The gateway's log lines of one kind."""
    lines = (world.folder / "a" / "gateway.log").read_bytes().splitlines()
    return [line for line in map(json.loads, (x for x in lines if x.startswith(b"{"))) if line["event"] == event]


async def submit(world: World, one: Client, city: str, count: int, first: int = 0) -> list[str]:
    return [str(await one.submit(world.body(city, n), f"{city}-{n}")) for n in range(first, first + count)]


async def pushed(one: Client, ids: list[str], *, within_s: float = 20) -> None:
    async def all_pushed() -> bool:
        return all([(await one.get(f"/v1/applications/{ref}"))["state"] == "PUSHED" for ref in ids])

    await until(all_pushed, within_s=within_s, what="all are pushed")


def sent_to(world: World, city: str) -> int:
    """How many messages came to a city, by its own books."""
    return sum(world.books(city).deliveries.values())


async def until_breaker(one: Client, state: str, city: str = BAD) -> None:
    async def reached() -> bool:
        return (await breaker(one, city))[0] == state

    await until(reached, within_s=20, what=f"the breaker of {city} is {state}")


async def test_a_hanging_city_fills_its_own_lane_and_memory_is_bounded(tmp_path: Path) -> None:
    async with started(tmp_path, LANE_CAPACITY="10") as (world, one):
        await world.control(BAD, slow_before_s=60)
        stuck = await submit(world, one, BAD, 60)
        began = time.monotonic()
        await pushed(one, await submit(world, one, GOOD, 20))
        assert time.monotonic() - began < 12, "less than the hanging city's own limit of time"
        await asyncio.sleep(0.5)  # a sweep or two
        assert await gauge(one, "tongban_lane_in_flight", city=BAD) == 16
        assert await gauge(one, "tongban_lane_depth", city=BAD) == 10
        assert await gauge(one, "tongban_outbox", city=BAD, state="ready") == 60
        assert await gauge(one, "tongban_lane_depth", city=GOOD) == 0
        assert sent_to(world, BAD) == 16
        states = {(await one.get(f"/v1/applications/{ref}"))["state"] for ref in stuck}
        assert states <= {"SUBMITTED", "RECEIVED"}


async def test_the_breaker_in_metrics_and_log_from_down_to_recovery(tmp_path: Path) -> None:
    async with started(tmp_path, BREAKER_FAILURES="3", BREAKER_OPEN_S="1.5") as (world, one):
        assert await breaker(one) == ("closed", 0.0), "shown before anything happens"
        await world.control(BAD, fail_count=1000, fail_status=500)
        first = await submit(world, one, BAD, 6)
        await until_breaker(one, "open")
        assert (await breaker(one))[1] == 1.0
        before = sent_to(world, BAD)
        await asyncio.sleep(0.6)
        assert sent_to(world, BAD) == before, "nothing is sent while it is open, retries included"
        assert await breaker(one, GOOD) == ("closed", 0.0)
        await world.control(BAD, fail_count=0, slow_before_s=1.5)
        second = await submit(world, one, BAD, 6, first=6)
        await until_breaker(one, "half_open")
        assert (await breaker(one))[1] == 1.0
        await asyncio.sleep(0.4)
        assert sent_to(world, BAD) - before <= 1, "one message tries for all"
        await world.control(BAD, slow_before_s=0)
        await until_breaker(one, "closed")
        assert (await breaker(one))[1] == 0.0
        await pushed(one, first + second)
    (down,), (recovered,) = said(world, "city.down"), said(world, "city.recovered")
    assert (down["city"], down["code"], down["level"]) == (BAD, "partner.ambiguous", "warning")
    assert recovered["city"] == BAD
    assert down["timestamp"] < recovered["timestamp"]


async def test_a_restarted_gateway_knows_that_a_city_is_down(tmp_path: Path) -> None:
    async with open_world(
        tmp_path, None, pace="silent", cities={BAD: "huizhou"}, extra={"TONGBAN_BREAKER_OPEN_S": "15"}
    ) as world:
        await world.control(BAD, fail_count=1000, fail_status=500)
        async with world.gateway() as (process, url), client(world, url) as one:
            ids = await submit(world, one, BAD, 6)
            await until_breaker(one, "open")

            async def said_so() -> bool:
                return len(said(world, "city.down")) == 1

            await until(said_so, within_s=5, what="it is stored, and then said")
            await kill(process)
        await world.control(BAD, fail_count=0)
        before = sent_to(world, BAD)
        async with world.gateway() as (_, url), client(world, url) as one:
            assert await breaker(one) == ("open", 1.0)
            assert sent_to(world, BAD) == before
            await pushed(one, ids, within_s=40)
            assert await breaker(one) == ("closed", 0.0)
    assert [len(said(world, event)) for event in ("city.down", "city.recovered")] == [1, 1]


async def test_a_city_that_asks_for_patience_is_left_alone_and_is_not_down(tmp_path: Path) -> None:
    async with started(tmp_path, BREAKER_FAILURES="1") as (world, one):
        await world.control(BAD, later_count=1, retry_after_s=3)
        first = await submit(world, one, BAD, 1)

        async def asked() -> bool:
            return bool(said(world, "city.busy"))

        await until(asked, within_s=10, what="the city asked for patience")
        others = await submit(world, one, BAD, 5, first=1)
        await asyncio.sleep(1)
        assert sent_to(world, BAD) == 1
        assert await breaker(one) == ("closed", 0.0)
        await pushed(one, first + others)
        assert sent_to(world, BAD) == 7
        tries = (await one.get(f"/v1/applications/{first[0]}/attempts"))["data"]
        assert [found["outcome"] for found in tries] == ["deferred", "delivered"]
    (busy,) = said(world, "city.busy")
    assert (busy["city"], busy["wait_s"]) == (BAD, 3)
    deferred = next(line["timestamp"] for line in said(world, "delivery.deferred"))
    delivered = [line["timestamp"] for line in said(world, "delivery.delivered") if line["city"] == BAD]
    assert seconds(delivered[0]) - seconds(deferred) >= 2.9
    assert said(world, "city.down") == []


def seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()


async def test_a_refusal_is_an_answer(tmp_path: Path) -> None:
    async with started(tmp_path, BREAKER_FAILURES="1") as (world, one), client(world, one.url, Role.ADMIN) as admin:
        await world.control(BAD, refuse_count=3)
        await submit(world, one, BAD, 3)

        async def all_held() -> bool:
            return len((await admin.get("/v1/outbox?state=held"))["data"]) == 3

        await until(all_held, within_s=10, what="each refusal is before a person")
        assert await breaker(one) == ("closed", 0.0)
        await pushed(one, await submit(world, one, BAD, 3, first=3))
    assert said(world, "city.down") == []


async def test_an_unsafe_city_that_does_not_answer_is_down_too(tmp_path: Path) -> None:
    """Each message of it goes to a person at once; that is no reason to send it all of them."""
    extra = {f"CITY_{UNSAFE}_TIMEOUT_S": "0.5", "BREAKER_FAILURES": "2", "BREAKER_OPEN_S": "60"}
    cities = {UNSAFE: "shanwei"}
    async with started(tmp_path, cities, **extra) as (world, one), client(world, one.url, Role.ADMIN) as admin:
        await world.control(UNSAFE, slow_before_s=5)
        await submit(world, one, UNSAFE, 2)
        await until_breaker(one, "open", UNSAFE)
        await submit(world, one, UNSAFE, 30, first=2)
        await asyncio.sleep(0.5)
        assert sent_to(world, UNSAFE) == 2
        held = (await admin.get("/v1/outbox?state=held"))["data"]
        assert [(entry["last_code"], entry["unclear"]) for entry in held] == [("partner.ambiguous", True)] * 2
        assert (await breaker(one, UNSAFE))[1] == 1.0
    assert [line["city"] for line in said(world, "city.down")] == [UNSAFE]


async def test_a_batch_that_is_cut_is_one_failure(tmp_path: Path) -> None:
    batches = "445100"
    settings = {f"CITY_{batches}_BATCH_S": "3", "BREAKER_FAILURES": "2", "BREAKER_OPEN_S": "60"}
    async with started(tmp_path, {batches: "chaozhou"}, **settings) as (world, one):
        await world.control(batches, cut_at_bytes=10, cut_count=4)  # the first try and its quick repeats, and one more
        ids = await submit(world, one, batches, 8)
        await pushed(one, ids, within_s=40)
        assert await breaker(one, batches) == ("closed", 0.0)
    assert len(said(world, "delivery.deferred")) >= 2, "several messages failed, together"
    assert said(world, "city.down") == []


async def test_a_code_nobody_knows_puts_the_case_before_a_person(tmp_path: Path) -> None:
    async with (
        open_world(tmp_path, None, cities=PLAYED) as world,
        world.gateway() as (_, url),
        client(world, url) as one,
        client(world, url, Role.ADMIN) as admin,
    ):
        await world.control(GOOD, outcome="unknown")
        (odd,) = await submit(world, one, GOOD, 1)
        (usual,) = await submit(world, one, BAD, 1)

        async def under_review() -> bool:
            return [case["application_id"] for case in (await admin.get("/v1/reviews"))["data"]] == [odd]

        await until(under_review, within_s=20, what="the case is 待核, and only that")
        assert await gauge(one, "tongban_progress_reports_total", city=GOOD, result="set_aside") == 1
        assert await breaker(one, GOOD) == ("closed", 0.0), "a code we do not know is an answer"
        assert not (await one.get(f"/v1/applications/{usual}"))["needs_review"]
