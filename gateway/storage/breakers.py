"""熔断状态 in the database, so that a restarted process does not hit a city that is known to be down."""

from gateway.storage.database import Database, Row, Transaction
from gateway.storage.sql import SQL

_PUT = SQL(
    "INSERT INTO breakers (city, state, failures, opened_at_ms, retry_at_ms) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (city) DO UPDATE SET state = excluded.state, failures = excluded.failures, "
    "opened_at_ms = excluded.opened_at_ms, retry_at_ms = excluded.retry_at_ms"
)
_ALL = SQL("SELECT city, state, failures, opened_at_ms, retry_at_ms FROM breakers ORDER BY city")


async def put(
    tx: Transaction, city: str, state: str, failures: int, opened_at_ms: int | None, retry_at_ms: int | None
) -> None:
    """Store a breaker's state."""
    await tx.execute(_PUT, city, state, failures, opened_at_ms, retry_at_ms)


async def load(db: Database) -> list[Row]:
    """(city, state, failures, opened_at_ms, retry_at_ms) of every breaker that ever moved."""
    return await db.fetch(_ALL)
