"""The sweep: what is due and nobody's goes to the lanes that have room; what a dead process held becomes nobody's."""

from dataclasses import dataclass, field
from typing import Any, cast

from gateway.delivery.worker import Worker
from gateway.storage import outbox
from gateway.storage.database import Database
from gateway.storage.outbox import INSERT_OUTBOX, Entry
from gateway.storage.sql import SQL

NOW = 1_000_000


@dataclass
class Lane:
    room: int = 100
    taken: list[str] = field(default_factory=list)

    def add(self, entry: Entry, _message: None, owner: str) -> None:
        assert owner == entry.owner == "us"
        self.taken.append(entry.message_id)
        self.room -= 1


@dataclass
class Lease:
    owner: str = "us"
    good: bool = True

    def valid(self) -> bool:
        return self.good


@dataclass
class World:
    db: Database
    lanes: dict[str, Lane]
    worker: Worker
    lease: Lease
    now_ms: list[int]

    async def put(
        self, *ids: str, city: str = "441300", owner: str | None = None, due: int = NOW, case: str = "", state: str = ""
    ) -> None:
        rows = [
            Entry(i, case or f"c-{i}", n + 1, city, "SUBMIT", None, state or "ready", owner, due, NOW)
            for n, i in enumerate(ids)
        ]
        async with self.db.transaction() as tx:
            await tx.insert(INSERT_OUTBOX, [row.values() for row in rows])

    async def alive(self, owner: str, until: int) -> None:
        async with self.db.transaction() as tx:
            await outbox.keep_alive(tx, owner, owner, until, NOW)

    async def owners(self) -> set[str]:
        return {row[0] for row in await self.db.fetch(SQL("SELECT owner FROM owners"))}


async def world(db: Database, **rooms: int) -> World:
    lanes = {city.removeprefix("c"): Lane(room) for city, room in (rooms or {"c441300": 100}).items()}
    lease, clock = Lease(), [NOW]
    worker = Worker(db, cast(Any, lanes), cast(Any, lease), lambda: clock[0], sweep_s=1)
    made = World(db, lanes, worker, lease, clock)
    await made.alive("us", NOW + 10_000)
    return made


async def test_what_is_due_and_nobodys_goes_where_there_is_room(db: Database) -> None:
    one = await world(db, c441300=2, c441500=0, c445100=5)
    await one.put("a", "b", "c")
    await one.put("d", city="441500")
    await one.put("e", city="445100", due=NOW + 1)
    await one.put("f", city="445100", owner="us")
    await one.put("g", city="445100", state="held")
    await one.put("h", city="000001")
    assert await one.worker.sweep_once() == 2
    assert {city: len(lane.taken) for city, lane in one.lanes.items()} == {"441300": 2, "441500": 0, "445100": 0}
    one.now_ms[0] += 1
    one.lanes["441300"].room = one.lanes["441500"].room = 9
    assert await one.worker.sweep_once() == 3
    assert {city: lane.taken for city, lane in one.lanes.items() if city != "441300"} == {
        "441500": ["d"],
        "445100": ["e"],
    }
    assert sorted(one.lanes["441300"].taken) == ["a", "b", "c"]
    assert await one.worker.sweep_once() == 0


async def test_a_message_that_waits_for_the_one_before_it_is_not_due(db: Database) -> None:
    one = await world(db)
    await one.put("first", "second", case="c")
    async with db.transaction() as tx:
        await outbox.hold(tx, [(1, None, "partner.refused", "no", "first")])
    assert await outbox.due_cities(db, ["441300"], NOW) == []
    async with db.transaction() as tx:
        await outbox.settle(tx, "first")
    assert await outbox.due_cities(db, ["441300", "441500"], NOW) == ["441300"]
    assert await outbox.due_cities(db, [], NOW) == []


async def test_what_dead_processes_held_is_taken_over(db: Database) -> None:
    one = await world(db)
    await one.alive("living", NOW + 5000)
    await one.put("before us", owner="never seen")
    await one.put("theirs", owner="living")
    await one.put("ours", owner="us")
    assert await one.worker.sweep_once() == 1
    assert one.lanes["441300"].taken == ["before us"]
    assert await one.worker.sweep_once() == 0
    one.now_ms[0] = NOW + 5000
    assert await one.worker.sweep_once() == 1
    assert one.lanes["441300"].taken == ["before us", "theirs"]
    assert await one.owners() == {"us"}


async def test_without_a_lease_nothing_is_taken(db: Database) -> None:
    one = await world(db)
    await one.put("a")
    one.lease.good = False
    assert await one.worker.sweep_once() == 0
    one.lease.good = True
    assert await one.worker.sweep_once() == 1
