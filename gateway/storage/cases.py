"""办件 in the database: applications with their events, receipts, idempotency keys, files and progress."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import orjson

from gateway.storage.database import Database, Row, Transaction
from gateway.storage.sql import SQL, Insert

_APPLICATION = (
    "application_id caller item_code task_code item_version item_name project_type mode applicant_division "
    "collecting_city deciding_city agreement_id direction state needs_review case_number outcome received_at_ms "
    "updated_at_ms last_seq last_hash item_revision item_dialect"
).split()
_VALUES = attrgetter(*_APPLICATION)
INSERT_APPLICATIONS = Insert("applications", [*_APPLICATION, "body"])
INSERT_KEYS = Insert(
    "idempotency",
    ("caller", "key", "application_id", "body_sha256"),
    "ON CONFLICT DO NOTHING RETURNING application_id",
)
INSERT_RECEIPTS = Insert("receipts", ("application_id", "accepted_at_ms", "jws"))
_EVENT = "application_id seq type occurred_at_ms recorded_at_ms side data previous_hash hash alg".split()
INSERT_EVENTS = Insert("events", _EVENT)
INSERT_CASE_FILES = Insert("case_files", ("application_id", "role", "file_id", "label"), "ON CONFLICT DO NOTHING")
INSERT_PROGRESS = Insert(
    "progress", ("application_id", "report_id", "seq", "step", "occurred_at_ms", "partner_sequence", "body", "side")
)

_SELECT = f"SELECT {', '.join(_APPLICATION)} FROM applications"  # noqa: S608 - constants of ours
_ONE = SQL(f"{_SELECT} WHERE application_id = ?")
_LOCKED = SQL(f"{_SELECT} WHERE application_id = ? [[FOR UPDATE]]")
_MANY_LOCKED = SQL(f"{_SELECT} WHERE application_id IN_LIST ? ORDER BY application_id [[FOR UPDATE]]")
_BODY = SQL("SELECT body FROM applications WHERE application_id = ?")
_BY_KEY = SQL(
    "SELECT i.application_id, i.body_sha256, r.accepted_at_ms, r.jws, a.state FROM idempotency i "
    "JOIN receipts r ON r.application_id = i.application_id "
    "JOIN applications a ON a.application_id = i.application_id WHERE i.caller = ? AND i.key = ?"
)
_UPDATE = SQL(
    "UPDATE applications SET state = ?, needs_review = ?, case_number = ?, outcome = ?, updated_at_ms = ?, "
    "last_seq = ?, last_hash = ? WHERE application_id = ?"
)
_EVENTS = SQL(f"SELECT {', '.join(_EVENT)}, signature FROM events WHERE application_id = ? ORDER BY seq")  # noqa: S608
_PROGRESS = SQL(
    "SELECT report_id, step, occurred_at_ms, partner_sequence, body, side, seq FROM progress WHERE application_id = ?"
)
_HAS_REPORT = SQL("SELECT 1 FROM progress WHERE application_id = ? AND report_id = ?")
_FILES = SQL(
    "SELECT c.role, c.label, f.file_id, f.name, f.media_type, f.size_bytes, f.sha256, f.sm3 FROM case_files c "
    "JOIN files f ON f.file_id = c.file_id WHERE c.application_id = ? ORDER BY c.role, f.created_at_ms, f.file_id"
)
_INBOUND = SQL(
    f"{_SELECT} WHERE direction = 'inbound' AND deciding_city = ? AND application_id > ? "
    "ORDER BY application_id LIMIT ?"
)
_REVIEW = SQL(f"{_SELECT} WHERE needs_review = 1 AND application_id > ? ORDER BY application_id LIMIT ?")
_SERIAL = SQL(
    "INSERT INTO case_serials (task_code, day, serial) VALUES (?, ?, 1) "
    "ON CONFLICT (task_code, day) DO UPDATE SET serial = case_serials.serial + 1 RETURNING serial"
)
_NONCE = SQL("INSERT INTO nonces (city, nonce, expires_at_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING nonce")
_PURGE_NONCES = SQL("DELETE FROM nonces WHERE expires_at_ms < ?")
_STRAY = SQL("INSERT INTO strays (city, report_id, received_at_ms, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")


@dataclass(slots=True)
class Case:
    """One row of `applications` but for its body."""

    application_id: str
    caller: str
    item_code: str
    task_code: str
    item_version: int
    item_name: str
    project_type: str
    mode: str
    applicant_division: str
    collecting_city: str
    deciding_city: str
    agreement_id: str
    direction: str
    state: str
    needs_review: int
    case_number: str | None
    outcome: str | None
    received_at_ms: int
    updated_at_ms: int
    last_seq: int
    last_hash: str
    item_revision: int
    item_dialect: str
    """方言及版本 the item was read with, `gd_pinyin@2`."""

    def values(self) -> list[object]:
        """The columns in order, without the body."""
        return list(_VALUES(self))


def _case(row: Row) -> Case:
    return Case(*row)


async def get(db: Database | Transaction, application_id: str) -> Case | None:
    """One case by its number."""
    row = await db.fetch_one(_ONE, application_id)
    return None if row is None else _case(row)


async def lock(tx: Transaction, application_id: str) -> Case | None:
    """One case, held against other writers until the transaction ends."""
    row = await tx.fetch_one(_LOCKED, application_id)
    return None if row is None else _case(row)


async def lock_many(tx: Transaction, application_ids: Sequence[str]) -> dict[str, Case]:
    """Several cases, locked in one order so that two groups cannot block each other."""
    rows = await tx.fetch(_MANY_LOCKED, list(dict.fromkeys(application_ids)))
    return {row[0]: _case(row) for row in rows}


async def update(tx: Transaction, cases: Sequence[Case]) -> None:
    """Write back state, case number, outcome and the chain's tail."""
    await tx.execute_many(
        _UPDATE,
        [
            (
                c.state,
                c.needs_review,
                c.case_number,
                c.outcome,
                c.updated_at_ms,
                c.last_seq,
                c.last_hash,
                c.application_id,
            )
            for c in cases
        ],
    )


async def body(db: Database | Transaction, application_id: str) -> bytes | None:
    """The packed body of a case."""
    row = await db.fetch_one(_BODY, application_id)
    return None if row is None else bytes(row[0])


async def by_key(db: Database | Transaction, caller: str, key: str) -> Row | None:
    """(application_id, body_sha256, accepted_at_ms, jws, state) of what this caller sent under this key."""
    return await db.fetch_one(_BY_KEY, caller, key)


async def events(db: Database | Transaction, application_id: str) -> list[Row]:
    """The chain, oldest first: the columns of `events` in order, then the signature."""
    return await db.fetch(_EVENTS, application_id)


async def progress(tx: Database | Transaction, application_id: str) -> list[Row]:
    """(report_id, step, occurred_at_ms, partner_sequence, packed body) of every report."""
    return await tx.fetch(_PROGRESS, application_id)


async def has_report(tx: Transaction, application_id: str, report_id: str) -> bool:
    """Whether this very report was stored before."""
    return await tx.fetch_one(_HAS_REPORT, application_id, report_id) is not None


async def files(db: Database | Transaction, application_id: str) -> list[Row]:
    """(role, label, file_id, name, media_type, size_bytes, sha256, sm3) of the case's files."""
    return await db.fetch(_FILES, application_id)


async def inbound(db: Database, city: str, after: str, limit: int) -> list[Case]:
    """A page of cases that other cities collected for `city`."""
    return [_case(row) for row in await db.fetch(_INBOUND, city, after, limit)]


async def for_review(db: Database, after: str, limit: int) -> list[Case]:
    """A page of cases a person must look at (待核)."""
    return [_case(row) for row in await db.fetch(_REVIEW, after, limit)]


async def next_serial(tx: Transaction, task_code: str, day: str) -> int:
    """The next case-number serial of this item and day, from 1."""
    row = await tx.fetch_one(_SERIAL, task_code, day)
    return int(row[0]) if row else 1


async def use_nonce(tx: Transaction, city: str, nonce: str, expires_at_ms: int, now_ms: int) -> bool:
    """Whether this nonce is new; it is remembered until it expires."""
    await tx.execute(_PURGE_NONCES, now_ms)
    return await tx.fetch_one(_NONCE, city, nonce, expires_at_ms) is not None


async def keep_stray(tx: Transaction, city: str, report_id: str, received_at_ms: int, packed: bytes) -> None:
    """Keep a report on a case we do not know, so that a person can look."""
    await tx.execute(_STRAY, city, report_id, received_at_ms, packed)


def event_values(link: Any) -> list[object]:
    """The columns of one event from a gateway.evidence.chain.Link."""
    return [
        link.application_id,
        link.seq,
        link.type.value,
        link.occurred_at_ms,
        link.recorded_at_ms,
        link.side,
        orjson.dumps(link.data, option=orjson.OPT_SORT_KEYS),
        link.previous_hash,
        link.hash,
        link.alg,
    ]
