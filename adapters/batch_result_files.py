"""结果文件: one file of the city, alone in its folder or in a zip there: `name`, or `zip name!entry name`.

A zip is read where it is: its directory, then the one entry, in blocks. zipfile is no coroutine, so it works in a
thread that asks the loop for each block; the threads are our own, so that a city that hangs holds up nobody else.
"""

import asyncio
import io
import zipfile
import zlib
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from typing import IO, Any

import asyncssh

from adapters.sftp_calls import plain_name
from adapters.sftp_faults import Missing
from adapters.sftp_files import SftpFiles
from adapters.sftp_operations import Incoming
from schemas.errors import PartnerProtocol

_CHUNK_BYTES = 256 * 1024
_THREADS = 2
_SPOILT = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error, OSError, ValueError)


class ResultFiles:
    """One city's result files, before or after their set was moved to `done`."""

    def __init__(self, incoming: Incoming, most_bytes: int, most_zip_bytes: int) -> None:
        self._folders = (incoming.folder, incoming.done)
        self._most_bytes, self._most_zip_bytes = most_bytes, most_zip_bytes
        self._threads = ThreadPoolExecutor(_THREADS, "sftp-results")

    def close(self) -> None:
        """Release the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def chunks(self, files: SftpFiles, reference: str) -> AsyncGenerator[bytes, None]:
        """PartnerProtocol for a file that is not there, too large, or in a zip that cannot be read."""
        name, inside, entry = reference.partition("!")
        if plain_name(name) is None:
            raise _absent()
        handle = await self._open(files, name)
        try:
            content = self._entry(files, handle, entry) if inside else files.chunks_of(handle, self._most_bytes)
            async with aclosing(content):
                async for chunk in content:
                    yield chunk
        finally:
            await files.release(handle)

    async def _open(self, files: SftpFiles, name: str) -> asyncssh.SFTPClientFile:
        """Where it was first: a file that is moved between two looks is then found in the second place."""
        for folder in self._folders:
            with suppress(Missing):
                return await files.open(f"{folder}/{name}")
        raise _absent()

    async def _entry(
        self, files: SftpFiles, handle: asyncssh.SFTPClientFile, entry: str
    ) -> AsyncGenerator[bytes, None]:
        loop, size_bytes = asyncio.get_running_loop(), await files.size_of(handle)
        if size_bytes > self._most_zip_bytes:
            raise PartnerProtocol("The city's zip exceeds its size limit.", "对方压缩包超过大小上限。")

        def block(offset: int, most_bytes: int) -> bytes:
            return asyncio.run_coroutine_threadsafe(files.read_at(handle, offset, most_bytes), loop).result()

        remote = io.BufferedReader(_Blocks(block, size_bytes), _CHUNK_BYTES)
        stream = await loop.run_in_executor(self._threads, _open_entry, remote, entry)
        left_bytes = self._most_bytes
        with stream:
            while chunk := await loop.run_in_executor(self._threads, _read, stream):
                left_bytes -= len(chunk)
                if left_bytes < 0:
                    raise PartnerProtocol("The file exceeds this city's size limit.", "文件超过该城市的大小上限。")
                yield chunk


def _absent() -> PartnerProtocol:
    return PartnerProtocol("The result file is not on the city's server.", "对方服务器上没有该结果文件。")


def _open_entry(remote: IO[bytes], entry: str) -> IO[bytes]:
    try:
        return zipfile.ZipFile(remote).open(entry)
    except KeyError:
        raise _absent() from None
    except _SPOILT:
        raise _spoilt() from None


def _read(stream: IO[bytes]) -> bytes:
    try:
        return stream.read(_CHUNK_BYTES)
    except _SPOILT:
        raise _spoilt() from None


def _spoilt() -> PartnerProtocol:
    return PartnerProtocol("The city's zip cannot be read.", "对方压缩包无法读取。")


class _Blocks(io.RawIOBase):
    """A file of known size that is read block by block."""

    def __init__(self, block: Callable[[int, int], bytes], size_bytes: int) -> None:
        self._block, self._size_bytes, self._at = block, size_bytes, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        found = self._block(self._at, len(buffer))
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)
