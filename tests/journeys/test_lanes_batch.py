"""10,000 cases through a whole gateway to a city that takes batches: one batch, within a minute, in bounded memory."""

import asyncio
import time
from pathlib import Path

import pytest

from gateway.cli.bench.measuring import rss_mb
from schemas.agreement import Mode
from tests.journeys.world import Client, World, client, open_world, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CITY = "445100"
CASES = 10_000
FILES = 100
FILE_BYTES = 20_000
BUDGET_S = 60
MOST_MB = 600
WHOLE = {
    f"TONGBAN_CITY_{CITY}_BATCH_S": "1800",
    f"TONGBAN_CITY_{CITY}_TIMEOUT_S": "2400",
    f"TONGBAN_CITY_{CITY}_EVERY_S": "2",
}
"""An hour's window, or near enough: what ends it here is that the batch is full."""


async def submit_all(world: World, one: Client, count: int) -> None:
    files = [await one.upload(f"{number}".encode() * (FILE_BYTES // 4), f"材料{number}.pdf") for number in range(FILES)]
    numbers = iter(range(count))

    async def window() -> None:
        for number in numbers:
            file_id = files[number % FILES]
            assert file_id is not None
            body = world.body(CITY, number, mode=Mode.COLLECT, files=[file_id])
            assert await one.submit(body, f"b-{number}") is not None

    async with asyncio.TaskGroup() as group:
        for _ in range(32):
            group.create_task(window())


async def test_ten_thousand_cases_in_one_batch(tmp_path: Path) -> None:
    async with open_world(tmp_path, None, pace="silent", cities={CITY: "chaozhou"}) as world:
        world.parties.environment.update(WHOLE)
        async with world.gateway() as (process, url), client(world, url) as one:
            began = time.monotonic()
            await submit_all(world, one, CASES - 1)
            taken_s, waiting_mb = time.monotonic() - began, rss_mb(process.pid)
            assert world.books(CITY).bookings == {}, "the batch gathers until it is full"
            began = time.monotonic()
            assert await one.submit(world.body(CITY, CASES), "the-last") is not None

            async def all_left() -> bool:
                async with one.session.get(f"{url}/metrics") as response:
                    return 'tongban_outbox{city="445100"' not in await response.text()

            await until(all_left, within_s=300, what="every message has left the outbox")
            sent_s, most_mb = time.monotonic() - began, rss_mb(process.pid)

            async def all_booked() -> bool:
                return len(world.books(CITY).bookings) == CASES

            await until(all_booked, within_s=120, what="the city has booked every case")
        print(f"\ntaken {taken_s:.1f} s, sent {sent_s:.1f} s, {waiting_mb} MB waiting, {most_mb} MB after")
        assert len(list((tmp_path / f"sftp-{CITY}" / "records").glob("*.sent"))) == 1
        books = world.books(CITY)
        assert {len(numbers) for numbers in books.bookings.values()} == {1}
        assert set(books.deliveries.values()) == {1}
        assert sent_s <= BUDGET_S
        assert most_mb <= MOST_MB
