"""Answers that are spoilt on their way: another charset than stated, half a body, far too much, storms of 5xx."""

import itertools

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tests.simulators.control import Settings

HUGE_BYTES = 50 * 1024**2
STORM = (500, 502, 503, 504)


def spoiler(settings: Settings) -> Middleware:
    statuses = itertools.cycle(STORM)

    @web.middleware
    async def spoil(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/_"):
            return await handler(request)
        if settings.take("storm"):  # nothing has been read, so nothing is booked
            return web.Response(text="<html>系统错误</html>", status=next(statuses), content_type="text/html")
        answer = await handler(request)
        return _spoilt(answer, settings) if isinstance(answer, web.Response) else answer

    return spoil


def _spoilt(answer: web.Response, settings: Settings) -> web.Response:
    body = answer.body
    if not isinstance(body, bytes):
        return answer
    if settings.take("wrong_charset"):
        body = body.decode(answer.charset or "utf-8").encode("utf-16")
    if settings.take("truncated_answers"):
        body = body[: len(body) // 2]
    if settings.take("huge_answers"):
        body += b" " * HUGE_BYTES  # blanks after the end are allowed in JSON and in XML
    return web.Response(body=body, status=answer.status, headers={"Content-Type": answer.headers["Content-Type"]})
