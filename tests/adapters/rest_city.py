"""A city over REST for one test: a server that keeps what it was sent, and an adapter by a profile of the guide."""

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from adapters.contract import AdapterContext
from adapters.profile import CityProfile, load_profile
from adapters.rest import RestAdapter
from tests.adapters.cities import ROOT

GUIDE = ROOT / "docs" / "adding-a-city" / "rest.md"
NOW = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
BASE = """\
code: "440600"
name: 佛山市
provenance: {default: fictitious}
transport: rest
duplicates: idempotent
limits: {timeout_s: 5}
auth: {scheme: national_exchange, service_id: kctb, sender_id: tongban-445200, appsecret: 440600.appsecret}
"""
SECRETS = {"440600.appsecret": "s", "440600.inbound": "in", "440600.legacy_key": "old"}


@dataclass
class Seen:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


Reply = Callable[[Seen], web.Response | Any]


@dataclass
class RestServer:
    """Answers by `reply`: a response, or what is sent as JSON."""

    reply: Reply
    seen: list[Seen] = field(default_factory=list)
    url: str = ""

    async def _take(self, request: web.Request) -> web.Response:
        seen = Seen(request.method, request.path, dict(request.query), request.headers, await request.read())
        self.seen.append(seen)
        answer = self.reply(seen)
        return answer if isinstance(answer, web.Response) else web.json_response(answer)

    def paths(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.seen]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["RestServer"]:
        app = web.Application(client_max_size=64 * 1024**2)
        app.router.add_route("*", "/{anything:.*}", self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()


def example(name: str, language: str = "yaml", page: Path = GUIDE) -> str:
    """An example of the guide by its mark."""
    text = page.read_text("utf-8").split(f"<!-- example: {name} -->\n", 1)[1]
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


def profile_text(fragment: str) -> str:
    """A whole profile: what the fragment does not say is as in BASE."""
    said = {line.split(":")[0] for line in fragment.splitlines() if line[:1].isalpha()}
    return "".join(f"{line}\n" for line in BASE.splitlines() if line.split(":")[0] not in said) + fragment


def profile_of(fragment: str, folder: Path, **settings: str) -> CityProfile:
    path = folder / "440600.yaml"
    path.write_text(profile_text(fragment), "utf-8")
    return load_profile(path, {"url": "http://127.0.0.1:1", **settings})


@asynccontextmanager
async def rest_city(
    fragment: str, folder: Path, reply: Reply, **settings: str
) -> AsyncIterator[tuple[RestServer, RestAdapter]]:
    """The server and an adapter for the profile that a fragment makes. The clock moves a second with every look."""
    looks = [0]
    nonces = [0]

    def now() -> datetime:
        looks[0] += 1
        return NOW + timedelta(seconds=looks[0])

    def nonce() -> str:
        nonces[0] += 1
        return f"n{nonces[0]}"

    async with RestServer(reply).running() as server:
        profile = profile_of(fragment, folder, url=server.url, **settings)
        adapter = RestAdapter(profile, AdapterContext(now, SECRETS.__getitem__, nonce))
        try:
            yield server, adapter
        finally:
            await adapter.close()


def yaml_of(text: str) -> Any:
    return yaml.safe_load(text)


def accepted(**data: Any) -> dict[str, Any]:
    return {"code": "0", "data": data}
