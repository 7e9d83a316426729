"""运行网关: one gateway in this process, from opening to a clean end; and talking to one that runs already."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from gateway.cli.refusal import ApiError
from gateway.domain.access import Role
from gateway.evidence.jws import Signer
from gateway.evidence.keys import KeyRing, load_keys
from gateway.settings import Settings
from gateway.web.app import serve
from gateway.web.authentication import AUDIENCE, TOKEN_TYPE
from gateway.wiring import Services, new_id, now, open_services
from schemas.errors import NotFound

_NOTE = "gateway.json"


def issue_token(ring: KeyRing, *, caller: str, role: Role, city: str, ttl_s: int) -> str:
    """A bearer token signed by this gateway."""
    issued_s = int(now().timestamp())
    claims = {
        "iss": "tongban",
        "aud": AUDIENCE,
        "sub": caller,
        "role": role.value,
        "city": city,
        "iat": issued_s,
        "exp": issued_s + ttl_s,
        "jti": new_id(),
    }
    return Signer(ring, TOKEN_TYPE).sign(claims)


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
    note = settings.data_dir / _NOTE
    note.write_text(json.dumps({"url": url, "pid": os.getpid()}))
    return note


def running_url(settings: Settings) -> str | None:
    """The base URL of the gateway that runs on this data folder, if one does."""
    try:
        note = json.loads((settings.data_dir / _NOTE).read_text())
        os.kill(int(note["pid"]), 0)
    except (OSError, ValueError, KeyError):
        return None
    return str(note["url"])


@dataclass(frozen=True, slots=True)
class Api:
    """The gateway's API as a command uses it."""

    session: aiohttp.ClientSession
    url: str
    token: str

    async def call(self, method: str, path: str, body: object = None, **query: str) -> Any:
        """One JSON call; ApiError for a problem document."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.session.request(
            method, self.url + path, json=body, params=query or None, headers=headers
        ) as response:
            answer = await response.json(content_type=None)
            if response.status >= 400:
                raise ApiError(response.status, answer)
            return answer

    async def upload(self, name: str, content: bytes) -> Any:
        """Bring a file."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/octet-stream"}
        async with self.session.post(
            f"{self.url}/v1/files", params={"name": name}, data=content, headers=headers
        ) as response:
            answer = await response.json(content_type=None)
            if response.status >= 400:
                raise ApiError(response.status, answer)
            return answer


@asynccontextmanager
async def api(url: str, token: str) -> AsyncIterator[Api]:
    """A client for one base URL."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Api(session, url, token)


async def with_api(settings: Settings, role: Role, work: Callable[[Api], Awaitable[Any]]) -> Any:
    """Do `work` against the gateway that runs on this data folder; where none runs, against one opened just for it."""
    url = running_url(settings)
    if url is not None:
        ring = load_keys(settings.keys)
        if ring is None:
            raise NotFound("The running gateway's keys are not here.", "找不到运行中网关的密钥。")
        return await _work_at(settings, ring, url, role, work)
    result: list[Any] = []
    refused: list[ApiError] = []
    stop = asyncio.Event()

    async def started(services: Services, own_url: str) -> None:
        try:
            result.append(await _work_at(settings, services.ring, own_url, role, work))
        except ApiError as error:
            refused.append(error)  # raised below: a task group would wrap it
        stop.set()

    quiet = settings.model_copy(update={"lanes": False, "host": "127.0.0.1", "port": 0})
    await run_gateway(quiet, stop, started)
    if refused:
        raise refused[0]
    return result[0]


async def _work_at(
    settings: Settings, ring: KeyRing, url: str, role: Role, work: Callable[[Api], Awaitable[Any]]
) -> Any:
    token = issue_token(ring, caller="cli", role=role, city=settings.city, ttl_s=300)
    async with api(url, token) as client:
        return await work(client)
