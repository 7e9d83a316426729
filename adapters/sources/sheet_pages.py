"""工作表: the rows of one sheet under their headers."""

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.sources.cells import ErrorCell, Range
from adapters.sources.headers import Headers, column_letters, read_headers
from adapters.sources.record import Place
from adapters.sources.workbook import Workbook


class SheetPage:
    """工作表: its header row is read at once. Raises SourceUnreadable."""

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

    def merged(self) -> list[Range]:
        """Merged cells, of ods those met so far."""
        return self._workbook.merged(self._index, self.place)

    def _read_headers(self, wanted: int, columns: Mapping[str, str]) -> Headers:
        above: dict[int, list[Any]] = {}
        for row, raw in self._rows:
            cells = [_checked(cell, self.place, row, index) for index, cell in enumerate(raw)]
            if row > wanted:
                break
            above[row] = cells
            if row == wanted:
                parents = self._fill_merged(above, wanted) if len(above) > 1 else []
                return read_headers(above[wanted], row, columns, self.place, lettered=True, parents=parents)
        raise self.place.at(wanted).error("there is no header row", "没有表头行")

    def _fill_merged(self, above: dict[int, list[Any]], wanted: int) -> list[Any]:
        """Put into the header row what is merged down into it; what stands above each of its cells comes back."""
        header, parents = above[wanted], list(above.get(wanted - 1, ()))
        for top, left, bottom, right in self.merged():
            if top >= wanted or bottom < wanted - 1 or left > len(over := above.get(top, [])):
                continue
            if bottom >= wanted:
                header.extend([None] * (left - len(header)))
                header[left - 1] = header[left - 1] or over[left - 1]
                continue
            width = min(right, len(header))
            parents.extend([None] * (width - len(parents)))
            parents[left - 1 : width] = [over[left - 1]] * max(width - left + 1, 0)
        return parents


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
