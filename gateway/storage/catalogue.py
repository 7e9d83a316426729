"""目录: items, agreements and cities; loaded whole into memory, reloaded when its generation moves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.storage.database import Database, Transaction
from gateway.storage.sql import SQL
from schemas.agreement import Agreement
from schemas.service_item import ServiceItem

_NAME = "catalogue"
_GENERATION = SQL("SELECT generation, digest FROM generations WHERE name = ?")
_BUMP = SQL(
    "INSERT INTO generations (name, generation, digest) VALUES (?, 1, ?) ON CONFLICT (name) DO UPDATE "
    "SET generation = generations.generation + 1, digest = excluded.digest"
)
_ITEMS = SQL("SELECT body FROM items ORDER BY city, item_code, version")
_AGREEMENTS = SQL("SELECT body FROM agreements ORDER BY agreement_id")
_CITIES = SQL("SELECT code, name FROM cities ORDER BY code")
_PUT = {
    "divisions": SQL(
        "INSERT INTO divisions (code, name, kind, parent) VALUES (?, ?, ?, ?) ON CONFLICT (code) DO UPDATE "
        "SET name = excluded.name, kind = excluded.kind, parent = excluded.parent"
    ),
    "cities": SQL(
        "INSERT INTO cities (code, name, body) VALUES (?, ?, ?) ON CONFLICT (code) DO UPDATE "
        "SET name = excluded.name, body = excluded.body"
    ),
    "items": SQL(
        "INSERT INTO items (city, item_code, version, task_code, status, body) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (city, item_code, version) DO UPDATE "
        "SET task_code = excluded.task_code, status = excluded.status, body = excluded.body"
    ),
    "agreements": SQL(
        "INSERT INTO agreements (agreement_id, collecting_city, deciding_city, body) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (agreement_id) DO UPDATE SET collecting_city = excluded.collecting_city, "
        "deciding_city = excluded.deciding_city, body = excluded.body"
    ),
    "reference": SQL(
        "INSERT INTO reference (kind, code, body) VALUES (?, ?, ?) ON CONFLICT (kind, code) DO UPDATE "
        "SET body = excluded.body"
    ),
}


@dataclass(frozen=True)
class Catalogue:
    """What intake needs to know about items and agreements, at one generation."""

    generation: int = 0
    items: Mapping[tuple[str, str], ServiceItem] = field(default_factory=dict)
    """Newest version, by (city, item code)."""
    agreements: tuple[Agreement, ...] = ()
    by_pair: Mapping[tuple[str, str], tuple[Agreement, ...]] = field(default_factory=dict)
    """Agreements by (collecting city, deciding city)."""
    cities: Mapping[str, str] = field(default_factory=dict)


async def generation(db: Database) -> int:
    """The number that moves whenever seeds or items change."""
    row = await db.fetch_one(_GENERATION, _NAME)
    return 0 if row is None else int(row[0])


async def digest(tx: Transaction) -> str | None:
    """The digest of what was last loaded."""
    row = await tx.fetch_one(_GENERATION, _NAME)
    return None if row is None else str(row[1])


async def bump(tx: Transaction, new_digest: str) -> None:
    """Tell every process to reload."""
    await tx.execute(_BUMP, _NAME, new_digest)


async def put(tx: Transaction, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    """Insert or replace rows of one of the reference tables."""
    await tx.execute_many(_PUT[table], list(rows))


async def load(db: Database) -> Catalogue:
    """Read everything."""
    number = await generation(db)
    items = [ServiceItem.model_validate_json(bytes(row[0])) for row in await db.fetch(_ITEMS)]
    agreements = tuple(Agreement.model_validate_json(bytes(row[0])) for row in await db.fetch(_AGREEMENTS))
    by_pair: dict[tuple[str, str], tuple[Agreement, ...]] = {}
    for agreement in agreements:
        pair = (agreement.collecting_city, agreement.deciding_city)
        by_pair[pair] = (*by_pair.get(pair, ()), agreement)
    return Catalogue(
        number,
        {(item.city, item.item_code): item for item in items},
        agreements,
        by_pair,
        {row[0]: row[1] for row in await db.fetch(_CITIES)},
    )
