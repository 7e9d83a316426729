"""SOAP适配器: any city that is called over SOAP 1.1 or 1.2 with an XML text in one parameter, by its profile alone.

A delivery is its files, one call each or inside the record, then the application. Files may be sent again without
harm, so everything before the application is "not booked"; from its first byte on, a missing answer is "not known".
"""

import asyncio
import binascii
from base64 import b64decode
from collections.abc import AsyncIterator, Mapping
from datetime import date
from typing import Any

from adapters.answered import found, page, taken
from adapters.answers import Answer, acknowledgement, part
from adapters.callbacks import CallbackReader
from adapters.contract import AdapterContext, Callback, CallbackRequest, Collected, FileSource
from adapters.dialect import follow_up_words, message_words
from adapters.faults import Submission, map_http_faults, undescribed
from adapters.listing import MOST_ROWS, day_words
from adapters.profile import CityProfile
from adapters.soap_body import Contents
from adapters.soap_calls import SoapCalls, SoapRequest
from adapters.soap_channel import SoapChannel
from adapters.uploads import check_sizes, number_of, upload_each
from schemas.application import StoredFile
from schemas.errors import PartnerProtocol
from schemas.message import (
    Acknowledgement,
    FollowUp,
    ListedCase,
    MessageKind,
    OutboundMessage,
    ProgressReport,
    RemoteFile,
)

_CHUNK_BYTES = 256 * 1024


class SoapAdapter:
    """One city over SOAP."""

    def __init__(self, profile: CityProfile, context: AdapterContext) -> None:
        if profile.soap is None:
            raise ValueError("the profile has no soap section")
        self._profile, self._soap, self._context = profile, profile.soap, context
        compiler = profile.compiler()
        self._calls = SoapCalls(profile.soap, compiler, profile.reports)
        self._channel = SoapChannel(profile, profile.soap, context, self._calls)
        self.reports = profile.compiled_reports(compiler)
        self._callbacks = CallbackReader(profile, context, self.reports.get("callback"))

    @property
    def profile(self) -> CityProfile:
        """The city's profile."""
        return self._profile

    async def deliver(self, message: OutboundMessage, files: FileSource) -> Acknowledgement:
        """Upload the files, where they go by themselves, then submit; all of it within `limits.timeout_s`."""
        submission = Submission()
        answer = await self._hand_over(self._calls.submit, message, message_words(message), files, submission)
        return taken(self._calls, answer, submission)

    async def follow_up(self, message: FollowUp, files: FileSource) -> Acknowledgement:
        """Hand over a supplement, its files as with an application, or a withdrawal."""
        withdrawal = message.kind is MessageKind.WITHDRAW
        operation = self._calls.withdraw if withdrawal else self._calls.supplement
        if operation is None:
            raise undescribed("interface for supplements and withdrawals", "补正、撤回接口")
        submission = Submission()
        answer = await self._hand_over(operation.request, message, follow_up_words(message), files, submission)
        if answer.meaning == "absent":  # it does not have the application: for a person
            raise undescribed()
        return acknowledgement(
            part(operation.case_number, answer, submission),
            part(operation.partner_reference, answer, submission),
            duplicate=answer.meaning == "duplicate",
            submission=submission,
        )

    async def report(self, report: ProgressReport) -> None:
        """Not spoken here: this city asks our API."""
        raise undescribed("interface for our progress", "接收进度的接口")

    async def listing(self, day: date) -> tuple[ListedCase, ...]:
        """The city's cases of one day, page by page; the limit of time is per page."""
        listing, listed = self._soap.listing, self._calls.listed
        if listing is None or listed is None:
            raise undescribed("listing for reconciliation", "对账清单接口")
        cases: list[ListedCase] = []
        words = day_words(day) | {"limit": listing.limit, "cursor": listing.start}
        more = True
        while more:
            rows, following = await self._listed_rows(words)
            cases += listed.read(rows)
            more = following is not None and len(rows) >= listing.limit
            if len(cases) > MOST_ROWS or (more and following == words["cursor"]):  # without end
                raise undescribed("listing for reconciliation", "对账清单")
            words["cursor"] = following
        return tuple(cases)

    async def _listed_rows(self, words: dict[str, Any]) -> tuple[list[Any], str | None]:
        """A page, and where the next one begins; null where the profile says that there is but one."""
        answer = await self._ask(self._calls.listing, words)
        rows, following = part(self._calls.listing_rows, answer), part(self._calls.listing_next, answer)
        paged = self._soap.listing is not None and self._soap.listing.next is not None
        if not isinstance(rows, list) or (paged and following is None):
            raise undescribed("listing for reconciliation", "对账清单")
        return rows, None if following is None else str(following)

    async def find(self, message: OutboundMessage) -> Acknowledgement | None:
        """Ask for the message by our reference."""
        return found(self._calls, await self._ask(self._calls.query, message.model_dump(mode="json")))

    async def collect(self, cursor: str | None) -> Collected:
        """One page of progress."""
        progress = self._soap.progress
        if progress is None:
            raise undescribed("progress call", "进度接口")
        answer = await self._ask(self._calls.progress, {"cursor": cursor or progress.start, "limit": progress.limit})
        return page(self._calls, answer, progress, self.reports["progress"])

    async def acknowledge(self, collected: Collected) -> None:
        """Nothing to do: the cursor says what we have."""

    async def fetch(self, file: RemoteFile) -> AsyncIterator[bytes]:
        """A result file, part by part where the city gives parts; the limit of time is per part."""
        download = self._soap.download
        if download is None:
            raise undescribed("download call", "下载接口")
        offset, most_bytes = 0, self._profile.limits.max_file_bytes
        while True:
            words = {"reference": file.reference, "offset": offset, "part_bytes": download.part_bytes}
            content = _from_base64(part(self._calls.content, await self._ask(self._calls.download, words)))
            offset += len(content)
            if offset > most_bytes:
                raise PartnerProtocol("The file exceeds this city's size limit.", "文件超过该城市的大小上限。")
            for start in range(0, len(content), _CHUNK_BYTES):
                yield content[start : start + _CHUNK_BYTES]
            if download.part_bytes is None or len(content) < download.part_bytes or offset == file.size_bytes:
                return

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Authenticate and translate, for a city that also calls."""
        return self._callbacks.read(request)

    def callback_reply(self) -> Mapping[str, Any]:
        """As the profile says."""
        return self._callbacks.reply

    async def probe(self) -> None:
        """One ping; without a ping call in the profile nothing is asked."""
        if self._calls.ping is not None:
            await self._ask(self._calls.ping, {})

    async def close(self) -> None:
        """Release connections."""
        await self._channel.close()

    def _now(self, words: dict[str, Any]) -> dict[str, Any]:
        return {**words, "now": self._context.now().isoformat()}

    async def _ask(self, request: SoapRequest | None, words: dict[str, Any]) -> Answer:
        if request is None:
            raise undescribed("interface for this question", "查询接口")
        with map_http_faults():
            async with asyncio.timeout(self._profile.limits.timeout_s):
                answer = await self._channel.call(request, self._now(words))
        if answer.meaning == "absent" and request is not self._calls.query:
            raise undescribed()
        return answer

    async def _hand_over(
        self,
        request: SoapRequest,
        message: OutboundMessage | FollowUp,
        spoken: dict[str, Any],
        files: FileSource,
        submission: Submission,
    ) -> Answer:
        check_sizes(message, self._profile.limits.max_file_bytes)
        with map_http_faults(submission):
            async with asyncio.timeout(self._profile.limits.timeout_s):
                words, contents = self._now(spoken), Contents(files)
                if message.files and self._calls.upload is not None:
                    await self._upload_all(self._calls.upload, message, words, contents)
                for material, outbound in zip(words["materials"], message.files, strict=False):  # papers come last
                    material["content"] = contents.mark(outbound.file)
                return await self._channel.call(request, words, submission, contents)

    async def _upload_all(
        self, request: SoapRequest, message: OutboundMessage | FollowUp, words: dict[str, Any], contents: Contents
    ) -> None:
        async def send(spoken: dict[str, Any], file: StoredFile) -> str:
            given = {**words, "file": spoken, "content": contents.mark(file)}
            answer = await self._channel.call(request, given, None, contents)
            if answer.meaning == "absent":
                raise undescribed()
            told = part(self._calls.upload_sha256, answer)
            return number_of(file, part(self._calls.upload_reference, answer), told)

        await upload_each(message, words, send)


def _from_base64(text: Any) -> bytes:
    """Lines as some write base64 are allowed; null is an empty part."""
    if text is None:
        return b""
    try:
        return b64decode("".join(text.split()), validate=True)
    except (AttributeError, ValueError, binascii.Error):
        raise undescribed() from None
