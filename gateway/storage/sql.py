"""One SQL text for both databases.

`?` is a parameter. `IN_LIST ?` takes a list of texts; `EACH ?` is such a list as a table of one column `value`.
A part in double brackets, `[[FOR UPDATE]]`, is for PostgreSQL only: SQLite has one writer and needs no row locks.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from sqlalchemy import BigInteger, Integer, LargeBinary

from gateway.storage.schema import metadata

_BRACKETS = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
CHUNKS = (64, 16, 4, 1)
"""Row counts of multi-row inserts: few prepared statements."""


def _numbered(text: str) -> str:
    counter = itertools.count(1)
    return re.sub(r"\?", lambda _: f"${next(counter)}", text)


@dataclass(frozen=True)
class SQL:
    """One statement, written once; translated once per database."""

    text: str

    @cached_property
    def sqlite(self) -> str:
        """The text for sqlite3."""
        text = _BRACKETS.sub("", self.text).replace("IN_LIST ?", "IN (SELECT value FROM json_each(?))")
        return text.replace("EACH ?", "(SELECT value FROM json_each(?))")

    @cached_property
    def postgresql(self) -> str:
        """The text for asyncpg."""
        text = _BRACKETS.sub(r"\1", self.text).replace("IN_LIST ?", "= ANY(?::text[])")
        return _numbered(text.replace("EACH ?", "(SELECT unnest(?::text[]) AS value)"))


class Insert:
    """A multi-row INSERT into one table: a few fixed row counts for SQLite, one unnest for PostgreSQL.

    PostgreSQL answers one statement however many rows it carries; there every statement saved is a round trip.
    """

    def __init__(self, table: str, columns: Sequence[str], tail: str = "") -> None:
        self.columns = tuple(columns)
        row = f"({', '.join('?' * len(columns))})"
        head = f"INSERT INTO {table} ({', '.join(columns)}) "
        self._by_count = {n: SQL(f"{head}VALUES {', '.join([row] * n)} {tail}".rstrip()) for n in CHUNKS}
        arrays = ", ".join(f"?::{_array_type(table, column)}" for column in columns)
        self.unnest = SQL(f"{head}SELECT * FROM unnest({arrays}) {tail}".rstrip())  # noqa: S608 - as above
        self.following = (
            f"{head}SELECT * FROM unnest({arrays}) AS u({', '.join(columns)}) "  # noqa: S608 - as above
            f"WHERE u.application_id IN (SELECT application_id FROM first) {tail}"
        ).rstrip()

    def arrays(self, rows: Sequence[Sequence[object]]) -> list[list[object]]:
        """The rows as one array for each column, for unnest."""
        if not rows:
            return [[] for _ in self.columns]
        return [list(column) for column in zip(*rows, strict=True)]

    def chunks(self, rows: Sequence[Sequence[object]]) -> list[tuple[SQL, list[object]]]:
        """The statements that insert `rows` in SQLite, each with its flat parameters."""
        out: list[tuple[SQL, list[object]]] = []
        start = 0
        for size in CHUNKS:
            while len(rows) - start >= size:
                part = rows[start : start + size]
                out.append((self._by_count[size], [value for row in part for value in row]))
                start += size
        return out


@lru_cache
def together(first: Insert, followers: tuple[Insert, ...]) -> str:
    """One PostgreSQL statement: insert into `first`, and into the followers the rows of what was new."""
    parts = [f"first AS ({first.unnest.text})"]
    parts += [f"f{number} AS ({insert.following})" for number, insert in enumerate(followers)]
    return _numbered(f"WITH {', '.join(parts)} SELECT application_id FROM first")  # noqa: S608 - as above


def _array_type(table: str, column: str) -> str:
    """The PostgreSQL array type of a column of ours."""
    match metadata.tables[table].columns[column].type:
        case BigInteger() | Integer():
            return "bigint[]"
        case LargeBinary():
            return "bytea[]"
        case _:
            return "text[]"
