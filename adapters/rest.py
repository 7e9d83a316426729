"""REST适配器: any city that is called over HTTP with JSON bodies, driven by its profile alone.

A delivery is its files, one call each, then the application. Files may be sent again without harm, so everything
before the application is "not booked"; from its first byte on, a missing answer is "not known".
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import date
from typing import Any

import aiohttp

from adapters.answered import found, page, taken
from adapters.answers import Answer, part
from adapters.callbacks import CallbackReader
from adapters.calls import RestCalls, Target
from adapters.contract import AdapterContext, Callback, CallbackRequest, Collected, FileSource
from adapters.dialect import message_words
from adapters.expression_functions import Unmappable, json_bytes
from adapters.faults import Submission, map_http_faults, no_words, undescribed
from adapters.http_channel import Channel
from adapters.profile import CityProfile
from adapters.uploads import StoredBytes, check_sizes, number_of, upload_each
from schemas.application import StoredFile
from schemas.message import Acknowledgement, FollowUp, ListedCase, OutboundMessage, ProgressReport, RemoteFile

_JSON = {"Content-Type": "application/json"}


class RestAdapter:
    """One city over HTTP."""

    def __init__(self, profile: CityProfile, context: AdapterContext) -> None:
        if profile.rest is None or profile.auth is None:
            raise ValueError("the profile has no rest section")
        self._profile = profile
        compiler = profile.compiler()
        self._calls = RestCalls(profile.rest, compiler)
        self._progress = profile.rest.progress
        self._channel = Channel(profile, profile.auth, context, self._calls.answers)
        self.reports = profile.compiled_reports(compiler)
        self._callbacks = CallbackReader(profile, context, self.reports.get("callback"))

    @property
    def profile(self) -> CityProfile:
        """The city's profile."""
        return self._profile

    async def deliver(self, message: OutboundMessage, files: FileSource) -> Acknowledgement:
        """Upload the files, then submit; all of it within `limits.timeout_s`."""
        check_sizes(message, self._profile.limits.max_file_bytes)
        submission = Submission()
        with map_http_faults(submission):
            async with asyncio.timeout(self._profile.limits.timeout_s):
                words = message_words(message)
                if message.files and self._calls.upload is not None:
                    await self._upload_all(self._calls.upload, message, words, files)
                return await self._submit(words, submission)

    async def follow_up(self, message: FollowUp, files: FileSource) -> Acknowledgement:
        """Hand over a supplement or a withdrawal."""
        raise undescribed("interface for supplements and withdrawals", "补正、撤回接口")

    async def report(self, report: ProgressReport) -> None:
        """Not spoken here: this city asks our API."""
        raise undescribed("interface for our progress", "接收进度的接口")

    async def listing(self, day: date) -> tuple[ListedCase, ...]:
        """The city's cases of one day."""
        raise undescribed("listing for reconciliation", "对账清单接口")

    async def find(self, message: OutboundMessage) -> Acknowledgement | None:
        """Ask for the message by our reference."""
        return found(self._calls, await self._ask(self._calls.query, message.model_dump(mode="json")))

    async def collect(self, cursor: str | None) -> Collected:
        """One page of progress."""
        calls, progress = self._calls, self._progress
        if progress is None:
            raise undescribed("progress call", "进度接口")
        answer = await self._ask(calls.progress, {"cursor": cursor or progress.start, "limit": progress.limit})
        return page(calls, answer, progress, self.reports["progress"])

    async def acknowledge(self, collected: Collected) -> None:
        """Nothing to do: the cursor says what we have."""

    async def fetch(self, file: RemoteFile) -> AsyncIterator[bytes]:
        """A result file as it comes."""
        if self._calls.download is None:
            raise undescribed("download call", "下载接口")
        async for chunk in self._channel.stream(self._calls.download.url({"reference": file.reference})):
            yield chunk

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Authenticate and translate."""
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

    async def _ask(self, target: Target | None, words: Mapping[str, Any]) -> Answer:
        if target is None:
            raise undescribed("interface for this question", "查询接口")
        try:
            url = target.url(words)
        except Unmappable as error:
            raise no_words(error) from None
        return await self._channel.ask(url)

    async def _upload_all(
        self, target: Target, message: OutboundMessage, words: dict[str, Any], files: FileSource
    ) -> None:
        async def send(spoken: dict[str, Any], file: StoredFile) -> str:
            return await self._upload(target.url({**words, "file": spoken}), StoredBytes(files, file), file)

        await upload_each(message, words, send)

    async def _upload(self, url: Any, source: StoredBytes, file: StoredFile) -> str:
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(file.size_bytes)}
        try:
            known = {"sha256": file.sha256, "sm3": file.sm3}
            answer = await self._channel.post(url, source.chunks(), headers, body_digest=known.__getitem__)
        except aiohttp.ClientError:
            if source.failure is not None:
                raise source.failure from None
            raise
        told = part(self._calls.upload_sha256, answer)
        return number_of(file, part(self._calls.upload_reference, answer), told)

    async def _submit(self, words: dict[str, Any], submission: Submission) -> Acknowledgement:
        calls = self._calls
        body = json_bytes(calls.submit_body(words))
        answer = await self._channel.post(calls.submit.url(words), body, _JSON, submission)
        return taken(calls, answer, submission)
