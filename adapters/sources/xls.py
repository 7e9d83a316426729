"""xls: Excel 97 to 2003."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adapters.sources.biff import BIFF8, BiffBook, BiffCells, Tag, read_book, records
from adapters.sources.cells import MOST_COLUMNS, Range
from adapters.sources.compound import CompoundFile, Damaged
from adapters.sources.package import refuse_macros
from adapters.sources.record import Place
from adapters.sources.workbook import Row

_MOST_BYTES = 32 * 1024**2
"""Read whole: the parts of a stream lie anywhere in the file."""
_MACRO_STORAGES = frozenset({"_VBA_PROJECT_CUR", "_VBA_PROJECT", "VBA", "Macros"})
_MACRO_SHEETS = (1, 6)


class XlsWorkbook:
    """An open xls file. Raises SourceUnreadable for what is no such file."""

    def __init__(self, path: Path, place: Place) -> None:
        if path.stat().st_size > _MOST_BYTES:
            place.fail("the file is too large; save it as .xlsx or CSV", "文件过大，请另存为.xlsx或CSV格式")
        with _damage(place):
            self._stream = _workbook_stream(path.read_bytes(), place)
            self._book = read_book(self._stream)
        _judge(self._book, place)
        self._cells = BiffCells(self._book)
        self.names = [name for name, _, _ in self._book.sheets]
        self._position = 0

    def rows(self, sheet: int, place: Place) -> Iterator[Row]:
        """As the sheet has them."""
        number, cells = -1, list[Any]()
        with _damage(place):
            for row, column, value in self._cells.read(self._records(sheet)):
                if row != number:
                    if cells:
                        yield number + 1, cells
                    if row < number:
                        place.at(row + 1).fail("the rows of the sheet are out of order", "工作表的行顺序有误")
                    number, cells = row, []
                if column >= MOST_COLUMNS:
                    place.at(row + 1).fail("the row has too many columns", "该行列数过多")
                cells.extend([None] * (column + 1 - len(cells)))
                cells[column] = None if value == "" else value
        if cells:
            yield number + 1, cells

    def merged(self, sheet: int, place: Place) -> list[Range]:
        """All of the sheet."""
        found: list[Range] = []
        with _damage(place):
            for tag, (body, *_) in self._records(sheet):
                if tag == Tag.MERGECELLS:
                    ranges = struct.iter_unpack("<4H", body[2 : 2 + (len(body) - 2) // 8 * 8])
                    found += [(top + 1, left + 1, bottom + 1, right + 1) for top, bottom, left, right in ranges]
        return found

    def position(self) -> tuple[int, int]:
        """Bytes of the workbook's stream; all sheets are in it."""
        return self._position, len(self._stream)

    def close(self) -> None:
        """Nothing is open."""

    def _records(self, sheet: int) -> Iterator[tuple[int, list[bytes]]]:
        self._position = start = self._book.sheets[sheet][1]
        for tag, bodies in records(self._stream, start):
            self._position = min(len(self._stream), self._position + 4 + sum(map(len, bodies)))
            yield tag, bodies


@contextmanager
def _damage(place: Place) -> Iterator[None]:
    try:
        yield
    except (Damaged, struct.error, IndexError, ValueError) as error:
        raise place.error("the file is damaged", "文件已损坏") from error


def _workbook_stream(content: bytes, place: Place) -> bytes:
    container = CompoundFile(content)
    if "EncryptedPackage" in container.names:
        place.fail("the file is protected by a password", "文件有密码保护")
    if container.names & _MACRO_STORAGES:
        refuse_macros(place)
    if "Workbook" not in container.names and "Book" in container.names:
        _too_old(place)
    return container.stream("Workbook")


def _judge(book: BiffBook, place: Place) -> None:
    if book.version != BIFF8:
        _too_old(place)
    if book.encrypted:
        place.fail("the file is protected by a password", "文件有密码保护")
    if any(kind in _MACRO_SHEETS for _, _, kind in book.sheets):
        refuse_macros(place)


def _too_old(place: Place) -> None:
    place.fail("the file is older than Excel 97; save it as .xlsx", "文件早于Excel 97格式，请另存为.xlsx格式")
