"""A whole gateway inside the test's process, with a client for it; real HTTP on loopback."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from gateway.cli.calling import issue_token
from gateway.cli.running import run_gateway
from gateway.cli.seed import load
from gateway.clock import new_id
from gateway.domain.access import Role
from gateway.settings import Settings
from gateway.wiring import Services


@dataclass
class Answer:
    """One HTTP answer."""

    status: int
    body: Any
    headers: Any


@dataclass
class Gateway:
    """A running gateway and a session to call it."""

    url: str
    services: Services
    session: aiohttp.ClientSession

    def token(self, role: Role = Role.CLERK, city: str = "445200", *, caller: str = "", ttl_s: int = 600) -> str:
        name = caller or f"{role.value}-{city}"
        return issue_token(self.services.ring, caller=name, role=role, city=city, ttl_s=ttl_s)

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        data: bytes | None = None,
        token: str | None = None,
        role: Role = Role.CLERK,
        city: str = "445200",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        bearer = self.token(role, city) if token is None else token
        sent = {"Authorization": f"Bearer {bearer}"} | (headers or {})
        if token == "":
            del sent["Authorization"]
        large = io.BytesIO(data) if data is not None and len(data) > 2**20 else data
        async with self.session.request(method, self.url + path, json=json, data=large, headers=sent) as response:
            raw = await response.read()
            is_json = "json" in response.content_type
            body = await response.json(content_type=None) if is_json and raw else raw
            return Answer(response.status, body, response.headers)

    async def submit(self, body: object, *, key: str | None = None, **how: Any) -> Answer:
        return await self.call(
            "POST", "/v1/applications", json=body, headers={"Idempotency-Key": key or new_id()}, **how
        )

    async def upload(self, content: bytes, name: str = "a.pdf", **how: Any) -> Answer:
        return await self.call(
            "POST", f"/v1/files?name={name}", data=content, headers={"Content-Type": "application/octet-stream"}, **how
        )


def settings_for(folder: Path, database_url: str | None, **changes: Any) -> Settings:
    """Settings of a test gateway: quick retries, any free port."""
    quick: dict[str, Any] = {
        "data_dir": folder,
        "database_url": database_url,
        "port": 0,
        "retry_delays_s": (0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0),
        "sweep_s": 0.1,
        "breaker_open_s": 0.3,
        "grace_s": 5.0,
        "log_json": True,
    }
    return Settings(**(quick | changes))


@asynccontextmanager
async def running_gateway(settings: Settings, *, seeded: bool = True) -> AsyncIterator[Gateway]:
    """Seed, start, yield, stop cleanly; a crash of anything in the gateway fails the test."""
    if seeded:
        await load(settings)
    stop = asyncio.Event()
    ready: asyncio.Future[tuple[Services, str]] = asyncio.get_running_loop().create_future()

    async def started(services: Services, url: str) -> None:
        ready.set_result((services, url))

    async def run() -> None:
        try:
            await run_gateway(settings, stop, started)
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
                return
            raise

    task = asyncio.create_task(run())
    services, url = await ready
    try:
        async with aiohttp.ClientSession() as session:
            yield Gateway(url, services, session)
    finally:
        stop.set()
        await task
