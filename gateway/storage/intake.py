"""收件落库: a group of new applications written together: key, case, events, receipt, files, outbox row.

The idempotency key decides who is first: whoever loses gets what the winner got, receipt included.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.storage import cases
from gateway.storage.database import Database
from gateway.storage.outbox import INSERT_OUTBOX, Entry


@dataclass(frozen=True, slots=True)
class Intake:
    """Everything one accepted application writes, but for its receipt."""

    key: str
    body_sha256: str
    case: cases.Case
    packed_body: bytes
    events: Sequence[Sequence[object]]
    outbox: Entry | None
    files: Sequence[tuple[str, str, str, str]]
    accepted_at_ms: int
    progress: Sequence[Sequence[object]] = ()
    """What its collecting city's gateway is told of the intake itself."""
    telling: Entry | None = None
    """The message that tells it."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What the caller is told; `new` = taken by this very request."""

    new: bool
    application_id: str
    body_sha256: str
    accepted_at_ms: int
    jws: str
    state: str


async def commit_intakes(db: Database, units: Sequence[Intake], receipts: Sequence[str]) -> list[Taken | Exception]:
    """Write a group with its receipts; one result for each unit, in order."""
    first: dict[tuple[str, str], tuple[Intake, str]] = {}
    for unit, jws in zip(units, receipts, strict=True):
        first.setdefault((unit.case.caller, unit.key), (unit, jws))
    # sorted, so that two processes with the same keys cannot block each other
    ordered = [first[pair] for pair in sorted(first)]
    progress = [row for u, _ in ordered for row in u.progress]
    won = await db.insert_where_first(
        (cases.INSERT_KEYS, [(u.case.caller, u.key, u.case.application_id, u.body_sha256) for u, _ in ordered]),
        [
            (cases.INSERT_APPLICATIONS, [[*u.case.values(), u.packed_body] for u, _ in ordered]),
            (cases.INSERT_EVENTS, [event for u, _ in ordered for event in u.events]),
            (cases.INSERT_RECEIPTS, [(u.case.application_id, u.accepted_at_ms, jws) for u, jws in ordered]),
            (cases.INSERT_CASE_FILES, [file for u, _ in ordered for file in u.files]),
            (INSERT_OUTBOX, [entry.values() for u, _ in ordered for entry in (u.outbox, u.telling) if entry]),
            *([(cases.INSERT_PROGRESS, progress)] if progress else []),
        ],
    )
    return [
        _taken(unit, jws) if unit.case.application_id in won else await _earlier(db, unit)
        for unit, jws in zip(units, receipts, strict=True)
    ]


def _taken(unit: Intake, jws: str) -> Taken:
    case = unit.case
    return Taken(True, case.application_id, unit.body_sha256, unit.accepted_at_ms, jws, case.state)


async def _earlier(db: Database, unit: Intake) -> Taken | Exception:
    row = await cases.by_key(db, unit.case.caller, unit.key)
    if row is None:
        return LookupError("an idempotency key without its receipt")
    return Taken(False, row[0], row[1], row[2], row[3], row[4])
