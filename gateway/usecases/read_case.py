"""查询办件: what the API shows of a case. Personal data of the applicant stays in the stored body."""

from typing import Any

import orjson

from gateway.domain.access import CaseScope, Principal, not_found, require_see
from gateway.domain.folding import fold, in_order, start_of
from gateway.domain.lifecycle import ENDED, Stage, allowed
from gateway.evidence.chain import Link, first_break, timestamp
from gateway.storage import cases, outbox
from gateway.storage.cases import Case
from gateway.storage.compression import unpack
from gateway.storage.database import Database, Row
from gateway.usecases.take_progress import fact
from schemas.message import Step


async def visible_case(db: Database, who: Principal, application_id: str) -> Case:
    """The case, if the caller may see it; NotFound otherwise, whatever the reason."""
    case = await cases.get(db, application_id)
    if case is None:
        raise not_found()
    require_see(who, CaseScope(case.collecting_city, case.deciding_city))
    return case


def case_view(case: Case) -> dict[str, Any]:
    """A case as JSON."""
    stage = Stage(case.state)
    return {
        "application_id": case.application_id,
        "case_number": case.case_number,
        "state": case.state,
        "ended": stage in ENDED,
        "needs_review": bool(case.needs_review),
        "outcome": case.outcome,
        "direction": case.direction,
        "mode": case.mode,
        "item_code": case.item_code,
        "item_version": case.item_version,
        "item_revision": case.item_revision,
        "item_dialect": case.item_dialect,
        "item_name": case.item_name,
        "task_code": case.task_code,
        "applicant_division": case.applicant_division,
        "collecting_city": case.collecting_city,
        "deciding_city": case.deciding_city,
        "agreement_id": case.agreement_id,
        "received_at": timestamp(case.received_at_ms),
        "updated_at": timestamp(case.updated_at_ms),
        "next_steps": [step.value for step in allowed(stage)],
    }


async def events_view(db: Database, case: Case) -> dict[str, Any]:
    """The chain of a case, and whether it holds."""
    links = [event_link(row) for row in await cases.events(db, case.application_id)]
    return {
        "data": [_event(event) for event in links],
        "chain": {"alg": links[-1].alg if links else None, "broken_at": first_break(links)},
    }


def event_link(row: Row) -> Link:
    """A stored event as a link of the chain."""
    application_id, seq, kind, occurred_at_ms, recorded_at_ms, side, data, previous_hash, digest, alg, _ = row
    return Link(
        application_id,
        seq,
        Step(kind),
        occurred_at_ms,
        recorded_at_ms,
        side,
        orjson.loads(bytes(data)),
        previous_hash,
        digest,
        alg,
    )


def _event(event: Link) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "type": event.type.value,
        "occurred_at": timestamp(event.occurred_at_ms),
        "recorded_at": timestamp(event.recorded_at_ms),
        "side": event.side,
        "data": event.data,
        "previous_hash": event.previous_hash,
        "hash": event.hash,
        "alg": event.alg,
        "signature": None,
    }


async def files_view(db: Database, case: Case) -> dict[str, Any]:
    """The files of a case: those it came with and the results."""
    names = ("role", "label", "file_id", "name", "media_type", "size_bytes", "sha256", "sm3")
    return {"data": [dict(zip(names, row, strict=True)) for row in await cases.files(db, case.application_id)]}


async def attempts_view(db: Database, case: Case) -> dict[str, Any]:
    """Every try to deliver something for a case."""
    rows = await outbox.attempts(db, case.application_id)
    return {
        "data": [
            {
                "message_id": row[0],
                "started_at": timestamp(row[1]),
                "took_ms": row[2],
                "outcome": row[3],
                "code": row[4],
                "detail": row[5],
            }
            for row in rows
        ]
    }


def entry_view(entry: outbox.Entry) -> dict[str, Any]:
    """A message of the outbox as JSON."""
    return {
        "message_id": entry.message_id,
        "application_id": entry.application_id,
        "city": entry.city,
        "kind": entry.kind,
        "state": entry.state,
        "tries": entry.tries,
        "created_at": timestamp(entry.created_at_ms),
        "available_at": timestamp(entry.available_at_ms),
        "unclear": entry.send_started_ms is not None,
        "last_code": entry.last_code,
        "last_detail": entry.last_detail,
    }


async def progress_view(db: Database, case: Case) -> dict[str, Any]:
    """What the deciding city reported, in its order, with its reasons; what was set aside is marked (待核)."""
    rows = await cases.progress(db, case.application_id)
    reports = {row[0]: orjson.loads(unpack(row[4])) for row in rows}
    facts = [fact(row) for row in rows]
    set_aside = set(fold(facts, start=start_of(case.direction)).set_aside)
    return {"data": [reports[one.report_id] | {"set_aside": one.report_id in set_aside} for one in in_order(facts)]}
