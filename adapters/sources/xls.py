"""xls: Excel 97 to 2003, read with xlrd. The file is held in memory, and each of its sheets that is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

import olefile
import xlrd
from olefile.olefile import OleFileError
from xlrd.xldate import XLDateError

from adapters.sources.cells import ErrorCell, Range, number_of
from adapters.sources.number_formats import Kind, calendar, kind_of, moment_of
from adapters.sources.package import DAMAGE, refuse_macros
from adapters.sources.record import Place
from adapters.sources.workbook import Row

MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
"""复合文档: how an xls begins, and an xlsx with a password."""
_MOST_BYTES = 64 * 1024**2
_MACROS = "_VBA_PROJECT".encode("utf-16-le")
_SEALED = "EncryptedPackage".encode("utf-16-le")
_BIFF8 = 80


class XlsWorkbook:
    """An open xls file. Raises SourceUnreadable for what is no such file."""

    def __init__(self, path: Path, place: Place) -> None:
        if path.stat().st_size > _MOST_BYTES:
            place.fail("the file is too large; save it as .xlsx or CSV", "文件过大，请另存为.xlsx或CSV格式")
        content = path.read_bytes()
        if _MACROS in content:
            refuse_macros(place)
        with _damage(place):
            try:
                self._book = _opened(_workbook_stream(content))
            except (xlrd.XLRDError, OleFileError) as error:
                _refuse(content, str(error), place)
            self.names = list(self._book.sheet_names())
            if self._book.biff_version < _BIFF8:
                _too_old(place)
            formats = {number: one.format_str for number, one in self._book.format_map.items() if one.format_str}
            self._kinds = [kind_of(one.format_key, formats) for one in self._book.xf_list]
        self._epoch = calendar(from_1904=self._book.datemode == 1)
        self._position = (0, 0)

    def rows(self, sheet: int, place: Place) -> Iterator[Row]:
        """As the sheet has them."""
        with _damage(place):
            page = self._book.sheet_by_index(sheet)
            for row in range(page.nrows):
                self._position = (row + 1, page.nrows)
                found = enumerate(zip(page.row_types(row), page.row_values(row), strict=True))
                cells = [self._value(page, (row, column), kind, value) for column, (kind, value) in found]
                while cells and cells[-1] is None:
                    cells.pop()
                if cells:
                    yield row + 1, cells

    def merged(self, sheet: int, place: Place) -> list[Range]:
        """All of the sheet."""
        with _damage(place):
            ranges = self._book.sheet_by_index(sheet).merged_cells
            return sorted((top + 1, left + 1, bottom, right) for top, bottom, left, right in ranges)

    def position(self) -> tuple[int, int]:
        """Rows of the sheet."""
        return self._position

    def close(self) -> None:
        """Let go of the file's content."""
        self._book.release_resources()

    def _value(self, page: Any, cell: tuple[int, int], kind: int, value: Any) -> Any:
        if kind in (xlrd.XL_CELL_NUMBER, xlrd.XL_CELL_DATE):
            shown = self._kinds[page.cell_xf_index(*cell)]
            return number_of(value) if shown is Kind.NUMBER else moment_of(value, shown, self._epoch)
        if kind == xlrd.XL_CELL_TEXT:
            return value or None
        if kind == xlrd.XL_CELL_BOOLEAN:
            return bool(value)
        if kind == xlrd.XL_CELL_ERROR:
            return ErrorCell(xlrd.error_text_from_code.get(value, "#N/A"))
        return None


@contextmanager
def _damage(place: Place) -> Iterator[None]:
    try:
        yield
    except (*DAMAGE, xlrd.XLRDError, XLDateError, OleFileError) as error:
        raise place.error("the file is damaged", "文件已损坏") from error


def _workbook_stream(content: bytes) -> bytes:
    """The workbook out of its container. Not by xlrd: entries that point at each other would keep it for ever."""
    if not content.startswith(MAGIC):
        return content
    with olefile.OleFileIO(BytesIO(content)) as container:
        name = next((one for one in ("Workbook", "Book") if container.exists(one)), None)
        if name is None:
            raise OleFileError("there is no workbook in it")
        stream: bytes = container.openstream(name).read()
    return stream


def _opened(content: bytes) -> Any:
    """Formats are read because merged cells are only given with them; rows are as long as they are written."""
    return xlrd.open_workbook(
        file_contents=content, logfile=_Nowhere(), formatting_info=True, on_demand=True, ragged_rows=True
    )


class _Nowhere:
    """What the library says beside its errors is lost: it would be said on standard output."""

    def write(self, text: str) -> int:
        """As a file."""
        return len(text)


def _refuse(content: bytes, reason: str, place: Place) -> NoReturn:
    if _SEALED in content or "encrypted" in reason:
        place.fail("the file is protected by a password", "文件有密码保护")
    if "BIFF version" in reason and "not supported" in reason:
        _too_old(place)
    place.fail("the file is damaged", "文件已损坏")


def _too_old(place: Place) -> NoReturn:
    place.fail("the file is older than Excel 97; save it as .xlsx", "文件早于Excel 97格式，请另存为.xlsx格式")
