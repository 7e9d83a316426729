"""压测客户端: the load of the benchmarks, in a process of its own: raw HTTP/1.1 over asyncio, as cheap as Python gets.

Reads one JSON plan from stdin and prints one JSON result. Traffic goes to loopback only and ends by itself.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


@dataclass(slots=True)
class Tally:
    """What came back."""

    latencies_s: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request at a time."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._buffer = b""
        self._sent_at = 0.0
        self._done: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a TCP transport
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Fail whoever waits."""
        if self._done is not None and not self._done.done():
            self._done.set_exception(error or ConnectionError("closed by the server"))

    def ask(self, request: bytes) -> asyncio.Future[None]:
        """Send one request; done once its answer is complete."""
        self._done = asyncio.get_running_loop().create_future()
        self._sent_at = time.perf_counter()
        self._transport.write(request)
        return self._done

    def data_received(self, data: bytes) -> None:
        """Collect an answer; count it once it is whole."""
        buffer = self._buffer + data
        head, separator, rest = buffer.partition(_HEAD_END)
        if not separator or len(rest) < _length(head):
            self._buffer = buffer
            return
        self._buffer = b""
        status = int(head[9:12])
        self._tally.statuses[status] = self._tally.statuses.get(status, 0) + 1
        self._tally.latencies_s.append(time.perf_counter() - self._sent_at)
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    def close(self) -> None:
        """Hang up."""
        self._transport.close()


def _length(head: bytes) -> int:
    lower = head.lower()
    start = lower.find(_LENGTH)
    return 0 if start < 0 else int(lower[start + len(_LENGTH) :].split(b"\r\n", 1)[0])


class Requests:
    """Prebuilt requests: the idempotency key differs, and the body where there are several: each in its turn."""

    def __init__(self, plan: dict[str, Any]) -> None:
        lines = [f"{plan['method']} {plan['path']} HTTP/1.1", f"Host: {plan['host']}:{plan['port']}"]
        lines += [f"{name}: {value}" for name, value in plan.get("headers", {}).items()]
        self._head = "\r\n".join(lines).encode()
        self._tails = [_tail(body.encode()) for body in plan.get("bodies", [plan.get("body", "")])]
        self._prefix: str | None = plan.get("key_prefix")
        self._number = 0

    def next(self) -> bytes:
        """The next request."""
        self._number += 1
        tail = self._tails[self._number % len(self._tails)]
        if self._prefix is None:
            return b"".join((self._head, tail))
        return b"".join((self._head, f"\r\nIdempotency-Key: {self._prefix}-{self._number}".encode(), tail))


def _tail(body: bytes) -> bytes:
    about = f"\r\nContent-Type: application/json\r\nContent-Length: {len(body)}" if body else ""
    return b"".join((about.encode(), _HEAD_END, body))


async def _closed_loop(connection: Connection, requests: Requests, until: float, most: int, tally: Tally) -> None:
    while time.perf_counter() < until and len(tally.latencies_s) < most:
        await connection.ask(requests.next())


async def _paced(connections: list[Connection], requests: Requests, rate: float, seconds: float) -> None:
    """Open loop: a request every 1/rate seconds, on whichever connection is free."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in connections:
        free.put_nowait(connection)

    async def one(connection: Connection) -> None:
        await connection.ask(requests.next())
        free.put_nowait(connection)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            group.create_task(one(await free.get()))


async def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Carry out a plan."""
    loop, tally, requests = asyncio.get_running_loop(), Tally(), Requests(plan)
    connections = [
        (await loop.create_connection(lambda: Connection(tally), plan["host"], plan["port"]))[1]
        for _ in range(plan["clients"])
    ]
    began = time.perf_counter()
    if "rate" in plan:
        await _paced(connections, requests, plan["rate"], plan["seconds"])
    else:
        until, most = began + plan["seconds"], plan.get("most", 10**9)
        async with asyncio.TaskGroup() as group:
            for connection in connections:
                group.create_task(_closed_loop(connection, requests, until, most, tally))
    took_s = time.perf_counter() - began
    for connection in connections:
        connection.close()
    latencies = sorted(tally.latencies_s)
    return {
        "count": len(latencies),
        "seconds": took_s,
        "per_s": len(latencies) / took_s,
        "statuses": tally.statuses,
        "p50_ms": _percentile(latencies, 0.50) * 1000,
        "p99_ms": _percentile(latencies, 0.99) * 1000,
    }


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(run(json.load(sys.stdin)))))
