"""对等接口: what a peer's gateway hands in, asks and reports. Only its own cases exist for it."""

from datetime import date
from uuid import UUID

import orjson
from aiohttp import web

from adapters.peer_words import VERSIONS, caller
from gateway.clock import new_id, now
from gateway.domain.access import not_found
from gateway.domain.days import beijing_day
from gateway.evidence.chain import milliseconds
from gateway.storage import items as stored_items
from gateway.storage import peers
from gateway.usecases import take_peer_message, take_peer_reports
from gateway.usecases.read_peer_cases import listing_page
from gateway.web.api.catalogue import invalid_query, page_limit
from gateway.web.api.follow_ups import noted_view
from gateway.web.endpoint import json_response
from gateway.web.peer_authentication import about, authenticate_peer, signed_json
from gateway.wiring import Services
from schemas.peer import GatewayDescription

CAPABILITIES = (
    "applications",
    "files",
    "follow_ups",
    "reports_pushed",
    "reports_polled",
    "messages_left",
    "listings",
    "digests",
    "items",
)
_YEARS = range(2000, 2200)
_REPLAYED = {"Idempotent-Replayed": "true"}


def description(services: Services) -> GatewayDescription:
    """What this gateway says of itself."""
    return GatewayDescription(
        city=services.settings.city,
        software="tongban",
        versions=VERSIONS,
        capabilities=CAPABILITIES,
        endpoints={
            "peer": "/v1/peer",
            "peer_openapi": "/peer/openapi.json",
            "items": "/v1/peer/items",
            "schemas": "/schemas/",
        },
        jwks="/.well-known/jwks.json",
        catalogue_generation=services.catalogue.generation,
    )


async def well_known(_request: web.Request, services: Services) -> web.Response:
    """GET /.well-known/tongban: for anyone."""
    body = description(services).model_dump(mode="json")
    return json_response(body, headers={"Cache-Control": "public, max-age=300"})


async def probe(request: web.Request, services: Services) -> web.Response:
    """GET /v1/peer/probe: who the caller is here; both signatures are tried by it."""
    city = await authenticate_peer(request, services)
    return json_response({"city": city, "version": VERSIONS[-1]})


async def submit(request: web.Request, services: Services) -> web.Response:
    """POST /v1/peer/applications: 202 once it is durable, with the signed receipt; the first one on a repeat."""
    city = await authenticate_peer(request, services)
    read = take_peer_message.read_application(await signed_json(request, services), city, services.settings.city)
    about(request, read.application_id)
    taken = await services.peers.take(city, read)
    return json_response(take_peer_message.submitted(taken), status=202, headers={} if taken.new else _REPLAYED)


async def show(request: web.Request, services: Services) -> web.Response:
    """GET /v1/peer/applications/{application_id}: the case's state, and the receipt as it was given."""
    city = await authenticate_peer(request, services)
    taken = await take_peer_message.receipt(services.db, city, request.match_info["application_id"])
    if taken is None:
        raise not_found()
    return json_response(take_peer_message.submitted(taken))


async def follow_up(request: web.Request, services: Services) -> web.Response:
    """POST /v1/peer/follow-ups: a supplement or a withdrawal; 202 once it is durable."""
    city = await authenticate_peer(request, services)
    raw = await signed_json(request, services)
    async with services.db.transaction() as tx:
        noted = await take_peer_message.take_follow_up(
            tx,
            city,
            services.settings.city,
            raw,
            message_id=new_id(),
            carried=services.carries,
            now=now(),
        )
    services.worker.poke()
    about(request, noted.application_id)
    return json_response(noted_view(noted), status=202, headers={} if noted.new else _REPLAYED)


async def take_reports(request: web.Request, services: Services) -> web.Response:
    """POST /v1/peer/reports: what happened there to cases we collected; stored before it is answered."""
    city = await authenticate_peer(request, services)
    reports = take_peer_reports.read(await signed_json(request, services), city)
    about(request, reports[0].application_id)
    async with services.db.transaction() as tx:
        results = await take_peer_reports.take_reports(
            tx,
            city,
            reports,
            brings_files=services.peers.brings_files(city),
            new_id=new_id,
            now=now(),
            told=services.told,
        )
    if any(report.files for report in reports):
        services.worker.poke()
    for result in results:
        services.metrics.reports.labels(city, result.value).inc()
    return json_response({"taken": len(results)})


async def give_reports(request: web.Request, services: Services) -> web.Response:
    """GET /v1/peer/reports?after=&limit=: what happened here to the peer's cases, left for it to fetch."""
    city = await authenticate_peer(request, services)
    after, limit = number_after(request), page_limit(request)
    async with services.db.transaction() as tx:
        found = await peers.reports(tx, city, after, limit, caller(city), milliseconds(now()))
    data = [orjson.Fragment(one.body) for one in found]
    return json_response({"data": data, "next": str(found[-1].number) if found else None})


async def listing(request: web.Request, services: Services) -> web.Response:
    """GET /v1/peer/listings/{day}?after=&limit=: every case of the peer's numbered on that Beijing day (对账)."""
    city = await authenticate_peer(request, services)
    after, limit = request.query.get("after", ""), page_limit(request)
    found = await listing_page(services.db, (services.settings.city, city), day_named(request), after, limit + 1)
    following = str(found[limit - 1].application_id) if len(found) > limit else None
    data = [one.model_dump(mode="json", exclude_none=True) for one in found[:limit]]
    return json_response({"data": data, "next": following})


async def items(request: web.Request, services: Services) -> web.Response:
    """GET /v1/peer/items?after=&limit=: the items our own city offers now, in our own form."""
    await authenticate_peer(request, services)
    limit, day, own = page_limit(request), beijing_day(now()), services.settings.city
    found = await stored_items.in_force_of_city(services.db, own, day, request.query.get("after", ""), limit + 1)
    following = found[limit - 1].head.item_code if len(found) > limit else None
    return json_response({"data": [orjson.Fragment(one.body) for one in found[:limit]], "next": following})


def number_after(request: web.Request) -> int:
    """?after= of a list that is read on by number; default 0."""
    text = request.query.get("after") or "0"
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise invalid_query("after", "after is `next` of the page before.", "after 应为上一页的 next。")
    return int(text)


def day_named(request: web.Request) -> date:
    """{day} in the address, of a year that cases can be of."""
    try:
        day = date.fromisoformat(request.match_info["day"])
    except ValueError:
        day = date.min
    if day.year not in _YEARS:
        raise invalid_query("day", "day is written 2026-11-24.", "日期应写作 2026-11-24。")
    return day


def identity(request: web.Request, name: str) -> str:
    """A UUID in the address; what is none is not found."""
    try:
        return str(UUID(request.match_info[name]))
    except ValueError:
        raise not_found() from None
