"""复合文档: the container of xls and of encrypted office files: its directory and one stream.

Source: [MS-CFB] §2. Chains are followed for as many steps as the file has sectors, so that a loop ends.
"""

import struct
from dataclasses import dataclass

MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
_LAST_SECTOR = 0xFFFFFFFA
_ENTRY_BYTES = 128
_STREAM, _ROOT = 2, 5


class Damaged(ValueError):
    """The container contradicts itself."""


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    kind: int
    start: int
    size: int


class CompoundFile:
    """复合文档, from its bytes. Raises Damaged or struct.error."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        shift, mini_shift = struct.unpack_from("<2H", content, 30)
        if shift not in (9, 12) or mini_shift != 6:
            raise Damaged("sector size")
        self._sector_bytes, self._mini_bytes = 1 << shift, 1 << mini_shift
        self._most_sectors = len(content) // self._sector_bytes + 1
        (directory,) = struct.unpack_from("<I", content, 48)
        self._cutoff, mini_fat = struct.unpack_from("<2I", content, 56)
        self._fat = self._numbers(self._fat_sectors())
        self._mini_fat = self._numbers(self._chain(mini_fat))
        listing = b"".join(map(self._sector, self._chain(directory)))
        offsets = range(0, len(listing) - _ENTRY_BYTES + 1, _ENTRY_BYTES)
        self._entries = [_entry(listing, offset) for offset in offsets]
        self.names = frozenset(one.name for one in self._entries if one.kind)

    def stream(self, name: str) -> bytes:
        """The bytes of a stream. Raises Damaged where there is none."""
        entry = next((one for one in self._entries if one.name == name and one.kind == _STREAM), None)
        if entry is None:
            raise Damaged(f"no stream {name}")
        if entry.size >= self._cutoff:
            return b"".join(map(self._sector, self._chain(entry.start)))[: entry.size]
        root = next((one for one in self._entries if one.kind == _ROOT), None)
        if root is None:
            raise Damaged("no root")
        small = b"".join(map(self._sector, self._chain(root.start)))
        starts = [number * self._mini_bytes for number in self._follow(entry.start, self._mini_fat)]
        return b"".join(small[start : start + self._mini_bytes] for start in starts)[: entry.size]

    def _fat_sectors(self) -> list[int]:
        sectors = list(struct.unpack_from("<109I", self._content, 76))
        following, count = struct.unpack_from("<2I", self._content, 68)
        per_sector = self._sector_bytes // 4
        for _ in range(min(count, self._most_sectors)):
            *more, following = struct.unpack(f"<{per_sector}I", self._sector(following))
            sectors += more
        return [one for one in sectors if one < _LAST_SECTOR][: self._most_sectors]

    def _numbers(self, sectors: list[int]) -> list[int]:
        content = b"".join(map(self._sector, sectors))
        return list(struct.unpack(f"<{len(content) // 4}I", content))

    def _chain(self, start: int) -> list[int]:
        return self._follow(start, self._fat)

    def _follow(self, start: int, table: list[int]) -> list[int]:
        found: list[int] = []
        while start < _LAST_SECTOR:
            if start >= len(table) or len(found) > len(table):
                raise Damaged("chain")
            found.append(start)
            start = table[start]
        return found

    def _sector(self, number: int) -> bytes:
        start = (number + 1) * self._sector_bytes
        content = self._content[start : start + self._sector_bytes]
        if not content:
            raise Damaged("sector")
        return content.ljust(self._sector_bytes, b"\0")


def _entry(listing: bytes, offset: int) -> _Entry:
    length, kind = struct.unpack_from("<HB", listing, offset + 64)
    start, size = struct.unpack_from("<2I", listing, offset + 116)
    name = listing[offset : offset + min(max(length - 2, 0), 64)].decode("utf-16-le", "replace")
    return _Entry(name, kind, start, size)
