"""成组提交: concurrent units of work share one transaction, so that the disk is waited for once.

While one group is being committed the next one gathers; an idle gateway commits each unit at once. When a group
fails as a whole its units are tried one by one, so that a bad one spoils none of its neighbours.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from schemas.errors import Busy

Unit = TypeVar("Unit")
Result = TypeVar("Result")

_LIMIT = 128
_GATHER_S = 0.004
_STILL_TURNS = 2


class GroupCommit(Generic[Unit, Result]):
    """Gathers units and hands them to `commit`, which answers with one result or exception for each, in order."""

    def __init__(self, commit: Callable[[Sequence[Unit]], Awaitable[Sequence[Result | Exception]]]) -> None:
        self._commit = commit
        self._waiting: deque[tuple[Unit, asyncio.Future[Result]]] = deque()
        self._wake = asyncio.Event()
        self._closed = False

    async def put(self, unit: Unit) -> Result:
        """Commit `unit` with whatever else is waiting; returns once it is durable."""
        if self._closed:
            raise Busy("The gateway is stopping.", "网关正在停止，请稍后重试。")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((unit, future))
        self._wake.set()
        return await future

    async def run(self) -> None:
        """Commit groups until closed and nothing waits."""
        while not (self._closed and not self._waiting):
            await self._wake.wait()
            if not self._closed:
                self._wake.clear()
            while self._waiting:
                await self._gather()
                group = [self._waiting.popleft() for _ in range(min(len(self._waiting), _LIMIT))]
                if group:  # another runner may have taken them meanwhile
                    await self._settle(group)

    async def _gather(self) -> None:
        """Let requests that have already arrived join: go on as long as the loop brings more, at most a few ms.

        An idle gateway pays two turns of the loop for this; a busy one gets groups of tens instead of a few.
        """
        loop = asyncio.get_running_loop()
        until, size, still = loop.time() + _GATHER_S, len(self._waiting), 0
        while still < _STILL_TURNS and size < _LIMIT and loop.time() < until:
            await asyncio.sleep(0)
            still = still + 1 if len(self._waiting) == size else 0
            size = len(self._waiting)

    def close(self) -> None:
        """Take no more; `run` ends once what waits is committed."""
        self._closed = True
        self._wake.set()

    async def _settle(self, group: list[tuple[Unit, asyncio.Future[Result]]]) -> None:
        units = [unit for unit, _ in group]
        try:
            results = await self._commit(units)
        except Exception as error:
            if len(group) == 1:
                results = [error]
            else:
                for member in group:
                    await self._settle([member])
                return
        for (_, future), result in zip(group, results, strict=True):
            if future.cancelled():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
