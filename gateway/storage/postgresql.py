"""PostgreSQL through asyncpg: a small pool; every transaction is durable once left (synchronous_commit stays on)."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal

import asyncpg

from gateway.storage.database import Row, Rows
from gateway.storage.sql import SQL, Insert, together


async def _leave_as_it_is(_connection: Any) -> None:
    """No reset between uses: nothing here changes a session, and the reset costs a round trip each time."""


class PostgresTransaction:
    """A transaction on one connection of the pool."""

    name: Literal["postgresql"] = "postgresql"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def fetch(self, sql: SQL, *args: object) -> list[Row]:
        """All rows."""
        rows: list[Row] = await self._connection.fetch(sql.postgresql, *args)
        return rows

    async def fetch_one(self, sql: SQL, *args: object) -> Row | None:
        """The first row, if any."""
        row: Row | None = await self._connection.fetchrow(sql.postgresql, *args)
        return row

    async def execute(self, sql: SQL, *args: object) -> None:
        """Run one statement."""
        await self._connection.execute(sql.postgresql, *args)

    async def execute_many(self, sql: SQL, rows: Sequence[Sequence[object]]) -> None:
        """Run one statement for each row of parameters, pipelined."""
        if rows:
            await self._connection.executemany(sql.postgresql, rows)

    async def insert(self, insert: Insert, rows: Sequence[Sequence[object]]) -> list[Row]:
        """Insert all rows in one statement."""
        if not rows:
            return []
        returned: list[Row] = await self._connection.fetch(insert.unnest.postgresql, *insert.arrays(rows))
        return returned

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """A part that is undone alone when it fails."""
        nested: AbstractAsyncContextManager[None] = self._connection.transaction()
        return nested


class PostgresDatabase:
    """One PostgreSQL database, shared by any number of gateway processes."""

    name: Literal["postgresql"] = "postgresql"

    def __init__(self, pool: Any, *, readers: int) -> None:
        self._pool = pool
        self._most_readers = readers
        self._readers: list[Any] = []

    @classmethod
    async def connect(cls, url: str, *, connections: int = 8) -> "PostgresDatabase":
        """Open the pool. asyncpg's own errors pass: without a database there is no gateway."""
        pool = await asyncpg.create_pool(
            url, min_size=1, max_size=connections, statement_cache_size=512, reset=_leave_as_it_is
        )
        return cls(pool, readers=connections // 2)

    async def fetch(self, sql: SQL, *args: object) -> list[Row]:
        """All rows."""
        async with self._reader() as reader:
            rows: list[Row] = await reader.fetch(sql.postgresql, *args)
        return rows

    async def fetch_one(self, sql: SQL, *args: object) -> Row | None:
        """The first row, if any."""
        async with self._reader() as reader:
            row: Row | None = await reader.fetchrow(sql.postgresql, *args)
        return row

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[Any]:
        """A connection for one read. A few are kept out of the pool: taking and giving back costs as much as a read.

        One that failed or was interrupted goes back to the pool, which knows what to do with it.
        """
        while self._readers and self._readers[-1].is_closed():  # the server was restarted
            await self._pool.release(self._readers.pop())
        reader = self._readers.pop() if self._readers else await self._pool.acquire()
        try:
            yield reader
        except BaseException:
            await self._pool.release(reader)
            raise
        if len(self._readers) < self._most_readers:
            self._readers.append(reader)
        else:
            await self._pool.release(reader)

    async def insert_where_first(self, first: Rows, followers: Sequence[Rows]) -> set[str]:
        """Insert what is new, and of the followers only what belongs to it: one statement, one round trip."""
        sql = together(first[0], tuple(insert for insert, _ in followers))
        arrays = [array for insert, rows in (first, *followers) for array in insert.arrays(rows)]
        return {str(row[0]) for row in await self._pool.fetch(sql, *arrays)}

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresTransaction]:
        """Begin; commit on leaving, roll back on an exception."""
        async with self._pool.acquire() as connection, connection.transaction():
            yield PostgresTransaction(connection)

    async def close(self) -> None:
        """Close every connection."""
        while self._readers:
            await self._pool.release(self._readers.pop())
        await self._pool.close()
