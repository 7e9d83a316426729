"""停止信号: wait between the rounds of a background loop, and notice a stop at once."""

import asyncio


async def stopped(stop: asyncio.Event, within_s: float) -> bool:
    """Whether `stop` is set, waiting for it at most `within_s` seconds."""
    try:
        async with asyncio.timeout(within_s):
            await stop.wait()
    except TimeoutError:
        return stop.is_set()
    return True
