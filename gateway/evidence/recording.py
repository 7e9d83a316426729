"""记录事件: put an event on the end of a case's chain. The case must be held against other writers."""

from gateway.evidence.chain import Data, Link, Tail, link
from gateway.storage import cases
from gateway.storage.database import Transaction
from schemas.message import Step


def extend(case: cases.Case, step: Step, *, occurred_at_ms: int, recorded_at_ms: int, side: str, data: Data) -> Link:
    """The next event of `case`, whose tail moves with it; event and case are still to be written."""
    event = link(
        Tail(case.last_seq, case.last_hash),
        case.application_id,
        step,
        occurred_at_ms=occurred_at_ms,
        recorded_at_ms=recorded_at_ms,
        side=side,
        data=data,
    )
    case.last_seq, case.last_hash, case.updated_at_ms = event.seq, event.hash, recorded_at_ms
    return event


async def record(
    tx: Transaction, case: cases.Case, step: Step, *, occurred_at_ms: int, recorded_at_ms: int, side: str, data: Data
) -> Link:
    """`extend`, with the event written; the case is still to be updated."""
    event = extend(case, step, occurred_at_ms=occurred_at_ms, recorded_at_ms=recorded_at_ms, side=side, data=data)
    await tx.insert(cases.INSERT_EVENTS, [cases.event_values(event)])
    return event
