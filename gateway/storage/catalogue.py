"""目录: agreements and cities, loaded whole into memory; items by way of a cache; all of one generation."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.storage import items
from gateway.storage.database import Database, Transaction
from gateway.storage.items import ItemCache
from gateway.storage.sql import SQL
from schemas.agreement import Agreement

_NAME = "catalogue"
_GENERATION = SQL("SELECT generation, digest FROM generations WHERE name = ?")
_BUMP = SQL(
    "INSERT INTO generations (name, generation, digest) VALUES (?, 1, ?) ON CONFLICT (name) DO UPDATE "
    "SET generation = generations.generation + 1, digest = excluded.digest"
)
_MOVE = SQL(
    "INSERT INTO generations (name, generation, digest) VALUES (?, 1, '') ON CONFLICT (name) DO UPDATE "
    "SET generation = generations.generation + 1"
)
_HOLD = SQL(
    "INSERT INTO generations (name, generation, digest) VALUES (?, 0, '') ON CONFLICT (name) DO UPDATE "
    "SET generation = generations.generation"
)
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
    items: ItemCache = field(default_factory=ItemCache)
    """Items in force, as they are asked for."""
    filled: bool = False
    """Whether there is an item at all."""
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


async def move(tx: Transaction) -> None:
    """Tell every process to reload; the seeds stay as they were."""
    await tx.execute(_MOVE, _NAME)


async def hold(tx: Transaction) -> None:
    """Keep other publishers and importers out until the transaction ends; readers and intake go on."""
    await tx.execute(_HOLD, "publishing")


async def put(tx: Transaction, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    """Insert or replace rows of one of the reference tables."""
    await tx.execute_many(_PUT[table], list(rows))


async def load(db: Database) -> Catalogue:
    """Read everything."""
    number = await generation(db)
    agreements = tuple(Agreement.model_validate_json(bytes(row[0])) for row in await db.fetch(_AGREEMENTS))
    by_pair: dict[tuple[str, str], tuple[Agreement, ...]] = {}
    for agreement in agreements:
        pair = (agreement.collecting_city, agreement.deciding_city)
        by_pair[pair] = (*by_pair.get(pair, ()), agreement)
    return Catalogue(
        number,
        ItemCache(),
        await items.any_at_all(db),
        agreements,
        by_pair,
        {row[0]: row[1] for row in await db.fetch(_CITIES)},
    )
