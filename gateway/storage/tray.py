"""待取件: messages left for a city that cannot be called. It fetches them, or a person carries them.

A message gets its number when it is reserved and is seen by others once it is put: a packet that bears its own
number can therefore be made in between, and a crash leaves at worst a number without a message.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from gateway.storage.compression import pack, unpack
from gateway.storage.database import Database, Row, Transaction
from gateway.storage.files import FileStore
from gateway.storage.sql import SQL

_FIELDS = (
    "message_id, city, number, application_id, kind, created_at_ms, body, packet_sha256, packet_bytes, taken_at_ms, "
    "taken_by"
)
_NUMBER = SQL("SELECT number FROM tray WHERE message_id = ?")
_RESERVE = SQL(
    "INSERT INTO tray (message_id, city, number, application_id, kind, created_at_ms) "
    "SELECT ?, ?, COALESCE(MAX(number), 0) + 1, ?, ?, ? FROM tray WHERE city = ? "
    "ON CONFLICT DO NOTHING RETURNING number"
)
_LEAVE = SQL(
    "INSERT INTO tray (message_id, city, number, application_id, kind, created_at_ms, body) "
    "SELECT ?, ?, COALESCE(MAX(number), 0) + 1, ?, ?, ?, ? FROM tray WHERE city = ? "
    "ON CONFLICT DO NOTHING RETURNING number"
)
_PUT = SQL(
    "UPDATE tray SET body = ?, packet_sha256 = ?, packet_bytes = ? WHERE message_id = ? AND body IS NULL "
    "RETURNING message_id"
)
_ONE = SQL(f"SELECT {_FIELDS} FROM tray WHERE message_id = ? AND body IS NOT NULL")  # noqa: S608 - constants of ours
_WAITING = SQL(
    f"SELECT {_FIELDS} FROM tray WHERE city = ? AND number > ? AND body IS NOT NULL AND taken_at_ms IS NULL "  # noqa: S608
    "ORDER BY number LIMIT ?"
)
_ALL = SQL(f"SELECT {_FIELDS} FROM tray WHERE city = ? AND number > ? AND body IS NOT NULL ORDER BY number LIMIT ?")  # noqa: S608
_OF_CASE = SQL(f"SELECT {_FIELDS} FROM tray WHERE application_id = ? AND body IS NOT NULL ORDER BY number")  # noqa: S608
_TAKE = SQL(
    "UPDATE tray SET taken_at_ms = ?, taken_by = ? WHERE message_id = ? AND taken_at_ms IS NULL RETURNING message_id"
)
_HOLDS = SQL("SELECT 1 FROM tray WHERE message_id = ? AND body IS NOT NULL")
_TRIES = 20
_MOST_PACKET_BYTES = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class Left:
    """待取报文: one message in a city's tray."""

    message_id: str
    city: str
    number: int
    application_id: str
    kind: str
    created_at_ms: int
    body: bytes
    """The message as JSON."""
    packet_sha256: str | None
    packet_bytes: int | None
    taken_at_ms: int | None
    taken_by: str | None


def _left(row: Row) -> Left:
    message_id, city, number, application_id, kind, created_at_ms, body, *rest = row
    return Left(message_id, city, number, application_id, kind, created_at_ms, unpack(body), *rest)


class StoredTray:
    """The tray in the database, packets in the file store."""

    def __init__(self, db: Database, store: FileStore, now_ms: Callable[[], int]) -> None:
        self._db, self._store, self._now_ms = db, store, now_ms

    async def reserve(self, city: str, message_id: str, application_id: str, kind: str) -> int:
        """The message's number; the same message always gets the same. Numbers are given once, without gaps."""
        for _ in range(_TRIES):
            async with self._db.transaction() as tx:
                known = await tx.fetch_one(_NUMBER, message_id)
                row = known or await tx.fetch_one(
                    _RESERVE, message_id, city, application_id, kind, self._now_ms(), city
                )
            if row is not None:
                return int(row[0])
        raise TimeoutError("no number was free in the tray")

    async def put(self, message_id: str, body: bytes, packet: bytes | AsyncIterator[bytes] | None = None) -> None:
        """Leave a reserved message; leaving it again changes nothing."""
        digest, size = None, None
        if packet is not None:
            chunks = _one(packet) if isinstance(packet, bytes) else packet
            content = await self._store.save(chunks, limit_bytes=_MOST_PACKET_BYTES)
            digest, size = content.sha256, content.size_bytes
        async with self._db.transaction() as tx:
            await tx.fetch_one(_PUT, pack(body), digest, size, message_id)

    async def leave(self, city: str, message_id: str, application_id: str, kind: str, body: bytes) -> int:
        """Number and leave a message in one transaction; its number. Leaving it again changes nothing.

        Two that are left at once get one number each, one after the other: the second waits for the first to be
        written. So a number is seen only once all before it are.
        """
        packed = pack(body)
        while True:
            async with self._db.transaction() as tx:
                known = await tx.fetch_one(_NUMBER, message_id)
                row = known or await tx.fetch_one(
                    _LEAVE, message_id, city, application_id, kind, self._now_ms(), packed, city
                )
            if row is not None:
                return int(row[0])

    async def holds(self, message_id: str) -> bool:
        """Whether the message was left, taken since or not."""
        return await self._db.fetch_one(_HOLDS, message_id) is not None


async def _one(packet: bytes) -> AsyncIterator[bytes]:
    yield packet


async def get(db: Database | Transaction, message_id: str) -> Left | None:
    """One message that was left."""
    row = await db.fetch_one(_ONE, message_id)
    return None if row is None else _left(row)


async def waiting(db: Database | Transaction, city: str, after: int, limit: int) -> list[Left]:
    """A page of what a city has not taken yet, in order of number."""
    return [_left(row) for row in await db.fetch(_WAITING, city, after, limit)]


async def page(db: Database | Transaction, city: str, after: int, limit: int) -> list[Left]:
    """A page of everything that was left for a city, taken or not."""
    return [_left(row) for row in await db.fetch(_ALL, city, after, limit)]


async def of_case(db: Database | Transaction, application_id: str) -> list[Left]:
    """What was left for one case."""
    return [_left(row) for row in await db.fetch(_OF_CASE, application_id)]


async def take(tx: Transaction, message_id: str, by: str, now_ms: int) -> bool:
    """Note that the message was taken; False where that was noted before."""
    return await tx.fetch_one(_TAKE, now_ms, by, message_id) is not None
