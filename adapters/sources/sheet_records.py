"""表格记录: rows of a sheet under their headers, with the rows of child sheets that belong to them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from adapters.normalization.source import Children, Source
from adapters.sources.cells import ErrorCell
from adapters.sources.compound import MAGIC
from adapters.sources.headers import Headers, column_letters, read_headers
from adapters.sources.ods import OdsWorkbook
from adapters.sources.package import open_package
from adapters.sources.record import Counter, Place, Progress, Record
from adapters.sources.workbook import Workbook
from adapters.sources.xls import XlsWorkbook
from adapters.sources.xlsx import XlsxWorkbook


def read_sheet(path: Path, source: Source, progress: Progress | None) -> Iterator[Record]:
    """The rows under the header, empty ones left out. Places are `事项!第5行`, as Excel counts."""
    place = Place(path.name)
    workbook = open_workbook(path, place)
    try:
        main = _Sheet(workbook, source.sheet, source.header_row, source.columns, place)
        children = {name: _Family(workbook, one, place, source.max_rows) for name, one in source.children.items()}
        counter = Counter(main.place, source.max_rows, progress, workbook.position)
        for row, data in main.records():
            for name, family in children.items():
                if name in data:
                    main.place.at(row).fail(
                        f"the column {name!r} has the name of a child sheet", f"列“{name}”与子表同名"
                    )
                data[name] = family.of(data)
            yield Record(data, f"{main.place.sheet}!第{row}行")
            counter.add()
        for family in children.values():
            family.refuse_orphans()
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


class _Sheet:
    def __init__(
        self, workbook: Workbook, wanted: str | int | None, header_row: int, columns: Mapping[str, str], place: Place
    ) -> None:
        self._workbook, self._index = workbook, _sheet_index(workbook, wanted, place)
        self.place = Place(place.file, workbook.names[self._index])
        self._rows = workbook.rows(self._index, self.place)
        self.headers = self._read_headers(header_row, columns)

    def records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Row number and values by name. Raises SourceUnreadable for an error value."""
        for row, raw in self._rows:
            cells = [_checked(cell, self.place, row, index) for index, cell in enumerate(raw)]
            if any(cell is not None for cell in cells):
                yield row, self.headers.record(row, cells)

    def _read_headers(self, wanted: int, columns: Mapping[str, str]) -> Headers:
        above: dict[int, list[Any]] = {}
        for row, raw in self._rows:
            cells = [_checked(cell, self.place, row, index) for index, cell in enumerate(raw)]
            if row > wanted:
                break
            above[row] = cells
            if row == wanted:
                self._fill_merged(above, wanted)
                return read_headers(above[wanted], row, columns, self.place, lettered=True)
        raise self.place.at(wanted).error("there is no header row", "没有表头行")

    def _fill_merged(self, above: dict[int, list[Any]], wanted: int) -> None:
        """A header that is merged with the cells above it has its text in the topmost."""
        header = above[wanted]
        if len(above) == 1:
            return
        for top, left, bottom, _ in self._workbook.merged(self._index, self.place):
            if top < wanted <= bottom and left <= len(over := above.get(top, [])):
                header.extend([None] * (left - len(header)))
                header[left - 1] = header[left - 1] or over[left - 1]


def _sheet_index(workbook: Workbook, wanted: str | int | None, place: Place) -> int:
    names = workbook.names
    if isinstance(wanted, str):
        if wanted not in names:
            listed = "、".join(names)[:200]
            place.fail(f"there is no sheet {wanted!r}; there are {listed}", f"没有工作表“{wanted}”，现有：{listed}")
        return names.index(wanted)
    index = (wanted or 1) - 1
    if index >= len(names):
        place.fail(f"there is no sheet number {index + 1}", f"没有第{index + 1}个工作表")
    return index


def _checked(cell: Any, place: Place, row: int, index: int) -> Any:
    if isinstance(cell, ErrorCell):
        place.at(row, column_letters(index + 1)).fail(
            f"the cell holds the error {cell.text}", f"单元格为错误值{cell.text}"
        )
    if isinstance(cell, str) and not cell.strip():
        return None
    return cell


@dataclass(slots=True)
class _Child:
    row: int
    data: dict[str, Any]


class _Family:
    """The rows of one child sheet by the key of their parent; all of them are held in memory."""

    def __init__(self, workbook: Workbook, children: Children, place: Place, most: int) -> None:
        sheet = _Sheet(workbook, children.sheet, children.header_row, children.columns, place)
        self._place, self._children = sheet.place, children
        self._by_key: dict[str, list[_Child]] = {}
        self._met: set[str] = set()
        counter = Counter(sheet.place, most, None, workbook.position)
        if children.key not in sheet.headers.names:
            sheet.place.fail(f"there is no column {children.key!r}", f"没有“{children.key}”列")
        for row, data in sheet.records():
            key = _key(data[children.key])
            if not key:
                sheet.place.at(row).fail(f"the key {children.key!r} is empty", f"“{children.key}”为空")
            self._by_key.setdefault(key, []).append(_Child(row, data))
            counter.add()

    def of(self, parent: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows that belong to a row of the main sheet, in their order."""
        name = self._children.parent_key or self._children.key
        if name not in parent:
            self._place.fail(f"the main sheet has no column {name!r}", f"主表没有“{name}”列")
        key = _key(parent[name])
        self._met.add(key)
        return [dict(child.data) for child in self._by_key.get(key, ())]

    def refuse_orphans(self) -> None:
        """Raise for the first row whose parent the main sheet does not have."""
        orphans = [(child.row, key) for key, group in self._by_key.items() if key not in self._met for child in group]
        if orphans:
            row, key = min(orphans)
            self._place.at(row).fail(f"the main sheet has no row {key!r}", f"主表没有“{key}”，该行无所属记录")


def _key(value: Any) -> str:
    return "" if value is None else str(value).strip()
