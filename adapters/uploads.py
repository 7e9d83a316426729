"""上传: a stored file as a request body, so that our own failures are not taken for the partner's."""

from collections.abc import AsyncIterator

from adapters.contract import FileSource
from schemas.application import StoredFile
from schemas.errors import CrossCityError, Internal, PartnerRefused
from schemas.message import OutboundMessage


def check_sizes(message: OutboundMessage, max_file_bytes: int) -> None:
    """PartnerRefused where a file is larger than the city takes: sending it again will not help."""
    if any(outbound.file.size_bytes > max_file_bytes for outbound in message.files):
        raise PartnerRefused(
            "A file is larger than the partner city takes.",
            "有文件超过对方城市的大小上限。",
            limit_bytes=max_file_bytes,
        )


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
