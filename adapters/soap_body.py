"""SOAP请求体: an envelope in which stored files appear as base64 while it is sent; no file is held whole."""

import re
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Sequence

from cryptography.hazmat.primitives import hashes

from adapters.contract import FileSource
from adapters.signing.request import DIGESTS, digests_of
from adapters.uploads import StoredBytes
from schemas.application import StoredFile
from schemas.errors import CrossCityError

_CHUNK_BYTES = 256 * 1024


class Contents:
    """文件内容: marks that stand for files in an XML text, of letters that neither XML nor an encoding changes."""

    def __init__(self, files: FileSource) -> None:
        self._files = files
        self._marker = f"M{secrets.token_hex(16)}."
        self._marked: list[StoredFile] = []

    def mark(self, file: StoredFile) -> str:
        """A text that becomes the file's base64."""
        self._marked.append(file)
        return f"{self._marker}{len(self._marked) - 1}."

    def body(self, envelope: bytes) -> "SoapBody":
        """The body for an envelope, with a file in the place of each mark."""
        pieces = re.split(re.escape(self._marker.encode()) + rb"([0-9]+)\.", envelope)
        return SoapBody(
            [self._marked[int(piece)] if number % 2 else piece for number, piece in enumerate(pieces)], self._files
        )


class SoapBody:
    """请求体: `failure` tells why a file could not be read; an HTTP client only sees a broken body."""

    def __init__(self, pieces: Sequence[bytes | StoredFile], files: FileSource | None = None) -> None:
        self._pieces, self._files = pieces, files
        self.failure: CrossCityError | None = None
        self.streamed = any(isinstance(piece, StoredFile) for piece in pieces)
        self.size_bytes = sum(
            len(piece) if isinstance(piece, bytes) else (piece.size_bytes + 2) // 3 * 4 for piece in pieces
        )

    def data(self) -> bytes | AsyncIterator[bytes]:
        """What an HTTP client is given: a small body as it is."""
        if self.size_bytes <= _CHUNK_BYTES and not self.streamed:
            return b"".join(piece for piece in self._pieces if isinstance(piece, bytes))
        return self.chunks()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, in pieces of at most 350 KiB."""
        for piece in self._pieces:
            if isinstance(piece, bytes):
                for start in range(0, len(piece), _CHUNK_BYTES):
                    yield piece[start : start + _CHUNK_BYTES]
            else:
                async for chunk in self._base64(piece):
                    yield chunk

    async def digests(self) -> Callable[[str], str]:
        """Digests of the whole body, for a signature that covers it; files are read once more for that."""
        if not self.streamed:
            return digests_of(b"".join(piece for piece in self._pieces if isinstance(piece, bytes)))
        running = {name: hashes.Hash(algorithm()) for name, algorithm in DIGESTS.items()}
        async for chunk in self.chunks():
            for one in running.values():
                one.update(chunk)
        return {name: one.finalize().hex() for name, one in running.items()}.__getitem__

    async def _base64(self, file: StoredFile) -> AsyncIterator[bytes]:
        assert self._files is not None  # noqa: S101 - only Contents puts files into a body
        source, rest = StoredBytes(self._files, file), b""
        try:
            async for chunk in source.chunks():
                left = rest + chunk
                end = len(left) - len(left) % 3
                rest = left[end:]
                yield b64encode(left[:end])
        finally:
            self.failure = source.failure
        yield b64encode(rest)
