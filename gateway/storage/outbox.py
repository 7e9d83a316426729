"""发件箱: messages on their way, and who is sending them.

A row belongs to the process named in `owner` as long as that process keeps its line in `owners` alive (a lease for
all its rows at once); the rows of a dead process, and rows without an owner, may be claimed once `available_at_ms`
has come. Of a case's messages to one city at most one is ever claimable: the oldest that is not done.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from gateway.storage.database import Database, Row, Transaction
from gateway.storage.sql import SQL, Insert

_COLUMNS = (
    "message_id application_id sequence city kind content state owner available_at_ms created_at_ms tries "
    "send_started_ms last_code last_detail"
).split()
_VALUES = attrgetter(*_COLUMNS)
INSERT_OUTBOX = Insert("outbox", _COLUMNS, "ON CONFLICT DO NOTHING")
INSERT_ATTEMPTS = Insert(
    "attempts",
    ("message_id", "application_id", "started_at_ms", "duration_ms", "outcome", "code", "detail"),
    "ON CONFLICT DO NOTHING",
)
_FIELDS = ", ".join(_COLUMNS)
_CLAIM = SQL(
    f"UPDATE outbox SET owner = ? WHERE message_id IN (SELECT o.message_id FROM outbox o WHERE o.city = ? "  # noqa: S608
    "AND o.state = 'ready' AND o.available_at_ms <= ? "
    "AND (o.owner IS NULL OR o.owner NOT IN (SELECT owner FROM owners WHERE alive_until_ms > ?)) "
    "AND NOT EXISTS (SELECT 1 FROM outbox e WHERE e.application_id = o.application_id AND e.city = o.city "
    "AND e.sequence < o.sequence) "
    f"ORDER BY o.available_at_ms LIMIT ? [[FOR UPDATE SKIP LOCKED]]) RETURNING {_FIELDS}"
)
_NEXT_OF_CASE = SQL(
    f"UPDATE outbox SET owner = ? WHERE message_id IN (SELECT o.message_id FROM outbox o "  # noqa: S608
    "WHERE o.application_id = ? AND o.city = ? AND o.state = 'ready' AND o.owner IS NULL AND o.available_at_ms <= ? "
    "AND NOT EXISTS (SELECT 1 FROM outbox e WHERE e.application_id = o.application_id AND e.city = o.city "
    "AND e.sequence < o.sequence) "
    f"LIMIT 1 [[FOR UPDATE SKIP LOCKED]]) RETURNING {_FIELDS}"
)
_ALIVE = SQL(
    "INSERT INTO owners (owner, node, alive_until_ms, started_at_ms) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (owner) DO UPDATE SET alive_until_ms = excluded.alive_until_ms"
)
_RETIRE_NODE = SQL("DELETE FROM owners WHERE node = ? AND owner <> ?")
_RETIRE = SQL("DELETE FROM owners WHERE owner = ?")
_DUE = SQL(
    "SELECT c.value FROM EACH ? AS c WHERE EXISTS (SELECT 1 FROM outbox o WHERE o.city = c.value "
    "AND o.state = 'ready' AND o.owner IS NULL AND o.available_at_ms <= ? "
    "AND NOT EXISTS (SELECT 1 FROM outbox e WHERE e.application_id = o.application_id AND e.city = o.city "
    "AND e.sequence < o.sequence))"
)
_ANY_DEAD = SQL("SELECT 1 FROM owners WHERE alive_until_ms <= ? LIMIT 1")
_RELEASE_ORPHANS = SQL(
    "UPDATE outbox SET owner = NULL WHERE owner IS NOT NULL "
    "AND owner NOT IN (SELECT owner FROM owners WHERE alive_until_ms > ?)"
)
_FORGET_DEAD = SQL("DELETE FROM owners WHERE alive_until_ms <= ?")
_RELEASE_OWNED = SQL("UPDATE outbox SET owner = NULL WHERE owner = ?")
_STARTED = SQL("UPDATE outbox SET send_started_ms = ? WHERE message_id = ? AND owner = ? RETURNING message_id")
_DELETE = SQL("DELETE FROM outbox WHERE message_id = ?")
_DEFER = SQL(
    "UPDATE outbox SET owner = NULL, available_at_ms = ?, tries = ?, send_started_ms = ?, last_code = ?, "
    "last_detail = ? WHERE message_id = ?"
)
_HOLD = SQL(
    "UPDATE outbox SET owner = NULL, state = 'held', tries = ?, send_started_ms = ?, last_code = ?, last_detail = ? "
    "WHERE message_id = ?"
)
_REPLAY = SQL(
    "UPDATE outbox SET state = 'ready', owner = NULL, available_at_ms = ?, tries = 0, send_started_ms = NULL "
    "WHERE message_id = ? AND (state = 'held' OR owner IS NULL) RETURNING application_id, city"
)
_SETTLE = SQL("DELETE FROM outbox WHERE message_id = ? AND state = 'held' RETURNING application_id, city")
_ONE = SQL(f"SELECT {_FIELDS} FROM outbox WHERE message_id = ?")  # noqa: S608
_LIST = SQL(f"SELECT {_FIELDS} FROM outbox WHERE message_id > ? ORDER BY message_id LIMIT ?")  # noqa: S608
_LIST_STATE = SQL(f"SELECT {_FIELDS} FROM outbox WHERE state = ? AND message_id > ? ORDER BY message_id LIMIT ?")  # noqa: S608
_HANDED_OVER = SQL(
    "SELECT 1 FROM outbox WHERE application_id = ? AND kind = 'SUBMIT' "
    "UNION ALL SELECT 1 FROM events WHERE application_id = ? AND type = 'PUSHED' LIMIT 1"
)
_DEPTH = SQL("SELECT city, state, COUNT(*) FROM outbox GROUP BY city, state")
_ATTEMPTS = SQL(
    "SELECT message_id, started_at_ms, duration_ms, outcome, code, detail FROM attempts "
    "WHERE application_id = ? ORDER BY started_at_ms"
)


@dataclass(slots=True)
class Entry:
    """One row of the outbox."""

    message_id: str
    application_id: str
    sequence: int
    city: str
    kind: str
    content: bytes | None
    state: str
    owner: str | None
    available_at_ms: int
    created_at_ms: int
    tries: int = 0
    send_started_ms: int | None = None
    last_code: str | None = None
    last_detail: str | None = None

    def values(self) -> list[object]:
        """The columns in order."""
        return list(_VALUES(self))


def _entry(row: Row) -> Entry:
    return Entry(*row)


async def due_cities(db: Database, cities: Sequence[str], now_ms: int) -> list[str]:
    """Which of these cities have a message that is due and nobody's. What each costs does not depend on the backlog."""
    return [row[0] for row in await db.fetch(_DUE, list(cities), now_ms)]


async def any_dead(db: Database, now_ms: int) -> bool:
    """Whether an owner's lease has ended that did not leave cleanly."""
    return await db.fetch_one(_ANY_DEAD, now_ms) is not None


async def release_orphans(tx: Transaction, now_ms: int) -> None:
    """Give back what nobody alive holds. Reads the whole outbox: for the start, and after a death."""
    await tx.execute(_RELEASE_ORPHANS, now_ms)
    await tx.execute(_FORGET_DEAD, now_ms)


async def claim(tx: Transaction, owner: str, city: str, now_ms: int, limit: int) -> list[Entry]:
    """Take up to `limit` rows of `city` that are due and nobody alive holds."""
    return [_entry(row) for row in await tx.fetch(_CLAIM, owner, city, now_ms, now_ms, limit)]


async def claim_next(tx: Transaction, owner: str, application_id: str, city: str, now_ms: int) -> Entry | None:
    """Take the next message of one case to one city, once the one before it is done."""
    row = await tx.fetch_one(_NEXT_OF_CASE, owner, application_id, city, now_ms)
    return None if row is None else _entry(row)


async def keep_alive(tx: Transaction, owner: str, node: str, until_ms: int, now_ms: int) -> None:
    """Renew the lease of everything `owner` holds."""
    await tx.execute(_ALIVE, owner, node, until_ms, now_ms)


async def retire_node(tx: Transaction, node: str, owner: str) -> None:
    """End the leases of earlier processes of this node, so that `owner` may take over at once."""
    await tx.execute(_RETIRE_NODE, node, owner)


async def retire(tx: Transaction, owner: str) -> None:
    """Leave cleanly: give back every row and end the lease."""
    await tx.execute(_RELEASE_OWNED, owner)
    await tx.execute(_RETIRE, owner)


async def delete(tx: Transaction, message_ids: Sequence[str]) -> None:
    """These messages are done."""
    await tx.execute_many(_DELETE, [(message_id,) for message_id in message_ids])


async def defer(tx: Transaction, rows: Sequence[Sequence[object]]) -> None:
    """Store the next try: (available_at_ms, tries, send_started_ms, code, detail, message_id)."""
    await tx.execute_many(_DEFER, rows)


async def hold(tx: Transaction, rows: Sequence[Sequence[object]]) -> None:
    """Hand to a person (人工处置): (tries, send_started_ms, code, detail, message_id)."""
    await tx.execute_many(_HOLD, rows)


async def replay(tx: Transaction, message_id: str, now_ms: int) -> Row | None:
    """Make a message that waits (for a person or for its time) due now: (application_id, city), if there is one."""
    return await tx.fetch_one(_REPLAY, now_ms, message_id)


async def settle(tx: Transaction, message_id: str) -> Row | None:
    """A person settled a held message outside; it leaves the outbox: (application_id, city), if there is one."""
    return await tx.fetch_one(_SETTLE, message_id)


async def get(db: Database | Transaction, message_id: str) -> Entry | None:
    """One message."""
    row = await db.fetch_one(_ONE, message_id)
    return None if row is None else _entry(row)


async def page(db: Database, state: str | None, after: str, limit: int) -> list[Entry]:
    """A page of the outbox, all or in one state."""
    rows = await (db.fetch(_LIST, after, limit) if state is None else db.fetch(_LIST_STATE, state, after, limit))
    return [_entry(row) for row in rows]


async def depth(db: Database) -> list[Row]:
    """(city, state, count) of what is in the outbox."""
    return await db.fetch(_DEPTH)


async def attempts(db: Database, application_id: str) -> list[Row]:
    """(message_id, started_at_ms, duration_ms, outcome, code, detail) of every try for a case, oldest first."""
    return await db.fetch(_ATTEMPTS, application_id)


async def commit_starts(db: Database, units: Sequence[tuple[int, str, str]]) -> list[bool | Exception]:
    """Note, before the first byte leaves, a group of sends that begin: (send_started_ms, message_id, owner).

    True for each message that is still its owner's; the others must not be sent.
    """
    async with db.transaction() as tx:
        return [await tx.fetch_one(_STARTED, *unit) is not None for unit in units]


async def handed_over(tx: Transaction, application_id: str) -> bool:
    """Whether the case was handed to the system that decides it, or is on its way there."""
    return await tx.fetch_one(_HANDED_OVER, application_id, application_id) is not None
