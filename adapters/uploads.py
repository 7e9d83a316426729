"""上传: a stored file as a request body, so that our own failures are not taken for the partner's."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from adapters.contract import FileSource
from adapters.faults import unavailable, undescribed
from schemas.application import StoredFile
from schemas.errors import CrossCityError, Internal, PartnerRefused
from schemas.message import FollowUp, OutboundMessage


def check_sizes(message: OutboundMessage | FollowUp, max_file_bytes: int) -> None:
    """PartnerRefused where a file is larger than the city takes: sending it again will not help."""
    if any(outbound.file.size_bytes > max_file_bytes for outbound in message.files):
        raise PartnerRefused(
            "A file is larger than the partner city takes.",
            "有文件超过对方城市的大小上限。",
            limit_bytes=max_file_bytes,
        )


async def upload_each(
    message: OutboundMessage | FollowUp,
    words: dict[str, Any],
    send: Callable[[dict[str, Any], StoredFile], Awaitable[str | None]],
) -> None:
    """Send each file once, in order; the number it got, if any, goes into its materials as `uploaded`."""
    numbers: dict[str, str | None] = {}
    for outbound, spoken in zip(message.files, words["files"], strict=True):
        file_id = spoken["file"]["file_id"]
        if file_id not in numbers:
            numbers[file_id] = await send(spoken["file"], outbound.file)
    for material in words["materials"]:
        if material["file"] is not None:
            material["uploaded"] = numbers[material["file"]["file_id"]]


def number_of(file: StoredFile, number: Any, sha256: Any) -> str:
    """The partner's number of a file it has whole; `sha256` is what it says it got, if it says so."""
    if sha256 is not None and sha256 != file.sha256:
        raise unavailable()  # spoilt on the way: an upload may be repeated
    if not isinstance(number, str) or not number:
        raise undescribed()
    return number


class StoredBytes:
    """已存文件的字节: `failure` tells why reading stopped; an HTTP client only sees a broken body."""

    def __init__(self, files: FileSource, file: StoredFile) -> None:
        self.failure: CrossCityError | None = None
        self._files, self._file = files, file

    async def chunks(self) -> AsyncIterator[bytes]:
        """Exactly `size_bytes` bytes, or an error that is also kept in `failure`."""
        left_bytes = self._file.size_bytes
        try:
            async for chunk in self._files.open(self._file):
                left_bytes -= len(chunk)
                if left_bytes < 0:
                    break
                yield chunk
        except CrossCityError as error:
            self.failure = error
            raise
        except OSError as error:
            self.failure = Internal("A stored file cannot be read.", "已存文件无法读取。")
            raise self.failure from error
        if left_bytes != 0:
            self.failure = Internal("A stored file has changed its size.", "已存文件的大小发生变化。")
            raise self.failure

    async def whole(self) -> bytes:
        """All of it in memory, for partners that take a file as one value."""
        return b"".join([chunk async for chunk in self.chunks()])
