"""事项匹配决定: what a person decided about two cities' items. Every decision is kept; the newest of a pair counts.

A pair is stored with the smaller (city, item code) on the left, so that it has one history whichever way it was asked.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.storage.database import Database, Row, Transaction
from gateway.storage.sql import SQL

_COLUMNS = "left_city, left_code, right_city, right_code, decision, score_permille, decided_by, at_ms, note"
_PAIR = "left_city = ? AND left_code = ? AND right_city = ? AND right_code = ?"
_INSERT = SQL(f"INSERT INTO item_matches ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")  # noqa: S608 - constants
_LAST_OF_PAIR = SQL(f"SELECT MAX(at_ms) FROM item_matches WHERE {_PAIR}")  # noqa: S608 - as above
_NEWEST = (
    "m.at_ms = (SELECT MAX(o.at_ms) FROM item_matches o WHERE o.left_city = m.left_city AND o.left_code = m.left_code "
    "AND o.right_city = m.right_city AND o.right_code = m.right_code)"
)
_ORDER = "ORDER BY left_city, left_code, right_city, right_code, at_ms"
_ALL = SQL(f"SELECT {_COLUMNS} FROM item_matches {_ORDER}")  # noqa: S608 - as above
_CURRENT = SQL(f"SELECT {_COLUMNS} FROM item_matches m WHERE {_NEWEST} {_ORDER}")  # noqa: S608 - as above
_BETWEEN = SQL(
    f"SELECT {_COLUMNS} FROM item_matches m WHERE m.left_city = ? AND m.right_city = ? AND {_NEWEST} {_ORDER}"  # noqa: S608
)


@dataclass(frozen=True, slots=True)
class Match:
    """匹配决定. `score_permille`: how alike the two were when it was taken; absent where that was not computed."""

    left_city: str
    left_code: str
    right_city: str
    right_code: str
    decision: str
    """same or different."""
    score_permille: int | None
    decided_by: str
    at_ms: int
    note: str | None = None

    def values(self) -> tuple[object, ...]:
        """In the order of the columns."""
        pair = (self.left_city, self.left_code, self.right_city, self.right_code)
        return (*pair, self.decision, self.score_permille, self.decided_by, self.at_ms, self.note)


def _read(rows: Iterable[Row]) -> list[Match]:
    return [Match(*row) for row in rows]


async def put(tx: Transaction, match: Match) -> None:
    """Add a decision."""
    await tx.execute(_INSERT, *match.values())


async def last_at_ms(tx: Transaction, left: tuple[str, str], right: tuple[str, str]) -> int:
    """When the pair was last decided; 0 = never."""
    row = await tx.fetch_one(_LAST_OF_PAIR, *left, *right)
    return 0 if row is None or row[0] is None else int(row[0])


async def history(db: Database) -> list[Match]:
    """Every decision ever taken, by pair, oldest first."""
    return _read(await db.fetch(_ALL))


async def current(db: Database) -> list[Match]:
    """The newest decision of every pair."""
    return _read(await db.fetch(_CURRENT))


async def between(db: Database, city: str, other: str) -> list[Match]:
    """The newest decision of every pair of items of two cities."""
    first, second = sorted((city, other))
    return _read(await db.fetch(_BETWEEN, first, second))
