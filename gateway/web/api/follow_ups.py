"""补正与撤回接口: what follows an application that was handed in."""

from aiohttp import web

from gateway.clock import new_id, now
from gateway.usecases.follow_up import Given, Noted, Supplement, Withdrawal, follow_up
from gateway.usecases.parsing import parse
from gateway.web.endpoint import APPLICATION_ID, authenticate, idempotency_key, json_body, json_response
from gateway.wiring import Services
from schemas.message import MessageKind


async def supplement(request: web.Request, services: Services) -> web.Response:
    """POST /v1/applications/{application_id}/supplements: what the deciding city asked for."""
    raw, key = await json_body(request), idempotency_key(request)
    body = parse(Supplement, raw)
    given = Given(MessageKind.SUPPLEMENT, body.materials, body.note, raw, key, new_id())
    return await _note(request, services, given)


async def withdraw(request: web.Request, services: Services) -> web.Response:
    """POST /v1/applications/{application_id}/withdrawal: the applicant takes the application back."""
    raw, key = await json_body(request), idempotency_key(request)
    body = parse(Withdrawal, raw)
    return await _note(request, services, Given(MessageKind.WITHDRAW, (), body.reason, raw, key, new_id()))


async def _note(request: web.Request, services: Services, given: Given) -> web.Response:
    who, application_id = authenticate(request, services), request.match_info["application_id"]
    async with services.db.transaction() as tx:
        noted = await follow_up(tx, who, application_id, given, carried=services.carries, now=now())
    services.worker.poke()
    request[APPLICATION_ID] = application_id
    return json_response(noted_view(noted), status=202, headers={} if noted.new else {"Idempotent-Replayed": "true"})


def noted_view(noted: Noted) -> dict[str, str]:
    """What the caller is told."""
    return {"application_id": noted.application_id, "message_id": noted.message_id, "state": noted.state}
