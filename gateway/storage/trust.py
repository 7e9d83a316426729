"""信任库 in the database: generations that never change, and the bytes they are made of, each kept once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.storage.compression import pack, unpack
from gateway.storage.database import Database, Row, Transaction
from gateway.storage.sql import SQL

_NAME = "trust"
_FIELDS = "number, name, created_at_ms, created_by, note, body"
_NUMBER = SQL("SELECT generation FROM generations WHERE name = ?")
_HOLD = SQL(
    "INSERT INTO generations (name, generation, digest) VALUES (?, 0, '') ON CONFLICT (name) DO UPDATE "
    "SET generation = generations.generation"
)
_MOVE = SQL("UPDATE generations SET generation = ?, digest = ? WHERE name = ?")
_INSERT = SQL(f"INSERT INTO trust_generations ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?)")  # noqa: S608 - constants of ours
_NEWEST = SQL(f"SELECT {_FIELDS} FROM trust_generations ORDER BY number DESC LIMIT 1")  # noqa: S608
_BY_NAME = SQL(f"SELECT {_FIELDS} FROM trust_generations WHERE name = ?")  # noqa: S608
_PAGE = SQL(f"SELECT {_FIELDS} FROM trust_generations WHERE number < ? ORDER BY number DESC LIMIT ?")  # noqa: S608
_PUT = SQL("INSERT INTO trust_contents (sha256, body) VALUES (?, ?) ON CONFLICT DO NOTHING")
_CONTENTS = SQL("SELECT sha256, body FROM trust_contents WHERE sha256 IN_LIST ?")


@dataclass(frozen=True, slots=True)
class GenerationRow:
    """信任库的一代. `body` lists its parts as JSON."""

    number: int
    name: str
    created_at_ms: int
    created_by: str
    note: str
    body: bytes


def _row(row: Row) -> GenerationRow:
    number_, name, created_at_ms, created_by, note, body = row
    return GenerationRow(number_, name, created_at_ms, created_by, note, unpack(body))


async def number(db: Database | Transaction) -> int:
    """The number of the newest generation; 0 = there is none."""
    row = await db.fetch_one(_NUMBER, _NAME)
    return 0 if row is None else int(row[0])


async def hold(tx: Transaction) -> None:
    """Keep others who would make a generation out until the transaction ends."""
    await tx.execute(_HOLD, _NAME)


async def newest(db: Database | Transaction) -> GenerationRow | None:
    """The generation in force."""
    row = await db.fetch_one(_NEWEST)
    return None if row is None else _row(row)


async def by_name(db: Database | Transaction, name: str) -> GenerationRow | None:
    """One generation."""
    row = await db.fetch_one(_BY_NAME, name)
    return None if row is None else _row(row)


async def page(db: Database, before: int, limit: int) -> list[GenerationRow]:
    """Generations, the newest first."""
    return [_row(row) for row in await db.fetch(_PAGE, before, limit)]


async def insert(tx: Transaction, row: GenerationRow, contents: Mapping[str, bytes]) -> None:
    """Write a generation and the bytes that are new, and tell every process; the caller holds the store."""
    await tx.execute_many(_PUT, [(digest, pack(content)) for digest, content in contents.items()])
    await tx.execute(_INSERT, row.number, row.name, row.created_at_ms, row.created_by, row.note, pack(row.body))
    await tx.execute(_MOVE, row.number, row.name, _NAME)


async def contents(db: Database | Transaction, digests: Sequence[str]) -> dict[str, bytes]:
    """The bytes with these digests."""
    return {row[0]: unpack(row[1]) for row in await db.fetch(_CONTENTS, list(digests))}
