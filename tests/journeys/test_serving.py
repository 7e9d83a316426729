"""A gateway as a process: a slow city delays no other, and SIGTERM loses nothing that is in flight."""

import asyncio
import signal
import time
from pathlib import Path

from tests.journeys.world import client, kill, open_world, until


async def test_a_hanging_city_holds_only_its_own_lane(tmp_path: Path) -> None:
    async with (
        open_world(tmp_path, None, pace="silent") as world,
        world.gateway() as (_, url),
        client(world, url) as one,
    ):
        await world.control("441300", slow_before_s=12)
        stuck = [str(await one.submit(world.body("441300", n), f"s{n}")) for n in range(40)]
        began = time.monotonic()
        quick = [str(await one.submit(world.body("441500", n), f"q{n}")) for n in range(20)]

        async def all_pushed() -> bool:
            states = [(await one.get(f"/v1/applications/{ref}"))["state"] for ref in quick]
            return set(states) == {"PUSHED"}

        await until(all_pushed, within_s=8, what="the other city's cases are through")
        assert time.monotonic() - began < 10
        states = {(await one.get(f"/v1/applications/{ref}"))["state"] for ref in stuck}
        assert states <= {"SUBMITTED", "RECEIVED"}


async def test_sigterm_finishes_what_is_in_flight_and_keeps_the_rest(tmp_path: Path, database_url: str | None) -> None:
    async with open_world(tmp_path, database_url, pace="silent") as world:
        await world.control("441300", slow_before_s=1.0)
        async with world.gateway() as (process, url), client(world, url) as one:
            refs = [str(await one.submit(world.body("441300", n), f"k{n}")) for n in range(30)]
            await asyncio.sleep(0.3)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
            assert time.monotonic() - began < 6
        booked = set(world.books("441300").bookings)
        assert 0 < len(booked) < 30, "some were in flight and finished, the rest stayed in the outbox"
        await world.control("441300", slow_before_s=0)
        async with world.gateway() as (_, url), client(world, url) as one:

            async def all_pushed() -> bool:
                states = [(await one.get(f"/v1/applications/{ref}"))["state"] for ref in refs]
                return set(states) == {"PUSHED"}

            await until(all_pushed, within_s=15, what="the next start delivers the rest")
        books = world.books("441300")
        assert set(books.bookings) == set(refs)
        assert all(count == 1 for ref, count in books.deliveries.items() if ref in booked)


def children(pid: int) -> list[int]:
    """Processes started by `pid`."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


async def test_nothing_of_a_killed_gateway_stays_behind(tmp_path: Path) -> None:
    async with open_world(tmp_path, None, pace="silent") as world, world.gateway() as (process, _):

        async def has_signing_process() -> bool:
            return bool(children(process.pid))

        await until(has_signing_process, within_s=10, what="the signing process has started")
        started = children(process.pid)
        await kill(process)

        async def all_gone() -> bool:
            return not any(running(pid) for pid in started)

        await until(all_gone, within_s=5, what="its processes have ended")
