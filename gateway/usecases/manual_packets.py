"""手工办理清单: what waits for a person, and what a packet holds, as the API shows it."""

import zipfile
from pathlib import Path
from typing import Any

from adapters.manual_operations import TEXT_NAME, packet_number, read_packet_number
from gateway.domain.access import Principal, not_found
from gateway.domain.lifecycle import Stage, allowed
from gateway.evidence.chain import timestamp
from gateway.storage import manual_worklist
from gateway.storage.database import Database
from gateway.storage.manual_worklist import SentParcel, Waiting
from gateway.usecases.work_manual import CLERK_STEPS, Desk, find


async def packet(db: Database, desk: Desk, who: Principal, name: str) -> Waiting:
    """A packet by its message id, or by the number that is printed on it. NotFound."""
    numbered = read_packet_number(name, desk.city)
    if numbered is not None:
        found = await manual_worklist.by_number(db, *numbered)
        if found is None:
            raise not_found()
        name = found.message_id
    async with db.transaction() as tx:
        return await find(tx, desk, who, name)


def packet_view(one: Waiting, own_city: str) -> dict[str, Any]:
    """A packet as JSON; no personal data."""
    stage = Stage(one.state)
    return {
        "message_id": one.message_id,
        "packet": packet_number(own_city, one.city, one.number),
        "city": one.city,
        "kind": one.kind,
        "application_id": one.application_id,
        "item_name": one.item_name,
        "state": one.state,
        "case_number": one.case_number,
        "since": timestamp(one.created_at_ms),
        "packet_bytes": one.packet_bytes,
        "packet_sha256": one.packet_sha256,
        "taken_at": None if one.taken_at_ms is None else timestamp(one.taken_at_ms),
        "taken_by": one.taken_by,
        "next_steps": [step.value for step in allowed(stage) if step in CLERK_STEPS],
    }


async def whole_view(db: Database, one: Waiting, own_city: str) -> dict[str, Any]:
    """A packet with every parcel of its case."""
    parcels = await manual_worklist.parcels(db, one.application_id)
    return packet_view(one, own_city) | {"parcels": [_parcel(parcel) for parcel in parcels]}


def _parcel(parcel: SentParcel) -> dict[str, Any]:
    return {
        "message_id": parcel.message_id,
        "direction": parcel.direction,
        "carrier": parcel.carrier,
        "number": parcel.number,
        "registered_by": parcel.registered_by,
        "registered_at": timestamp(parcel.registered_at_ms),
    }


def text_of(path: Path) -> bytes:
    """复制用文本 out of a packet in the store."""
    with zipfile.ZipFile(path) as archive:
        return archive.read(TEXT_NAME)
