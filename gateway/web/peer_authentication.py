"""对等身份: which peer signed a request, that it is meant for us, new, and whole. Nothing else lets a peer in."""

import hashlib
from dataclasses import dataclass

from aiohttp import web

from adapters.peer_words import VERSIONS
from adapters.signing import http_signature
from adapters.signing.http_signature import Request, Verified, body_differs
from gateway.clock import now
from gateway.evidence.chain import milliseconds
from gateway.storage.peers import Nonce
from gateway.web.endpoint import APPLICATION_ID
from gateway.wiring import Services
from schemas.errors import TooLarge, Unauthenticated, UnsupportedMedia, VersionNotSpoken

_BODY_FACTOR = 4
"""A message names its files besides the application, which is at most `max_body_bytes`; reports come in lists."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A peer whose signature holds."""

    city: str
    verified: Verified


PEER = web.RequestKey("PEER", Caller)


def as_signed(request: web.Request) -> Request:
    """The request as its signature sees it: the target as it stood on the wire."""
    return Request(request.method, request.raw_path, request.headers)


async def authenticate_peer(request: web.Request, services: Services) -> str:
    """The city of the peer. Unauthenticated, or VersionNotSpoken, before anything of the body is read."""
    spoken = request.headers.get(http_signature.VERSION, "")
    if spoken not in VERSIONS:
        raise VersionNotSpoken(
            f"This gateway speaks {', '.join(VERSIONS)} of the peer protocol.",
            f"本网关支持的对等协议版本为 {'、'.join(VERSIONS)}。",
            versions=list(VERSIONS),
        )
    city = request.headers.get(http_signature.FROM, "")
    verified = http_signature.verify_request(
        as_signed(request),
        lambda kid: services.peers.find_key(city, kid),
        now=now(),
        tolerance_s=services.peers.tolerance_s(city),
    )
    if request.headers.get(http_signature.TO) != services.settings.city:
        raise Unauthenticated(
            f"The request is meant for another city's gateway; this is that of {services.settings.city}.",
            f"该请求是发给其他城市网关的，本网关属于 {services.settings.city}。",
        )
    nonce = Nonce(city, verified.nonce, milliseconds(verified.expires_at))
    if not await services.peers.nonces.put(nonce):
        raise Unauthenticated("This nonce was used before.", "该随机数已使用过，疑似重放。")
    request[PEER] = Caller(city, verified)
    return city


async def signed_json(request: web.Request, services: Services) -> bytes:
    """The JSON body of an authenticated request, held against the signed digest."""
    if request.content_type != "application/json" or (request.charset or "utf-8").lower() not in {"utf-8", "utf8"}:
        raise UnsupportedMedia("Send application/json in UTF-8.", "请以 application/json、UTF-8 编码发送。")
    limit, body = services.settings.max_body_bytes * _BODY_FACTOR, bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise TooLarge("The body exceeds the limit.", "请求报文超过大小上限。", limit_bytes=limit)
    raw = bytes(body)
    if not request[PEER].verified.holds(hashlib.sha256(raw).digest()):
        raise body_differs()
    return raw


def about(request: web.Request, application_id: object) -> None:
    """Which case the request is about, for its log line."""
    request[APPLICATION_ID] = str(application_id)
