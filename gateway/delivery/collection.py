"""轮询收取: ask the cities that cannot call us what has happened, store it, then tell them it is stored.

One process polls a city at a time: a lease in the cursor's row says which. The cursor moves in the same transaction
as the reports, so a crash between them repeats reports and loses none.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from adapters.contract import Adapter, Collected
from gateway.evidence.chain import milliseconds
from gateway.storage import cases, cursors
from gateway.storage.compression import pack
from gateway.storage.database import Database, Transaction
from gateway.storage.stopping import stopped
from gateway.telemetry import Metrics
from gateway.usecases.take_progress import Taken, take_progress
from schemas.errors import CrossCityError
from schemas.message import ProgressReport

log = structlog.get_logger()
_SLOWEST_S = 60.0


@dataclass(slots=True)
class Collector:
    """Polls one city."""

    db: Database
    adapter: Adapter
    owner: Callable[[], str]
    new_id: Callable[[], str]
    now: Callable[[], datetime]
    poke: Callable[[], None]
    metrics: Metrics
    every_s: float
    told: frozenset[str] = frozenset()
    """Cities whose gateways are told what happens here, where the polled city is our own office."""
    serves: frozenset[str] = frozenset()
    """The cities its reports may be about, where the profile is a hub; empty = its own."""
    _down: bool = field(default=False)

    async def run(self, stop: asyncio.Event) -> None:
        """Poll until `stop`; a city that does not answer is asked less and less often, up to once a minute."""
        pause_s = self.every_s
        while not await stopped(stop, pause_s):
            try:
                more = await self.poll()
                pause_s = 0.0 if more else self.every_s
                self._note(down=False)
            except CrossCityError as error:
                pause_s = min(_SLOWEST_S, max(pause_s, self.every_s) * 2)
                self._note(down=True, code=error.code)
            except Exception:
                pause_s = min(_SLOWEST_S, max(pause_s, self.every_s) * 2)
                log.exception("collection.crashed", city=self.adapter.profile.code)

    def _note(self, *, down: bool, code: str = "") -> None:
        if down and not self._down:
            log.warning("collection.down", city=self.adapter.profile.code, code=code)
        elif self._down and not down:
            log.info("collection.recovered", city=self.adapter.profile.code)
        self._down = down

    async def poll(self) -> bool:
        """One poll; whether there is more right now."""
        city, owner = self.adapter.profile.code, self.owner()
        now_ms = milliseconds(self.now())
        async with self.db.transaction() as tx:
            mine = await cursors.take(tx, city, owner, now_ms + int(self.every_s * 3000) + 30_000, now_ms)
        if mine is None:
            return False  # another process is polling this city
        collected = await self.adapter.collect(mine.cursor)
        if collected.reports or collected.unreadable or collected.cursor != mine.cursor:
            await self._store(city, owner, collected)
        await self.adapter.acknowledge(collected)
        return collected.more

    async def _store(self, city: str, owner: str, collected: Collected) -> None:
        async with self.db.transaction() as tx:
            for report in collected.reports:
                await self._take(tx, city, report)
            for row in collected.unreadable:
                await self._keep_aside(tx, city, f"row:{hashlib.sha256(row).hexdigest()}", row)
            await cursors.move(tx, city, owner, collected.cursor)
        if any(report.files for report in collected.reports):
            self.poke()

    async def _keep_aside(self, tx: Transaction, city: str, identity: str, body: bytes) -> None:
        """What belongs to no case we know, or cannot be read: kept for a person, and counted."""
        await cases.keep_stray(tx, city, identity, milliseconds(self.now()), pack(body))
        log.warning("progress.stray", city=city, report_id=identity)

    async def _take(self, tx: Transaction, city: str, report: ProgressReport) -> None:
        now = self.now()
        async with tx.savepoint():
            taken = Taken.STRAY
            if report.deciding_city in (self.serves or {city}):
                taken = await take_progress(tx, report, new_id=self.new_id(), now=now, told=self.told)
            if taken is Taken.STRAY:
                await self._keep_aside(tx, city, report.report_id, report.model_dump_json(exclude_none=True).encode())
        self.metrics.reports.labels(city, taken.value).inc()
        log.info("progress.taken", city=city, application_id=str(report.application_id), step=report.step, result=taken)
