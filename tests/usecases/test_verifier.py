"""The verifier: one verdict for all who ask at a time, kept for a while, and only so many bytes at once."""

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.trust.policy import POLICIES
from gateway.trust.snapshot import TrustSnapshot
from gateway.usecases.read_licence_sources import read_licence_sources
from gateway.usecases.verifier import Content, Verifier, content_of
from schemas.errors import SeedInvalid

NOW = datetime(2026, 11, 24, tzinfo=UTC)
WINDOW = POLICIES["window"]


@pytest.fixture
async def verifier() -> AsyncIterator[Verifier]:
    made = Verifier(admitted_bytes=100)
    yield made
    made.close()


class Source:
    """Content that counts its readings and waits to be let go."""

    def __init__(self, content: bytes) -> None:
        self.bytes, self.readings = content, 0
        self.may_go = threading.Event()

    def read(self) -> bytes:
        self.readings += 1
        self.may_go.wait(20)
        return self.bytes

    @property
    def content(self) -> Content:
        return Content(hashlib.sha256(self.bytes).hexdigest(), len(self.bytes), self.read)


async def until_read(source: Source) -> None:
    async with asyncio.timeout(20):
        while not source.readings:
            await asyncio.sleep(0.005)


async def test_all_who_ask_at_a_time_get_one_verdict(verifier: Verifier) -> None:
    source = Source(b"no licence")
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(verifier.verify(source.content, WINDOW, NOW)) for _ in range(5)]
        await until_read(source)
        source.may_go.set()
    assert len({id(task.result()) for task in tasks}) == 1
    again = await verifier.verify(source.content, WINDOW, NOW + timedelta(seconds=1))
    assert again is tasks[0].result()
    assert source.readings == 1


async def test_another_moment_policy_or_generation_is_another_verdict(verifier: Verifier) -> None:
    source = Source(b"no licence")
    source.may_go.set()
    await verifier.verify(source.content, WINDOW, NOW)
    await verifier.verify(source.content, WINDOW, NOW + timedelta(seconds=10))
    await verifier.verify(source.content, POLICIES["strict"], NOW)
    verifier.snapshot = TrustSnapshot("another")
    found = await verifier.verify(source.content, WINDOW, NOW)
    assert source.readings == 4
    assert found.report.trust_generation == "another"


async def test_who_leaves_does_not_take_the_others_verdict_away(verifier: Verifier) -> None:
    source = Source(b"no licence")
    first = asyncio.ensure_future(verifier.verify(source.content, WINDOW, NOW))
    await until_read(source)
    second = asyncio.ensure_future(verifier.verify(source.content, WINDOW, NOW))
    await asyncio.sleep(0)
    first.cancel()
    source.may_go.set()
    assert (await second).report.sub_indication == "FORMAT_FAILURE"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_only_so_many_bytes_at_once(verifier: Verifier) -> None:
    large, small = Source(b"x" * 90), Source(b"y" * 20)
    async with asyncio.TaskGroup() as group:
        group.create_task(verifier.verify(large.content, WINDOW, NOW))
        await until_read(large)
        group.create_task(verifier.verify(small.content, WINDOW, NOW))
        await asyncio.sleep(0.1)
        assert small.readings == 0, "there is no room yet"
        small.may_go.set()
        large.may_go.set()
    assert small.readings == 1
    beyond = await verifier.verify(content_of(b"z" * 1000), WINDOW, NOW)
    assert beyond.report.size_bytes == 1000, "what is larger than all the room waits until there is nobody else"


async def test_content_that_cannot_be_read_is_an_error_for_all(verifier: Verifier, tmp_path: Path) -> None:
    content = Content("0" * 64, 1, (tmp_path / "nothing").read_bytes)
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            await verifier.verify(content, WINDOW, NOW)


GOOD = "code: a\nname: 演示\nbase_url: http://127.0.0.1:1/x/\ntoken: a.token\n"


def test_reading_licence_sources(tmp_path: Path) -> None:
    assert read_licence_sources(tmp_path / "nothing") == {}
    (tmp_path / "demo-a.yaml").write_text(GOOD, "utf-8")
    assert read_licence_sources(tmp_path, {})["a"].base_url == "http://127.0.0.1:1/x"
    changed = read_licence_sources(tmp_path, {"TONGBAN_LICENCES_DEMO_A_URL": "http://127.0.0.1:2"})
    assert changed["a"].base_url == "http://127.0.0.1:2"
    for bad in ("[", "- a", "code: a", GOOD + "what: 1\n"):
        (tmp_path / "demo-a.yaml").write_text(bad, "utf-8")
        with pytest.raises(SeedInvalid, match=r"demo-a\.yaml"):
            read_licence_sources(tmp_path, {})
