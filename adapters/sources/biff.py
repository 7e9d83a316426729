"""BIFF8: the records of an xls workbook. Source: [MS-XLS] §2.4.

Not through a library: calamine ends the process for an xls whose sheet claims to be very large, and gives empty text
for #REF!. Formulas give their stored values.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any

from adapters.sources.biff_text import BiffText
from adapters.sources.cells import ErrorCell, number_of
from adapters.sources.number_formats import Kind, calendar, kind_of, moment_of

ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}
BIFF8 = 0x0600
Records = Iterator[tuple[int, list[bytes]]]
"""记录: tag, then its body and those of the CONTINUE records behind it."""


class Tag(IntEnum):
    """记录类型."""

    FORMULA = 0x0006
    EOF = 0x000A
    DATEMODE = 0x0022
    FILEPASS = 0x002F
    CONTINUE = 0x003C
    BOUNDSHEET = 0x0085
    MULRK = 0x00BD
    RSTRING = 0x00D6
    XF = 0x00E0
    MERGECELLS = 0x00E5
    SST = 0x00FC
    LABELSST = 0x00FD
    NUMBER = 0x0203
    LABEL = 0x0204
    BOOLERR = 0x0205
    STRING = 0x0207
    RK = 0x027E
    FORMAT = 0x041E
    BOF = 0x0809


@dataclass(slots=True)
class BiffBook:
    """工作簿: what its first part says of it. `sheets` = name, where it begins, kind (0 is a worksheet)."""

    version: int = 0
    encrypted: bool = False
    sheets: list[tuple[str, int, int]] = field(default_factory=list)
    strings: list[str] = field(default_factory=list)
    styles: list[int] = field(default_factory=list)
    formats: dict[int, str] = field(default_factory=dict)
    epoch: datetime = field(default_factory=lambda: calendar(from_1904=False))

    def kinds(self) -> list[Kind]:
        """By style number."""
        return [kind_of(one, self.formats) for one in self.styles]


def records(stream: bytes, start: int) -> Records:
    """Those of the part that starts here up to its end, parts inside it (charts) left out."""
    depth = 0
    while start + 4 <= len(stream):
        tag, body, start = _record(stream, start)
        bodies = [body]
        while stream[start : start + 2] == b"\x3c\x00" and start + 4 <= len(stream):
            _, body, start = _record(stream, start)
            bodies.append(body)
        if tag == Tag.BOF:
            depth += 1
        elif tag == Tag.EOF:
            depth -= 1
            if depth <= 0:
                return
        elif depth == 1:
            yield tag, bodies


def _record(stream: bytes, start: int) -> tuple[int, bytes, int]:
    tag, length = struct.unpack_from("<2H", stream, start)
    end = start + 4 + length
    return tag, stream[start + 4 : end], end


def read_book(stream: bytes) -> BiffBook:
    """Raises struct.error or IndexError where the stream contradicts itself."""
    tag, version = struct.unpack_from("<H2xH", stream)
    book = BiffBook(version=version if tag == Tag.BOF else 0)
    if book.version != BIFF8:
        return book
    for tag, bodies in records(stream, 0):
        if tag == Tag.FILEPASS:
            book.encrypted = True
            return book
        _into(book, tag, bodies)
    return book


def _into(book: BiffBook, tag: int, bodies: list[bytes]) -> None:
    body = bodies[0]
    if tag == Tag.BOUNDSHEET:
        offset, _hidden, kind, length, flags = struct.unpack_from("<I4B", body)
        name = (
            body[8 : 8 + length * 2].decode("utf-16-le", "replace")
            if flags & 1
            else body[8 : 8 + length].decode("latin-1")
        )
        book.sheets.append((name, offset, kind))
    elif tag == Tag.SST:
        texts = BiffText(bodies, 8)
        while texts.more():
            book.strings.append(texts.text())
    elif tag == Tag.XF:
        book.styles.append(struct.unpack_from("<2xH", body)[0])
    elif tag == Tag.FORMAT:
        book.formats[struct.unpack_from("<H", body)[0]] = BiffText(bodies, 2).text()
    elif tag == Tag.DATEMODE:
        book.epoch = calendar(from_1904=body[:1] == b"\x01")


class BiffCells:
    """单元格: the values of one sheet's records."""

    def __init__(self, book: BiffBook) -> None:
        self._strings, self._kinds, self._epoch = book.strings, book.kinds(), book.epoch

    def read(self, sheet: Records) -> Iterator[tuple[int, int, Any]]:
        """(row, column, value), counted from 0, as they come. Raises struct.error or IndexError."""
        waiting: tuple[int, int] | None = None  # for the text of a formula, which is a record of its own
        for tag, bodies in sheet:
            if tag == Tag.STRING and waiting is not None:
                yield *waiting, BiffText(bodies, 0).text()
            waiting = None
            if tag == Tag.MULRK:
                yield from self._many(bodies[0])
            elif tag in _CELLS:
                row, column, style = struct.unpack_from("<3H", bodies[0])
                value = self._value(tag, bodies, style)
                if value is _TEXT_FOLLOWS:
                    waiting = row, column
                else:
                    yield row, column, value

    def _value(self, tag: int, bodies: list[bytes], style: int) -> Any:
        body = bodies[0]
        if tag == Tag.LABELSST:
            return self._strings[struct.unpack_from("<6xI", body)[0]]
        if tag in (Tag.LABEL, Tag.RSTRING):
            return BiffText(bodies, 6).text()
        if tag == Tag.RK:
            return self._number(_rk(body, 6), style)
        if tag == Tag.BOOLERR:
            return _error(body[6]) if body[7] else bool(body[6])
        if tag == Tag.FORMULA and body[12:14] == b"\xff\xff":
            return {0: _TEXT_FOLLOWS, 1: bool(body[8]), 2: _error(body[8])}.get(body[6])
        return self._number(struct.unpack_from("<6xd", body)[0], style)

    def _many(self, body: bytes) -> Iterator[tuple[int, int, Any]]:
        row, first = struct.unpack_from("<2H", body)
        for index in range((len(body) - 6) // 6):
            (style,) = struct.unpack_from("<H", body, 4 + index * 6)
            yield row, first + index, self._number(_rk(body, 6 + index * 6), style)

    def _number(self, number: float, style: int) -> Any:
        kind = self._kinds[style] if style < len(self._kinds) else Kind.NUMBER
        return number_of(number) if kind is Kind.NUMBER else moment_of(number, kind, self._epoch)


_TEXT_FOLLOWS = object()
_CELLS = frozenset({Tag.FORMULA, Tag.RSTRING, Tag.LABELSST, Tag.NUMBER, Tag.LABEL, Tag.BOOLERR, Tag.RK})


def _error(code: int) -> ErrorCell:
    return ErrorCell(ERRORS.get(code, "#N/A"))


def _rk(body: bytes, at: int) -> float:
    """A number in 30 bits: whole, or the upper half of a double; either may be in hundredths."""
    (packed,) = struct.unpack_from("<i", body, at)
    if packed & 2:
        number = float(packed >> 2)
    else:
        (number,) = struct.unpack("<d", bytes(4) + struct.pack("<i", packed & ~3))
    return number / 100 if packed & 1 else number
