"""手工办理接口: packets for cities without a system, and what people register about them."""

import asyncio
from pathlib import Path

from aiohttp import web

from adapters.profile import Transport
from gateway.clock import new_id, now
from gateway.domain.access import Principal, Role, not_found, require_role
from gateway.storage import manual_worklist
from gateway.storage.manual_worklist import Waiting
from gateway.usecases import manual_packets, work_manual
from gateway.usecases.parsing import parse
from gateway.usecases.work_manual import Desk, ManualStep, Registration
from gateway.web.api.catalogue import invalid_query, page_limit
from gateway.web.endpoint import authenticate, idempotency_key, json_body, json_response
from gateway.wiring import Services

_PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _desk(services: Services) -> Desk:
    by_hand = {code for code, profile in services.profiles.items() if profile.transport is Transport.MANUAL}
    return Desk(services.settings.city, frozenset(by_hand))


def _reader(request: web.Request, services: Services) -> Principal:
    """Clerks of our own city, admins and auditors."""
    who = authenticate(request, services)
    require_role(who, Role.CLERK, Role.ADMIN, Role.AUDITOR)
    if who.role is Role.CLERK and who.city != services.settings.city:
        raise not_found()
    return who


async def list_packets(request: web.Request, services: Services) -> web.Response:
    """GET /v1/manual?city=&state=waiting|taken|all&after=&limit=."""
    _reader(request, services)
    desk, limit = _desk(services), page_limit(request)
    state, city = request.query.get("state", "waiting"), request.query.get("city")
    if state not in manual_worklist.STATES:
        raise invalid_query("state", "state is waiting, taken or all.", "state 应为 waiting、taken 或 all。")
    if city is not None and city not in desk.by_hand:
        raise invalid_query("city", "This city is not worked by hand.", "该城市不是手工办理。")
    cities = sorted(desk.by_hand) if city is None else [city]
    found = await manual_worklist.page(services.db, state, cities, request.query.get("after", ""), limit + 1)
    following = found[limit - 1].message_id if len(found) > limit else None
    data = [manual_packets.packet_view(one, desk.city) for one in found[:limit]]
    return json_response({"data": data, "next": following})


async def _packet(request: web.Request, services: Services) -> tuple[Desk, Waiting]:
    who, desk = _reader(request, services), _desk(services)
    return desk, await manual_packets.packet(services.db, desk, who, request.match_info["message_id"])


async def show(request: web.Request, services: Services) -> web.Response:
    """GET /v1/manual/{message_id}: by the message's id or the packet's number."""
    desk, found = await _packet(request, services)
    return json_response(await manual_packets.whole_view(services.db, found, desk.city))


def _path(services: Services, found: Waiting) -> Path:
    if found.packet_sha256 is None:
        raise not_found()
    return services.store.path(found.packet_sha256)


async def download(request: web.Request, services: Services) -> web.Response:
    """GET /v1/manual/{message_id}/packet: the zip."""
    desk, found = await _packet(request, services)
    name = manual_packets.packet_view(found, desk.city)["packet"]
    return web.FileResponse(  # type: ignore[return-value]
        _path(services, found),
        headers={
            **_PRIVATE,
            "Content-Type": "application/zip",
            "Content-Disposition": f'attachment; filename="{name}.zip"',
            "ETag": f'"{found.packet_sha256}"',
        },
    )


async def text(request: web.Request, services: Services) -> web.Response:
    """GET /v1/manual/{message_id}/text: the text to copy from."""
    _, found = await _packet(request, services)
    body = await asyncio.to_thread(manual_packets.text_of, _path(services, found))
    return web.Response(body=body, content_type="text/plain", charset="utf-8", headers=_PRIVATE)


async def register(request: web.Request, services: Services) -> web.Response:
    """POST /v1/manual/{message_id}/steps: what a person learnt: a step, a parcel, or both."""
    who, desk = authenticate(request, services), _desk(services)
    work_manual.require_register(who, desk)
    key = idempotency_key(request) if "Idempotency-Key" in request.headers else None
    action = parse(ManualStep, await json_body(request))
    found = await manual_packets.packet(services.db, desk, who, request.match_info["message_id"])
    given = Registration(found.message_id, action, key, new_id())
    async with services.db.transaction() as tx:
        new = await work_manual.register(tx, desk, who, given, now=now())
    after = await manual_packets.packet(services.db, desk, who, found.message_id)
    body = await manual_packets.whole_view(services.db, after, desk.city)
    return json_response(body, headers=None if new else {"Idempotent-Replayed": "true"})
