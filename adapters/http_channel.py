"""HTTP通道: one city's HTTP connections: signed requests out, judged answers and file bytes back."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from yarl import URL

from adapters.answers import Answer, read_answer
from adapters.calls import CompiledAnswers
from adapters.contract import AdapterContext
from adapters.faults import Submission, check_status, map_http_faults
from adapters.operations import Auth
from adapters.profile import CityProfile, Duplicates
from adapters.signing import SignedRequest, digests_of, sign
from schemas.errors import PartnerProtocol, PartnerUnavailable

_SPARE_CONNECTIONS = 8  # for polls, fetches and probes beside a full lane
_CHUNK_BYTES = 256 * 1024
_CONNECT_SHARE = 0.5  # of the time limit: a city that cannot be reached is told from one that is slow
_NOTHING: Mapping[str, str] = {}


class Channel:
    """HTTP to one city. Whoever calls `post` maps faults and limits time; `ask` and `stream` do so themselves."""

    def __init__(self, profile: CityProfile, auth: Auth, context: AdapterContext, answers: CompiledAnswers) -> None:
        self._limits, self._auth, self._context, self._answers = profile.limits, auth, context, answers
        # on a kept-alive connection the city may close just then, a send looks unclear: costly where it is unsafe
        self._fresh_connections = profile.duplicates is Duplicates.UNSAFE
        self._opened: ClientSession | None = None

    async def post(
        self,
        url: URL,
        body: bytes | AsyncIterator[bytes],
        headers: Mapping[str, str],
        submission: Submission | None = None,
        *,
        body_digest: Callable[[str], str] | None = None,
    ) -> Answer:
        """Send and judge. A body in pieces comes with its digests: a signature may cover them."""
        if body_digest is None:
            body_digest = digests_of(body if isinstance(body, bytes) else b"")
        signed = self._signed("POST", url, headers, body_digest)
        session = self._session()
        if submission is not None:
            submission.begun = True
        async with session.post(url, data=body, headers=signed, allow_redirects=False) as response:
            return await read_answer(response, self._answers, self._context.now(), submission)

    async def ask(self, url: URL) -> Answer:
        """Read and judge; it may be repeated, so a lost answer is PartnerUnavailable."""
        with map_http_faults():
            async with asyncio.timeout(self._limits.timeout_s):
                signed = self._signed("GET", url, _NOTHING, digests_of(b""))
                async with self._session().get(url, headers=signed, allow_redirects=False) as response:
                    return await read_answer(response, self._answers, self._context.now())

    async def stream(self, url: URL) -> AsyncIterator[bytes]:
        """A file's bytes; more than `limits.max_file_bytes` is PartnerProtocol. The limit of time is per chunk."""
        with map_http_faults():
            async with asyncio.timeout(self._limits.timeout_s):
                signed = self._signed("GET", url, _NOTHING, digests_of(b""))
                response = await self._session().get(url, headers=signed, allow_redirects=False)
        left_bytes = self._limits.max_file_bytes
        try:
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
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    async def _next_chunk(self, response: ClientResponse) -> bytes:
        with map_http_faults():
            async with asyncio.timeout(self._limits.timeout_s):
                return await response.content.read(_CHUNK_BYTES)

    def _signed(
        self, method: str, url: URL, headers: Mapping[str, str], body_digest: Callable[[str], str]
    ) -> dict[str, str]:
        request = SignedRequest(method, url.raw_path, url.raw_query_string, body_digest)
        try:
            return {**sign(self._auth, self._context, request), **headers}
        except KeyError as error:
            name = str(error.args[0])
            raise PartnerUnavailable(
                f"The secret {name} is not configured here; nothing was sent.",
                f"本网关尚未配置密钥{name}，报文未发出。",
            ) from None

    def _session(self) -> ClientSession:
        if self._opened is None:
            self._opened = ClientSession(
                connector=TCPConnector(
                    limit=self._limits.in_flight + _SPARE_CONNECTIONS, force_close=self._fresh_connections
                ),
                cookie_jar=DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
                timeout=ClientTimeout(total=None, connect=self._limits.timeout_s * _CONNECT_SHARE),
            )
        return self._opened
