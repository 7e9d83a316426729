"""投递: all lanes of one process, the sweep that claims what is due, and the lease that makes it ours."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from gateway.delivery.lane import Lane
from gateway.delivery.lease import Lease
from gateway.storage import outbox
from gateway.storage.database import Database

log = structlog.get_logger()

_CLAIM_AT_ONCE = 500


class Worker:
    """Runs the lanes."""

    def __init__(self, db: Database, lanes: Mapping[str, Lane], lease: Lease, now_ms: Any, *, sweep_s: float) -> None:
        self._db, self.lanes, self.lease = db, lanes, lease
        self._now_ms, self._sweep_s = now_ms, sweep_s
        self._poked = asyncio.Event()
        self._first = True

    def poke(self) -> None:
        """Something became due: sweep now rather than at the next tick."""
        self._poked.set()

    async def run(self, stop: asyncio.Event, *, grace_s: float) -> None:
        """Claim and send until `stop`; then finish what is in flight within `grace_s` and give back the rest."""
        tasks = asyncio.TaskGroup()
        async with tasks:
            running = [tasks.create_task(lane.run(), name=f"lane-{city}") for city, lane in self.lanes.items()]
            sweeper = tasks.create_task(self._sweep(), name="sweep")
            await stop.wait()
            sweeper.cancel()
            for lane in self.lanes.values():
                lane.stop()
            if running:
                _, unfinished = await asyncio.wait(running, timeout=grace_s)
                for task in unfinished:
                    log.warning("lane.cut_off", lane=task.get_name())
                    task.cancel()

    async def _sweep(self) -> None:
        while True:
            try:
                await self.sweep_once()
            except Exception as error:
                log.warning("sweep.failed", error=type(error).__name__)
            try:
                async with asyncio.timeout(self._sweep_s):
                    await self._poked.wait()
            except TimeoutError:
                pass
            self._poked.clear()

    async def sweep_once(self) -> int:
        """Claim what is due for every lane with room; how many messages that were."""
        if not self.lease.valid():
            return 0
        now_ms, claimed = self._now_ms(), 0
        await self._release_orphans(now_ms)
        with_room = [city for city, lane in self.lanes.items() if lane.room]
        for city in await outbox.due_cities(self._db, with_room, now_ms):
            lane, owner = self.lanes[city], self.lease.owner
            async with self._db.transaction() as tx:
                entries = await outbox.claim(tx, owner, city, now_ms, min(lane.room, _CLAIM_AT_ONCE))
            for entry in entries:
                lane.add(entry, None, owner)
            claimed += len(entries)
        if claimed >= _CLAIM_AT_ONCE:
            self.poke()
        return claimed

    async def _release_orphans(self, now_ms: int) -> None:
        """Those of the processes before us, and of any that died since."""
        if self._first or await outbox.any_dead(self._db, now_ms):
            async with self._db.transaction() as tx:
                await outbox.release_orphans(tx, now_ms)
            self._first = False
