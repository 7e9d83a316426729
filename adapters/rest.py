"""REST适配器: any city that is called over HTTP, driven by its profile alone.

A delivery is the steps before it and its files, then the application. All but the last may be made again without
harm, so everything before it is "not booked"; from its first byte on, a missing answer is "not known".
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import date
from typing import Any

from adapters.answered import found, rows_of, taken
from adapters.answers import Answer, part
from adapters.callbacks import CallbackReader
from adapters.contract import AdapterContext, Callback, CallbackRequest, Collected, FileSource
from adapters.dialect import follow_up_words, message_words
from adapters.faults import Submission, map_http_faults, undescribed
from adapters.http_channel import Channel
from adapters.links import Links, LinkSession
from adapters.listing import MOST_ROWS, day_words
from adapters.profile import CityProfile
from adapters.reading import read_rows
from adapters.request_body import Attached, Request
from adapters.rest_calls import RestCalls, RestOperation
from adapters.rest_steps import Preparation, Words
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


class RestAdapter:
    """One city over HTTP."""

    def __init__(self, profile: CityProfile, context: AdapterContext) -> None:
        if profile.rest is None or profile.auth is None:
            raise ValueError("the profile has no rest section")
        self._profile, self._context = profile, context
        compiler = profile.compiler()
        self._calls = RestCalls(profile.rest, compiler, profile.reports)
        self._channel = Channel(profile, profile.auth, context, self._calls.answers)
        self._links, self._link_session = Links(profile.rest), LinkSession(profile.rest)
        self.reports = profile.compiled_reports(compiler)
        self._callbacks = CallbackReader(profile, context, self.reports.get("callback"))

    @property
    def profile(self) -> CityProfile:
        """The city's profile."""
        return self._profile

    async def deliver(self, message: OutboundMessage, files: FileSource) -> Acknowledgement:
        """Make the steps, upload the files, then submit; all of it within `limits.timeout_s`."""
        return await self._hand_over(self._calls.submit, message, message_words(message), files)

    async def follow_up(self, message: FollowUp, files: FileSource) -> Acknowledgement:
        """Hand over a supplement, its files as with an application, or a withdrawal."""
        calls = self._calls
        operation = calls.withdraw if message.kind is MessageKind.WITHDRAW else calls.supplement
        if operation is None:
            raise undescribed("interface for supplements and withdrawals", "补正、撤回接口")
        return await self._hand_over(operation, message, follow_up_words(message), files)

    async def report(self, report: ProgressReport) -> None:
        """Not spoken here: this city asks our API."""
        raise undescribed("interface for our progress", "接收进度的接口")

    async def listing(self, day: date) -> tuple[ListedCase, ...]:
        """The city's cases of one day, page by page; the limit of time is per page."""
        listing = self._calls.listing
        if listing is None:
            raise undescribed("listing for reconciliation", "对账清单接口")
        now = self._context.now()
        cases: list[ListedCase] = []
        at, before = listing.pager.standing(None, now), [None]
        while True:
            answer = await self._ask(listing.operation, day_words(day) | listing.pager.words(at))
            rows, following = _listed_rows(listing.rows, answer), part(listing.next, answer)
            if not rows or rows == before:  # some repeat their last page for ever
                return tuple(cases)
            if len(cases) + len(rows) > MOST_ROWS:
                raise undescribed("listing for reconciliation", "对账清单")
            cases += listing.case.read(rows)
            if (following_at := listing.pager.turned(at, following)) == at:
                return tuple(cases)
            at, before = following_at, rows

    async def find(self, message: OutboundMessage) -> Acknowledgement | None:
        """Ask for the message by our reference."""
        answer = await self._ask(self._calls.query, message.model_dump(mode="json"))
        return found(self._calls, answer)

    async def collect(self, cursor: str | None) -> Collected:
        """One page of progress."""
        calls, pager, now = self._calls, self._calls.pager, self._context.now()
        if pager is None:
            raise undescribed("progress call", "进度接口")
        at = pager.standing(cursor, now)
        answer = await self._ask(calls.progress, pager.words(at))
        rows, following = rows_of(calls.progress_rows, answer), part(calls.progress_next, answer)
        if pager.must_be_told(following):
            raise undescribed()
        read, unreadable = read_rows(self.reports["progress"], rows)
        at, more = pager.after(at, len(rows), following, now)
        return Collected(read, at.text(), more=more, unreadable=unreadable)

    async def acknowledge(self, collected: Collected) -> None:
        """Nothing to do: the cursor says what we have."""

    async def fetch(self, file: RemoteFile) -> AsyncIterator[bytes]:
        """A result file as it comes, by a call or by the link that the city gave."""
        if (url := self._links.leads_to(file.reference)) is not None:
            request = Request("GET", url, {}, b"")
            link = None if self._links.is_home(url) else self._link_session
            async for chunk in self._channel.stream(request, link):
                yield chunk
            return
        download = self._calls.download
        if download is None:
            raise undescribed("download call", "下载接口")
        with map_http_faults():
            async with asyncio.timeout(self._profile.limits.timeout_s):
                request = download.call.request(await self._prepared(download, {"reference": file.reference}))
        async for chunk in self._channel.stream(request):
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
        await self._link_session.close()

    async def _ask(self, operation: RestOperation | None, words: Words) -> Answer:
        """A question; it may be repeated, so a lost answer is PartnerUnavailable."""
        if operation is None:
            raise undescribed("interface for this question", "查询接口")
        with map_http_faults():
            async with asyncio.timeout(self._profile.limits.timeout_s):
                words = await self._prepared(operation, words)
                return await self._channel.call(operation.call.request(words), operation.call.judge)

    async def _prepared(self, operation: RestOperation, words: Words) -> Words:
        if not operation.first:
            return words
        preparation = Preparation(self._channel, self._now(words))
        await preparation.run(operation.first)
        return preparation.words

    async def _hand_over(
        self, operation: RestOperation, message: OutboundMessage | FollowUp, spoken: Words, files: FileSource
    ) -> Acknowledgement:
        check_sizes(message, self._profile.limits.max_file_bytes)
        calls, call, submission = self._calls, operation.call, Submission()
        with map_http_faults(submission):
            async with asyncio.timeout(self._profile.limits.timeout_s):
                words: Words = self._now(spoken)
                attached: Attached = ()
                uploads = bool(message.files) and calls.upload is not None
                if operation.first or uploads or call.content.takes_files:
                    words, attached = await self._before(operation, Preparation(self._channel, words, message, files))
                request = call.request(words, attached, files)
                return taken(call, await self._channel.call(request, call.judge, submission), submission)

    async def _before(self, operation: RestOperation, preparation: Preparation) -> tuple[Words, Attached]:
        """Everything before what is handed over: what is known then, and the files that go with it."""
        calls = self._calls
        await preparation.run(operation.first)
        if calls.upload is not None:
            await preparation.upload(calls.upload, calls.upload_reference, calls.upload_sha256)
        return preparation.words, preparation.attached() if operation.call.content.takes_files else ()

    def _now(self, words: Words) -> Words:
        words["now"] = self._context.now().isoformat()
        return words


def _listed_rows(rows: Any, answer: Answer) -> list[Any]:
    """A day without cases may be told as "not there"."""
    return [] if answer.meaning == "absent" else rows_of(rows, answer)
