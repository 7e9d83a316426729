"""手工适配器: a city with no system. What goes to it becomes a packet in the tray, and waits for a person.

A message gets its number in the city's tray first, then a packet that bears it, then is left in the tray: a crash in
between makes the same packet under the same number. What the city does comes back through the person who registers
it (gateway/usecases/work_manual.py), so nothing is polled and nothing is fetched.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import date
from typing import Any

from adapters.callbacks import CallbackReader
from adapters.contract import AdapterContext, Callback, CallbackRequest, Collected, FileSource, Tray
from adapters.expression_functions import Unmappable, json_bytes
from adapters.faults import no_words, undescribed
from adapters.manual_calls import ManualCalls
from adapters.manual_operations import packet_number
from adapters.manual_packet import Label, MadeWith, packed
from adapters.profile import CityProfile
from adapters.uploads import check_sizes
from schemas.message import (
    Acknowledgement,
    FollowUp,
    ListedCase,
    MessageKind,
    OutboundMessage,
    ProgressReport,
    RemoteFile,
)


class ManualAdapter:
    """One city through packets and a person. SeedInvalid where the font of the settings cannot be read."""

    def __init__(self, profile: CityProfile, context: AdapterContext) -> None:
        if profile.manual is None:
            raise ValueError("the profile has no manual section")
        self._profile, self._context = profile, context
        compiler = profile.compiler()
        self._made_with = MadeWith(profile.manual, ManualCalls(profile.manual, compiler), context.pdf_font)
        self.reports = profile.compiled_reports(compiler)
        self._callbacks = CallbackReader(profile, context, self.reports.get("callback"))
        if context.pdf_font is not None:
            _ = self._made_with.face  # a font that cannot be read is found at the start, not with the first packet

    @property
    def profile(self) -> CityProfile:
        """The city's profile."""
        return self._profile

    async def deliver(self, message: OutboundMessage, files: FileSource) -> Acknowledgement:
        """Leave a packet; `duplicate` where it was left before."""
        return await self._leave(message, MessageKind.SUBMIT, files)

    async def follow_up(self, message: FollowUp, files: FileSource) -> Acknowledgement:
        """Leave a second packet: the letter of a supplement or a withdrawal."""
        return await self._leave(message, message.kind, files)

    async def _leave(
        self, message: OutboundMessage | FollowUp, kind: MessageKind, files: FileSource
    ) -> Acknowledgement:
        check_sizes(message, self._profile.limits.max_file_bytes)
        tray, message_id = self._tray(), str(message.message_id)
        if await tray.holds(message_id):
            return Acknowledgement(duplicate=True)
        city = self._profile.code
        number = await tray.reserve(city, message_id, str(message.application_id), kind.value)
        label = Label(packet_number(self._context.city, city, number), self._profile.name)
        body = json_bytes(message.model_dump(mode="json"))
        try:
            await tray.put(message_id, body, packed(message, self._made_with, label, files))
        except Unmappable as error:
            raise no_words(error) from None
        return Acknowledgement()

    def _tray(self) -> Tray:
        if self._context.tray is None:
            raise ValueError("an adapter that leaves packets needs a tray")
        return self._context.tray

    async def find(self, message: OutboundMessage) -> Acknowledgement | None:
        """Whether its packet is in the tray."""
        return Acknowledgement(duplicate=True) if await self._tray().holds(str(message.message_id)) else None

    async def report(self, report: ProgressReport) -> None:
        """Nobody is told: a person phones."""
        raise undescribed("interface for our progress", "接收进度的接口")

    async def listing(self, day: date) -> tuple[ListedCase, ...]:
        """Nobody lists: a person compares."""
        raise undescribed("listing for reconciliation", "对账清单接口")

    async def collect(self, cursor: str | None) -> Collected:
        """Nothing is polled: a person registers."""
        raise undescribed("interface for progress", "进度接口")

    async def acknowledge(self, collected: Collected) -> None:
        """Nothing was polled."""

    def fetch(self, file: RemoteFile) -> AsyncIterator[bytes]:
        """Nothing is fetched: the person who registers a result uploads its files."""
        raise undescribed("interface for result files", "结果文件接口")

    def read_callback(self, request: CallbackRequest) -> Callback:
        """NotFound: the city does not call, unless its profile says how."""
        return self._callbacks.read(request)

    def callback_reply(self) -> Mapping[str, Any]:
        """As the profile says."""
        return self._callbacks.reply

    async def probe(self) -> None:
        """The tray is our own: it is there when we are."""

    async def close(self) -> None:
        """There is nothing to release."""
