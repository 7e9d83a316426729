"""收拢: messages that are handed over one by one leave together; nobody waits longer than the window.

There is no task of its own behind a batch: of the calls that wait for it, one leads (waits for the window to pass,
then sends for all). If the leading call is cancelled, the next one takes over where it stopped.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from adapters.batch_building import BatchCase
from adapters.faults import unavailable
from adapters.sftp_operations import Window
from schemas.errors import CrossCityError, PartnerAmbiguous, PartnerRefused, PartnerUnavailable
from schemas.message import Acknowledgement

Ending = Acknowledgement | CrossCityError
"""结局 of one message in a batch."""


@dataclass(frozen=True, slots=True)
class Load:
    """待发: what is to be sent together. `gone` are those nobody waits for any more: they may not be sent now."""

    cases: Mapping[UUID, BatchCase]
    gone: Set[UUID]
    until: float
    """The loop's time at which sending must have ended."""


Send = Callable[[Load], Awaitable[Mapping[UUID, Ending]]]
"""发送: every message of the load gets its ending."""


@dataclass(eq=False, slots=True)
class _Round:
    due: float
    cases: dict[UUID, BatchCase] = field(default_factory=dict)
    waiting: Counter[UUID] = field(default_factory=Counter)
    """How many calls wait for each."""
    size_bytes: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    full: bool = False
    leading: asyncio.Lock = field(default_factory=asyncio.Lock)
    load: Load | None = None
    gone: set[UUID] = field(default_factory=set)
    endings: Mapping[UUID, Ending] = field(default_factory=dict)


class Gathering:
    """One city's batches. `at_once` is how many messages can wait here at all: so many are full."""

    def __init__(self, window: Window, send: Send, *, at_once: int, send_s: float) -> None:
        self._window, self._send, self._send_s = window, send, send_s
        self._most = min(window.max_cases, at_once)
        self._open: _Round | None = None
        self._overdue: set[UUID] = set()
        self._turn = asyncio.Lock()

    async def deliver(self, case: BatchCase) -> Acknowledgement:
        """Wait until the batch with this message is in place, or has failed.

        Cancelled while the batch gathers, the message is taken out of it; later, its batch is not completed.
        """
        joined = self._join(case)
        first = joined.cases[case.message_id] is case
        try:
            async with joined.leading:
                if case.message_id not in joined.endings:
                    await self._lead(joined)
        except BaseException:
            self._leave(joined, case)
            raise
        ending = joined.endings[case.message_id]
        if isinstance(ending, CrossCityError):
            raise again(ending)
        return ending if first else ending.model_copy(update={"duplicate": True})

    def _join(self, case: BatchCase) -> _Round:
        if case.size_bytes > self._window.max_bytes:
            raise PartnerRefused(
                "The application is larger than a whole batch of this city may be.",
                "该申请超过对方城市单个批次的大小上限。",
                limit_bytes=self._window.max_bytes,
            )
        wait_s = self._window.every_s
        if case.message_id in self._overdue:
            wait_s = min(wait_s, self._window.retry_s)
        due = asyncio.get_running_loop().time() + wait_s
        if self._open is not None and self._open.size_bytes + case.size_bytes > self._window.max_bytes:
            self._close(self._open)
        if self._open is None:
            self._open = _Round(due)
        joined = self._open
        joined.waiting[case.message_id] += 1
        if case.message_id not in joined.cases:
            joined.cases[case.message_id] = case
            joined.size_bytes += case.size_bytes
        if due < joined.due:
            joined.due = due
            joined.changed.set()
        if len(joined.cases) >= self._most:
            self._close(joined)
        return joined

    def _close(self, joined: _Round) -> None:
        """Nobody joins any more."""
        joined.full = True
        joined.changed.set()
        if self._open is joined:
            self._open = None

    def _leave(self, joined: _Round, case: BatchCase) -> None:
        joined.waiting[case.message_id] -= 1
        if joined.waiting[case.message_id]:
            return  # the same message is waited for by another call
        if joined.load is not None:
            joined.gone.add(case.message_id)
            return
        joined.size_bytes -= joined.cases.pop(case.message_id).size_bytes
        if not joined.cases:
            self._close(joined)

    async def _lead(self, joined: _Round) -> None:
        while not joined.full and (left_s := joined.due - asyncio.get_running_loop().time()) > 0:
            joined.changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await joined.changed.wait()
        self._close(joined)
        if joined.load is None:
            until = asyncio.get_running_loop().time() + self._send_s
            joined.load = Load(dict(joined.cases), joined.gone, until)
        joined.endings = await self._sent(joined.load)
        self._remember(joined.endings)

    async def _sent(self, load: Load) -> Mapping[UUID, Ending]:
        """One batch at a time: a city has one line, and we have one disk."""
        try:
            async with asyncio.timeout_at(load.until):
                await self._turn.acquire()
        except TimeoutError:
            return dict.fromkeys(load.cases, unavailable())
        try:
            return await self._send(load)
        finally:
            self._turn.release()

    def _remember(self, endings: Mapping[UUID, Ending]) -> None:
        for message_id, ending in endings.items():
            if isinstance(ending, PartnerUnavailable | PartnerAmbiguous):
                self._overdue.add(message_id)
            else:
                self._overdue.discard(message_id)
        if len(self._overdue) > 2 * self._most:  # most were taken over by another process, or by a person
            self._overdue = set(endings) & self._overdue


def again(error: CrossCityError) -> CrossCityError:
    """The same error for one more call: an exception that is raised twice collects the tracebacks of both."""
    fresh = type(error).__new__(type(error))
    fresh.__dict__.update(error.__dict__)
    fresh.args = error.args
    return fresh
