"""文件库: bytes are kept once, under their SHA-256; a row per upload says who brought them under which name.

An upload is written aside, both digests are computed on the way, and only a whole and synced file is renamed into
place. A file id therefore never points to half a file.
"""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import filetype
from cryptography.hazmat.primitives import hashes

from gateway.storage.database import Database, Row, Transaction
from gateway.storage.sql import SQL
from schemas.application import StoredFile
from schemas.errors import TooLarge

CHUNK_BYTES = 256 * 1024
_HEAD_BYTES = 8192
_TAIL_BYTES = 64 * 1024
_INSERT = SQL(
    "INSERT INTO files (file_id, caller, name, media_type, size_bytes, sha256, sm3, created_at_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_ONCE = SQL(f"{_INSERT.text} ON CONFLICT DO NOTHING RETURNING file_id")
_SELECT = "SELECT file_id, name, media_type, size_bytes, sha256, sm3, caller FROM files"
_BY_IDS = SQL(f"{_SELECT} WHERE file_id IN_LIST ?")
_CITIES_OF = SQL(
    "SELECT a.collecting_city, a.deciding_city FROM case_files c "
    "JOIN applications a ON a.application_id = c.application_id WHERE c.file_id = ?"
)


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes in the store."""

    sha256: str
    sm3: str
    size_bytes: int
    media_type: str


class FileStore:
    """Content-addressed files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Where the bytes with this digest are."""
        return self._folder / sha256[:2] / sha256

    async def save(self, chunks: AsyncIterator[bytes], *, limit_bytes: int) -> Content:
        """Store a stream; TooLarge past `limit_bytes`, with nothing kept."""
        descriptor, name = tempfile.mkstemp(dir=self._incoming)
        path = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as handle:
                content = await self._receive(chunks, handle.write, limit_bytes, path)
                handle.flush()
                await asyncio.to_thread(os.fsync, handle.fileno())
            await asyncio.to_thread(self._place, path, self.path(content.sha256))
        except BaseException:
            await asyncio.to_thread(path.unlink, missing_ok=True)
            raise
        return content

    async def _receive(self, chunks: AsyncIterator[bytes], write: object, limit_bytes: int, path: Path) -> Content:
        sha256, sm3 = hashlib.sha256(), hashes.Hash(hashes.SM3())
        size, head, tail = 0, b"", b""
        assert callable(write)  # noqa: S101 - for the type checker
        async for chunk in chunks:
            size += len(chunk)
            if size > limit_bytes:
                raise TooLarge(
                    f"The file exceeds {limit_bytes} bytes.",
                    f"文件超过 {limit_bytes // (1024 * 1024)} MB 的上限。",
                    limit_bytes=limit_bytes,
                )
            sha256.update(chunk)
            sm3.update(chunk)
            write(chunk)
            head = (head + chunk)[:_HEAD_BYTES] if len(head) < _HEAD_BYTES else head
            tail = (tail + chunk)[-_TAIL_BYTES:]
        return Content(sha256.hexdigest(), sm3.finalize().hex(), size, sniff(head, tail))

    @staticmethod
    def _place(source: Path, target: Path) -> None:
        target.parent.mkdir(exist_ok=True)
        source.replace(target)
        directory = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    async def open(self, file: StoredFile) -> AsyncIterator[bytes]:
        """The bytes of a stored file in chunks."""
        with self.path(file.sha256).open("rb") as handle:
            while chunk := await asyncio.to_thread(handle.read, CHUNK_BYTES):
                yield chunk


def sniff(head: bytes, tail: bytes) -> str:
    """The media type by content; OFD is a zip whose directory names OFD.xml."""
    if head.startswith(b"PK\x03\x04") and b"OFD.xml" in tail:
        return "application/ofd"
    kind = filetype.guess(head)
    return str(kind.mime) if kind is not None else "application/octet-stream"


async def insert(tx: Transaction, caller: str, file: StoredFile, now_ms: int) -> None:
    """Note an upload."""
    await tx.execute(
        _INSERT,
        str(file.file_id),
        caller,
        file.name,
        file.media_type,
        file.size_bytes,
        file.sha256,
        file.sm3,
        now_ms,
    )


async def insert_once(tx: Transaction, caller: str, file: StoredFile, now_ms: int) -> bool:
    """Note a file under a number its sender gave it; False where the number is in use."""
    row = (caller, file.name, file.media_type, file.size_bytes, file.sha256, file.sm3, now_ms)
    return await tx.fetch_one(_INSERT_ONCE, str(file.file_id), *row) is not None


def stored_file(row: Row) -> StoredFile:
    """From (file_id, name, media_type, size_bytes, sha256, sm3, …)."""
    return StoredFile.model_construct(
        file_id=UUID(row[0]), name=row[1], media_type=row[2], size_bytes=row[3], sha256=row[4], sm3=row[5]
    )


async def by_ids(db: Database | Transaction, ids: Sequence[str]) -> dict[str, tuple[StoredFile, str]]:
    """(file, caller who brought it) by id; unknown ids are absent."""
    if not ids:
        return {}
    return {row[0]: (stored_file(row), row[6]) for row in await db.fetch(_BY_IDS, list(ids))}


async def cities_of(db: Database, file_id: str) -> list[Row]:
    """(collecting_city, deciding_city) of every case the file belongs to."""
    return await db.fetch(_CITIES_OF, file_id)
