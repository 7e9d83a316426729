"""ods: streamed row by row from content.xml."""

import re
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from adapters.sources.cells import MOST_COLUMNS, ErrorCell, Range, number_in
from adapters.sources.package import damage, elements
from adapters.sources.record import Place
from adapters.sources.workbook import Row

_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_ERROR = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}value-type"
_DURATION = re.compile(r"PT(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)(?:[.,][0-9]+)?S)?")
_LAST_ROW = 10_000_000
_MOST_MERGED = 100_000


class OdsWorkbook:
    """An open ods file. Raises SourceUnreadable for what is no such file."""

    def __init__(self, package: zipfile.ZipFile, place: Place) -> None:
        self._package, self._open, self._position = package, ExitStack(), (0, 0)
        self._merged: list[Range] = []
        with damage(place):
            manifest = package.read("META-INF/manifest.xml") if "META-INF/manifest.xml" in package.namelist() else b""
            if b"encryption-data" in manifest:
                place.fail("the file is protected by a password", "文件有密码保护")
            self._part = package.getinfo("content.xml")
            self.names = [self._name(one) for one in self._tables(place)]

    def rows(self, sheet: int, place: Place) -> Iterator[Row]:
        """As the sheet has them; a repeated row is given as often as it is repeated."""
        number, current = 1, -1
        self._merged = []
        with damage(place):
            file = self._open.enter_context(self._package.open(self._part))
            for event, element in elements(file, (f"{_TABLE}table-row",), place, starts=(f"{_TABLE}table",)):
                if element.tag == f"{_TABLE}table":
                    current += event == "start" and _is_sheet(element)
                    number = 1 if event == "start" else number
                elif event == "end" and current == sheet and _is_row(element):
                    times = int(element.get(f"{_TABLE}number-rows-repeated") or 1)
                    cells = self._cells(element, number, place.at(number))
                    self._position = (file.tell(), self._part.file_size)
                    if cells:
                        yield from ((row, list(cells)) for row in range(number, min(number + times, _LAST_ROW)))
                    number += times
                if current > sheet:
                    return

    def merged(self, sheet: int, place: Place) -> list[Range]:
        """Those met so far."""
        return self._merged

    def position(self) -> tuple[int, int]:
        """Bytes of content.xml."""
        return self._position

    def close(self) -> None:
        """Release the file."""
        self._open.close()
        self._package.close()

    def _tables(self, place: Place) -> Iterator[Any]:
        with self._package.open(self._part) as file:
            for event, element in elements(file, (f"{_TABLE}table-row",), place, starts=(f"{_TABLE}table",)):
                if event == "start" and element.tag == f"{_TABLE}table" and _is_sheet(element):
                    yield element

    @staticmethod
    def _name(element: Any) -> str:
        return element.get(f"{_TABLE}name") or ""

    def _cells(self, row: Any, number: int, place: Place) -> list[Any]:
        cells: list[Any] = []
        column = 1
        for cell in row:
            if cell.tag not in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
                continue
            times = int(cell.get(f"{_TABLE}number-columns-repeated") or 1)
            value = None if cell.tag.endswith("covered-table-cell") else _value(cell)
            if value is not None:
                if column + times - 1 > MOST_COLUMNS:
                    place.fail("the row has too many columns", "该行列数过多")
                self._note_span(cell, number, column, place)
                cells.extend([None] * (column - 1 - len(cells)) + [value] * times)
            column += times
        return cells

    def _note_span(self, cell: Any, row: int, column: int, place: Place) -> None:
        rows = int(cell.get(f"{_TABLE}number-rows-spanned") or 1)
        columns = int(cell.get(f"{_TABLE}number-columns-spanned") or 1)
        if rows > 1 or columns > 1:
            if len(self._merged) >= _MOST_MERGED:
                place.fail("there are too many merged cells", "合并单元格过多")
            self._merged.append((row, column, row + rows - 1, column + columns - 1))


def _is_sheet(table: Any) -> bool:
    """Not one inside a cell or a change record."""
    parent = table.getparent()
    return parent is not None and parent.tag == f"{_OFFICE}spreadsheet"


def _is_row(row: Any) -> bool:
    return not any(one.tag == f"{_TABLE}table-row" for one in row.iterancestors())


def _value(cell: Any) -> Any:
    kind = cell.get(f"{_OFFICE}value-type")
    if cell.get(_ERROR) == "error":
        return ErrorCell(_text(cell) or "#N/A")
    if kind in ("float", "percentage", "currency"):
        return number_in(cell.get(f"{_OFFICE}value") or "")
    if kind == "date":
        return (cell.get(f"{_OFFICE}date-value") or "").removesuffix("T00:00:00") or None
    if kind == "time":
        return _time(cell.get(f"{_OFFICE}time-value") or "")
    if kind == "boolean":
        return cell.get(f"{_OFFICE}boolean-value") == "true"
    return cell.get(f"{_OFFICE}string-value") or _text(cell) or None


def _time(text: str) -> str | None:
    found = _DURATION.fullmatch(text)
    if found is None:
        return text or None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}"


def _text(cell: Any) -> str:
    return "\n".join(_inline(one) for one in cell if one.tag == f"{_TEXT}p")


def _inline(element: Any) -> str:
    parts = [element.text or ""]
    for child in element:
        if not isinstance(child.tag, str):
            pass  # a comment
        elif child.tag == f"{_TEXT}s":
            parts.append(" " * min(int(child.get(f"{_TEXT}c") or 1), 1000))
        elif child.tag in (f"{_TEXT}tab", f"{_TEXT}line-break"):
            parts.append("\t" if child.tag.endswith("tab") else "\n")
        elif not child.tag.endswith("}annotation"):
            parts.append(_inline(child))
        parts.append(child.tail or "")
    return "".join(parts)
