"""限速: how many calls a second a city bears; a call waits for its turn before anything of it has begun."""

import asyncio


class RateLimit:
    """限速: starts are spaced evenly, so that no second has more than the city allows. None = no limit.

    It counts the calls of one adapter in one process.
    """

    def __init__(self, per_second: float | None) -> None:
        self._apart_s = 0.0 if per_second is None else 1.0 / per_second
        self._turn = asyncio.Lock()
        self._next_s = 0.0

    async def turn(self) -> None:
        """Return when it is this call's turn, first come first served. One that gives up takes no turn."""
        if not self._apart_s:
            return
        loop = asyncio.get_running_loop()
        async with self._turn:
            await asyncio.sleep(max(0.0, self._next_s - loop.time()))
            self._next_s = loop.time() + self._apart_s
