"""模拟城市的运行: opens what a profile's transport needs, says where it is, and runs until it is stopped."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import asyncssh
from aiohttp import web

from adapters.contract import AdapterContext
from adapters.profile import CityProfile, Transport
from adapters.sftp_operations import Login
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


class _Stopped(Exception):
    """Leaves the task group; every case is left where it is."""


async def play(
    profile: CityProfile,
    context: AdapterContext,
    faults: Faults,
    place: Place,
    pace_s: float,
    *,
    ready: Callable[[dict[str, Any]], None],
    stop: asyncio.Event,
) -> None:
    """Play the city until `stop`. `ready` is told where it is. Raises Invalid where the profile cannot be played."""
    opener = _OPENERS.get(profile.transport)
    if opener is None:
        raise Invalid(
            f"A city over {profile.transport} cannot be simulated from its profile.",
            f"以{profile.transport}方式接入的城市无法仅凭配置模拟。",
        )
    try:
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            engine = Engine(profile, faults, context.now, pace_s, tasks, _nobody)
            engine.check()
            opening = Opening(engine, context, place, tasks, stack)
            where = await opener(opening)
            ready({"ready": True, "city": profile.code, "transport": profile.transport.value, **where})
            await _end(stop)
    except BaseExceptionGroup as group:
        first = group.exceptions[0]
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        if not isinstance(first, _Stopped):
            raise first from None


async def _end(stop: asyncio.Event) -> None:
    await stop.wait()
    raise _Stopped


@dataclass(frozen=True, slots=True)
class Opening:
    """打开一座模拟城市: what each way of talking needs for that; `stack` is closed after the last task has ended."""

    engine: Engine
    context: AdapterContext
    place: Place
    tasks: asyncio.TaskGroup
    stack: AsyncExitStack

    async def serve(self, app: web.Application) -> str:
        """Open an HTTP server; gives its address."""
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        self.stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, self.place.host, self.place.port, backlog=256).start()
        return f"http://{self.place.host}:{runner.addresses[0][1]}"

    def caller(self) -> Caller | None:
        """Who calls the gateway back; None for a city that does not. Invalid where it is not said whom to call."""
        inbound = self.engine.profile.inbound
        if inbound is None or inbound.callback is None:
            return None
        if self.place.callback_url is None:
            raise Invalid(
                "This city calls back: say where the gateway is with --callback-url.",
                "该城市以回调报进度：请用--callback-url给出网关地址。",
            )
        caller = Caller(inbound.callback, self.context, self.engine, self.place.callback_url)
        self.stack.push_async_callback(caller.close)
        return caller


async def _nobody(via: str, body: dict[str, Any], case: SimulatedCase, happened: Happened) -> None:
    raise AssertionError("set before the first case")


async def _open_rest(opening: Opening) -> Mapping[str, Any]:
    from gateway.simulation.rest_city import RestCity  # noqa: PLC0415 - one transport at a time

    city = RestCity(opening.engine.profile, opening.context, opening.engine, opening.caller())
    return {"url": await opening.serve(city.application())}


async def _open_soap(opening: Opening) -> Mapping[str, Any]:
    from gateway.simulation.soap_city import SoapCity  # noqa: PLC0415 - zeep is slow to import

    city = SoapCity(opening.engine.profile, opening.context, opening.engine, opening.caller())
    return {"url": await opening.serve(city.application())}


async def _open_exchange(opening: Opening) -> Mapping[str, Any]:
    from gateway.simulation.exchange_city import ExchangeCity  # noqa: PLC0415 - one transport at a time
    from gateway.simulation.exchange_tables import open_tables  # noqa: PLC0415

    profile = opening.engine.profile
    assert profile.exchange_database is not None  # noqa: S101 - of this transport
    url = opening.context.secret(profile.exchange_database.database_url)
    engine, tables = await asyncio.to_thread(open_tables, url, profile)
    ExchangeCity(profile, engine, tables, opening.engine).open(opening.tasks, opening.stack)
    return {"tables": sorted(tables)}


async def _open_sftp(opening: Opening) -> Mapping[str, Any]:
    from gateway.simulation.sftp_city import SftpCity  # noqa: PLC0415 - one transport at a time
    from gateway.simulation.sftp_server import serve_folder  # noqa: PLC0415

    profile, place = opening.engine.profile, opening.place
    assert profile.sftp_batch is not None  # noqa: S101 - of this transport
    root = place.folder or Path(opening.stack.enter_context(TemporaryDirectory())) / "city"
    login = profile.sftp_batch.login
    password = None if login.password is None else opening.context.secret(login.password)
    SftpCity(profile, root, opening.engine).open(opening.tasks)
    keys = place.authorized_keys or _own_key(opening, login)
    port, fingerprint = await serve_folder(
        root, login, host=place.host, port=place.port, keys=keys, password=password, stack=opening.stack
    )
    return {"sftp_port": port, "host_key": fingerprint, "folder": str(root)}


def _own_key(opening: Opening, login: Login) -> tuple[str, ...]:
    """The public half of the gateway's own key, where it is in the environment."""
    if login.private_key is None:
        return ()
    try:
        key = asyncssh.import_private_key(opening.context.secret(login.private_key))
    except (KeyError, asyncssh.KeyImportError):
        raise Invalid(
            "Say with --authorized-key which public key may log in.", "请用--authorized-key指定可登录的公钥。"
        ) from None
    return (key.export_public_key().decode().strip(),)


_OPENERS: Mapping[Transport, Callable[[Opening], Awaitable[Mapping[str, Any]]]] = MappingProxyType(
    {
        Transport.REST: _open_rest,
        Transport.SOAP: _open_soap,
        Transport.EXCHANGE_DATABASE: _open_exchange,
        Transport.SFTP_BATCH: _open_sftp,
    }
)
