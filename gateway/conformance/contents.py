"""试办文件: invented files of any size, made while they are read; one kind breaks off in the middle."""

import hashlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from cryptography.hazmat.primitives import hashes

from schemas.application import StoredFile
from schemas.errors import Internal

_CHUNK_BYTES = 256 * 1024
_BEGINNING = b"%PDF-1.4\n% tongban conformance\n"


@dataclass(frozen=True, slots=True)
class Content:
    """内容: `size_bytes` bytes that no other content has."""

    seed: bytes
    size_bytes: int

    def pieces(self) -> list[tuple[int, int]]:
        """Where each chunk begins and ends."""
        return [
            (start, min(start + _CHUNK_BYTES, self.size_bytes)) for start in range(0, self.size_bytes, _CHUNK_BYTES)
        ]

    def piece(self, start: int, end: int) -> bytes:
        """The bytes of one chunk: not text, so that a transfer in text mode spoils them."""
        block = hashlib.shake_256(self.seed + start.to_bytes(8, "big")).digest(end - start)
        return (_BEGINNING + block[len(_BEGINNING) :])[: end - start] if start == 0 else block


def new_id() -> UUID:
    """编号 of everything this kit sends: a UUID version 8 that begins with 7462746b, so that a partner knows it."""
    number = int.from_bytes(b"tbtk" + secrets.token_bytes(12), "big")
    number = number & ~(0xF << 76) | (8 << 76)
    return UUID(int=number & ~(0x3 << 62) | (0x2 << 62))


def is_ours(identifier: UUID) -> bool:
    """Whether this kit has made it, in this run or an earlier one."""
    return identifier.bytes.startswith(b"tbtk")


class TrialFiles:
    """FileSource of the kit."""

    def __init__(self) -> None:
        self._contents: dict[str, Content] = {}
        self.broken = False
        """While it is true, every file breaks off in the middle."""

    def add(self, name: str, size_bytes: int) -> StoredFile:
        """A new file."""
        content = Content(secrets.token_bytes(16), size_bytes)
        sha256, sm3 = hashlib.sha256(), hashes.Hash(hashes.SM3())
        for start, end in content.pieces():
            piece = content.piece(start, end)
            sha256.update(piece)
            sm3.update(piece)
        self._contents[sha256.hexdigest()] = content
        return StoredFile(
            file_id=new_id(),
            name=name,
            media_type="application/pdf",
            size_bytes=size_bytes,
            sha256=sha256.hexdigest(),
            sm3=sm3.finalize().hex(),
        )

    async def open(self, file: StoredFile) -> AsyncIterator[bytes]:
        """Chunks in order; Internal in the middle of a file that is to break off."""
        content = self._contents[file.sha256]
        pieces = content.pieces()
        for number, (start, end) in enumerate(pieces):
            if self.broken and number >= len(pieces) // 2:
                raise Internal("The kit broke the transfer off on purpose.", "一致性检查有意中断传输。")
            yield content.piece(start, end)
