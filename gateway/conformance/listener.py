"""回调监听: takes a city's callbacks as the gateway would, and remembers which were good."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiohttp import web

from adapters.contract import Adapter, Callback, CallbackRequest
from schemas.errors import CrossCityError, Unauthenticated

_MOST_BYTES = 1024 * 1024
_QUIET_S, _LAST_CALLS_S = 0.5, 5.0


@dataclass(slots=True)
class Calls:
    """收到的回调, counted."""

    good: int = 0
    unsigned: int = 0
    """Signature, time or headers wrong."""
    unreadable: int = 0
    replayed: int = 0
    nonces: set[str] = field(default_factory=set)


class Listener:
    """回调监听. `take` gets each good callback."""

    def __init__(self, adapter: Adapter, take: Callable[[Callback], None]) -> None:
        self.calls = Calls()
        self._adapter, self._take, self._heard = adapter, take, 0

    @asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator[str]:
        """Open the port; gives the base address. OSError where it is taken."""
        app = web.Application(client_max_size=_MOST_BYTES)
        app.router.add_post("/{anything:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            yield f"http://{host}:{runner.addresses[0][1]}"
            await self._quiet()
        finally:
            await runner.cleanup()

    async def _quiet(self) -> None:
        """Let what is still on its way arrive: the city would otherwise go on calling nobody."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_CALLS_S):
                before = -1
                while self._heard != before:
                    before = self._heard
                    await asyncio.sleep(_QUIET_S)

    async def _answer(self, request: web.Request) -> web.Response:
        self._heard += 1
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = CallbackRequest(request.method, request.path, headers, await request.read())
        try:
            callback = self._read(call)
        except CrossCityError as error:
            status = 401 if isinstance(error, Unauthenticated) else 422
            return web.json_response({"code": error.code, "detail": error.detail}, status=status)
        self._take(callback)
        return web.json_response(dict(self._adapter.callback_reply()))

    def _read(self, call: CallbackRequest) -> Callback:
        try:
            callback = self._adapter.read_callback(call)
        except Unauthenticated:
            self.calls.unsigned += 1
            raise
        except CrossCityError:
            self.calls.unreadable += 1
            raise
        if callback.nonce in self.calls.nonces:
            self.calls.replayed += 1
            raise Unauthenticated("This nonce was used before.", "该随机数已使用过。")
        self.calls.nonces.add(callback.nonce)
        self.calls.good += 1
        return callback
