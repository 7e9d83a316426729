"""批次记录: which message went in which batch, kept in a folder of ours on the city's server.

A record is a file with one message id a line. Its name says when the batch was sealed, its number, and how far it got:
  *.begun    nothing of the batch can have been taken: its manifest is not in place
  *.placing  the manifest is about to get its name, or has just got it
  *.sent     the batch is in the city's hands
A message that comes again, from this process or another, is looked up here; only records made since it was received
are read, so that an ordinary batch reads one or two.
"""

import re
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from adapters.sftp_faults import Missing
from adapters.sftp_files import RemoteEntry, SftpFiles
from adapters.sftp_operations import Outgoing

_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"([0-9]{8}T[0-9]{6}Z)-([A-Za-z0-9][A-Za-z0-9_\-]{0,79})\.(begun|placing|sent)")
_CLOCKS_DIFFER = timedelta(minutes=15)
"""Between two gateways of ours."""
_MOST_BYTES = 4 * 1024**2
_REMOVED_AT_ONCE = 50


class State(StrEnum):
    """How far a batch got."""

    BEGUN = "begun"
    PLACING = "placing"
    SENT = "sent"


@dataclass(frozen=True, slots=True)
class Record:
    """批次记录."""

    sealed_at: datetime
    number: str
    state: State

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.sealed_at.strftime(_STAMP)}-{self.number}.{self.state}"


@dataclass(frozen=True, slots=True)
class Found:
    """查得: a record and those of the wanted messages that are in it."""

    record: Record
    messages: Set[UUID]


class Records:
    """One city's records. `folder` as in the profile."""

    def __init__(self, outgoing: Outgoing, folder: str) -> None:
        self._folder, self._keep = folder, timedelta(days=outgoing.keep_days)

    async def begin(self, files: SftpFiles, record: Record, messages: Iterable[UUID]) -> None:
        """Write a record in the state `begun`, before the first byte of its batch."""
        text = "".join(f"{message_id}\n" for message_id in messages)
        part = self._path(record.name + ".part")
        await files.write(part, text.encode())
        await files.rename(part, self._path(record.name))

    async def move(self, files: SftpFiles, record: Record, state: State) -> Record:
        """The batch got further. Raises Missing where somebody has removed the record."""
        moved = Record(record.sealed_at, record.number, state)
        await files.rename(self._path(record.name), self._path(moved.name))
        return moved

    async def forget(self, files: SftpFiles, record: Record) -> None:
        """The batch was given up."""
        await files.remove(self._path(record.name))

    async def search(self, files: SftpFiles, messages: Set[UUID], since: datetime, now: datetime) -> Sequence[Found]:
        """The records that hold any of `messages`, received at `since` or later; oldest first.

        Records that are older than they are kept are removed on the way, some at a time.
        """
        found = []
        entries = await files.entries(self._folder)
        await self._clear(files, entries, now)
        for entry in entries:
            record = _read_name(entry.name)
            if record is None or record.sealed_at < since.astimezone(UTC) - _CLOCKS_DIFFER:
                continue
            try:
                text = await files.read(self._path(entry.name), _MOST_BYTES)
            except Missing:
                continue  # another gateway has just moved it: its messages are not ours
            if held := messages & _ids(text):
                found.append(Found(record, held))
        return found

    async def _clear(self, files: SftpFiles, entries: Sequence[RemoteEntry], now: datetime) -> None:
        old = [
            entry.name
            for entry in entries
            if (record := _read_name(entry.name)) is not None and record.sealed_at < now - self._keep
        ]
        for name in old[:_REMOVED_AT_ONCE]:
            await files.remove(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}"


def _read_name(name: str) -> Record | None:
    parts = _NAME.fullmatch(name)
    if parts is None:
        return None
    try:
        sealed_at = datetime.strptime(parts[1], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Record(sealed_at, parts[2], State(parts[3]))


def _ids(text: bytes) -> frozenset[UUID]:
    found = set()
    for line in text.split():
        try:
            found.add(UUID(line.decode("ascii")))
        except ValueError:
            continue
    return frozenset(found)
