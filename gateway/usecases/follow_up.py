"""补正与撤回: what follows an application: the applicant gives what was asked for, or takes the application back.

Both are the applicant's acts, recorded at once with the collecting city's word; the message that tells the deciding
city waits behind the application in the outbox.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import orjson
from pydantic import Field

from gateway.domain.access import CaseScope, Principal, not_found, require_see, require_submit
from gateway.domain.folding import fold, start_of
from gateway.domain.lifecycle import TRANSITIONS, Stage, allowed
from gateway.evidence.chain import Data, milliseconds
from gateway.evidence.recording import record
from gateway.storage import cases, files, follow_ups, outbox
from gateway.storage.compression import pack, unpack
from gateway.storage.database import Database, Transaction
from gateway.usecases.brought_files import brought_by
from gateway.usecases.take_progress import fact
from schemas.application import Material, StoredFile
from schemas.errors import IdempotencyMismatch, StepNotAllowed
from schemas.message import FollowUp, FollowUpKind, MessageKind, OutboundFile, ProgressReport, Step
from schemas.model import LongText, Model

_STEPS: dict[MessageKind, Step] = {
    MessageKind.SUPPLEMENT: Step.SUPPLEMENT_GIVEN,
    MessageKind.WITHDRAW: Step.WITHDRAWN,
}


class Supplement(Model):
    """补正: what the deciding city asked for."""

    materials: Annotated[tuple[Material, ...], Field(min_length=1, max_length=100)]
    note: LongText | None = None
    """A word to the deciding city."""


class Withdrawal(Model):
    """撤回: the applicant takes the application back."""

    reason: LongText


@dataclass(frozen=True, slots=True)
class Given:
    """What the caller of the API sent. `occurred_at` is absent where it happens now."""

    kind: FollowUpKind
    materials: tuple[Material, ...]
    reason: str | None
    raw: bytes
    key: str
    message_id: str
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """What became of it; `new` = noted by this very request."""

    new: bool
    application_id: str
    message_id: str
    state: str


async def follow_up(
    tx: Transaction,
    who: Principal,
    application_id: str,
    given: Given,
    *,
    carried: Callable[[str], bool],
    now: datetime,
) -> Noted:
    """Note a supplement or a withdrawal. `carried` says whether messages go to a city; ours may be read here instead.

    NotFound for a case that is not the caller's to see; Forbidden unless its city collected it; StepNotAllowed where
    nothing was asked for, or it is too late; FileUnknown; IdempotencyMismatch for a used key with another body.
    """
    case = await cases.lock(tx, application_id)
    if case is None:
        raise not_found()
    require_see(who, CaseScope(case.collecting_city, case.deciding_city))
    require_submit(who, case.collecting_city)
    body_sha256 = hashlib.sha256(given.raw).hexdigest()
    known = await follow_ups.by_key(tx, who.caller, given.key)
    if known is not None:
        if (known.body_sha256, known.application_id) != (body_sha256, application_id):
            raise IdempotencyMismatch(
                "This Idempotency-Key was used with another body.", "该幂等键已用于内容不同的报文。"
            )
        return Noted(False, application_id, known.message_id, case.state)
    _check_step(case, _STEPS[given.kind])
    stored = await _files(tx, who, given)
    await _record(tx, who, case, given, stored, now)
    await follow_ups.insert(
        tx,
        follow_ups.FollowUpRow(
            given.message_id,
            application_id,
            given.kind.value,
            who.caller,
            given.key,
            body_sha256,
            milliseconds(now),
            given.raw,
        ),
    )
    if case.direction == "outbound" or carried(case.deciding_city):
        await tx.insert(outbox.INSERT_OUTBOX, [_entry(case, given, now).values()])
    return Noted(True, application_id, given.message_id, case.state)


def _check_step(case: cases.Case, step: Step) -> None:
    stage = Stage(case.state)
    if (stage, step) not in TRANSITIONS:
        raise StepNotAllowed(
            f"{step} is not possible from {stage}.",
            f"当前状态（{stage}）不能执行该操作。",
            allowed=[one.value for one in allowed(stage) if one in _STEPS.values()],
        )


async def _files(tx: Transaction, who: Principal, given: Given) -> dict[str, StoredFile]:
    ids = dict.fromkeys(str(file) for material in given.materials for file in material.files)
    return await brought_by(tx, who.caller, list(ids))


async def _record(
    tx: Transaction, who: Principal, case: cases.Case, given: Given, stored: dict[str, StoredFile], now: datetime
) -> None:
    """The event, the fact it is folded from, the files, and the state that follows."""
    step, occurred_at = _STEPS[given.kind], given.occurred_at or now
    data: Data = {"by": who.caller, "message_id": given.message_id}
    if given.materials:
        data["materials"] = [material.material_code for material in given.materials]
        data["files"] = [file.sha256 for file in stored.values()]
    if given.reason:
        data["reason_sha256"] = hashlib.sha256(given.reason.encode()).hexdigest()
    at_ms, now_ms = milliseconds(occurred_at), milliseconds(now)
    event = await record(tx, case, step, occurred_at_ms=at_ms, recorded_at_ms=now_ms, side="applicant", data=data)
    report = ProgressReport(
        report_id=given.message_id,
        application_id=UUID(case.application_id),
        deciding_city=case.deciding_city,
        step=step,
        occurred_at=occurred_at,
        reason=given.reason,
    )
    packed = pack(report.model_dump_json(exclude_none=True).encode())
    row = [case.application_id, given.message_id, event.seq, step.value, at_ms, None, packed, "applicant"]
    await tx.insert(cases.INSERT_PROGRESS, [row])
    pairs = [(str(file), material.material_code) for material in given.materials for file in material.files]
    label = [(case.application_id, "supplement", file, code) for file, code in pairs]
    if label:
        await tx.insert(cases.INSERT_CASE_FILES, label)
    folded = fold([fact(one) for one in await cases.progress(tx, case.application_id)], start=start_of(case.direction))
    case.state = folded.stage.value
    await cases.update(tx, [case])


def _entry(case: cases.Case, given: Given, now: datetime) -> outbox.Entry:
    return outbox.Entry(
        message_id=given.message_id,
        application_id=case.application_id,
        sequence=case.last_seq * 100,
        city=case.deciding_city,
        kind=given.kind.value,
        content=None,
        state="ready",
        owner=None,
        available_at_ms=milliseconds(now),
        created_at_ms=milliseconds(now),
    )


async def load_follow_up(db: Database, message_id: str) -> FollowUp | None:
    """The message to the deciding city, built from what is stored. None where there is none of this id."""
    row = await follow_ups.get(db, message_id)
    case = None if row is None else await cases.get(db, row.application_id)
    if row is None or case is None:
        return None
    body = orjson.loads(unpack(row.body))
    held = await cases.files(db, row.application_id)
    supplied = {one[2]: files.stored_file(one[2:]) for one in held if one[0] == "supplement"}
    materials = tuple(Material.model_validate(one) for one in body.get("materials", ()))
    pairs = [(str(file), material.material_code) for material in materials for file in material.files]
    return FollowUp(
        message_id=UUID(message_id),
        application_id=UUID(row.application_id),
        kind=_KINDS[row.kind],
        task_code=case.task_code,
        collecting_city=case.collecting_city,
        deciding_city=case.deciding_city,
        case_number=case.case_number,
        occurred_at=datetime.fromtimestamp(row.created_at_ms / 1000, UTC),
        reason=body.get("reason") or body.get("note"),
        materials=materials,
        files=tuple(OutboundFile(file=supplied[file], material_code=code) for file, code in dict.fromkeys(pairs)),
    )


_KINDS: dict[str, FollowUpKind] = {"SUPPLEMENT": MessageKind.SUPPLEMENT, "WITHDRAW": MessageKind.WITHDRAW}
