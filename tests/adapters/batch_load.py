"""SFTP压测: so many cases in one batch to 潮州's simulator; seconds, and what the batch needs of memory.

python -m tests.adapters.batch_load [--cases 10000] [--file-bytes 20000]   prints one JSON document
"""

import argparse
import asyncio
import hashlib
import json
import resource
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from schemas.application import StoredFile
from schemas.message import OutboundMessage
from tests.adapters.cities import SimulatedCity, simulated_city
from tests.adapters.messages import message_to

PAGE_BYTES = resource.getpagesize()


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def content_of(name: str, size_bytes: int) -> bytes:
    seed = hashlib.sha256(name.encode()).digest()
    return (seed * (size_bytes // len(seed) + 1))[:size_bytes]


class MadeFiles:
    """A FileSource that makes each file when it is asked for, so that none of them is in memory."""

    def open(self, file: StoredFile) -> AsyncIterator[bytes]:
        return self._chunks(file)

    async def _chunks(self, file: StoredFile) -> AsyncIterator[bytes]:
        content = content_of(file.name, file.size_bytes)
        for start in range(0, len(content), 256 * 1024):
            yield content[start : start + 256 * 1024]


def messages(count: int, file_bytes: int) -> list[OutboundMessage]:
    template, _ = message_to("445100", {"a.pdf": b"x"})
    made = []
    for number in range(count):
        name = f"材料-{number}.pdf"
        content = content_of(name, file_bytes)
        digests = {"sha256": hashlib.sha256(content).hexdigest(), "sm3": hashlib.new("sm3", content).hexdigest()}
        outbound = template.files[0]
        facts = {"file_id": uuid4(), "name": name, "size_bytes": file_bytes, **digests}
        file = outbound.file.model_copy(update=facts)
        changed = {
            "message_id": uuid4(),
            "application_id": uuid4(),
            "files": (outbound.model_copy(update={"file": file}),),
        }
        made.append(template.model_copy(update=changed))
    return made


async def deliver_all(city: SimulatedCity, made: list[OutboundMessage]) -> tuple[float, int, set[str | None]]:
    """Seconds, most resident bytes meanwhile, and the numbers of the batches."""
    most = resident_bytes()
    done = asyncio.Event()

    async def watch() -> None:
        nonlocal most
        while not done.is_set():
            most = max(most, resident_bytes())
            await asyncio.sleep(0.05)

    files = MadeFiles()
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        group.create_task(watch())
        async with asyncio.TaskGroup() as deliveries:
            tasks = [deliveries.create_task(city.adapter.deliver(message, files)) for message in made]
        took_s = time.monotonic() - began
        done.set()
    return took_s, most, {task.result().partner_reference for task in tasks}


async def measure(folder: Path, cases: int, file_bytes: int) -> dict[str, Any]:
    settings = {"timeout_s": "600", "batch_s": "60", "in_flight": str(cases)}
    async with simulated_city("445100", folder, config={"silent": True}, settings=settings) as city:
        made = messages(cases, file_bytes)
        before = resident_bytes()
        took_s, most, numbers = await deliver_all(city, made)
        booked_after = time.monotonic()
        while city.rows("select count(*) from bookings") != [(cases,)]:
            await asyncio.sleep(0.2)
            assert time.monotonic() - booked_after < 300, "the city has not booked everything"
        ((files_in, bytes_in),) = city.rows("select count(*), sum(size) from files_in")
        rows = await _collect(city)
    return {
        "cases": cases,
        "batches": len(numbers),
        "file_bytes": file_bytes,
        "delivered_s": round(took_s, 2),
        "booked_s_later": round(time.monotonic() - booked_after, 2),
        "acknowledged_rows": rows,
        "files_in": files_in,
        "bytes_in": bytes_in,
        "rss_before_mb": round(before / 1e6, 1),
        "rss_more_mb": round((most - before) / 1e6, 1),
    }


async def _collect(city: SimulatedCity) -> int:
    rows, cursor = 0, None
    for _ in range(1000):
        collected = await city.adapter.collect(cursor)
        await city.adapter.acknowledge(collected)
        rows, cursor = rows + len(collected.reports), collected.cursor
        if collected.reports and not collected.more:
            break
        await asyncio.sleep(0.02)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="10,000 cases in one batch")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--file-bytes", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tongban-sftp-") as folder:
        found = asyncio.run(measure(Path(folder), options.cases, options.file_bytes))
    print(json.dumps(found, ensure_ascii=False))


if __name__ == "__main__":
    main()
