"""收取进度: store what a deciding city reports on a case and fold it into the case's state.

Repeats change nothing; late and out-of-order reports are folded again; an impossible step puts the case before a
person (待核); a report on a case that is not this city's is refused to a caller and kept aside from a poll.
"""

import hashlib
from datetime import UTC, datetime
from enum import StrEnum

import orjson

from gateway.domain.folding import Fact, fold, start_of
from gateway.evidence.chain import Data, milliseconds
from gateway.evidence.recording import record
from gateway.storage import cases, outbox
from gateway.storage.compression import pack, unpack
from gateway.storage.database import Row, Transaction
from gateway.usecases.tell_progress import tell
from schemas.message import MessageKind, Outcome, ProgressReport, Step


class Taken(StrEnum):
    """What became of a report."""

    FOLDED = "folded"
    """Stored, and the case's state follows from it."""
    SET_ASIDE = "set_aside"
    """Stored, but the case now waits for a person (待核)."""
    REPEATED = "repeated"
    """Known before."""
    STRAY = "stray"
    """No case of this city."""


async def take_progress(
    tx: Transaction,
    report: ProgressReport,
    *,
    new_id: str,
    now: datetime,
    by: str | None = None,
    told: frozenset[str] = frozenset(),
) -> Taken:
    """Take one report. `new_id` seeds the ids of messages that bring its result files.

    `by` is the account of the person who registered it, where a city has no system. `told` are the cities whose
    gateways are told what happens here; it matters for cases our own office decides.
    """
    application_id = str(report.application_id)
    case = await cases.lock(tx, application_id)
    if case is None or case.deciding_city != report.deciding_city:
        return Taken.STRAY
    if await cases.has_report(tx, application_id, report.report_id):
        return Taken.REPEATED
    now_ms = milliseconds(now)
    event = await record(
        tx,
        case,
        report.step,
        occurred_at_ms=milliseconds(report.occurred_at),
        recorded_at_ms=now_ms,
        side="deciding",
        data=_event_data(report) | ({"by": by} if by else {}),
    )
    await tx.insert(cases.INSERT_PROGRESS, [_progress_values(report, event.seq)])
    facts = [fact(row) for row in await cases.progress(tx, application_id)]
    folded = fold(facts, start=start_of(case.direction), case_number=case.case_number)
    # that a case arrived was told when the gateway took it; its own office confirming it is no news
    is_news = report.step is not Step.ARRIVED or case.state != folded.stage.value
    case.state, case.case_number = folded.stage.value, folded.case_number
    case.outcome = folded.outcome.value if folded.outcome else case.outcome
    case.needs_review = int(bool(folded.set_aside))
    await cases.update(tx, [case])
    await _bring_files(tx, case, report, new_id, now_ms)
    if is_news and case.direction == "inbound" and case.collecting_city in told:
        await tell(tx, case, report.report_id, event.seq, f"{new_id}-told", now_ms)
    return Taken.SET_ASIDE if report.report_id in folded.set_aside else Taken.FOLDED


def _event_data(report: ProgressReport) -> Data:
    data: Data = {"report_id": report.report_id}
    optional: dict[str, str | int | bool | None] = {
        "partner_sequence": report.partner_sequence,
        "partner_code": report.partner_code,
        "case_number": report.case_number,
        "result": report.outcome.value if report.outcome else None,
        "licence_issued": report.licence_issued,
        "reason_sha256": hashlib.sha256(report.reason.encode()).hexdigest() if report.reason else None,
    }
    data.update({name: value for name, value in optional.items() if value is not None})
    if report.files:
        data["files"] = [file.sha256 or file.sm3 or file.reference for file in report.files]
    return data


def _progress_values(report: ProgressReport, seq: int) -> list[object]:
    return [
        str(report.application_id),
        report.report_id,
        seq,
        report.step.value,
        milliseconds(report.occurred_at),
        report.partner_sequence,
        pack(report.model_dump_json(exclude_none=True).encode()),
        "deciding",
    ]


def fact(row: Row) -> Fact:
    """What folding needs, from a row of `progress`."""
    report_id, step, occurred_at_ms, partner_sequence, packed, side, seq = row
    body = orjson.loads(unpack(packed))
    outcome = body.get("outcome")
    return Fact(
        report_id,
        Step(step),
        datetime.fromtimestamp(occurred_at_ms / 1000, UTC),
        partner_sequence,
        body.get("case_number"),
        Outcome(outcome) if outcome else None,
        ours=side == "applicant",
        recorded=seq,
    )


async def _bring_files(tx: Transaction, case: cases.Case, report: ProgressReport, new_id: str, now_ms: int) -> None:
    entries = [
        outbox.Entry(
            message_id=f"{new_id}-{number}",
            application_id=case.application_id,
            sequence=case.last_seq * 100 + number,
            city=case.deciding_city,
            kind=MessageKind.FETCH.value,
            content=file.model_dump_json(exclude_none=True).encode(),
            state="ready",
            owner=None,
            available_at_ms=now_ms,
            created_at_ms=now_ms,
        )
        for number, file in enumerate(report.files)
    ]
    if entries:
        await tx.insert(outbox.INSERT_OUTBOX, [entry.values() for entry in entries])
