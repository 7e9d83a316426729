"""前置库适配器: a city that is reached through a database both sides write to, whatever SQLAlchemy can open.

Delivered = committed. The key of our row is the message's id, so that the same message twice is one row, and a
commit whose answer was lost may simply be tried again. A refusal comes later, as a report.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar
from uuid import uuid5

from sqlalchemy import Engine, create_engine

from adapters.callbacks import CallbackReader
from adapters.contract import AdapterContext, Callback, CallbackRequest, Collected, FileSource
from adapters.dialect import follow_up_words, message_words
from adapters.exchange_calls import ExchangeCalls, Row, SubmitRows
from adapters.exchange_contents import Commit, Contents
from adapters.exchange_rows import ExchangeRows
from adapters.expression_functions import compact_time
from adapters.faults import map_database_faults, undescribed
from adapters.listing import MOST_ROWS, day_words
from adapters.profile import CityProfile
from adapters.reading import read_rows
from adapters.uploads import check_sizes
from schemas.errors import Internal, PartnerProtocol, PartnerUnavailable
from schemas.message import Acknowledgement, FollowUp, ListedCase, OutboundMessage, ProgressReport, RemoteFile

T = TypeVar("T")
Token = dict[str, list[str]]
"""Source → keys of the rows that were collected from it."""
_CHUNK_BYTES = 256 * 1024
_MOST_THREADS = 16


@dataclass(frozen=True, slots=True)
class _Open:
    url: str
    engine: Engine


class ExchangeDatabaseAdapter:
    """One city through its exchange database."""

    def __init__(self, profile: CityProfile, context: AdapterContext) -> None:
        if profile.exchange_database is None:
            raise ValueError("the profile has no exchange_database section")
        self._profile, self._context = profile, context
        self._operations = profile.exchange_database
        compiler = profile.compiler()
        self._calls = ExchangeCalls(profile.exchange_database, compiler, profile.reports)
        self._rows = ExchangeRows(profile.exchange_database)
        self.reports = profile.compiled_reports(compiler)
        self._callbacks = CallbackReader(profile, context, self.reports.get("callback"))
        self._serials = itertools.cycle(range(1, 10_000))
        self._threads = ThreadPoolExecutor(min(profile.limits.in_flight, _MOST_THREADS), f"exchange-{profile.code}")
        self._opened: _Open | None = None

    @property
    def profile(self) -> CityProfile:
        """The city's profile."""
        return self._profile

    async def deliver(self, message: OutboundMessage, files: FileSource) -> Acknowledgement:
        """One row and its materials in one transaction."""
        return await self._hand_over(self._calls.submit, message, message_words(message), files)

    async def follow_up(self, message: FollowUp, files: FileSource) -> Acknowledgement:
        """One row in the table of what follows; whether the city takes it is said later, as a report."""
        if self._calls.follow_up is None:
            raise undescribed("interface for supplements and withdrawals", "补正、撤回接口")
        return await self._hand_over(self._calls.follow_up, message, follow_up_words(message), files)

    async def report(self, report: ProgressReport) -> None:
        """Not spoken here: this city asks our API."""
        raise undescribed("interface for our progress", "接收进度的接口")

    async def listing(self, day: date) -> tuple[ListedCase, ...]:
        """The city's cases of one day, in one select."""
        listing, listed = self._operations.listing, self._calls.listed
        if listing is None or listed is None:
            raise undescribed("listing for reconciliation", "对账清单接口")
        words = day_words(day)
        with map_database_faults():
            begins, ends = self._calls.day_begins(words), self._calls.day_ends(words)
            async with asyncio.timeout(self._profile.limits.timeout_s):
                rows = await self._run(self._rows.listed, listing, begins, ends, MOST_ROWS + 1)
        if len(rows) > MOST_ROWS:
            raise undescribed("listing for reconciliation", "对账清单")
        return listed.read(rows)

    async def find(self, message: OutboundMessage) -> Acknowledgement | None:
        """Never needed: the key of the row makes a repeat harmless."""
        raise undescribed("interface for this question", "查询接口")

    async def collect(self, cursor: str | None) -> Collected:
        """Up to `limit` rows of each source that are not marked yet."""
        with map_database_faults():
            async with asyncio.timeout(self._profile.limits.timeout_s):
                waiting = await self._run(self._rows.waiting)
        reports: list[ProgressReport] = []
        unreadable: list[bytes] = []
        token: Token = {}
        for name, rows in waiting.items():
            read, bad = read_rows(self.reports[name], rows)
            reports += read
            unreadable += bad
            token[name] = [str(row[self._operations.sources[name].key]) for row in rows]
        more = any(len(rows) >= self._operations.limit for rows in waiting.values())
        return Collected(tuple(reports), cursor, token=token, more=more, unreadable=tuple(unreadable))

    async def acknowledge(self, collected: Collected) -> None:
        """Mark the collected rows as stored here."""
        token: Token = collected.token or {}
        now = {"now": self._context.now().isoformat()}
        with map_database_faults():
            marks = {
                name: ({field: value(now) for field, value in self._calls.done[name].items()}, keys)
                for name, keys in token.items()
                if keys
            }
            if marks:
                async with asyncio.timeout(self._profile.limits.timeout_s):
                    await self._run(self._rows.mark, marks)

    async def fetch(self, file: RemoteFile) -> AsyncIterator[bytes]:
        """A result file from its row; more than `limits.max_file_bytes` is PartnerProtocol."""
        with map_database_faults():
            async with asyncio.timeout(self._profile.limits.timeout_s):
                content = await self._run(self._rows.content, file.reference)
        if content is None:
            raise PartnerProtocol("The result file is not in the exchange database.", "前置库中没有该结果文件。")
        if len(content) > self._profile.limits.max_file_bytes:
            raise PartnerProtocol("The file exceeds this city's size limit.", "文件超过该城市的大小上限。")
        for start in range(0, len(content), _CHUNK_BYTES):
            yield content[start : start + _CHUNK_BYTES]

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Authenticate and translate, for a city that also calls."""
        return self._callbacks.read(request)

    def callback_reply(self) -> Mapping[str, Any]:
        """As the profile says."""
        return self._callbacks.reply

    async def probe(self) -> None:
        """Read from the table that is written to."""
        with map_database_faults():
            async with asyncio.timeout(self._profile.limits.timeout_s):
                await self._run(self._rows.ping)

    async def close(self) -> None:
        """Release connections; a statement that is still running ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._opened is not None:
            self._opened.engine.dispose()
            self._opened = None

    async def _hand_over(
        self, kind: SubmitRows, message: OutboundMessage | FollowUp, words: dict[str, Any], files: FileSource
    ) -> Acknowledgement:
        check_sizes(message, self._profile.limits.max_file_bytes)
        commit = Commit()
        with map_database_faults(commit.submission):
            async with asyncio.timeout(self._profile.limits.timeout_s):
                row, materials = self._rows_of(kind, message, words)
                contents = Contents(message, files, kind.table.materials.content, commit)
                fresh = await self._put(kind, row, contents.added(materials), commit)
        return Acknowledgement(duplicate=not fresh, partner_reference=str(message.message_id))

    def _rows_of(
        self, kind: SubmitRows, message: OutboundMessage | FollowUp, words: dict[str, Any]
    ) -> tuple[Row, list[Row]]:
        now = self._context.now().isoformat()
        words |= {"now": now, "batch": f"{compact_time(now):.11}".replace("T", "") + f"{next(self._serials):04d}"}
        for number, material in enumerate(words["materials"]):
            material["row_id"] = str(uuid5(message.message_id, str(number)))
        return kind.rows(words)

    async def _put(self, kind: SubmitRows, row: Row, materials: Iterator[Row], commit: Commit) -> bool:
        try:
            return await self._run(self._rows.put, kind.table, row, materials, commit.begin)
        except BaseException:
            commit.abandoned = True  # the thread may still be running: it must not commit from here on
            raise

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, self._engine(), *arguments)

    def _engine(self) -> Engine:
        """The engine for the URL as it is now: a rotated password needs no restart."""
        name = self._operations.database_url
        try:
            url = self._context.secret(name)
        except KeyError:
            raise PartnerUnavailable(
                f"The secret {name} is not configured here; nothing was sent.",
                f"本网关尚未配置密钥{name}，报文未发出。",
            ) from None
        if self._opened is None or self._opened.url != url:
            if self._opened is not None:
                self._opened.engine.dispose()
            self._opened = _Open(url, _create_engine(url))
        return self._opened.engine


def _create_engine(url: str) -> Engine:
    try:
        return create_engine(url, pool_pre_ping=True, pool_size=_MOST_THREADS)
    except ImportError:
        raise Internal("The driver for the exchange database is not installed.", "未安装前置库的数据库驱动。") from None
