"""后续报文 in the database: supplements and withdrawals as the collecting city sent them, once per key."""

from dataclasses import dataclass

from gateway.storage.compression import pack
from gateway.storage.database import Database, Row, Transaction
from gateway.storage.sql import SQL, Insert

_FIELDS = ("message_id", "application_id", "kind", "caller", "key", "body_sha256", "created_at_ms", "body")
_INSERT = Insert("follow_ups", _FIELDS)
_BY_KEY = SQL(f"SELECT {', '.join(_FIELDS)} FROM follow_ups WHERE caller = ? AND key = ?")  # noqa: S608 - constants
_ONE = SQL(f"SELECT {', '.join(_FIELDS)} FROM follow_ups WHERE message_id = ?")  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class FollowUpRow:
    """One supplement or withdrawal. `body` is packed when it was read, plain when it is to be written."""

    message_id: str
    application_id: str
    kind: str
    caller: str
    key: str
    body_sha256: str
    created_at_ms: int
    body: bytes


def _row(row: Row | None) -> FollowUpRow | None:
    return None if row is None else FollowUpRow(*row)


async def insert(tx: Transaction, row: FollowUpRow) -> None:
    """Write one; the caller holds its case, so a key cannot be taken twice at a time."""
    values = [row.message_id, row.application_id, row.kind, row.caller, row.key, row.body_sha256, row.created_at_ms]
    await tx.insert(_INSERT, [[*values, pack(row.body)]])


async def by_key(db: Database | Transaction, caller: str, key: str) -> FollowUpRow | None:
    """What this caller sent under this key."""
    return _row(await db.fetch_one(_BY_KEY, caller, key))


async def get(db: Database | Transaction, message_id: str) -> FollowUpRow | None:
    """One by the id of its message."""
    return _row(await db.fetch_one(_ONE, message_id))
