"""运维接口: the outbox with what waits for a person (人工处置), cases for review (待核), and the inbound queue."""

from aiohttp import web

from gateway.clock import new_id, now
from gateway.domain.access import Principal, Role, not_found, require_role
from gateway.evidence.chain import milliseconds
from gateway.storage import cases, outbox
from gateway.usecases import read_case, work_inbound
from gateway.usecases.parsing import parse
from gateway.usecases.settle_held import settle_held
from gateway.usecases.work_inbound import InboundStep, Office
from gateway.web.api.catalogue import page_limit
from gateway.web.endpoint import authenticate, json_body, json_response
from gateway.wiring import Services


def _admin(request: web.Request, services: Services) -> Principal:
    who = authenticate(request, services)
    require_role(who, Role.ADMIN)
    return who


async def list_outbox(request: web.Request, services: Services) -> web.Response:
    """GET /v1/outbox?state=ready|held&after=&limit=."""
    require_role(authenticate(request, services), Role.ADMIN, Role.AUDITOR)
    limit = page_limit(request)
    state = request.query.get("state")
    entries = await outbox.page(services.db, state, request.query.get("after", ""), limit + 1)
    following = entries[limit - 1].message_id if len(entries) > limit else None
    return json_response({"data": [read_case.entry_view(entry) for entry in entries[:limit]], "next": following})


async def replay(request: web.Request, services: Services) -> web.Response:
    """POST /v1/outbox/{message_id}/replay: send it again now; at an `unsafe` city a person asks first."""
    _admin(request, services)
    message_id = request.match_info["message_id"]
    async with services.db.transaction() as tx:
        found = await outbox.replay(tx, message_id, milliseconds(now()))
    if found is None:
        raise not_found()
    services.worker.poke()
    return json_response({"message_id": message_id, "application_id": found[0], "state": "ready"}, status=202)


async def settle(request: web.Request, services: Services) -> web.Response:
    """POST /v1/outbox/{message_id}/settle: a person found that the partner has it; it is not sent again."""
    who = _admin(request, services)
    message_id = request.match_info["message_id"]
    settled = await settle_held(services.db, message_id, who, now=now())
    if settled is None:
        raise not_found()
    return json_response({"message_id": message_id, "application_id": settled, "state": "settled"})


async def list_reviews(request: web.Request, services: Services) -> web.Response:
    """GET /v1/reviews: cases whose reports do not fit the state table (待核)."""
    require_role(authenticate(request, services), Role.ADMIN, Role.AUDITOR)
    limit = page_limit(request)
    found = await cases.for_review(services.db, request.query.get("after", ""), limit + 1)
    following = found[limit - 1].application_id if len(found) > limit else None
    return json_response({"data": [read_case.case_view(case) for case in found[:limit]], "next": following})


async def list_inbound(request: web.Request, services: Services) -> web.Response:
    """GET /v1/inbound?after=&limit=: cases that other cities collected for us."""
    require_role(authenticate(request, services), Role.OFFICER, Role.ADMIN, Role.AUDITOR)
    limit = page_limit(request)
    after, city = request.query.get("after", ""), services.settings.city
    found = await cases.inbound(services.db, city, after, limit + 1)
    following = found[limit - 1].application_id if len(found) > limit else None
    return json_response({"data": [read_case.case_view(case) for case in found[:limit]], "next": following})


async def work(request: web.Request, services: Services) -> web.Response:
    """POST /v1/inbound/{application_id}/steps: accept, decide, ask for a supplement, reject or return."""
    who = authenticate(request, services)
    action = parse(InboundStep, await json_body(request))
    city = services.settings.city
    async with services.db.transaction() as tx:
        case = await work_inbound.work(
            tx,
            Office(city, services.profiles.get(city), adapter=city in services.adapters, told=services.told),
            who,
            request.match_info["application_id"],
            action,
            report_id=new_id(),
            now=now(),
        )
    return json_response(read_case.case_view(case))
