"""导出: a table as an Excel or CSV file that is safe to open."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import xlsxwriter

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_WIDEST = 60


def write_xlsx(path: Path, sheet: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Excel: every cell is text, so that nothing in it is ever a formula; the header stays in view."""
    with xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        page = book.add_worksheet(sheet)
        page.freeze_panes(1, 0)
        widths = [len(column) * 2 for column in columns]
        for number, row in enumerate([columns, *rows]):
            for place, value in enumerate(row):
                text = "" if value is None else str(value)
                page.write_string(number, place, text)
                widths[place] = max(widths[place], min(_WIDEST, 2 * len(text)))
        for place, width in enumerate(widths):
            page.set_column(place, place, width + 2)


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """CSV in UTF-8 with a mark that Excel needs; a cell that could be taken for a formula begins with an apostrophe."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([_harmless(value) for value in row] for row in rows)


def _harmless(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
