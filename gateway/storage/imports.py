"""目录导入: what was read of a city's catalogue, row by row, waiting to be published or mended.

States: loading (rows still come in; what a crash leaves) → draft → published → superseded (rows gone, head kept).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from gateway.storage import item_contents
from gateway.storage.database import Database, Row, Transaction
from gateway.storage.sql import SQL, Insert

_HEAD = (
    "import_id city file_name sha256 dialect dialect_version complete state counts coverage imported_by "
    "created_at_ms published_at_ms"
).split()
_ROW = "import_id seq place item_code task_code name state change digest findings".split()
_SELECT = f"SELECT {', '.join(_HEAD)} FROM imports"  # noqa: S608 - constants of ours
_NEXT_ID = SQL("SELECT COALESCE(MAX(import_id), 0) + 1 FROM imports")
_INSERT = Insert("imports", _HEAD)
_INSERT_ROWS = Insert("import_rows", _ROW)
_ONE = SQL(f"{_SELECT} WHERE import_id = ?")
_LOADING = SQL("SELECT 1 FROM imports WHERE import_id = ? AND state = 'loading' [[FOR UPDATE]]")
_NEWEST_READY = SQL(f"{_SELECT} WHERE city = ? AND state IN ('draft', 'published') ORDER BY import_id DESC LIMIT 1")
_CITIES = SQL("SELECT DISTINCT city FROM imports WHERE state IN ('draft', 'published') ORDER BY city")
_LIST = SQL(f"{_SELECT} WHERE (city = ? OR ? = '') ORDER BY import_id DESC LIMIT ?")
_GIVE_UP = SQL("UPDATE imports SET state = 'superseded' WHERE city = ? AND state = 'loading'")
_FINISH = SQL("UPDATE imports SET state = 'draft', counts = ?, coverage = ? WHERE import_id = ?")
_PUBLISHED = SQL(
    "UPDATE imports SET state = 'published', published_at_ms = COALESCE(published_at_ms, ?) WHERE import_id = ?"
)
_SUPERSEDE_OLDER = SQL("UPDATE imports SET state = 'superseded' WHERE city = ? AND import_id < ? AND state IN_LIST ?")
_DROP_ROWS = SQL(
    "DELETE FROM import_rows WHERE import_id IN (SELECT import_id FROM imports WHERE city = ? AND state = 'superseded')"
)
_QUARANTINE_TWIN = SQL("UPDATE import_rows SET state = 'quarantined', findings = ? WHERE import_id = ? AND seq = ?")
_FINDINGS = SQL("SELECT findings FROM import_rows WHERE import_id = ? AND seq = ?")
_COUNTS = SQL("SELECT state, change, COUNT(*) FROM import_rows WHERE import_id = ? GROUP BY state, change")
_QUARANTINED = SQL(
    "SELECT seq, place, item_code, name, findings FROM import_rows "
    "WHERE import_id = ? AND state = 'quarantined' AND seq > ? ORDER BY seq LIMIT ?"
)
_OTHER_DIALECT = SQL("SELECT DISTINCT city FROM imports WHERE published_at_ms IS NOT NULL AND dialect <> ?")


@dataclass(frozen=True, slots=True)
class Import:
    """One row of `imports`. `complete`: the file was the city's whole catalogue, so what is not in it has ended."""

    import_id: int
    city: str
    file_name: str
    sha256: str
    dialect: str
    dialect_version: int
    complete: bool
    state: Literal["loading", "draft", "published", "superseded"]
    counts: dict[str, int]
    coverage: Any
    imported_by: str
    created_at_ms: int
    published_at_ms: int | None

    def values(self) -> list[object]:
        """The columns in order."""
        values: list[object] = [getattr(self, name) for name in _HEAD]
        values[6] = int(self.complete)
        values[8] = orjson.dumps(self.counts)
        values[9] = None if self.coverage is None else orjson.dumps(self.coverage)
        return values


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One record of a file. `digest` points at what a good one says; `findings` are JSON bytes, None where empty."""

    import_id: int
    seq: int
    place: str
    item_code: str | None
    task_code: str | None
    name: str | None
    state: Literal["ok", "quarantined"]
    digest: str | None
    findings: bytes | None

    def values(self) -> list[object]:
        """The columns in order; the change is found when all rows are there."""
        return [
            self.import_id,
            self.seq,
            self.place,
            self.item_code,
            self.task_code,
            self.name,
            self.state,
            None,
            self.digest,
            self.findings,
        ]


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """隔离记录: a record that stays out until the city mends it, and why."""

    seq: int
    place: str
    item_code: str | None
    name: str | None
    findings: list[dict[str, Any]]


def _import(row: Row) -> Import:
    values = list(row)
    values[6] = bool(values[6])
    values[8] = orjson.loads(values[8])
    values[9] = None if values[9] is None else orjson.loads(values[9])
    return Import(*values)


async def begin(tx: Transaction, head: Import) -> int:
    """A new import that is loading; its number. One of the same city that never finished is given up."""
    await tx.execute(_GIVE_UP, head.city)
    row = await tx.fetch_one(_NEXT_ID)
    values = head.values()
    values[0] = 1 if row is None else int(row[0])
    await tx.insert(_INSERT, [values])
    return int(str(values[0]))


async def is_loading(tx: Transaction, import_id: int) -> bool:
    """Whether rows may still come in: no later import of the city has begun. Holds it until the transaction ends."""
    return await tx.fetch_one(_LOADING, import_id) is not None


async def add_rows(tx: Transaction, rows: Sequence[ImportRow]) -> None:
    """Write rows."""
    await tx.insert(_INSERT_ROWS, [row.values() for row in rows])


async def quarantine_earlier(tx: Transaction, import_id: int, seq: int, finding: dict[str, Any]) -> None:
    """Put a row that was good into quarantine after all, with one more finding."""
    row = await tx.fetch_one(_FINDINGS, import_id, seq)
    earlier = [] if row is None or row[0] is None else orjson.loads(row[0])
    await tx.execute(_QUARANTINE_TWIN, orjson.dumps([*earlier, finding]), import_id, seq)


async def counts(tx: Transaction, import_id: int) -> dict[str, int]:
    """{read, ok, quarantined, new, changed, same} of the rows."""
    found = {"read": 0, "ok": 0, "quarantined": 0, "new": 0, "changed": 0, "same": 0}
    for state, change, number in await tx.fetch(_COUNTS, import_id):
        found["read"] += number
        found[state] += number
        if state == "ok" and change is not None:
            found[change] += number
    return found


async def finish(tx: Transaction, head: Import, found: dict[str, int], coverage: Any) -> None:
    """All rows are there: the import is a draft now, and an older draft of the city is of no use any more."""
    packed = None if coverage is None else orjson.dumps(coverage)
    await tx.execute(_FINISH, orjson.dumps(found), packed, head.import_id)
    await tx.execute(_SUPERSEDE_OLDER, head.city, head.import_id, ["draft"])


async def mark_published(tx: Transaction, head: Import, now_ms: int) -> None:
    """The import is what is in force now; earlier ones are history."""
    await tx.execute(_PUBLISHED, now_ms, head.import_id)
    await tx.execute(_SUPERSEDE_OLDER, head.city, head.import_id, ["draft", "published"])


async def tidy(tx: Transaction, city: str) -> None:
    """Delete the rows of superseded imports of `city`, and contents nothing refers to any more."""
    await tx.execute(_DROP_ROWS, city)
    await item_contents.forget_unused(tx, city)


async def get(db: Database | Transaction, import_id: int) -> Import | None:
    """One import by its number."""
    row = await db.fetch_one(_ONE, import_id)
    return None if row is None else _import(row)


async def newest(db: Database | Transaction, city: str) -> Import | None:
    """The newest import of `city` whose rows are all there: a draft, else what was published."""
    row = await db.fetch_one(_NEWEST_READY, city)
    return None if row is None else _import(row)


async def cities(db: Database) -> list[str]:
    """Cities that have an import with rows."""
    return [str(row[0]) for row in await db.fetch(_CITIES)]


async def listed(db: Database, city: str | None, limit: int) -> list[Import]:
    """Imports, newest first."""
    return [_import(row) for row in await db.fetch(_LIST, city or "", city or "", limit)]


async def quarantined(db: Database, import_id: int, after: int, limit: int) -> list[QuarantinedRow]:
    """A page of the rows in quarantine, in the order of the file."""
    rows = await db.fetch(_QUARANTINED, import_id, after, limit)
    return [
        QuarantinedRow(seq, place, code, name, [] if findings is None else orjson.loads(findings))
        for seq, place, code, name, findings in rows
    ]


async def cities_with_another_dialect(tx: Transaction, dialect: str) -> set[str]:
    """Cities for which something read with another dialect has been published."""
    return {str(row[0]) for row in await tx.fetch(_OTHER_DIALECT, dialect)}
