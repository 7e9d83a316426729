"""接口外壳: what every endpoint shares: a request id, problem documents, one log line, metrics."""

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import structlog
from aiohttp import web

from gateway.clock import new_id, now
from gateway.domain.access import Principal
from gateway.web import problems
from gateway.web.authentication import TokenVerifier
from gateway.wiring import Services
from schemas.errors import CrossCityError, Internal, KeyMissing, MethodNotAllowed, NotFound, TooLarge, UnsupportedMedia

log = structlog.get_logger()

SERVICES: web.AppKey[Services] = web.AppKey("SERVICES", Services)
APPLICATION_ID = web.RequestKey("APPLICATION_ID", str)
"""The case a request turned out to be about, for its log line."""
Handler = Callable[[web.Request, Services], Awaitable[web.Response]]
_JSON = {"Content-Type": "application/json"}
_KEY = re.compile(r"^[\x21-\x7e]{1,200}$")
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")
_VERIFIER: web.AppKey[list[Any]] = web.AppKey("VERIFIER", list)


def prepare_app(app: web.Application, services: Services) -> None:
    """Give the app its services."""
    app[SERVICES] = services
    app[_VERIFIER] = [None, None]


def authenticate(request: web.Request, services: Services) -> Principal:
    """Who is calling, from the Authorization header."""
    held = request.app[_VERIFIER]
    if held[0] is not services.ring:  # first use, or the keys were rotated
        partner_keys = [(p.code, key) for p in services.profiles.values() if p.inbound for key in p.inbound.keys]
        held[:] = services.ring, TokenVerifier(services.ring, partner_keys, now)
    verifier: TokenVerifier = held[1]
    return verifier.principal(request.headers.get("Authorization"))


def request_id(request: web.Request) -> str:
    """The caller's X-Request-ID if it is one, else a new number."""
    given = request.headers.get("X-Request-ID", "")
    return given if _REQUEST_ID.match(given) else new_id()


def idempotency_key(request: web.Request) -> str:
    """The Idempotency-Key header; KeyMissing where there is none that can be used."""
    key = request.headers.get("Idempotency-Key", "")
    if not _KEY.match(key):
        raise KeyMissing(
            "Send an Idempotency-Key header of 1 to 200 visible ASCII characters, the same on every retry.",
            "请在 Idempotency-Key 请求头中提供 1–200 个可见 ASCII 字符，重试时保持不变。",
        )
    return key


def endpoint(name: str, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Wrap a handler: errors become problem documents, anything unforeseen a gateway.internal with its number."""
    counters: dict[int, Any] = {}

    async def handle(request: web.Request) -> web.StreamResponse:
        services = request.app[SERVICES]
        began = time.perf_counter()
        number = request_id(request)
        code = None
        try:
            response = await handler(request, services)
            response.headers["X-Request-ID"] = number
        except CrossCityError as error:
            response, code = problems.response(error, number), error.code
        except web.HTTPException as error:
            response, code = _foreign(error, number)
        except Exception:
            log.exception("request.crashed", route=name, request_id=number)
            crashed = Internal(
                "A fault of ours; tell us the number in instance.", "网关内部错误，请提供 instance 中的编号。"
            )
            response, code = problems.response(crashed, number), crashed.code
        took_s = time.perf_counter() - began
        counter = counters.get(response.status)
        if counter is None:
            counter = counters[response.status] = services.metrics.requests.labels(name, str(response.status))
        counter.inc()
        services.metrics.request_seconds.observe(took_s)
        log.info(
            "request.served",
            route=name,
            request_id=number,
            status=response.status,
            took_us=int(took_s * 1e6),
            code=code,
            application_id=request.match_info.get("application_id") or request.get(APPLICATION_ID),
        )
        return response

    return handle


def _foreign(error: web.HTTPException, number: str) -> tuple[web.Response, str]:
    ours: CrossCityError
    if error.status == 413:
        ours = TooLarge("The body exceeds the limit.", "请求报文超过大小上限。")
    elif error.status == 404:
        ours = NotFound("There is nothing at this address.", "该地址不存在。")
    elif error.status == 405:
        ours = MethodNotAllowed("This address does not take this method.", "该地址不支持此请求方法。")
    else:
        ours = Internal("A fault of ours.", "网关内部错误。")
    return problems.response(ours, number), ours.code


def unmatched(methods_at: Callable[[str], set[str]]) -> Handler:
    """The handler of every address no route takes: 405 where another method would be taken, else 404."""

    async def handle(request: web.Request, _services: Services) -> web.Response:
        methods = methods_at(request.path)
        if methods:
            raise web.HTTPMethodNotAllowed(request.method, methods)
        raise web.HTTPNotFound

    return handle


def json_response(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """JSON bytes."""
    return web.Response(body=orjson.dumps(value), status=status, headers=_JSON | headers if headers else _JSON)


def _is_json(request: web.Request) -> bool:
    return request.content_type == "application/json" and (request.charset or "utf-8").lower() in {"utf-8", "utf8"}


async def json_body(request: web.Request) -> bytes:
    """The raw body of a JSON request. UnsupportedMedia unless it is declared application/json in UTF-8."""
    if request.headers.get("Content-Type") != "application/json" and not _is_json(request):
        raise UnsupportedMedia("Send application/json in UTF-8.", "请以 application/json、UTF-8 编码发送。")
    return await request.read()
