"""游标: how far each polled city was read, and which process is reading it."""

from dataclasses import dataclass

from gateway.storage.database import Transaction
from gateway.storage.sql import SQL

_ENSURE = SQL(
    "INSERT INTO cursors (city, cursor, owner, lease_until_ms) VALUES (?, NULL, NULL, 0) ON CONFLICT DO NOTHING"
)
_TAKE = SQL(
    "UPDATE cursors SET owner = ?, lease_until_ms = ? WHERE city = ? AND (owner = ? OR lease_until_ms < ? "
    "OR owner NOT IN (SELECT owner FROM owners WHERE alive_until_ms > ?)) RETURNING cursor"
)
_MOVE = SQL("UPDATE cursors SET cursor = ? WHERE city = ? AND owner = ?")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where to read on; None = from the beginning."""

    cursor: str | None


async def take(tx: Transaction, city: str, owner: str, until_ms: int, now_ms: int) -> Cursor | None:
    """The right to poll `city` until `until_ms`; None while a living process has it."""
    await tx.execute(_ENSURE, city)
    row = await tx.fetch_one(_TAKE, owner, until_ms, city, owner, now_ms, now_ms)
    return None if row is None else Cursor(row[0])


async def move(tx: Transaction, city: str, owner: str, cursor: str | None) -> None:
    """Note how far the city was read, unless another process has taken over."""
    await tx.execute(_MOVE, cursor, city, owner)
