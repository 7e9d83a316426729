"""数据库: the thin port both drivers fill: reads, transactions, multi-row inserts."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol

from gateway.storage.sql import SQL, Insert

Row = Sequence[Any]
Rows = tuple[Insert, Sequence[Sequence[object]]]
"""Rows for one table."""


class Transaction(Protocol):
    """One transaction. Times are integers: milliseconds since 1970 UTC. JSON and bodies are bytes."""

    @property
    def name(self) -> Literal["sqlite", "postgresql"]:
        """Whose transaction it is."""
        ...

    async def fetch(self, sql: SQL, *args: object) -> list[Row]:
        """All rows."""
        ...

    async def fetch_one(self, sql: SQL, *args: object) -> Row | None:
        """The first row, if any."""
        ...

    async def execute(self, sql: SQL, *args: object) -> None:
        """Run one statement."""
        ...

    async def execute_many(self, sql: SQL, rows: Sequence[Sequence[object]]) -> None:
        """Run one statement for each row of parameters."""
        ...

    async def insert(self, insert: Insert, rows: Sequence[Sequence[object]]) -> list[Row]:
        """Insert all rows; what the statement's RETURNING gives, if it has one."""
        ...

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """A part that is undone alone when it fails."""
        ...


class Database(Protocol):
    """A database that is open."""

    @property
    def name(self) -> Literal["sqlite", "postgresql"]:
        """Which of the two it is."""
        ...

    async def fetch(self, sql: SQL, *args: object) -> list[Row]:
        """All rows, outside any transaction of ours."""
        ...

    async def fetch_one(self, sql: SQL, *args: object) -> Row | None:
        """The first row, outside any transaction of ours."""
        ...

    async def insert_where_first(self, first: Rows, followers: Sequence[Rows]) -> set[str]:
        """Insert the rows of `first` that are new, and of `followers` only those of the same applications.

        One transaction. The statement of `first` RETURNs application_id; the ids that were new are given back.
        """
        ...

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin; commit on leaving, roll back on an exception. Durable once left."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
