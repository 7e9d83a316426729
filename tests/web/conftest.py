"""A gateway in this process for the tests of the API; its partner cities are not there (lanes off)."""

from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.demo_cases import application
from gateway.cli.processes import ROOT
from gateway.storage.sql import SQL
from gateway.usecases.read_seeds import read_seeds
from schemas.agreement import Mode
from schemas.service_item import ServiceItem
from tests.gateways import Gateway, running_gateway, settings_for

TABLES = ("applications", "idempotency", "events", "receipts", "outbox", "case_files", "progress", "nonces", "files")


@pytest.fixture
async def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    """On SQLite."""
    monkeypatch.setenv("TONGBAN_SECRET_441300_TIF_INBOUND_TOKEN", "inbound-token")
    async with running_gateway(settings_for(tmp_path, None, lanes=False)) as running:
        yield running


@pytest.fixture
async def either_gateway(tmp_path: Path, database_url: str | None) -> AsyncIterator[Gateway]:
    """On each database in turn."""
    async with running_gateway(settings_for(tmp_path, database_url, lanes=False)) as running:
        yield running


@cache
def seeded() -> dict[tuple[str, str], ServiceItem]:
    """The items a gateway of these tests has."""
    return {(item.city, item.item_code): item for item in read_seeds(ROOT / "seeds").items}


def body(
    gateway: Gateway, city: str = "441300", code: str = "002017900002", as_mode: Mode = Mode.COLLECT, **changes: Any
) -> dict[str, Any]:
    """A complete application whose materials travel on paper."""
    item = seeded()[(city, code)]
    whole = application(item, as_mode, collecting_city="445200", file_ids=[], number=0)
    whole["materials"] = [{"material_code": m["material_code"], "source": "paper"} for m in whole["materials"]]
    return whole | changes


async def rows(gateway: Gateway) -> dict[str, int]:
    """How many rows each table of cases has."""
    counts = {}
    for table in TABLES:
        row = await gateway.services.db.fetch_one(SQL(f"SELECT COUNT(*) FROM {table}"))
        assert row is not None
        counts[table] = row[0]
    return counts
