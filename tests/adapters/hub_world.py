"""Three cities behind one provincial platform, and a gateway that reaches them through it; invented data."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.cli.demo_cases import application
from gateway.cli.processes import Parties, simulated_cities
from gateway.usecases.read_seeds import read_seeds
from schemas.agreement import Mode
from tests.adapters.cities import ROOT
from tests.gateways import Gateway, running_gateway, settings_for

HUB = "440000"
BEHIND = ("440500", "441400", "441500")
INBOUND_SECRET = "hub-calls-back"
_HERE = Path(__file__).parent


def profiles_in(folder: Path) -> Path:
    """The hub's profile and one for each city behind it."""
    folder.mkdir()
    (folder / f"{HUB}.yaml").write_bytes((_HERE / "hub.yaml").read_bytes())
    city = (_HERE / "hub_city.yaml").read_text("utf-8")
    for code in BEHIND:
        (folder / f"{code}.yaml").write_text(city.replace("440500", code), "utf-8")
    return folder


@dataclass
class HubWorld:
    """A running gateway, and the hub's control page and books."""

    gateway: Gateway
    url: str
    books: Path

    async def control(self, **settings: Any) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/_control", json=settings) as answer,
        ):
            assert answer.status == 200, await answer.text()

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.books}?mode=ro", uri=True, timeout=10)) as db:
            return list(db.execute(sql, values))

    def bookings(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for ref, number in self.rows("select our_ref, case_number from bookings"):
            found.setdefault(ref, []).append(number)
        return found

    async def hand_in(self, city: str, number: int = 0, *, key: str | None = None, files: int = 0) -> str:
        """An application to a city behind the hub; its number here."""
        offered = [i for i in read_seeds(ROOT / "seeds").items if i.city == city and i.modes and Mode.ONLINE in i.modes]
        ids = [
            (await self.gateway.upload(b"%PDF-1.4 " + b"%d" % (number * 10 + one))).body["file_id"]
            for one in range(files)
        ]
        body = application(
            offered[number % len(offered)], Mode.ONLINE, collecting_city="445200", file_ids=ids, number=number
        )
        if not ids:
            body["materials"] = [{"material_code": m["material_code"], "source": "paper"} for m in body["materials"]]
        body["consent"]["at"] = "2026-01-05T09:00:00+08:00"
        answer = await self.gateway.submit(body, key=key)
        assert answer.status == 202, answer.body
        return str(answer.body["application_id"])

    async def case(self, application_id: str) -> dict[str, Any]:
        return dict((await self.gateway.call("GET", f"/v1/applications/{application_id}")).body)


@asynccontextmanager
async def hub_world(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    database_url: str | None = None,
    *,
    pace: str = "0",
    **settings: str,
) -> AsyncIterator[HubWorld]:
    """`settings` fill the ${name} places of the hub's profile."""
    parties = Parties(tmp_path)
    folder = profiles_in(tmp_path / "cities")
    async with simulated_cities(parties, {HUB: "hub"}, pace=pace):
        told = {f"TONGBAN_CITY_{HUB}_{name.upper()}": value for name, value in settings.items()}
        secret = {f"TONGBAN_SECRET_{HUB}_INBOUND_SECRET": INBOUND_SECRET}
        for name, value in (parties.environment | told | secret).items():
            monkeypatch.setenv(name, value)
        chosen = settings_for(tmp_path / "gateway", database_url, profiles_dir=folder, breaker_failures=3)
        async with running_gateway(chosen) as gateway:
            yield HubWorld(gateway, parties.urls[HUB], parties.books(HUB))
