"""每日对账: once a day every city's list of yesterday, and of the days before that still have open cases.

One process does it: a lease says which. What was done since the set time is read from the stored runs, so that a
process that takes over goes on where the last one stopped. A city that cannot be compared now is tried again, some
times, until the next day's turn comes.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

import structlog

from gateway.domain.days import BEIJING
from gateway.domain.reconciliation_digest import numbers_of
from gateway.evidence.chain import milliseconds
from gateway.storage import compared_cases, cursors, reconciliation
from gateway.storage.stopping import stopped
from gateway.usecases.reconcile import Reconciling, reconcile

log = structlog.get_logger()
SCHEDULE = "schedule"
"""Who starts the daily runs."""
_LEASE = "reconciliation"
_LEASE_MS = 15 * 60_000
_LOOK_S = 30.0
_AGAIN_MS = 15 * 60_000
_TRIES = 8
_KEEP = timedelta(days=100)
_DONE = frozenset({"CLEAN", "DIFFERENT", "SKIPPED"})


@dataclass(slots=True)
class Reconciler:
    """The daily job of one process. `at` is a Beijing time; None = never."""

    given: Reconciling
    owner: Callable[[], str]
    at: time | None
    days: int
    """How far back days with open cases are compared again."""
    look_s: float = _LOOK_S
    _planned_for: datetime | None = field(default=None)
    _plan: list[tuple[str, date]] = field(default_factory=list)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`; what fails is tried again at the next look."""
        if self.at is None:
            return
        while not await stopped(stop, self.look_s):
            try:
                await self.work(stop)
            except Exception:
                log.exception("reconciliation.crashed")

    async def work(self, stop: asyncio.Event | None = None) -> int:
        """Do what is due; how many runs that were. Ends early once `stop` is set, or another process has the lease."""
        slot = self._slot()
        if slot is None or not await self._mine():
            return 0
        await self._plan_for(slot)
        done = 0
        for city, day in await self._due(slot):
            if (stop is not None and stop.is_set()) or not await self._mine():
                break
            await self._one(city, day, stop)
            done += 1
        return done

    async def _one(self, city: str, day: date, stop: asyncio.Event | None) -> None:
        """One run; `stop` cuts it off, and the next process begins it anew."""
        async with asyncio.TaskGroup() as group:
            run = group.create_task(reconcile(self.given, city, day, by=SCHEDULE), name="reconcile")
            if stop is None:
                return
            guard = group.create_task(stop.wait(), name="reconcile-stop")
            await asyncio.wait((run, guard), return_when=asyncio.FIRST_COMPLETED)
            run.cancel()
            guard.cancel()

    def _slot(self) -> datetime | None:
        """The last time the job's turn came."""
        if self.at is None:
            return None
        now = self.given.now().astimezone(BEIJING)
        today = datetime.combine(now.date(), self.at, BEIJING)
        return today if today <= now else today - timedelta(days=1)

    async def _mine(self) -> bool:
        now_ms = self.given.now_ms()
        async with self.given.db.transaction() as tx:
            return await cursors.take(tx, _LEASE, self.owner(), now_ms + _LEASE_MS, now_ms) is not None

    async def _plan_for(self, slot: datetime) -> None:
        """Decide, once per turn, what is to be compared; and keep where each city's polling stands now."""
        if self._planned_for == slot:
            return
        given, today = self.given, slot.date()
        plan: set[tuple[str, date]] = set()
        earliest = today - timedelta(days=self.days)
        if await compared_cases.any_in(given.db, (numbers_of(earliest)[0], numbers_of(today)[0])):
            plan |= {(self._asked_for(city), today - timedelta(days=1)) for city in given.adapters}
        for back in range(1, self.days + 1):
            day = today - timedelta(days=back)
            plan |= {
                (self._asked_for(city), day) for city in await compared_cases.unfinished(given.db, numbers_of(day))
            }
        for city, text in await reconciliation.open_days(given.db, earliest.isoformat()):
            plan.add((city, date.fromisoformat(text)))
        # cases of our own city that are worked at the console are with nobody else
        self._plan = sorted(
            {(city, day) for city, day in plan if day < today and (city in given.adapters or city != given.own_city)},
            key=lambda one: (-one[1].toordinal(), one[0]),
        )
        async with given.db.transaction() as tx:
            for city, adapter in given.adapters.items():
                if adapter.profile.collection is not None:
                    await reconciliation.mark(tx, city, today.isoformat())
            old = slot - _KEEP
            await reconciliation.purge(tx, runs_before_ms=milliseconds(old), marks_before=old.date().isoformat())
        self._planned_for = slot

    def _asked_for(self, city: str) -> str:
        """The profile that is asked about a city's cases: its hub, or itself."""
        adapter = self.given.adapters.get(city)
        return city if adapter is None or adapter.profile.via is None else adapter.profile.via

    async def _due(self, slot: datetime) -> list[tuple[str, date]]:
        """What of the plan is not done, newest day first; what failed waits a while, and not for ever."""
        tries: dict[tuple[str, str], list[reconciliation.Run]] = {}
        for run in await reconciliation.runs_since(self.given.db, milliseconds(slot)):
            tries.setdefault((run.city, run.day), []).append(run)
        now_ms = self.given.now_ms()
        return [(city, day) for city, day in self._plan if _is_due(tries.get((city, day.isoformat()), []), now_ms)]


def _is_due(tries: Sequence[reconciliation.Run], now_ms: int) -> bool:
    """Whether one more run is due after these. One that was cut off is begun anew at once."""
    if len(tries) >= _TRIES or any(run.state in _DONE for run in tries):
        return False
    return not tries or tries[-1].state != "FAILED" or now_ms - tries[-1].started_at_ms >= _AGAIN_MS
