"""潮州's simulator in the tests of batches: many messages at once, its folders, other gateways beside ours."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from adapters.profile import CityProfile
from adapters.registry import build_adapter
from adapters.sftp_batch import SftpBatchAdapter
from schemas.errors import CrossCityError
from schemas.message import Acknowledgement, OutboundMessage, ProgressReport
from tests.adapters.cities import SimulatedCity
from tests.adapters.messages import MemoryFiles, message_to

CODE = "445100"
Pair = tuple[OutboundMessage, MemoryFiles]


def folder(city: SimulatedCity, name: str) -> Path:
    return city.books.parent / "sftp" / name


def archive(city: SimulatedCity) -> Path:
    return city.books.parent / "sftp-archive"


def names(path: Path) -> list[str]:
    return sorted(one.name for one in path.iterdir() if one.is_file())


def some(count: int, size_bytes: int = 1000) -> list[Pair]:
    return [message_to(CODE, {f"{n}.pdf": bytes([n % 256]) * size_bytes}) for n in range(count)]


async def outcomes(adapter: Any, pairs: Sequence[Pair]) -> list[Acknowledgement | CrossCityError]:
    """What deliver gave for each, all at once."""

    async def one(pair: Pair) -> Acknowledgement | CrossCityError:
        try:
            acknowledged: Acknowledgement = await adapter.deliver(*pair)
        except CrossCityError as error:
            return error
        return acknowledged

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(pair)) for pair in pairs]
    return [task.result() for task in tasks]


async def delivered(adapter: Any, pairs: Sequence[Pair]) -> list[Acknowledgement]:
    found = []
    for outcome in await outcomes(adapter, pairs):
        assert isinstance(outcome, Acknowledgement), repr(outcome)
        found.append(outcome)
    return found


async def soon(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


def booked(city: SimulatedCity, pairs: Sequence[Pair]) -> list[int]:
    return [len(city.bookings(message.application_id)) for message, _ in pairs]


async def booked_once(city: SimulatedCity, pairs: Sequence[Pair]) -> None:
    await soon(lambda: sum(booked(city, pairs)) >= len(pairs))
    await asyncio.sleep(0.3)
    assert booked(city, pairs) == [1] * len(pairs)


def another(city: SimulatedCity, profile: CityProfile | None = None) -> SftpBatchAdapter:
    """A gateway that knows nothing of what was sent before."""
    adapter = build_adapter(profile or city.profile, city.context)
    assert isinstance(adapter, SftpBatchAdapter)
    return adapter


@asynccontextmanager
async def successor(city: SimulatedCity, profile: CityProfile | None = None) -> AsyncIterator[SftpBatchAdapter]:
    adapter = another(city, profile)
    try:
        yield adapter
    finally:
        await adapter.close()


def changed(city: SimulatedCity, **operations: Any) -> CityProfile:
    """The city's profile with other values in its sftp_batch section."""
    assert city.profile.sftp_batch is not None
    return city.profile.model_copy(update={"sftp_batch": city.profile.sftp_batch.model_copy(update=operations)})


async def reports_of(city: SimulatedCity, steps: int, adapter: Any = None) -> list[ProgressReport]:
    adapter, cursor = adapter or city.adapter, None
    found: list[ProgressReport] = []
    async with asyncio.timeout(20):
        while len(found) < steps:
            collected = await adapter.collect(cursor)
            assert collected.unreadable == ()
            await adapter.acknowledge(collected)
            cursor, found = collected.cursor, [*found, *collected.reports]
            await asyncio.sleep(0.05)
    return found


def leave(city: SimulatedCity, name: str, files: dict[str, tuple[str, bytes]]) -> None:
    """What a city would leave for us."""
    for file, (_, content) in files.items():
        (folder(city, "outbox") / file).write_bytes(content)
    listed = [
        {"WJLX": kind, "WJM": file, "WJDX": str(len(content)), "ZYZ": hashlib.new("sm3", content).hexdigest().upper()}
        for file, (kind, content) in files.items()
    ]
    (folder(city, "outbox") / f"{name}.json").write_text(json.dumps({"WJQD": listed}))
