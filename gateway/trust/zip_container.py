"""压缩包: a zip read by its central directory, refusing everything two readers could understand differently.

Names are unique also when case is folded; local headers agree with the directory; entries lie one behind the other
from the first byte to the directory, so that nothing is hidden before, between or after them. Inflating is bounded.
Raises PackageError naming the part.
"""

import struct
import unicodedata
import zlib
from dataclasses import dataclass, field

from gateway.trust.policy import Policy

_END, _CENTRAL, _LOCAL = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"
_DESCRIPTOR = b"PK\x07\x08"
_ENCRYPTED, _DESCRIBED, _PATCHED, _STRONG, _UTF8, _MASKED = 0x1, 0x8, 0x20, 0x40, 0x800, 0x2000
_STORED, _DEFLATED = 0, 8
_SECOND_NAMES = frozenset({0x0001, 0x7075})
"""Extra fields: zip64 sizes, Unicode path."""
_SYMLINK = 0o120000
_FREE_RATIO_BYTES = 64 * 1024
_LONGEST_NAME = 512


class PackageError(ValueError):
    """The container cannot be trusted; `part` says where, in its own words."""

    def __init__(self, message_zh: str, part: str = "") -> None:
        super().__init__(message_zh)
        self.message_zh, self.part = message_zh, part[:200]


@dataclass(frozen=True, slots=True)
class Entry:
    """条目 of the central directory."""

    name: str
    raw_name: bytes
    flags: int
    method: int
    crc: int
    stored_bytes: int
    size_bytes: int
    offset: int


@dataclass(slots=True)
class Package:
    """压缩包. Parts are inflated when asked for, and kept."""

    content: bytes
    entries: dict[str, Entry]
    starts: dict[str, int]
    _held: dict[str, bytes] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def names(self) -> list[str]:
        """Every part's name."""
        return list(self.entries)

    def read(self, name: str) -> bytes:
        """A part's bytes; size and checksum are those of the directory. KeyError where there is no such part."""
        held = self._held.get(name)
        if held is None:
            held = self._held[name] = self._inflate(self.entries[name])
        return held

    def _inflate(self, entry: Entry) -> bytes:
        start = self.starts[entry.name]
        stored = memoryview(self.content)[start : start + entry.stored_bytes]
        if entry.method == _STORED:
            found = bytes(stored)
        else:
            inflater = zlib.decompressobj(-15)
            try:
                found = inflater.decompress(stored, entry.size_bytes + 1)
            except zlib.error:
                raise PackageError("压缩数据已损坏。", entry.name) from None
            if not inflater.eof or inflater.unused_data or inflater.unconsumed_tail:
                raise PackageError("压缩数据的长度与目录不符。", entry.name)
        if len(found) != entry.size_bytes or zlib.crc32(found) != entry.crc:
            raise PackageError("文件的长度或校验码与目录不符。", entry.name)
        return found


def open_package(content: bytes, policy: Policy) -> Package:
    """Read and check the directory; nothing is inflated yet."""
    start, end, count = _directory(content)
    if count > policy.max_entries:
        raise PackageError(f"条目超过 {policy.max_entries} 个。")
    entries: dict[str, Entry] = {}
    folded: set[str] = set()
    position, regions = start, []
    for _ in range(count):
        entry, position = _central(content, position, end)
        _check_entry(entry, policy)
        alias = unicodedata.normalize("NFC", entry.name.rstrip("/")).casefold()
        if alias in folded:
            raise PackageError("条目重名（含大小写或写法不同的同名）。", entry.name)
        folded.add(alias)
        regions.append(entry)
        if not entry.name.endswith("/"):
            entries[entry.name] = entry
    if position != end:
        raise PackageError("目录之后有多余的数据。")
    if sum(entry.size_bytes for entry in entries.values()) > policy.max_inflated_bytes:
        raise PackageError("解压后过大。")
    return Package(content, entries, _laid_out(content, regions, start))


def _directory(content: bytes) -> tuple[int, int, int]:
    """(where the directory begins, where it ends, how many entries it has)."""
    position = len(content) - 22
    if position < 0 or content[position : position + 4] != _END:
        raise PackageError("不是完整的压缩包，或末尾有附加数据。")
    disk, first, here, count, size, start, comment = struct.unpack_from("<4H2LH", content, position + 4)
    if disk or first or here != count or comment:
        raise PackageError("压缩包的目录不完整。")
    if 0xFFFF in (count,) or 0xFFFFFFFF in (size, start) or start + size != position:
        raise PackageError("压缩包的目录位置不符。")
    return start, position, count


def _central(content: bytes, position: int, end: int) -> tuple[Entry, int]:
    if end - position < 46 or content[position : position + 4] != _CENTRAL:
        raise PackageError("压缩包的目录已损坏。")
    (_, made_by, _, flags, method, _, _, crc, stored, size, named, extra, comment, disk, _, attributes, offset) = (
        struct.unpack_from("<L6H3L5H2L", content, position)
    )
    after = position + 46 + named + extra + comment
    if after > end or disk or 0xFFFFFFFF in (stored, size, offset):
        raise PackageError("压缩包的目录已损坏。")
    raw = content[position + 46 : position + 46 + named]
    name = _name(raw, flags)
    if made_by >> 8 == 3 and (attributes >> 16) & 0o170000 == _SYMLINK:
        raise PackageError("条目是符号链接。", name)
    _check_extra(content[position + 46 + named : position + 46 + named + extra], name)
    return Entry(name, raw, flags, method, crc, stored, size, offset), after


def _name(raw: bytes, flags: int) -> str:
    try:
        name = raw.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError:
        try:
            name = raw.decode("utf-8") if not flags & _UTF8 else ""
        except UnicodeDecodeError:
            name = ""
    if not name or len(name) > _LONGEST_NAME:
        raise PackageError("条目名无法识别。", repr(raw[:60]))
    if "\\" in name or ":" in name or any(ord(one) < 32 or ord(one) == 127 for one in name):
        raise PackageError("条目名含有不允许的字符。", name)
    segments = name.removesuffix("/").split("/")
    if any(segment in ("", ".", "..") or segment != segment.strip() for segment in segments):
        raise PackageError("条目名指向压缩包之外或写法不规范。", name)
    return name


def _check_extra(extra: bytes, name: str) -> None:
    """Extra fields are passed over, but for one that would give the entry a second name."""
    position = 0
    while position + 4 <= len(extra):
        number, size = struct.unpack_from("<2H", extra, position)
        if number in _SECOND_NAMES:
            raise PackageError("条目带有第二个名称或长度。", name)
        position += 4 + size


def _check_entry(entry: Entry, policy: Policy) -> None:
    if entry.flags & (_ENCRYPTED | _PATCHED | _STRONG | _MASKED) or entry.method not in (_STORED, _DEFLATED):
        raise PackageError("条目加密或使用了不支持的压缩方法。", entry.name)
    if entry.method == _STORED and entry.stored_bytes != entry.size_bytes:
        raise PackageError("条目的两个长度不一致。", entry.name)
    if entry.name.endswith("/") and entry.size_bytes:
        raise PackageError("目录条目带有内容。", entry.name)
    if entry.size_bytes > _FREE_RATIO_BYTES and entry.size_bytes > policy.max_ratio * max(1, entry.stored_bytes):
        raise PackageError("压缩比异常。", entry.name)


def _laid_out(content: bytes, entries: list[Entry], directory: int) -> dict[str, int]:
    """Where each entry's data begins; they must fill the file from its first byte to the directory."""
    starts: dict[str, int] = {}
    expected = 0
    for entry in sorted(entries, key=lambda one: one.offset):
        if entry.offset != expected:
            raise PackageError("条目之前有隐藏的数据，或条目重叠。", entry.name)
        starts[entry.name] = _local(content, entry, directory)
        expected = starts[entry.name] + entry.stored_bytes
        if entry.flags & _DESCRIBED:
            expected += _descriptor(content, entry, expected)
        if expected > directory:
            raise PackageError("条目超出目录。", entry.name)
    if expected != directory:
        raise PackageError("目录之前有隐藏的数据。")
    return starts


def _local(content: bytes, entry: Entry, directory: int) -> int:
    position = entry.offset
    if position + 30 > directory or content[position : position + 4] != _LOCAL:
        raise PackageError("条目头已损坏。", entry.name)
    _, _, flags, method, _, _, crc, stored, size, named, extra = struct.unpack_from("<L5H3L2H", content, position)
    described = entry.flags & _DESCRIBED
    told = (crc, stored, size)
    wanted = (entry.crc, entry.stored_bytes, entry.size_bytes)
    agrees = told == wanted or (described and all(one in (0, right) for one, right in zip(told, wanted, strict=True)))
    name = content[position + 30 : position + 30 + named]
    if (flags ^ entry.flags) & (_ENCRYPTED | _DESCRIBED) or method != entry.method or not agrees:
        raise PackageError("条目头与目录不一致。", entry.name)
    if name != entry.raw_name:
        raise PackageError("条目头与目录中的名称不一致。", entry.name)
    _check_extra(content[position + 30 + named : position + 30 + named + extra], entry.name)
    return int(position + 30 + named + extra)


def _descriptor(content: bytes, entry: Entry, position: int) -> int:
    """How long the data descriptor behind an entry is: with its signature or without."""
    numbers = struct.pack("<3L", entry.crc, entry.stored_bytes, entry.size_bytes)
    if content[position : position + 16] == _DESCRIPTOR + numbers:
        return 16
    if content[position : position + 12] == numbers:
        return 12
    raise PackageError("条目的数据描述与目录不一致。", entry.name)
