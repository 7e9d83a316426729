"""同类网关适配器: another gateway of this kind, by the peer protocol: one case, one number on both sides.

A delivery is its files under their own ids, then the application; the peer answers with its signed receipt, and with
the same one when it is sent again. Where the peer has no open port, what is meant for it is left in the tray and it
fetches it; where we have none for it, we fetch what it leaves, and bring result files along with our progress.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import date
from typing import Any
from uuid import UUID

import aiohttp
from pydantic import ValidationError

from adapters.contract import (
    AdapterContext,
    Callback,
    CallbackRequest,
    Collected,
    FileSource,
    LeftMessage,
    Tray,
)
from adapters.faults import Submission, map_http_faults, unavailable, undescribed, unreadable
from adapters.peer_client import Content, PeerAnswer, PeerClient
from adapters.peer_operations import Delivery
from adapters.peer_receipts import check_receipt
from adapters.peer_reports import read_reports
from adapters.peer_words import REPORT, body_sha256
from adapters.profile import CityProfile
from adapters.uploads import StoredBytes, check_sizes
from schemas.application import StoredFile, Submitted
from schemas.errors import Internal, NotFound, PartnerProtocol
from schemas.message import Acknowledgement, FollowUp, ListedCase, OutboundMessage, ProgressReport, RemoteFile
from schemas.reconciliation import CaseDigest

_FILES, _APPLICATIONS, _FOLLOW_UPS = "/v1/peer/files", "/v1/peer/applications", "/v1/peer/follow-ups"
_REPORTS, _MESSAGES, _LISTINGS = "/v1/peer/reports", "/v1/peer/messages", "/v1/peer/listings"
_DIGESTS = "/v1/peer/digests"
_MOST_PAGES = 1000


class PeerGatewayAdapter:
    """One peer."""

    def __init__(self, profile: CityProfile, context: AdapterContext) -> None:
        if profile.peer_gateway is None:
            raise ValueError("the profile has no peer_gateway section")
        self._profile, self._context, self._operations = profile, context, profile.peer_gateway
        self._left = profile.peer_gateway.delivery is Delivery.LEFT
        self._client = PeerClient(profile, profile.peer_gateway, context)

    @property
    def profile(self) -> CityProfile:
        """The city's profile."""
        return self._profile

    async def deliver(self, message: OutboundMessage, files: FileSource) -> Acknowledgement:
        """Files, then the application, within `limits.timeout_s`; or all of it left for the peer to fetch."""
        body = message.model_dump_json(exclude_none=True).encode()
        answer = await self._send(_APPLICATIONS, "SUBMIT", message, body, files)
        if answer is None:
            return Acknowledgement()
        receipt = self._receipt(answer.body, message.application_id, body_sha256(body))
        return Acknowledgement(duplicate=answer.replayed, receipt=receipt)

    async def follow_up(self, message: FollowUp, files: FileSource) -> Acknowledgement:
        """A supplement with its files, or a withdrawal."""
        body = message.model_dump_json(exclude_none=True).encode()
        answer = await self._send(_FOLLOW_UPS, message.kind.value, message, body, files)
        return Acknowledgement(duplicate=answer is not None and answer.replayed)

    async def report(self, report: ProgressReport) -> None:
        """Tell the peer, or leave it for the peer. Result files go along where it cannot fetch them."""
        row = report.model_dump_json(exclude_none=True).encode()
        if self._left:
            name = f"{report.application_id}/{report.report_id}"
            await self._tray().leave(self._profile.code, name, str(report.application_id), REPORT, row)
            return
        with map_http_faults(Submission()):
            async with asyncio.timeout(self._profile.limits.timeout_s):
                if self._profile.collection is not None:
                    for remote in report.files:
                        await self._upload(_stored(remote), self._own_files())
                await self._client.call("POST", _REPORTS, Content.json(b'{"data":[%s]}' % row))

    async def listing(self, day: date) -> tuple[ListedCase, ...]:
        """The peer's own list of the cases it has from us, page by page."""
        self._require_called()
        listed: list[ListedCase] = []
        after = ""
        for _ in range(_MOST_PAGES):
            page = await self._page(f"{_LISTINGS}/{day.isoformat()}", after)
            try:
                listed += [ListedCase.model_validate(row) for row in page["data"]]
            except ValidationError:
                raise undescribed("listing for reconciliation", "对账清单") from None
            if page["next"] is None:
                return tuple(listed)
            after = page["next"]
        raise undescribed("listing for reconciliation", "对账清单")

    async def digest(self, day: date) -> CaseDigest | None:
        """The peer's digest of the cases it has from us; None where it does not say that it can make one."""
        self._require_called()
        capabilities = (await self._client.discover()).get("capabilities")
        if not isinstance(capabilities, list) or "digests" not in capabilities:
            return None
        try:
            return CaseDigest.model_validate(await self._client.ask(f"{_DIGESTS}/{day.isoformat()}"))
        except ValidationError:
            raise undescribed("digest for reconciliation", "对账摘要") from None

    async def listing_part(self, day: date, buckets: Collection[int]) -> tuple[ListedCase, ...]:
        """The peer's list of these buckets, one call for each."""
        listed: list[ListedCase] = []
        for bucket in sorted(buckets):
            page = await self._page(f"{_DIGESTS}/{day.isoformat()}/{bucket:x}", "")
            try:
                listed += [ListedCase.model_validate(row) for row in page["data"]]
            except ValidationError:
                raise undescribed("listing for reconciliation", "对账清单") from None
        return tuple(listed)

    async def find(self, message: OutboundMessage) -> Acknowledgement | None:
        """Ask for the case by its number."""
        self._require_called()
        found = await self._client.ask(f"{_APPLICATIONS}/{message.application_id}")
        if found is None:
            return None
        body = message.model_dump_json(exclude_none=True).encode()
        receipt = self._receipt(found, message.application_id, body_sha256(body))
        return Acknowledgement(duplicate=True, receipt=receipt)

    async def collect(self, cursor: str | None) -> Collected:
        """One page of what happened there to our cases; asking on from it tells the peer that it is stored here."""
        page = await self._page(_REPORTS, cursor or "0")
        reports, unreadable_rows = read_reports(page["data"], self._profile.code)
        more = len(page["data"]) >= self._operations.limit
        return Collected(reports, page["next"] or cursor, more=more, unreadable=unreadable_rows)

    async def acknowledge(self, collected: Collected) -> None:
        """Nothing to do: the cursor says what we have."""

    async def fetch(self, file: RemoteFile) -> AsyncIterator[bytes]:
        """A result file: from the peer, or, where the peer had to bring it, from among our own."""
        if not self._left:
            async for chunk in self._client.stream(f"{_FILES}/{_identity(file.reference)}"):
                yield chunk
            return
        async for chunk in self._own_files().open(_stored(file)):
            yield chunk

    async def messages(self, after: int) -> tuple[LeftMessage, ...]:
        """A page of what the peer has left for us."""
        page = await self._page(_MESSAGES, str(after))
        try:
            return tuple(_left_message(row) for row in page["data"])
        except (LookupError, TypeError, ValueError):
            raise undescribed("list of messages", "待取报文清单") from None

    async def bring(self, file: StoredFile) -> AsyncIterator[bytes]:
        """A file of a message the peer has left."""
        async for chunk in self._client.stream(f"{_FILES}/{file.file_id}"):
            yield chunk

    async def answer(self, message_id: str, answer: bytes) -> None:
        """Tell the peer what became of a message."""
        with map_http_faults():
            async with asyncio.timeout(self._profile.limits.timeout_s):
                await self._client.call("POST", f"{_MESSAGES}/{message_id}/taken", Content.json(answer))

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Peers do not call back: they report at an address of their own."""
        raise NotFound("A peer reports at /v1/peer/reports.", "同类网关请向 /v1/peer/reports 报告进度。")

    def callback_reply(self) -> Mapping[str, Any]:
        """Nothing."""
        return {}

    async def probe(self) -> None:
        """Discovery, then a signed call and its signed answer. Nothing is asked of a peer that cannot be called."""
        if not self._left:
            await self._client.discover()
            await self._client.ask("/v1/peer/probe")

    async def close(self) -> None:
        """Release connections."""
        await self._client.close()

    async def _send(
        self, path: str, kind: str, message: OutboundMessage | FollowUp, body: bytes, files: FileSource
    ) -> PeerAnswer | None:
        """The peer's answer; None where the message is left for it."""
        check_sizes(message, self._profile.limits.max_file_bytes)
        if self._left:
            names = str(message.message_id), str(message.application_id)
            await self._tray().leave(self._profile.code, *names, kind, body)
            return None
        submission = Submission()
        with map_http_faults(submission):
            async with asyncio.timeout(self._profile.limits.timeout_s):
                for file in {outbound.file.file_id: outbound.file for outbound in message.files}.values():
                    await self._upload(file, files)
                return await self._client.call("POST", path, Content.json(body), submission)

    async def _upload(self, file: StoredFile, files: FileSource) -> None:
        source = StoredBytes(files, file)
        content = Content.file(source.chunks(), file.sha256, file.size_bytes)
        try:
            answer = await self._client.call("PUT", f"{_FILES}/{file.file_id}", content, name=file.name)
        except aiohttp.ClientError:
            if source.failure is not None:
                raise source.failure from None
            raise
        if not isinstance(answer.body, dict) or answer.body.get("sha256") != file.sha256:
            raise unavailable()  # spoilt on the way: an upload may be repeated

    def _receipt(self, body: Any, application_id: UUID, sha256: str) -> str:
        try:
            jws = Submitted.model_validate(body).receipt.jws
        except ValidationError:
            raise unreadable(Submission(begun=True)) from None
        check_receipt(
            jws,
            self._client.find_key,
            city=self._profile.code,
            own=self._context.city,
            application_id=application_id,
            body_sha256=sha256,
        )
        return jws

    async def _page(self, path: str, after: str) -> dict[str, Any]:
        page = await self._client.ask(path, after=after, limit=self._operations.limit)
        if not isinstance(page, dict) or not isinstance(page.get("data"), list):
            raise undescribed()
        following = page.get("next")
        if following is not None and not isinstance(following, str):
            raise undescribed()
        return {"data": page["data"], "next": following}

    def _tray(self) -> Tray:
        if self._context.tray is None:
            raise Internal("There is no tray here to leave a message in.", "此处没有待取件存放处。")
        return self._context.tray

    def _own_files(self) -> FileSource:
        if self._context.files is None:
            raise Internal("There are no stored files here.", "此处没有文件库。")
        return self._context.files

    def _require_called(self) -> None:
        if self._left:
            raise undescribed("open port", "开放端口")


def _stored(remote: RemoteFile) -> StoredFile:
    """A result file of ours, from what was said of it. PartnerProtocol where that is not enough to find it."""
    if remote.sha256 is None or remote.size_bytes is None:
        raise PartnerProtocol("A result file was announced without its digest.", "结果文件缺少摘要或大小。")
    return StoredFile.model_construct(
        file_id=UUID(_identity(remote.reference)),
        name=remote.name,
        media_type="application/octet-stream",
        size_bytes=remote.size_bytes,
        sha256=remote.sha256,
        sm3=remote.sm3 or "",
    )


def _identity(reference: str) -> str:
    """A file's id; anything else does not go into an address."""
    try:
        return str(UUID(reference))
    except ValueError:
        raise undescribed("file number", "文件编号") from None


def _left_message(row: Mapping[str, Any]) -> LeftMessage:
    message = row["message"]
    if not isinstance(message, dict):
        raise TypeError("a message is an object")
    body = json.dumps(message, ensure_ascii=False).encode()
    return LeftMessage(int(row["number"]), str(UUID(row["message_id"])), str(row["kind"]), body)
