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
    whole = body = answer.body
    if not isinstance(body, bytes):
        return answer
    if settings.take("wrong_charset"):
        text = body.decode(answer.charset or "utf-8")
        body = "".join(one if one.isascii() else "ÿ" for one in text).encode("latin-1")  # no UTF-8, no GB18030
    if settings.take("truncated_answers"):
        body = body[: len(body) // 2]
    huge = settings.take("huge_answers")
    if huge:
        body += b" " * HUGE_BYTES  # blanks after the end are allowed in JSON and in XML
    if body is whole:
        return answer
    headers = {name: value for name, value in answer.headers.items() if name != "Content-Length"}
    spoilt = web.Response(body=body, status=answer.status, headers=headers)
    if huge:
        spoilt.enable_chunked_encoding()  # so that its length is not told
    return spoilt
