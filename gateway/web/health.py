"""运行状态: liveness, readiness, metrics and public keys."""

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gateway.storage import outbox, reconciliation
from gateway.storage.sql import SQL
from gateway.web.endpoint import SERVICES, json_response
from gateway.wiring import Services

_PING = SQL("SELECT 1")


async def live(_request: web.Request, _services: Services) -> web.Response:
    """GET /livez."""
    return json_response({"ok": True})


async def ready(_request: web.Request, services: Services) -> web.Response:
    """GET /readyz: 503 while starting, stopping, or without database, lease or seeds."""
    checks = {
        "open": services.ready,
        "lease": services.lease.valid() or not services.settings.lanes,
        "seeds": services.catalogue.filled,
        "database": await _database(services),
    }
    return json_response({"ok": all(checks.values()), "checks": checks}, status=200 if all(checks.values()) else 503)


async def _database(services: Services) -> bool:
    try:
        return await services.db.fetch_one(_PING) is not None
    except Exception:
        return False


async def jwks(_request: web.Request, services: Services) -> web.Response:
    """GET /.well-known/jwks.json."""
    return json_response(services.ring.jwks(), headers={"Cache-Control": "public, max-age=300"})


async def metrics(request: web.Request) -> web.Response:
    """GET /metrics, in Prometheus text. Bind it to the inner network: it needs no token."""
    services = request.app[SERVICES]
    services.metrics.outbox.clear()
    for city, state, count in await outbox.depth(services.db):
        services.metrics.outbox.labels(city, state).set(count)
    services.metrics.reconciliation_open.clear()
    for city, kind, count in await reconciliation.open_counts(services.db):
        services.metrics.reconciliation_open.labels(city, kind).set(count)
    text = generate_latest(services.metrics.registry)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})
