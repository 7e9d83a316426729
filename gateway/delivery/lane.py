"""车道: one lane per city, `limits.in_flight` messages at a time, each ending in exactly one outcome.

A message reaches the lane in memory from the process that accepted it (its outbox row was born leased to that
process), or by a claim: retries, rows of dead processes, overflow. A slow city fills its own lane and no other.
While its breaker is open a lane holds what it has and sends nothing.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import structlog

from adapters.contract import Adapter, FileSource
from gateway.delivery.attempt import Policy, Sendable, attempt, outcome_of
from gateway.delivery.breaker import Breaker
from gateway.delivery.lease import Lease
from gateway.delivery.outcome import Deferred, Delivered, Held, Outcome
from gateway.storage.group_commit import GroupCommit
from gateway.storage.outbox import Entry
from gateway.telemetry import Metrics
from gateway.usecases.complete_delivery import Completion
from schemas.errors import CrossCityError
from schemas.message import MessageKind

log = structlog.get_logger()
_PERMIT_POLL_S = 0.25
_NOT_YET_S = 1.0
_MOST_BEING_WRITTEN = 256
"""Tries whose outcome is not stored yet; more, and the lane waits for the database."""


@dataclass(frozen=True, slots=True)
class LaneTools:
    """What a lane is given: nothing in it knows a database or a clock by itself."""

    lease: Lease
    completions: GroupCommit[Completion, bool]
    starts: GroupCommit[tuple[int, str, str], bool]
    load: Callable[[Entry], Awaitable[Sendable | None]]
    fetch: Callable[[Adapter, Entry], Awaitable[Delivered]]
    files: FileSource
    claim_next: Callable[[str, str], Awaitable[Entry | None]]
    save_breaker: Callable[[str, Breaker], Awaitable[None]]
    now_ms: Callable[[], int]
    metrics: Metrics


class NotYet(Exception):
    """The message cannot be built yet: a file it names is still on its way here."""


class LeaseLost(Exception):
    """Between being claimed here and being sent, the message became another process's."""


@dataclass(slots=True)
class _Job:
    entry: Entry
    message: Sendable | None
    owner: str


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
        places: asyncio.Semaphore | None = None,
    ) -> None:
        """`places` are those of a hub, which its cities share: a message waits here, unsent, until one is free."""
        self.city: str = adapter.profile.code
        self.breaker = breaker
        self._adapter, self._policy, self._tools = adapter, policy, tools
        self._capacity = capacity
        self._places = places or nullcontext()
        self._jobs: deque[_Job] = deque()
        self._reserved = 0
        self._arrived = asyncio.Event()
        self._group: asyncio.TaskGroup
        self._writing = asyncio.Semaphore(_MOST_BEING_WRITTEN)
        self._stopping = False
        self._down_logged = False
        metrics = tools.metrics
        self._delivered = metrics.attempts.labels(self.city, "delivered")
        self._depth_gauge = metrics.lane_depth.labels(self.city)
        self._flight_gauge = metrics.in_flight.labels(self.city)

    @property
    def room(self) -> int:
        """How many more messages the lane takes into memory."""
        return max(0, self._capacity - len(self._jobs) - self._reserved)

    def reserve(self) -> bool:
        """Keep a place for a message that is about to be stored as ours."""
        if self._stopping or self.room == 0:
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
        self._arrived.set()

    async def run(self) -> None:
        """Send until `stop`; returns once nothing is in flight."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for number in range(self._adapter.profile.limits.in_flight):
                group.create_task(self._work(), name=f"lane-{self.city}-{number}")

    def stop(self) -> None:
        """Start no further message; what is in flight finishes."""
        self._stopping = True
        self._jobs.clear()
        self._arrived.set()

    async def _work(self) -> None:
        while (job := await self._next()) is not None:
            self._flight_gauge.inc()
            try:
                await self._send(job)
            finally:
                self._flight_gauge.dec()

    async def _next(self) -> _Job | None:
        while not self._stopping:
            if not self._jobs:
                self._arrived.clear()
                await self._arrived.wait()
            elif self.breaker.may_send(self._tools.now_ms()):
                self._depth_gauge.set(len(self._jobs) - 1)
                return self._jobs.popleft()
            else:
                await asyncio.sleep(_PERMIT_POLL_S)
        return None

    async def _send(self, job: _Job) -> None:
        tools, entry = self._tools, job.entry
        async with self._places:
            if job.owner != tools.lease.owner or not tools.lease.valid():
                self.breaker.probing = False
                return  # the lease lapsed: another process has, or will have, this message
            started_at_ms, began = tools.now_ms(), time.monotonic()
            try:
                outcome = await self._try(entry, job.message, started_at_ms)
            except LeaseLost:
                self.breaker.probing = False
                return
            ended_at_ms = started_at_ms + int((time.monotonic() - began) * 1000)
        await self._note_health(outcome)
        # the place at the partner is free now; writing down what came of the try must not hold up the next one
        await self._writing.acquire()
        self._group.create_task(self._finish(self._completion(entry, outcome, started_at_ms, ended_at_ms), outcome))

    async def _finish(self, completion: Completion, outcome: Outcome) -> None:
        tools, entry = self._tools, completion.entry
        try:
            was_ours = await tools.completions.put(completion)
        finally:
            self._writing.release()
        self._report(entry, outcome, completion.ended_at_ms - completion.started_at_ms, was_ours=was_ours)
        if isinstance(outcome, Delivered) and entry.kind != MessageKind.SUBMIT and not self._stopping:
            following = await tools.claim_next(entry.application_id, self.city)
            if following is not None:
                self.add(following, None, tools.lease.owner)

    async def _try(self, entry: Entry, message: Sendable | None, started_at_ms: int) -> Outcome:
        try:
            if entry.kind == MessageKind.FETCH:
                return await self._tools.fetch(self._adapter, entry)
            message = message or await self._tools.load(entry)
            if message is None:
                return Held("gateway.internal", "The case of this message is not in the database.")
            unclear_ms = self._unclear_since(entry, started_at_ms)
            return await attempt(
                self._adapter,
                message,
                self._tools.files,
                self._policy,
                tries=entry.tries,
                since_unclear_s=None if unclear_ms is None else (started_at_ms - unclear_ms) / 1000,
                jitter=random.random(),  # noqa: S311 - spreads retries, keeps no secret
                mark=lambda: self._mark(entry),
            )
        except CrossCityError as error:
            return outcome_of(error, self._policy, tries=entry.tries, jitter=0.5)
        except LeaseLost:
            raise
        except NotYet:
            detail = "A result file it names is not here yet."
            return Deferred(_NOT_YET_S, "gateway.waiting", detail, counts=False, sent=False)
        except Exception as error:
            log.exception("delivery.crashed", city=self.city, message_id=entry.message_id)
            return Held("gateway.internal", f"{type(error).__name__} while sending; see the log.", unclear=True)

    def _unclear_since(self, entry: Entry, now_ms: int) -> int | None:
        """When an earlier, unclear send of this message ended at the latest; None = there was none.

        A deferred message carries the moment its try ended. A message found in mid-send was being sent by a process
        that died: its send may have gone on until then, so the partner's settling time counts from now.
        """
        if entry.send_started_ms is not None and entry.send_started_ms >= entry.available_at_ms:
            entry.send_started_ms = now_ms
        return entry.send_started_ms

    async def _mark(self, entry: Entry) -> None:
        """Note durably that a send begins; LeaseLost where the message is no longer ours."""
        now_ms = self._tools.now_ms()
        if not await self._tools.starts.put((now_ms, entry.message_id, self._tools.lease.owner)):
            raise LeaseLost
        entry.send_started_ms = now_ms

    def _completion(self, entry: Entry, outcome: Outcome, started_at_ms: int, ended_at_ms: int) -> Completion:
        completion = partial(Completion, entry=entry, started_at_ms=started_at_ms, ended_at_ms=ended_at_ms)
        match outcome:
            case Delivered(acknowledgement, fetched):
                return completion(
                    what="delivered",
                    case_number=acknowledgement.case_number if acknowledgement else None,
                    receipt=acknowledgement.receipt if acknowledgement else None,
                    duplicate=bool(acknowledgement and acknowledgement.duplicate),
                    transport=self._adapter.profile.transport,
                    fetched=fetched,
                )
            case Deferred(wait_s, code, detail, counts, unclear, sent):
                unclear_ms = ended_at_ms if sent else entry.send_started_ms
                return completion(
                    what="deferred",
                    code=code,
                    detail=detail,
                    available_at_ms=ended_at_ms + int(wait_s * 1000),
                    tries=entry.tries + int(counts),
                    send_started_ms=unclear_ms if unclear else None,
                )
            case Held(code, detail, unclear):
                return completion(
                    what="held",
                    code=code,
                    detail=detail,
                    tries=entry.tries + 1,
                    send_started_ms=entry.send_started_ms if unclear else None,
                )

    async def _note_health(self, outcome: Outcome) -> None:
        failed = isinstance(outcome, Deferred) and outcome.counts
        changed = self.breaker.failed(self._tools.now_ms()) if failed else self.breaker.succeeded()
        if failed and not self._down_logged:
            self._down_logged = True
            assert isinstance(outcome, Deferred)  # noqa: S101 - for the type checker
            log.warning("city.down", city=self.city, code=outcome.code)
        if not failed and self._down_logged:
            self._down_logged = False
            log.info("city.recovered", city=self.city)
        if changed:
            self._tools.metrics.breaker_open.labels(self.city).set(int(failed))
            await self._tools.save_breaker(self.city, self.breaker)

    def _report(self, entry: Entry, outcome: Outcome, took_ms: int, *, was_ours: bool) -> None:
        facts = {"application_id": entry.application_id, "city": self.city, "kind": entry.kind, "took_ms": took_ms}
        match outcome:
            case Delivered():
                self._delivered.inc()
                log.info("delivery.delivered", **facts, tries=entry.tries + 1, first=was_ours)
            case Deferred(wait_s, code):
                self._tools.metrics.attempts.labels(self.city, "deferred").inc()
                log.info("delivery.deferred", **facts, code=code, wait_s=round(wait_s, 1))
            case Held(code):
                self._tools.metrics.attempts.labels(self.city, "held").inc()
                log.warning("delivery.held", **facts, code=code)
