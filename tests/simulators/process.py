"""A simulator as a process: command line, control pages, one ready line, a quick end."""

import argparse
import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from functools import partial

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from tests.simulators.books import Books
from tests.simulators.control import Control, InvalidSetting
from tests.simulators.spoiling import spoiler

_UPLOAD_LIMIT_BYTES = 256 * 1024 * 1024


class Stopped(Exception):
    """Leaves the task group; everything in it is cancelled."""


def arguments(description: str) -> argparse.ArgumentParser:
    """The options every simulator has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--books", required=True, help="SQLite file of the city's own books")
    parser.add_argument("--port", type=int, default=0, help="0 = a free one")
    parser.add_argument("--pace", default=None, help='seconds between steps, or "silent"')
    parser.add_argument("--config", default="{}", help="settings as one JSON object")
    return parser


def json_answer(data: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(data), status=status, headers=headers, content_type="application/json")


def cut(request: web.Request) -> web.Response:
    """Closes the connection; the returned answer is never sent."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


class Simulator:
    """One city. Subclasses add their pages and open what they need."""

    def __init__(self, books: Books, control: Control) -> None:
        self.books = books
        self.control = control
        self.settings = control.settings
        books.loses = partial(self.settings.take, "lose_uploads")
        self.tasks: asyncio.TaskGroup

    def configure(self, options: argparse.Namespace) -> None:
        """Raises InvalidSetting."""
        self.control.merge(orjson.loads(options.config))
        if options.pace is not None:
            self.control.merge({"silent": True} if options.pace == "silent" else {"pace_s": float(options.pace)})

    def pages(self) -> list[web.RouteDef]:
        return []

    async def open(self, stack: AsyncExitStack) -> None:
        """Called inside the running task group, before the first connection."""

    def facts(self) -> dict[str, object]:
        """What the ready line says besides the address."""
        return {}

    async def while_down(self) -> None:
        while self.settings.down:
            await asyncio.sleep(0.05)

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._down, spoiler(self.settings)], client_max_size=_UPLOAD_LIMIT_BYTES)
        app.add_routes(
            [
                web.get("/_control", self._get_control),
                web.post("/_control", self._post_control),
                web.get("/_books", self._get_books),
                *self.pages(),
            ]
        )
        return app

    @web.middleware
    async def _down(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.settings.down and not request.path.startswith("/_"):
            return cut(request)
        return await handler(request)

    async def _get_control(self, request: web.Request) -> web.Response:
        return json_answer(self.control.all())

    async def _post_control(self, request: web.Request) -> web.Response:
        try:
            self.control.merge(orjson.loads(await request.read()))
        except (InvalidSetting, orjson.JSONDecodeError) as error:
            return json_answer({"error": str(error)}, status=400)
        return json_answer(self.control.all())

    async def _get_books(self, request: web.Request) -> web.Response:
        return json_answer(self.books.counts())


async def _watch_parent(stop: asyncio.Event) -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(1)
    stop.set()


async def _end(stop: asyncio.Event) -> None:
    await stop.wait()
    raise Stopped


async def _listen(app: web.Application, port: int, stack: AsyncExitStack) -> int:
    """Returns the port listened on."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, "127.0.0.1", port, backlog=1024)
    await site.start()
    return int(runner.addresses[0][1])


async def _serve(simulator: Simulator, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            simulator.tasks = tasks
            tasks.create_task(_watch_parent(stop))
            await simulator.open(stack)
            port = await _listen(simulator.application(), port, stack)
            ready = {"ready": True, "url": f"http://127.0.0.1:{port}", **simulator.facts()}
            sys.stdout.buffer.write(orjson.dumps(ready) + b"\n")
            sys.stdout.flush()
            await _end(stop)
    except* Stopped:
        pass


def run(simulator: Simulator, options: argparse.Namespace) -> None:
    """Runs until SIGTERM or until the parent is gone. A bug in the simulator ends it with a traceback."""
    try:
        simulator.configure(options)
    except ValueError as error:
        raise SystemExit(f"settings: {error}") from error
    try:
        asyncio.run(_serve(simulator, options.port))
    finally:
        simulator.books.close()
