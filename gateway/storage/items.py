"""事项版本: revisions of items by their key, and the few that intake needs again and again in memory."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import date

from gateway.storage.compression import unpack
from gateway.storage.database import Database, Row
from gateway.storage.sql import SQL
from schemas.service_item import ServiceItem

HEAD = "i.item_id, i.city, i.item_code, i.revision, i.from_day, i.until_day, i.dialect, i.dialect_version"
CONTENT = "JOIN item_contents c ON c.city = i.city AND c.digest = i.digest"
IN_FORCE = "i.from_day <= ? AND (i.until_day IS NULL OR i.until_day > ?)"
_WHOLE = f"SELECT {HEAD}, c.demo, c.body FROM items i {CONTENT}"  # noqa: S608 - constants of ours
_NOW = SQL(f"{_WHOLE} WHERE i.city = ? AND i.item_code = ? AND {IN_FORCE} ORDER BY i.revision DESC LIMIT 1")
_NOW_ANYWHERE = SQL(f"{_WHOLE} WHERE i.item_code = ? AND {IN_FORCE} ORDER BY i.city, i.revision DESC")
_PINNED = SQL(f"{_WHOLE} WHERE i.city = ? AND i.item_code = ? AND i.revision = ?")
_PINNED_ANYWHERE = SQL(f"{_WHOLE} WHERE i.item_code = ? AND i.revision = ? ORDER BY i.city")
_CITY_NOW = SQL(f"{_WHOLE} WHERE i.city = ? AND i.item_code > ? AND {IN_FORCE} ORDER BY i.item_code LIMIT ?")
_HISTORY = SQL(
    f"SELECT {HEAD}, i.name, i.version, i.status, i.import_id, i.published_at_ms, c.body, o.body "  # noqa: S608 - as above
    f"FROM items i {CONTENT} "
    "LEFT JOIN items p ON p.city = i.city AND p.item_code = i.item_code AND p.revision = i.revision - 1 "
    "LEFT JOIN item_contents o ON o.city = p.city AND o.digest = p.digest "
    "WHERE i.item_code = ? AND (i.city = ? OR ? = '') "
    "AND (i.city > ? OR (i.city = ? AND i.revision < ?)) ORDER BY i.city, i.revision DESC LIMIT ?"
)
_ANY = SQL("SELECT 1 FROM items LIMIT 1")


@dataclass(frozen=True, slots=True)
class Head:
    """事项版本: which revision of an item, from when to when it is in force, and how it was read.

    Days are ISO text, Beijing's; `until_day` is the first day it is no longer in force.
    """

    item_id: int
    city: str
    item_code: str
    revision: int
    from_day: str
    until_day: str | None
    dialect: str
    dialect_version: int

    @property
    def dialect_name(self) -> str:
        """方言及版本, as a case keeps it: `gd_pinyin@2`."""
        return f"{self.dialect}@{self.dialect_version}"


@dataclass(frozen=True, slots=True)
class Stored:
    """A revision with what it says as JSON bytes; `demo`: some of it is 演示数据."""

    head: Head
    demo: bool
    body: bytes

    def item(self) -> ServiceItem:
        """What it says as a value."""
        return ServiceItem.model_validate_json(self.body)


@dataclass(frozen=True, slots=True)
class Offered:
    """在用事项: a revision in force, as intake uses it."""

    head: Head
    item: ServiceItem


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One revision in the history of an item, with what it says and what the one before said."""

    head: Head
    name: str
    version: int
    status: str
    import_id: int | None
    published_at_ms: int
    body: bytes
    body_before: bytes | None


def stored(row: Row) -> Stored:
    """A row of HEAD, demo, body."""
    return Stored(Head(*row[:8]), bool(row[8]), unpack(row[9]))


async def in_force(db: Database, city: str, item_code: str, day: date) -> Stored | None:
    """The revision of an item that is in force on `day`, whatever its status."""
    text = day.isoformat()
    row = await db.fetch_one(_NOW, city, item_code, text, text)
    return None if row is None else stored(row)


async def in_force_anywhere(db: Database, item_code: str, day: date) -> list[Stored]:
    """The revision in force on `day` in every city that has the item, by city."""
    text = day.isoformat()
    newest: dict[str, Stored] = {}
    for row in await db.fetch(_NOW_ANYWHERE, item_code, text, text):
        newest.setdefault(str(row[1]), stored(row))
    return list(newest.values())


async def in_force_of_city(db: Database, city: str, day: date, after: str, limit: int) -> list[Stored]:
    """A page of a city's items in force on `day`, by item code."""
    text = day.isoformat()
    return [stored(row) for row in await db.fetch(_CITY_NOW, city, after, text, text, limit)]


async def pinned(db: Database, city: str, item_code: str, revision: int) -> Stored | None:
    """One revision, whether in force or not."""
    row = await db.fetch_one(_PINNED, city, item_code, revision)
    return None if row is None else stored(row)


async def pinned_anywhere(db: Database, item_code: str, revision: int) -> list[Stored]:
    """The revision of that number in every city that has one, by city."""
    return [stored(row) for row in await db.fetch(_PINNED_ANYWHERE, item_code, revision)]


async def history(
    db: Database, item_code: str, city: str | None, after: tuple[str, int], limit: int
) -> list[HistoryEntry]:
    """A page of an item's revisions by city, newest first; `after` is (city, revision) of the last one seen."""
    rows = await db.fetch(_HISTORY, item_code, city or "", city or "", after[0], after[0], after[1], limit)
    return [
        HistoryEntry(
            head=Head(*row[:8]),
            name=row[8],
            version=row[9],
            status=row[10],
            import_id=row[11],
            published_at_ms=row[12],
            body=unpack(row[13]),
            body_before=None if row[14] is None else unpack(row[14]),
        )
        for row in rows
    ]


async def any_at_all(db: Database) -> bool:
    """Whether there is an item."""
    return await db.fetch_one(_ANY) is not None


class ItemCache:
    """在用事项缓存: the items intake asked for last, parsed, of one generation of the catalogue and one Beijing day."""

    def __init__(self, capacity: int = 2000) -> None:
        self._capacity = capacity
        self._held: OrderedDict[tuple[str, str], Offered] = OrderedDict()
        self._day = date.min

    async def get(self, db: Database, city: str, item_code: str, today: date) -> Offered | None:
        """The item in force today; a miss costs one point read. What does not exist is not remembered."""
        if today != self._day:
            self._held.clear()
            self._day = today
        key = (city, item_code)
        offered = self._held.get(key)
        if offered is not None:
            self._held.move_to_end(key)
            return offered
        found = await in_force(db, city, item_code, today)
        if found is None:
            return None
        offered = Offered(found.head, found.item())
        if today == self._day:
            self._held[key] = offered
            if len(self._held) > self._capacity:
                self._held.popitem(last=False)
        return offered

    def __len__(self) -> int:
        return len(self._held)
