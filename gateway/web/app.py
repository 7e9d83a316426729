"""网页应用: the aiohttp application of one gateway, and how it is served and stopped."""

import asyncio
import importlib.util
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson
from aiohttp import web

from gateway.web import health, openapi
from gateway.web.endpoint import SERVICES, endpoint, prepare_app, unmatched
from gateway.web.peer_endpoint import peer_endpoint
from gateway.web.peer_routes import OPEN_ROUTES, PEER_ROUTES, peer_document
from gateway.web.routes import ROUTES
from gateway.wiring import Services

VERSION = "0.1.0"
_IN_WHEEL = Path(__file__).resolve().parent / "problem_pages"
_PROBLEM_PAGES = _IN_WHEEL if _IN_WHEEL.is_dir() else Path(__file__).resolve().parents[2] / "docs" / "problems"
_SWAGGER = Path(str(importlib.util.find_spec("swagger_ui").origin)).parent / "static"  # type: ignore[union-attr]
_CSP = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'"
_DOCS_HTML = """<!doctype html>
<html lang="zh-CN">
<meta charset="utf-8">
<title>通办网关接口文档</title>
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
<div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""
_DOCS_JS = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true});\n'
_ALL = (*ROUTES, *OPEN_ROUTES, *PEER_ROUTES)
_PATTERNS = {route.path: re.compile(re.sub(r"{\w+}", "[^/]+", route.path)) for route in _ALL}
_CODE = re.compile(r"^[a-z]+\.[a-z_]+$")


def openapi_document() -> dict[str, object]:
    """The published OpenAPI document."""
    return openapi.document(ROUTES, VERSION)


def build_app(services: Services) -> web.Application:
    """The application with every route."""
    app = web.Application(client_max_size=services.settings.max_body_bytes)
    prepare_app(app, services)
    for route in (*ROUTES, *OPEN_ROUTES):
        app.router.add_route(route.method, route.path, endpoint(route.name, route.handler))
    for route in PEER_ROUTES:
        app.router.add_route(route.method, route.path, peer_endpoint(route.name, route.handler))
    app.router.add_get("/peer/openapi.json", _fixed(orjson.dumps(peer_document(VERSION)), "application/json"))
    app.router.add_get("/metrics", health.metrics)
    spec = orjson.dumps(openapi_document())
    app.router.add_get("/openapi.json", _fixed(spec, "application/json"))
    app.router.add_get("/docs", _fixed(_DOCS_HTML.encode(), "text/html", csp=True))
    app.router.add_get("/docs/start.js", _fixed(_DOCS_JS.encode(), "text/javascript"))
    app.router.add_static("/docs/assets", _SWAGGER)
    app.router.add_get("/docs/problems/{code}", endpoint("docs.problem", _problem_page))
    # last, so that it gets what nothing else takes; a middleware for this would cost every request
    app.router.add_route("*", "/{anything:.*}", endpoint("unmatched", unmatched(_methods_at)))
    return app


def _fixed(
    body: bytes, content_type: str, *, csp: bool = False
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(_request: web.Request) -> web.StreamResponse:
        response = web.Response(body=body, content_type=content_type, charset="utf-8")
        response.headers["X-Content-Type-Options"] = "nosniff"
        if csp:
            response.headers["Content-Security-Policy"] = _CSP
        return response

    return handle


def _methods_at(path: str) -> set[str]:
    """The methods of our own routes at this path."""
    return {route.method for route in _ALL if _PATTERNS[route.path].fullmatch(path)}


async def _problem_page(request: web.Request, _services: Services) -> web.Response:
    """What a problem code means and what to do: docs/problems/<code>.md as text."""
    code = request.match_info["code"]
    page = _PROBLEM_PAGES / f"{code}.md"
    if not _CODE.match(code) or not page.is_file():
        raise web.HTTPNotFound
    return web.Response(text=page.read_text(encoding="utf-8"), content_type="text/markdown", charset="utf-8")


async def serve(services: Services, stop: asyncio.Event, stopped: asyncio.Event, bound: asyncio.Future[str]) -> None:
    """Serve until `stop`; then refuse new connections, let requests finish, and set `stopped`.

    `bound` gets the base URL once the port is open.
    """
    settings = services.settings
    runner = web.AppRunner(
        build_app(services), access_log=None, shutdown_timeout=settings.grace_s, handle_signals=False
    )
    try:
        await runner.setup()
        site = web.TCPSite(runner, settings.host, settings.port, backlog=1024, reuse_address=True)
        await site.start()
        host, port = runner.addresses[0][:2]
        bound.set_result(f"http://{host}:{port}")
        await stop.wait()
    finally:
        await runner.cleanup()
        stopped.set()


__all__ = ["SERVICES", "build_app", "openapi_document", "serve"]
