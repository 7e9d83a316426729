"""A city played from its profile, in this process, for tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from adapters.contract import AdapterContext
from adapters.profile import CityProfile
from gateway.simulation.faults import faults_of
from gateway.simulation.serving import Place, play

PACE_S = 0.05


@asynccontextmanager
async def playing(
    profile: CityProfile, context: AdapterContext, *faults: str, place: Place | None = None, pace_s: float = PACE_S
) -> AsyncIterator[dict[str, Any]]:
    """What the ready line says, while the city runs."""
    told, stop = asyncio.Queue[dict[str, Any]](), asyncio.Event()
    chosen = faults_of(faults, profile)
    task = asyncio.ensure_future(
        play(profile, context, chosen, place or Place(), pace_s, ready=told.put_nowait, stop=stop)
    )
    waiting = asyncio.ensure_future(told.get())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        waiting.cancel()
        await task
    try:
        yield waiting.result()
    finally:
        stop.set()
        await task
