"""What the journeys into our own city's back office share: a partner that collects for us, and the office's books."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from gateway.cli.demo_cases import application
from gateway.domain.access import Role
from schemas.agreement import Mode
from tests.journeys.world import OFFICE, Client, World, open_world

OWN, PARTNER = "445200", "441300"
BY_OFFICE = {"TONGBAN_BACK_OFFICE": "adapter"}


@asynccontextmanager
async def office_world(folder: Path, database_url: str | None, *, pace: str = "0") -> AsyncIterator[World]:
    """Our own city's back office is the only city that runs; gateways hand it what others collect."""
    async with open_world(folder, database_url, pace=pace, extra=BY_OFFICE, cities=OFFICE) as world:
        yield world


@asynccontextmanager
async def caller(world: World, url: str, role: Role, city: str = OWN) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield Client(url, world.token(role, city), session)


def collected(world: World, number: int, files: list[str] | None = None) -> dict[str, Any]:
    """An application that 惠州 collected for us; materials on paper where no file is given."""
    offered = [i for (c, _), i in world.items.items() if c == OWN and i.modes and Mode.COLLECT in i.modes]
    item = offered[number % len(offered)]
    whole = application(item, Mode.COLLECT, collecting_city=PARTNER, file_ids=files or [], number=number)
    if not files:
        whole["materials"] = [{"material_code": m["material_code"], "source": "paper"} for m in whole["materials"]]
    return whole


async def post(one: Client, path: str, body: object, **headers: str) -> tuple[int, Any]:
    bearer = {"Authorization": f"Bearer {one.token}", **headers}
    async with one.session.post(one.url + path, json=body, headers=bearer) as response:
        return response.status, await response.json(content_type=None)


async def download(one: Client, file_id: str) -> bytes:
    async with one.session.get(
        f"{one.url}/v1/files/{file_id}", headers={"Authorization": f"Bearer {one.token}"}
    ) as response:
        assert response.status == 200
        return await response.read()
