"""A database view on real SQLite and PostgreSQL: every row once, whatever its key."""

import asyncio
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from adapters.normalization.source import View
from adapters.sources import view as view_module
from adapters.sources.record import Record
from adapters.sources.view import read_view
from schemas.errors import Internal, PartnerProtocol, PartnerUnavailable, SourceUnreadable
from tests import postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'exchange.sqlite3'}"
        return
    server = request.getfixturevalue("postgres_server")
    made = postgres.create_database(server)
    yield made.replace("postgresql://", "postgresql+pg8000://")
    postgres.drop_database(server, made)


def run(url: str, *statements: str, rows: list[dict[str, Any]] | None = None) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
        if rows:
            connection.execute(text("insert into items values (:id, :name)"), rows)
    engine.dispose()


def view_of(**changes: Any) -> View:
    base = {"database_url": "x", "view": "v_items", "key": "id", "columns": ["name"]}
    return View.model_validate(base | changes)


async def read(url: str, *, max_rows: int = 100_000, timeout_s: float = 30, **changes: Any) -> list[Record]:
    return [record async for record in read_view(url, view_of(**changes), max_rows=max_rows, timeout_s=timeout_s)]


TABLE = "create table items (id varchar(20), name varchar(40))"
VIEW = "create view v_items as select * from items"


@pytest.mark.parametrize("count", [0, 1, 998, 999, 1000, 1001, 2503])
async def test_every_row_comes_once(url: str, count: int) -> None:
    ids = [f"{number * 7919 % 100_003:06d}" for number in range(count)]
    run(url, TABLE, VIEW, rows=[{"id": one, "name": f"事项{one}"} for one in ids])
    records = await read(url)
    assert [(one.place, one.data) for one in records] == [
        (f"v_items!id={one}", {"name": f"事项{one}"}) for one in sorted(ids)
    ]


async def test_values_become_plain(url: str) -> None:
    run(
        url,
        "create table v_items (id integer, num numeric(10,2), price numeric(10,2), ratio double precision, day date,"
        " at timestamp, yes boolean, none varchar(5))",
        "insert into v_items values (1, 20.00, 12.50, 0.5, '2026-01-31', '2026-01-31 08:00:00', true, null)",
    )
    names = ["id", "num", "price", "ratio", "day", "at", "yes", "none"]
    (record,) = await read(url, columns=names)
    assert list(record.data) == names
    assert [record.data[name] for name in names[:4]] == [1, 20, 12.5, 0.5]
    if url.startswith("postgresql"):
        assert [record.data[name] for name in names[4:]] == ["2026-01-31", "2026-01-31T08:00:00", True, None]


async def test_times_with_an_offset_and_json_stay_whole(postgres_server: str) -> None:
    made = postgres.create_database(postgres_server)
    try:
        url = made.replace("postgresql://", "postgresql+pg8000://")
        run(
            url,
            "create view v_items as select 1 id, timestamptz '2026-01-31T08:00:00+08:00' as at,"
            """ '{"a": [1]}'::jsonb as doc, interval '30 hours' as span,"""
            " '00000000-0000-0000-0000-000000000001'::uuid as u",
        )
        (record,) = await read(url, columns=["at", "doc", "span", "u"])
        assert datetime.fromisoformat(record.data["at"]) == datetime(2026, 1, 31, tzinfo=UTC)
        assert record.data["doc"] == {"a": [1]}
        assert record.data["span"] == "30:00:00"
        assert record.data["u"] == "00000000-0000-0000-0000-000000000001"
    finally:
        postgres.drop_database(postgres_server, made)


async def test_a_key_that_is_not_unique_is_refused(url: str) -> None:
    ids = [f"{number:06d}" for number in range(999)]
    run(url, TABLE, VIEW, rows=[{"id": one, "name": "x"} for one in [*ids, "000998"]])
    with pytest.raises(SourceUnreadable) as caught:
        await read(url)
    assert "“000998”重复" in caught.value.detail_zh
    assert caught.value.facts["sheet"] == "v_items"


async def test_an_empty_key_is_refused(url: str) -> None:
    run(url, TABLE, VIEW, rows=[{"id": "1", "name": "x"}, {"id": None, "name": "y"}])
    with pytest.raises(SourceUnreadable) as caught:
        await read(url)
    assert "有空值" in caught.value.detail_zh


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("bytea", "'\\x00'::bytea"),
        ("numeric", "'NaN'::numeric"),
        ("float", "'NaN'::float8"),
        ("float", "'Infinity'::float8"),
    ],
)
async def test_what_is_no_text_number_or_time_is_refused(postgres_server: str, kind: str, value: str) -> None:
    made = postgres.create_database(postgres_server)
    try:
        url = made.replace("postgresql://", "postgresql+pg8000://")
        run(url, f"create view v_items as select 1 id, {value} as name")
        with pytest.raises(SourceUnreadable) as caught:
            await read(url)
        assert "name" in caught.value.detail_zh, kind
    finally:
        postgres.drop_database(postgres_server, made)


async def test_more_rows_than_allowed(url: str) -> None:
    run(url, TABLE, VIEW, rows=[{"id": str(number), "name": "x"} for number in range(9)])
    with pytest.raises(SourceUnreadable) as caught:
        await read(url, max_rows=5)
    assert "超过上限5条" in caught.value.detail_zh


async def test_a_view_that_is_not_there(url: str) -> None:
    run(url, TABLE)
    with pytest.raises((PartnerProtocol, PartnerUnavailable)):
        await read(url)


async def test_a_database_that_is_not_there() -> None:
    with pytest.raises(PartnerUnavailable):
        await read("postgresql+pg8000://postgres@127.0.0.1:1/none")


@pytest.mark.parametrize("url", ["nonsense", "unknown://x", "oracle+cx_oracle://x/y"])
async def test_an_address_that_cannot_be_used_never_shows_itself(url: str) -> None:
    with pytest.raises(Internal) as caught:
        await read(url)
    assert url not in caught.value.detail


async def test_a_database_that_does_not_answer(postgres_server: str) -> None:
    made = postgres.create_database(postgres_server)
    url = made.replace("postgresql://", "postgresql+pg8000://")
    try:
        run(url, "create view v_items as select 1 id, pg_sleep(1)::text as name")
        with pytest.raises(PartnerUnavailable):
            await read(url, timeout_s=0.2)
        await asyncio.sleep(1.2)
    finally:
        postgres.drop_database(postgres_server, made)


async def test_only_one_page_is_in_memory(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.sqlite3'}"
    run(url, TABLE, VIEW, rows=[{"id": f"{number:06d}", "name": f"{number:040d}"} for number in range(60_000)])
    told: list[tuple[int, int]] = []
    count = 0
    tracemalloc.start()
    try:
        async for _ in read_view(
            url, view_of(), max_rows=100_000, progress=lambda done, all_: told.append((done, all_))
        ):
            count += 1
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 60_000
    assert told[-1] == (60_000, 100_000)
    assert peak_bytes < 60_000 * 60
    assert view_module.PAGE_ROWS == 1000
