"""信息表书写: pages of cells as a workbook, as CSV files or as XML; the same cells are the same bytes.

A cell that begins like a formula stays text: in the workbook it is a text cell with Excel's own text mark, in CSV it
begins with an apostrophe, the only mark a CSV file can carry.
"""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime

from adapters.manual_calls import WrittenPart, as_tree
from adapters.manual_operations import SHEET_STEM, Sheet
from adapters.xml_writing import written

Document = tuple[str, bytes]
"""文件名与内容."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_CREATED = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_WIDEST = 60


def sheet_documents(parts: Sequence[WrittenPart], sheet: Sheet) -> list[Document]:
    """The files the pages become: one workbook, one XML text, or a CSV file for each. Raises Unmappable."""
    if sheet.format == "csv":
        return [(f"{part.title}.csv", csv_bytes([part.headers, *_rows(part)], sheet.charset)) for part in parts]
    if sheet.format == "xml":
        tree = as_tree(parts, lambda rows: {sheet.row: rows})
        return [(f"{SHEET_STEM}.xml", written({sheet.root: tree}, "UTF-8").encode())]
    return [(f"{SHEET_STEM}.xlsx", _workbook(parts))]


def csv_bytes(rows: Sequence[Sequence[str]], charset: str) -> bytes:
    """RFC 4180 that Excel opens by a double click."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue().encode(charset)  # both charsets have every character


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _rows(part: WrittenPart) -> list[list[str]]:
    return [[row[header] for header in part.headers] for row in part.rows]


def _workbook(parts: Sequence[WrittenPart]) -> bytes:
    import xlsxwriter  # noqa: PLC0415 - most processes never write one

    target = io.BytesIO()
    workbook = xlsxwriter.Workbook(target, {"in_memory": True})
    workbook.set_properties({"created": _CREATED})
    head = workbook.add_format({"bold": True, "text_wrap": True, "border": 1, "num_format": "@"})
    plain = workbook.add_format({"text_wrap": True, "border": 1, "num_format": "@", "valign": "top"})
    marked = workbook.add_format(
        {"text_wrap": True, "border": 1, "num_format": "@", "valign": "top", "quote_prefix": True}
    )
    for part in parts:
        page = workbook.add_worksheet(part.title)
        for column, header in enumerate(part.headers):
            widest = max([len(header), *(len(row[header]) for row in part.rows)])
            page.set_column(column, column, min(_WIDEST, 4 + 2 * widest))
            page.write_string(0, column, header, head)
            for line, row in enumerate(part.rows, 1):
                if not (cell := row[header]):
                    page.write_blank(line, column, None, plain)
                else:
                    page.write_string(line, column, cell, marked if cell.startswith(_FORMULA) else plain)
    workbook.close()
    return target.getvalue()
