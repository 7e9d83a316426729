"""结局: what is written down, counted and logged of one try of one message."""

from functools import partial

import structlog

from gateway.delivery.outcome import Deferred, Delivered, Held, Outcome
from gateway.storage.outbox import Entry
from gateway.telemetry import Metrics
from gateway.usecases.complete_delivery import Completion

log = structlog.get_logger()


def completion_of(
    entry: Entry, outcome: Outcome, transport: str, *, started_at_ms: int, ended_at_ms: int
) -> Completion:
    """What the database is told."""
    completion = partial(Completion, entry=entry, started_at_ms=started_at_ms, ended_at_ms=ended_at_ms)
    match outcome:
        case Delivered(acknowledgement, fetched):
            return completion(
                what="delivered",
                case_number=acknowledgement.case_number if acknowledgement else None,
                receipt=acknowledgement.receipt if acknowledgement else None,
                duplicate=bool(acknowledgement and acknowledgement.duplicate),
                transport=transport,
                fetched=fetched,
            )
        case Deferred(wait_s, code, detail, counts, unclear, sent):
            unclear_ms = ended_at_ms if sent else entry.send_started_ms
            return completion(
                what="deferred",
                code=code,
                detail=detail,
                available_at_ms=ended_at_ms + int(wait_s * 1000),
                tries=entry.tries + int(counts),
                send_started_ms=unclear_ms if unclear else None,
            )
        case Held(code, detail, unclear):
            return completion(
                what="held",
                code=code,
                detail=detail,
                tries=entry.tries + 1,
                send_started_ms=entry.send_started_ms if unclear else None,
            )


def report(completion: Completion, outcome: Outcome, metrics: Metrics, *, was_ours: bool) -> None:
    """Count it, and say it in one line."""
    entry = completion.entry
    metrics.attempts.labels(entry.city, completion.what).inc()
    facts = {
        "application_id": entry.application_id,
        "city": entry.city,
        "kind": entry.kind,
        "took_ms": completion.ended_at_ms - completion.started_at_ms,
    }
    match outcome:
        case Delivered():
            log.info("delivery.delivered", **facts, tries=entry.tries + 1, first=was_ours)
        case Deferred(wait_s, code):
            log.info("delivery.deferred", **facts, code=code, wait_s=round(wait_s, 1))
        case Held(code):
            log.warning("delivery.held", **facts, code=code)
