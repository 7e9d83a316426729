"""发送批次: a batch onto the city's server, file by file, its manifest last.

What happens when, and what it means for the messages if the line is cut there:

  record `begun` → zip, table under temporary names, then renamed → manifest under its temporary name
                                                                           nothing was booked: PartnerUnavailable
  record `placing` → manifest renamed                                      not known: PartnerAmbiguous
  record `sent`                                                            delivered
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from adapters.batch_building import Batch, BatchCase, CaseFault, build
from adapters.batch_gathering import Ending, Load
from adapters.batch_records import Found, Record, Records, State
from adapters.faults import Submission, ambiguous, lost, unavailable
from adapters.sftp_calls import OutgoingCalls
from adapters.sftp_channel import SftpChannel
from adapters.sftp_faults import Missing
from adapters.sftp_files import SftpFiles
from adapters.sftp_operations import Outgoing
from schemas.errors import CrossCityError
from schemas.message import Acknowledgement


class BatchSender:
    """One city's batches on their way. `repeats` = the city books a message once, however often it comes."""

    def __init__(
        self,
        outgoing: Outgoing,
        calls: OutgoingCalls,
        channel: SftpChannel,
        now: Callable[[], datetime],
        *,
        repeats: bool,
    ) -> None:
        self._outgoing, self._calls, self._channel, self._now = outgoing, calls, channel, now
        self._records = None if outgoing.records is None else Records(outgoing, outgoing.records)
        self._repeats = repeats
        self._stalled: Batch | None = None
        """A batch that was cut off: it goes on where it stopped if all of its messages come again."""

    async def send(self, load: Load) -> Mapping[UUID, Ending]:
        """Every message's ending. What is in place stays delivered, whatever happens afterwards."""
        endings: dict[UUID, Ending] = {}
        submission = Submission()
        try:
            async with asyncio.timeout_at(load.until):
                await self._send(load, endings, submission)
        except TimeoutError:
            return {**dict.fromkeys(load.cases, lost(submission)), **endings}
        except CrossCityError as error:
            return {**dict.fromkeys(load.cases, error), **endings}
        return endings

    async def find(self, message_id: UUID, received_at: datetime) -> Acknowledgement | None:
        """Whether a message is in a batch that is in place. PartnerUnavailable where that cannot be told."""
        if self._records is None:
            return None
        unclear = False
        async with self._channel.files() as files:
            for found in await self._records.search(files, {message_id}, received_at, self._now()):
                where = await self._where(files, found.record)
                if where is State.SENT:
                    return _delivered(found.record.number, duplicate=True)
                unclear = unclear or where is None
        if unclear:
            raise unavailable()
        return None

    def close(self) -> None:
        """Forget what is on our disk."""
        self._drop(self._stalled)

    async def _send(self, load: Load, endings: dict[UUID, Ending], submission: Submission) -> None:
        fresh = {message_id: case for message_id, case in load.cases.items() if message_id not in load.gone}
        async with self._channel.files() as files:
            if self._records is not None and fresh:
                since = min(case.received_at for case in fresh.values())
                found = await self._records.search(files, fresh.keys(), since, self._now())
                await self._settle(files, found, endings)
                fresh = {message_id: case for message_id, case in fresh.items() if message_id not in endings}
            if (stalled := await self._resumable(files, fresh)) is not None:
                await self._deliver(files, stalled, load, endings, submission)
            if (batch := await self._built(fresh, endings)) is not None:
                await self._deliver(files, batch, load, endings, submission)

    async def _deliver(
        self, files: SftpFiles, batch: Batch, load: Load, endings: dict[UUID, Ending], submission: Submission
    ) -> None:
        await self._place(files, batch, load, submission)
        endings.update(dict.fromkeys(batch.cases, _delivered(batch.number, duplicate=False)))
        with suppress(CrossCityError, Missing):  # left undone it is made up for when one of the messages comes again
            await self._note(files, batch, State.PLACING, State.SENT)

    async def _settle(self, files: SftpFiles, known: Sequence[Found], endings: dict[UUID, Ending]) -> None:
        """Messages that were in a batch before: delivered, or free to go again."""
        for found in known:
            where = await self._where(files, found.record)
            if where is State.SENT:
                endings.update(dict.fromkeys(found.messages, _delivered(found.record.number, duplicate=True)))
            elif where is State.BEGUN and not self._is_stalled(found.record):
                await self._dissolve(files, found.record)
            elif where is None and not self._repeats:
                for message_id in found.messages - endings.keys():
                    endings[message_id] = ambiguous()

    async def _where(self, files: SftpFiles, record: Record) -> State | None:
        """How far a batch really got; None where that cannot be told: its manifest is gone under either name."""
        if record.state is not State.PLACING or self._records is None:
            return record.state
        manifest = self._path(record.number + self._outgoing.manifest.ending)
        if await files.size(manifest) is not None:
            with suppress(Missing):
                await self._records.move(files, record, State.SENT)
            return State.SENT
        return State.BEGUN if await files.size(manifest + self._outgoing.temporary) is not None else None

    async def _dissolve(self, files: SftpFiles, record: Record) -> None:
        """Give up a batch that is not in place: its manifest first, so that nobody can place it any more."""
        for part in self._outgoing.parts:
            path = self._path(record.number + part.ending)
            await files.remove(path + self._outgoing.temporary)
            if part is not self._outgoing.manifest:
                await files.remove(path)
        if self._records is not None:
            await self._records.forget(files, record)

    def _is_stalled(self, record: Record) -> bool:
        return self._stalled is not None and self._stalled.number == record.number

    async def _resumable(self, files: SftpFiles, fresh: dict[UUID, BatchCase]) -> Batch | None:
        """The batch that was cut off, if all of its messages are here; they are taken out of `fresh`."""
        stalled = self._stalled
        if stalled is None or fresh.keys().isdisjoint(stalled.cases):
            return None
        if stalled.cases.keys() <= fresh.keys():
            for message_id in stalled.cases:
                del fresh[message_id]
            return stalled
        self._drop(stalled)
        await self._dissolve(files, Record(stalled.sealed_at, stalled.number, State.BEGUN))
        return None

    async def _built(self, fresh: dict[UUID, BatchCase], endings: dict[UUID, Ending]) -> Batch | None:
        while fresh:
            try:
                return await build(fresh, self._outgoing, self._calls, self._now())
            except CaseFault as fault:
                endings[fault.case.message_id] = fault.error
                del fresh[fault.case.message_id]
        return None

    async def _place(self, files: SftpFiles, batch: Batch, load: Load, submission: Submission) -> None:
        if self._stalled is not batch:
            self._drop(self._stalled)
            self._stalled = batch
        try:
            await self._upload(files, batch)
            if not load.gone.isdisjoint(batch.cases):
                raise unavailable()
            await self._note(files, batch, State.BEGUN, State.PLACING)
            submission.begun = True
            manifest = self._path(batch.manifest)
            await files.rename(manifest + self._outgoing.temporary, manifest, submission)
            submission.begun = False
        except Missing:  # removed on the city's side, or given up by another gateway of ours
            self._drop(batch)
            raise lost(submission) from None
        finally:
            if submission.begun:
                self._drop(batch)
        self._drop(batch)

    async def _upload(self, files: SftpFiles, batch: Batch) -> None:
        if self._records is not None and not batch.recorded:
            await self._records.begin(files, Record(batch.sealed_at, batch.number, State.BEGUN), batch.cases)
            batch.recorded = True
        for name, upload in batch.uploads.items():
            path = self._path(name)
            if upload.done and await files.size(path) == upload.size_bytes:
                continue
            await files.upload(path + self._outgoing.temporary, upload)
            await files.rename(path + self._outgoing.temporary, path)
            upload.done = True
        await files.write(self._path(batch.manifest) + self._outgoing.temporary, batch.manifest_bytes)

    async def _note(self, files: SftpFiles, batch: Batch, state: State, further: State) -> None:
        if self._records is not None:
            await self._records.move(files, Record(batch.sealed_at, batch.number, state), further)

    def _drop(self, batch: Batch | None) -> None:
        if batch is not None:
            batch.close()
        if batch is self._stalled:
            self._stalled = None

    def _path(self, name: str) -> str:
        return f"{self._outgoing.folder}/{name}"


def _delivered(number: str, *, duplicate: bool) -> Acknowledgement:
    return Acknowledgement(duplicate=duplicate, partner_reference=number)
