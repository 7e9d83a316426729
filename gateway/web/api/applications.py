"""办件接口: hand in an application; see what became of it."""

import hashlib
from typing import Any
from uuid import UUID

from aiohttp import web

from gateway.clock import new_id, now
from gateway.domain.access import Principal
from gateway.evidence.chain import timestamp
from gateway.storage import cases
from gateway.storage.intake import Intake, Taken
from gateway.usecases import read_case, submit_application
from gateway.usecases.submit_application import Prepared
from gateway.web.endpoint import APPLICATION_ID, authenticate, idempotency_key, json_body, json_response
from gateway.wiring import Services
from schemas.application import Warning as Hint
from schemas.errors import IdempotencyMismatch, RequestError


async def submit(request: web.Request, services: Services) -> web.Response:
    """POST /v1/applications: 202 once the application is durable, with a signed receipt."""
    who = authenticate(request, services)
    key = idempotency_key(request)
    raw = await json_body(request)
    warnings: tuple[Hint, ...] = ()
    try:
        taken, warnings = await _take(services, who, raw, key)
    except RequestError:
        # what was taken once stays taken: a retry gets its receipt even if the agreement has ended since
        row = await cases.by_key(services.db, who.caller, key)
        if row is None:
            raise
        taken = Taken(False, row[0], row[1], row[2], row[3], row[4])
    if not taken.new and taken.body_sha256 != hashlib.sha256(raw).hexdigest():
        raise IdempotencyMismatch(
            "This Idempotency-Key was used with another body.",
            "该幂等键已用于内容不同的报文。",
            application_id=taken.application_id,
        )
    request[APPLICATION_ID] = taken.application_id
    return json_response(_submitted(taken, warnings), status=202, headers=_headers(taken))


def _headers(taken: Taken) -> dict[str, str]:
    headers = {"Location": f"/v1/applications/{taken.application_id}"}
    if not taken.new:
        headers["Idempotent-Replayed"] = "true"
    return headers


def _submitted(taken: Taken, warnings: tuple[Hint, ...]) -> dict[str, Any]:
    return {
        "application_id": taken.application_id,
        "state": taken.state,
        "receipt": {
            "application_id": taken.application_id,
            "body_sha256": taken.body_sha256,
            "accepted_at": timestamp(taken.accepted_at_ms),
            "jws": taken.jws,
        },
        "warnings": [warning.model_dump() for warning in warnings],
    }


async def _take(services: Services, who: Principal, raw: bytes, key: str) -> tuple[Taken, tuple[Hint, ...]]:
    prepared = await submit_application.prepare(
        services.db,
        services.intake_context(),
        who,
        raw,
        key=key,
        application_id=new_id(),
        message_id=new_id(),
        now=now(),
    )
    if prepared.intake.outbox is None:
        taken = await services.intakes.put(prepared.intake)
    else:
        taken = await _take_outbound(services, prepared, prepared.intake)
    if taken.new:
        services.metrics.accepted.labels(prepared.intake.case.direction).inc()
    return taken, prepared.warnings


async def _take_outbound(services: Services, prepared: Prepared, unit: Intake) -> Taken:
    """The outbox row is born leased to us where the lane has room, and handed over in memory once it is stored."""
    entry = unit.outbox
    assert entry is not None  # noqa: S101 - outbound
    lane = services.worker.lanes.get(entry.city)
    ours = services.settings.lanes and lane is not None and services.lease.valid() and lane.reserve()
    if not ours or lane is None:
        entry.owner = None
        return await services.intakes.put(unit)
    taken = None
    try:
        taken = await services.intakes.put(unit)
    finally:
        is_new = taken is not None and taken.new
        lane.hand_over(entry if is_new else None, prepared.message() if is_new else None, entry.owner or "")
    return taken


def _id(request: web.Request) -> str:
    text = request.match_info["application_id"]
    try:
        return str(UUID(text))
    except ValueError:
        return text


async def show(request: web.Request, services: Services) -> web.Response:
    """GET /v1/applications/{application_id}."""
    case = await read_case.visible_case(services.db, authenticate(request, services), _id(request))
    return json_response(read_case.case_view(case))


async def events(request: web.Request, services: Services) -> web.Response:
    """GET /v1/applications/{application_id}/events."""
    case = await read_case.visible_case(services.db, authenticate(request, services), _id(request))
    return json_response(await read_case.events_view(services.db, case))


async def progress(request: web.Request, services: Services) -> web.Response:
    """GET /v1/applications/{application_id}/progress: what the deciding city reported, in its own words."""
    case = await read_case.visible_case(services.db, authenticate(request, services), _id(request))
    return json_response(await read_case.progress_view(services.db, case))


async def files(request: web.Request, services: Services) -> web.Response:
    """GET /v1/applications/{application_id}/files."""
    case = await read_case.visible_case(services.db, authenticate(request, services), _id(request))
    return json_response(await read_case.files_view(services.db, case))


async def attempts(request: web.Request, services: Services) -> web.Response:
    """GET /v1/applications/{application_id}/attempts: every try to deliver something for the case."""
    case = await read_case.visible_case(services.db, authenticate(request, services), _id(request))
    return json_response(await read_case.attempts_view(services.db, case))
