"""Small office files made byte by byte where no library writes them: xls in its container, and ods."""

import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SECTOR = 512
FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
ERROR_CODES = {"#REF!": 23, "#N/A": 42}


def record(tag: int, body: bytes = b"") -> bytes:
    return struct.pack("<2H", tag, len(body)) + body


def bof(kind: int) -> bytes:
    return record(0x0809, struct.pack("<4H2I", 0x0600, kind, 0x0DBB, 0x07CC, 0, 6))


def cell(row: int, column: int, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    head = struct.pack("<3H", row, column, 15)
    if isinstance(value, bool):
        return record(0x0205, head + bytes([value, 0]))
    if isinstance(value, int | float):
        return record(0x0203, head + struct.pack("<d", value))
    if value.startswith("="):  # a formula whose stored result is an error
        result = b"\x02\0" + bytes([ERROR_CODES[value[1:]]]) + b"\0\0\0\xff\xff"
        return record(0x0006, head + result + struct.pack("<HIH", 0, 0, 0))
    if value in ERROR_CODES:
        return record(0x0205, head + bytes([ERROR_CODES[value], 1]))
    return record(0x0204, head + struct.pack("<HB", len(value), 1) + value.encode("utf-16-le"))


def biff(
    sheets: Mapping[str, Sequence[Sequence[Any]]],
    *,
    size: tuple[int, int] | None = None,
    kind: int = 0,
    extra: bytes = b"",
) -> bytes:
    """A BIFF8 stream; None is an empty cell. `size` is what the first sheet claims."""
    styles = record(0x0042, struct.pack("<H", 1200)) + record(0x00E0, bytes(20)) * 16
    tabs = [struct.pack("<BBBB", 0, kind, len(name), 1) + name.encode("utf-16-le") for name in sheets]
    globals_bytes = len(bof(5)) + len(extra) + len(styles) + sum(len(tab) + 8 for tab in tabs) + 4
    parts: list[bytes] = []
    offsets: list[int] = []
    for rows in sheets.values():
        offsets.append(globals_bytes + sum(map(len, parts)))
        height, width = size or (len(rows), max((len(row) for row in rows), default=0))
        cells = b"".join(
            cell(r, c, value) for r, row in enumerate(rows) for c, value in enumerate(row) if value is not None
        )
        parts.append(bof(16) + record(0x0200, struct.pack("<2I3H", 0, height, 0, width, 0)) + cells + record(0x000A))
    bound = b"".join(record(0x0085, struct.pack("<I", at) + tab) for at, tab in zip(offsets, tabs, strict=True))
    return bof(5) + extra + styles + bound + record(0x000A) + b"".join(parts)


def compound(streams: Mapping[str, bytes]) -> bytes:
    """A container in which every stream is long enough to lie in ordinary sectors."""
    bodies = [content.ljust(4096, b"\0") for content in streams.values()]
    counts = [-(-len(body) // SECTOR) for body in bodies]
    entries = [_entry("Root Entry", 5, END, 0, child=1 if streams else FREE)]
    start = 0
    for index, (name, count, body) in enumerate(zip(streams, counts, bodies, strict=True), 1):
        entries.append(_entry(name, 2, start, len(body), right=index + 1 if index < len(streams) else FREE))
        start += count
    directory = b"".join(entries)
    directory = directory.ljust(-(-len(directory) // SECTOR) * SECTOR, b"\0")
    directory_at, directory_count = start, len(directory) // SECTOR
    fat: list[int] = []
    for count in [*counts, directory_count]:
        fat += [*range(len(fat) + 1, len(fat) + count), END]
    fat_count = 1
    while len(fat) + fat_count > fat_count * 128:
        fat_count += 1
    fat_at = len(fat)
    fat += [FAT] * fat_count
    fat += [FREE] * (fat_count * 128 - len(fat))
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<9I", 0, fat_count, directory_at, 0, 4096, END, 0, END, 0)
    header += struct.pack("<109I", *range(fat_at, fat_at + fat_count), *[FREE] * (109 - fat_count))
    return (
        header
        + b"".join(body.ljust(count * SECTOR, b"\0") for body, count in zip(bodies, counts, strict=True))
        + (directory + struct.pack(f"<{len(fat)}I", *fat))
    )


def small_compound(name: str, content: bytes) -> bytes:
    """A container whose one stream is short: it lies in the root's stream, in blocks of 64 bytes."""
    blocks = -(-len(content) // 64)
    sectors = -(-blocks * 64 // SECTOR)
    entries = _entry("Root Entry", 5, 3, blocks * 64, child=1) + _entry(name, 2, 0, len(content))
    mini = struct.pack("<128I", *range(1, blocks), END, *[FREE] * (128 - blocks))
    fat = [FAT, END, END, *range(4, 3 + sectors), END]
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<9I", 0, 1, 1, 0, 4096, 2, 1, END, 0) + struct.pack("<109I", 0, *[FREE] * 108)
    table = struct.pack("<128I", *fat, *[FREE] * (128 - len(fat)))
    return header + table + entries.ljust(SECTOR, b"\0") + mini + content.ljust(sectors * SECTOR, b"\0")


def _entry(name: str, kind: int, start: int, size: int, *, right: int = FREE, child: int = FREE) -> bytes:
    title = name.encode("utf-16-le")
    head = title.ljust(64, b"\0") + struct.pack("<HBB3I", len(title) + 2, kind, 1, FREE, right, child)
    return head + bytes(36) + struct.pack("<IQ", start, size)


NAMES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{prefix}:1.0"' for prefix in ("office", "table", "text")
)
CALC = 'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'


def ods(path: Path, sheets: Mapping[str, str], *, manifest: str = "") -> Path:
    """`sheets`: name → the XML of its rows."""
    tables = "".join(f'<table:table table:name="{name}">{rows}</table:table>' for name, rows in sheets.items())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        package.writestr("META-INF/manifest.xml", f"<manifest>{manifest}</manifest>")
        package.writestr(
            "content.xml",
            f"<office:document-content {NAMES} {CALC}><office:body><office:spreadsheet>{tables}"
            "</office:spreadsheet></office:body></office:document-content>",
        )
    return path


def ods_row(*cells: str, times: int = 1) -> str:
    """Cells are texts, or XML that begins with <."""
    inner = "".join(
        one
        if one.startswith("<")
        else f'<table:table-cell office:value-type="string"><text:p>{one}</text:p></table:table-cell>'
        for one in cells
    )
    return f'<table:table-row table:number-rows-repeated="{times}">{inner}</table:table-row>'


def repacked(path: Path, to: Path, changes: Mapping[str, bytes | None]) -> Path:
    """The zip file with some parts changed, added, or (None) left out."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if changes.get(name, b"") is not None:
                new.writestr(name, changes.get(name) or old.read(name))
        for name, content in changes.items():
            if name not in old.namelist() and content is not None:
                new.writestr(name, content)
    return to
