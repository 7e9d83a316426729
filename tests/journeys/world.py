"""A world for journeys: simulated cities as processes with books of their own, and gateways as processes to kill."""

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from gateway.cli.calling import issue_token
from gateway.cli.demo_cases import application
from gateway.cli.processes import PARTNERS, ROOT, Parties, gateway_process, simulated_cities
from gateway.cli.seed import load
from gateway.domain.access import Role
from gateway.evidence.keys import KeyRing, new_ring
from gateway.settings import Settings
from gateway.usecases.read_seeds import read_seeds
from schemas.agreement import Mode
from schemas.service_item import ServiceItem

UNSAFE = "999900"
"""A city of tests only: 汕尾's wire, no query, duplicates booked. Its items and its agreement are made up below."""
_UNSAFE_SEEDS = {
    "divisions.csv": f"{UNSAFE},不可重发市,演示省,990000,prefecture,neighbour\n",
    "cities.yaml": f'  - {{division_code: "{UNSAFE}", name: 不可重发市, province_name: 演示省}}\n',
    "items/housing_fund.yaml": f"""
  - city: "{UNSAFE}"
    body: {{name: 不可重发市住房公积金管理中心（演示）, credit_code: 12999900DEMY00099D, kind: "2"}}
""",
    "agreements.yaml": f"""
  - agreement_id: AG-445200-{UNSAFE}-1
    title: 演示：揭阳收件、不可重发市办理
    collecting_city: "445200"
    deciding_city: "{UNSAFE}"
    items: *housing_fund
    modes: [ONLINE, COLLECT]
    valid_from: 2026-01-01
""",
}
QUICK = {
    "TONGBAN_RETRY_DELAYS_S": json.dumps([0.2, 0.3, 0.5, 0.5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
    "TONGBAN_SWEEP_S": "0.2",
    "TONGBAN_LEASE_S": "2",
    "TONGBAN_BREAKER_OPEN_S": "0.3",
    "TONGBAN_GRACE_S": "5",
    "TONGBAN_LOG_JSON": "true",
}


@dataclass
class Books:
    """What a simulated city wrote into its own books."""

    bookings: dict[str, list[str]] = field(default_factory=dict)
    """Case numbers by our reference."""
    deliveries: dict[str, int] = field(default_factory=dict)
    files_in: dict[str, list[str]] = field(default_factory=dict)
    files_out: dict[str, list[str]] = field(default_factory=dict)


def read_books(path: Path) -> Books:
    books = Books()
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        for ref, number in connection.execute("SELECT our_ref, case_number FROM bookings"):
            books.bookings.setdefault(ref, []).append(number)
        for (ref,) in connection.execute("SELECT our_ref FROM deliveries"):
            books.deliveries[ref] = books.deliveries.get(ref, 0) + 1
        for table in ("files_in", "files_out"):
            into = getattr(books, table)
            for ref, sha256 in connection.execute(f"SELECT our_ref, sha256 FROM {table}"):
                into.setdefault(ref, []).append(sha256)
    finally:
        connection.close()
    return books


@dataclass
class World:
    """Simulated cities, one database, and the means to start gateways on it."""

    folder: Path
    parties: Parties
    ring: KeyRing
    database_url: str | None
    items: dict[tuple[str, str], ServiceItem]
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **QUICK,
            **self.parties.environment,
            "TONGBAN_DATABASE_URL": self.database_url or "",
            "TONGBAN_KEYS_DIR": str(self.folder / "keys"),
            **self.extra,
        }

    def token(self, role: Role = Role.CLERK, city: str = "445200") -> str:
        return issue_token(self.ring, caller=f"w-{role.value}", role=role, city=city, ttl_s=3600)

    def books(self, city: str) -> Books:
        return read_books(self.parties.books(city))

    async def control(self, city: str, **settings: Any) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.parties.urls[city]}/_control", json=settings) as response,
        ):
            assert response.status == 200, await response.text()

    @asynccontextmanager
    async def gateway(
        self, name: str = "a", *, port: int = 0, **environment: str
    ) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
        """A gateway process; on SQLite `name` must not change within a test: the folder holds the database."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        variables = {**self.environment, "TONGBAN_NODE": name, **environment}
        async with gateway_process(folder, variables, port=port) as (started, url):
            for city in {"441300", "445200"} & self.parties.urls.keys():
                await self.control(city, callback_url=url)
            yield started, url

    def body(self, city: str, number: int, *, mode: Mode = Mode.ONLINE, files: Iterable[str] = ()) -> dict[str, Any]:
        """A complete application; materials on paper where no file is given."""
        offered = [i for (c, _), i in self.items.items() if c == city and i.modes and mode in i.modes]
        whole = application(
            offered[number % len(offered)], mode, collecting_city="445200", file_ids=list(files), number=number
        )
        if not files:
            whole["materials"] = [{"material_code": m["material_code"], "source": "paper"} for m in whole["materials"]]
        return whole


def _seeds(folder: Path) -> Path:
    """The shipped seeds and profiles, and the `unsafe` city added to each."""
    target = folder / "seeds"
    shutil.copytree(ROOT / "seeds", target)
    for name, more in _UNSAFE_SEEDS.items():
        with (target / name).open("a", encoding="utf-8") as handle:
            handle.write(more)
    shutil.copy(ROOT / "tests" / "adapters" / "unsafe.yaml", target / "cities" / f"{UNSAFE}.yaml")
    return target


CITIES = {**PARTNERS, UNSAFE: "shanwei"}
OFFICE = {"445200": "jieyang"}
"""Our own city's back office."""


@asynccontextmanager
async def open_world(
    folder: Path,
    database_url: str | None,
    *,
    pace: str = "0",
    extra: Mapping[str, str] | None = None,
    cities: Mapping[str, str] = CITIES,
) -> AsyncIterator[World]:
    """Simulators running, database seeded, keys made; start gateways with `world.gateway()`."""
    parties = Parties(folder)
    ring = new_ring(folder / "keys")
    seeds = _seeds(folder)
    variables = {"TONGBAN_SEEDS_DIR": str(seeds), **(extra or {})}
    await load(Settings(data_dir=folder / "a", database_url=database_url, seeds_dir=seeds))
    items = {(item.city, item.item_code): item for item in read_seeds(seeds).items}
    async with simulated_cities(parties, cities, pace=pace):
        yield World(folder, parties, ring, database_url, items, variables)


@dataclass
class Client:
    """Hands in applications and keeps what was acknowledged; a gateway that dies is tried again with the same key."""

    url: str
    token: str
    session: aiohttp.ClientSession
    acknowledged: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    """application_id → (city, receipt)."""

    async def submit(self, body: dict[str, Any], key: str) -> str | None:
        """The application id once acknowledged; None where the gateway did not answer."""
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key}
        try:
            async with self.session.post(f"{self.url}/v1/applications", json=body, headers=headers) as response:
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, ConnectionError):
            return None
        if response.status == 503:
            return None
        assert response.status == 202, answer
        application_id = str(answer["application_id"])
        before = self.acknowledged.get(application_id)
        assert before is None or before[1] == answer["receipt"], "a retry must get the original receipt"
        self.acknowledged[application_id] = (str(body["deciding_city"]), answer["receipt"])
        return application_id

    async def upload(self, content: bytes, name: str = "材料.pdf") -> str | None:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/octet-stream"}
        try:
            async with self.session.post(
                f"{self.url}/v1/files", params={"name": name}, data=content, headers=headers
            ) as response:
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, ConnectionError):
            return None
        return str(answer["file_id"]) if response.status == 201 else None

    async def get(self, path: str) -> Any:
        async with self.session.get(self.url + path, headers={"Authorization": f"Bearer {self.token}"}) as response:
            assert response.status == 200, await response.text()
            return await response.json(content_type=None)


@asynccontextmanager
async def client(world: World, url: str, role: Role = Role.CLERK) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield Client(url, world.token(role), session)


async def until(condition: Callable[[], Awaitable[bool]], *, within_s: float, what: str) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        await asyncio.sleep(0.1)


async def kill(process: asyncio.subprocess.Process) -> None:
    """kill -9."""
    if process.returncode is None:
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
