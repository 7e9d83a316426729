"""收件落库: a group of new applications in one transaction: key, case, events, receipt, files, outbox row.

The idempotency key decides who is first: whoever loses gets what the winner got, receipt included.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.storage import cases
from gateway.storage.database import Database, Transaction
from gateway.storage.outbox import INSERT_OUTBOX, Entry


@dataclass(frozen=True, slots=True)
class Intake:
    """Everything one accepted application writes."""

    key: str
    body_sha256: str
    case: cases.Case
    packed_body: bytes
    events: Sequence[Sequence[object]]
    outbox: Entry | None
    files: Sequence[tuple[str, str, str, str]]
    accepted_at_ms: int
    jws: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What the caller is told; `new` = taken by this very request."""

    new: bool
    application_id: str
    body_sha256: str
    accepted_at_ms: int
    jws: str
    state: str


async def commit_intakes(db: Database, units: Sequence[Intake]) -> list[Taken | Exception]:
    """Write a group; one result for each unit, in order."""
    first: dict[tuple[str, str], Intake] = {}
    for unit in units:
        first.setdefault((unit.case.caller, unit.key), unit)
    async with db.transaction() as tx:
        # sorted, so that two processes with the same keys cannot block each other
        ordered = [first[pair] for pair in sorted(first)]
        rows = [(u.case.caller, u.key, u.case.application_id, u.body_sha256) for u in ordered]
        won = {row[0] for row in await tx.insert(cases.INSERT_KEYS, rows)}
        winners = [unit for unit in ordered if unit.case.application_id in won]
        await _write(tx, winners)
        return [_taken(unit) if unit.case.application_id in won else await _earlier(tx, unit) for unit in units]


async def _write(tx: Transaction, winners: Sequence[Intake]) -> None:
    if not winners:
        return
    await tx.insert(cases.INSERT_APPLICATIONS, [[*u.case.values(), u.packed_body] for u in winners])
    await tx.insert(cases.INSERT_EVENTS, [event for u in winners for event in u.events])
    await tx.insert(cases.INSERT_RECEIPTS, [(u.case.application_id, u.accepted_at_ms, u.jws) for u in winners])
    if files := [file for u in winners for file in u.files]:
        await tx.insert(cases.INSERT_CASE_FILES, files)
    if entries := [u.outbox.values() for u in winners if u.outbox is not None]:
        await tx.insert(INSERT_OUTBOX, entries)


def _taken(unit: Intake) -> Taken:
    case = unit.case
    return Taken(True, case.application_id, unit.body_sha256, unit.accepted_at_ms, unit.jws, case.state)


async def _earlier(tx: Transaction, unit: Intake) -> Taken | Exception:
    row = await cases.by_key(tx, unit.case.caller, unit.key)
    if row is None:
        return LookupError("an idempotency key without its receipt")
    return Taken(False, row[0], row[1], row[2], row[3], row[4])
