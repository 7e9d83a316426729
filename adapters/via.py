"""枢纽转接: a city that is reached through another profile's interface: a platform that forwards by division code.

What is sent and what comes back is the hub's business; the city has its own lane, breaker and catalogue. Progress is
polled or called back once, at the hub, whose reports say which city each is about.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import date
from typing import Any

from adapters.contract import Adapter, Callback, CallbackRequest, Collected, FileSource
from adapters.faults import undescribed
from adapters.profile import CityProfile
from adapters.via_rules import behind
from schemas.errors import NotFound
from schemas.message import Acknowledgement, FollowUp, ListedCase, OutboundMessage, ProgressReport, RemoteFile


class ViaAdapter:
    """One city behind a hub; the hub's adapter is shared by all its cities, and closed by nobody here."""

    def __init__(self, profile: CityProfile, hub: Adapter) -> None:
        self._profile, self.hub = behind(profile, hub.profile), hub

    @property
    def profile(self) -> CityProfile:
        """The city's profile, completed by its hub's."""
        return self._profile

    async def deliver(self, message: OutboundMessage, files: FileSource) -> Acknowledgement:
        """Through the hub; `application.deciding_city` says where to."""
        return await self.hub.deliver(message, files)

    async def follow_up(self, message: FollowUp, files: FileSource) -> Acknowledgement:
        """Through the hub; `deciding_city` says where to."""
        return await self.hub.follow_up(message, files)

    async def report(self, report: ProgressReport) -> None:
        """Not spoken here: a city behind a hub asks our API."""
        raise undescribed("interface for our progress", "接收进度的接口")

    async def listing(self, day: date) -> tuple[ListedCase, ...]:
        """Not spoken here: a hub's listing does not tell its cities apart."""
        raise undescribed("listing for reconciliation", "对账清单接口")

    async def find(self, message: OutboundMessage) -> Acknowledgement | None:
        """Ask the hub."""
        return await self.hub.find(message)

    async def collect(self, cursor: str | None) -> Collected:
        """Never called: the hub is polled."""
        raise undescribed("progress call", "进度接口")

    async def acknowledge(self, collected: Collected) -> None:
        """Nothing to do: the hub is polled."""

    def fetch(self, file: RemoteFile) -> AsyncIterator[bytes]:
        """From the hub."""
        return self.hub.fetch(file)

    def read_callback(self, request: CallbackRequest) -> Callback:
        """NotFound: the hub calls, at its own address."""
        raise NotFound("This city's hub calls, at the hub's own address.", "该城市经枢纽回调，请使用枢纽的回调地址。")

    def callback_reply(self) -> Mapping[str, Any]:
        """Nobody calls."""
        return {}

    async def probe(self) -> None:
        """Whether the hub answers; it does not say whether the city does."""
        await self.hub.probe()

    async def close(self) -> None:
        """Nothing to release: the connections are the hub's."""
