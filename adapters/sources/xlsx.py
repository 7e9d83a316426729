"""xlsx: read with openpyxl; the rows are streamed out of the sheet's own XML.

Its worksheets opened read-only are not used: they leave out, without a word, rows and cells that are out of order, and
give no merged cells. Its parser is handed one row at a time instead. Formulas give their stored values.
"""

import re
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any, NoReturn

from openpyxl.cell.text import Text
from openpyxl.packaging.manifest import Manifest
from openpyxl.packaging.relationship import get_dependents, get_rels_path
from openpyxl.packaging.workbook import WorkbookPackage
from openpyxl.worksheet._reader import WorkSheetParser
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS, XLSX, XLTX

from adapters.sources.cells import MOST_COLUMNS, ErrorCell, Range, column_number, moment_text, number_of
from adapters.sources.number_formats import Kind, calendar, kind_of, moment_of
from adapters.sources.package import damage, elements, refuse_macros, small_part
from adapters.sources.record import Place
from adapters.sources.workbook import Row

_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s+ref=[\"']\$?([A-Z]{1,3})\$?([0-9]{1,7}):\$?([A-Z]{1,3})\$?([0-9]{1,7})")
_CHUNK_BYTES = 256 * 1024
_LONGEST_TAG = 100
_MOST_ROWS = 1_048_576
_MOST_TEXT_BYTES = 128 * 1024**2
_ROW, _TEXT = f"{{{SHEET_MAIN_NS}}}row", f"{{{SHEET_MAIN_NS}}}si"
_TYPES = "[Content_Types].xml"
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")


class XlsxWorkbook:
    """An open xlsx file. Raises SourceUnreadable for what is no such file."""

    def __init__(self, package: zipfile.ZipFile, place: Place) -> None:
        self._package, self._open, self._position = package, ExitStack(), (0, 0)
        self._found: dict[int, list[Range]] = {}
        with damage(place):
            if b"macroEnabled" in package.read(_TYPES):
                refuse_macros(place)
            types = Manifest.from_tree(small_part(package, _TYPES, place))
            main = types.find(XLSX) or types.find(XLTX)
            name = main.PartName.lstrip("/") if main else "xl/workbook.xml"
            root = small_part(package, name, place)
            if not root.tag.startswith(f"{{{SHEET_MAIN_NS}}}"):
                _strict(place)
            book = WorkbookPackage.from_tree(root)
            small_part(package, get_rels_path(name), place)
            relations = get_dependents(package, get_rels_path(name)).to_dict()
            self.names = [sheet.name for sheet in book.sheets]
            self._parts = [relations[sheet.id].target for sheet in book.sheets]
            self._strings = _shared_strings(package, types, place)
            self._kinds = _cell_kinds(package, place)
            self._epoch: datetime = calendar(from_1904=bool(book.properties.date1904))

    def rows(self, sheet: int, place: Place) -> Iterator[Row]:
        """As the sheet has them."""
        number = 0
        with damage(place):
            part = self._package.getinfo(self._parts[sheet])
            file = self._open.enter_context(self._package.open(part))
            parser = WorkSheetParser(None, self._strings, data_only=True)
            for _, row in elements(file, (_ROW,), place):
                above = number
                number, cells = parser.parse_row(row)
                if not above < number <= _MOST_ROWS:
                    place.at(number).fail("the rows of the sheet are out of order", "工作表的行顺序有误")
                self._position = (file.tell(), part.file_size)
                yield number, self._cells(cells, place.at(number))

    def merged(self, sheet: int, place: Place) -> list[Range]:
        """All of the sheet; they stand behind the rows, so the part is searched once more."""
        if sheet not in self._found:
            with damage(place), self._package.open(self._parts[sheet]) as file:
                self._found[sheet] = sorted(set(_merged(file)))
        return self._found[sheet]

    def position(self) -> tuple[int, int]:
        """Bytes of the sheet's XML."""
        return self._position

    def close(self) -> None:
        """Release the file."""
        self._open.close()
        self._package.close()

    def _cells(self, found: list[dict[str, Any]], place: Place) -> list[Any]:
        cells: list[Any] = []
        before = 0
        for cell in found:
            column = cell["column"]
            if not before < column <= MOST_COLUMNS:
                place.fail("the cells of this row are out of order", "该行单元格顺序有误")
            before = column
            value = self._value(cell)
            if value is not None:
                cells.extend([None] * (column - 1 - len(cells)))
                cells.append(value)
        return cells

    def _value(self, cell: dict[str, Any]) -> Any:
        value, kind = cell["value"], cell["data_type"]
        if value is None or value == "":
            return None
        if kind == "n":
            style = cell["style_id"]
            shown = self._kinds[style] if 0 <= style < len(self._kinds) else Kind.NUMBER
            return number_of(value) if shown is Kind.NUMBER else moment_of(value, shown, self._epoch)
        if kind == "e":
            return ErrorCell(value)
        if kind == "d":
            return moment_text(value)
        return _ESCAPE.sub(_unescaped, value) if isinstance(value, str) and "_x" in value else value


def _strict(place: Place) -> NoReturn:
    place.fail(
        "the file is a strict Open XML workbook; save it as an ordinary .xlsx",
        "文件为“Strict Open XML”格式，请另存为普通的.xlsx格式",
    )


class _Strings(list[str]):
    """共享文本: -1 is no text of the file, though it is one of a list."""

    def __getitem__(self, index: Any) -> Any:
        if index < 0:
            raise IndexError(index)
        return super().__getitem__(index)


def _shared_strings(package: zipfile.ZipFile, types: Manifest, place: Place) -> list[str]:
    """The texts that cells refer to by number. Raises SourceUnreadable for more than fits in memory."""
    part = types.find(SHARED_STRINGS)
    name = part.PartName.lstrip("/") if part else ""
    if name not in package.namelist():
        return []
    if package.getinfo(name).file_size > _MOST_TEXT_BYTES:
        place.fail("the workbook holds too much text; save the sheet as CSV", "工作簿文本过多，请另存为CSV格式")
    with package.open(name) as file:
        return _Strings(Text.from_tree(one).content for _, one in elements(file, (_TEXT,), place))


def _unescaped(found: re.Match[str]) -> str:
    """A character of control; NUL and half a surrogate pair stay as they are written."""
    code = int(found[1], 16)
    return found[0] if code == 0 or 0xD800 <= code <= 0xDFFF else chr(code)


def _cell_kinds(package: zipfile.ZipFile, place: Place) -> list[Kind]:
    """By style number. Fonts and fills are not looked at: other programs' are often not what openpyxl expects."""
    if "xl/styles.xml" not in package.namelist():
        return []
    styles = small_part(package, "xl/styles.xml", place)
    formats = {int(one.get("numFmtId") or 0): one.get("formatCode") or "" for one in styles.iter("{*}numFmt")}
    return [
        kind_of(int(one.get("numFmtId") or 0), formats)
        for group in styles.iter("{*}cellXfs")
        for one in group.iter("{*}xf")
    ]


def _merged(file: Any) -> Iterator[Range]:
    kept = b""
    while chunk := file.read(_CHUNK_BYTES):
        window = kept + chunk
        kept = window[-_LONGEST_TAG:]
        for left, top, right, bottom in _MERGED.findall(window):
            yield int(top), column_number(left.decode()), int(bottom), column_number(right.decode())
