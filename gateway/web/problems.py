"""问题文档: errors as RFC 9457 problem+json. The HTTP status of every code is in this one table."""

from collections.abc import Mapping
from types import MappingProxyType

import orjson
from aiohttp import web

from schemas.errors import CrossCityError

STATUS: Mapping[str, int] = MappingProxyType(
    {
        "request.malformed": 400,
        "request.idempotency_key_missing": 400,
        "request.unauthenticated": 401,
        "request.forbidden": 403,
        "request.not_found": 404,
        "request.method_not_allowed": 405,
        "request.version_not_spoken": 406,
        "request.idempotency_mismatch": 409,
        "request.step_not_allowed": 409,
        "request.import_not_usable": 409,
        "request.too_large": 413,
        "request.unsupported_media": 415,
        "request.invalid": 422,
        "request.item_unknown": 422,
        "request.agreement_missing": 422,
        "request.agreement_expired": 422,
        "request.mode_not_available": 422,
        "request.materials_incomplete": 422,
        "request.file_unknown": 422,
        "request.source_unreadable": 422,
        "request.dialect_missing": 422,
        "gateway.internal": 500,
        "gateway.already_running": 500,
        "gateway.seed_invalid": 500,
        "gateway.serial_overflow": 503,
        "gateway.busy": 503,
        # a partner's failure is never our 500
        "partner.refused": 502,
        "partner.protocol": 502,
        "partner.unavailable": 503,
        "partner.ambiguous": 504,
    }
)


def document(error: CrossCityError, request_id: str) -> dict[str, object]:
    """The problem document. RFC 9457's own members are written last: a fact can never overwrite them."""
    body: dict[str, object] = dict(error.facts)
    if error.errors:
        body["errors"] = list(error.errors)
    body.update(
        type=f"/docs/problems/{error.code}",
        title=error.title,
        title_zh=error.title_zh,
        status=STATUS[error.code],
        detail=error.detail,
        detail_zh=error.detail_zh,
        instance=f"urn:request:{request_id}",
        code=error.code,
    )
    return body


def response(error: CrossCityError, request_id: str) -> web.Response:
    """The HTTP answer for an error."""
    headers = {"X-Request-ID": request_id}
    if STATUS[error.code] == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="tongban"'
    if STATUS[error.code] == 503:
        headers["Retry-After"] = "2"
    return web.Response(
        body=orjson.dumps(document(error, request_id)),
        status=STATUS[error.code],
        content_type="application/problem+json",
        headers=headers,
    )
