"""演示办件的旅程: one case from the window to its result, its digests held against the partner's own books."""

import asyncio
import hashlib
import sqlite3
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.cli.calling import Api
from gateway.cli.demo_cases import application, pdf
from gateway.clock import new_id
from schemas.agreement import Mode
from schemas.service_item import ServiceItem

_POLL_S = 0.1


@dataclass(slots=True)
class Journey:
    """What the demo tells of one case."""

    application_id: str
    case_number: str | None
    item_code: str
    item_name: str
    collecting_city: str
    deciding_city: str
    mode: str
    transport: str
    state: str
    tries: int
    hop_s: float | None
    files_sent: int
    files_matched: int
    direction: str
    results: int = 0
    ok: bool = False

    def as_json(self) -> dict[str, Any]:
        """The documented members."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Plan:
    """A case to be carried."""

    item: ServiceItem
    mode: Mode
    collecting_city: str
    transport: str
    number: int
    direction: str = "outbound"


async def submit(api: Api, plan: Plan) -> tuple[str, bytes]:
    """Upload one file and hand in the application; (application id, the file's bytes)."""
    content = pdf(f"{plan.item.item_code} {plan.number} {new_id()}")
    file = await api.upload(f"演示材料-{plan.number}.pdf", content)
    body = application(
        plan.item, plan.mode, collecting_city=plan.collecting_city, file_ids=[file["file_id"]], number=plan.number
    )
    headers = {"Authorization": f"Bearer {api.token}", "Idempotency-Key": new_id()}
    async with api.session.post(f"{api.url}/v1/applications", json=body, headers=headers) as response:
        answer = await response.json(content_type=None)
        if response.status != 202:
            raise RuntimeError(f"{plan.item.name}: {answer}")
        return str(answer["application_id"]), content


async def follow(api: Api, application_id: str, deadline: float) -> dict[str, Any]:
    """Wait until the case has ended and its result file is here, or the time is over; the case as it is then."""
    while True:
        case: dict[str, Any] = await api.call("GET", f"/v1/applications/{application_id}")
        if case["ended"] or time.monotonic() > deadline:
            files = await api.call("GET", f"/v1/applications/{application_id}/files")
            results = [file for file in files["data"] if file["role"] == "result"]
            if results or time.monotonic() > deadline:
                return case | {"results": results}
        await asyncio.sleep(_POLL_S)


async def carry(api: Api, plan: Plan, books: Path, deadline: float) -> Journey:
    """A case from beginning to end; an inbound one ends in our own city's back office."""
    application_id, content = await submit(api, plan)
    case = await follow(api, application_id, deadline)
    numbers, came, went = _books(books, application_id)
    sent = hashlib.sha256(content).hexdigest()
    results = case["results"]
    matched = sum([sent in came, *(file["sha256"] in went for file in results)])
    journey = await _journey(api, plan, application_id, case)
    journey.files_sent, journey.results, journey.files_matched = 1, len(results), matched
    booked_once = numbers == [case["case_number"]]
    journey.ok = case["state"] == "DECIDED" and matched == 2 and journey.tries >= 1 and booked_once
    return journey


def _books(path: Path, application_id: str) -> tuple[list[str], set[str], set[str]]:
    """From the city's own books: its case numbers for us, digests of files that reached it and of results it made."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        numbers = connection.execute("SELECT case_number FROM bookings WHERE our_ref = ?", (application_id,)).fetchall()
        came = connection.execute("SELECT sha256 FROM files_in WHERE our_ref = ?", (application_id,)).fetchall()
        went = connection.execute("SELECT sha256 FROM files_out WHERE our_ref = ?", (application_id,)).fetchall()
    finally:
        connection.close()
    return [row[0] for row in numbers], {row[0] for row in came}, {row[0] for row in went}


async def _journey(api: Api, plan: Plan, application_id: str, case: dict[str, Any]) -> Journey:
    events = (await api.call("GET", f"/v1/applications/{application_id}/events"))["data"]
    attempts = (await api.call("GET", f"/v1/applications/{application_id}/attempts"))["data"]
    pushed = next((event["data"]["message_id"] for event in events if event["type"] == "PUSHED"), None)
    return Journey(
        application_id=application_id,
        case_number=case["case_number"],
        item_code=plan.item.item_code,
        item_name=plan.item.name,
        collecting_city=plan.collecting_city,
        deciding_city=plan.item.city,
        mode=plan.mode.value,
        transport=plan.transport,
        state=case["state"],
        tries=sum(attempt["message_id"] == pushed for attempt in attempts),
        hop_s=_hop_s(events),
        files_sent=0,
        files_matched=0,
        direction=plan.direction,
    )


def _hop_s(events: list[dict[str, Any]]) -> float | None:
    """Seconds from 收件 (or 申办, for 全程网办) to 属地接收, as recorded here."""
    at = {event["type"]: datetime.fromisoformat(event["recorded_at"]) for event in reversed(events)}
    start, end = at.get("RECEIVED") or at.get("SUBMITTED"), at.get("ARRIVED")
    return round((end - start).total_seconds(), 3) if start and end else None
