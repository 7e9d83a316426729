"""人工处置: a person found out that the partner has a held message after all; it is closed without sending it again."""

from datetime import datetime

from gateway.domain.access import Principal
from gateway.domain.lifecycle import TRANSITIONS, Stage
from gateway.evidence.chain import milliseconds
from gateway.evidence.recording import record
from gateway.storage import cases, outbox
from gateway.storage.database import Database
from schemas.message import MessageKind, Step


async def settle_held(db: Database, message_id: str, who: Principal, *, now: datetime) -> str | None:
    """Close a held message as settled by `who`; the case's number, or None where nothing is held under this id."""
    async with db.transaction() as tx:
        entry = await outbox.get(tx, message_id)
        found = await outbox.settle(tx, message_id)
        if entry is None or found is None:
            return None
        case = await cases.lock(tx, entry.application_id)
        if case is not None and entry.kind == MessageKind.SUBMIT:
            now_ms = milliseconds(now)
            await record(
                tx,
                case,
                Step.PUSHED,
                occurred_at_ms=entry.send_started_ms or now_ms,
                recorded_at_ms=now_ms,
                side="transit",
                data={"message_id": message_id, "settled_by": who.caller},
            )
            target = TRANSITIONS.get((Stage(case.state), Step.PUSHED))
            case.state = target.value if target else case.state
            await cases.update(tx, [case])
    return entry.application_id
