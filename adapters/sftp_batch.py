"""SFTP批量适配器: a city that takes whole batches of files, and answers with files.

A batch is one CSV table with a row per application, one zip with the attachments, and a manifest with counts, sizes
and digests. Everything is sent under a temporary name and renamed; the manifest is renamed last, and with that the
batch is in the city's hands. Docs: docs/decisions/0011-sftp-batches.md.

How single messages become batches. The gateway calls `deliver` for each message, up to `limits.in_flight` at a time.
Calls within one window (`window.every_s`, `max_cases`, `max_bytes`) share a batch and return together, once its
manifest is in place: delivered = in place. What the city thinks of a row comes as progress, so that a bad row is
answered alone. `limits.timeout_s` has room for the window and for the sending after it.

What a cut means. Before the manifest is renamed nothing can have been taken: PartnerUnavailable for all of the batch.
If the answer to that rename is missing: PartnerAmbiguous for all. Which of the two it was is found out when a message
comes again, from this process or, after a crash, from any other: before each batch the records on the city's server
(adapters/batch_records.py) are searched for its messages. What is in place already is acknowledged as a duplicate; a
batch that is not is given up, its files removed, its messages free to go in the next one. Within one process a batch
all of whose messages come again goes on at the last block the server confirmed; otherwise it is sent anew.

Never is a message in a batch that nobody waits for: a call that was cancelled is taken out, or its batch is stopped
before the rename. The batch number is made from the message ids, so the same messages are the same batch.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from datetime import date
from typing import Any

from adapters.batch_building import BatchCase
from adapters.batch_gathering import Gathering
from adapters.batch_receiving import BatchReceiver
from adapters.batch_result_files import ResultFiles
from adapters.batch_sending import BatchSender
from adapters.callbacks import CallbackReader
from adapters.contract import AdapterContext, Callback, CallbackRequest, Collected, FileSource
from adapters.dialect import follow_up_words, message_words
from adapters.expression_functions import Unmappable
from adapters.faults import no_words, unavailable, undescribed
from adapters.profile import CityProfile, Duplicates
from adapters.sftp_calls import SftpCalls
from adapters.sftp_channel import SftpChannel
from adapters.sftp_listing import read_listing
from adapters.sftp_operations import APPLICATIONS, FOLLOW_UPS
from adapters.uploads import check_sizes
from schemas.message import Acknowledgement, FollowUp, ListedCase, OutboundMessage, ProgressReport, RemoteFile


class SftpBatchAdapter:
    """One city through batches over SFTP."""

    def __init__(self, profile: CityProfile, context: AdapterContext) -> None:
        if profile.sftp_batch is None:
            raise ValueError("the profile has no sftp_batch section")
        operations = profile.sftp_batch
        self._profile, self._context, self._operations = profile, context, operations
        compiler = profile.compiler()
        calls = SftpCalls(operations, compiler, profile.reports)
        self._calls, self._listing = calls.outgoing, calls.listing
        self.reports = profile.compiled_reports(compiler)
        self._callbacks = CallbackReader(profile, context, self.reports.get("callback"))
        self._channel = SftpChannel(profile, operations, context)
        idempotent = profile.duplicates is Duplicates.IDEMPOTENT
        self._sender = BatchSender(operations.outgoing, calls.outgoing, self._channel, context.now, repeats=idempotent)
        self._send_s = profile.limits.timeout_s - operations.window.every_s
        self._gathering = Gathering(
            operations.window, self._sender.send, at_once=profile.limits.in_flight, send_s=self._send_s
        )
        self._receiver = BatchReceiver(
            operations.incoming, calls.incoming, self.reports, most_bytes=operations.window.max_bytes
        )
        self._results = ResultFiles(
            operations.incoming, profile.limits.max_file_bytes, most_zip_bytes=operations.window.max_bytes
        )

    @property
    def profile(self) -> CityProfile:
        """The city's profile."""
        return self._profile

    async def deliver(self, message: OutboundMessage, files: FileSource) -> Acknowledgement:
        """Join a batch; return once its manifest is in place."""
        check_sizes(message, self._profile.limits.max_file_bytes)
        return await self._gathering.deliver(self._case(message, message_words(message), files))

    async def follow_up(self, message: FollowUp, files: FileSource) -> Acknowledgement:
        """Join a batch as a row of its other table; return once the manifest is in place."""
        if FOLLOW_UPS not in self._calls.tables:
            raise undescribed("interface for supplements and withdrawals", "补正、撤回接口")
        check_sizes(message, self._profile.limits.max_file_bytes)
        return await self._gathering.deliver(self._case(message, follow_up_words(message), files))

    async def report(self, report: ProgressReport) -> None:
        """Not spoken here: this city asks our API."""
        raise undescribed("interface for our progress", "接收进度的接口")

    async def listing(self, day: date) -> tuple[ListedCase, ...]:
        """The file the city leaves for a day; PartnerUnavailable until it is there."""
        operations, calls = self._operations.listing, self._listing
        if operations is None or calls is None:
            raise undescribed("listing for reconciliation", "对账清单接口")
        try:
            async with asyncio.timeout(self._send_s), self._channel.files() as files:
                return await read_listing(files, operations, calls, day)
        except TimeoutError:
            raise unavailable() from None

    async def find(self, message: OutboundMessage) -> Acknowledgement | None:
        """Look the message up in the records of sent batches."""
        if self._operations.outgoing.records is None:
            raise undescribed("interface for this question", "查询接口")
        try:
            async with asyncio.timeout(self._send_s):
                return await self._sender.find(message.message_id, message.received_at)
        except TimeoutError:
            raise unavailable() from None

    async def collect(self, cursor: str | None) -> Collected:
        """A page of rows from what the city has left for us."""
        try:
            async with asyncio.timeout(self._send_s), self._channel.files() as files:
                return await self._receiver.collect(files, cursor, self._context.now)
        except TimeoutError:
            raise unavailable() from None

    async def acknowledge(self, collected: Collected) -> None:
        """Move a set of files away once all its rows are stored."""
        if collected.token is None:
            return
        try:
            async with asyncio.timeout(self._send_s), self._channel.files() as files:
                await self._receiver.acknowledge(files, collected)
        except TimeoutError:
            raise unavailable() from None

    async def fetch(self, file: RemoteFile) -> AsyncIterator[bytes]:
        """A result file as it comes, alone or out of a zip."""
        async with self._channel.files() as files, aclosing(self._results.chunks(files, file.reference)) as chunks:
            async for chunk in chunks:
                yield chunk

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Authenticate and translate, for a city that also calls."""
        return self._callbacks.read(request)

    def callback_reply(self) -> Mapping[str, Any]:
        """As the profile says."""
        return self._callbacks.reply

    async def probe(self) -> None:
        """Log in, and look into the folder that is written to."""
        async with self._channel.files() as files:
            if await files.size(self._operations.outgoing.folder) is None:
                raise files.folder_missing()

    async def close(self) -> None:
        """Release the connection, and what is on our disk."""
        self._sender.close()
        self._results.close()
        await self._channel.close()

    def _case(self, message: OutboundMessage | FollowUp, words: dict[str, Any], files: FileSource) -> BatchCase:
        words["now"] = self._context.now().isoformat()
        if isinstance(message, OutboundMessage):
            role, given_at = APPLICATIONS, message.received_at
        else:
            role, given_at = FOLLOW_UPS, message.occurred_at
        table = self._calls.tables[role]
        try:
            entries = self._calls.name_entries(words)
            row = table.line(table.row(words))
        except Unmappable as error:
            raise no_words(error) from None
        named = {name: outbound.file for name, outbound in zip(entries, message.files, strict=True)}
        if any(named[name].sha256 != one.file.sha256 for name, one in zip(entries, message.files, strict=True)):
            raise no_words(Unmappable("two files have one name in the zip", "压缩包内两个文件同名"))
        return BatchCase(message.message_id, given_at, row, tuple(named.items()), files, role)
