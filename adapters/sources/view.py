"""数据库视图: the rows of a view, page by page by its key, whatever database SQLAlchemy can open."""

import asyncio
import math
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnClause, Engine, TableClause, column, create_engine, select, table
from sqlalchemy.exc import ArgumentError

from adapters.faults import map_database_faults
from adapters.normalization.source import View
from adapters.sources.cells import moment_text
from adapters.sources.record import Counter, Place, Progress, Record
from schemas.errors import Internal

PAGE_ROWS = 1000
_PLAIN = (str, int, float, bool, dict, list, type(None))


async def read_view(
    url: str, view: View, *, max_rows: int, timeout_s: float = 60, progress: Progress | None = None
) -> AsyncIterator[Record]:
    """Every row, by ascending key, at most 1,000 in memory; places are `V_ITEM!id=17`; `timeout_s` is per page.

    SourceUnreadable for a key that is empty or not unique, and for binary columns; PartnerUnavailable and
    PartnerProtocol for what the database says.
    """
    place = Place("database", view.view)
    pages = _Pages(view, place)
    counter = Counter(place, max_rows, progress, lambda: (counter.count, max_rows))
    engine = _engine(url)
    threads = ThreadPoolExecutor(1, f"view-{view.view}")
    try:
        rows = await _run(threads, timeout_s, pages.first, engine)
        while rows:
            for row in rows[: PAGE_ROWS - 1]:
                yield pages.record(row)
                counter.add()
            rows = await _run(threads, timeout_s, pages.after, engine, rows) if len(rows) == PAGE_ROWS else []
    finally:
        threads.submit(engine.dispose)  # in the thread: behind a statement that is still running
        threads.shutdown(wait=False)


async def _run(threads: ThreadPoolExecutor, timeout_s: float, work: Any, *arguments: Any) -> list[tuple[Any, ...]]:
    with map_database_faults():
        async with asyncio.timeout(timeout_s):
            rows: list[tuple[Any, ...]] = await asyncio.get_running_loop().run_in_executor(threads, work, *arguments)
            return rows


class _Pages:
    """Pages of 1,000 rows, of which the last is only looked at: it tells whether a key goes on behind the page."""

    def __init__(self, view: View, place: Place) -> None:
        self._view, self._place = view, place
        names = dict.fromkeys((view.key, *view.columns))
        columns: list[ColumnClause[Any]] = [column(name) for name in names]
        self._names = list(names)
        self._rows: TableClause = table(view.view, *columns)
        self._key = self._rows.c[view.key]

    def first(self, engine: Engine) -> list[tuple[Any, ...]]:
        """The first page."""
        return self._read(engine, self._key.is_(None), 1) or self._read(engine, None, PAGE_ROWS)

    def after(self, engine: Engine, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The page after one that was full."""
        return self._read(engine, self._key > rows[-2][0], PAGE_ROWS)

    def record(self, row: tuple[Any, ...]) -> Record:
        """One row by name."""
        place = f"{self._view.view}!{self._view.key}={row[0]}"
        data = {name: self._plain(name, value) for name, value in zip(self._names, row, strict=True)}
        return Record({name: data[name] for name in self._view.columns}, place)

    def _read(self, engine: Engine, condition: Any, limit: int) -> list[tuple[Any, ...]]:
        wanted = select(*self._rows.c).order_by(self._key).limit(limit)
        if condition is not None:
            wanted = wanted.where(condition)
        with engine.connect() as connection:
            rows = [tuple(row) for row in connection.execute(wanted)]
        self._check_keys(rows)
        return rows

    def _check_keys(self, rows: list[tuple[Any, ...]]) -> None:
        key = self._view.key
        if any(row[0] is None for row in rows):
            self._place.fail(f"the key {key} is empty in some row", f"键“{key}”有空值")
        for row, following in pairwise(rows):
            if row[0] == following[0]:
                self._place.fail(f"the key {key} has the value {row[0]!r} twice", f"键“{key}”的值“{row[0]}”重复")

    def _plain(self, name: str, value: Any) -> Any:
        if isinstance(value, float) and not math.isfinite(value):
            self._place.fail(f"the column {name} holds a number that is none", f"列“{name}”含有无效数字")
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, Decimal) and value.is_finite():
            return int(value) if value == value.to_integral_value() else float(value)
        if isinstance(value, date | datetime | time | timedelta):
            return moment_text(value)
        if isinstance(value, bytes | bytearray | memoryview | Decimal):
            self._place.fail(f"the column {name} holds no text, number or time", f"列“{name}”不是文本、数字或时间")
        return str(value)


def _engine(url: str) -> Engine:
    try:
        return create_engine(url, pool_size=1)
    except ArgumentError:
        raise Internal("The address of the view's database is not valid.", "视图所在数据库的地址无效。") from None
    except ImportError:
        raise Internal("The driver for the view's database is not installed.", "未安装视图所在数据库的驱动。") from None
