"""SQLite: WAL, synchronous=FULL, one writer connection, an inline read-only one, checkpoints on the side.

Statements of a transaction run inline: they only touch memory and cost microseconds. What waits for the disk, the
COMMIT, runs on the one writer thread; checkpoints run on another, so that they do not show in anybody's latency.
Exactly one process: a second one is refused by a lock on the data folder (locks.py).
"""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from gateway.storage.database import Row, Rows
from gateway.storage.sql import SQL, Insert
from gateway.storage.stopping import stopped
from schemas.errors import Busy

_CHECKPOINT_EVERY_S = 1.0
_WAL_FORCE_BYTES = 64 * 1024 * 1024
_PATIENCE_S = 60.0
"""How long a transaction waits for another process that writes: `tongban catalogue publish` beside a gateway."""
_LOOK_AGAIN_S = 0.005


def _adapt(args: Sequence[object]) -> Sequence[object]:
    return [json.dumps(arg) if type(arg) is list else arg for arg in args]


class SqliteTransaction:
    """A transaction on the writer connection, whose lock the caller holds."""

    name: Literal["sqlite"] = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._savepoints = 0

    async def fetch(self, sql: SQL, *args: object) -> list[Row]:
        """All rows."""
        return self._connection.execute(sql.sqlite, _adapt(args)).fetchall()

    async def fetch_one(self, sql: SQL, *args: object) -> Row | None:
        """The first row, if any. Reads to the end: a statement left half-read would block the commit."""
        rows = self._connection.execute(sql.sqlite, _adapt(args)).fetchall()
        return rows[0] if rows else None

    async def execute(self, sql: SQL, *args: object) -> None:
        """Run one statement."""
        self._connection.execute(sql.sqlite, _adapt(args)).fetchall()

    async def execute_many(self, sql: SQL, rows: Sequence[Sequence[object]]) -> None:
        """Run one statement for each row of parameters."""
        self._connection.executemany(sql.sqlite, rows)

    async def insert(self, insert: Insert, rows: Sequence[Sequence[object]]) -> list[Row]:
        """Insert all rows, a chunk at a time."""
        out: list[Row] = []
        for sql, args in insert.chunks(rows):
            out.extend(self._connection.execute(sql.sqlite, args).fetchall())
        return out

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part that is undone alone when it fails."""
        self._savepoints += 1
        name = f"s{self._savepoints}"
        self._connection.execute(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            self._connection.execute(f"ROLLBACK TO {name}")
            self._connection.execute(f"RELEASE {name}")
            raise
        self._connection.execute(f"RELEASE {name}")


class SqliteDatabase:
    """One SQLite file, open for reading and writing by this process alone."""

    name: Literal["sqlite"] = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=0", "busy_timeout=5000"):
            self._writer.execute(f"PRAGMA {pragma}").fetchall()
        self._writer.execute("PRAGMA busy_timeout=0").fetchall()  # from here on we wait without stopping the loop
        self._reader = sqlite3.connect(
            f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False, cached_statements=512
        )
        self._lock = asyncio.Lock()
        self._commits = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")

    async def fetch(self, sql: SQL, *args: object) -> list[Row]:
        """All rows, from the last commit."""
        return self._reader.execute(sql.sqlite, _adapt(args)).fetchall()

    async def fetch_one(self, sql: SQL, *args: object) -> Row | None:
        """The first row, from the last commit."""
        rows = self._reader.execute(sql.sqlite, _adapt(args)).fetchall()
        return rows[0] if rows else None

    async def insert_where_first(self, first: Rows, followers: Sequence[Rows]) -> set[str]:
        """Insert what is new, and of the followers only what belongs to it."""
        async with self.transaction() as tx:
            new = {str(row[0]) for row in await tx.insert(*first)}
            for insert, rows in followers:
                at = insert.columns.index("application_id")
                await tx.insert(insert, rows if len(new) == len(first[1]) else [r for r in rows if r[at] in new])
        return new

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqliteTransaction]:
        """Begin; commit on leaving, roll back on an exception."""
        async with self._lock:
            await self._begin()
            try:
                yield SqliteTransaction(self._writer)
                await asyncio.shield(self._commit())
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    async def _begin(self) -> None:
        """Take the write lock. While another process has it, everything else here goes on."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while not self._has_begun():  # noqa: ASYNC110 - the other process tells nobody when it is done
                    await asyncio.sleep(_LOOK_AGAIN_S)
        except TimeoutError:
            raise Busy(
                "Another process has been writing to the SQLite file for a minute.",
                "另一个进程持续写入SQLite数据库已达一分钟，请稍后重试。",
            ) from None

    def _has_begun(self) -> bool:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            return False
        return True

    async def _commit(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._commits, self._writer.execute, "COMMIT")

    async def run_checkpoints(self, stop: asyncio.Event) -> None:
        """Move the WAL into the database file from a thread of its own, until `stop`."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="sqlite-checkpoint") as pool:
            connection = await loop.run_in_executor(pool, self._open_side)
            try:
                while not await stopped(stop, _CHECKPOINT_EVERY_S):
                    await loop.run_in_executor(pool, self._checkpoint, connection)
            finally:
                await loop.run_in_executor(pool, connection.close)

    def _open_side(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        wal = Path(f"{self._path}-wal")
        forced = wal.exists() and wal.stat().st_size > _WAL_FORCE_BYTES
        connection.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if forced else 'PASSIVE'})").fetchall()

    async def close(self) -> None:
        """Close both connections; the last one out checkpoints."""
        async with self._lock:
            self._commits.shutdown(wait=True)
            self._reader.close()
            self._writer.close()
