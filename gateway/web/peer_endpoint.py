"""对等接口外壳: an answer to a peer is signed over its status, its body and the request's signature."""

import hashlib
from collections.abc import Awaitable, Callable

from aiohttp import web

from adapters.signing import http_signature
from adapters.signing.http_signature import Response
from gateway.clock import now
from gateway.web.endpoint import SERVICES, Handler, endpoint
from gateway.web.peer_authentication import PEER, as_signed

_DIGEST = "Content-Digest"


def peer_endpoint(name: str, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """`endpoint`, with a signed answer where the request was authenticated; to a stranger nothing is signed."""
    inner = endpoint(name, handler)

    async def handle(request: web.Request) -> web.StreamResponse:
        response = await inner(request)
        caller = request.get(PEER)
        if caller is None:
            return response
        if _DIGEST not in response.headers:  # a file has its own: its bytes are not in memory
            body = response.body if isinstance(response, web.Response) else b""
            raw = body if isinstance(body, bytes) else b""
            response.headers[_DIGEST] = http_signature.content_digest(hashlib.sha256(raw).digest())
        answer = Response(response.status, response.headers, as_signed(request), caller.verified.label)
        response.headers.update(http_signature.sign_response(answer, request.app[SERVICES].peers.signer(), now=now()))
        return response

    return handle
