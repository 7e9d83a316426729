"""运行网关: one gateway in this process, from opening to a clean end."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from gateway.cli.calling import NOTE, Api, work_at
from gateway.cli.refusal import ApiError
from gateway.domain.access import Role
from gateway.settings import Settings
from gateway.web.app import serve
from gateway.wiring import Services, open_services


async def run_gateway(
    settings: Settings, stop: asyncio.Event, started: Callable[[Services, str], Awaitable[None]] | None = None
) -> None:
    """Open, serve and deliver until `stop`; `started` is told the base URL once the port is open."""
    async with open_services(settings) as services:
        web_stopped = asyncio.Event()
        bound: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as group:
            group.create_task(services.run(web_stopped), name="background")
            group.create_task(serve(services, stop, web_stopped, bound), name="web")
            url = await bound
            note = _write_note(settings, url)
            try:
                if started is not None:
                    await started(services, url)
                await stop.wait()
            finally:
                stop.set()
                note.unlink(missing_ok=True)


def _write_note(settings: Settings, url: str) -> Path:
    note = settings.data_dir / NOTE
    note.write_text(json.dumps({"url": url, "pid": os.getpid()}))
    return note


async def work_alone(settings: Settings, role: Role, work: Callable[[Api], Awaitable[Any]]) -> Any:
    """Do `work` against a gateway opened just for it, which delivers nothing."""
    result: list[Any] = []
    refused: list[ApiError] = []
    stop = asyncio.Event()

    async def started(services: Services, own_url: str) -> None:
        try:
            result.append(await work_at(settings, services.ring, own_url, role, work))
        except ApiError as error:
            refused.append(error)  # raised below: a task group would wrap it
        stop.set()

    quiet = settings.model_copy(update={"lanes": False, "host": "127.0.0.1", "port": 0})
    await run_gateway(quiet, stop, started)
    if refused:
        raise refused[0]
    return result[0]
