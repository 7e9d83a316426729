"""对方调用: signed calls to a peer, and answers believed only where the peer has signed them for this very call.

What may come from something between the two, and says only "later", needs no signature: 429, 503 and any other 5xx.
Everything else without one is for a person.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import ClientResponse
from cryptography.hazmat.primitives.asymmetric import ec
from yarl import URL

from adapters.answers import whole
from adapters.contract import AdapterContext
from adapters.faults import Submission, check_status, lost, map_http_faults, unavailable, unreadable
from adapters.http_channel import not_configured
from adapters.peer_keys import PeerKeys, UnusableKeys
from adapters.peer_operations import PeerOperations
from adapters.peer_refusals import no_version, problem_code, refuse
from adapters.peer_session import PeerSession
from adapters.peer_words import VERSIONS, spoken_by_both
from adapters.profile import CityProfile
from adapters.signing import http_signature
from adapters.signing.http_signature import Request, Response
from schemas.errors import PartnerProtocol, Unauthenticated

_JSON, _BYTES = "application/json", "application/octet-stream"
_LONGEST_ANSWER_BYTES = 16 * 1024**2
_CHUNK_BYTES = 256 * 1024
_NOT_ACCEPTABLE = 406
_DENIED = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class Content:
    """报文体: bytes, or chunks with their length; the digest is signed before the first byte leaves."""

    data: bytes | AsyncIterator[bytes] = b""
    sha256: bytes = field(default=hashlib.sha256(b"").digest())
    media_type: str | None = None
    size_bytes: int = 0

    @classmethod
    def json(cls, data: bytes) -> "Content":
        """A JSON body."""
        return cls(data, hashlib.sha256(data).digest(), _JSON, len(data))

    @classmethod
    def file(cls, chunks: AsyncIterator[bytes], sha256: str, size_bytes: int) -> "Content":
        """A file's bytes."""
        return cls(chunks, bytes.fromhex(sha256), _BYTES, size_bytes)


_NOTHING = Content()


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    """对方应答: a signed 2xx answer's JSON; `replayed` = the peer had the message before."""

    body: Any
    replayed: bool = False


class PeerClient:
    """Calls to one peer. Whoever calls `call` maps faults and limits time; `ask` and `stream` do so themselves."""

    def __init__(self, profile: CityProfile, operations: PeerOperations, context: AdapterContext) -> None:
        self._city, self._limits, self._operations = profile.code, profile.limits, operations
        self._context = context
        self._keys = PeerKeys(operations.keys, context.secret)
        self._session = PeerSession(profile.limits, operations.tls, context)
        self._version: str | None = None

    async def ask(self, path: str, **query: str | int) -> Any:
        """GET; it may be repeated, so a lost answer is PartnerUnavailable. The JSON, None for what is not there."""
        with map_http_faults():
            async with asyncio.timeout(self._limits.timeout_s):
                async with self._exchange("GET", path, query, _NOTHING, None) as (request, response):
                    raw = await whole(response, None, _LONGEST_ANSWER_BYTES)
                    self._judge(request, response, raw, None)
                    if response.status == 404 and problem_code(raw) == "request.not_found":
                        return None
                    return _json(response.status, raw, None).body

    async def call(
        self, method: str, path: str, content: Content, submission: Submission | None = None, **query: str
    ) -> PeerAnswer:
        """POST or PUT; PartnerRefused, PartnerProtocol and the rest as adapters/contract.py has them."""
        async with self._exchange(method, path, query, content, submission) as (request, response):
            raw = await whole(response, submission, _LONGEST_ANSWER_BYTES)
            self._judge(request, response, raw, submission)
            answer = _json(response.status, raw, submission)
            return PeerAnswer(answer.body, response.headers.get("Idempotent-Replayed") == "true")

    async def stream(self, path: str) -> AsyncIterator[bytes]:
        """A file's bytes, held against the signed digest at the end. The limit of time is per chunk."""
        digest, left_bytes = hashlib.sha256(), self._limits.max_file_bytes
        with map_http_faults():
            async with self._exchange("GET", path, {}, _NOTHING, None) as (request, response):
                check_status(response.status, response.headers, self._context.now())
                wanted = self._signed_digest(request, response)
                while chunk := await self._next_chunk(response):
                    digest.update(chunk)
                    left_bytes -= len(chunk)
                    if left_bytes < 0:
                        raise PartnerProtocol("The file exceeds this city's size limit.", "文件超过该城市的大小上限。")
                    yield chunk
        if digest.digest() != wanted:
            raise unavailable()  # spoilt on the way: asked for again

    def find_key(self, kid: str) -> ec.EllipticCurvePublicKey | None:
        """A key of the peer's. PartnerUnavailable or PartnerProtocol where its keys are not here to be read."""
        try:
            return self._keys.find(kid)
        except KeyError as error:
            raise not_configured(error) from None
        except UnusableKeys as error:
            raise PartnerProtocol(
                f"The peer's credentials kept here as {error.name} are no set of public keys.",
                f"本网关保存的对方公钥（{error.name}）不是有效的公钥集。",
            ) from None

    async def close(self) -> None:
        """Release connections."""
        await self._session.close()

    async def discover(self) -> dict[str, Any]:
        """GET /.well-known/tongban, unsigned. PartnerProtocol for another city's gateway or no common version."""
        with map_http_faults():
            async with asyncio.timeout(self._limits.timeout_s):
                url = URL(f"{self._operations.url}/.well-known/tongban", encoded=True)
                async with self._session.get().get(url, allow_redirects=False) as response:
                    check_status(response.status, response.headers, self._context.now())
                    raw = await whole(response, None, _LONGEST_ANSWER_BYTES)
        found = _json(200, raw, None).body
        if not isinstance(found, dict) or found.get("city") != self._city:
            raise PartnerProtocol(
                "The gateway at this address is not this city's.", "该地址的网关不属于该城市，请核对配置中的url。"
            )
        self._version = spoken_by_both(found.get("versions"))
        if self._version is None:
            raise no_version(raw, VERSIONS)
        return found

    @asynccontextmanager
    async def _exchange(
        self, method: str, path: str, query: Any, content: Content, submission: Submission | None
    ) -> AsyncIterator[tuple[Request, ClientResponse]]:
        if self._version is None:
            await self.discover()
        self.find_key("")  # without the peer's keys no answer could be believed: nothing is sent
        request = self._request(method, path, query, content)
        session, url = self._session.get(), URL(f"{self._operations.url}{request.target}", encoded=True)
        headers = dict(request.headers.items())
        if not isinstance(content.data, bytes):
            headers["Content-Length"] = str(content.size_bytes)
        if submission is not None:
            submission.begun = True
        data = content.data if content.media_type else None
        async with session.request(method, url, data=data, headers=headers, allow_redirects=False) as response:
            yield request, response

    def _request(self, method: str, path: str, query: Any, content: Content) -> Request:
        context = self._context
        if context.signer is None:
            raise PartnerProtocol("This gateway has no signing key here.", "此处没有本网关的签名密钥。")
        target = f"{path}?{urlencode(query, quote_via=quote, safe='')}" if query else path
        headers = {
            "Content-Digest": http_signature.content_digest(content.sha256),
            http_signature.FROM: context.city,
            http_signature.TO: self._city,
            http_signature.VERSION: self._version or VERSIONS[-1],
        }
        if content.media_type is not None:
            headers["Content-Type"] = content.media_type
        bare = Request(method, target, headers)
        signed = http_signature.sign_request(bare, context.signer(), now=context.now(), nonce=context.nonce())
        return Request(method, target, headers | signed)

    def _judge(self, request: Request, response: ClientResponse, raw: bytes, submission: Submission | None) -> None:
        """Return for an answer the peer has signed, 2xx or a problem; raise what any other means."""
        status = response.status
        if status == 429 or status >= 500 or status in _DENIED:
            check_status(status, response.headers, self._context.now(), submission)
        if status == _NOT_ACCEPTABLE:
            self._version = None
            raise no_version(raw, VERSIONS)
        if self._signed_digest(request, response) != hashlib.sha256(raw).digest():
            raise lost(submission)

    def _signed_digest(self, request: Request, response: ClientResponse) -> bytes:
        try:
            return http_signature.verify_response(
                Response(response.status, response.headers, request),
                self.find_key,
                now=self._context.now(),
                tolerance_s=self._operations.tolerance_s,
            )
        except Unauthenticated:
            raise PartnerProtocol(
                "The answer is not signed by this peer for this call.",
                "该应答没有对方网关针对本次调用的签名，不予采信。",
                status=response.status,
            ) from None

    async def _next_chunk(self, response: ClientResponse) -> bytes:
        async with asyncio.timeout(self._limits.timeout_s):
            return await response.content.read(_CHUNK_BYTES)


def _json(status: int, raw: bytes, submission: Submission | None) -> PeerAnswer:
    if not 200 <= status < 300:
        refuse(status, raw)
    try:
        # not orjson: it reads a whole number beyond 64 bits, which a form may hold, as a fraction
        return PeerAnswer(json.loads(raw, parse_constant=_no_constant))
    except (ValueError, RecursionError):
        raise unreadable(submission) from None


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")
