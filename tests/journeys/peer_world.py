"""Two whole gateways for tests, peers of each other, with databases, folders and keys of their own."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.cli.demo_cases import application
from gateway.cli.processes import ROOT
from gateway.domain.access import Role
from gateway.evidence.keys import KeyRing, new_ring
from gateway.usecases.read_seeds import read_seeds
from schemas.agreement import Mode
from schemas.service_item import ServiceItem
from tests.gateways import Gateway, running_gateway, settings_for

A, B = "445200", "441300"
"""The two cities; seeded agreements cover both directions between them."""
_OWN = """\
code: "{code}"
name: 本市
provenance: {{default: fictitious}}
transport: inbound
case_number: {{template: "{{task_code}}{{date:%Y%m%d}}{{serial:04d}}", serial_digits: 4}}
"""
_PEER = """\
code: "{code}"
name: 同类网关
provenance: {{default: fictitious}}
transport: peer_gateway
duplicates: idempotent
reports_back: true
limits: {{in_flight: 16, timeout_s: 5, settle_s: 1}}
{collection}
peer_gateway:
  keys: {code}.peer_keys
  delivery: {delivery}
  {url}
catalogue:
  - {{dialect: peer_catalogue, extends: service_item, provenance: fictitious, source: {{format: json, records: data}}}}
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class Side:
    """One gateway's place."""

    city: str
    folder: Path
    port: int
    ring: KeyRing

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def profiles(self) -> Path:
        return self.folder / "profiles"


def make_sides(tmp_path: Path) -> tuple[Side, Side]:
    sides = []
    for city in (A, B):
        folder = tmp_path / city
        folder.mkdir()
        sides.append(Side(city, folder, free_port(), new_ring(folder / "keys")))
    return sides[0], sides[1]


def write_profiles(side: Side, peer: Side, *, called: bool, calls: bool = True, url: str | None = None) -> None:
    """`called` = the peer can call this side; `calls` = this side can call the peer."""
    side.profiles.mkdir(exist_ok=True)
    (side.profiles / f"{side.city}.yaml").write_text(_OWN.format(code=side.city), "utf-8")
    text = _PEER.format(
        code=peer.city,
        collection="" if called else "collection: {every_s: 0.1}",
        delivery="push" if calls else "left",
        url=f"url: {url or peer.url}" if calls else "",
    )
    (side.profiles / f"{peer.city}.yaml").write_text(text, "utf-8")


def peer_secrets(*sides: Side) -> dict[str, str]:
    """The public keys of each, as the other is given them."""
    return {f"TONGBAN_SECRET_{one.city}_PEER_KEYS": json.dumps(one.ring.jwks()) for one in sides}


@dataclass
class Pair:
    a: Gateway
    b: Gateway

    def of(self, city: str) -> Gateway:
        return self.a if city == A else self.b


@asynccontextmanager
async def started(side: Side, database_url: str | None, **changes: Any) -> AsyncIterator[Gateway]:
    settings = settings_for(
        side.folder, database_url, city=side.city, port=side.port, profiles_dir=side.profiles, **changes
    )
    async with running_gateway(settings) as running:
        yield running


@asynccontextmanager
async def pair(sides: tuple[Side, Side], urls: Mapping[str, str | None] | None = None) -> AsyncIterator[Pair]:
    """Both running. `urls` are their databases by city; absent = SQLite."""
    async with AsyncExitStack() as stack:
        both = [await stack.enter_async_context(started(side, (urls or {}).get(side.city))) for side in sides]
        yield Pair(both[0], both[1])


def items() -> dict[tuple[str, str], ServiceItem]:
    return {(item.city, item.item_code): item for item in read_seeds(ROOT / "seeds").items}


def application_to(deciding: str, collecting: str, files: list[str], number: int = 0) -> dict[str, Any]:
    """A complete application; its materials are these files, or travel on paper."""
    offered = [item for (city, _), item in items().items() if city == deciding and item.modes == (Mode.COLLECT,)]
    whole = application(offered[0], Mode.COLLECT, collecting_city=collecting, file_ids=files, number=number)
    if not files:
        whole["materials"] = [{"material_code": m["material_code"], "source": "paper"} for m in whole["materials"]]
    return whole


async def until(condition: Callable[[], Awaitable[bool]], *, within_s: float = 20, what: str = "") -> None:
    deadline = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        await asyncio.sleep(0.05)


async def case(gateway: Gateway, city: str, application_id: str) -> dict[str, Any] | None:
    answer = await gateway.call("GET", f"/v1/applications/{application_id}", city=city)
    return dict(answer.body) if answer.status == 200 else None


async def state_is(gateway: Gateway, city: str, application_id: str, wanted: str, *, within_s: float = 20) -> None:
    seen: list[object] = []

    async def there() -> bool:
        found = await case(gateway, city, application_id)
        seen.append(found and found["state"])
        return found is not None and found["state"] == wanted

    await until(there, within_s=within_s, what=f"{application_id} is {wanted} in {city}: {seen[-3:]}")


async def step(gateway: Gateway, city: str, application_id: str, action: Mapping[str, Any]) -> dict[str, Any]:
    """An officer's step."""
    path = f"/v1/inbound/{application_id}/steps"
    answer = await gateway.call("POST", path, json=dict(action), role=Role.OFFICER, city=city)
    assert answer.status == 200, answer.body
    return dict(answer.body)


async def kinds(gateway: Gateway, city: str, application_id: str) -> list[str]:
    answer = await gateway.call("GET", f"/v1/applications/{application_id}/events", city=city)
    assert answer.body["chain"]["broken_at"] is None
    return [str(event["type"]) for event in answer.body["data"]]
