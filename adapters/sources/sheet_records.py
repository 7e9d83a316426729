"""表格记录: rows of a sheet under their headers, with the rows of child sheets that belong to them."""

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from adapters.normalization.source import Source
from adapters.sources.child_rows import ChildRows
from adapters.sources.ods import OdsWorkbook
from adapters.sources.package import open_package
from adapters.sources.record import Counter, Place, Progress, Record
from adapters.sources.sheet_pages import SheetPage
from adapters.sources.workbook import Workbook
from adapters.sources.xls import MAGIC, XlsWorkbook
from adapters.sources.xlsx import XlsxWorkbook


def read_sheet(path: Path, source: Source, progress: Progress | None) -> Iterator[Record]:
    """The rows under the header, empty ones left out. Places are `事项!第5行`, as Excel counts."""
    place = Place(path.name)
    workbook = open_workbook(path, place)
    try:
        main = SheetPage(workbook, source.sheet, source.header_row, source.columns, place)
        children = {name: ChildRows(workbook, one, place, source.max_rows) for name, one in source.children.items()}
        counter = Counter(main.place, source.max_rows, progress, workbook.position)
        for row, data in main.records():
            for name, rows in children.items():
                if name in data:
                    main.place.at(row).fail(
                        f"the column {name!r} has the name of a child sheet", f"列“{name}”与子表同名"
                    )
                data[name] = rows.of(row, data, main.headers)
            yield Record(data, f"{main.place.sheet}!第{row}行")
            counter.add()
        for rows in children.values():
            rows.refuse_orphans()
    finally:
        workbook.close()


def open_workbook(path: Path, place: Place) -> Workbook:
    """By content, never by the file's name. Raises SourceUnreadable."""
    with path.open("rb") as handle:
        head = handle.read(8)
    if head == MAGIC:
        return XlsWorkbook(path, place)
    if not head.startswith(b"PK"):
        _no_sheet(place)
    package = open_package(path, place)
    try:
        names = set(package.namelist())
        if "content.xml" in names:
            return OdsWorkbook(package, place)
        if "[Content_Types].xml" not in names or any(name.endswith(".bin") and "workbook" in name for name in names):
            _no_sheet(place)
        return XlsxWorkbook(package, place)
    except BaseException:
        package.close()
        raise


def _no_sheet(place: Place) -> NoReturn:
    place.fail(
        "the file is no xlsx, xls or ods; open it and save it as .xlsx",
        "文件不是xlsx、xls或ods，请打开后另存为.xlsx格式",
    )
