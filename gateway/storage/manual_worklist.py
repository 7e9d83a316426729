"""手工办理 in the database: what is left for cities without a system, with its case; the parcels that were sent."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.storage.database import Database, Row, Transaction
from gateway.storage.sql import SQL, Insert

_FIELDS = (
    "t.message_id, t.city, t.number, t.application_id, t.kind, t.created_at_ms, t.packet_sha256, t.packet_bytes, "
    "t.taken_at_ms, t.taken_by, a.item_name, a.state, a.case_number, a.collecting_city"
)
_FROM = "FROM tray t JOIN applications a ON a.application_id = t.application_id WHERE t.body IS NOT NULL"
_PAGE = f"SELECT {_FIELDS} {_FROM} AND t.city IN_LIST ? AND t.message_id > ?"
_ORDER = "ORDER BY t.message_id LIMIT ?"
_LISTS = {
    "waiting": SQL(f"{_PAGE} AND t.taken_at_ms IS NULL {_ORDER}"),
    "taken": SQL(f"{_PAGE} AND t.taken_at_ms IS NOT NULL {_ORDER}"),
    "all": SQL(f"{_PAGE} {_ORDER}"),
}
_ONE = SQL(f"SELECT {_FIELDS} {_FROM} AND t.message_id = ?")
_BY_NUMBER = SQL(f"SELECT {_FIELDS} {_FROM} AND t.city = ? AND t.number = ?")
_PARCELS = SQL(
    "SELECT message_id, direction, carrier, number, registered_by, registered_at_ms FROM parcels "
    "WHERE application_id = ? ORDER BY registered_at_ms, parcel_id"
)
INSERT_PARCELS = Insert(
    "parcels",
    (
        *("parcel_id", "application_id", "message_id", "direction", "carrier", "number"),
        *("registered_by", "registered_at_ms"),
    ),
    "ON CONFLICT DO NOTHING RETURNING parcel_id",
)
_KEY = SQL("SELECT body_sha256 FROM idempotency WHERE caller = ? AND key = ?")
STATES = frozenset(_LISTS)


@dataclass(frozen=True, slots=True)
class Waiting:
    """待办一件: one packet with what its case says of itself now."""

    message_id: str
    city: str
    number: int
    application_id: str
    kind: str
    created_at_ms: int
    packet_sha256: str | None
    packet_bytes: int | None
    taken_at_ms: int | None
    taken_by: str | None
    item_name: str
    state: str
    case_number: str | None
    collecting_city: str


@dataclass(frozen=True, slots=True)
class SentParcel:
    """一件邮件 that somebody registered."""

    message_id: str
    direction: str
    carrier: str
    number: str
    registered_by: str
    registered_at_ms: int


async def page(db: Database, state: str, cities: Sequence[str], after: str, limit: int) -> list[Waiting]:
    """A page of what was left for these cities, oldest first; `state` is one of STATES."""
    return [Waiting(*row) for row in await db.fetch(_LISTS[state], list(cities), after, limit)]


async def get(db: Database | Transaction, message_id: str) -> Waiting | None:
    """One packet by its message."""
    return _waiting(await db.fetch_one(_ONE, message_id))


async def by_number(db: Database | Transaction, city: str, number: int) -> Waiting | None:
    """One packet by the number in its city's tray."""
    return _waiting(await db.fetch_one(_BY_NUMBER, city, number))


def _waiting(row: Row | None) -> Waiting | None:
    return None if row is None else Waiting(*row)


async def parcels(db: Database | Transaction, application_id: str) -> list[SentParcel]:
    """Every parcel of a case, oldest first."""
    return [SentParcel(*row) for row in await db.fetch(_PARCELS, application_id)]


async def key_body(tx: Transaction, caller: str, key: str) -> str | None:
    """The digest of what this caller sent under this key before."""
    row = await tx.fetch_one(_KEY, caller, key)
    return None if row is None else str(row[0])
