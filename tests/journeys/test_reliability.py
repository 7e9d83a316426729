"""Proof of reliability: kill -9 at random moments, partners down, late, repeating; books read from the cities' stores.

Each acknowledged application must be in its city's books exactly once, with its files whole; at an `unsafe` city
nothing is ever sent twice without a person.
"""

import asyncio
import hashlib
import os
import random
import time
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from gateway.domain.access import Role
from schemas.agreement import Mode
from tests.journeys.world import CITIES, UNSAFE, Client, World, client, kill, open_world, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

KILLS = 16
APPLICATIONS = 260
READ_LATER = ("441400", "445100")
"""Delivered to them = left for them; their books say so a moment later."""
FAST = {
    f"TONGBAN_CITY_{city}_{name}": value for city in CITIES for name, value in (("SETTLE_S", "1"), ("EVERY_S", "0.3"))
}


def seed_of(request: pytest.FixtureRequest) -> int:
    """A fresh seed, printed; TONGBAN_TEST_SEED repeats a run."""
    seed = int(os.environ.get("TONGBAN_TEST_SEED", str(random.SystemRandom().randrange(10**6))))
    print(f"\nseed {seed} for {request.node.name}: repeat with TONGBAN_TEST_SEED={seed}")
    return seed


def content_of(number: int) -> bytes:
    return b"%PDF-1.4 " + hashlib.sha256(str(number).encode()).digest() * (1 + number % 300)


async def submit_until_acknowledged(world: World, one: Client, number: int) -> None:
    """A window that does not give up: the same key and body until there is a receipt."""
    city = list(CITIES)[number % len(CITIES)]
    while (file_id := await one.upload(content_of(number))) is None:
        await asyncio.sleep(0.1)
    body = world.body(city, number // len(CITIES), mode=(Mode.ONLINE, Mode.COLLECT)[number % 2], files=[file_id])
    body["caller_reference"] = str(number)
    while await one.submit(body, f"key-{number}") is None:
        await asyncio.sleep(0.1)


async def submit_all(world: World, one: Client, numbers: range, at_once: int = 12) -> None:
    waiting = iter(numbers)

    async def window() -> None:
        for number in waiting:
            await submit_until_acknowledged(world, one, number)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(window())


async def drained(admin: Client, *, within_s: float) -> float:
    """Wait until only held messages are left; how long that took."""
    began = time.monotonic()

    async def empty() -> bool:
        try:
            return not (await admin.get("/v1/outbox?state=ready&limit=1"))["data"]
        except aiohttp.ClientError:
            return False

    await until(empty, within_s=within_s, what="the outbox is drained")
    return time.monotonic() - began


async def act_as_person(world: World, admin: Client) -> set[str]:
    """人工处置 of every held message: ask the city (its books); settle what it has, replay what it has not.

    Until a person acts, nothing may have been sent to an `unsafe` city twice. Gives the cases that were replayed.
    """
    blind = {ref: n for ref, n in world.books(UNSAFE).deliveries.items() if n > 1}
    assert not blind, f"sent again blindly: {blind}"
    held = (await admin.get("/v1/outbox?state=held&limit=200"))["data"]
    replayed = set()
    for entry in held:
        assert entry["city"] == UNSAFE, entry
        assert entry["unclear"], entry
        has_it = entry["application_id"] in world.books(entry["city"]).bookings
        if not has_it:
            replayed.add(entry["application_id"])
        path = f"{admin.url}/v1/outbox/{entry['message_id']}/{'settle' if has_it else 'replay'}"
        async with admin.session.post(path, headers={"Authorization": f"Bearer {admin.token}"}) as response:
            assert response.status in {200, 202}
    print(f"{len(held)} put before a person, {len(replayed)} of them sent again by one")
    return replayed


async def check_books(world: World, acknowledged: dict[str, str], replayed: set[str]) -> None:
    """Every acknowledged case exactly once in its city's books, and nothing in them that nobody sent."""

    async def read() -> bool:
        left = [(application_id, city) for application_id, city in acknowledged.items() if city in READ_LATER]
        books = {city: world.books(city).bookings for city in READ_LATER}
        return all(application_id in books[city] for application_id, city in left)

    await until(read, within_s=30, what="the cities that read what was left for them have read everything")
    for city in CITIES:
        books = world.books(city)
        ours = {application_id for application_id, where in acknowledged.items() if where == city}
        lost = ours - books.bookings.keys()
        doubled = {ref for ref, numbers in books.bookings.items() if len(numbers) > 1}
        assert not lost, f"{city} lost {len(lost)} of {len(ours)}"
        assert not doubled, f"{city} booked {len(doubled)} twice"
        if city == UNSAFE:
            blind = {ref: n for ref, n in books.deliveries.items() if n > 1 + (ref in replayed)}
            assert not blind, f"sent again blindly: {blind}"


async def test_kill_9_at_random_moments(
    tmp_path: Path, database_url: str | None, request: pytest.FixtureRequest
) -> None:
    rng = random.Random(seed_of(request))
    async with open_world(tmp_path, database_url, pace="silent", extra=FAST) as world:
        for city in CITIES:
            if city != "441400":
                await world.control(city, slow_before_s=0.03, slow_after_s=0.03)
        async with world.gateway() as (_, url):
            port = urlsplit(url).port or 0
        async with client(world, url) as one, client(world, url, Role.ADMIN) as admin:
            submitting = asyncio.create_task(submit_all(world, one, range(APPLICATIONS)))
            for _ in range(KILLS):
                async with world.gateway(port=port) as (process, _):
                    await asyncio.sleep(rng.uniform(0.1, 1.2))
                    await kill(process)
            async with world.gateway(port=port) as (_, _):
                await submitting
                await drained(admin, within_s=60)
                replayed = await act_as_person(world, admin)
                await drained(admin, within_s=60)
                acknowledged = {ref: city for ref, (city, _) in one.acknowledged.items()}
                print(f"{KILLS} kills, {len(acknowledged)} acknowledged")
                assert len(acknowledged) >= APPLICATIONS
                await check_books(world, acknowledged, replayed)
                for application_id, city in list(acknowledged.items())[::7]:
                    case = await one.get(f"/v1/applications/{application_id}")
                    assert case["state"] not in {"SUBMITTED", "RECEIVED"}, (city, case)
                    chain = await one.get(f"/v1/applications/{application_id}/events")
                    assert chain["chain"]["broken_at"] is None
                await _check_files(world, one, acknowledged)


async def _check_files(world: World, one: Client, acknowledged: dict[str, str]) -> None:
    """The digests in the city's books are those of the files we hold for the case, and both are what was uploaded."""
    uploaded = {hashlib.sha256(content_of(number)).hexdigest() for number in range(APPLICATIONS)}
    for city in CITIES:
        books = world.books(city)
        for application_id in [ref for ref, where in acknowledged.items() if where == city]:
            files = (await one.get(f"/v1/applications/{application_id}/files"))["data"]
            ours = {file["sha256"] for file in files if file["role"] == "application"}
            assert set(books.files_in[application_id]) == ours
            assert ours <= uploaded


async def test_a_restarted_process_resumes_its_own_messages_at_once(tmp_path: Path, database_url: str | None) -> None:
    async with open_world(tmp_path, database_url, pace="silent", extra=FAST | {"TONGBAN_LEASE_S": "30"}) as world:
        async with world.gateway() as (_, url):
            port = urlsplit(url).port or 0
        for city in CITIES:
            if city != "441400":
                await world.control(city, slow_before_s=0.4)
        async with client(world, url) as one, client(world, url, Role.ADMIN) as admin:
            async with world.gateway(port=port) as (process, _):
                for number in range(60):
                    await submit_until_acknowledged(world, one, number)
                await kill(process)
            for city in CITIES:
                if city != "441400":
                    await world.control(city, slow_before_s=0)
            async with world.gateway(port=port):
                # lease 30 s: only taking over our own rows at the start can be this quick
                took_s = await drained(admin, within_s=15)
                print(f"resumed and drained {took_s:.2f} s after the port was open")
                replayed = await act_as_person(world, admin)
                await drained(admin, within_s=15)
                acknowledged = {ref: city for ref, (city, _) in one.acknowledged.items()}
                await check_books(world, acknowledged, replayed)


async def test_partners_down_for_the_whole_run_then_up(tmp_path: Path, database_url: str | None) -> None:
    async with (
        open_world(tmp_path, database_url, pace="silent", extra=FAST) as world,
        world.gateway() as (_, url),
        client(world, url) as one,
        client(world, url, Role.ADMIN) as admin,
    ):
        for city in CITIES:
            await world.control(city, down=True)
        await submit_all(world, one, range(60))
        await asyncio.sleep(3)
        cities = {city["code"]: city for city in (await admin.get("/v1/cities"))["data"]}
        assert cities["441300"]["breaker"] in {"open", "half_open"}
        for city in CITIES:
            await world.control(city, down=False)
        await drained(admin, within_s=60)
        replayed = await act_as_person(world, admin)
        await drained(admin, within_s=60)
        acknowledged = {ref: city for ref, (city, _) in one.acknowledged.items()}
        await check_books(world, acknowledged, replayed)
        cities = {city["code"]: city for city in (await admin.get("/v1/cities"))["data"]}
        assert cities["441300"]["breaker"] == "closed"


@pytest.mark.parametrize("when", ["before", "after"])
async def test_partners_that_answer_after_our_timeout(tmp_path: Path, when: str) -> None:
    late = {f"TONGBAN_CITY_{city}_TIMEOUT_S": "0.4" for city in CITIES if city != "445100"} | FAST
    late |= {f"TONGBAN_CITY_{city}_SETTLE_S": "1.5" for city in CITIES}
    async with (
        open_world(tmp_path, None, pace="silent", extra=late) as world,
        world.gateway() as (_, url),
        client(world, url) as one,
        client(world, url, Role.ADMIN) as admin,
    ):
        cities = [city for city in CITIES if city not in {"441400", "445100"}]  # these answer with what they leave us
        for city in cities:
            await world.control(city, **{f"slow_{when}_s": 0.9})
        await submit_all(world, one, range(40))
        await asyncio.sleep(3)
        for city in cities:
            await world.control(city, **{f"slow_{when}_s": 0})
        await drained(admin, within_s=60)
        await asyncio.sleep(1)
        replayed = await act_as_person(world, admin)
        await drained(admin, within_s=60)
        assert not replayed, "the late city has everything: a person only settles"
        acknowledged = {ref: city for ref, (city, _) in one.acknowledged.items()}
        await check_books(world, acknowledged, replayed)


async def test_two_gateways_on_one_postgresql_one_killed_mid_lease(tmp_path: Path, postgres_url: str) -> None:
    async with open_world(tmp_path, postgres_url, pace="silent", extra=FAST) as world:
        for city in CITIES:
            if city != "441400":
                await world.control(city, slow_before_s=0.05)
        async with (
            world.gateway("b") as (process, other_url),
            world.gateway("a") as (_, url),
            client(world, url) as one,
            client(world, other_url) as two,
            client(world, url, Role.ADMIN) as admin,
        ):
            first = asyncio.create_task(submit_all(world, one, range(120)))
            second = asyncio.create_task(_submit_until_gone(world, two, range(1000, 1300)))
            await asyncio.sleep(1.5)
            await kill(process)
            await second
            await first
            began = time.monotonic()
            await drained(admin, within_s=30)
            print(f"all taken over and delivered {time.monotonic() - began:.2f} s later (lease 2 s)")
            replayed = await act_as_person(world, admin)
            await drained(admin, within_s=30)
            acknowledged = {ref: city for c in (one, two) for ref, (city, _) in c.acknowledged.items()}
            assert len(acknowledged) > 120
            await check_books(world, acknowledged, replayed)


async def _submit_until_gone(world: World, one: Client, numbers: range) -> None:
    """Submit until the gateway stops answering."""
    for number in numbers:
        city = list(CITIES)[number % len(CITIES)]
        if await one.submit(world.body(city, number), f"key-{number}") is None:
            return
