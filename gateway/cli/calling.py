"""调用网关: a command talks to the gateway that runs on its data folder, or to one opened for the moment.

Kept apart from `running`: most commands find a gateway that runs, and need not load one of their own.
"""

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import aiohttp

from gateway.cli.refusal import ApiError
from gateway.clock import new_id, now
from gateway.domain.access import Role
from gateway.evidence.jws import Signer
from gateway.evidence.keys import KeyRing, load_keys
from gateway.settings import Settings
from gateway.web.authentication import AUDIENCE, TOKEN_TYPE
from schemas.errors import NotFound

NOTE = "gateway.json"
"""Where a running gateway says in its data folder how it is reached."""


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


def running_url(settings: Settings) -> str | None:
    """The base URL of the gateway that runs on this data folder, if one does."""
    try:
        note = json.loads((settings.data_dir / NOTE).read_text())
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
    if url is None:
        opening = import_module("gateway.cli.running")  # a whole gateway: loaded only where it is needed
        return await opening.work_alone(settings, role, work)
    ring = load_keys(settings.keys)
    if ring is None:
        raise NotFound("The running gateway's keys are not here.", "找不到运行中网关的密钥。")
    return await work_at(settings, ring, url, role, work)


async def work_at(
    settings: Settings, ring: KeyRing, url: str, role: Role, work: Callable[[Api], Awaitable[Any]]
) -> Any:
    """Do `work` as this machine's operator against the gateway at `url`."""
    token = issue_token(ring, caller="cli", role=role, city=settings.city, ttl_s=300)
    async with api(url, token) as client:
        return await work(client)
