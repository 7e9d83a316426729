"""核验记录 in the database: every verification with the use it was made for; written in groups, never changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.storage.compression import pack, unpack
from gateway.storage.database import Database, Row, Transaction
from gateway.storage.sql import SQL, Insert

_FIELDS = (
    "verification_id sha256 indication policy caller city item_code operator application_id licence_identifier "
    "file_id verified_at_ms body"
).split()
_INSERT = Insert("verifications", _FIELDS)
_SELECT = f"SELECT {', '.join(_FIELDS)} FROM verifications"  # noqa: S608 - constants of ours
_ONE = SQL(f"{_SELECT} WHERE verification_id = ?")
_OF_CASE = SQL(f"{_SELECT} WHERE application_id = ? AND verification_id > ? ORDER BY verification_id LIMIT ?")
_PASSED = SQL(
    f"{_SELECT} WHERE sha256 = ? AND city = ? AND indication = 'TOTAL_PASSED' ORDER BY verification_id DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class VerificationRow:
    """核验记录. `body` is the verification as JSON."""

    verification_id: str
    sha256: str
    indication: str
    policy: str
    caller: str
    city: str
    item_code: str
    operator: str
    application_id: str | None
    licence_identifier: str | None
    file_id: str | None
    verified_at_ms: int
    body: bytes

    def values(self) -> list[object]:
        """In the order of the columns."""
        return [*(getattr(self, name) for name in _FIELDS[:-1]), pack(self.body)]


def _row(row: Row) -> VerificationRow:
    return VerificationRow(**dict(zip(_FIELDS, (*row[:-1], unpack(row[-1])), strict=True)))


async def commit(db: Database, rows: Sequence[VerificationRow]) -> list[bool]:
    """Write a group in one transaction."""
    async with db.transaction() as tx:
        await tx.insert(_INSERT, [row.values() for row in rows])
    return [True] * len(rows)


async def get(db: Database | Transaction, verification_id: str) -> VerificationRow | None:
    """One by its id."""
    row = await db.fetch_one(_ONE, verification_id)
    return None if row is None else _row(row)


async def of_case(db: Database, application_id: str, after: str, limit: int) -> list[VerificationRow]:
    """A page of what was verified for one case, oldest first."""
    return [_row(row) for row in await db.fetch(_OF_CASE, application_id, after, limit)]


async def newest_passed(db: Database, sha256: str, city: str) -> VerificationRow | None:
    """The newest check of a city that passed these very bytes."""
    row = await db.fetch_one(_PASSED, sha256, city)
    return None if row is None else _row(row)
