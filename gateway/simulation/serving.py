"""模拟城市的运行: opens what a profile's transport needs, says where it is, and runs until it is stopped."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from adapters.contract import AdapterContext
from adapters.profile import CityProfile, Transport
from gateway.simulation.calling import Caller
from gateway.simulation.engine import Engine
from gateway.simulation.facts import Happened, SimulatedCase
from gateway.simulation.faults import Faults
from schemas.errors import Invalid


@dataclass(frozen=True, slots=True)
class Place:
    """模拟城市的所在."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 = a free one."""
    callback_url: str | None = None
    """The gateway, for a city that calls back."""
    folder: Path | None = None
    """What a login sees, for a city that exchanges files; absent = a temporary one."""
    authorized_keys: tuple[str, ...] = ()
    """Public keys that may log in."""


@dataclass(slots=True)
class Running:
    """运行中的模拟城市. `ready` says where it is, for programs and people."""

    engine: Engine
    ready: dict[str, Any] = field(default_factory=dict)


@asynccontextmanager
async def simulated(
    profile: CityProfile, context: AdapterContext, faults: Faults, place: Place, pace_s: float
) -> AsyncIterator[Running]:
    """A city that is open until the block is left. Raises Invalid where the profile cannot be played."""
    opener = _OPENERS.get(profile.transport.value)
    if opener is None:
        raise Invalid(
            f"A city over {profile.transport} cannot be simulated from its profile.",
            f"以{profile.transport}方式接入的城市无法仅凭配置模拟。",
        )
    async with asyncio.TaskGroup() as tasks, AsyncExitStack() as stack:
        engine = Engine(profile, faults, context.now, pace_s, tasks, _nobody)
        running = Running(engine, {"ready": True, "city": profile.code, "transport": profile.transport.value})
        stack.callback(_end, tasks)
        running.ready |= await opener(running, context, place, stack)
        yield running


async def _nobody(via: str, body: dict[str, Any], case: SimulatedCase, happened: Happened) -> None:
    raise AssertionError("set before the first case")


def _end(tasks: asyncio.TaskGroup) -> None:
    """Cases are left where they are."""
    for task in list(tasks._tasks):  # type: ignore[attr-defined]  # noqa: SLF001
        task.cancel()


async def _open_rest(
    running: Running, context: AdapterContext, place: Place, stack: AsyncExitStack
) -> Mapping[str, Any]:
    from gateway.simulation.rest_city import RestCity  # noqa: PLC0415 - one transport at a time

    city = RestCity(running.engine.profile, context, running.engine, await _caller(running, context, place, stack))
    return {"url": await _serve(city.application(), place, stack)}


async def _caller(running: Running, context: AdapterContext, place: Place, stack: AsyncExitStack) -> Caller | None:
    inbound = running.engine.profile.inbound
    if inbound is None or inbound.callback is None:
        return None
    if place.callback_url is None:
        raise Invalid(
            "This city calls back: say where the gateway is with --callback-url.",
            "该城市以回调报进度：请用--callback-url给出网关地址。",
        )
    caller = Caller(inbound.callback, context, running.engine, place.callback_url)
    stack.push_async_callback(caller.close)
    return caller


async def _serve(app: web.Application, place: Place, stack: AsyncExitStack) -> str:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, place.host, place.port, backlog=256).start()
    return f"http://{place.host}:{runner.addresses[0][1]}"


_OPENERS: Mapping[str, Callable[..., Any]] = {Transport.REST.value: _open_rest}
