"""One SQL text for both databases.

`?` is a parameter. `IN_LIST ?` takes a list of texts. A part in double brackets, `[[FOR UPDATE]]`, is for
PostgreSQL only: SQLite has one writer and needs no row locks.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

_BRACKETS = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
CHUNKS = (64, 16, 4, 1)
"""Row counts of multi-row inserts: few prepared statements, few round trips."""


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
        return _BRACKETS.sub("", self.text).replace("IN_LIST ?", "IN (SELECT value FROM json_each(?))")

    @cached_property
    def postgresql(self) -> str:
        """The text for asyncpg."""
        return _numbered(_BRACKETS.sub(r"\1", self.text).replace("IN_LIST ?", "= ANY(?::text[])"))


class Insert:
    """A multi-row INSERT into one table, prepared for a few fixed row counts."""

    def __init__(self, table: str, columns: Sequence[str], tail: str = "") -> None:
        self.columns = tuple(columns)
        row = f"({', '.join('?' * len(columns))})"
        head = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "  # noqa: S608 - names are constants of ours
        self._by_count = {n: SQL(f"{head}{', '.join([row] * n)} {tail}".rstrip()) for n in CHUNKS}

    def chunks(self, rows: Sequence[Sequence[object]]) -> list[tuple[SQL, list[object]]]:
        """The statements that insert `rows`, each with its flat parameters."""
        out: list[tuple[SQL, list[object]]] = []
        start = 0
        for size in CHUNKS:
            while len(rows) - start >= size:
                part = rows[start : start + size]
                out.append((self._by_count[size], [value for row in part for value in row]))
                start += size
        return out
