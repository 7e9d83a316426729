"""编码: which encoding a text file has, proven over the whole of it before the first record is read.

GBK and GB2312 are read as GB18030, which contains them. Bytes of UTF-8 often make sense as GB18030, so a file that
is not UTF-8 throughout is looked at line by line: one line of each kind, and it is refused.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import cast

from adapters.sources.record import Place

_CHUNK_BYTES = 1024**2
_PIECE_BYTES = 64 * 1024
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
_READ_AS = {
    **dict.fromkeys(("gbk", "gb2312", "gb18030"), "gb18030"),
    **dict.fromkeys(("utf-8", "utf-8-sig", "ascii"), "utf-8"),
    **{name: name for name in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "big5", "big5hkscs")},
    "utf-16": "utf-16-le",
    "utf-32": "utf-32-le",
}
_PLAIN_BYTES = 12
"""Non-ASCII bytes from which a line that is valid UTF-8 is no accident."""
_CHANCE = 2000
_NAMES = {"gb18030": "GB18030", "utf-8": "UTF-8"}
_BREAK = re.compile(rb"[\x00-\x2f\x3a-\x3f][^\x00-\x2f\x3a-\x3f]*\Z")
"""From the last byte that is never a part of a longer character of GB18030 or UTF-8."""
_ASCII = bytes(range(128))
_HIGH = re.compile(rb"[\x80-\xff]")
_CJK_ONLY = re.compile("[\x00-\x7f\u2010-\u203b\u3000-\u9fff\uff00-\uffef]*")


@dataclass(frozen=True, slots=True)
class Encoding:
    """文本编码: Python's name of it, and the length of the byte-order mark."""

    name: str
    mark_bytes: int = 0

    @property
    def shown(self) -> str:
        """As people write it."""
        return _NAMES.get(self.name, self.name.upper())


def encoding_of(path: Path, declared: str | None, place: Place) -> Encoding:
    """The encoding in which the whole file can be read. Raises SourceUnreadable naming line and byte."""
    with path.open("rb") as handle:
        head = handle.read(4)
    marked = next((Encoding(name, len(mark)) for mark, name in _MARKS if head.startswith(mark)), None)
    wanted = None if declared is None else _known(declared, place)
    if marked is not None and wanted is not None and not _agree(marked.name, wanted):
        place.at_byte(1, 1).fail(
            f"{declared} is declared, but the file begins with the mark of {marked.shown}",
            f"声明的编码为{declared}，文件却以{marked.shown}的字节序标记开头",
        )
    if marked is not None or wanted is not None:
        encoding = marked or Encoding(wanted or "utf-8")
        _prove(path, encoding, place)
        return encoding
    if _first_fault(path, Encoding("utf-8")) is None:
        return Encoding("utf-8")
    _prove(path, Encoding("gb18030"), place)
    return Encoding("gb18030")


def open_text(path: Path, encoding: Encoding) -> TextIOWrapper:
    """The text behind the mark, line ends as they are."""
    handle = path.open("r", encoding=encoding.name, newline="")
    if encoding.mark_bytes:
        handle.read(1)  # the mark is one character in each of these encodings
    return handle


def bytes_read(handle: TextIOWrapper) -> int:
    """How far into the file reading has come, up to one buffer ahead."""
    return cast(BufferedReader, handle.buffer).tell()


def _known(declared: str, place: Place) -> str:
    try:
        return _READ_AS[codecs.lookup(declared).name]
    except (LookupError, ValueError):
        place.fail(f"the encoding {declared!r} is not one that is read here", f"不支持名为“{declared}”的编码")


def _agree(marked: str, wanted: str) -> bool:
    return marked[:6] == wanted[:6] if marked.startswith("utf-") else marked == wanted


def _prove(path: Path, encoding: Encoding, place: Place) -> None:
    if encoding.name == "gb18030":
        _prove_gb18030(path, place)
        return
    fault = _first_fault(path, encoding)
    if fault is not None:
        line, byte = _line_and_byte(path, encoding, fault)
        place.at_byte(line, byte).fail(f"the file is not {encoding.shown}", f"文件不是{encoding.shown}编码")


def _first_fault(path: Path, encoding: Encoding) -> int | None:
    """Offset of the first byte that does not fit."""
    decoder = codecs.getincrementaldecoder(encoding.name)("strict")
    start = encoding.mark_bytes
    with path.open("rb") as handle:
        handle.seek(start)
        while True:
            chunk = handle.read(_CHUNK_BYTES)
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                return start - pending + error.start
            if not chunk:
                return None
            start += len(chunk)


def _line_and_byte(path: Path, encoding: Encoding, offset: int) -> tuple[int, int]:
    newline = "\n".encode(encoding.name)
    line, line_start, position = 1, encoding.mark_bytes, encoding.mark_bytes
    with path.open("rb") as handle:
        handle.seek(position)
        while position < offset:
            chunk = handle.read(min(_CHUNK_BYTES, offset - position))
            for found in re.finditer(re.escape(newline), chunk):
                if found.start() % len(newline) == 0:
                    line, line_start = line + 1, position + found.end()
            position += len(chunk)
    return line, offset - line_start + 1


class _Mixture:
    """Which lines are plainly UTF-8 and which are not.

    A short text in GB18030 is valid UTF-8 once in a hundred thousand times, so a few short ones among very many lines
    prove nothing.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self.utf8: tuple[int, int] | None = None
        self.other: tuple[int, int] | None = None
        self._other_first = False
        self._pieces = self._short = 0
        self._long = False

    def add_utf8(self, line: int, byte: int, high_bytes: int) -> None:
        """A line that reads as Chinese in UTF-8, from a byte on."""
        self.utf8 = self.utf8 or (line, byte)
        self._pieces += 1
        self._short += 1
        self._long |= high_bytes >= _PLAIN_BYTES

    def add_other(self, line: int, byte: int) -> None:
        """A line that is no UTF-8, from a byte on."""
        if self.other is None:
            self.other, self._other_first = (line, byte), self.utf8 is None
        self._pieces += 1

    def is_proven(self) -> bool:
        """Whether reading on is of no use."""
        return self._long and self.other is not None

    def judge(self) -> None:
        """Raise where both kinds are in the file, or where a declared GB18030 is UTF-8."""
        if self.utf8 is None or not (self._long or self._short * _CHANCE >= self._pieces):
            return
        if self.other is None or self._other_first:
            self._place.at_byte(*self.utf8).fail(
                "this is UTF-8, but GB18030 is declared or used before", "此处是UTF-8编码，声明或此前使用的却是GB18030"
            )
        self._place.at_byte(*self.other).fail(
            "this is not UTF-8, but lines before it are", "此处不是UTF-8编码，此前的行却是，文件编码不一致"
        )


def _prove_gb18030(path: Path, place: Place) -> None:
    """Every piece is GB18030, and none is plainly UTF-8."""
    mixture = _Mixture(place)
    for line, start, piece in _pieces(path):
        utf8_fault = _utf8_fault(piece)
        if utf8_fault is None:
            mixture.add_utf8(line, start + _first_high(piece), len(piece[:1000].translate(None, _ASCII)))
        else:
            mixture.add_other(line, start + utf8_fault)
            if (fault := _fault(piece, "gb18030")) is not None:
                mixture.judge()
                place.at_byte(line, start + fault).fail(
                    "this is neither UTF-8 nor GB18030", "此处既不是UTF-8也不是GB18030编码"
                )
        if mixture.is_proven():
            break
    mixture.judge()


def _first_high(piece: bytes) -> int:
    found = _HIGH.search(piece)
    return found.start() if found else 0


def _utf8_fault(piece: bytes) -> int | None:
    """None for text in UTF-8 that looks Chinese: GB18030 can hardly look like it by chance."""
    fault = _fault(piece, "utf-8")
    if fault is None and _CJK_ONLY.fullmatch(piece.decode("utf-8")) is None:
        return _first_high(piece)
    return fault


def _fault(piece: bytes, encoding: str) -> int | None:
    try:
        piece.decode(encoding)
    except UnicodeDecodeError as error:
        return error.start
    return None


def _pieces(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Line, first byte in it from 1, and bytes, of everything that is not plain ASCII; whole characters only."""
    line, start, kept = 1, 1, b""
    with path.open("rb") as handle:
        while fresh := handle.readline(_PIECE_BYTES):
            piece = kept + fresh
            kept = b""
            whole = piece.endswith(b"\n")
            if not whole and len(fresh) == _PIECE_BYTES and (cut := _BREAK.search(piece)):
                piece, kept = piece[: cut.start() + 1], piece[cut.start() + 1 :]
            elif not whole and len(fresh) == _PIECE_BYTES and not piece.isascii():
                kept = piece  # a very long run of Chinese: wait for its end
                continue
            if not piece.isascii():
                yield line, start, piece
            line, start = (line + 1, 1) if whole else (line, start + len(piece))
    if kept:
        yield line, start, kept
