"""The gateway dies again and again while others hand in cases for us: the office gets each once, and none is lost."""

import asyncio
import hashlib
import random
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.domain.access import Role
from tests.journeys.office import OWN, PARTNER, caller, collected, office_world
from tests.journeys.test_journeys import ended
from tests.journeys.test_reliability import seed_of
from tests.journeys.world import Client, World, kill

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = 8
CASES = 80


def content_of(number: int) -> bytes:
    return b"%PDF-1.4 " + hashlib.sha256(str(number).encode()).digest() * (1 + number % 300)


async def hand_in(world: World, partner: Client, number: int) -> None:
    """A partner that does not give up: the same key and body until there is a receipt."""
    while (file_id := await partner.upload(content_of(number))) is None:
        await asyncio.sleep(0.1)
    body = collected(world, number, [file_id])
    while await partner.submit(body, f"key-{number}") is None:
        await asyncio.sleep(0.1)


async def hand_in_all(world: World, partner: Client) -> None:
    waiting = iter(range(CASES))

    async def window() -> None:
        for number in waiting:
            await hand_in(world, partner, number)
            await asyncio.sleep(0.2)

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(window())


async def test_kill_9_and_an_office_that_goes_down_and_comes_back(
    tmp_path: Path, database_url: str | None, request: pytest.FixtureRequest
) -> None:
    rng = random.Random(seed_of(request))
    async with office_world(tmp_path, database_url, pace="0.05") as world:
        await world.control(OWN, slow_before_s=0.03, slow_after_s=0.03)
        async with world.gateway() as (_, url):
            port = urlsplit(url).port or 0
        async with caller(world, url, Role.PARTNER, PARTNER) as partner:
            handing_in = asyncio.create_task(hand_in_all(world, partner))
            for number in range(KILLS):
                await world.control(OWN, down=number in {2, 3, 5})
                async with world.gateway(port=port) as (process, _):
                    await asyncio.sleep(rng.uniform(0.1, 1.2))
                    await kill(process)
            await world.control(OWN, down=False)
            async with world.gateway(port=port):
                await handing_in
                refs = list(partner.acknowledged)
                assert len(refs) >= CASES
                await ended(partner, refs)
                await check(world, partner, refs)


async def check(world: World, partner: Client, refs: list[str]) -> None:
    """Each acknowledged case once in the office's books with its file whole, and nothing in them that nobody sent."""
    books = world.books(OWN)
    assert {ref: len(numbers) for ref, numbers in books.bookings.items()} == dict.fromkeys(refs, 1)
    whole = {hashlib.sha256(content_of(number)).hexdigest() for number in range(CASES)}
    for ref in refs:
        case = await partner.get(f"/v1/applications/{ref}")
        assert (case["state"], case["needs_review"], case["case_number"]) == ("DECIDED", False, books.bookings[ref][0])
        assert set(books.files_in[ref]) <= whole
        events = await partner.get(f"/v1/applications/{ref}/events")
        assert events["chain"]["broken_at"] is None
        assert [event["type"] for event in events["data"]].count("PUSHED") == 1
