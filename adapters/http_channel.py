"""HTTP通道: one city's HTTP connections: signed requests out, judged answers and file bytes back."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from yarl import URL

from adapters.answers import Answer, read_answer
from adapters.contract import AdapterContext
from adapters.faults import Submission, check_status, map_http_faults
from adapters.hooks import HookRequest, secrets_for
from adapters.judging import Judge
from adapters.links import LinkSession
from adapters.operations import Auth, HookAuth, OAuth2Auth, RecipeAuth
from adapters.profile import CityProfile, Duplicates
from adapters.rate_limit import RateLimit
from adapters.request_body import Request
from adapters.signing import SignedRequest, digests_of, sign
from adapters.signing.oauth2 import TokenHolder
from adapters.tls import Material, material
from schemas.errors import PartnerProtocol, PartnerUnavailable

_SPARE_CONNECTIONS = 8  # for polls, fetches and probes beside a full lane
_CHUNK_BYTES = 256 * 1024
_CONNECT_SHARE = 0.5  # of the time limit: a city that cannot be reached is told from one that is slow
_NOTHING: Mapping[str, str] = {}
_AUTHORIZATION = "Authorization"


class Channel:
    """HTTP to one city. Whoever calls `post` maps faults and limits time; `ask` and `stream` do so themselves."""

    def __init__(self, profile: CityProfile, auth: Auth | None, context: AdapterContext, judge: Judge) -> None:
        self._limits, self._auth, self._context, self._judge = profile.limits, auth, context, judge
        self._rate = RateLimit(profile.limits.per_second)
        self._hooks = profile.hook_functions()
        self._charset = "utf-8" if profile.rest is None else profile.rest.charset
        # on a kept-alive connection the city may close just then, a send looks unclear: costly where it is unsafe
        self._fresh_connections = profile.duplicates is Duplicates.UNSAFE
        section = profile.rest or profile.soap
        self._tls = None if section is None else section.tls
        self._material: Material | None = None
        self._opened: ClientSession | None = None
        self._closing: list[ClientSession] = []
        """Sessions with an old certificate: what is under way on them still finishes."""
        self._holder: TokenHolder | None = None

    async def call(self, request: Request, judge: Judge, submission: Submission | None = None) -> Answer:
        """Send and judge."""
        body = request.body
        if isinstance(body, bytes):
            sent = self.send(request.url, body, request.headers, submission, method=request.method)
            async with sent as response:
                return await self._read(response, judge, submission)
        digests = await body.digests() if isinstance(self._auth, RecipeAuth | HookAuth) else None
        try:
            async with self.send(
                request.url, body.chunks(), request.headers, submission, method=request.method, body_digest=digests
            ) as response:
                return await self._read(response, judge, submission)
        except ClientError:
            if body.failure is not None:
                raise body.failure from None
            raise

    @asynccontextmanager
    async def send(
        self,
        url: URL,
        body: bytes | AsyncIterator[bytes],
        headers: Mapping[str, str],
        submission: Submission | None = None,
        *,
        method: str = "POST",
        body_digest: Callable[[str], str] | None = None,
    ) -> AsyncIterator[ClientResponse]:
        """One request, once it is its turn. A body in pieces comes with its digests: a signature may cover them."""
        await self._rate.turn()
        if body_digest is None:
            body_digest = digests_of(body if isinstance(body, bytes) else b"")
        signed = await self._signed(method, url, headers, body_digest, body if isinstance(body, bytes) else None)
        session = self._session()
        if submission is not None:
            submission.begun = True
        async with session.request(method, url, data=body or None, headers=signed, allow_redirects=False) as response:
            self._check_token(response, signed)
            yield response

    async def ask(self, url: URL) -> Answer:
        """Read and judge; it may be repeated, so a lost answer is PartnerUnavailable."""
        with map_http_faults():
            async with asyncio.timeout(self._limits.timeout_s):
                async with self.send(url, b"", _NOTHING, method="GET") as response:
                    return await self._read(response, self._judge, None)

    async def stream(self, request: Request, link: LinkSession | None = None) -> AsyncIterator[bytes]:
        """A file's bytes; more than `limits.max_file_bytes` is PartnerProtocol. The limit of time is per chunk.

        With `link` nothing of ours is shown: no signature, no certificate.
        """
        body = request.body if isinstance(request.body, bytes) else b""
        signed: Mapping[str, str] = {}
        with map_http_faults():
            async with asyncio.timeout(self._limits.timeout_s):
                await self._rate.turn()
                if link is None:
                    signed = await self._signed(request.method, request.url, request.headers, digests_of(body), body)
                    session = self._session()
                else:
                    session = await link.session_for(request.url)
                response = await session.request(
                    request.method, request.url, data=body or None, headers=signed, allow_redirects=False
                )
        left_bytes = self._limits.max_file_bytes
        try:
            if link is None:
                self._check_token(response, signed)
            check_status(response.status, response.headers, self._context.now())
            while chunk := await self._next_chunk(response):
                left_bytes -= len(chunk)
                if left_bytes < 0:
                    raise PartnerProtocol("The file exceeds this city's size limit.", "文件超过该城市的大小上限。")
                yield chunk
        finally:
            response.release()

    async def close(self) -> None:
        """Release connections."""
        for session in (*self._closing, self._opened):
            if session is not None:
                await session.close()
        self._closing, self._opened = [], None

    async def _read(self, response: ClientResponse, judge: Judge, submission: Submission | None) -> Answer:
        return await read_answer(response, judge, self._context.now(), submission, charset=self._charset)

    async def _next_chunk(self, response: ClientResponse) -> bytes:
        with map_http_faults():
            async with asyncio.timeout(self._limits.timeout_s):
                return await response.content.read(_CHUNK_BYTES)

    async def _signed(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        body_digest: Callable[[str], str],
        body: bytes | None,
    ) -> dict[str, str]:
        try:
            if self._auth is None:
                return dict(headers)
            if isinstance(self._auth, OAuth2Auth):
                return {_AUTHORIZATION: f"Bearer {await self._tokens().token()}", **headers}
            if isinstance(self._auth, HookAuth):
                return {**self._by_hook(self._auth, method, url, body_digest, body), **headers}
            request = SignedRequest(method, url.raw_path, url.raw_query_string, body_digest)
            return {**sign(self._auth, self._context, request), **headers}
        except KeyError as error:
            raise not_configured(error) from None

    def _by_hook(
        self, auth: HookAuth, method: str, url: URL, body_digest: Callable[[str], str], body: bytes | None
    ) -> dict[str, str]:
        secret = secrets_for(auth.secrets, self._context.secret)
        now, nonce = self._context.now(), self._context.nonce()
        path, query = url.raw_path, url.raw_query_string
        return self._hooks.sign(HookRequest(method, path, query, body, body_digest, now, nonce, secret))

    def _tokens(self) -> TokenHolder:
        if self._holder is None:
            assert isinstance(self._auth, OAuth2Auth)  # noqa: S101 - asked for this scheme only
            self._holder = TokenHolder(self._auth, self._context, self._session)
        return self._holder

    def _check_token(self, response: ClientResponse, headers: Mapping[str, str]) -> None:
        """A token that was good before and is refused now is fetched anew: nothing was booked, the next try has it."""
        if response.status == 401 and isinstance(self._auth, OAuth2Auth):
            token = headers[_AUTHORIZATION].removeprefix("Bearer ")
            if self._tokens().refused(token):
                raise PartnerUnavailable(
                    "The city no longer takes our access token; the next try fetches another.",
                    "对方不再接受本网关的令牌，下次将重新获取。",
                )

    def _session(self) -> ClientSession:
        held = self._tls_material()
        if self._opened is not None and held != self._material:  # the certificate was changed
            self._closing.append(self._opened)
            self._opened = None
        if self._opened is None:
            self._material = held
            self._opened = ClientSession(
                connector=TCPConnector(
                    limit=self._limits.in_flight + _SPARE_CONNECTIONS,
                    force_close=self._fresh_connections,
                    ssl=True if held is None else held.context(),
                ),
                cookie_jar=DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
                timeout=ClientTimeout(total=None, connect=self._limits.timeout_s * _CONNECT_SHARE),
            )
        return self._opened

    def _tls_material(self) -> Material | None:
        try:
            return None if self._tls is None else material(self._tls, self._context)
        except KeyError as error:
            raise not_configured(error) from None


def not_configured(error: KeyError) -> PartnerUnavailable:
    """The error for a secret that is asked for and not there."""
    name = str(error.args[0])
    return PartnerUnavailable(
        f"The secret {name} is not configured here; nothing was sent.", f"本网关尚未配置密钥{name}，报文未发出。"
    )
