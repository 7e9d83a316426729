"""手工办理: a person registers what a city without a system did with a case: each step with who and when.

A registration becomes a report like any other city's: same state table, same events, same clocks. Unlike a report
that comes over a wire, one that is impossible is refused at once: the person who typed it is still there.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from gateway.domain.access import CaseScope, Principal, Role, not_found, require_role, require_see
from gateway.domain.lifecycle import Stage, allowed
from gateway.evidence.chain import Data, milliseconds
from gateway.evidence.recording import record
from gateway.storage import cases, files, manual_worklist, tray
from gateway.storage.database import Transaction
from gateway.storage.manual_worklist import Waiting
from gateway.usecases.brought_files import unknown_files
from gateway.usecases.take_progress import Taken, take_progress
from schemas.application import StoredFile
from schemas.errors import FieldProblem, IdempotencyMismatch, Invalid, StepNotAllowed
from schemas.message import Outcome, ProgressReport, Step
from schemas.model import LongText, Model, Moment, ShortText

CLERK_STEPS = frozenset(
    {
        Step.ARRIVED,
        Step.ACCEPTED,
        Step.REJECTED,
        Step.SUPPLEMENT_ASKED,
        Step.SUPPLEMENT_GIVEN,
        Step.SPECIAL_STARTED,
        Step.SPECIAL_ENDED,
        Step.DECIDED,
        Step.DELIVERED,
        Step.RETURNED,
        Step.FORWARDED,
        Step.WITHDRAWN,
    }
)
"""What a person may register. Not EXTENDED: a report has no place for the number of days."""
_NEEDS_REASON = frozenset({Step.REJECTED, Step.SUPPLEMENT_ASKED, Step.RETURNED, Step.FORWARDED})
_AHEAD = timedelta(minutes=5)
_MINUTE_MS = 60_000


class Parcel(Model):
    """邮件: what was sent by post, either way."""

    carrier: ShortText
    """快递公司."""
    number: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9\-]{4,40}$")]
    """快递单号."""
    direction: Literal["to_deciding", "to_collecting"]
    """to_deciding: the materials go out. to_collecting: the result comes back."""


class ManualStep(Model):
    """登记: what a person learnt of a case, with the time at which it happened there."""

    step: Step | None = None
    occurred_at: Moment
    case_number: ShortText | None = None
    """办件编号 the city gave it."""
    outcome: Outcome | None = None
    """With DECIDED."""
    reason: LongText | None = None
    """Why; required for 不予受理, 补正告知, 退件, 转办 (and to whom) and 不予."""
    files: Annotated[tuple[UUID, ...], Field(max_length=50)] = ()
    """What the city issued, by the ids of uploaded files."""
    parcel: Parcel | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """登记台: our own city, and the cities it works by hand."""

    city: str
    by_hand: frozenset[str]


@dataclass(frozen=True, slots=True)
class Registration:
    """一次登记: under which packet, what, and what makes it the same one when it comes again."""

    message_id: str
    action: ManualStep
    key: str | None
    new_id: str


def check(action: ManualStep, *, now: datetime) -> None:
    """The registration by itself; Invalid names what is wrong."""
    problems = []
    if action.step is None and action.parcel is None:
        problems.append(FieldProblem("/step", "nothing_registered", "give a step or a parcel", "请登记步骤或快递"))
    if action.step is None and (action.case_number or action.reason or action.files):
        problems.append(FieldProblem("/step", "step_missing", "the rest needs a step", "其余内容须与步骤一同登记"))
    if action.step is not None and action.step not in CLERK_STEPS:
        problems.append(FieldProblem("/step", "step_unknown", "not a step to register", "不是可登记的步骤"))
    if (action.step is Step.DECIDED) != (action.outcome is not None):
        problems.append(
            FieldProblem(
                "/outcome", "outcome_with_decided", "DECIDED, and only it, has an outcome", "办结须且仅办结有结果"
            )
        )
    if action.reason is None and (action.step in _NEEDS_REASON or action.outcome is Outcome.REFUSED):
        problems.append(FieldProblem("/reason", "reason_missing", "a reason is required", "必须说明理由"))
    if action.occurred_at > now + _AHEAD:
        problems.append(FieldProblem("/occurred_at", "in_the_future", "this time has not come yet", "发生时间尚未到来"))
    if problems:
        raise Invalid("The registration is wrong; see errors.", "登记内容有误，详见 errors。", errors=tuple(problems))


async def find(tx: Transaction, desk: Desk, who: Principal, message_id: str) -> Waiting:
    """A packet the caller may see: NotFound otherwise, whatever the reason."""
    found = await manual_worklist.get(tx, message_id)
    if found is None or found.city not in desk.by_hand:
        raise not_found()
    require_see(who, CaseScope(found.collecting_city, found.city))
    return found


def require_register(who: Principal, desk: Desk) -> None:
    """Clerks of our own city, and admins."""
    require_role(who, Role.CLERK, Role.ADMIN)
    if who.role is Role.CLERK and who.city != desk.city:
        raise not_found()


async def register(tx: Transaction, desk: Desk, who: Principal, given: Registration, *, now: datetime) -> bool:
    """Register a step, a parcel, or both; False where this very registration was taken before.

    StepNotAllowed where the state table has no such step at that time; nothing of the registration is kept then. But
    what a city did before our withdrawal reached it is kept, and put before a person (待核).
    """
    require_register(who, desk)
    action = given.action
    check(action, now=now)
    found = await find(tx, desk, who, given.message_id)
    case = await cases.lock(tx, found.application_id)
    if case is None:
        raise not_found()
    if not await _first(tx, who, given, found.application_id):
        return False
    _check_not_before(action, case)
    new_step = action.step is not None and await _take(tx, who, given, case, now)
    new_parcel = action.parcel is not None and await _post(tx, who, given, found.application_id, now)
    await tray.take(tx, given.message_id, who.caller, milliseconds(now))
    return new_step or new_parcel


async def _first(tx: Transaction, who: Principal, given: Registration, application_id: str) -> bool:
    """Whether the key is new. IdempotencyMismatch where it was used for another registration."""
    if given.key is None:
        return True
    scope, digest = f"manual/{who.caller}", _digest(given.message_id, given.action)
    if await tx.insert(cases.INSERT_KEYS, [(scope, given.key, application_id, digest)]):
        return True
    if await manual_worklist.key_body(tx, scope, given.key) != digest:
        raise IdempotencyMismatch(
            "This Idempotency-Key was used with another registration.", "该幂等键已用于内容不同的登记。"
        )
    return False


def _digest(message_id: str, action: ManualStep) -> str:
    content = f"{message_id}\n{action.model_dump_json(exclude_none=True)}"
    return hashlib.sha256(content.encode()).hexdigest()


def _check_not_before(action: ManualStep, case: cases.Case) -> None:
    """People write minutes: a step within the minute of receipt is not before it."""
    if milliseconds(action.occurred_at) >= case.received_at_ms // _MINUTE_MS * _MINUTE_MS:
        return
    raise Invalid(
        "The step lies before the receipt of the case.",
        "发生时间早于收件时间。",
        errors=(FieldProblem("/occurred_at", "before_receipt", "before the case was received", "早于收件时间"),),
    )


async def _take(tx: Transaction, who: Principal, given: Registration, case: cases.Case, now: datetime) -> bool:
    action = given.action
    assert action.step is not None  # noqa: S101 - asked for steps only
    results = await _results(tx, who, action)
    said = _digest(given.message_id, action.model_copy(update={"parcel": None}))
    report = ProgressReport(
        report_id=f"manual:{said[:32]}",
        application_id=UUID(case.application_id),
        deciding_city=case.deciding_city,
        step=action.step,
        occurred_at=action.occurred_at,
        case_number=action.case_number,
        outcome=action.outcome,
        reason=action.reason,
    )
    taken = await take_progress(tx, report, new_id=given.new_id, now=now, by=who.caller)
    stage = Stage(case.state)
    if taken is Taken.SET_ASIDE and stage is not Stage.WITHDRAWN:
        raise StepNotAllowed(
            f"{action.step} is not possible from {stage} at that time.",
            f"按发生时间，当前状态（{stage}）不能登记该步骤。",
            allowed=[step.value for step in allowed(stage) if step in CLERK_STEPS],
        )
    if taken is not Taken.REPEATED:
        await _attach(tx, who, case.application_id, results, now)
    return taken is not Taken.REPEATED


async def _results(tx: Transaction, who: Principal, action: ManualStep) -> list[StoredFile]:
    """The files by their ids. FileUnknown for what the caller did not bring; an admin may name what a clerk brought."""
    ids = list(dict.fromkeys(str(file_id) for file_id in action.files))
    known = await files.by_ids(tx, ids)
    may_name = {i for i in ids if i in known and (known[i][1] == who.caller or who.role is Role.ADMIN)}
    unknown = [i for i in ids if i not in may_name]
    if unknown:
        raise unknown_files(
            "/files",
            unknown,
            "A result file was never uploaded by this caller.",
            "结果文件不存在，或不是由同一调用方上传的。",
        )
    return [known[i][0] for i in ids]


async def _attach(
    tx: Transaction, who: Principal, application_id: str, results: list[StoredFile], now: datetime
) -> None:
    """Each file becomes a result of the case, with its digest in the chain."""
    case = await cases.get(tx, application_id)
    assert case is not None  # noqa: S101 - it is locked
    at_ms = milliseconds(now)
    for file in results:
        await tx.insert(cases.INSERT_CASE_FILES, [(application_id, "result", str(file.file_id), "")])
        data: Data = {"file_id": str(file.file_id), "sha256": file.sha256, "sm3": file.sm3, "by": who.caller}
        data["size_bytes"] = file.size_bytes
        await record(tx, case, Step.FILE_STORED, occurred_at_ms=at_ms, recorded_at_ms=at_ms, side="system", data=data)
    await cases.update(tx, [case])


async def _post(tx: Transaction, who: Principal, given: Registration, application_id: str, now: datetime) -> bool:
    """Whether the parcel is new: the same one of the same case is one parcel, whoever registers it again."""
    parcel = given.action.parcel
    assert parcel is not None  # noqa: S101 - asked where there is one
    named = f"{application_id}\n{parcel.direction}\n{parcel.carrier}\n{parcel.number}"
    row = (
        *(hashlib.sha256(named.encode()).hexdigest(), application_id, given.message_id),
        *(parcel.direction, parcel.carrier, parcel.number, who.caller, milliseconds(now)),
    )
    return bool(await tx.insert(manual_worklist.INSERT_PARCELS, [row]))
