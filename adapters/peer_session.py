"""对方连接: the HTTP connections to one peer; a client certificate that was changed is taken up at the next call."""

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from adapters.contract import AdapterContext
from adapters.http_channel import not_configured
from adapters.operations import MutualTls
from adapters.profile import Limits
from adapters.tls import Material, material

_SPARE_CONNECTIONS = 8  # for polls, files and probes beside a full lane
_CONNECT_SHARE = 0.5  # of the time limit: a peer that cannot be reached is told from one that is slow


class PeerSession:
    """One peer's connections."""

    def __init__(self, limits: Limits, tls: MutualTls | None, context: AdapterContext) -> None:
        self._limits, self._tls, self._context = limits, tls, context
        self._material: Material | None = None
        self._opened: ClientSession | None = None
        self._closing: list[ClientSession] = []

    def get(self) -> ClientSession:
        """The session to use now. PartnerUnavailable where the certificate is not configured."""
        held = self._held()
        if self._opened is not None and held != self._material:
            self._closing.append(self._opened)  # what is under way on it still finishes
            self._opened = None
        if self._opened is None:
            self._material = held
            self._opened = ClientSession(
                connector=TCPConnector(
                    limit=self._limits.in_flight + _SPARE_CONNECTIONS, ssl=True if held is None else held.context()
                ),
                cookie_jar=DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                auto_decompress=False,  # the digest is that of the bytes on the wire
                timeout=ClientTimeout(total=None, connect=self._limits.timeout_s * _CONNECT_SHARE),
            )
        return self._opened

    async def close(self) -> None:
        """Release connections."""
        for session in (*self._closing, self._opened):
            if session is not None:
                await session.close()
        self._closing, self._opened = [], None

    def _held(self) -> Material | None:
        try:
            return None if self._tls is None else material(self._tls, self._context)
        except KeyError as error:
            raise not_configured(error) from None
