"""目录发布: what makes the rows of an import the items in force. Every statement is of one transaction.

What an item says was stored while importing, so publishing writes short rows only and is over in seconds.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from gateway.storage.compression import unpack
from gateway.storage.database import Database, Transaction
from gateway.storage.imports import Import
from gateway.storage.items import CONTENT
from gateway.storage.sql import SQL

_NEWEST = "(SELECT MAX(m.revision) FROM items m WHERE m.city = ? AND m.item_code = import_rows.item_code)"
_CLASSIFY = SQL(
    # unchanged: the newest revision says the same and ends when the content says, so it was not removed either
    "UPDATE import_rows SET change = CASE WHEN NOT EXISTS "  # noqa: S608 - constants
    "(SELECT 1 FROM items n WHERE n.city = ? AND n.item_code = import_rows.item_code) THEN 'new' WHEN EXISTS "
    "(SELECT 1 FROM items n JOIN item_contents c ON c.city = n.city AND c.digest = n.digest "
    f"WHERE n.city = ? AND n.item_code = import_rows.item_code AND n.revision = {_NEWEST} "
    "AND n.digest = import_rows.digest AND COALESCE(n.until_day, '') = COALESCE(c.ends_on, '')) THEN 'same' "
    "ELSE 'changed' END WHERE import_id = ? AND state = 'ok'"
)
_HIGHEST = SQL("SELECT COALESCE(MAX(item_id), 0) FROM items")
_ADD = SQL(
    "INSERT INTO items (item_id, city, item_code, revision, task_code, name, version, status, digest, from_day, "
    "until_day, dialect, dialect_version, import_id, published_at_ms, searchable) "
    "SELECT ? + ROW_NUMBER() OVER (ORDER BY c.item_code), c.city, c.item_code, "
    "COALESCE((SELECT MAX(m.revision) FROM items m WHERE m.city = c.city AND m.item_code = c.item_code), 0) + 1, "
    "c.task_code, c.name, c.version, c.status, c.digest, "
    "CASE WHEN c.effective_from > ?[[::text]] THEN c.effective_from ELSE ?[[::text]] END, c.ends_on, "
    "?[[::text]], ?[[::bigint]], r.import_id, ?[[::bigint]], "
    "CASE WHEN c.ends_on <= ?[[::text]] THEN 0 ELSE 1 END "
    "FROM import_rows r JOIN item_contents c ON c.city = ? AND c.digest = r.digest "
    "WHERE r.import_id = ? AND r.state = 'ok' AND r.change <> 'same' ORDER BY c.item_code"
)
_END_EARLIER = SQL(
    "UPDATE items AS o SET until_day = n.from_day FROM items n WHERE n.item_id > ? AND o.city = n.city "
    "AND o.item_code = n.item_code AND o.revision < n.revision AND (o.until_day IS NULL OR o.until_day > n.from_day)"
)
_ABSENT = (
    # EXCEPT for the reason that item_contents gives
    "i.city = ? AND (i.until_day IS NULL OR i.until_day > ?) "
    "AND i.item_code IN (SELECT a.item_code FROM items a WHERE a.city = ? "
    "EXCEPT SELECT r.item_code FROM import_rows r WHERE r.import_id = ?) "
    "AND i.task_code IN (SELECT a.task_code FROM items a WHERE a.city = ? "
    "EXCEPT SELECT r.task_code FROM import_rows r WHERE r.import_id = ? AND r.state = 'quarantined') "
    "AND i.name IN (SELECT a.name FROM items a WHERE a.city = ? "
    "EXCEPT SELECT r.name FROM import_rows r WHERE r.import_id = ? AND r.state = 'quarantined')"
)
_LIST_ABSENT = SQL(f"SELECT DISTINCT i.item_code, i.name FROM items i WHERE {_ABSENT} ORDER BY i.item_code")  # noqa: S608
_REMOVE = SQL(f"UPDATE items AS i SET until_day = ? WHERE {_ABSENT}")  # noqa: S608 - constants
_UNNAMED = SQL(
    "SELECT COUNT(*) FROM import_rows WHERE import_id = ? AND state = 'quarantined' "
    "AND item_code IS NULL AND task_code IS NULL AND name IS NULL"
)
_ADDED = SQL(
    # of a new item nothing is compared, so nothing is read
    "SELECT i.item_id, i.item_code, i.name, i.revision, i.from_day, "  # noqa: S608 - constants
    f"CASE WHEN p.city IS NULL THEN NULL ELSE c.body END, o.body FROM items i {CONTENT} "
    "LEFT JOIN items p ON p.city = i.city AND p.item_code = i.item_code AND p.revision = i.revision - 1 "
    "LEFT JOIN item_contents o ON o.city = p.city AND o.digest = p.digest "
    "WHERE i.item_id > ? AND i.item_id <= ? ORDER BY i.item_id LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Added:
    """A revision that was published; where there was one before, with what it says and what that one said, as JSON."""

    item_id: int
    item_code: str
    name: str
    revision: int
    from_day: str
    new: dict[str, Any] | None
    old: dict[str, Any] | None


async def classify(tx: Transaction, head: Import) -> None:
    """Say of every good row whether its item is new, changed, or the same as what was published last."""
    await tx.execute(_CLASSIFY, head.city, head.city, head.city, head.import_id)


async def highest(tx: Transaction) -> int:
    """The highest item_id in use."""
    row = await tx.fetch_one(_HIGHEST)
    return 0 if row is None else int(row[0])


async def add_revisions(tx: Transaction, head: Import, above: int, today: str, now_ms: int) -> None:
    """Make good rows that are new or changed into revisions; earlier ones end where these begin.

    A revision begins on the day the city plans, at the earliest today; one planned for later leaves the old one in
    force until then.
    """
    await tx.execute(
        _ADD,
        above,
        today,
        today,
        head.dialect,
        head.dialect_version,
        now_ms,
        today,
        head.city,
        head.import_id,
    )
    await tx.execute(_END_EARLIER, above)


async def absent(tx: Transaction, head: Import, today: str) -> list[tuple[str, str]]:
    """(item code, name) of items in force, or planned, that the import does not hold, not even in quarantine."""
    rows = await tx.fetch(_LIST_ABSENT, *_absence(head, today))
    return [(str(row[0]), str(row[1])) for row in rows]


async def remove_absent(tx: Transaction, head: Import, today: str) -> None:
    """End them today."""
    await tx.execute(_REMOVE, today, *_absence(head, today))


def _absence(head: Import, today: str) -> tuple[object, ...]:
    return (head.city, today, *(head.city, head.import_id) * 3)


async def unnamed(tx: Transaction, head: Import) -> int:
    """How many rows are in quarantine of which not even code or name could be read."""
    row = await tx.fetch_one(_UNNAMED, head.import_id)
    return 0 if row is None else int(row[0])


async def added(db: Database, above: int, up_to: int, limit: int = 500) -> list[Added]:
    """A page of the revisions with above < item_id ≤ up_to: those of one publishing."""
    return [
        Added(
            item_id=row[0],
            item_code=row[1],
            name=row[2],
            revision=row[3],
            from_day=row[4],
            new=_document(row[5]),
            old=_document(row[6]),
        )
        for row in await db.fetch(_ADDED, above, up_to, limit)
    ]


def _document(packed: bytes | None) -> dict[str, Any] | None:
    if packed is None:
        return None
    document: dict[str, Any] = orjson.loads(unpack(packed))
    return document
