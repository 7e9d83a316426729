"""对账摘要 for a peer: the digest of its cases of one day here, and the list of one bucket of them."""

from aiohttp import web

from gateway.usecases.reconcile_sides import digest_of, listing_of
from gateway.web.api.catalogue import invalid_query
from gateway.web.api.peer import day_named
from gateway.web.endpoint import json_response
from gateway.web.peer_authentication import authenticate_peer
from gateway.wiring import Services


async def digest(request: web.Request, services: Services) -> web.Response:
    """GET /v1/peer/digests/{day}: count and hashes of the caller's cases of that Beijing day."""
    city = await authenticate_peer(request, services)
    found = await digest_of(services.db, city, services.settings.city, day_named(request))
    return json_response(found.model_dump(mode="json"))


async def bucket(request: web.Request, services: Services) -> web.Response:
    """GET /v1/peer/digests/{day}/{bucket}: the caller's cases in one bucket, whole."""
    city = await authenticate_peer(request, services)
    name = request.match_info["bucket"]
    if len(name) != 1 or name not in "0123456789abcdef":
        raise invalid_query("bucket", "bucket is one of 0 to 9 and a to f.", "bucket 应为 0–9 或 a–f。")
    listed = await listing_of(services.db, city, services.settings.city, day_named(request), [int(name, 16)])
    data = [one.model_dump(mode="json", exclude_none=True) for one in listed]
    return json_response({"data": data, "next": None})
