"""车道: one lane per city, `limits.in_flight` messages at a time, each ending in exactly one outcome.

A message reaches the lane in memory from the process that accepted it (its outbox row was born leased to that
process), or by a claim: retries, rows of dead processes, overflow. A slow city fills its own lane and no other.
While its breaker is open a lane holds what it has and sends nothing.

Nobody waits in an idle lane: whoever brings a message, frees a place or ends a pause hands out what may go, oldest
first, so that the cost of a message does not depend on how many places there are.
"""

import asyncio
import contextvars
import time
from collections import deque
from dataclasses import dataclass

import structlog

from adapters.contract import Adapter
from gateway.delivery.attempt import Policy, Sendable
from gateway.delivery.breaker import Breaker
from gateway.delivery.ending import completion_of, report
from gateway.delivery.outcome import Contact, Delivered, Outcome
from gateway.delivery.places import Places
from gateway.delivery.trying import LaneTools, LeaseLost, Tries
from gateway.storage.outbox import Entry
from gateway.telemetry import Metrics
from gateway.usecases.complete_delivery import Completion
from schemas.message import MessageKind

log = structlog.get_logger()
_MOST_BEING_WRITTEN = 256
"""Tries whose outcome is not stored yet; more, and the lane waits for the database."""


@dataclass(slots=True)
class _Job:
    entry: Entry
    message: Sendable | None
    owner: str
    probe: int = 0


class Lane:
    """One city's lane."""

    def __init__(
        self,
        adapter: Adapter,
        policy: Policy,
        breaker: Breaker,
        tools: LaneTools,
        *,
        capacity: int,
        places: Places | None = None,
    ) -> None:
        """`places` are those of a hub, which its cities share: a message waits here, unsent, until one is free."""
        self.city: str = adapter.profile.code
        self.breaker = breaker
        self._transport: str = adapter.profile.transport
        self._tries, self._tools = Tries(adapter, policy, tools), tools
        self._capacity = capacity
        self._jobs: deque[_Job] = deque()
        self._reserved = 0
        self._free = adapter.profile.limits.in_flight
        self._shared = places
        self._batches = adapter.profile.sftp_batch is not None
        """Messages that were under way together fail together."""
        self._group: asyncio.TaskGroup | None = None
        self._context = contextvars.Context()
        self._look_again: asyncio.TimerHandle | None = None
        self._writing = asyncio.Semaphore(_MOST_BEING_WRITTEN)
        self._stopping = asyncio.Event()
        self._show(tools.metrics)

    def _show(self, metrics: Metrics) -> None:
        """The gauges look here when they are read."""
        most = self._free
        metrics.lane_depth.labels(self.city).set_function(lambda: len(self._jobs))
        metrics.in_flight.labels(self.city).set_function(lambda: most - self._free)
        metrics.breaker_open.labels(self.city).set_function(lambda: self.breaker.state != "closed")

    @property
    def room(self) -> int:
        """How many more messages the lane takes into memory."""
        return max(0, self._capacity - len(self._jobs) - self._reserved)

    def reserve(self) -> bool:
        """Keep a place for a message that is about to be stored as ours."""
        if self._stopping.is_set() or self.room == 0:
            return False
        self._reserved += 1
        return True

    def hand_over(self, entry: Entry | None, message: Sendable | None, owner: str) -> None:
        """Use a reserved place; with None, give it back."""
        self._reserved -= 1
        if entry is not None:
            self.add(entry, message, owner)

    def add(self, entry: Entry, message: Sendable | None, owner: str) -> None:
        """Queue a message this process owns."""
        self._jobs.append(_Job(entry, message, owner))
        self._hand_out()

    async def run(self) -> None:
        """Send until `stop`; returns once nothing is in flight."""
        self._context = contextvars.copy_context()
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._hand_out()
            await self._stopping.wait()

    def stop(self) -> None:
        """Start no further message; what is in flight finishes."""
        self._stopping.set()
        self._jobs.clear()
        if self._look_again is not None:
            self._look_again.cancel()

    def _hand_out(self) -> None:
        """Start what may go now."""
        if self._group is None or self._stopping.is_set():
            return
        while self._jobs and self._free:
            now_ms = self._tools.now_ms()
            wait_ms = self.breaker.wait_ms(now_ms)
            if wait_ms != 0:
                self._look_again_in(wait_ms)
                return
            if self._shared is not None and not self._shared.take(self._hand_out):
                return
            self._free -= 1
            job = self._jobs.popleft()
            self.breaker.may_send(now_ms)
            job.probe = self.breaker.probe
            # not in the context of whoever brought it: that is a request, and has its own end
            self._group.create_task(self._work(job), context=self._context.copy())

    def _look_again_in(self, wait_ms: int | None) -> None:
        """When the pause is over; with None a probe is under way, whose end is awaited."""
        if self._look_again is not None:
            self._look_again.cancel()
        if wait_ms is not None:
            self._look_again = asyncio.get_running_loop().call_later(wait_ms / 1000, self._hand_out)

    async def _work(self, job: _Job) -> None:
        try:
            ending = await self._occupy(job)
            # the place at the partner is free: writing down what came of the try does not hold up the next one
            if ending is not None:
                await self._finish(*ending)
        except BaseException:
            self.stop()  # the process is ending, or must
            raise

    async def _occupy(self, job: _Job) -> tuple[Completion, Outcome] | None:
        try:
            ending = await self._send(job)
            if ending is not None:
                await self._writing.acquire()
            return ending
        finally:
            self._free += 1
            if self._shared is not None:
                self._shared.give()
            self._hand_out()

    async def _send(self, job: _Job) -> tuple[Completion, Outcome] | None:
        """One try; None where the message is, or will be, another process's."""
        tools, entry = self._tools, job.entry
        if job.owner != tools.lease.owner or not tools.lease.valid():
            self.breaker.released(job.probe)
            return None
        started_at_ms, began = tools.now_ms(), time.monotonic()
        try:
            outcome = await self._tries.once(entry, job.message, started_at_ms)
        except LeaseLost:
            self.breaker.released(job.probe)
            return None
        ended_at_ms = started_at_ms + int((time.monotonic() - began) * 1000)
        await self._note_contact(outcome, job.probe, started_at_ms)
        return completion_of(
            entry, outcome, self._transport, started_at_ms=started_at_ms, ended_at_ms=ended_at_ms
        ), outcome

    async def _finish(self, completion: Completion, outcome: Outcome) -> None:
        tools, entry = self._tools, completion.entry
        try:
            was_ours = await tools.completions.put(completion)
        finally:
            self._writing.release()
        report(completion, outcome, tools.metrics, was_ours=was_ours)
        follows = isinstance(outcome, Delivered) and entry.kind != MessageKind.SUBMIT
        if follows and not self._stopping.is_set():
            following = await tools.claim_next(entry.application_id, self.city)
            if following is not None:
                self.add(following, None, tools.lease.owner)

    async def _note_contact(self, outcome: Outcome, probe: int, started_at_ms: int) -> None:
        """What the try says about the city. Down and up are each logged once; so is a request for patience."""
        breaker, now_ms = self.breaker, self._tools.now_ms()
        was_closed, was_waiting = breaker.state == "closed", breaker.waiting
        match outcome.contact:
            case Contact.ANSWERED:
                breaker.succeeded(probe)
            case Contact.FAILED:
                breaker.failed(now_ms, probe, began_ms=started_at_ms if self._batches else None)
            case Contact.BUSY:
                breaker.asked_to_wait(now_ms, outcome.pause_s, probe)
            case Contact.NONE:
                breaker.released(probe)
        if breaker.waiting and not was_waiting:
            log.info("city.busy", city=self.city, wait_s=outcome.pause_s)
        if was_closed != (breaker.state == "closed"):
            await self._changed(outcome, is_open=was_closed)

    async def _changed(self, outcome: Outcome, *, is_open: bool) -> None:
        await self._tools.save_breaker(self.city, self.breaker)
        if is_open:
            code = None if isinstance(outcome, Delivered) else outcome.code
            log.warning("city.down", city=self.city, code=code, failures=self.breaker.failures)
        else:
            log.info("city.recovered", city=self.city)
