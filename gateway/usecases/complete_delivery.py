"""投递收尾: what a group of tries came to, written in one transaction: case, event, outbox row, attempt."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import orjson

from gateway.domain.lifecycle import TRANSITIONS, Stage
from gateway.evidence.chain import Data, Link
from gateway.evidence.recording import extend
from gateway.storage import cases, files, outbox
from gateway.storage.database import Database, Transaction
from gateway.storage.sql import SQL
from schemas.application import StoredFile
from schemas.message import MessageKind, RemoteFile, Step

_STILL_THERE = SQL("SELECT message_id FROM outbox WHERE message_id IN_LIST ? ORDER BY message_id [[FOR UPDATE]]")
_RESULT_DIGESTS = SQL(
    "SELECT f.sha256 FROM case_files c JOIN files f ON f.file_id = c.file_id "
    "WHERE c.application_id = ? AND c.role = 'result'"
)


@dataclass(frozen=True, slots=True)
class Completion:
    """One try and what it came to. `what`: delivered, deferred or held."""

    entry: outbox.Entry
    what: str
    started_at_ms: int
    ended_at_ms: int
    code: str | None = None
    detail: str | None = None
    available_at_ms: int = 0
    tries: int = 0
    send_started_ms: int | None = None
    case_number: str | None = None
    duplicate: bool = False
    transport: str = ""
    receipt: str | None = None
    """The partner's signed receipt, if it gives one."""
    fetched: StoredFile | None = None


@dataclass(slots=True)
class _Writes:
    events: list[Link] = field(default_factory=list)
    touched: dict[str, cases.Case] = field(default_factory=dict)


async def commit_completions(db: Database, units: Sequence[Completion]) -> list[bool | Exception]:
    """Write a group; True for each unit whose message was still in the outbox, False where another was first."""
    async with db.transaction() as tx:
        rows = await tx.fetch(_STILL_THERE, [unit.entry.message_id for unit in units])
        present = {row[0] for row in rows}
        live = [unit for unit in units if unit.entry.message_id in present]
        await _delivered(tx, [unit for unit in live if unit.what == "delivered"])
        await outbox.defer(tx, [_deferred_row(unit) for unit in live if unit.what == "deferred"])
        await outbox.hold(tx, [_held_row(unit) for unit in live if unit.what == "held"])
        await tx.insert(outbox.INSERT_ATTEMPTS, [_attempt_row(unit) for unit in units])
    return [unit.entry.message_id in present for unit in units]


async def _delivered(tx: Transaction, units: Sequence[Completion]) -> None:
    if not units:
        return
    locked = await cases.lock_many(tx, [unit.entry.application_id for unit in units])
    writes = _Writes()
    for unit in units:
        case = locked[unit.entry.application_id]
        match unit.entry.kind:
            case MessageKind.SUBMIT:
                _pushed(case, unit, writes)
            case MessageKind.FETCH:
                await _stored(tx, case, unit, writes)
            case MessageKind.REPORT:
                pass  # the attempt says when the peer was told; the fact itself is in the chain already
            case _:
                _followed(case, unit, writes)
    await tx.insert(cases.INSERT_EVENTS, [cases.event_values(event) for event in writes.events])
    await cases.update(tx, list(writes.touched.values()))
    await outbox.delete(tx, [unit.entry.message_id for unit in units])


def _append(case: cases.Case, writes: _Writes, step: Step, at: tuple[int, int], side: str, data: Data) -> None:
    event = extend(case, step, occurred_at_ms=at[0], recorded_at_ms=at[1], side=side, data=data)
    writes.events.append(event)
    writes.touched[case.application_id] = case


def _pushed(case: cases.Case, unit: Completion, writes: _Writes) -> None:
    data: Data = {
        "duplicate": unit.duplicate,
        "message_id": unit.entry.message_id,
        "transport": unit.transport,
        "tries": unit.entry.tries + 1,
    }
    if unit.case_number:
        data["case_number"] = unit.case_number
    _append(case, writes, Step.PUSHED, (unit.started_at_ms, unit.ended_at_ms), "transit", _with(data, unit))
    # the partner may have reported before its answer reached us: then the case is further along already
    target = TRANSITIONS.get((Stage(case.state), Step.PUSHED))
    if target is not None:
        case.state = target.value
    case.case_number = case.case_number or unit.case_number


def _followed(case: cases.Case, unit: Completion, writes: _Writes) -> None:
    data: Data = {
        "duplicate": unit.duplicate,
        "kind": unit.entry.kind,
        "message_id": unit.entry.message_id,
        "transport": unit.transport,
        "tries": unit.entry.tries + 1,
    }
    _append(case, writes, Step.FOLLOW_UP_SENT, (unit.started_at_ms, unit.ended_at_ms), "transit", _with(data, unit))


def _with(data: Data, unit: Completion) -> Data:
    return data | {"receipt": unit.receipt} if unit.receipt else data


async def _stored(tx: Transaction, case: cases.Case, unit: Completion, writes: _Writes) -> None:
    file = unit.fetched
    assert file is not None  # noqa: S101 - a FETCH that was delivered has its file
    known = {row[0] for row in await tx.fetch(_RESULT_DIGESTS, case.application_id)}
    if file.sha256 in known:
        return  # the same result reported twice under two ids
    remote = RemoteFile.model_validate_json(unit.entry.content or b"{}")
    await files.insert(tx, f"city:{case.deciding_city}", file, unit.ended_at_ms)
    await tx.insert(cases.INSERT_CASE_FILES, [(case.application_id, "result", str(file.file_id), remote.reference)])
    data: Data = {"file_id": str(file.file_id), "sha256": file.sha256, "sm3": file.sm3, "size_bytes": file.size_bytes}
    _append(case, writes, Step.FILE_STORED, (unit.ended_at_ms, unit.ended_at_ms), "system", data)


def _deferred_row(unit: Completion) -> tuple[object, ...]:
    return (
        unit.available_at_ms,
        unit.tries,
        unit.send_started_ms,
        unit.code,
        unit.detail,
        unit.entry.message_id,
    )


def _held_row(unit: Completion) -> tuple[object, ...]:
    return unit.tries, unit.send_started_ms, unit.code, unit.detail, unit.entry.message_id


def _attempt_row(unit: Completion) -> tuple[object, ...]:
    return (
        unit.entry.message_id,
        unit.entry.application_id,
        unit.started_at_ms,
        unit.ended_at_ms - unit.started_at_ms,
        unit.what,
        unit.code,
        unit.detail,
    )


async def load_submission(db: Database, application_id: str) -> tuple[cases.Case, bytes, dict[str, StoredFile]] | None:
    """(case, packed body, files by id) of a case whose message must be built again after a restart or a wait."""
    case = await cases.get(db, application_id)
    packed = await cases.body(db, application_id)
    if case is None or packed is None:
        return None
    rows = await cases.files(db, application_id)
    return case, packed, {row[2]: files.stored_file(row[2:]) for row in rows if row[0] == "application"}


def remote_file(entry: outbox.Entry) -> RemoteFile:
    """What a FETCH message is to bring."""
    return RemoteFile.model_validate(orjson.loads(entry.content or b"{}"))


def fetched_file(file_id: str, remote: RemoteFile, content: files.Content) -> StoredFile:
    """The stored form of a result file."""
    return StoredFile(
        file_id=UUID(file_id),
        name=remote.name,
        media_type=content.media_type,
        size_bytes=content.size_bytes,
        sha256=content.sha256,
        sm3=content.sm3,
    )
