"""xlsx: streamed row by row from the sheet's own XML.

Not through a library: calamine gives empty text for #REF! and reserves the whole rectangle up to the last cell, so
that two cells can end the process; openpyxl is no faster than this, and its streaming mode gives no merged cells.
Formulas give their stored values.
"""

import re
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from adapters.sources.cells import MOST_COLUMNS, ErrorCell, Range, column_number, number_in
from adapters.sources.number_formats import Kind, calendar, moment_of
from adapters.sources.package import damage, elements, refuse_macros, small_part
from adapters.sources.record import Place
from adapters.sources.workbook import Row
from adapters.sources.xlsx_parts import Relations, cell_kinds, shared_strings, text_of

_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s+ref=[\"']\$?([A-Z]{1,3})\$?([0-9]{1,7}):\$?([A-Z]{1,3})\$?([0-9]{1,7})")
_CHUNK_BYTES = 256 * 1024
_LONGEST_TAG = 100
_DIGITS = "0123456789"


class XlsxWorkbook:
    """An open xlsx file. Raises SourceUnreadable for what is no such file."""

    def __init__(self, package: zipfile.ZipFile, place: Place) -> None:
        self._package, self._open, self._position = package, ExitStack(), (0, 0)
        with damage(place):
            types = package.read("[Content_Types].xml")
            if b"macroEnabled" in types:
                refuse_macros(place)
            main = Relations(package, "", place).first("officeDocument") or "xl/workbook.xml"
            book = small_part(package, main, place)
            relations = Relations(package, main, place)
            sheets = [one for one in book.iter("{*}sheet") if one.get("name")]
            self.names = [one.get("name") for one in sheets]
            self._parts = [relations.target(one) for one in sheets]
            self._strings = shared_strings(package, relations.first("sharedStrings"), place)
            self._kinds = cell_kinds(package, relations.first("styles"), place)
            mac = any(one.get("date1904") in ("1", "true") for one in book.iter("{*}workbookPr"))
            self._epoch = calendar(from_1904=mac)

    def rows(self, sheet: int, place: Place) -> Iterator[Row]:
        """As the sheet has them."""
        number = 0
        with damage(place):
            part = self._package.getinfo(self._parts[sheet])
            file = self._open.enter_context(self._package.open(part))
            for _, row in elements(file, ("{*}row",), place):
                number, above = int(row.get("r") or number + 1), number
                if number <= above:
                    place.at(number).fail("the rows of the sheet are out of order", "工作表的行顺序有误")
                self._position = (file.tell(), part.file_size)
                yield number, self._cells(row, place.at(number))

    def merged(self, sheet: int, place: Place) -> list[Range]:
        """All of the sheet; they stand behind the rows, so the part is searched once more."""
        found: list[Range] = []
        with damage(place), self._package.open(self._parts[sheet]) as file:
            kept = b""
            while chunk := file.read(_CHUNK_BYTES):
                window = kept + chunk
                kept = window[-_LONGEST_TAG:]
                for left, top, right, bottom in _MERGED.findall(window):
                    one = (int(top), column_number(left.decode()), int(bottom), column_number(right.decode()))
                    if one not in found[-5:]:
                        found.append(one)
        return found

    def position(self) -> tuple[int, int]:
        """Bytes of the sheet's XML."""
        return self._position

    def close(self) -> None:
        """Release the file."""
        self._open.close()
        self._package.close()

    def _cells(self, row: Any, place: Place) -> list[Any]:
        cells: list[Any] = []
        column = 0
        for cell in row:
            reference, before = cell.get("r"), column
            column = column_number(reference.rstrip(_DIGITS)) if reference else column + 1
            if not before < column <= MOST_COLUMNS:
                place.fail("the cells of this row are out of order", "该行单元格顺序有误")
            value = self._value(cell)
            if value is not None:
                cells.extend([None] * (column - 1 - len(cells)))
                cells.append(value)
        return cells

    def _value(self, cell: Any) -> Any:
        kind, text, inline = cell.get("t"), None, None
        for part in cell:
            tag = part.tag
            if tag.endswith("}v"):
                text = part.text
            elif tag.endswith("}is"):
                inline = text_of(part)
        if kind == "inlineStr":
            return inline or None
        if not text:
            return None
        if kind == "s":
            return self._strings[int(text) if text.isdecimal() else len(self._strings)] or None
        if kind is None or kind == "n":
            return self._number(text, cell.get("s"))
        return _other(kind, text)

    def _number(self, text: str, style: str | None) -> Any:
        kind = self._kinds[int(style)] if style is not None and int(style) < len(self._kinds) else Kind.NUMBER
        if kind is Kind.NUMBER:
            return number_in(text)
        return moment_of(float(text), kind, self._epoch)


def _other(kind: str, text: str) -> Any:
    if kind == "b":
        return text in ("1", "true")
    if kind == "e":
        return ErrorCell(text)
    if kind == "d":
        return text.removesuffix("T00:00:00")
    return text
