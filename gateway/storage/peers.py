"""同类网关 in the database: nonces in groups, receipts given to a peer, what is left for it, and what it has here."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.storage.compression import unpack
from gateway.storage.database import Database, Row, Transaction
from gateway.storage.intake import Taken
from gateway.storage.sql import SQL

_NONCE = SQL("INSERT INTO nonces (city, nonce, expires_at_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING nonce")
_PURGE_NONCES = SQL("DELETE FROM nonces WHERE expires_at_ms < ?")
_RECEIPT = SQL(
    "SELECT a.application_id, i.body_sha256, r.accepted_at_ms, r.jws, a.state FROM applications a "
    "JOIN receipts r ON r.application_id = a.application_id JOIN idempotency i ON i.application_id = a.application_id "
    "AND i.caller = a.caller WHERE a.application_id = ? AND a.caller = ?"
)
_LEFT = "SELECT number, message_id, kind, body FROM tray WHERE city = ? AND number > ? AND body IS NOT NULL"
_REPORTS = SQL(f"{_LEFT} AND kind = 'REPORT' ORDER BY number LIMIT ?")
_MESSAGES = SQL(f"{_LEFT} AND kind <> 'REPORT' AND taken_at_ms IS NULL ORDER BY number LIMIT ?")
_REPORTS_TAKEN = SQL(
    "UPDATE tray SET taken_at_ms = ?, taken_by = ? WHERE city = ? AND kind = 'REPORT' AND number <= ? "
    "AND taken_at_ms IS NULL"
)
_TAKE_MESSAGE = SQL(
    "UPDATE tray SET taken_at_ms = ?, taken_by = ?, receipt = ? WHERE message_id = ? AND taken_at_ms IS NULL "
    "RETURNING message_id"
)
_LISTED = SQL(
    "SELECT application_id, case_number, state, outcome FROM applications WHERE direction = 'inbound' "
    "AND deciding_city = ? AND collecting_city = ? AND application_id > ? AND application_id < ? "
    "ORDER BY application_id LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Nonce:
    """随机数 of a signed request."""

    city: str
    nonce: str
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """留件 as a peer is shown it."""

    number: int
    message_id: str
    kind: str
    body: bytes


async def commit_nonces(db: Database, units: Sequence[Nonce], purge_before_ms: int | None) -> list[bool | Exception]:
    """Whether each is new; all of them are remembered. With `purge_before_ms` those that ended before are forgotten."""
    async with db.transaction() as tx:
        if purge_before_ms is not None:
            await tx.execute(_PURGE_NONCES, purge_before_ms)
        # in one order, so that two processes cannot block each other
        first: dict[tuple[str, str], bool] = {}
        for unit in sorted(units, key=lambda one: (one.city, one.nonce)):
            pair = (unit.city, unit.nonce)
            if pair not in first:
                first[pair] = await tx.fetch_one(_NONCE, *pair, unit.expires_at_ms) is not None
    return [first.pop((unit.city, unit.nonce), False) for unit in units]


async def receipt(db: Database, application_id: str, caller: str) -> Taken | None:
    """What this caller was told when it handed in the case; None for a case that is not its own."""
    row = await db.fetch_one(_RECEIPT, application_id, caller)
    return None if row is None else Taken(False, row[0], row[1], row[2], row[3], row[4])


async def messages(db: Database, city: str, after: int, limit: int) -> list[Waiting]:
    """A page of the messages left for a peer that it has not answered."""
    return [_waiting(row) for row in await db.fetch(_MESSAGES, city, after, limit)]


async def reports(tx: Transaction, city: str, after: int, limit: int, by: str, now_ms: int) -> list[Waiting]:
    """A page of the reports left for a peer; that it asks on after a number says that it has all up to there."""
    await tx.execute(_REPORTS_TAKEN, now_ms, by, city, after)
    return [_waiting(row) for row in await tx.fetch(_REPORTS, city, after, limit)]


async def take_message(tx: Transaction, message_id: str, by: str, receipt: str | None, now_ms: int) -> bool:
    """Note that a message was fetched, with the peer's receipt; False where that was noted before."""
    return await tx.fetch_one(_TAKE_MESSAGE, now_ms, by, receipt, message_id) is not None


def _waiting(row: Row) -> Waiting:
    return Waiting(int(row[0]), row[1], row[2], unpack(row[3]))


async def listed(db: Database, cities: tuple[str, str], between: tuple[str, str], limit: int) -> list[Row]:
    """(application_id, case_number, state, outcome) of inbound cases of (deciding, collecting), by number."""
    return await db.fetch(_LISTED, *cities, *between, limit)
