"""守候进度: collects what the city reports while the rules go on, in whichever way it reports.

Before a page is acknowledged it is asked for once more: what comes then must be what came before. At the start what is
left from earlier runs is taken and set aside.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from adapters.contract import Adapter, Callback, Collected
from adapters.profile import Transport
from gateway.conformance.contents import is_ours
from schemas.errors import CrossCityError
from schemas.message import ProgressReport, Step

FINAL = frozenset({Step.DECIDED, Step.REJECTED, Step.RETURNED, Step.WITHDRAWN})
_CURSORS = frozenset({"rest", "soap", "peer_gateway"})
_PAUSE_S = 0.3
_MOST_PAGES = 500


@dataclass(frozen=True, slots=True)
class Seen:
    """一次收到的进度."""

    report: ProgressReport
    at: datetime


@dataclass(slots=True)
class Watch:
    """守候. `known` are the applications of this run."""

    adapter: Adapter
    now: Callable[[], datetime]
    every_s: float
    seen: list[Seen] = field(default_factory=list)
    unreadable: int = 0
    errors: list[CrossCityError] = field(default_factory=list)
    changed_ids: list[str] = field(default_factory=list)
    """Reports that were not there, or not the same, when asked for once more."""
    known: set[UUID] = field(default_factory=set)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    started_at: str | None = None
    cursor: str | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def polls(self) -> bool:
        """Whether the city is asked for its progress."""
        return self.adapter.profile.collection is not None

    @property
    def has_cursor(self) -> bool:
        """Whether an old place can be read from again."""
        return self.polls and self.adapter.profile.transport in _CURSORS

    async def drain(self) -> None:
        """Take what is left from before; reading begins after it. A CrossCityError of the city's is noted."""
        try:
            for _ in range(_MOST_PAGES if self.polls else 0):
                collected = await self.adapter.collect(self.cursor)
                await self.adapter.acknowledge(collected)
                self.cursor = collected.cursor
                if not collected.more:
                    break
        except CrossCityError as error:
            self.errors.append(error)
        self.started_at = self.cursor

    async def run(self) -> None:
        """Poll until `ended`."""
        while self.polls and not self.ended.is_set():
            more = False
            try:
                more = await self.poll()
            except CrossCityError as error:
                self.errors.append(error)
            await asyncio.sleep(0 if more else min(self.every_s, _PAUSE_S))

    async def poll(self) -> bool:
        """One page; whether there is more."""
        async with self._reading:
            return await self._poll()

    async def _poll(self) -> bool:
        collected = await self.adapter.collect(self.cursor)
        if collected.reports and self.adapter.profile.transport is not Transport.SFTP_BATCH:
            again = {one.report_id: one for one in (await self.adapter.collect(self.cursor)).reports}
            self.changed_ids += [one.report_id for one in collected.reports if again.get(one.report_id) != one]
        await self.adapter.acknowledge(collected)
        self.cursor = collected.cursor
        self._note(collected)
        return collected.more

    def take(self, callback: Callback) -> None:
        """What a good callback says."""
        self._note(Collected(callback.reports))

    async def again(self) -> list[ProgressReport]:
        """Everything since the start, read from the old cursor."""
        cursor, reports = self.started_at, list[ProgressReport]()
        for _ in range(_MOST_PAGES):
            collected = await self.adapter.collect(cursor)
            reports += collected.reports
            cursor = collected.cursor
            if not collected.more:
                break
        return reports

    def of(self, application_id: UUID) -> list[ProgressReport]:
        """What was reported of one application, each report once, in the order in which it came."""
        found = {
            one.report.report_id: one.report
            for one in reversed(self.seen)
            if one.report.application_id == application_id
        }
        return list(reversed(found.values()))

    def numbers_of(self, application_id: UUID) -> set[str]:
        """Every case number that a report of one application ever had."""
        reports = (one.report for one in self.seen if one.report.application_id == application_id)
        return {one.case_number for one in reports if one.case_number}

    def ours(self) -> list[Seen]:
        """What was reported of this run's applications."""
        return [one for one in self.seen if one.report.application_id in self.known]

    def strange(self) -> list[ProgressReport]:
        """Reports of applications that this kit never sent, in any run."""
        return [one.report for one in self.seen if not is_ours(one.report.application_id)]

    async def until(self, condition: Callable[[], bool], limit_s: float) -> bool:
        """Wait for what a report makes true; False where it does not come in time."""
        try:
            async with asyncio.timeout(limit_s):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return condition()
        return True

    async def until_steps(self, application_id: UUID, steps: Iterable[Step], limit_s: float) -> bool:
        """Wait for one of these steps of one application."""
        wanted = frozenset(steps)
        return await self.until(lambda: any(one.step in wanted for one in self.of(application_id)), limit_s)

    def _note(self, collected: Collected) -> None:
        at = self.now()
        self.seen += [Seen(report, at) for report in collected.reports]
        self.unreadable += len(collected.unreadable)
        self._changed.set()
