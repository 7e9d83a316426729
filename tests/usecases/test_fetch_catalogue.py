"""A catalogue read from the city itself: a REST listing in pages, a database view; nothing is kept of half of one."""

import sqlite3
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from adapters.contract import AdapterContext
from adapters.profile import load_profile
from gateway.cli.processes import ROOT
from gateway.clock import now
from gateway.usecases.fetch_catalogue import fetch, fetched
from gateway.usecases.normalise_file import dialect_of
from schemas.errors import CrossCityError, Internal, PartnerUnavailable, SourceUnreadable

TODAY = date(2026, 11, 24)
CITIES = ROOT / "seeds" / "cities"


def context(secrets: dict[str, str]) -> AdapterContext:
    return AdapterContext(now=now, secret=secrets.__getitem__, nonce=lambda: "n0nce")


def row(number: int, body: str, **changes: Any) -> dict[str, Any]:
    """A national row as both cities have it."""
    code = f"0020179{number:05d}"
    return {
        "catalog_code": code,
        "task_code": f"{body}3{code}",
        "task_name": f"演示事项{number}",
        "task_version": "1",
        "task_state": "在用",
        "task_type": "20",
        "use_level": "3",
        "dept_name": "演示机构",
        "promise_day": "3",
        "promise_type": "1",
        "limit_scene_num": "0",
        "is_express": "1",
        **changes,
    }


@asynccontextmanager
async def listing(pages: list[list[dict[str, Any]]], broken_at: int = 99) -> AsyncIterator[str]:
    async def items(request: web.Request) -> web.Response:
        number = int(request.query["since"])
        if number >= broken_at:
            return web.Response(status=503)
        following = str(number + 1) if number + 1 < len(pages) else None
        return web.json_response({"STATUS": {"CODE": "00"}, "data": {"rows": pages[number], "next": following}})

    app = web.Application()
    app.router.add_get("/share/kctb/items", items)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_listing_in_pages() -> None:
    body = "12441500DEMY000588"
    pages = [[row(number, body, item_type="1") for number in range(start, start + 2)] for start in (0, 2)]
    pages.append([row(4, body, item_type="7")])
    async with listing(pages) as url:
        profile = load_profile(CITIES / "441500.yaml", {"url": url})
        dialect = dialect_of(profile, TODAY)
        with tempfile.TemporaryFile() as spool:
            assert await fetch(profile, dialect, context({"441500.appsecret": "s"}), spool) == 5
            results = [one.normalized for one in fetched(spool, dialect)]
    assert [one.item is not None for one in results] == [True, True, True, True, False]
    assert results[0].item is not None
    assert results[0].item.project_type == "PROMISED"  # this city's 1 is 承诺
    assert results[4].place == "第3页第1条"
    assert "unknown_code" in {finding.rule for finding in results[4].findings}


async def test_a_listing_that_breaks_off() -> None:
    pages = [[row(number, "12441500DEMY000588", item_type="1")] for number in range(3)]
    async with listing(pages, broken_at=1) as url:
        profile = load_profile(CITIES / "441500.yaml", {"url": url})
        dialect = dialect_of(profile, TODAY)
        with tempfile.TemporaryFile() as spool, pytest.raises(PartnerUnavailable):
            await fetch(profile, dialect, context({"441500.appsecret": "s"}), spool)


def view_columns() -> tuple[str, ...]:
    source = load_profile(CITIES / "441400.yaml").catalogue[-1].source
    assert source is not None
    assert source.view is not None
    return source.view.columns


def make_view(path: Path, rows: list[dict[str, Any]]) -> str:
    columns = view_columns()
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE v_kctb_item ({', '.join(f'{name} TEXT' for name in columns)})")
        for number, one in enumerate(rows):
            values = [{"row_guid": f"g{number:04}", **one}.get(name) for name in columns]
            connection.execute(f"INSERT INTO v_kctb_item VALUES ({', '.join('?' * len(columns))})", values)
    connection.close()
    return f"sqlite:///{path}"


async def test_a_database_view(tmp_path: Path) -> None:
    body = "12441400DEMY00063N"
    url = make_view(tmp_path / "view.sqlite3", [row(number, body, project_type="2") for number in range(3)])
    profile = load_profile(CITIES / "441400.yaml")
    dialect = dialect_of(profile, TODAY)
    with tempfile.TemporaryFile() as spool:
        assert await fetch(profile, dialect, context({"441400.database_url": url}), spool) == 3
        results = [one.normalized for one in fetched(spool, dialect)]
    assert [one.key for one in results] == ["002017900000", "002017900001", "002017900002"]
    assert results[0].place == "v_kctb_item!row_guid=g0000"


@pytest.mark.parametrize(
    ("city", "error"), [("441400", Internal), ("360700", SourceUnreadable)], ids=["no secret", "comes as a file"]
)
async def test_what_cannot_be_fetched(city: str, error: type[CrossCityError]) -> None:
    profile = load_profile(CITIES / f"{city}.yaml")
    dialect = dialect_of(profile, TODAY)
    with tempfile.TemporaryFile() as spool, pytest.raises(error):
        await fetch(profile, dialect, context({}), spool)
