"""One fixture: a simulated city by its code, fast, with an inbox for what it calls back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from adapters.contract import CallbackRequest
from tests.adapters.cities import CITIES, SimulatedCity, simulated_city

PACE_S = 0.05


class Inbox:
    """Takes callbacks as a gateway would, answers 200, keeps them."""

    def __init__(self) -> None:
        self.calls: list[CallbackRequest] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.calls.append(CallbackRequest(request.method, request.path, headers, await request.read()))
        return web.json_response({"code": "00", "message": "成功"})


@asynccontextmanager
async def open_inbox() -> AsyncIterator[Inbox]:
    inbox = Inbox()
    app = web.Application()
    app.router.add_post("/v1/callbacks/{city}", inbox.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    inbox.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield inbox
    finally:
        await runner.cleanup()


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    async with open_inbox() as opened:
        yield opened


@pytest.fixture(params=CITIES)
def code(request: pytest.FixtureRequest) -> str:
    """A city's code; parametrize indirectly to choose some."""
    return str(request.param)


@pytest.fixture
async def city(code: str, inbox: Inbox, tmp_path: Path) -> AsyncIterator[SimulatedCity]:
    settings = {"timeout_s": "15"}  # generous: 30 MB travel on a machine that others use too
    config: dict[str, Any] = {"pace_s": PACE_S}
    async with simulated_city(code, tmp_path, callback_url=inbox.url, config=config, settings=settings) as running:
        yield running
