"""A lane with a scripted city and no database: what it hands out, in which order, and what it says of the city."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from adapters.contract import Adapter
from gateway.delivery.attempt import Policy
from gateway.delivery.breaker import Breaker
from gateway.delivery.lane import Lane
from gateway.delivery.places import Places
from gateway.delivery.trying import LaneTools
from gateway.storage.outbox import Entry
from gateway.telemetry import Metrics
from gateway.usecases.complete_delivery import Completion
from schemas.errors import CrossCityError
from schemas.message import Acknowledgement, OutboundMessage

ACK = Acknowledgement(case_number="N1")
Answer = CrossCityError | Acknowledgement


@dataclass
class City:
    """Takes each message when told to. A real adapter's behaviour is judged in the contract suite."""

    code: str = "441300"
    in_flight: int = 2
    answer: Callable[[int], Answer] = lambda _number: ACK
    open: asyncio.Event = field(default_factory=asyncio.Event)
    log: list[int] = field(default_factory=list)
    """Numbers of the messages as they came."""
    at_once: int = 0
    most_at_once: int = 0
    gate: asyncio.Semaphore | None = None
    """Lets so many answers out; None = every one while `open` is set."""
    seen: Callable[[], object] = lambda: None
    contexts: list[object] = field(default_factory=list)

    @property
    def profile(self) -> Any:
        limits = SimpleNamespace(in_flight=self.in_flight)
        return SimpleNamespace(code=self.code, transport="rest", limits=limits, sftp_batch=None)

    async def deliver(self, message: object, _files: object) -> Acknowledgement:
        number = cast(int, cast(Any, message).number)
        self.log.append(number)
        self.contexts.append(self.seen())
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await (self.open.wait() if self.gate is None else self.gate.acquire())
        finally:
            self.at_once -= 1
        answer = self.answer(number)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Message(OutboundMessage):
    """Known by its number alone: nothing here looks inside."""

    number: int

    @classmethod
    def numbered(cls, number: int) -> "Message":
        return cls.model_construct(number=number)  # type: ignore[call-arg]


class Completions:
    """Where a group commit would be."""

    def __init__(self) -> None:
        self.done: list[Completion] = []
        self.crash = False

    async def put(self, unit: Completion) -> bool:
        await asyncio.sleep(0)
        if self.crash:
            raise RuntimeError("the database is gone")
        self.done.append(unit)
        return True


@dataclass
class Held:
    owner: str = "me"
    good: bool = True

    def valid(self) -> bool:
        return self.good


@dataclass
class Bench:
    """A running lane and everything around it."""

    lane: Lane
    city: City
    completions: Completions
    lease: Held
    metrics: Metrics
    saved: list[str]
    number: int = 0

    def add(self, count: int, *, owner: str = "me") -> None:
        for _ in range(count):
            entry = Entry(f"m{self.number}", "a", 1, self.city.code, "SUBMIT", None, "ready", owner, 0, 0)
            self.lane.add(entry, Message.numbered(self.number), owner)
            self.number += 1

    def gauge(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, {"city": self.city.code})

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.005)

    async def ended(self, count: int) -> list[Completion]:
        await self.until(lambda: len(self.completions.done) >= count)
        return self.completions.done


@dataclass
class Clock:
    """Milliseconds that pass when the test says so, if it says so."""

    offset_ms: int = 0

    def __call__(self) -> int:
        return int(asyncio.get_running_loop().time() * 1000) + self.offset_ms


def bench(
    city: City, breaker: Breaker | None = None, *, places: Places | None = None, clock: Clock | None = None
) -> Bench:
    completions, lease, metrics = Completions(), Held(), Metrics()
    saved: list[str] = []

    async def save(_city: str, breaker: Breaker) -> None:
        saved.append(breaker.state)

    async def nothing(*_: object) -> None:
        raise AssertionError("not asked for here")

    tools = LaneTools(
        lease=cast(Any, lease),
        completions=cast(Any, completions),
        starts=cast(Any, completions),
        load=cast(Any, nothing),
        fetch=cast(Any, nothing),
        files=cast(Any, None),
        claim_next=cast(Any, nothing),
        save_breaker=save,
        now_ms=clock or Clock(),
        metrics=metrics,
    )
    policy = Policy("idempotent", timeout_s=5, settle_s=5, delays_s=(1, 1, 1))
    lane = Lane(
        cast(Adapter, city), policy, breaker or Breaker(3, first_pause_s=0.1), tools, capacity=100, places=places
    )
    return Bench(lane, city, completions, lease, metrics, saved)


@asynccontextmanager
async def running(*benches: Bench) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        for one in benches:
            group.create_task(one.lane.run())
        await asyncio.sleep(0)
        try:
            yield
        finally:
            for one in benches:
                one.lane.stop()
                one.city.open.set()
