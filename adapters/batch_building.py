"""批次文件: table, zip and manifest of one batch, made on this side before anything is sent.

The files have no name on our disk, so that nothing of a person is left there by a process that dies. Attachments pass
from the file store through the zip in chunks; digests are read from the finished file, in a thread.
"""

import asyncio
import hashlib
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any
from uuid import UUID

from cryptography.hazmat.primitives import hashes

from adapters.contract import FileSource
from adapters.expression_functions import Unmappable
from adapters.faults import no_words
from adapters.sftp_calls import OutgoingCalls, TableCalls
from adapters.sftp_files import BLOCK_BYTES, Upload
from adapters.sftp_operations import APPLICATIONS, ATTACHMENTS, FOLLOW_UPS, Outgoing
from adapters.uploads import StoredBytes
from schemas.application import StoredFile
from schemas.errors import CrossCityError

_FIXED_DATE = (1980, 1, 1, 0, 0, 0)
_ROWS_AT_ONCE = 200
"""Between two looks at what else the loop has to do."""


@dataclass(frozen=True, slots=True)
class BatchCase:
    """批内一件: one message, its row as bytes, and the names of its files in the zip."""

    message_id: UUID
    received_at: datetime
    row: bytes
    entries: tuple[tuple[str, StoredFile], ...]
    source: FileSource
    role: str = APPLICATIONS
    """Which table its row is in."""

    @property
    def size_bytes(self) -> int:
        """What it adds to a batch."""
        return len(self.row) + sum(file.size_bytes for _, file in self.entries)


class CaseFault(Exception):
    """批内一件有误: this one cannot go; the others can, without it."""

    def __init__(self, case: BatchCase, error: CrossCityError) -> None:
        super().__init__(error.detail)
        self.case, self.error = case, error


@dataclass(slots=True)
class Batch:
    """批次: `uploads` by the names the files get at the city; `close` gives back the room on our disk."""

    number: str
    sealed_at: datetime
    cases: Mapping[UUID, BatchCase]
    manifest: str
    uploads: dict[str, Upload] = field(default_factory=dict)
    recorded: bool = False
    manifest_bytes: bytes = b""
    held: ExitStack = field(default_factory=ExitStack)

    def close(self) -> None:
        """Forget the files."""
        self.held.close()


def number_of(cases: Sequence[BatchCase], calls: OutgoingCalls) -> str:
    """批次号: the same for the same messages, whenever and wherever they are put together."""
    digest = hashes.Hash(hashes.SM3())
    for message_id in sorted(case.message_id.bytes for case in cases):
        digest.update(message_id)
    first = min(case.received_at for case in cases)
    try:
        return calls.number(digest.finalize().hex()[:24], first.isoformat())
    except Unmappable as error:
        raise no_words(error) from None


async def build(cases: Mapping[UUID, BatchCase], outgoing: Outgoing, calls: OutgoingCalls, now: datetime) -> Batch:
    """The whole batch. Raises CaseFault for a message whose files cannot be read; PartnerProtocol."""
    ordered = sorted(cases.values(), key=lambda case: (case.received_at, case.message_id))
    number = number_of(ordered, calls)
    batch = Batch(number, now, cases, manifest=number + outgoing.manifest.ending)
    try:
        batch.manifest_bytes = calls.manifest(await _filled(batch, ordered, outgoing, calls))
    except Unmappable as error:
        batch.close()
        raise no_words(error) from None
    except BaseException:
        batch.close()
        raise
    return batch


async def _filled(batch: Batch, cases: Sequence[BatchCase], outgoing: Outgoing, calls: OutgoingCalls) -> dict[str, Any]:
    """The words of the manifest, once the batch has its files."""
    listed, counts = [], {}
    for role, table in outgoing.tables.items():
        file, rows = batch.held.enter_context(_nameless_file()), [case for case in cases if case.role == role]
        await _write_table(file, rows, calls.tables[role])
        counts[role] = len(rows)
        listed.append(await _finished(batch, role, batch.number + table.ending, file, len(rows)))
    packed = batch.held.enter_context(_nameless_file())
    entries = await _write_zip(packed, cases)
    name = batch.number + outgoing.attachments.ending
    listed.append(await _finished(batch, ATTACHMENTS, name, packed, entries))
    return {
        "batch": batch.number,
        "now": batch.sealed_at.isoformat(),
        "cases": counts[APPLICATIONS],
        "follow_ups": counts.get(FOLLOW_UPS, 0),
        "files": listed,
    }


def _nameless_file() -> IO[bytes]:
    return tempfile.TemporaryFile()


async def _write_table(table: IO[bytes], cases: Sequence[BatchCase], calls: TableCalls) -> None:
    table.write(calls.header())
    for start in range(0, len(cases), _ROWS_AT_ONCE):
        table.writelines(case.row for case in cases[start : start + _ROWS_AT_ONCE])
        await asyncio.sleep(0)


async def _write_zip(packed: IO[bytes], cases: Sequence[BatchCase]) -> int:
    """Every file once, uncompressed: scans and PDFs are compressed already. How many there are."""
    written: dict[str, str] = {}
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for case in cases:
            for name, file in case.entries:
                if name not in written:
                    written[name] = file.sha256
                    await _write_entry(archive, name, file, case)
                elif written[name] != file.sha256:
                    raise CaseFault(
                        case, no_words(Unmappable("two files have one name in the zip", "压缩包内两个文件同名"))
                    )
    return len(written)


async def _write_entry(archive: zipfile.ZipFile, name: str, file: StoredFile, case: BatchCase) -> None:
    entry = zipfile.ZipInfo(name, _FIXED_DATE)
    entry.file_size = file.size_bytes
    source = StoredBytes(case.source, file)
    with archive.open(entry, "w") as target:
        try:
            async for chunk in source.chunks():
                target.write(chunk)
        except CrossCityError as error:
            raise CaseFault(case, error) from None


async def _finished(batch: Batch, role: str, name: str, content: IO[bytes], count: int) -> dict[str, Any]:
    content.flush()
    size_bytes, sm3, sha256 = await asyncio.to_thread(_digested, content)
    batch.uploads[name] = Upload(content, size_bytes)
    return {"role": role, "name": name, "size_bytes": size_bytes, "sm3": sm3, "sha256": sha256, "count": count}


def _digested(content: IO[bytes]) -> tuple[int, str, str]:
    """Size, SM3 and SHA-256 of a file from its beginning."""
    digests = Digests()
    content.seek(0)
    while block := content.read(BLOCK_BYTES):
        digests.update(block)
    return digests.size_bytes, *digests.hex()


class Digests:
    """摘要: SM3 and SHA-256 of the same bytes."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._sm3, self._sha256 = hashes.Hash(hashes.SM3()), hashlib.sha256()

    def update(self, block: bytes) -> None:
        """More bytes."""
        self.size_bytes += len(block)
        self._sm3.update(block)
        self._sha256.update(block)

    def hex(self) -> tuple[str, str]:
        """SM3 and SHA-256; nothing can be added afterwards."""
        return self._sm3.finalize().hex(), self._sha256.hexdigest()
