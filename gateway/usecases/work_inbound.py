"""对方来件: our own city decides cases that other cities collected. Each step goes through the state table."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from adapters.profile import CityProfile
from gateway.domain.access import Principal, not_found, require_decide
from gateway.domain.days import beijing_day
from gateway.domain.lifecycle import TRANSITIONS, Stage, allowed
from gateway.evidence.chain import Data, milliseconds
from gateway.evidence.recording import record
from gateway.storage import cases, files, outbox
from gateway.storage.compression import pack
from gateway.storage.database import Transaction
from gateway.usecases.brought_files import unknown_files
from gateway.usecases.tell_progress import tell
from schemas.application import StoredFile
from schemas.errors import FieldProblem, Invalid, StepNotAllowed
from schemas.identifiers import case_number
from schemas.message import Outcome, ProgressReport, RemoteFile, Step
from schemas.model import LongText, Model

OFFICER_STEPS = frozenset(
    {
        Step.ACCEPTED,
        Step.REJECTED,
        Step.SUPPLEMENT_ASKED,
        Step.SUPPLEMENT_GIVEN,
        Step.DECIDED,
        Step.RETURNED,
        Step.WITHDRAWN,
    }
)
_NEEDS_REASON = frozenset({Step.REJECTED, Step.SUPPLEMENT_ASKED, Step.RETURNED})


class InboundStep(Model):
    """办理动作: what the officer does with the case."""

    step: Step
    outcome: Outcome | None = None
    """With DECIDED."""
    reason: LongText | None = None
    """Why; required for 不予受理, 补正告知, 退件 and 不予."""
    files: tuple[UUID, ...] = ()
    """Result files, by id."""


@dataclass(frozen=True, slots=True)
class Office:
    """Our own city and how it numbers its cases."""

    city: str
    profile: CityProfile | None
    told: frozenset[str] = frozenset()
    """Cities whose gateways are told what happens here."""
    adapter: bool = False
    """Whether cases are handed to the city's own business system, which then decides them."""


def check(action: InboundStep) -> None:
    """The action by itself; Invalid names what is missing."""
    problems = []
    if action.step not in OFFICER_STEPS:
        problems.append(FieldProblem("/step", "step_unknown", "not a step of the deciding city", "不是属地的办理动作"))
    if (action.step is Step.DECIDED) != (action.outcome is not None):
        problems.append(
            FieldProblem(
                "/outcome", "outcome_with_decided", "DECIDED, and only it, has an outcome", "办结须且仅办结有结果"
            )
        )
    if action.reason is None and (action.step in _NEEDS_REASON or action.outcome is Outcome.REFUSED):
        problems.append(FieldProblem("/reason", "reason_missing", "a reason is required", "必须说明理由"))
    if problems:
        raise Invalid("The action is incomplete; see errors.", "办理动作不完整，详见 errors。", errors=tuple(problems))


async def work(
    tx: Transaction,
    office: Office,
    who: Principal,
    application_id: str,
    action: InboundStep,
    *,
    report_id: str,
    now: datetime,
) -> cases.Case:
    """Take one step on an inbound case. StepNotAllowed where the table has no such step from here."""
    require_decide(who, office.city)
    check(action)
    case = await cases.lock(tx, application_id)
    if case is None or case.direction != "inbound" or case.deciding_city != office.city:
        raise not_found()
    if office.adapter and await outbox.handed_over(tx, application_id):
        raise StepNotAllowed(
            "This case is worked in the city's own business system; its steps come from there.",
            "本件由本市业务系统办理，办理动作请在该系统中进行。",
            allowed=[],
        )
    stage = Stage(case.state)
    target = TRANSITIONS.get((stage, action.step))
    if target is None:
        raise StepNotAllowed(
            f"{action.step} is not possible from {stage}.",
            f"当前状态（{stage}）不能执行该操作。",
            allowed=[step.value for step in allowed(stage) if step in OFFICER_STEPS],
        )
    now_ms = milliseconds(now)
    if case.case_number is None and action.step is Step.ACCEPTED:
        case.case_number = await _number(tx, office, case, now)
    results = await _attach(tx, case, action)
    event = await record(
        tx,
        case,
        action.step,
        occurred_at_ms=now_ms,
        recorded_at_ms=now_ms,
        side="deciding",
        data=_data(action, who, case, report_id),
    )
    report = _report(case, action, report_id, results, now)
    packed = pack(report.model_dump_json(exclude_none=True).encode())
    row = [case.application_id, report_id, event.seq, action.step.value, now_ms, None, packed, "deciding"]
    await tx.insert(cases.INSERT_PROGRESS, [row])
    case.state, case.outcome = target.value, action.outcome.value if action.outcome else case.outcome
    await cases.update(tx, [case])
    if case.collecting_city in office.told:
        await tell(tx, case, report_id, event.seq, f"{report_id}-told", now_ms)
    return case


async def _number(tx: Transaction, office: Office, case: cases.Case, now: datetime) -> str | None:
    if office.profile is None or office.profile.case_number is None:
        return None
    day = beijing_day(now)
    serial = await cases.next_serial(tx, case.task_code, day.isoformat())
    return case_number(office.profile.case_number, case.task_code, day, serial)


async def _attach(tx: Transaction, case: cases.Case, action: InboundStep) -> list[StoredFile]:
    ids = [str(file_id) for file_id in action.files]
    known = await files.by_ids(tx, ids)
    unknown = [file_id for file_id in ids if file_id not in known]
    if unknown:
        raise unknown_files("/files", unknown, "A result file is not here.", "结果文件不存在。")
    if ids:
        await tx.insert(cases.INSERT_CASE_FILES, [(case.application_id, "result", i, "") for i in ids])
    return [known[i][0] for i in ids]


def _data(action: InboundStep, who: Principal, case: cases.Case, report_id: str) -> Data:
    data: Data = {"by": who.caller, "report_id": report_id}
    if action.outcome:
        data["result"] = action.outcome.value
    if action.reason:
        data["reason_sha256"] = hashlib.sha256(action.reason.encode()).hexdigest()
    if action.step is Step.ACCEPTED and case.case_number:
        data["case_number"] = case.case_number
    if action.files:
        data["files"] = [str(file_id) for file_id in action.files]
    return data


def _report(
    case: cases.Case, action: InboundStep, report_id: str, results: list[StoredFile], now: datetime
) -> ProgressReport:
    return ProgressReport(
        report_id=report_id,
        application_id=UUID(case.application_id),
        deciding_city=case.deciding_city,
        step=action.step,
        occurred_at=now,
        case_number=case.case_number,
        outcome=action.outcome,
        reason=action.reason,
        files=tuple(
            RemoteFile(
                reference=str(file.file_id),
                name=file.name,
                size_bytes=file.size_bytes,
                sha256=file.sha256,
                sm3=file.sm3,
            )
            for file in results
        ),
    )
