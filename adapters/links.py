"""结果文件链接: an address a city gives for a result file, and which of them are followed.

Only to hosts that the profile names or to the city's own; never with a user name in it, never a weaker scheme than
the city's own, and never inside our own network unless the city itself is there.
"""

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from socket import AddressFamily

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from adapters.rest_operations import RestOperations
from schemas.errors import PartnerProtocol

_ADDRESS = re.compile(r"(https?)://([^/?#]*)(.*)", re.IGNORECASE)
_AUTHORITY = re.compile(r"[a-z0-9._-]+(:[0-9]{1,5})?")  # no user name, no address in brackets
_NAT64 = IPv6Network("64:ff9b::/96")


class Links:
    """链接规则 of one city."""

    def __init__(self, rest: RestOperations) -> None:
        self._home, self._hosts = URL(rest.url.lower()), rest.links
        """`links`: absent = no reference is an address."""

    def leads_to(self, reference: str) -> URL | None:
        """Where a reference leads, if it is an address. PartnerProtocol for one that is not followed."""
        found = _ADDRESS.match(reference)
        if self._hosts is None or found is None:
            return None
        scheme, authority, rest = found[1].lower(), found[2].lower(), found[3]
        if _AUTHORITY.fullmatch(authority) is None or (self._home.scheme == "https" and scheme != "https"):
            raise _not_followed()
        try:
            plain = rest.isascii() and " " not in rest
            url = URL(f"{scheme}://{authority}{rest}", encoded=plain).with_fragment(None)
            allowed = self.is_home(url) or not {url.host, f"{url.host}:{url.port}"}.isdisjoint(self._named(url))
        except ValueError:
            raise _not_followed() from None
        if not allowed:
            raise _not_followed()
        return url

    def is_home(self, url: URL) -> bool:
        """Whether it is the city's own interface, which our credentials are for."""
        return (url.scheme, url.host, url.port) == (self._home.scheme, self._home.host, self._home.port)

    def _named(self, url: URL) -> set[str]:
        """The hosts of the profile; one without a port means the usual one."""
        named = {host.lower() for host in self._hosts or ()}
        return named if url.is_default_port() else {host for host in named if ":" in host}


def _not_followed() -> PartnerProtocol:
    return PartnerProtocol(
        "The result file's address is none that this city's profile allows.",
        "结果文件的链接不在该城市配置允许的范围内。",
    )


class LinkSession:
    """链接会话: connections to other hosts than the city's own, which show nothing of ours."""

    def __init__(self, rest: RestOperations) -> None:
        self._resolver = GuardedResolver(URL(rest.url).host or "")
        self._opened: ClientSession | None = None

    async def session_for(self, url: URL) -> ClientSession:
        """Raises PartnerProtocol for an address that is not followed."""
        await self._resolver.check(url)
        if self._opened is None:
            self._opened = ClientSession(
                connector=TCPConnector(resolver=self._resolver),
                cookie_jar=DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
                timeout=ClientTimeout(total=None),
                trust_env=False,
            )
        return self._opened

    async def close(self) -> None:
        """Release connections."""
        if self._opened is not None:
            await self._opened.close()
            self._opened = None


class GuardedResolver(AbstractResolver):
    """守护解析: no address inside our own network, unless the city's own host is there too."""

    def __init__(self, home: str) -> None:
        self._home = home

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AddressFamily.AF_INET
    ) -> list[ResolveResult]:
        """As the system says. PartnerProtocol for an address that is not followed; OSError as the system's."""
        found = await ThreadedResolver().resolve(host, port, family)
        if any(is_inner(one["host"]) for one in found) and not await self.home_is_inner():
            raise _not_followed()
        return found

    async def check(self, url: URL) -> None:
        """Raises PartnerProtocol for an address written in numbers, which no resolver sees."""
        if is_number(url.host or "") and is_inner(url.host or "") and not await self.home_is_inner():
            raise _not_followed()

    async def home_is_inner(self) -> bool:
        """Whether the city's own host lies inside."""
        if is_number(self._home):
            return is_inner(self._home)
        found = await ThreadedResolver().resolve(self._home, 0, AddressFamily.AF_UNSPEC)
        return any(is_inner(one["host"]) for one in found)

    async def close(self) -> None:
        """Nothing is held."""


def is_number(host: str) -> bool:
    """Whether a host is an address in numbers."""
    return _address(host) is not None


def is_inner(host: str) -> bool:
    """Whether an address is loopback, private, link-local, reserved or multicast, also inside an IPv6 one."""
    address = _address(host)
    if address is None:
        return False
    if isinstance(address, IPv6Address):
        inside = address.ipv4_mapped or address.sixtofour
        if inside is None and address in _NAT64:
            inside = IPv4Address(int(address) & 0xFFFFFFFF)
        if inside is not None:
            return not inside.is_global or inside.is_multicast
    return not address.is_global or address.is_multicast


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None
