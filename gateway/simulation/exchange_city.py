"""模拟前置库城市: reads what is left for it in the tables of a profile, and writes its answers there."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import Engine, Table, delete, insert, select, update

from adapters.exchange_operations import Condition, ExchangeOperations, Source, SubmitTable
from adapters.expression_functions import compact_time
from adapters.listing import day_words
from adapters.profile import CityProfile
from gateway.simulation.engine import Engine as City
from gateway.simulation.facts import Happened, SimulatedCase
from gateway.simulation.hearing import Hearer, check_heard
from gateway.simulation.listing_rows import ListingWriter
from gateway.simulation.reports import solver_of
from schemas.message import Step

T = TypeVar("T")
Row = dict[str, Any]
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class _Found:
    """A row that was left for the city, with its materials."""

    row: Row
    materials: list[Row]


class ExchangeCity:
    """模拟前置库城市."""

    def __init__(self, profile: CityProfile, engine: Engine, tables: Mapping[str, Table], city: City) -> None:
        assert profile.exchange_database is not None  # noqa: S101 - the caller has looked
        self._profile, self._city = profile, city
        self._operations: ExchangeOperations = profile.exchange_database
        self._engine, self._tables = engine, tables
        self._hearer = Hearer(solver_of(profile))
        check_heard(profile, self._operations.submit.row, solver_of(profile))
        self._thread = ThreadPoolExecutor(1, "simulated-exchange")
        self._seen: set[str] = set()
        self._rows: dict[str, list[str]] = {}
        """Application → keys of the rows that brought it."""
        listing = self._operations.listing
        self._listing = None if listing is None else ListingWriter(profile, listing.case)
        city.tell = self._tell
        city.reference = lambda case, name: str(uuid4())

    def open(self, tasks: asyncio.TaskGroup, stack: AsyncExitStack) -> None:
        """Begin to look into the tables."""
        stack.callback(self._engine.dispose)
        stack.callback(self._thread.shutdown, wait=False, cancel_futures=True)
        tasks.create_task(self._look(), name="look")

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def _look(self) -> None:
        while True:
            for found in await self._run(self._left, self._operations.submit):
                await self._take(found)
            if self._operations.follow_up is not None:
                for found in await self._run(self._left, self._operations.follow_up):
                    self._take_follow_up(found)
            if self._listing is not None:
                await self._run(self._list)
            await asyncio.sleep(_LOOK_S)

    def _left(self, submit: SubmitTable) -> list[_Found]:
        """Rows not looked at before, with their materials."""
        table, materials = self._tables[submit.table], self._tables[submit.materials.table]
        found = []
        with self._engine.connect() as connection:
            keys = [key for (key,) in connection.execute(select(table.c[submit.key])) if key not in self._seen]
            for key in keys:
                row = connection.execute(select(table).where(table.c[submit.key] == key)).mappings().one()
                chosen = [one == row[name] for one, name in _links(submit, materials)]
                wanted = select(materials).where(*chosen)
                brought = [dict(one) for one in connection.execute(wanted).mappings()] if chosen else []
                found.append(_Found(dict(row), brought))
        self._seen.update(str(one.row[submit.key]) for one in found)
        return found

    async def _take(self, found: _Found) -> None:
        submit = self._operations.submit
        words = self._hearer.words(submit.row, found.row)
        application_id = str(words.get("application_id"))
        self._rows.setdefault(application_id, []).append(str(found.row[submit.key]))
        known = self._city.known(words)
        if known is not None and "double_booking" not in self._city.faults:
            arrived = [one for one in known.steps if one.step is Step.ARRIVED]
            for happened in arrived[:1]:
                await self._tell(*self._city.writer.written(happened), known, happened)
        elif self._city.refuses(words) or not self._whole(submit, found):
            await self._city.reject(words)
        else:
            self._city.book(words)

    def _take_follow_up(self, found: _Found) -> None:
        submit = self._operations.follow_up
        assert submit is not None  # noqa: S101 - the caller has looked
        words = self._hearer.words(submit.row, found.row)
        case = self._city.known(words)
        if case is not None and self._whole(submit, found):
            self._city.follow(case, str(found.row[submit.key]), withdrawal=words.get("kind") == "WITHDRAW")

    def _whole(self, submit: SubmitTable, found: _Found) -> bool:
        """Whether every file has the digest that stands beside it."""
        for row in found.materials:
            file = self._hearer.words(submit.materials.row, row).get("material", {}).get("file") or {}
            content = row.get(submit.materials.content)
            if content is not None and file.get("sha256") not in (None, hashlib.sha256(bytes(content)).hexdigest()):
                return False
        return True

    async def _tell(self, via: str, body: dict[str, Any], case: SimulatedCase, happened: Happened) -> None:
        source = self._operations.sources.get(via)
        if source is not None:
            await self._run(self._write, source, body, case, happened)

    def _write(self, source: Source, body: Row, case: SimulatedCase, happened: Happened) -> None:
        table = self._tables[source.table]
        row = {name: value for name, value in body.items() if name in table.c and value is not None}
        stamp = compact_time(self._city.now().isoformat())
        with self._engine.begin() as connection:
            if source.table == self._operations.submit.table:
                keys = self._rows.get(case.application_id, [])
                connection.execute(
                    update(table).where(table.c[source.key].in_(keys)).values(_marked(source, row, stamp))
                )
                return
            key = str(uuid4())
            row = _marked(source, row, stamp) | {source.key: key}
            row |= {name: stamp for name in source.order if row.get(name) is None}
            connection.execute(insert(table).values(row))
            if source.files is not None and happened.file is not None:
                files = self._tables[source.files.table]
                told = dict(next(iter(body.get("files") or []), {}))
                content = self._city.results.get(happened.file.reference)
                told |= {source.files.link: key, source.files.key: happened.file.reference}
                told |= {source.files.content: None if content is None else content.content}
                connection.execute(insert(files).values({name: told[name] for name in told if name in files.c}))

    def _list(self) -> None:
        """The city's list of the day, anew; only where it is a table of its own."""
        listing = self._operations.listing
        assert listing is not None  # noqa: S101 - the caller has looked
        assert self._listing is not None  # noqa: S101 - made with it
        table = self._tables[listing.table]
        words = day_words(self._city.now().date())
        rows = []
        for row in self._listing.rows(self._city, _beijing(self._city)):
            fixed = {name: one.equals for name, one in listing.where.items() if one.equals is not None}
            rows.append(row | fixed | {listing.day.column: _within(listing.day.begins, words, self._city)})
        with self._engine.begin() as connection:
            connection.execute(delete(table))
            if rows:
                connection.execute(insert(table), rows)


def _links(submit: SubmitTable, materials: Table) -> list[tuple[Any, str]]:
    """Column of the materials' table that holds what a column of the message's row holds: how they belong together."""
    by_text = {text: name.removesuffix("?") for name, text in submit.row.items() if isinstance(text, str)}
    keys = [one for one in ("message_id", "application_id") if one in by_text and one in submit.materials.row.values()]
    return [
        (materials.c[name.removesuffix("?")], by_text[keys[0]])
        for name, text in submit.materials.row.items()
        if keys and text == keys[0]
    ]


def _marked(source: Source, row: Row, stamp: Any) -> Row:
    """The row such that the gateway finds it."""
    found = dict(row)
    for name, condition in source.where.items():
        found = _meets(found, name, condition, stamp)
    return found


def _meets(row: Row, name: str, condition: Condition, stamp: Any) -> Row:
    if condition.equals is not None:
        return row | {name: condition.equals}
    if condition.differs is not None:
        return row | {name: "N" if row.get(name) in (None, condition.differs) else row[name]}
    if condition.filled:
        return row if row.get(name) is not None else row | {name: stamp}
    return row | {name: None}


def _beijing(city: City) -> str:
    return str(compact_time(city.now().isoformat()))[:8]


def _within(text: str, words: Mapping[str, Any], city: City) -> Any:
    """A moment of the day, as the profile writes its beginning."""
    return city.profile.compiler().expression(text, ("listing", "day"))({**words, "begins": city.now().isoformat()})
