"""SFTP文件操作: what is done with files on a city's server; every call is limited in time and mapped."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from stat import S_ISREG
from typing import IO

import asyncssh

from adapters.faults import Submission
from adapters.sftp_faults import Missing, folder_missing, sftp_faults
from schemas.errors import PartnerProtocol

BLOCK_BYTES = 1024 * 1024
"""Sent or read in one go, as many packets under way; what is resumed after a cut begins at such a block."""


@dataclass(frozen=True, slots=True)
class RemoteEntry:
    """目录项."""

    name: str
    size_bytes: int
    modified_s: float


class Upload:
    """上传: a local file and how much of it the server has confirmed."""

    def __init__(self, source: IO[bytes], size_bytes: int) -> None:
        self.source, self.size_bytes = source, size_bytes
        self.confirmed_bytes = 0
        self.done = False
        """Whether it has its final name."""

    async def block(self) -> bytes:
        """The next block that is not confirmed yet."""
        return await asyncio.to_thread(self._block, self.confirmed_bytes)

    def _block(self, offset: int) -> bytes:
        self.source.seek(offset)
        return self.source.read(BLOCK_BYTES)


class SftpFiles:
    """One connection's files. A missing file is Missing, a missing folder PartnerProtocol."""

    def __init__(self, client: asyncssh.SFTPClient, city: str, answer_s: float) -> None:
        self._client, self._city, self._answer_s = client, city, answer_s

    def folder_missing(self) -> PartnerProtocol:
        """The error for a folder of the profile that is not there."""
        return folder_missing(self._city)

    async def entries(self, folder: str) -> list[RemoteEntry]:
        """The plain files in a folder, in order of name. The time limit is for each answer."""
        found: list[RemoteEntry] = []
        names = self._client.scandir(folder)
        while True:
            try:
                async with sftp_faults(self._city, self._answer_s):
                    one = await anext(names, None)
            except Missing:
                raise folder_missing(self._city) from None
            if one is None:
                return sorted(found, key=lambda entry: entry.name)
            entry = _entry(one)
            if entry is not None:
                found.append(entry)

    async def size(self, path: str) -> int | None:
        """Bytes; None where there is no such file."""
        try:
            async with sftp_faults(self._city, self._answer_s):
                return (await self._client.stat(path)).size
        except Missing:
            return None

    async def read(self, path: str, most_bytes: int) -> bytes:
        """A small file. PartnerProtocol beyond `most_bytes`."""
        return b"".join([chunk async for chunk in self.chunks(path, most_bytes)])

    async def chunks(self, path: str, most_bytes: int) -> AsyncIterator[bytes]:
        """A file in blocks. PartnerProtocol beyond `most_bytes`."""
        handle = await self.open(path)
        try:
            async for chunk in self.chunks_of(handle, most_bytes):
                yield chunk
        finally:
            await self.release(handle)

    async def chunks_of(self, handle: "asyncssh.SFTPClientFile", most_bytes: int) -> AsyncGenerator[bytes, None]:
        """An open file in blocks. PartnerProtocol beyond `most_bytes`."""
        offset = 0
        while chunk := await self.read_at(handle, offset):
            offset += len(chunk)
            if offset > most_bytes:
                raise PartnerProtocol("A file of the city exceeds its size limit.", "对方文件超过大小上限。")
            yield chunk

    async def open(self, path: str) -> "asyncssh.SFTPClientFile":
        """For reading with `read_at`, whatever becomes of its name; `release` it."""
        async with sftp_faults(self._city, self._answer_s):
            return await self._client.open(path, "rb", encoding=None)

    async def size_of(self, handle: "asyncssh.SFTPClientFile") -> int:
        """Bytes of an open file."""
        async with sftp_faults(self._city, self._answer_s):
            return (await handle.stat()).size or 0

    async def read_at(self, handle: "asyncssh.SFTPClientFile", offset: int, most_bytes: int = BLOCK_BYTES) -> bytes:
        """One block; nothing at the end."""
        async with sftp_faults(self._city, self._answer_s):
            block: bytes = await handle.read(most_bytes, offset)
            return block

    async def release(self, handle: "asyncssh.SFTPClientFile") -> None:
        """Close a file; a connection that is gone has closed it."""
        with suppress(asyncssh.Error, OSError, TimeoutError):
            async with asyncio.timeout(self._answer_s):
                await handle.close()

    async def upload(self, path: str, upload: Upload) -> None:
        """Send what is not confirmed yet; a file that has become shorter than that is sent anew."""
        if upload.confirmed_bytes and (await self.size(path) or 0) < upload.confirmed_bytes:
            upload.confirmed_bytes = 0
        handle = await self._open_to_write(path, "r+b" if upload.confirmed_bytes else "wb")
        try:
            while block := await upload.block():
                async with sftp_faults(self._city, self._answer_s):
                    await handle.write(block, upload.confirmed_bytes)
                upload.confirmed_bytes += len(block)
        finally:
            await self.release(handle)

    async def write(self, path: str, content: bytes) -> None:
        """A small file in one go, over whatever was there."""
        handle = await self._open_to_write(path, "wb")
        try:
            async with sftp_faults(self._city, self._answer_s):
                await handle.write(content, 0)
        finally:
            await self.release(handle)

    async def _open_to_write(self, path: str, mode: str) -> "asyncssh.SFTPClientFile":
        try:
            async with sftp_faults(self._city, self._answer_s):
                return await self._client.open(path, mode, encoding=None)
        except Missing:
            raise folder_missing(self._city) from None

    async def rename(self, source: str, target: str, submission: Submission | None = None) -> None:
        """Give a file another name, over whatever had it."""
        async with sftp_faults(self._city, self._answer_s, submission):
            try:
                await self._client.posix_rename(source, target)
            except asyncssh.SFTPOpUnsupported:  # a server without the extension renames only to a free name
                with suppress(asyncssh.SFTPNoSuchFile):
                    await self._client.remove(target)
                await self._client.rename(source, target)

    async def remove(self, path: str) -> None:
        """Remove a file that may be gone already."""
        with suppress(Missing):
            async with sftp_faults(self._city, self._answer_s):
                await self._client.remove(path)


def _entry(one: asyncssh.SFTPName) -> RemoteEntry | None:
    attributes = one.attrs
    if attributes.permissions is not None and not S_ISREG(attributes.permissions):
        return None
    if not isinstance(one.filename, str) or one.filename in {".", ".."}:
        return None
    return RemoteEntry(one.filename, attributes.size or 0, float(attributes.mtime or 0))
